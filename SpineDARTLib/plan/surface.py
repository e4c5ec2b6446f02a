"""A vertebra's surface made ready for measuring many cannulas in it: checked once, its pedicles measured once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..types import SIDES
from .anatomy import Anatomy, Isthmus, isthmus

LARGEST_HOLE_MM = 6.0
"""Edges that do not match may be this long together, and the surface still counts as closed. A hole with such a rim is
at most 2 mm wide: 2.5 mm away, half of a 5 mm cylinder, its rim is less than 0.2 mm farther than the wall that is
missing."""


@dataclass(frozen=True)
class PreparedSurface:
    """One vertebra's surface, and where things are in it.

    Attributes:
        vertices_mm: (n, 3) RAS mm.
        faces: (f, 3), outward normals.
        anatomy: where pedicles and body are.
        status: "measured", or why nothing can be: "open_surface", or "no_pedicle" on either side (types.UNMEASURED).
        reason: a sentence for whatever is not "measured".
    """

    vertices_mm: np.ndarray
    faces: np.ndarray
    anatomy: Anatomy
    status: str = "measured"
    reason: str = ""

    @cached_property
    def isthmus(self) -> Mapping[str, Isthmus | None]:
        """Side to its pedicle's narrowest place; None where there is no pedicle."""
        if self.status == "open_surface":
            return dict.fromkeys(SIDES)
        return {side: isthmus(self.vertices_mm, self.faces, self.anatomy, side) for side in SIDES}

    @cached_property
    def local_mm(self) -> np.ndarray:
        """(n, 3) the vertices in the vertebra's own frame: right, anterior, superior of the body's centre."""
        return self.anatomy.local(self.vertices_mm)

    @cached_property
    def local_bounds_mm(self) -> tuple[np.ndarray, np.ndarray]:
        """(3, f) lowest and highest right, anterior, superior of each triangle."""
        one, two, three = (self.local_mm[self.faces[:, corner]].T for corner in range(3))
        return np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three)

    def state(self, side: str) -> tuple[str, str]:
        """Status and reason for one side: its pedicle may be missing when the other is there."""
        if self.status == "measured" and self.isthmus[side] is None:
            return "no_pedicle", f"The surface has no {side} pedicle where it should be."
        return self.status, self.reason


def prepare(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy) -> PreparedSurface:
    """Check a surface and measure its pedicles, once for all the cannulas in it.

    Args:
        vertices_mm: (n, 3) closed surface, RAS mm: the fitted one, or the true one.
        faces: (f, 3), all turned one way; turned over if their normals point inwards.
        anatomy: where the pedicles and the body are.
    """
    vertices, faces = np.asarray(vertices_mm, dtype=np.float64), np.asarray(faces)
    fault = _fault(vertices, faces)
    if fault:
        return PreparedSurface(vertices, faces, anatomy, "open_surface", fault)
    loose, open_mm = loose_triangles(vertices, faces)
    if open_mm > LARGEST_HOLE_MM:
        reason = f"The surface is not closed: {open_mm:.1f} mm of its edges have no triangle on their other side."
        return PreparedSurface(vertices, faces, anatomy, "open_surface", reason)
    surface = PreparedSurface(vertices, _outward(vertices, faces)[~loose], anatomy)
    if all(surface.isthmus[side] is None for side in SIDES):
        reason = "The surface has no pedicles where they should be."
        return PreparedSurface(vertices, surface.faces, anatomy, "no_pedicle", reason)
    _ = surface.local_bounds_mm  # now, not while somebody drags
    return surface


def _fault(vertices: np.ndarray, faces: np.ndarray) -> str:
    """Why a surface cannot be looked at, or ""."""
    if not len(faces):
        return "The surface has no triangles."
    if not np.isfinite(vertices).all():
        return "The surface has coordinates that are not numbers."
    return ""


def _outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces, turned over if they enclose a negative volume."""
    one, two, three = (vertices[faces[:, corner]] - vertices[faces[0, 0]] for corner in range(3))
    return faces[:, ::-1] if np.einsum("ij,ij->", one, np.cross(two, three)) < 0 else faces


def loose_triangles(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, float]:
    """Triangles that do not fit their neighbours, and the length mm of the edges that do not match.

    Along an edge of a closed surface as many triangles run one way as the other. A triangle that fits along at most one
    of its edges is turned over or sticks out, as simplifying a mesh may leave it; it would say the wrong thing about
    inside and outside, and without it there is a hole no larger than it.
    """
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    keys = np.minimum(start, end).astype(np.int64) * len(vertices) + np.maximum(start, end)
    order = np.argsort(keys)
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    unmatched = np.add.reduceat(np.where(start < end, 1, -1)[order], first) != 0
    if not unmatched.any():
        return np.zeros(len(faces), dtype=bool), 0.0
    edges = order[first[unmatched]]
    length = float(np.linalg.norm(vertices[start[edges]] - vertices[end[edges]], axis=1).sum())
    wrong = np.isin(keys, keys[edges]).reshape(-1, 3)
    return wrong.sum(axis=1) > 1, length
