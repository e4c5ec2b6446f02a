"""SpineDART: vertebroplasty planning from two X-rays.

The story in the order of the folders: ``io`` reads a case, ``fit`` starts one shape model (``atlas``) a vertebra and
moves it until its rendered X-ray (``render``) agrees with the real one (``similarity``), ``plan`` carries the cannulas
over, ``evaluate`` measures, ``pipeline`` holds the whole on one page. Importing this package imports no torch.

Not for clinical use.
"""

__version__ = "0.1.0"
