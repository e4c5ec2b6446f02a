"""What a region's figures mean, in plain words made from the figures themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .atlas_findings import Findings
from .atlas_quality import Unseen
from .atlas_samples import GAUGES_MM

GOAL_VARIANCE, GOAL_MEDIAN_MM, GOAL_DICE, GOAL_INSIDE = 0.95, 1.0, 0.90, 0.95
FEW_PEOPLE = 3
"""With fewer people than this a level's mean is more theirs than the level's."""


def verdict(found: Findings) -> tuple[str, ...]:
    """Sentences: whom it has learned from, what it is good for, what not."""
    return tuple(
        line for line in (_taught(found), _good(found), _bad(found), _fractures(found), _random(found)) if line
    )


def people_at(found: Findings) -> dict[str, tuple[str, ...]]:
    """Level to the single people whose vertebra of it the model has learned from."""
    samples = found.region.samples
    return {
        level: tuple(
            subject
            for subject, at, count in zip(samples.subjects, samples.levels, samples.counts, strict=True)
            if at == level and count == 1
        )
        for level in found.model.levels
    }


def grouped(levels: Sequence[str], rows: Iterable[Unseen]) -> dict[str, list[Unseen]]:
    """Level to its measured vertebrae that are not fractured; then "intact" and "fractured" to those of all levels."""
    measured = [row for row in rows if row.measured]
    intact = [row for row in measured if not row.fractured]
    groups = {level: [row for row in intact if row.level == level] for level in levels}
    return groups | {"intact": intact, "fractured": [row for row in measured if row.fractured]}


def within_goals(rows: Sequence[Unseen]) -> bool:
    """Whether the median over some vertebrae reaches both goals."""
    return bool(
        rows
        and np.median([row.median_mm for row in rows]) <= GOAL_MEDIAN_MM
        and np.median([row.dice for row in rows]) >= GOAL_DICE
    )


def modes_needed(shares: np.ndarray) -> int | None:
    """How many modes hold ``GOAL_VARIANCE``; None when those looked at do not."""
    enough = np.flatnonzero(shares >= GOAL_VARIANCE)
    return int(enough[0]) + 1 if len(enough) else None


def listed(names: Sequence[str]) -> str:
    """ "L1, L2 and L3"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def count_of(number: int, one: str, many: str = "") -> str:
    """ "1 person", "3 people"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _taught(found: Findings) -> str:
    people = people_at(found)
    everybody = {subject for subjects in people.values() for subject in subjects}
    shapes = sum(len(subjects) for subjects in people.values())
    words = f"{found.model.region}: learned from {count_of(shapes, 'vertebra', 'vertebrae')} of "
    words += count_of(len(everybody), "person", "people")
    words += f" ({', '.join(f'{level} of {len(subjects)}' for level, subjects in people.items())})"
    supporting = sum(level not in found.model.levels for level in found.region.samples.levels)
    words += f"; {count_of(supporting, 'vertebra', 'vertebrae')} of other levels lend support" if supporting else ""
    nobody = [level for level, subjects in people.items() if not subjects]
    few = [level for level, subjects in people.items() if 0 < len(subjects) < FEW_PEOPLE]
    words += f". {listed(nobody)} of nobody: borrowed from the levels beside" if nobody else ""
    words += f". {listed(few)} of fewer than {FEW_PEOPLE} people: the rest of its variation is borrowed" if few else ""
    return words + "."


def _good(found: Findings) -> str:
    groups, people = grouped(found.model.levels, found.unseen), people_at(found)
    good = [at for at in found.model.levels if within_goals(groups[at]) and len(people[at]) >= FEW_PEOPLE]
    if not good:
        return "Good for: nothing yet that is proven; no level reaches the goals in enough people."
    rows = [row for level in good for row in groups[level]]
    return (
        f"Good for: {listed(good)} without fractures. A person's vertebra that the model has not seen is represented "
        f"to {np.median([row.median_mm for row in rows]):.2f} mm (median surface distance) with a Dice of "
        f"{np.median([row.dice for row in rows]):.2f}; the goals are {GOAL_MEDIAN_MM:.1f} mm and {GOAL_DICE:.2f}."
    )


def _bad(found: Findings) -> str:
    groups, people = grouped(found.model.levels, found.unseen), people_at(found)
    reasons = []
    for level in found.model.levels:
        rows, known = groups[level], len(people[level])
        if not rows:
            reasons.append(f"{level} (nobody's to test it on)")
        elif not within_goals(rows):
            distance, dice = np.median([[row.median_mm, row.dice] for row in rows], axis=0)
            reasons.append(f"{level} ({distance:.2f} mm, Dice {dice:.3f})")
        elif known < FEW_PEOPLE:
            reasons.append(f"{level} (within the goals, but in {count_of(known, 'person', 'people')} only)")
    return f"Not to be relied on: {'; '.join(reasons)}." if reasons else ""


def _fractures(found: Findings) -> str:
    rows = grouped(found.model.levels, found.unseen)["fractured"]
    if not rows:
        graded = any(row.genant is not None for row in found.unseen)
        return f"Fractured vertebrae: {'none' if graded else 'none known'} among the stored shapes; nothing is proven."
    distance, dice = np.median([[row.median_mm, row.dice] for row in rows], axis=0)
    people = count_of(len({row.subject for row in rows}), "person", "people")
    return (
        f"Fractured vertebrae (Genant 2 or 3): {distance:.2f} mm, Dice {dice:.2f} over {len(rows)} of {people} whom "
        f"the model has not seen; {'within' if within_goals(rows) else 'outside'} the goals for intact ones."
    )


def _random(found: Findings) -> str:
    looked = found.looked
    crossing = int((looked.crossing > 0).sum())
    words = f"Random shapes: {crossing:,} of {len(looked.levels):,} run through themselves in a pedicle or the canal"
    for name, diameter_mm in GAUGES_MM.items():
        inside, wide = inside_where_wide(found, diameter_mm)
        words += f"; the {name} cannula stays inside in {100 * inside / wide:.1f} % of " if wide else "; "
        words += f"{wide:,} pedicles wide enough for {name}" if wide else f"no pedicle is wide enough for {name}"
    return words + "."


def inside_where_wide(found: Findings, diameter_mm: float) -> tuple[int, int]:
    """How many cannulas stay inside, of how many pedicles that are wide enough, both sides counted."""
    wide = found.looked.wide_enough(diameter_mm)
    return int((found.looked.inside(diameter_mm) & wide).sum()), int(wide.sum())
