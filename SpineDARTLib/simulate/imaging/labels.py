"""Everything true about each vertebra in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...geometry.camera import project
from ...types import LEVELS, View
from ..nouns import HIDDEN, OUTSIDE, VISIBLE, Crop, Label, Patient, TrueVertebra
from .materials import excess_per_mm
from .projection import Paths
from .silhouettes import silhouette

LANDMARK_NAMES = (
    "body_superior", "body_inferior", "body_anterior", "body_posterior", "left_pedicle", "right_pedicle",
    "left_transverse_process", "right_transverse_process", "spinous_process", "spinolaminar_junction",
)  # fmt: skip
"""The atlas's landmarks, in its order, which ``Label.landmarks_px`` follows."""

METALS = ("steel", "titanium")
METAL_MM = 0.5
"""So much metal (at 60 keV steel's transmission is then under 0.65) hides what little contrast a landmark has."""

LEAST_SHARE = 0.03
"""Vertebrae of whose projection less than this is in the exposed field get no label."""


def label_view(
    patient: Patient,
    view: View,
    paths: Paths,
    field: np.ndarray,
    clipped: np.ndarray | None = None,
    least_share: float = LEAST_SHARE,
) -> tuple[Label, ...]:
    """The labels of one picture.

    Args:
        patient: whose vertebrae these are; those without a volume are in no picture and get no label.
        view: the true camera.
        paths: of this patient in this view.
        field: (height, width) bool, what the collimator leaves open.
        clipped: (height, width) bool, where the stored picture is at either end of its grey values; nowhere if None.
        least_share: see ``LEAST_SHARE``.

    Returns:
        Head to foot.
    """
    metal = _metal(paths, field.shape)
    hiding = metal if clipped is None else metal | clipped
    found = []
    for level in sorted(patient.vertebrae, key=LEVELS.index):
        if level in paths.bones:
            label = _label(patient.vertebrae[level], view, paths.bones[level], field, hiding)
            if label.share_seen >= least_share:
                found.append(label)
    return tuple(found)


def _label(truth: TrueVertebra, view: View, bone: Crop, field: np.ndarray, hiding: np.ndarray) -> Label:
    outline = silhouette(truth.vertices, truth.faces, view)
    mask = outline.mask
    seen = mask.values & recut(Crop(0, 0, field), mask).values
    projection = recut(bone, mask)
    points = project(np.array([truth.landmarks[name] for name in LANDMARK_NAMES]), view)
    return Label(
        truth.level,
        outline.box_px,
        mask,
        Crop(mask.row, mask.column, (excess_per_mm("bone") * projection.values).astype(np.float32)),
        points,
        visibility(points, field, hiding),
        {side: project(ends, view) for side, ends in truth.cannulas.items()},
        float(seen.sum()) / max(outline.area_px, 1),
    )


def visibility(points_px: np.ndarray, field: np.ndarray, hiding: np.ndarray) -> np.ndarray:
    """(n,) int8: whether each of (n, 2) pixels (u, v) can be seen, see ``nouns.VISIBLE``.

    Args:
        field: (height, width) bool, what is exposed.
        hiding: (height, width) bool, where nothing can be seen though it is exposed.
    """
    height, width = field.shape
    u, v = np.round(points_px).astype(int).T
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
    return np.where(inside & field[v, u], np.where(hiding[v, u], HIDDEN, VISIBLE), OUTSIDE).astype(np.int8)


def recut(crop: Crop, place: Crop) -> Crop:
    """What a crop holds at another's place, zero (or False) where it holds nothing."""
    height, width = place.values.shape
    values = np.zeros((height, width), dtype=crop.values.dtype)
    top, left = crop.row - place.row, crop.column - place.column
    bottom, right = top + crop.values.shape[0], left + crop.values.shape[1]
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        values[rows, columns] = crop.values[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return Crop(place.row, place.column, values)


def _metal(paths: Paths, shape: Sequence[int]) -> np.ndarray:
    """(height, width) bool: where metal hides what is behind it."""
    total = np.zeros(tuple(shape), dtype=np.float32)
    for name in METALS:
        if name in paths.materials:
            total += paths.materials[name].cpu().numpy()
    return total > METAL_MM
