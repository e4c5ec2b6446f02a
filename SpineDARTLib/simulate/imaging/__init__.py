"""From a patient to a picture.

``views`` places the machine, ``projection`` marches its rays through the volumes (nanodrr) and the metal (``rods``),
``exposure`` makes counts of that by what ``materials`` and ``spectrum`` say of the beam (``technique``, ``counts``,
``collimation``), ``display`` and ``markers`` make of them what a machine stores; ``labels`` says what is true of each
vertebra, its outline from ``silhouettes``. Imports no torch until a picture is taken.
"""
