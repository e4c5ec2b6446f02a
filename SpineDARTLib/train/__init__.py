"""The trainings.

``samples`` turns simulated pictures into what the detector learns from, once, and keeps it; ``augment`` varies a batch
of them on the device that computes; ``targets`` and ``losses`` compare; ``detector`` runs, keeps and resumes;
``validate`` measures on people held back, ``cases`` brings case folders with truth; ``produce`` simulates beside.
"""
