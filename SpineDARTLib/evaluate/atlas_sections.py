"""The chapters of the atlas's report, from findings to HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .atlas_drawings import DIRECTIONS, LEGEND, MODE_SD, levels_drawing, mean_drawing, mode_drawing
from .atlas_findings import Findings
from .atlas_plots import morphometry_plot, quality_plot
from .atlas_quality import SPECIFIC_SHAPES
from .atlas_samples import GAUGES_MM, LIMIT_SD
from .atlas_tables import measures_table, median_of, people_tables, samples_tables, unseen_tables
from .atlas_words import (
    GOAL_DICE,
    GOAL_INSIDE,
    GOAL_MEDIAN_MM,
    GOAL_VARIANCE,
    grouped,
    inside_where_wide,
    listed,
    modes_needed,
    people_at,
    verdict,
)
from .pages import (
    colour_key,
    heading,
    paragraph,
    percent,
    picture,
    side_by_side,
    table,
    verdict_box,
)

MODES_SHOWN = 4
MEASURES_NAMED = 3
PANELS = 12
"""Measures in one picture: as many as fit on a printed page."""

READING: Mapping[str, str] = {
    "Level mean": "the shape that a model starts from at a level, at the level's mean size.",
    "Mode": "one way in which vertebrae of a region differ; a model adds its modes up. Size is apart from them.",
    "Compactness": f"how much of all variance the first modes hold. Goal: {GOAL_VARIANCE:.0%} in 15 to 25 modes.",
    "Generalisation": "every stored vertebra is taken as a bare surface and fitted, by pose, size and modes under the "
    "prior, by a model that was learned without its person: all of that person's levels left out. Surface distance is "
    "between the surfaces, both ways; Dice is of the volumes on a 1 mm grid. Which vertex belongs where had been "
    "settled with everybody; the person's surface and statistics are what is left out. Vertebrae that a scan had cut "
    f"are not used. Goals, for intact ones: {GOAL_MEDIAN_MM:.1f} mm and {GOAL_DICE:.2f}.",
    "Specificity": f"how near {SPECIFIC_SHAPES} random shapes lie to the nearest real one; beside level means that "
    "were deformed smoothly at random by as much (that is chance), and beside real shapes and those of other people.",
    "Random shapes": "the region's levels in turn; every coefficient, and size, drawn from a normal distribution cut "
    f"off at {LIMIT_SD:g} standard deviations.",
    "Cannulas": "the template's straight path, carried over and laid through the middle of the pedicle as plans have "
    "it; it is inside when its wall is in the bone all along the pedicle. A pedicle is wide enough when its "
    "narrowest width is more than the diameter "
    f"({', '.join(f'{name}: {width:g} mm' for name, width in GAUGES_MM.items())}). "
    f"Goal: {GOAL_INSIDE:.0%} of those.",
    "Fractured": "Genant grade 2 or 3: a height lost by more than a quarter.",
}


def anchor_of(region: str) -> str:
    """A region's name as a place in the page."""
    return region.lower()


def summary(all_found: Sequence[Findings]) -> Iterator[str]:
    """The chapter that says it in short: one row a region, then a verdict each."""
    yield heading(2, "In short", "short", together=True)
    head = ["region", "people", "shapes", "modes", "variance held", "unseen, mm", "Dice", "fractured, mm", "Dice"]
    head += ["run through themselves", *(f"{name} inside" for name in GAUGES_MM)]
    yield table(head, [_summary_row(found) for found in all_found])
    yield paragraph(
        "Unseen: people whom the model has not learned from, medians over their intact vertebrae. Run through "
        "themselves: random shapes that do so in a pedicle or the canal. Inside: cannulas, where a pedicle is wide "
        "enough.",
        "note",
    )
    for found in all_found:
        yield verdict_box(verdict(found))


def _summary_row(found: Findings) -> list[str]:
    groups, people = grouped(found.model.levels, found.unseen), people_at(found)
    looked = found.looked
    row = [found.model.region, str(len({one for those in people.values() for one in those}))]
    row += [
        str(sum(len(those) for those in people.values())),
        str(found.model.rank),
        percent(found.model.explained, 1.0),
    ]
    for name in ("intact", "fractured"):
        row += [median_of(groups[name], "median_mm"), median_of(groups[name], "dice", 3)]
    row.append(f"{int((looked.crossing > 0).sum()):,} of {len(looked.crossing):,}")
    return row + [percent(*inside_where_wide(found, diameter_mm)) for diameter_mm in GAUGES_MM.values()]


def reading() -> Iterator[str]:
    """The chapter on what the words mean."""
    yield heading(2, "How to read this", "reading", together=True)
    rows = [[word, meaning] for word, meaning in READING.items()]
    yield table(["word", "meaning"], rows, text=(1,))


def together(all_found: Sequence[Findings]) -> Iterator[str]:
    """The chapter on all levels side by side: their means, and their measures beside published ones."""
    yield heading(2, "All levels", "levels")
    means = {level: (found.model, found.model.means[level]) for found in all_found for level in found.model.levels}
    words = f"Means of {listed(list(means))} {', '.join(DIRECTIONS.values())}"
    yield picture(levels_drawing(means), words, "The means of all levels at one scale: from the left, above, behind.")
    yield colour_key(LEGEND)
    yield heading(3, "Measures beside published ones", "morphometry")
    spreads = {level: found.spreads[level] for found in all_found for level in found.model.levels}
    units = list({name: one.unit for name, one in all_found[0].measures.items()}.items())
    caption = (
        "Mean and standard deviation of the random shapes (blue) and of published series (black), by level. The grey "
        "bar is by how much series differ among each other, in how they measure and whom: within it a mean is as good "
        "as published. The models were told the published figures, except where nothing black stands."
    )
    yield paragraph(caption)
    for first in range(0, len(units), PANELS):
        shown = dict(units[first : first + PANELS])
        yield picture(morphometry_plot(tuple(means), shown, spreads), f"By level: {listed(list(shown))}")


def region_chapter(found: Findings) -> Iterator[str]:
    """All of one region."""
    model, name = found.model, anchor_of(found.model.region)
    yield heading(2, f"{model.region}", name)
    yield heading(3, "Whom it has learned from", f"{name}-people")
    yield from people_tables(found)
    yield heading(3, "Compactness, generalisation, specificity", f"{name}-quality")
    yield picture(quality_plot(found), "Four plots of the model's quality")
    needed = modes_needed(found.shares)
    yield paragraph(
        f"The model's {model.rank} modes hold {percent(model.explained, 1.0)} of the variance; {GOAL_VARIANCE:.0%} "
        f"takes {needed if needed else f'more than {len(found.shares)}'}."
    )
    yield from unseen_tables(found)
    yield heading(3, f"{len(found.looked.levels):,} random shapes", f"{name}-samples")
    yield from samples_tables(found)
    yield heading(3, "Means and modes", f"{name}-shapes")
    yield from _shapes(found)
    yield heading(3, "Measures of the random shapes", f"{name}-measures")
    yield measures_table(model.levels, found.spreads, {key: one.unit for key, one in found.measures.items()})


def _shapes(found: Findings) -> Iterator[str]:
    model = found.model
    level = model.levels[len(model.levels) // 2]
    yield picture(
        mean_drawing(model, level), f"The mean {level} with its annotations", f"Mean {level}, annotations on."
    )
    yield colour_key(LEGEND)
    variances = model.deviations**2 / model.total_variance
    figures = []
    for mode in range(min(MODES_SHOWN, model.rank)):
        words = f"Mode {mode + 1} of {level}: {percent(variances[mode], 1.0)} of the variance"
        caption = f"{words}. From {-MODE_SD:g} to {MODE_SD:+g} SD most changed: {_most_changed(found, level, mode)}."
        figures.append(picture(mode_drawing(model, level, mode), words, caption))
    yield side_by_side(figures)


def _most_changed(found: Findings, level: str, mode: int) -> str:
    """The measures that a mode changes most, beside how much they differ between random shapes."""
    one = MODE_SD * np.eye(found.model.rank)[mode]
    low, high = (found.model.instance(level, sign * one) for sign in (-1.0, 1.0))
    change = {name: measure.of(high) - measure.of(low) for name, measure in found.measures.items()}
    spread = {name: max(found.spreads[level][name].deviation, 1e-9) for name in change}
    most = sorted(change, key=lambda name: -abs(change[name]) / spread[name])[:MEASURES_NAMED]
    units = {name: found.measures[name].unit for name in most}
    return ", ".join(f"{name.replace('_', ' ')} {change[name]:+.1f} {units[name]}" for name in most)
