"""Shape models of the spine's regions.

Used: ``files.load_model`` learns a ``model.ShapeModel`` from the shipped correspondences, without whoever is to be left
out: ``learn`` makes the levels' means, ``modes`` what shapes differ by, ``prior`` brings in what is published of
thousands (``population``, measured by ``measure`` and ``formulas``). ``morphs`` changes a shape by name: a wider
pedicle, a fracture.

Built: ``sources`` and ``manifest`` say which files and whose, ``surfaces`` (``label_volumes``, ``mesh_files``,
``orientation``) reads them, ``template`` makes the one mesh, ``register`` and ``refine`` carry it onto each, ``rounds``
repeats that while it helps (``correspondence``, ``workers``), ``annotate`` (``pedicle``, ``landmarks``, ``paths``)
names the anatomy on it, ``build`` runs all of it, ``files`` writes it.
"""

from .files import available_levels, load_model
from .model import Anchor, ShapeModel

__all__ = ["Anchor", "ShapeModel", "available_levels", "load_model"]
