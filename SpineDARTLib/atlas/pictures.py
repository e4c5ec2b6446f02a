"""Shaded drawings of a vertebra from four sides, with lines and points on it: triangles painted far to near.

Matplotlib alone, no OpenGL, so that a report can be written on a machine without a display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb

from .mesh import vertex_normals

BONE = (0.92, 0.87, 0.76)
LIGHT = np.array([-0.35, 0.45, 0.82])
"""From where light comes in the picture's axes (right, up, towards the viewer): above the viewer's left shoulder."""
AMBIENT = 0.35
MARGIN_MM = 3.0
PICTURE_AXES: Mapping[str, np.ndarray] = {
    "left": np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]),
    "front": np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    "top": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    "back": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}
"""From where one looks, to the picture's right, up and towards the viewer in the model's frame."""


def draw_shape(
    axes: Axes,
    vertices: np.ndarray,
    faces: np.ndarray,
    direction: str,
    *,
    colours: np.ndarray | None = None,
    lines: Mapping[str, Sequence[np.ndarray]] | None = None,
    points: Mapping[str, np.ndarray] | None = None,
    opacity: float = 1.0,
) -> None:
    """Draw a shape in parallel projection; lines and points lie over the bone even where they run inside it.

    Args:
        axes: where to; it gets equal scales, limits around the shape and no frame.
        vertices: (n, 3) mm in the model's frame (x right, y anterior, z superior).
        faces: (f, 3), outward normals.
        direction: from where one looks: "left" (anterior is left in the picture), "front", "top" (anterior is up) or
            "back".
        colours: (n, 3) red, green, blue from 0 to 1 for each vertex; bone when absent.
        lines: matplotlib colour to polylines, each (k, 3) mm.
        points: matplotlib colour to (k, 3) mm.
        opacity: of the surface, 0 to 1.

    Raises:
        ValueError: a direction other than these four.
    """
    right_up_near = _axes_of(direction)
    corners = vertices[faces] @ right_up_near.T
    # The vertices' normals, averaged, make coarse triangles look smooth.
    normals = (vertex_normals(vertices, faces) @ right_up_near.T)[faces].mean(axis=1)
    first, second, third = corners[..., :2].swapaxes(0, 1)
    turned = (second - first)[:, 0] * (third - first)[:, 1] - (second - first)[:, 1] * (third - first)[:, 0]
    seen = np.flatnonzero(turned > 0)
    order = seen[corners[seen, :, 2].mean(axis=1).argsort()]
    shade = AMBIENT + (1 - AMBIENT) * np.clip(normals[order] @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    own = np.broadcast_to(BONE, vertices.shape) if colours is None else colours
    painted = np.clip(own[faces[order]].mean(axis=1) * shade[:, None], 0, 1)
    # Edges in the triangle's own colour: without them the seams between triangles shine through.
    edges = painted if opacity == 1.0 else "none"
    axes.add_collection(
        PolyCollection(corners[order, :, :2], facecolors=painted, edgecolors=edges, linewidths=0.3, alpha=opacity)
    )
    for colour, paths in (lines or {}).items():
        flat = [projected(path, direction) for path in paths]
        axes.add_collection(LineCollection(flat, colors=[colour], linewidths=1.4))
    for colour, places in (points or {}).items():
        axes.scatter(*projected(places, direction).T, s=16, color=colour, edgecolors="black", linewidths=0.4, zorder=3)
    _frame(axes, corners[..., :2].reshape(-1, 2))


def projected(points: np.ndarray, direction: str) -> np.ndarray:
    """(k, 2) mm to the right and up in the picture, of (k, 3) mm in the model's frame."""
    return np.asarray(points) @ _axes_of(direction)[:2].T


def region_colours(count: int, regions: Mapping[str, np.ndarray], colours: Mapping[str, str]) -> np.ndarray:
    """(count, 3) a colour for each vertex: those of the named regions, later ones over earlier, and bone elsewhere.

    Args:
        count: number of vertices.
        regions: name to vertex indices.
        colours: region name to matplotlib colour.
    """
    painted = np.tile(BONE, (count, 1))
    for name, colour in colours.items():
        painted[regions[name]] = to_rgb(colour)
    return painted


def _axes_of(direction: str) -> np.ndarray:
    if direction not in PICTURE_AXES:
        raise ValueError(f'got direction "{direction}"; expected one of {", ".join(PICTURE_AXES)}')
    return PICTURE_AXES[direction]


def _frame(axes: Axes, flat: np.ndarray) -> None:
    (left, bottom), (right, top) = flat.min(axis=0) - MARGIN_MM, flat.max(axis=0) + MARGIN_MM
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")
