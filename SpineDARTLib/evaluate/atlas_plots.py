"""The plots of the atlas's report, as PNG: a model's quality in four panels, and its measures beside published ones."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .atlas_findings import Findings, Spread
from .atlas_quality import Specificity, Unseen
from .atlas_words import GOAL_MEDIAN_MM, GOAL_VARIANCE

DPI = 110
INTACT, BROKEN, GOAL = "#0072B2", "#D55E00", "0.5"  # Okabe and Ito 2008: told apart by the colour-blind
MODEL, CHANCE, PUBLISHED = "#0072B2", "#E69F00", "black"


def new_figure(width_in: float, height_in: float) -> Figure:
    """A figure that needs no display."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure) -> bytes:
    """The figure's PNG, the same bytes for the same figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def quality_plot(found: Findings) -> bytes:
    """Compactness, generalisation by level, error by number of modes, specificity."""
    figure = new_figure(10.5, 7.2)
    panels = figure.subplots(2, 2)
    _compactness(panels[0, 0], found.shares, found.model.rank)
    _generalisation(panels[0, 1], found.model.levels, found.unseen)
    _projection(panels[1, 0], found.unseen)
    _specificity(panels[1, 1], found.specificity)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    return as_png(figure)


def _compactness(axes: Axes, shares: np.ndarray, rank: int) -> None:
    shown = min(len(shares), max(3 * rank, 40))
    axes.plot(np.arange(1, shown + 1), 100 * shares[:shown], color=MODEL)
    axes.axhline(100 * GOAL_VARIANCE, color=GOAL, linestyle="--", linewidth=1)
    axes.axvline(rank, color=GOAL, linestyle=":", linewidth=1)
    axes.annotate(
        f"the model's {rank} modes: {100 * shares[min(rank, len(shares)) - 1]:.0f} %", (rank + 0.5, 5), fontsize=9
    )
    axes.set(title="Compactness", xlabel="modes", ylabel="% of the whole variance", ylim=(0, 102), xlim=(0, shown))


def _generalisation(axes: Axes, levels: Sequence[str], rows: Sequence[Unseen]) -> None:
    for place, level in enumerate(levels):
        for broken, colour, marker in ((False, INTACT, "o"), (True, BROKEN, "^")):
            values = [row.median_mm for row in rows if row.level == level and row.fractured == broken and row.measured]
            aside = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(len(values))
            axes.plot(place + aside, values, marker, color=colour, alpha=0.75, markersize=6)
    axes.axhline(GOAL_MEDIAN_MM, color=GOAL, linestyle="--", linewidth=1)
    axes.plot([], [], "o", color=INTACT, label="not known to be fractured")
    axes.plot([], [], "^", color=BROKEN, label="fractured (Genant 2 or 3)")
    axes.plot([], [], "--", color=GOAL, label=f"goal: {GOAL_MEDIAN_MM:g} mm")
    axes.legend(fontsize=8, loc="lower right")
    axes.set_xticks(range(len(levels)), levels)
    highest = max([1.2, *(row.median_mm * 1.1 for row in rows if row.measured)])
    axes.set(title="Generalisation: people whom the model has not seen", xlim=(-0.6, len(levels) - 0.4))
    axes.set(ylabel="median surface distance, mm", ylim=(0, highest))


def _projection(axes: Axes, rows: Sequence[Unseen]) -> None:
    curves = [row.projected_mm for row in rows if row.measured]
    if curves:
        shown = min(len(curve) for curve in curves)
        stacked = np.stack([curve[:shown] for curve in curves])
        low, middle, high = np.percentile(stacked, [25, 50, 75], axis=0)
        axes.plot(middle, color=MODEL, label="median")
        axes.fill_between(range(shown), low, high, color=MODEL, alpha=0.2, linewidth=0, label="middle half")
        axes.legend(fontsize=8, loc="lower left")
    axes.set(title="The same people by number of modes", xlabel="modes", ylim=(0, None))
    axes.set(ylabel="corresponding vertices apart, mm")


def _specificity(axes: Axes, found: Specificity) -> None:
    axes.plot(found.modes, found.chance_mm, "s-", color=CHANCE, label="means changed at random by as much")
    axes.plot(found.modes, found.model_mm, "o-", color=MODEL, label="random shapes of the model")
    axes.axhline(found.real_mm, color=GOAL, linestyle="--", linewidth=1, label="real shapes, other people's")
    axes.legend(fontsize=8, loc="lower right")
    axes.set(title="Specificity", xlabel="modes", ylabel="to the nearest real shape, mm", ylim=(0, None))


def morphometry_plot(
    levels: Sequence[str], measures: Mapping[str, str], spreads: Mapping[str, Mapping[str, Spread]]
) -> bytes:
    """One panel a measure: the models' samples and what is published, mean and deviation by level.

    Args:
        levels: head to foot.
        measures: name to unit.
        spreads: level to measure to Spread.
    """
    columns = 3
    count = -(-len(measures) // columns)
    figure = new_figure(10.5, 2.35 * count)
    panels = figure.subplots(count, columns, squeeze=False)
    for axes, (name, unit) in zip(panels.flat, measures.items(), strict=False):
        _measure(axes, levels, name, unit, spreads)
    for axes in panels.flat[len(measures) :]:
        axes.axis("off")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    return as_png(figure)


def _measure(
    axes: Axes, levels: Sequence[str], name: str, unit: str, spreads: Mapping[str, Mapping[str, Spread]]
) -> None:
    places = np.arange(len(levels))
    found = [spreads[level][name] for level in levels]
    mean, deviation = np.array([[spread.mean, spread.deviation] for spread in found]).T
    axes.errorbar(places - 0.14, mean, deviation, fmt="o", color=MODEL, markersize=4, linewidth=1.2, label="samples")
    told = [(place, spread.published) for place, spread in zip(places, found, strict=True) if spread.published]
    where = np.array([place for place, _ in told]) + 0.14
    values = np.array([[one.mean, one.deviation, one.series_deviation] for _, one in told]).reshape(-1, 3)
    axes.errorbar(where, values[:, 0], np.nan_to_num(values[:, 2]), fmt="none", ecolor="0.75", elinewidth=5,
                  label="published series differ by (1 SD)")  # fmt: skip
    axes.errorbar(where, values[:, 0], np.nan_to_num(values[:, 1]), fmt="D", color=PUBLISHED, markersize=3.5,
                  linewidth=1.2, label="published, people differ by (1 SD)")  # fmt: skip
    axes.set_xticks(places, levels, fontsize=7, rotation=90 if len(levels) > 9 else 0)
    axes.set_title(f"{name.replace('_', ' ')}, {'degrees' if unit == 'deg' else unit}", fontsize=9)
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
