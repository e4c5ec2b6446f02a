"""X-rays with ground truth.

``phantom`` lays vertebrae of the atlas out along a spine's curve and fills them with bone (``volume``), ``torso`` puts
soft tissue, fat and gas around them; ``drr`` integrates along the rays of our cameras, ``detector`` makes counts of
that, with scatter, noise and blur; ``case`` writes a case folder and its truth. ``sample`` makes the shipped case.
"""
