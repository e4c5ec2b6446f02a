"""Shape models of the spine's regions.

Used: ``files.load_model`` learns a ``model.ShapeModel`` from the shipped correspondences (``learn``), without whoever
is to be left out. Built: ``surfaces`` reads real vertebrae, ``template`` makes the one mesh, ``register`` and
``refine`` carry it onto each, ``annotate`` names the anatomy on it, ``build`` runs all of it, ``files`` writes it.
"""

from .files import available_levels, load_model
from .model import Anchor, ShapeModel

__all__ = ["Anchor", "ShapeModel", "available_levels", "load_model"]
