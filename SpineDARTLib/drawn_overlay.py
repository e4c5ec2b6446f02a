"""The picture of drawn cannulas: what was drawn, and what came of it, on every X-ray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from . import __version__
from .geometry.camera import project, project_with_depth
from .io.drawn import DrawnCannula
from .overlay import BREACH, CANNULA_COLOURS, GROUND, QUIET, VERTEBRA, silhouette
from .plan.two_view import Triangulated
from .types import Cannula, Case, Plan, View

INCHES, DPI = 6.5, 130
CONTEXT_MM = 45.0
"""Shown around the cannulas, about a vertebra on all sides."""


def draw_drawn(
    case: Case, found: Sequence[tuple[DrawnCannula, Triangulated]], plans: Sequence[Plan], path: Path | str
) -> None:
    """Write a picture (PNG), one panel a view: crosses and outlined masks as drawn, bands as triangulated."""
    count = len(case.views)
    figure = Figure(figsize=(INCHES * count, INCHES + 0.6), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    for index, view in enumerate(case.views):
        axes = figure.add_axes(((index + 0.01) / count, 0.08, 0.98 / count, 0.86))
        _draw_view(axes, view, found, plans)
        figure.text((index + 0.02) / count, 0.955, view.name, color="white", fontsize=13, weight="bold")
    key = "crosses, outlines: as drawn · band: the cannula at its true thickness, dot at its tip; red: it breaches"
    figure.text(0.01, 0.045, f"{case.id} · {key}", color=QUIET, fontsize=8)
    notice = f"Not for clinical use · SpineDART {__version__}"
    figure.text(0.01, 0.015, notice, color="white", fontsize=9, weight="bold")
    figure.savefig(path, format="png", facecolor=GROUND, metadata={"Software": f"SpineDART {__version__}"})


def _draw_view(
    axes: Axes, view: View, found: Sequence[tuple[DrawnCannula, Triangulated]], plans: Sequence[Plan]
) -> None:
    low, high = np.percentile(view.image, (2.0, 99.7))
    axes.imshow(view.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    axes.set_axis_off()
    breaching = {(plan.fitted.level, one.cannula.side) for plan in plans for one in plan.options
                 if one.cannula.name == "drawn" and one.safety.clearance_mm < 0}  # fmt: skip
    for plan in plans:
        if plan.vertices_mm is not None and plan.faces is not None:
            for loop in silhouette(project(plan.vertices_mm, view), plan.faces):
                axes.plot(*loop.T, color=VERTEBRA[0], linewidth=0.8)
    for one, answer in found:
        colour = CANNULA_COLOURS[one.side]
        if view.name in one.masks:
            axes.contour(one.masks[view.name], levels=[0.5], colors=colour, linewidths=0.8)
        if view.name in one.points_px:
            axes.plot(*one.points_px[view.name].T, "+", color=colour, markersize=9, markeredgewidth=1.2)
        if answer.cannula is not None:
            _draw_band(axes, view, answer.cannula, BREACH if (one.level, one.side) in breaching else colour)
    _zoom(axes, view, found)


def _draw_band(axes: Axes, view: View, cannula: Cannula, colour: str) -> None:
    """The cannula's shadow: as wide at each end as it is there."""
    ends, depths = project_with_depth(cannula.path_mm, view)
    step = ends[1] - ends[0]
    across = np.array([-step[1], step[0]]) / max(float(np.linalg.norm(step)), 1e-9)
    half = (cannula.diameter_mm / 2 * view.intrinsics[0, 0] / depths)[:, None] * across
    corners = np.vstack([ends + half, (ends - half)[::-1]])
    axes.add_patch(Polygon(corners, closed=True, facecolor=colour, edgecolor=colour, alpha=0.35, linewidth=0.8))
    axes.plot(*ends[1], "o", color=colour, markersize=4)


def _zoom(axes: Axes, view: View, found: Sequence[tuple[DrawnCannula, Triangulated]]) -> None:
    """To what was drawn, with its surroundings."""
    points = [one.points_px[view.name] for one, _ in found if view.name in one.points_px]
    points += [np.argwhere(one.masks[view.name])[:, ::-1] for one, _ in found if view.name in one.masks]
    if not points:
        return
    everything = np.concatenate(points)
    # Twice the detector's pixels: about a C-arm's magnification.
    margin = 2.0 * CONTEXT_MM / view.pixel_spacing_mm[1]
    low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin
    height, width = view.image.shape
    axes.set_xlim(max(low[0], -0.5), min(high[0], width - 0.5))
    axes.set_ylim(min(high[1], height - 0.5), max(low[1], -0.5))
