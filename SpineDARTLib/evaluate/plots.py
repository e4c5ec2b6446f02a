"""The picture of how many vertebrae are planned with success."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .cannulas import RECOMMENDED
from .success import PAPER

KEPT = {"no_breach": ("no breach", "#0072B2"), "margin": ("keep 1 mm", "#56B4E9")}
"""What is counted, to its words and its colour."""


def draw_success(found: Mapping[str, Any], path: Path, title: str) -> None:
    """Left: share of vertebrae of which both cannulas keep out of the wall, by kind and needle. Right: by level.

    Args:
        found: what ``cannulas.success`` returned.
    """
    figure = Figure(figsize=(13, 5.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    methods = found["methods"]
    bars = {f"{name}\n{needle}": one["overall"] for name, needles in methods.items() for needle, one in needles.items()}
    _draw_shares(left, bars)
    for name, value in PAPER.items():
        left.axhline(100 * value, color="0.2", linewidth=0.8, linestyle="--")
        left.annotate(
            f" {name}\n as published",
            (1.0, value),
            xycoords=("axes fraction", "axes fraction"),
            fontsize=7,
            va="center",
        )
    left.tick_params(axis="x", labelsize=7, rotation=60)
    left.set_title(f"{title}: both sides, true vertebrae")
    shown = RECOMMENDED if RECOMMENDED in methods else next(iter(reversed(methods)), "nothing judged")
    needle = next(iter(methods.get(shown, {})), "")
    by_level = methods[shown][needle]["by_level"] if needle else {}
    _draw_shares(right, {f"{level}\n{one['vertebrae']}": one for level, one in by_level.items()})
    right.set_title(f"{shown}, {needle}, by level (number of vertebrae below)")
    handles = [Patch(color=colour, label=words) for words, colour in KEPT.values()]
    handles.append(Patch(fill=False, lw=0.7, label="if no fit were refused"))
    figure.legend(handles=handles, loc="outside lower center", ncol=3, fontsize=8)
    figure.savefig(path, format="png")


def _draw_shares(axes: Axes, counts: Mapping[str, Mapping[str, Any]]) -> None:
    """Bars of the kept among all, and what they would be if no fit had been refused as an outline."""
    for index, (key, (_, colour)) in enumerate(KEPT.items()):
        places = [place + 0.4 * index - 0.2 for place in range(len(counts))]
        kept, regardless = (
            [100 * one[key][group] / max(one["vertebrae"], 1) for one in counts.values()]
            for group in ("kept", "regardless")
        )
        axes.bar(places, kept, 0.38, color=colour)
        axes.bar(places, regardless, 0.38, fill=False, lw=0.7)
    axes.set(xticks=range(len(counts)), xticklabels=list(counts), ylim=(0, 100), ylabel="vertebrae, %")
    axes.set_xlim(-0.6, max(len(counts), 1) - 0.4)
