"""Why a fit is as it is, and what to do about it; NumPy alone, so that Slicer's own process can ask too.

``findings`` goes through rules about what stands out (``findings.RULES``), each with a sentence and what to do next;
``landmarks``, ``losses`` and ``compare`` have the numbers behind them.
"""
