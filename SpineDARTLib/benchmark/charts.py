"""The figures as pictures (PNG). Colours are Okabe and Ito's (2008), and no method is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..evaluate.cannulas import NEEDLES
from ..evaluate.success import PAPER
from ..types import LEVELS
from .tables import overall_planned

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5F5F5F")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "++")
FEW = 5
"""Fewer values at a level are drawn as points, too: a box of two says nothing."""
MARKERS = {"orthogonal": "o", "random": "^"}
PARTS = {"lumbar": COLOURS[0], "thoracic": COLOURS[1]}
DPI = 110


def level_boxes(found: Mapping[str, Any]) -> bytes | None:
    """Dice of the reconstructed by level, a box a method (quartiles, whiskers to 1.5 times their distance)."""
    methods = [(name, one["levels"]) for name, one in found["methods"].items() if one["levels"]]
    levels = [level for level in LEVELS if any(level in one for _, one in methods)]
    if not levels:
        return None
    figure, axes = _figure(max(6.5, 1.0 + 0.22 * len(levels) * (len(methods) + 1)), 4.2)
    for place, (name, one) in enumerate(methods):
        _draw_boxes(axes, [one.get(level, {}).get("dice_values", []) for level in levels], place, len(methods))
        axes.bar([0], [0], color=_colour(place), hatch=HATCHES[place % len(HATCHES)], alpha=0.75, label=name)
    counts = [max(one[level]["vertebrae"] for _, one in methods if level in one) for level in levels]
    axes.set_xticks(range(len(levels)), [f"{level}\n{count}" for level, count in zip(levels, counts, strict=True)])
    low = min(min(one[level]["dice_values"], default=1.0) for _, one in methods for level in one)
    axes.set(ylabel="Dice of the reconstructed", ylim=(max(0.0, low - 0.05), 1.0), xlim=(-0.6, len(levels) - 0.4))
    axes.set_xlabel("level (number of vertebrae below)")
    axes.grid(axis="y", alpha=0.3)
    _legend(figure, axes, len(methods))
    return png(figure)


def _draw_boxes(axes: Axes, values: Sequence[Sequence[float]], place: int, count: int) -> None:
    """One method's boxes, one of ``count`` beside each other at every level that it has a value at."""
    width = 0.8 / count
    few = [(index + (place + 0.5) * width - 0.4, value) for index, several in enumerate(values) for value in several
           if len(several) < FEW]  # fmt: skip
    axes.plot(
        *np.array(few).reshape(-1, 2).T, "o", color=_colour(place), markersize=4, markeredgecolor="black", zorder=3
    )
    at = {index + (place + 0.5) * width - 0.4: several for index, several in enumerate(values) if several}
    if not at:
        return
    drawn = axes.boxplot(
        list(at.values()),
        positions=list(at),
        widths=0.85 * width,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black"},
        flierprops={"markersize": 3},
    )
    for box in drawn["boxes"]:
        box.set(facecolor=_colour(place), hatch=HATCHES[place % len(HATCHES)], alpha=0.75)


def landmark_curves(found: Mapping[str, Any]) -> bytes | None:
    """Share of landmarks within a distance; those of vertebrae without a surface are never reached."""
    methods = [(name, one["landmarks"]) for name, one in found["methods"].items() if one["landmarks"]]
    if not methods:
        return None
    figure, axes = _figure(6.5, 4.0)
    for place, (name, one) in enumerate(methods):
        label = f"{name} (median {one['median_mm']:.1f} mm)" if one["median_mm"] is not None else name
        style = {"color": _colour(place), "linestyle": LINES[place % len(LINES)], "linewidth": 1.8}
        axes.plot(one["at_mm"], 100 * np.array(one["share"]), label=label, **style)
    axes.set(xlabel="distance from the true landmark, mm", ylabel="share of landmarks within it, %")
    axes.set(xlim=(0, methods[0][1]["at_mm"][-1]), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    return png(figure)


def planning_bars(found: Mapping[str, Any]) -> bytes | None:
    """Share of vertebrae of which both recommended cannulas stay without breach in the true bone, by needle."""
    methods = [(name, one) for name, one in found["methods"].items() if overall_planned(one, next(iter(NEEDLES)))]
    if not methods:
        return None
    figure, axes = _figure(7.0, 4.2)
    width = 0.8 / len(methods)
    for place, (name, one) in enumerate(methods):
        groups = [overall_planned(one, needle) or {} for needle in NEEDLES]
        at = np.arange(len(groups)) + (place + 0.5) * width - 0.4
        bars = {key: [_percent(group, key) for group in groups] for key in ("no_breach", "margin")}
        style = {"width": 0.9 * width, "edgecolor": "white", "hatch": HATCHES[place % len(HATCHES)]}
        axes.bar(at, bars["no_breach"], color=_colour(place), alpha=0.45, label=f"{name}: no breach", **style)
        axes.bar(at, bars["margin"], color=_colour(place), label=f"{name}: 1 mm of bone all round", **style)
        for x, value in zip(at, bars["no_breach"], strict=True):
            axes.annotate(f"{value:.0f}", (x, value), ha="center", va="bottom", fontsize=8)
    for name, value in PAPER.items():
        axes.axhline(100 * value, color="0.35", linewidth=0.8, linestyle="--")
        words = f"{name}, published\n(by eye)"
        axes.annotate(words, (1.01, 100 * value), xycoords=("axes fraction", "data"), fontsize=7, va="center")
    axes.set_xticks(range(len(NEEDLES)), list(NEEDLES))
    axes.set(ylabel="vertebrae, both sides, %", ylim=(0, 105), xlabel="needle")
    _legend(figure, axes, 2)
    return png(figure)


def confidence_plot(rows: Sequence[Mapping[str, Any]], method: str) -> bytes | None:
    """Left: Dice before and after, a line a vertebra. Right: expected against true surface distance."""
    rows = [row for row in rows if row["reconstructed"] and row.get("predicted_mm") is not None]
    if not rows:
        return None
    figure, (left, right) = _figure(10.5, 4.6, 2)
    for row in rows:
        part = "lumbar" if row["level"].startswith("L") else "thoracic"
        style = {"marker": MARKERS.get(row["kind"], "s"), "color": PARTS[part], "alpha": 0.7, "markersize": 5}
        if row.get("dice_before") is not None:
            left.plot([0, 1], [row["dice_before"], row["dice"]], linewidth=0.7, **style)
        fill = {"markerfacecolor": "none"} if row["status"] == "low_confidence" else {}
        right.plot(row["predicted_mm"], row["assd_mm"], linestyle="none", **style, **fill)
    lowest = min(min(row["dice"], row.get("dice_before") or 1.0) for row in rows)
    left.set(xticks=[0, 1], xticklabels=["at the start", "after the fit"], ylabel="Dice")
    left.set(ylim=(max(0.0, lowest - 0.05), 1.0), title=f"{method}: {len(rows)} vertebrae")
    highest = max([2.0, *(max(row["assd_mm"], row["predicted_mm"]) for row in rows)]) * 1.05
    right.plot([0, highest], [0, highest], color="0.6", linewidth=0.8)
    right.set(xlabel="expected mean surface distance, mm", ylabel="true mean surface distance, mm")
    right.set(xlim=(0, highest), ylim=(0, highest), title="Does it know?")
    for part, colour in PARTS.items():
        right.plot([], [], "s", color=colour, label=part)
    for kind, marker in MARKERS.items():
        right.plot([], [], marker, color="0.3", linestyle="none", label=kind)
    right.plot([], [], "o", color="0.3", linestyle="none", markerfacecolor="none", label="refused: low confidence")
    right.legend(loc="upper left", fontsize=8)
    return png(figure)


def png(figure: Figure) -> bytes:
    """A figure as a PNG file's content."""
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, panels)


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncol=min(columns, 4), fontsize=8)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _percent(group: Mapping[str, Any], key: str) -> float:
    return 100 * group[key]["kept"] / group["vertebrae"] if group.get("vertebrae") else 0.0
