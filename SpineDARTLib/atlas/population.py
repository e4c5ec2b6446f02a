"""What is published of vertebrae in the population: measurements by level, and what fractures take away.

``Resources/atlas/morphometry.csv`` holds one row a measure, level and series (a paper's men and women are two rows of
one series), with its source. Series are combined as in a meta-analysis of random effects (DerSimonian and Laird 1986),
and their disagreement stays on record: published lumbar series differ by more than half of their median.

Left out: endosteal widths (not the outer cortex), pedicle widths below 5 mm at T1 (Chughtai: all others print 9),
Kaur's body height (5 mm above every other series and above the real meshes' largest extent), sagittal pedicle angles
(their signs and reference lines differ), VID's distance from body to pedicles at L5 (its pedicle point lies 5 mm behind
the isthmus there) and above T9 (no mesh tells where the point lies there; it pulled the one real spine's pedicles 4 mm
forward), thoracic canals above T9 (two series of 19 to 23 mm, where real ones and anatomy books have 14 to 18).
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..resources import resource_folder
from ..types import LEVELS

COLUMNS = ("measure", "level", "mean", "deviation", "people", "series", "source")
ANGLES = ("pedicle_transverse_angle", "spinous_process_angle")
"""Measures in degrees, whose deviations do not go with their size."""
UNKNOWN_PEOPLE = 10
"""People behind a series that does not say how many: a small cadaver study."""
USUAL_SHARE = 0.10
"""Deviation between people, relative, to weigh series by where no series of a measure prints one; it stays nan."""
DOUBT: Mapping[str, float] = {
    "body_width": 8.0,
    "lower_endplate_width": 5.0,
    "posterior_height": 1.5,
    "anterior_height": 1.5,
    "canal_width": 1.5,
    "canal_depth": 1.5,
    "pedicle_width": 0.5,
    "pedicle_height": 2.5,
    "pedicle_transverse_angle": 5.0,
    "spinous_process_angle": 12.0,
    "interpedicular_distance": 1.5,
    "body_to_pedicle_distance": 2.0,
}
"""How far a published definition may lie from ours (mm or degrees), on top of what series differ by among themselves.
From the differences to the means of real shapes, T9-L5: papers measure an endplate inside its lip, which meshes have (7
to 8 mm at every level, in the mean of 87 people too); Kaur 2016 does not say where on the body, the pedicle's height is
one of a sagittal slice; the lumbar transverse angles are not verified; a spinous process goes along its upper edge."""
KEYPOINT_NOISE: Mapping[str, float] = {"interpedicular_distance": 1.5, "body_to_pedicle_distance": 2.4}
"""Deviation (mm) of the VID keypoints around our measure of the same vertebra, which is no difference between people:
12 vertebrae T9-L4 of verse004 and verse010, whose meshes share the keypoints' world."""
LEAST_SHARE = 0.7
"""At least this part of a deviation is left when noise is taken out of it: the noise is known from two people."""

FRACTURES: Mapping[str, tuple[float, float, float]] = {
    "wedge": (1.0, 0.6, 0.1),
    "biconcave": (0.4, 1.0, 0.2),
    "crush": (1.0, 1.0, 0.6),
}
"""Share of a fracture's loss that the anterior, middle and posterior height have, by kind (Genant 1993: which height is
lost most is the kind). The shares of the others are near those of real fractured shapes, against the person's own sound
levels or posterior height: wedge verse004 T9 and T10, 013, 023 and 026 L1 (middle 0.3-0.8, posterior 0-0.2); biconcave
007 T12 and L1, 009 L3, 010 L1, 030 L1 (anterior 0-0.7, posterior 0-0.5); crush 004 L1, 009 T5, 012 L1 (anterior
0.6-1.0, posterior 0.4-0.5, where Genant's crush has lost all of it)."""
GRADE_LOSS: Mapping[int, tuple[float, float]] = {1: (0.20, 0.25), 2: (0.25, 0.40), 3: (0.40, 0.60)}
"""Least and largest loss of the height lost most, as a fraction, by grade (Genant 1993, J Bone Miner Res 8:1137). Grade
3 has no end in print; the worst real shapes have lost 0.6 (verse004 L1, verse009 T5)."""


@dataclass(frozen=True)
class Published:
    """What is published of one measure at one level, mm or degrees.

    Attributes:
        measure: as ``measure.Measure.name``.
        level: "T1" ... "L5".
        mean: of all series.
        deviation: standard deviation between people; nan where no series of the measure gives one.
        series_deviation: how far the mean may be off: what series differ by, and a definition that is not quite ours.
        people: in all series together.
    """

    measure: str
    level: str
    mean: float
    deviation: float
    series_deviation: float
    people: int


@dataclass(frozen=True)
class _Series:
    """One series' row; ``deviation`` nan where not printed."""

    measure: str
    level: str
    name: str
    mean: float
    deviation: float
    people: int


def published(level: str, path: Path | None = None) -> Mapping[str, Published]:
    """What is published of a level, by measure; measures that nobody published are not in it.

    Args:
        level: "T1" ... "L5".
        path: a table like the shipped ``morphometry.csv``, which is read when absent.

    Raises:
        InputError: no such level, or a table that cannot be read.
    """
    if level not in LEVELS:
        raise InputError("published morphometry", "level", level, f"one of {', '.join(LEVELS)}")
    return _shipped()[level] if path is None else _by_level(path)[level]


@functools.cache
def _shipped() -> Mapping[str, Mapping[str, Published]]:
    """The shipped table is read once."""
    return _by_level(shipped_table())


def shipped_table() -> Path:
    """The table beside the shipped regions; it travels with every atlas that is built."""
    return resource_folder("atlas") / "morphometry.csv"


def _by_level(path: Path) -> Mapping[str, Mapping[str, Published]]:
    """Level to what is published of it, by measure."""
    series = _one_a_series(_read(path))
    found: dict[str, dict[str, Published]] = {level: {} for level in LEVELS}
    for measure in dict.fromkeys(one.measure for one in series):
        group = [one for one in series if one.measure == measure]
        usual, disagreement = _usual_deviation(group), _usual_disagreement(group)
        for level in LEVELS:
            here = [one for one in group if one.level == level]
            if here:
                found[level][measure] = _combined(measure, here, usual, disagreement)
    return found


def _read(path: Path) -> list[_Series]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise InputError(path, "header", table.fieldnames, ",".join(COLUMNS))
            rows = list(table)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", error, "a readable table of published measurements") from error
    return [_row(path, number, row) for number, row in enumerate(rows, start=2)]


def _row(path: Path, number: int, row: Mapping[str, str]) -> _Series:
    """One line of the table; an empty deviation or number of people is allowed."""
    values = {}
    for field, empty in (("mean", ""), ("deviation", "nan"), ("people", str(UNKNOWN_PEOPLE))):
        try:
            values[field] = float(row[field] or empty)
        except (TypeError, ValueError):
            raise InputError(path, f"line {number}, {field}", row[field], "a number") from None
    if row["measure"] not in DOUBT:
        raise InputError(path, f"line {number}, measure", row["measure"], f"one of {', '.join(DOUBT)}")
    if row["level"] not in LEVELS:
        raise InputError(path, f"line {number}, level", row["level"], f"one of {', '.join(LEVELS)}")
    return _Series(
        row["measure"], row["level"], row["series"], values["mean"], values["deviation"], int(values["people"])
    )


def _one_a_series(rows: Sequence[_Series]) -> list[_Series]:
    """Men and women of a series together: their difference is one between people."""
    groups: dict[tuple[str, str, str], list[_Series]] = {}
    for row in rows:
        groups.setdefault((row.measure, row.level, row.name), []).append(row)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[_Series]) -> _Series:
    people = np.array([row.people for row in group])
    means = np.array([row.mean for row in group])
    mean = float(np.average(means, weights=people))
    variance = float(np.average(np.array([row.deviation for row in group]) ** 2 + (means - mean) ** 2, weights=people))
    first = group[0]
    return _Series(first.measure, first.level, first.name, mean, math.sqrt(variance), int(people.sum()))


def _scale(one: _Series) -> float:
    """What a deviation is relative to."""
    return 1.0 if one.measure in ANGLES else abs(one.mean)


def _usual_deviation(group: Sequence[_Series]) -> float:
    """Deviation between people of a measure over all its levels, relative (angles: degrees); nan without any."""
    known = [one for one in group if math.isfinite(one.deviation)]
    if not known:
        return math.nan
    squares = [(one.deviation / _scale(one)) ** 2 for one in known]
    return math.sqrt(np.average(squares, weights=[one.people for one in known]))


def _usual_disagreement(group: Sequence[_Series]) -> float:
    """Deviation between series of a measure over all levels that several have, relative (angles: degrees)."""
    squares = []
    for level in dict.fromkeys(one.level for one in group):
        here = [one for one in group if one.level == level]
        if len(here) > 1:
            means = np.array([one.mean for one in here]) / np.mean([_scale(one) for one in here])
            squares.append(means.var(ddof=1))
    return math.sqrt(np.mean(squares)) if squares else 0.0


def _combined(measure: str, here: Sequence[_Series], usual: float, disagreement: float) -> Published:
    """Random effects: every series has its own mean around the true one, and its own error around that."""
    means = np.array([one.mean for one in here])
    people = np.array([one.people for one in here])
    scales = np.array([_scale(one) for one in here])
    own = np.array([one.deviation for one in here])
    own = np.where(np.isfinite(own), own, usual * scales)
    errors = np.where(np.isfinite(own), own, USUAL_SHARE * scales) ** 2 / people
    between = _between(means, errors) if len(here) > 1 else (disagreement * scales[0]) ** 2
    weights = 1.0 / (errors + between)
    doubt = math.sqrt(between + 1.0 / weights.sum() + DOUBT[measure] ** 2)
    deviation = math.sqrt(np.average(own**2, weights=people))
    noise = KEYPOINT_NOISE.get(measure, 0.0)
    deviation = math.sqrt(max(deviation**2 - noise**2, (LEAST_SHARE * deviation) ** 2))
    return Published(
        measure, here[0].level, float(np.average(means, weights=weights)), deviation, doubt, int(people.sum())
    )


def _between(means: np.ndarray, errors: np.ndarray) -> float:
    """Variance between series (DerSimonian and Laird 1986), mm2 or degrees2."""
    weights = 1.0 / errors
    total = weights.sum()
    spread = float(weights @ (means - np.average(means, weights=weights)) ** 2)
    return max(0.0, (spread - (len(means) - 1)) / (total - (weights**2).sum() / total))
