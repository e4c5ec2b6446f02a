"""X-rays of whole patients, with everything true about them.

``supply`` gives patients by number: drawn from the atlas, or read from CT and set in a drawn body (``patient``).
``picture`` takes an X-ray of one: where the machine stands, what the rays pass through, how it is exposed and shown,
and the labels (``imaging``). ``batch`` writes many of them as cases to plan (``case``) or packed for training
(``shards``); ``feed`` hands them to a training without a disk. ``grading`` draws what a clinician grades cannulas on,
``sample`` the shipped case. ``nouns`` has the words, ``draw`` the seeds, ``settings`` the ranges drawn from.
"""
