"""Where the pedicles of a true vertebra are: from the truth itself, never from a fit to its X-rays.

A true surface has no named regions, so the atlas's mesh is carried onto it: exactly where the surface is made of that
mesh (simulated cases), by the person's stored correspondence where the atlas has one, else by fitting and registering
the model to the surface (``simulate.patient.annotate``). Cannulas can then be planned on a true vertebra as on a fitted
one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..atlas.files import available_levels, load_model
from ..atlas.model import ShapeModel
from ..atlas.surfaces import Surface
from ..io.files import write_atomically
from ..io.mesh import Mesh
from ..io.truth import Truth
from ..plan.anatomy import Anatomy, anatomy_of
from ..simulate.patient.annotate import annotate_surface

LOCATED_MM = 1.2
"""A carried mesh farther off its surface than this (root mean square) says nothing of where the pedicles are. Real
vertebrae are left with 0.1 to 0.4 mm."""


@dataclass(frozen=True)
class TrueAnatomy:
    """A true vertebra with the atlas's mesh on it.

    Attributes:
        anatomy: where its pedicles and its body are.
        carried_mm: (n, 3) RAS mm, the vertices of ``model`` on the true surface: what cannulas are transferred with.
        model: of the level; its faces and regions belong to ``carried_mm``.
        residual_mm: root mean square distance of ``carried_mm`` to the true surface.
        origin: "same mesh" | "stored" | "fitted": how the correspondence was found.
    """

    anatomy: Anatomy
    carried_mm: np.ndarray
    model: ShapeModel
    residual_mm: float
    origin: str


@dataclass(frozen=True)
class _Carried:
    """The atlas's vertices on a surface and the pose of their vertebra: all that is worth keeping in a file."""

    vertices_mm: np.ndarray
    pose: np.ndarray
    residual_mm: float
    origin: str


_remembered: dict[str, _Carried] = {}


@cache
def atlas_models() -> Mapping[str, ShapeModel]:
    """Level to shape model of everybody in the installed atlas: the truth may know the person that a fit may not."""
    models: dict[str, ShapeModel] = {}
    for level in available_levels():
        if level not in models:
            model = load_model(level)
            models.update(dict.fromkeys(model.levels, model))
    return models


def true_anatomy(level: str, truth: Truth, keep: Path | None = None) -> TrueAnatomy | None:
    """Where the pedicles of one of the truth's vertebrae are; None where the atlas does not know its level or cannot be
    laid on it.

    Args:
        level: one of ``truth.surfaces``.
        keep: folder in which correspondences are kept from run to run, by the content of their surface.
    """
    model = atlas_models().get(level)
    if model is None:
        return None
    carried = _carried(level, truth, model, keep)
    if carried.residual_mm > LOCATED_MM:
        return None
    anatomy = anatomy_of(carried.vertices_mm, model, carried.pose)
    return TrueAnatomy(anatomy, carried.vertices_mm, model, carried.residual_mm, carried.origin)


def locate(level: str, truth: Truth) -> Anatomy | None:
    """The anatomy alone (``compare.Locate``)."""
    found = true_anatomy(level, truth)
    return None if found is None else found.anatomy


def _carried(level: str, truth: Truth, model: ShapeModel, keep: Path | None) -> _Carried:
    """Looked up in memory, then in the folder, then worked out and kept in both."""
    vertices, faces = truth.surfaces[level]
    shape = f"{level} {truth.subject} {model.means[level].sum():.6f}".encode()
    key = hashlib.sha256(shape + vertices.tobytes() + faces.tobytes()).hexdigest()[:24]
    if key in _remembered:
        return _remembered[key]
    file = None if keep is None else keep / f"{key}.npz"
    found = None if file is None else _read(file)
    if found is None:
        found = _by_same_mesh(level, truth, model) or _by_annotation(level, truth, model)
        if file is not None:
            _write(file, found)
    _remembered[key] = found
    return found


def _by_same_mesh(level: str, truth: Truth, model: ShapeModel) -> _Carried | None:
    """Exactly, where the surface has the model's own triangles in their order and its pose is known; files merge and
    reorder vertices, not triangles."""
    vertices, faces = truth.surfaces[level]
    if len(vertices) != len(model.means[level]) or len(faces) != len(model.faces) or level not in truth.poses:
        return None
    carried = np.full_like(vertices, np.nan)
    carried[model.faces] = vertices[faces]
    same = np.array_equal(carried[model.faces], vertices[faces]) and not np.isnan(carried).any()
    return _Carried(carried, truth.poses[level], 0.0, "same mesh") if same else None


def _by_annotation(level: str, truth: Truth, model: ShapeModel) -> _Carried:
    """By what the atlas stores of the person, else by a fit to the surface (2 to 5 s)."""
    surface: Mesh = truth.surfaces[level]
    try:
        found = annotate_surface(Surface(truth.subject, level, *surface, source="truth"), model)
    except (ValueError, np.linalg.LinAlgError):  # no vertebra at all: nothing to align with
        return _Carried(model.means[level], np.eye(4), float("inf"), "fitted")
    origin = "stored" if found.stored else "fitted"
    return _Carried(found.carried, found.vertebra.vertebra.pose, found.residual_mm, origin)


def _read(file: Path) -> _Carried | None:
    """What was kept; None where there is nothing, or nothing whole."""
    try:
        with np.load(file) as found:
            return _Carried(found["vertices"], found["pose"], float(found["residual"]), str(found["origin"]))
    except (OSError, ValueError, KeyError):
        return None


def _write(file: Path, found: _Carried) -> None:
    import io

    content = io.BytesIO()
    np.savez(content, vertices=found.vertices_mm, pose=found.pose, residual=found.residual_mm, origin=found.origin)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content.getvalue())
