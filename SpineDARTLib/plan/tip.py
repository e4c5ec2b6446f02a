"""Where a cannula's tip lies in the body, and how the path is angled, in the vertebra's own frame."""

from __future__ import annotations

import numpy as np

from ..types import Cannula
from .anatomy import Anatomy
from .sections import Section, compass, cut, look, nearest


def tip_numbers(cannula: Cannula, vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy) -> dict[str, float]:
    """Depth, height, distances and angles; nan where the surface has no wall to measure from.

    Returns:
        tip_depth_fraction (0 posterior wall, 1 anterior wall, in the midsagittal plane at the tip's height, as in the
        lateral view), tip_height_fraction (0 lower endplate, 1 upper), tip_to_midline_mm (positive on its own side),
        tip_to_anterior_wall_mm (straight ahead; negative when through), posterior_wall_mm (where the midsagittal
        posterior wall is in the vertebra's frame), convergence_deg (to the midline), sagittal_deg (to the head),
        path_length_mm.
    """
    tip = anatomy.local(cannula.target_mm)
    posterior, anterior = _midsagittal_walls(vertices_mm, faces, anatomy, float(tip[2]))
    inferior, superior = _endplates(vertices_mm, faces, anatomy, tip)
    medial = anatomy.medial(cannula.side)
    path = np.asarray(cannula.target_mm) - np.asarray(cannula.entry_mm)
    _, forward, up = anatomy.axes @ path
    return {
        "tip_depth_fraction": (float(tip[1]) - posterior) / (anterior - posterior),
        "tip_height_fraction": (float(tip[2]) - inferior) / (superior - inferior),
        "tip_to_midline_mm": float(-(np.asarray(cannula.target_mm) - anatomy.centre_mm) @ medial),
        "tip_to_anterior_wall_mm": _wall_ahead(vertices_mm, faces, anatomy, tip),
        "posterior_wall_mm": posterior,
        "convergence_deg": float(np.rad2deg(np.arctan2(path @ medial, forward))),
        "sagittal_deg": float(np.rad2deg(np.arctan2(up, forward))),
        "path_length_mm": float(np.linalg.norm(path)),
    }


def _axial(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, height_mm: float) -> Section:
    """The cut at a height above the body's centre; coordinates right and anterior of the centre."""
    return cut(vertices_mm, faces, anatomy.centre_mm + height_mm * anatomy.axes[2], anatomy.axes)


def _midsagittal_walls(
    vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, height_mm: float
) -> tuple[float, float]:
    """Posterior and anterior wall (mm anterior of the body's centre) at a height, or at mid-height."""
    _, forward, _, backward = compass(4)
    for height in (height_mm, 0.0):
        sight = look(_axial(vertices_mm, faces, anatomy, height), np.zeros(2), np.stack([forward, backward]))
        if sight.inside and np.isfinite(sight.distances).all():
            return -float(sight.distances[1]), float(sight.distances[0])
    return float("nan"), float("nan")


def _endplates(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, tip: np.ndarray) -> tuple[float, float]:
    """Inferior and superior endplate (mm above the body's centre) over the tip, or in the middle if it is outside."""
    for right, forward in ((tip[0], tip[1]), (0.0, 0.0)):
        axes = anatomy.axes[[1, 2, 0]]  # anterior, superior, and right as the plane's normal
        section = cut(vertices_mm, faces, anatomy.centre_mm + right * anatomy.axes[0], axes)
        _, up, _, down = compass(4)
        sight = look(section, np.array([forward, 0.0]), np.stack([up, down]))
        if sight.inside and np.isfinite(sight.distances).all():
            return -float(sight.distances[1]), float(sight.distances[0])
    return float("nan"), float("nan")


def _wall_ahead(vertices_mm: np.ndarray, faces: np.ndarray, anatomy: Anatomy, tip: np.ndarray) -> float:
    """Bone in front of the tip; outside the bone, minus the distance to it."""
    section = _axial(vertices_mm, faces, anatomy, float(tip[2]))
    if not len(section.starts):
        return float("nan")
    sight = look(section, tip[:2], compass())
    if not sight.inside:
        return -float(np.linalg.norm(nearest(section, tip[:2])[0] - tip[:2]))
    return float(look(section, tip[:2], compass(4)[1:2]).distances[0])
