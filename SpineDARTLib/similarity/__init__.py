"""How alike a real and a rendered X-ray are, where one vertebra shows.

``filters`` blurs and differentiates; ``measures`` holds the Protocol ``Similarity`` and what implements it: ``NCC`` and
the multi-scale, locally normalised ``GradientNCC``. ``similarity_by_name`` picks one.
"""

from .measures import NCC, GradientNCC, Similarity, similarity_by_name

__all__ = ["NCC", "GradientNCC", "Similarity", "similarity_by_name"]
