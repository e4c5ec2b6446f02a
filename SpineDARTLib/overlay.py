"""The picture of a result: every X-ray with outlines, pedicle rims, cannulas, landmarks and what to think of them.

It should answer "is it on the bone?" in a second: outlines are thin and bright over an image windowed to the bone
around them. No colour is alone: the cannulas carry their letter, a breach its words. Red means breach and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from . import __version__
from .geometry.camera import project, project_with_depth
from .geometry.refined import refined_case
from .io.cannulas import recommended
from .plan.words import STATUS_WORDS, broken_rules, needle_name, risk_words, room_words
from .types import Cannula, Case, Plan, Refinement, Safety, View

# Okabe and Ito's colours, told apart by the colour-blind (2008), lightened for a dark ground.
VERTEBRA = ("#F5EA55", "#8FF0C4")
"""Neighbours take turns, so that overlapping outlines can be followed."""
LEFT, RIGHT, LANDMARK = "#6CC4F5", "#F2A93B", "#E6E6E6"
BREACH, QUIET, GROUND = "#FF4040", "#A8A8A8", "#101010"
CANNULA_COLOURS = {"left": LEFT, "right": RIGHT}

PANEL_INCHES, COLUMN_INCHES, DPI = 7.2, 2.6, 130
CONTEXT_MM = 18.0
"""Shown around the vertebrae."""
SHAFT_MM = 16.0
"""How much of the cannula is drawn behind its entry."""
DIFFERENT_MM = 1.0
"""A transferred cannula is shown where the recommended one differs by more at either end."""
SUPERSAMPLE = 4
KEY = (
    "outline: fitted surface · dotted ring: pedicle · band: cannula at its true thickness, dot at its tip"
    " · dashed: as transferred · +: landmark"
)


@dataclass(frozen=True)
class _Box:
    """A part of an image, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def aspect(self) -> float:
        return (self.right - self.left) / (self.bottom - self.top)

    def holds(self, point: np.ndarray) -> bool:
        return bool(self.left < point[0] < self.right and self.top < point[1] < self.bottom)


def draw_overlay(case: Case, plans: Sequence[Plan], path: Path | str) -> None:
    """Draw one panel a view and write the picture (PNG); with the cameras that the plans were made with."""
    case = refined_case(case, plans)
    boxes = [region(view, case, plans) for view in case.views]
    widths = [PANEL_INCHES * box.aspect for box in boxes]
    header, footer = 0.42, 0.55
    gap = 0.12
    width = sum(widths) + gap * (len(boxes) + 2) + COLUMN_INCHES
    height = header + PANEL_INCHES + footer
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    x = gap
    for view, box, panel in zip(case.views, boxes, widths, strict=True):
        axes = figure.add_axes((x / width, footer / height, panel / width, PANEL_INCHES / height))
        draw_panel(axes, view, box, case, plans)
        figure.text(x / width, 1 - 0.30 / height, view.name, color="white", fontsize=13, weight="bold")
        x += panel + gap
    _draw_column(figure, x, header, PANEL_INCHES, plans)
    figure.text(gap / width, 0.32 / height, f"{case.id} · {KEY}", color=QUIET, fontsize=8)
    notice = f"Not for clinical use · SpineDART {__version__}"
    figure.text(gap / width, 0.11 / height, notice, color="white", fontsize=9, weight="bold")
    moved = next((plan.refinement for plan in plans if plan.refinement), None)
    if moved is not None:
        figure.text(2.9 / width, 0.11 / height, _cameras_in_short(moved), color=QUIET, fontsize=8)
    figure.savefig(path, format="png", facecolor=GROUND, metadata={"Software": f"SpineDART {__version__}"})


def _cameras_in_short(refinement: Refinement) -> str:
    """Whether the picture is drawn with cameras other than those given."""
    if not refinement.accepted:
        return "Cameras as given; refining them was refused"
    moves = ", ".join(f"{name} by {mm:.1f} mm, {refinement.moved_deg[name]:.1f}°"
                      for name, mm in refinement.moved_mm.items())  # fmt: skip
    return f"Cameras refined with the fit: {refinement.anchor} stays, {moves}"


def region(view: View, case: Case, plans: Sequence[Plan]) -> _Box:
    """The part of a view that holds all vertebrae and clicks, with some context; the whole view if there are none."""
    height, width = view.image.shape
    points = [project(plan.vertices_mm, view) for plan in plans if plan.vertices_mm is not None]
    points += [np.array([seed.clicks_px[view.name]]) for seed in case.seeds if view.name in seed.clicks_px]
    frame = _Box(-0.5, -0.5, width - 0.5, height - 0.5)
    if not points:
        return frame
    found = np.concatenate(points)
    # About the magnification of a C-arm, so that context is in millimetres of the patient.
    margin = 1.8 * CONTEXT_MM / view.pixel_spacing_mm[1]
    low, high = found.min(0) - margin, found.max(0) + margin
    box = _Box(max(low[0], frame.left), max(low[1], frame.top), min(high[0], frame.right), min(high[1], frame.bottom))
    return box if box.right - box.left > 8 and box.bottom - box.top > 8 else frame


def draw_panel(axes: Axes, view: View, box: _Box, case: Case, plans: Sequence[Plan]) -> None:
    """One X-ray with everything on it."""
    low, high = window(view.image, box)
    axes.imshow(view.image, cmap="gray", vmin=low, vmax=high, interpolation="bicubic")
    axes.set_xlim(box.left, box.right)
    axes.set_ylim(box.bottom, box.top)
    axes.set_axis_off()
    clicks = {seed.level: seed.clicks_px[view.name] for seed in case.seeds if view.name in seed.clicks_px}
    for index, plan in enumerate(plans):
        colour = VERTEBRA[index % 2]
        if plan.vertices_mm is None or plan.faces is None:
            _draw_missing(axes, plan, clicks.get(plan.fitted.level), box, colour)
        else:
            _draw_vertebra(axes, view, box, plan, colour)
    draw_orientation(axes, view)


def window(image: np.ndarray, box: _Box) -> tuple[float, float]:
    """Grey levels from black to white: almost all of what the region shows."""
    part = image[max(int(box.top), 0) : int(box.bottom) + 1, max(int(box.left), 0) : int(box.right) + 1]
    low, high = np.percentile(part[np.isfinite(part)], (2.0, 99.7))
    return float(low), float(max(high, low + 1e-6))


def _draw_vertebra(axes: Axes, view: View, box: _Box, plan: Plan, colour: str) -> None:
    """Outline (dashed when it is not to be relied on), pedicles, landmarks, cannulas and name."""
    assert plan.vertices_mm is not None and plan.faces is not None
    style = "-" if plan.fitted.status.usable else (0, (5, 3))
    for loop in silhouette(project(plan.vertices_mm, view), plan.faces):
        axes.plot(*loop.T, color=colour, linewidth=1.0, linestyle=style, antialiased=True)
    for rim in plan.pedicle_rims_mm.values():
        ring = _closed(project(rim, view))
        axes.plot(*ring.T, color=colour, linewidth=0.8, alpha=0.85, linestyle=(0, (2, 1.5)))
    if plan.landmarks_mm:
        marks = project(np.stack(list(plan.landmarks_mm.values())), view)
        axes.plot(*marks.T, "+", color=LANDMARK, markersize=4, markeredgewidth=0.6, alpha=0.8)
    for cannula in _left_behind(plan):
        path = project(cannula.path_mm, view)
        axes.plot(*path.T, color=CANNULA_COLOURS[cannula.side], linewidth=0.9, alpha=0.9, linestyle=(0, (4, 3)))
    safety: list[Safety | None] = [*plan.safety, *[None] * len(plan.cannulas)]
    for cannula, found in zip(plan.cannulas, safety, strict=False):
        _draw_cannula(axes, view, box, cannula, found)
    _draw_name(axes, view, box, plan, colour)


def _left_behind(plan: Plan) -> Iterator[Cannula]:
    """The transferred cannulas from which the recommended ones differ enough to see."""
    chosen = {cannula.side: cannula for cannula in plan.cannulas}
    for option in plan.options:
        one, other = option.cannula, chosen.get(option.cannula.side)
        if one.name != "transferred" or other is None:
            continue
        ends = np.stack([one.entry_mm - other.entry_mm, one.target_mm - other.target_mm])
        if np.linalg.norm(ends, axis=1).max() > DIFFERENT_MM:
            yield one


def silhouette(points_px: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """The outline of a projected surface: the border of what all its triangles cover, holes too.

    Args:
        points_px: (n, 2) projected vertices.
        faces: (f, 3) vertex indices.

    Returns:
        closed loops, (m, 2) pixels each.
    """
    corner = np.floor(points_px.min(0)) - 2.0
    size = np.ceil((points_px.max(0) - corner + 2.0) * SUPERSAMPLE).astype(int)
    if (size > 16000).any() or not np.isfinite(points_px).all():
        return []  # far outside any detector
    canvas = Image.new("L", (int(size[0]), int(size[1])))
    draw = ImageDraw.Draw(canvas)
    scaled = (points_px - corner) * SUPERSAMPLE
    for triangle in scaled[faces].reshape(-1, 6):
        draw.polygon(triangle.tolist(), fill=255)
    covered = gaussian_filter(np.asarray(canvas, dtype=np.float32) / 255, 0.5 * SUPERSAMPLE)
    lines = [np.asarray(line) for line in contour_generator(z=covered).lines(0.5)]
    # Specks of a few pixels between triangles are no outline.
    return [line / SUPERSAMPLE + corner for line in lines if len(line) > 6 * SUPERSAMPLE]


def _closed(points: np.ndarray) -> np.ndarray:
    return np.vstack([points, points[:1]])


def _draw_cannula(axes: Axes, view: View, box: _Box, cannula: Cannula, safety: Safety | None) -> None:
    """A band of the cannula's thickness from entry to tip, a thin shaft behind, its letter and a dot at the tip."""
    colour = CANNULA_COLOURS[cannula.side]
    path = cannula.target_mm - cannula.entry_mm
    shaft_end = cannula.entry_mm - SHAFT_MM * path / np.linalg.norm(path)
    points, depths = project_with_depth(np.stack([shaft_end, cannula.entry_mm, cannula.target_mm]), view)
    outline = _band(points[1:], depths[1:], cannula, view)
    axes.add_patch(Polygon(outline, closed=True, facecolor=colour, alpha=0.22))
    axes.add_patch(Polygon(outline, closed=True, fill=False, edgecolor=colour, linewidth=1.0))
    axes.plot(*points[:2].T, color=colour, linewidth=1.3)
    axes.plot(*points[2], "o", color=colour, markersize=4.5, markeredgecolor="black", markeredgewidth=0.5)
    letter = points[0] if box.holds(points[0]) else points[1]
    label(axes, letter, cannula.side[0].upper(), colour, 10.0, "center")
    if safety is not None and safety.clearance_mm < 0:
        where = project(cannula.entry_mm[None] + safety.position * path[None], view)[0]
        axes.plot(*where, "o", color=BREACH, markersize=13, fillstyle="none", markeredgewidth=1.6)


def _band(points: np.ndarray, depths: np.ndarray, cannula: Cannula, view: View) -> np.ndarray:
    """(4, 2) corners of the projected cylinder: its half-thickness in pixels at either end."""
    along = points[1] - points[0]
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    half = cannula.diameter_mm / 2 * view.intrinsics[0, 0] / depths
    one, other = points[0], points[1]
    return np.stack(
        [one + half[0] * across, other + half[1] * across, other - half[1] * across, one - half[0] * across]
    )


def _draw_name(axes: Axes, view: View, box: _Box, plan: Plan, colour: str) -> None:
    """The level's name beside the vertebra, where there is more room."""
    assert plan.vertices_mm is not None
    outline = project(plan.vertices_mm, view)
    middle = float(np.median(outline[:, 1]))
    margin = 0.015 * (box.right - box.left)
    to_left = outline[:, 0].min() - box.left > box.right - outline[:, 0].max()
    place = np.array([box.left + margin if to_left else box.right - margin, middle])
    sure = plan.fitted.status.usable and not plan.level_note
    words = plan.fitted.level + ("" if sure else " ?")
    label(axes, place, words, colour, 13.0, "left" if to_left else "right")


def _draw_column(figure: Figure, left: float, top: float, height: float, plans: Sequence[Plan]) -> None:
    """The words: level, status and each cannula's room; places in inches, ``top`` from the figure's upper edge."""
    width_inches, height_inches = figure.get_size_inches()
    rows = [row for index, plan in enumerate(plans) for row in _words(plan, VERTEBRA[index % 2])]
    step = min(0.215, height / max(len(rows), 1))
    for number, (words, colour, strong) in enumerate(rows):
        place = (left / width_inches, 1 - (top + (number + 0.7) * step) / height_inches)
        size = (46.0 if strong else 41.0) * step
        figure.text(*place, words, color=colour, fontsize=size, weight="bold" if strong else "normal")


def _words(plan: Plan, colour: str) -> list[tuple[str, str, bool]]:
    """Lines of text of one vertebra: words, colour, whether it is a heading."""
    fitted = plan.fitted
    rows = [(f"{fitted.level}  {STATUS_WORDS[fitted.status]}", colour, True)]
    if plan.level_note:
        rows.append(("   level in doubt", QUIET, False))
    for option in recommended(plan):
        cannula, safety = option.cannula, option.safety
        colour = BREACH if safety.clearance_mm < 0 else CANNULA_COLOURS[cannula.side]
        start = f"{cannula.side[0].upper()} {needle_name(cannula.diameter_mm)}"
        rows.append((f"{start}: {room_words(safety)}", colour, False))
        more = filter(None, [risk_words(option.risk), *broken_rules(safety)])
        rows += [(f"   {words}", QUIET, False) for words in more]
    return [*rows, ("", QUIET, False)]


def _draw_missing(axes: Axes, plan: Plan, click: tuple[float, float] | None, box: _Box, colour: str) -> None:
    """A vertebra without a result: its click, if there is one, and what became of it."""
    if click is None:
        return
    axes.plot(*click, "x", color=colour, markersize=9, markeredgewidth=1.5)
    words = f"{plan.fitted.level} {STATUS_WORDS[plan.fitted.status]}"
    label(axes, np.array([click[0], click[1] - 0.03 * (box.bottom - box.top)]), words, colour, 10.5)


def draw_orientation(axes: Axes, view: View) -> None:
    """The patient's side (R, L, A, P) that the left and right edges show."""
    rightwards = view.world_to_camera[0, :3]
    axis = int(np.abs(rightwards[:2]).argmax())
    positive, negative = (("R", "L"), ("A", "P"))[axis]
    if rightwards[axis] < 0:
        positive, negative = negative, positive
    for x, letter, align in ((0.012, negative, "left"), (0.988, positive, "right")):
        axes.text(x, 0.985, letter, transform=axes.transAxes, color="white", fontsize=12, va="top", ha=align)


def label(axes: Axes, place: np.ndarray, words: str, colour: str, size: float, align: str = "left") -> None:
    """Bold words with a dark border, readable on bone and on air."""
    text = axes.text(place[0], place[1], words, color=colour, fontsize=size, va="center", ha=align, clip_on=True)
    text.set_fontweight("bold")
    text.set_path_effects([withStroke(linewidth=2.2, foreground="black")])
