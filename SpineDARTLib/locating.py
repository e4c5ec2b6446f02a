"""Where a case's vertebrae are, before any fit: what a person clicked, and what a detector finds in the X-rays.

A click always wins. Without weights of a detector only what was clicked is there, and ``Located.words`` says so. Torch
is imported when a detector is loaded, not with this module.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .config import Settings
from .detect.nouns import Column, Detection
from .detect.propose import join, propose
from .detect.seeds import Proposal, seeds_of
from .detector_in_use import detector_in_use, weights_folder
from .errors import InputError
from .types import LEVELS, Case, Seed

if TYPE_CHECKING:
    from .detect.weights import Detector

LIKELY = 0.2
"""Probability of another shift of all labels from which it is mentioned (``detect.seeds.SURE`` of the rest)."""

CLICKED = "Every level was clicked in two views: no detector was asked."
"""It would only cost time: fits from two clicks came out as well without it (Dice 0.824 and 0.820, 25 vertebrae of two
people it had not seen; ``Testing.benchmarks.automatic_fits``)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Located:
    """Where to start.

    Attributes:
        seeds: of what can be started, head to foot; clicks stay as they were given.
        reasons: level to the sentence that says why it is not among the seeds.
        notes: level to what is in doubt about the name of one that is.
        column: what all views show together; None where no detector looked.
        detections: view name to what the column's ``members`` number: what was detected, then what was clicked.
        words: a sentence or two for a person: what was found, or why nothing was looked for.
        weights: of the detector that looked: folder and SHA-256; empty where none did.
    """

    seeds: tuple[Seed, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    column: Column | None = None
    detections: Mapping[str, tuple[Detection, ...]] = field(default_factory=dict)
    words: str = ""
    weights: Mapping[str, str] = field(default_factory=dict)

    @property
    def looked(self) -> bool:
        """Whether a detector looked at the pictures."""
        return self.column is not None


def locate(
    case: Case,
    settings: Settings,
    levels: Sequence[str] | None = None,
    without: Sequence[str] = (),
    everything: bool = False,
) -> Located:
    """Clicks and detections of a case, joined; its own seeds where there is no detector.

    Args:
        levels: only these, whether the case names them or not; None for the case's, or for whatever is found where
            it names none.
        everything: what was found of levels that nobody asked for, too.
        without: people whom the detector must not have learned from ("auto" does without one that has).

    Raises:
        InputError: a detector that must be there (``settings.detector.use`` "on") and cannot be loaded; a shift that
            leaves the spine; a level without a seed where nothing looks for it.
    """
    steps = locating(case, settings, levels, without, everything)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def locating(
    case: Case,
    settings: Settings,
    levels: Sequence[str] | None = None,
    without: Sequence[str] = (),
    everything: bool = False,
) -> Generator[str, None, Located]:
    """The same step by step: yields the name of each view before the detector looks at it."""
    asked = settings.detector
    check_shift(asked.shift)
    if asked.use == "auto" and not everything and _clicked_throughout(case, levels):
        return _as_clicked(case, levels, CLICKED)
    detector = detector_in_use(asked, settings.device, without)
    if isinstance(detector, str):
        return _as_clicked(case, levels, detector)
    detections: dict[str, tuple[Detection, ...]] = {}
    for view in case.views:
        yield view.name
        detections |= _look(case, view.name, detector)
    missed = [view.name for view in case.views if view.name not in detections]
    found = located_from(case, detections, asked.shift, levels, everything)
    failed = f" The detector failed on {' and '.join(missed)}." if missed else ""
    weights = {"folder": str(weights_folder(asked)), "sha256": str(detector.card.get("sha256", ""))}
    return replace(found, words=found.words + failed, weights=weights)


def check_shift(shift: int) -> None:
    """Raise an InputError where a shift would leave nothing between the first and the last level."""
    if abs(shift) >= len(LEVELS):
        raise InputError("detector", "shift", shift, f"{1 - len(LEVELS)} to {len(LEVELS) - 1} levels")


def _look(case: Case, name: str, detector: Detector) -> dict[str, tuple[Detection, ...]]:
    """What is in one view, by its name; nothing where the detector fails: the other views and clicks still count."""
    from .detect.find import detect

    try:
        return detect([view for view in case.views if view.name == name], detector)
    except Exception as error:  # whatever it is, it is no reason to lose what was clicked
        log.warning("the detector failed on view %s: %s: %s", name, type(error).__name__, error)
        return {}


def located_from(
    case: Case,
    detections: Mapping[str, Sequence[Detection]],
    shift: int = 0,
    levels: Sequence[str] | None = None,
    everything: bool = False,
) -> Located:
    """Clicks of a case joined with what was detected, however it was.

    Args:
        detections: view name to what was found there.
        shift: levels by which a person moves the detector's labels towards the feet. Clicks name their level
            themselves.
        levels: only these.
        everything: what was found of levels that nobody asked for, too.
    """
    asked = _asked(case, levels)
    clicked = any(seed.clicks_px for seed in asked)
    moved = renamed(detections, shift) if clicked else detections
    try:
        column, proposal = propose(moved, case.views, asked, 0 if clicked else shift)
    except Exception as error:
        if not clicked:
            raise
        log.warning("clicks and detections could not be joined: %s: %s", type(error).__name__, error)
        failed = "What was detected could not be joined with the clicks; vertebrae are started from the clicks alone."
        return _as_clicked(case, levels, failed)
    joined = join(moved, case.views, asked)
    if everything and asked:
        proposal = _with(proposal, seeds_of(column, joined, case.views), {seed.level for seed in asked})
    wanted = set(LEVELS if everything or not asked else levels or [seed.level for seed in asked])
    seeds = tuple(_own_or_joined(seed, asked) for seed in proposal.seeds if seed.level in wanted)
    reasons = {level: why for level, why in proposal.reasons.items() if level in wanted}
    notes = {seed.level: proposal.notes[seed.level] for seed in seeds if _in_doubt(seed, proposal.notes)}
    return Located(seeds, reasons, notes, column, joined, found_words(column, case))


def _with(asked: Proposal, found: Proposal, levels: Collection[str]) -> Proposal:
    """What was asked for, and what was found beside these levels."""
    seeds = (*asked.seeds, *(seed for seed in found.seeds if seed.level not in levels))
    reasons = {level: why for level, why in found.reasons.items() if level not in levels} | dict(asked.reasons)
    ordered = {level: reasons[level] for level in sorted(reasons, key=LEVELS.index)}
    in_order = tuple(sorted(seeds, key=lambda seed: LEVELS.index(seed.level)))
    return Proposal(in_order, ordered, {**found.notes, **asked.notes})


def renamed(detections: Mapping[str, Sequence[Detection]], shift: int) -> dict[str, tuple[Detection, ...]]:
    """The same detections, each called so many levels nearer to the feet; beyond the ends, the end."""

    def moved(one: Detection) -> Detection:
        places = np.clip(np.arange(len(LEVELS)) + shift, 0, len(LEVELS) - 1)
        chances = np.bincount(places, one.level_probabilities, len(LEVELS))
        return replace(one, level_probabilities=chances)

    return {name: tuple(map(moved, found)) for name, found in detections.items()}


def _asked(case: Case, levels: Sequence[str] | None) -> tuple[Seed, ...]:
    """The case's seeds, whose clicks say where the others are, and those that are asked for beside them."""
    named = {seed.level for seed in case.seeds}
    return (*case.seeds, *(Seed(level) for level in levels or () if level not in named))


def _own_or_joined(seed: Seed, asked: Sequence[Seed]) -> Seed:
    """A seed as it was clicked where the detector adds nothing to it."""
    if len(seed.clicks_px) < 2 or seed.landmarks_px:
        return seed
    return next(one for one in asked if one.level == seed.level)


def _in_doubt(seed: Seed, notes: Mapping[str, str]) -> bool:
    """Whether a level's name is in doubt: of what a person clicked in two views it is not."""
    return seed.level in notes and len(seed.clicks_px) < 2


def start_of(seed: Seed) -> str:
    """What a fit from this seed begins from: "clicks", "detected" or "clicks and detected"."""
    if not seed.clicks_px:
        return "detected"
    return "clicks and detected" if seed.landmarks_px or seed.place is not None else "clicks"


def _clicked_throughout(case: Case, levels: Sequence[str] | None) -> bool:
    """Whether a person has clicked all that is asked for, each in several views."""
    clicks = {seed.level: len(seed.clicks_px) for seed in case.seeds}
    wanted = levels or list(clicks)
    return bool(wanted) and all(clicks.get(level, 0) > 1 for level in wanted)


def _as_clicked(case: Case, levels: Sequence[str] | None, why: str) -> Located:
    """The case's own seeds."""
    by_level = {seed.level: seed for seed in case.seeds}
    missing = [level for level in levels or () if level not in by_level]
    if missing:
        expected = f"levels of the case ({', '.join(by_level) or 'it names none'})"
        raise InputError("--levels", "", ",".join(missing), expected)
    wanted = sorted(levels or by_level, key=LEVELS.index)
    return Located(tuple(by_level[level] for level in dict.fromkeys(wanted)), words=why)


def require_something(case: Case, located: Located) -> None:
    """Raise an InputError where nothing was clicked and no detector looked."""
    if not located.seeds and not located.looked:
        where = case.folder / "case.json" if case.folder else case.id
        expected = f"a level with a click on its centre in each view ({located.words})"
        raise InputError(where, "vertebrae", "nothing", expected)


def found_words(column: Column, case: Case) -> str:
    """What a column holds, for a person."""
    views = [view.name for view in case.views]
    everywhere = " and ".join([", ".join(views[:-1]), views[-1]]) if len(views) > 1 else views[0]
    if not column.vertebrae:
        return f"No vertebra was found in {everywhere}."
    several = sum(len(one.members) > 1 for one in column.vertebrae)
    levels = [one.level for one in column.vertebrae]
    count = f"{len(levels)} vertebrae, {levels[0]} to {levels[-1]}" if len(levels) > 1 else levels[0]
    return f"Found {count}; {several} of {len(levels)} in two views or more.{_shift_words(column)}"


def _shift_words(column: Column) -> str:
    """Where all labels may be wrong together, how; "" where they seem right."""
    other, share = max(((by, share) for by, share in column.shifts.items() if by), key=lambda one: one[1],
                       default=(0, 0.0))  # fmt: skip
    if share < LIKELY:
        return ""
    count, side = f"{abs(other)} level" + "s" * (abs(other) > 1), "head" if other > 0 else "feet"
    return f" All labels may be {count} too near the {side} ({share:.0%}): shift them if so."
