"""What can be typed after ``spinedart``, where it takes more than a few lines (the rest is in ``cli``). No torch."""
