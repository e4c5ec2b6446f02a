"""How far a straight path's axis stays from a pedicle's wall, for thousands of shapes.

The same figure as ``plan.safety.corridor``'s distance, with all planes across the path cut at once; no directions.
"""

from __future__ import annotations

import numpy as np

from ..plan.anatomy import Anatomy
from ..plan.safety import STEP_MM


def axis_to_wall(
    vertices_mm: np.ndarray, faces: np.ndarray, entry: np.ndarray, target: np.ndarray, anatomy: Anatomy, side: str
) -> float:
    """Smallest distance mm from the axis to the surface, in planes across it between the pedicle's two ends.

    Negative by as much as the axis is outside of the bone there; nan where it does not pass between the ends.
    """
    axes = anatomy.across(target - entry, side)
    pedicle = anatomy.pedicles[side]
    heights = np.arange(0.0, np.linalg.norm(target - entry) + STEP_MM, STEP_MM)
    along = (entry + heights[:, None] * axes[2] - pedicle.centre_mm) @ pedicle.axis
    heights = heights[(along >= pedicle.back_mm) & (along <= pedicle.front_mm)]
    if not len(heights):
        return float("nan")
    plane, starts, ends = _cuts((vertices_mm - entry) @ axes.T, faces, heights)
    apart = np.full(len(heights), np.inf)
    np.minimum.at(apart, plane, _from_origin(starts, ends))
    # Once around the origin makes a turn of 2 pi; a loop elsewhere none.
    turn = np.arctan2(starts[:, 0] * ends[:, 1] - starts[:, 1] * ends[:, 0], (starts * ends).sum(axis=1))
    inside = np.abs(np.bincount(plane, turn, len(heights))) > np.pi
    return float(np.where(inside, apart, -apart).min())


def _cuts(local: np.ndarray, faces: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every triangle cut by every plane z = height: (m,) which plane, (m, 2) from and to, loops all one way round."""
    levels = local[faces, 2]
    face, plane = np.nonzero((levels.min(1)[:, None] < heights) & (levels.max(1)[:, None] >= heights))
    above = levels[face] >= heights[plane, None]
    alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), (~above).argmax(axis=1))
    corners = local[np.take_along_axis(faces[face], (alone[:, None] + np.arange(3)) % 3, axis=1)]
    ends = []
    for other in (corners[:, 1], corners[:, 2]):
        share = (heights[plane] - corners[:, 0, 2]) / (other[:, 2] - corners[:, 0, 2])
        ends.append(corners[:, 0, :2] + share[:, None] * (other - corners[:, 0])[:, :2])
    # Along the first edge's cut to the second's if the lone corner is above, else back: neighbours then agree.
    up = np.take_along_axis(above, alone[:, None], axis=1)
    return plane, np.where(up, ends[0], ends[1]), np.where(up, ends[1], ends[0])


def _from_origin(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(m,) distances of segments from the origin."""
    edge = ends - starts
    share = -(starts * edge).sum(1) / np.maximum((edge**2).sum(1), 1e-24)
    return np.linalg.norm(starts + np.clip(share, 0.0, 1.0)[:, None] * edge, axis=1)
