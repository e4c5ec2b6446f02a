"""The tables of the atlas's report: who taught, unseen people, random shapes, measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..atlas.population import Published
from .atlas_findings import Findings, Spread
from .atlas_quality import Unseen
from .atlas_samples import GAUGES_MM, WHOLE_SURFACE_EVERY, Looked
from .atlas_words import count_of, grouped, people_at
from .pages import number, paragraph, percent, table

SPARE_MM = 2.0
"""A millimetre of bone on either side: what a plan would ask for."""
HEADER_FACTS: Mapping[str, str] = {
    "rounds": "rounds of correspondence",
    "template": "template",
    "sources": "sources",
    "licence": "licence of the model",
}


def people_tables(found: Findings) -> Iterator[str]:
    """Who taught each level, and what the header says of the whole."""
    rows = [[level, str(len(those)), ", ".join(those) or "–"] for level, those in people_at(found).items()]
    yield table(["level", "people", "who"], rows, text=(2,))
    header = found.model.header
    facts = [[label, _in_words(header[key])] for key, label in HEADER_FACTS.items() if header.get(key)]
    shares: Mapping[str, float] = header.get("shares", {})  # pyright: ignore[reportAssignmentType]
    facts.append(
        ["where the variance comes from", ", ".join(f"{key} {percent(part, 1)}" for key, part in shares.items())]
    )
    facts.append(["spread of size", f"{100 * found.model.log_scale_deviation:.1f} % (1 SD within a level)"])
    yield table(["", ""], facts, text=(1,))


def _in_words(value: object) -> str:
    """A header's entry: lists one by one, what a mapping says under each key."""
    if isinstance(value, Mapping):
        return ", ".join(_said(str(key).replace("_", " "), one) for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(_in_words(part) for part in value)
    return str(value)


def _said(key: str, value: object) -> str:
    if isinstance(value, bool):
        return key if value else f"not {key}"
    return f"{key} {f'{value:.2f}' if isinstance(value, float) else _in_words(value)}"


def unseen_tables(found: Findings) -> Iterator[str]:
    """Generalisation by level, then for every vertebra."""
    head = ["", "vertebrae", "median, mm", "mean, mm", "95 %, mm", "worst median, mm", "Dice", "lowest Dice"]
    groups = grouped(found.model.levels, found.unseen)
    rows = [[name, *_group(those)] for name, those in groups.items()]
    yield table(head, rows, "Unseen people: medians over vertebrae (levels: without fractured ones)", sums=2)
    head = ["person", "level", "Genant", "others with the level", "median, mm", "mean, mm", "95 %, mm", "Dice"]
    yield table(head, [_vertebra(row) for row in found.unseen], "Every vertebra")


def _group(rows: Sequence[Unseen]) -> list[str]:
    medians = [median_of(rows, name) for name in ("median_mm", "mean_mm", "p95_mm")]
    worst = number(max((row.median_mm for row in rows), default=float("nan")))
    lowest = number(min((row.dice for row in rows), default=float("nan")), 3)
    return [str(len(rows)), *medians, worst, median_of(rows, "dice", 3), lowest]


def _vertebra(row: Unseen) -> list[str]:
    graded = "–" if row.genant is None else str(row.genant)
    figures = [number(value) for value in (row.median_mm, row.mean_mm, row.p95_mm)]
    return [row.subject, row.level, graded, str(row.people), *figures, number(row.dice, 3)]


def samples_tables(found: Findings) -> Iterator[str]:
    """What was seen of the random shapes: the surface, then the cannulas."""
    topology, looked = found.topology, found.looked
    right = "closed" if topology.closed else "NOT CLOSED"
    yield paragraph(
        f"All shapes share the template's triangles, so this holds for every one of them: {right}, "
        f"{count_of(topology.parts, 'part')}, genus {topology.genus} "
        f"({'the vertebral foramen is its one hole' if topology.genus == 1 else 'EXPECTED 1: the vertebral foramen'})."
    )
    chosen = {level: looked.levels == level for level in found.model.levels}
    chosen["all"] = np.ones(len(looked.levels), dtype=bool)
    head = ["", "shapes", "in a pedicle or the canal", "anywhere on the surface"]
    rows = [[name, *_surfaces(looked, those)] for name, those in chosen.items()]
    yield table(head, rows, "Shapes that run through themselves", sums=1)
    yield paragraph(f"Anywhere: of one shape in {WHOLE_SURFACE_EVERY} only.", "note")
    head = ["", "pedicles"]
    for name in GAUGES_MM:
        head += [f"{name}: wide enough", "inside of those", f"with {SPARE_MM:g} mm to spare", "inside of those"]
    rows = [[name, f"{2 * those.sum():,}", *_cannulas(looked, those)] for name, those in chosen.items()]
    yield table(head, rows, "Cannulas in pedicles that are wide enough", sums=1)


def _surfaces(looked: Looked, chosen: np.ndarray) -> list[str]:
    searched = looked.crossing_anywhere[chosen & (looked.crossing_anywhere >= 0)]
    crossing = f"{(looked.crossing[chosen] > 0).sum():,}"
    return [f"{chosen.sum():,}", crossing, f"{(searched > 0).sum()} of {len(searched)}"]


def _cannulas(looked: Looked, chosen: np.ndarray) -> list[str]:
    row = []
    for diameter_mm in GAUGES_MM.values():
        inside = looked.inside(diameter_mm)[chosen]
        for spare_mm in (0.0, SPARE_MM):
            wide = looked.wide_enough(diameter_mm + spare_mm)[chosen]
            row += [percent(int(wide.sum()), wide.size), percent(int((inside & wide).sum()), int(wide.sum()))]
    return row


def median_of(rows: Sequence[Unseen], name: str, digits: int = 2) -> str:
    """The median over vertebrae of one of their figures; a dash where there are none."""
    return number(float(np.median([getattr(row, name) for row in rows])), digits) if rows else "–"


def measures_table(levels: Sequence[str], spreads: Mapping[str, Mapping[str, Spread]], units: Mapping[str, str]) -> str:
    """Mean and deviation at each level, samples' above published ones."""
    rows = []
    for name, unit in units.items():
        label = f"{name.replace('_', ' ')}, {unit}"
        found = [spreads[level][name] for level in levels]
        rows.append([label, "samples", *(f"{one.mean:.1f} ± {one.deviation:.1f}" for one in found)])
        if any(one.published for one in found):
            rows.append(["", "published", *(_told(one.published) for one in found)])
    caption = "Mean ± standard deviation; (n) people behind a published figure"
    return table(["measure", "", *levels], rows, caption, text=(1,))


def _told(published: Published | None) -> str:
    if published is None:
        return "–"
    deviation = f" ± {published.deviation:.1f}" if np.isfinite(published.deviation) else ""
    return f"{published.mean:.1f}{deviation} ({published.people})"
