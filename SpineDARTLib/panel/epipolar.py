"""Where in the other views a point must lie that was clicked in one."""

from __future__ import annotations

import numpy as np

from ..geometry.camera import project_with_depth, rays
from ..types import View
from .state import PanelState


def epipolar_lines(state: PanelState, view: str, u: float, v: float) -> dict[str, np.ndarray]:
    """View name to (2, 2) u, v: where in the other views a point of this one can be, clipped to the picture."""
    views = {one.name: one for one in (state.case.views if state.case else ())}
    if view not in views:
        return {}
    lines = {name: epipolar_line(views[view], (u, v), other) for name, other in views.items() if name != view}
    return {name: line for name, line in lines.items() if line is not None}


def epipolar_line(of: View, pixel: tuple[float, float], other: View) -> np.ndarray | None:
    """The line in another view on which a pixel's point lies.

    Args:
        of: the view that was clicked.
        pixel: (u, v) in it.
        other: the view to draw in.

    Returns:
        (2, 2) u, v of its two ends within the picture, None where it misses it.
    """
    source, directions = rays(np.array([pixel], dtype=np.float64), of)
    # The whole way from near the source to the detector, as far as it lies before the other source.
    steps = np.linspace(0.05, 1.0, 200)[:, None] * of.source_to_detector_mm
    pixels, depth = project_with_depth(source + steps * directions, other)
    seen = pixels[depth > 1.0]
    return _clipped(seen[0], seen[-1], other.image.shape) if len(seen) > 1 else None


def _clipped(start: np.ndarray, end: np.ndarray, shape: tuple[int, int]) -> np.ndarray | None:
    """The part of a segment within a picture (Liang and Barsky 1984)."""
    size = np.array([shape[1] - 1, shape[0] - 1], dtype=np.float64)
    along = end - start
    low, high = 0.0, 1.0
    for axis in (0, 1):
        if abs(along[axis]) < 1e-9:
            if not 0 <= start[axis] <= size[axis]:
                return None
            continue
        near, far = sorted((-start[axis] / along[axis], (size[axis] - start[axis]) / along[axis]))
        low, high = max(low, near), min(high, far)
    return np.stack([start + low * along, start + high * along]) if low < high else None
