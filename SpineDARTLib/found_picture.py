"""The picture of what a detector found: every X-ray with outlines, centres, levels, landmarks, and how sure they are.

An outline is dashed and its level has a question mark where the level is in doubt, grey where nothing can be started
from it; an ellipse around a landmark holds it with 39 % probability (one standard deviation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from . import __version__
from .detect.nouns import Detection
from .detect.seeds import LEAST_CONFIDENCE
from .located_json import outlines
from .locating import Located
from .overlay import GROUND, LANDMARK, QUIET, VERTEBRA, draw_orientation, label, region, window
from .types import LEVELS, Case, View

INCHES, DPI = 8.2, 130
KEY = (
    "outline: found, dashed where the level is in doubt, grey where nothing is started from it · dot: body's centre"
    " · +: landmark with its standard deviation · x: clicked"
)
LARGEST_SHARE = 0.25
"""Of the picture's height: an ellipse larger than this says nothing and is left out."""


@dataclass(frozen=True)
class _Shown:
    """A detection with what the column makes of it.

    Attributes:
        level: of the column, "" of a detection that belongs to none.
        sure: probability of that level.
    """

    one: Detection
    level: str
    sure: float
    started: bool
    doubted: bool


def draw_found(case: Case, located: Located, path: Path | str) -> None:
    """Draw one panel a view and write the picture (PNG)."""
    whole = [region(view, Case(case.id, case.views), ()) for view in case.views]
    widths = [INCHES * box.aspect for box in whole]
    gap, header, footer = 0.12, 0.42, 0.78
    width, height = sum(widths) + gap * (len(whole) + 1), header + INCHES + footer
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    x = gap
    for view, panel in zip(case.views, widths, strict=True):
        axes = figure.add_axes((x / width, footer / height, panel / width, INCHES / height))
        _draw_view(axes, view, _shown(view.name, located))
        figure.text(x / width, 1 - 0.30 / height, view.name, color="white", fontsize=13, weight="bold")
        x += panel + gap
    figure.text(gap / width, 0.55 / height, f"{case.id} · {located.words}", color="white", fontsize=9)
    figure.text(gap / width, 0.33 / height, KEY, color=QUIET, fontsize=8)
    notice = f"Not for clinical use · SpineDART {__version__}"
    figure.text(gap / width, 0.11 / height, notice, color="white", fontsize=9, weight="bold")
    figure.savefig(path, format="png", facecolor=GROUND, metadata={"Software": f"SpineDART {__version__}"})


def _shown(view: str, located: Located) -> list[_Shown]:
    """A view's detections, those of the column first, head to foot."""
    detections = located.detections.get(view, ())
    started = {seed.level for seed in located.seeds}
    shown, used = [], set()
    for one in located.column.vertebrae if located.column else ():
        if view in one.members:
            used.add(one.members[view])
            sure = float(one.level_probabilities[LEVELS.index(one.level)])
            found = detections[one.members[view]]
            shown.append(_Shown(found, one.level, sure, one.level in started, one.level in located.notes))
    return shown + [_Shown(one, "", 0.0, False, False) for i, one in enumerate(detections) if i not in used]


def _draw_view(axes: Axes, view: View, shown: list[_Shown]) -> None:
    """One X-ray with what was found in it."""
    box = region(view, Case("", (view,)), ())
    low, high = window(view.image, box)
    axes.imshow(view.image, cmap="gray", vmin=low, vmax=high, interpolation="bicubic")
    axes.set_xlim(box.left, box.right)
    axes.set_ylim(box.bottom, box.top)
    axes.set_axis_off()
    colours = cycle(VERTEBRA)
    for one in shown:
        _draw_detection(axes, one, next(colours) if one.started else QUIET, view)
    draw_orientation(axes, view)
    if not shown:
        middle = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
        label(axes, middle, "no vertebra found", "white", 14.0, "center")


def _draw_detection(axes: Axes, shown: _Shown, colour: str, view: View) -> None:
    """Outline, centre, landmarks and name."""
    one = shown.one
    style = (0, (4, 3)) if shown.doubted or not shown.level else "-"
    loops = outlines(one.mask)[:1]
    for loop in loops:
        axes.plot(*loop.T, color=colour, linewidth=1.0 if shown.level else 0.7, linestyle=style)
    if not loops and not one.clicked:
        left, top, right, bottom = one.box_px
        frame = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linestyle=style)
        axes.add_patch(frame)
    axes.plot(*one.centre_px, "x" if one.clicked else "o", color=colour, markersize=4.5, markeredgewidth=1.2)
    if shown.level:
        _draw_marks(axes, one, view)
    _draw_name(axes, shown, colour, view)


def _draw_marks(axes: Axes, one: Detection, view: View) -> None:
    """Landmarks that the fit uses, with the ellipse of one standard deviation; the fainter, the less sure."""
    for mark in one.landmarks.values():
        if mark.confidence < LEAST_CONFIDENCE:
            continue
        strength = 0.3 + 0.6 * float(np.clip(mark.confidence, 0.0, 1.0))
        axes.plot(*mark.place_px, "+", color=LANDMARK, markersize=3.5, markeredgewidth=0.6, alpha=strength)
        ellipse = _ellipse(mark.place_px, mark.covariance_px2)
        if ellipse["height"] < LARGEST_SHARE * view.image.shape[0]:
            axes.add_patch(Ellipse(**ellipse, fill=False, edgecolor=LANDMARK, linewidth=0.5, alpha=0.8 * strength))


def _ellipse(place: np.ndarray, covariance: np.ndarray) -> Mapping[str, Any]:
    """Where all points are one standard deviation away (matplotlib's words)."""
    variances, axes = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    narrow, wide = 2 * np.sqrt(np.maximum(variances, 0.0))
    along = np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))
    return {"xy": (float(place[0]), float(place[1])), "width": narrow, "height": wide, "angle": along}


def _draw_name(axes: Axes, shown: _Shown, colour: str, view: View) -> None:
    """The level and how sure it is, beside the vertebra's box, where there is more room."""
    one = shown.one
    left, _, right, _ = one.box_px
    to_left = left > view.image.shape[1] - right
    margin = 0.008 * view.image.shape[1]
    x = left - margin if to_left else right + margin
    place = np.array([np.clip(x, 0.0, view.image.shape[1]), one.centre_px[1]])
    doubt = "?" if shown.doubted else ""
    words = f"{shown.level}{doubt} {shown.sure:.0%}" if shown.level else f"not used ({one.score:.0%})"
    label(axes, place, words, colour, 9.5 if shown.level else 7.5, "right" if to_left else "left")
