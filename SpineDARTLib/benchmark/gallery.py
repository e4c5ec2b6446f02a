"""What went wrong, on the X-rays: where a vertebra truly is, where the method put it, and where that began."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..geometry.camera import project
from ..io.files import write_atomically
from ..io.mesh import Mesh
from ..overlay import GROUND, silhouette
from ..types import Case, Plan, View

INCHES, DPI, QUALITY = 2.6, 110, 82
CONTEXT_MM = 14.0
"""Shown around the vertebra, at the detector."""
TRUE, FOUND, START, CLICK = "#56D0FF", "#FFB000", "#FFB000", "#FFFFFF"
"""The found one is drawn whole, its start dotted, the true one dashed and of another colour."""
KEY = "blue, dashed: truth · orange: found (dotted: its start; line: cannula) · white cross: click"


def draw_failure(case: Case, true_surface: Mesh, plan: Plan, start: Mesh | None, file: Path) -> None:
    """Write a picture (JPEG), a panel a view.

    Args:
        true_surface: vertices (n, 3) RAS mm and faces (f, 3).
        plan: of the same level; without a surface only the truth is drawn.
        start: the surface that the fit began from.
    """
    count = len(case.views)
    figure = Figure(figsize=(INCHES * count, INCHES), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    for index, view in enumerate(case.views):
        axes = figure.add_axes(((index + 0.005) / count, 0.0, 0.99 / count, 1.0))
        _draw_view(axes, case, view, true_surface, plan, start)
        axes.text(0.02, 0.98, view.name, transform=axes.transAxes, color="white", fontsize=8, va="top", weight="bold")
    stream = BytesIO()
    figure.savefig(stream, format="jpeg", facecolor=GROUND, pil_kwargs={"quality": QUALITY})
    write_atomically(file, stream.getvalue())


def _draw_view(axes: Axes, case: Case, view: View, true_surface: Mesh, plan: Plan, start: Mesh | None) -> None:
    found = None if plan.vertices_mm is None or plan.faces is None else (plan.vertices_mm, plan.faces)
    outlines = [(start, START, ":", 0.9), (found, FOUND, "-", 1.1), (true_surface, TRUE, (0, (4, 2)), 1.1)]
    for mesh, colour, style, width in outlines:
        for loop in silhouette(project(mesh[0], view), mesh[1]) if mesh is not None else ():
            axes.plot(*loop.T, color=colour, linestyle=style, linewidth=width)
    for cannula in plan.cannulas:
        axes.plot(*project(cannula.path_mm, view).T, color=FOUND, linewidth=1.0, marker=".", markersize=3)
    for seed in case.seeds:
        if seed.level == plan.fitted.level and view.name in seed.clicks_px:
            axes.plot(*seed.clicks_px[view.name], "+", color=CLICK, markersize=6, markeredgewidth=0.8)
    meshes = [mesh for mesh, *_ in outlines[1:] if mesh is not None]
    left, top, right, bottom = _square(view, np.concatenate([project(mesh[0], view) for mesh in meshes]))
    part = view.image[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1]
    low, high = np.percentile(part, (2.0, 99.7)) if part.size else (0.0, 1.0)
    axes.imshow(view.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), interpolation="bilinear")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()


def _square(view: View, points_px: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a square around the points, which may reach beyond the picture."""
    height, width = view.image.shape
    inside = points_px[np.isfinite(points_px).all(axis=1)]
    inside = np.clip(inside, -0.25 * width, [1.25 * width, 1.25 * height]) if len(inside) else np.zeros((1, 2))
    middle = (inside.min(axis=0) + inside.max(axis=0)) / 2
    half = float(np.ptp(inside, axis=0).max()) / 2 + CONTEXT_MM / view.pixel_spacing_mm[1]
    return middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half
