"""Measuring plans against the truth: ``metrics`` compares two surfaces, ``compare`` a plan with a truth."""
