"""One column from all views' detections: which belong together, which are false, and which level each one is.

Everything is weighed as likelihoods and decided together: how well rays meet, what the detector calls each vertebra,
how centres follow each other down a spine, what was missed. A detector tends to be wrong for a whole picture at once,
by one level: that is one unknown a view here, with its own probability, so that views that disagree leave the labels
unsure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from ..types import LEVELS, View
from .candidates import Candidate, candidates, neighbourly
from .chain import Chain, level_evidence, likeliest, links, moves_along
from .links import Place, smooth
from .nouns import Column, Detection, MatchedVertebra

VIEW_SHIFTS: Mapping[int, float] = {-1: 0.25, 0: 0.50, 1: 0.25}
"""How likely a detector has counted one picture's vertebrae so many levels too far towards the feet."""

MISTAKEN = 0.02
"""Share of detections whose level probabilities mean nothing."""

CLICK_MISTAKEN = 1e-4
"""The same of a person's click."""

TRUST = 0.2
"""Neighbours' labels in one picture come from much the same evidence: each counts less than one of its own. Of 104
pictures, half of them of people never learned from, the shipped network labelled 38 rightly, 74 to within one level and
others up to four off, their vertebrae mostly alike; true levels were likeliest with 0.2, the shifts and the mistaken
share above (``Testing.benchmarks.fit_matching``), and with these the most drawn people were started."""

LEAST_EVIDENCE = 8.0
"""Of a column that several views show. Pictures of no spine (``Testing.benchmarks.strange_pictures``: noise, drawings,
hearts, a skull) gave up to 2.5 and, mixed at random, in one of 60 pairs 14.5: such a fit ends in low confidence."""

SHIFTS = range(-3, 4)
"""Of the whole column, whose probability is told."""

MANY_VIEWS = 4
"""With more, at most one view is taken to be shifted: three to the power of the views would be too many to try."""


def match(detections: Mapping[str, Sequence[Detection]], views: Sequence[View]) -> Column:
    """Join the detections of all views to one column.

    Args:
        detections: view name to what was found there, in any order, false ones and gaps among them.
        views: of the case; those without detections count as having missed what they should show.

    Returns:
        the column; empty where nothing was found.
    """
    seen = [tuple(detections.get(view.name, ())) for view in views]
    found = candidates(seen, views)
    if not found:
        return Column(())
    tables = links(found, neighbourly(found, seen))
    shifts = _view_shifts(len(views))
    tried = [(likeliest(found, _labels(found, seen, one), tables), one) for one in shifts if np.count_nonzero(one) < 2]
    chain, pairing = _likeliest([(one, one.evidence + _prior(shift)) for one, shift in tried])
    if not chain.chosen or _refused(chain, found, seen):
        unused = {view.name: tuple(range(len(one))) for view, one in zip(views, seen, strict=True)}
        return Column((), unused=unused, evidence=chain.evidence)
    return replace(_column(chain, found, seen, views, tables), pairing=pairing, evidence=chain.evidence)


def _refused(chain: Chain, found: Sequence[Candidate], seen: Sequence[Sequence[Detection]]) -> bool:
    """Whether a column that several views show is too weak to be one, and no person clicked anything. What one view
    alone shows is never started, so it need not be refused."""
    several = any(len(found[one].members) > 1 for one in chain.chosen)
    return several and chain.evidence < LEAST_EVIDENCE and not any(one.clicked for each in seen for one in each)


def _likeliest(tried: Sequence[tuple[Chain, float]]) -> tuple[Chain, float]:
    """The best chain, and how likely its pairing of detections is against the others that were found: a spine repeats
    itself, and views that differ along it only can be paired one level off."""
    best = max(tried, key=lambda pair: pair[1])
    by_pairing: dict[tuple[int, ...], float] = {}
    for chain, evidence in tried:
        by_pairing[chain.chosen] = max(evidence, by_pairing.get(chain.chosen, -np.inf))
    return best[0], float(1.0 / sum(np.exp(evidence - best[1]) for evidence in by_pairing.values()))


def _column(
    chain: Chain,
    found: Sequence[Candidate],
    seen: Sequence[Sequence[Detection]],
    views: Sequence[View],
    tables: dict[tuple[int, int], np.ndarray],
) -> Column:
    """What a chain says, its labels weighed once more over all that views may have got wrong."""
    shifts = _view_shifts(len(views))
    chosen, moves = [found[one] for one in chain.chosen], moves_along(chain, tables)
    weighed = [level_evidence(_labels(chosen, seen, one), moves) for one in shifts]
    logs = np.array([total + _prior(one) for (total, _), one in zip(weighed, shifts, strict=True)])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    shares = np.einsum("s,skl->kl", weights, np.stack([share for _, share in weighed]))
    whole = _whole_shifts(chain, shares)
    by = max(whole, key=lambda one: whole[one])
    numbers = [level + by for level in chain.levels]
    off = {
        view.name: float(sum(weight for weight, one in zip(weights, shifts, strict=True) if one[place] != 0))
        for place, view in enumerate(views)
    }
    return Column(
        _vertebrae(numbers, chosen, shares, views),
        {shift - by: share for shift, share in whole.items()},
        off,
        _unused(chosen, seen, views),
        _expected(numbers, chosen),
    )


def _view_shifts(count: int) -> list[tuple[int, ...]]:
    """Every combination of shifts of the views, or those with one shifted view where there are many."""
    every = product(VIEW_SHIFTS, repeat=count) if count <= MANY_VIEWS else _one_shifted(count)
    return list(every)


def _one_shifted(count: int) -> list[tuple[int, ...]]:
    none = (0,) * count
    return [none, *(none[:place] + (by,) + none[place + 1 :] for place in range(count) for by in (-1, 1))]


def _prior(shifts: Sequence[int]) -> float:
    return float(sum(np.log(VIEW_SHIFTS[by]) for by in shifts))


def _labels(found: Sequence[Candidate], seen: Sequence[Sequence[Detection]], shifts: Sequence[int]) -> np.ndarray:
    """(candidates, 17) log of how much likelier each level is than any, if each view was labelled so far off."""
    count = len(LEVELS)
    tables = []
    for one, by in zip(seen, shifts, strict=True):
        told = np.zeros((len(one), count))
        source = np.arange(count) + by
        inside = (source >= 0) & (source < count)
        for row, detection in enumerate(one):
            told[row, inside] = np.asarray(detection.level_probabilities)[source[inside]]
        table = TRUST * np.log((1 - MISTAKEN) * told * count + MISTAKEN)
        for row, detection in enumerate(one):
            if detection.clicked:
                table[row] = np.log(count * np.asarray(detection.level_probabilities) + CLICK_MISTAKEN)
        tables.append(table)
    return np.array([sum(tables[place][index] for place, index in one.members.items()) for one in found])


def _whole_shifts(chain: Chain, shares: np.ndarray) -> dict[int, float]:
    """How many levels the column as labelled by the chain may have to move, by what its vertebrae say on average."""
    total = {}
    for by in SHIFTS:
        numbers = np.array(chain.levels) + by
        if numbers[0] >= 0 and numbers[-1] < len(LEVELS):
            total[by] = float(np.mean(shares[np.arange(len(numbers)), numbers]))
    scale = sum(total.values())
    return {by: share / scale for by, share in total.items()} if scale > 0 else {0: 1.0}


def _vertebrae(
    numbers: Sequence[int], chosen: Sequence[Candidate], shares: np.ndarray, views: Sequence[View]
) -> tuple[MatchedVertebra, ...]:
    smoothed = smooth(_places(numbers, chosen), numbers[0], numbers[-1])
    return tuple(
        MatchedVertebra(
            LEVELS[number],
            share,
            {views[place].name: index for place, index in one.members.items()},
            *smoothed[number],
            one.centre_mm if len(one.members) > 1 else None,
        )
        for number, one, share in zip(numbers, chosen, shares, strict=True)
    )


def _places(numbers: Sequence[int], chosen: Sequence[Candidate]) -> dict[int, Place]:
    return {number: (one.centre_mm, one.covariance_mm2) for number, one in zip(numbers, chosen, strict=True)}


def _expected(numbers: Sequence[int], chosen: Sequence[Candidate]) -> dict[str, Place]:
    """Where unseen levels should be: inside the column, and the next one at each end."""
    first, last = max(numbers[0] - 1, 0), min(numbers[-1] + 1, len(LEVELS) - 1)
    smoothed = smooth(_places(numbers, chosen), first, last)
    return {LEVELS[number]: place for number, place in smoothed.items() if number not in numbers}


def _unused(
    chosen: Sequence[Candidate], seen: Sequence[Sequence[Detection]], views: Sequence[View]
) -> dict[str, tuple[int, ...]]:
    return {
        view.name: tuple(
            index for index in range(len(one)) if not any(each.members.get(place) == index for each in chosen)
        )
        for place, (view, one) in enumerate(zip(views, seen, strict=True))
    }
