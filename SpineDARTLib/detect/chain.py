"""The likeliest column among candidates: a path from head to foot, found exactly by dynamic programming over
(candidate, level), never greedily; and how likely each level is along it, by the forward-backward algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import LEVELS
from .candidates import Candidate
from .links import step

LONGEST_GAP = 4
"""Levels from one found vertebra to the next at most."""

OVERLOOKED = float(np.log(0.06))
"""Log probability that a vertebra inside the column was found in no view."""

START = float(-np.log(120.0**3))
"""Log density (1/mm3) of where a column begins."""

LEAST_STEP_MM = 8.0
"""Two body centres are not nearer to each other than this."""

FARTHEST = 6.0
"""Deviations along any axis beyond which a step is not looked at."""

MOST_TRIED = 60
"""Paths searched for one that uses no detection twice."""

STEP = 4.0
"""By which the price of a detection that is used twice rises at first."""

IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Chain:
    """A path: which candidates, head to foot, at which levels (0 = T1), and its log evidence."""

    chosen: tuple[int, ...]
    levels: tuple[int, ...]
    evidence: float


def links(found: Sequence[Candidate], next_below: np.ndarray | float = 0.0) -> dict[tuple[int, int], np.ndarray]:
    """(level above, levels between) to (candidates above, below) log density of the step from one to the other.

    Args:
        next_below: (candidates, candidates) what else speaks for the second as the next below the first
            (``candidates.neighbourly``).
    """
    centres = np.array([one.centre_mm for one in found])
    spreads = np.array([one.covariance_mm2 for one in found])
    above, below = np.nonzero(_apart(found))
    steps = centres[below] - centres[above]
    variances = spreads.diagonal(axis1=1, axis2=2)
    axes = variances[above] + variances[below]
    result = {}
    for upper in range(len(LEVELS) - 1):
        for count in range(1, min(LONGEST_GAP, len(LEVELS) - 1 - upper) + 1):
            mean, spread = step(upper, count)
            table = np.full((len(found), len(found)), IMPOSSIBLE)
            near = np.abs(steps - mean) < FARTHEST * np.sqrt(axes + np.diag(spread))
            near = np.flatnonzero(near.all(1))
            upper_one, lower_one = above[near], below[near]
            together = spreads[upper_one] + spreads[lower_one] + spread
            table[upper_one, lower_one] = _log_density(steps[near] - mean, together)
            result[upper, count] = table + (next_below if count == 1 else (count - 1) * OVERLOOKED)
    return result


def _apart(found: Sequence[Candidate]) -> np.ndarray:
    """(candidates, candidates) bool: the second may be below the first; no detection is two vertebrae."""
    centres = np.array([one.centre_mm for one in found])
    several = np.array([len(one.members) > 1 for one in found])
    certain = several[:, None] & several[None]
    lower = centres[:, None, 2] - centres[None, :, 2]
    apart = np.where(certain, np.linalg.norm(centres[:, None] - centres[None], axis=-1), np.inf)
    possible = (lower > np.where(certain, 0.0, -60.0)) & (lower < 220.0) & (apart > LEAST_STEP_MM)
    places = {place for one in found for place in one.members}
    for place in places:
        members = np.array([one.members.get(place, -1) for one in found])
        possible &= (members[:, None] != members[None]) | (members[:, None] < 0)
    return possible


def _log_density(offsets: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """(n,) log of the normal density of (n, 3) offsets with (n, 3, 3) covariances."""
    solved = np.linalg.solve(covariances, offsets[..., None])[..., 0]
    squared = (offsets * solved).sum(-1)
    return -0.5 * (squared + np.log(np.linalg.det(covariances)) + 3 * np.log(2 * np.pi))


def likeliest(found: Sequence[Candidate], labels: np.ndarray, tables: dict[tuple[int, int], np.ndarray]) -> Chain:
    """The path of the greatest evidence; empty where no detection is likelier a vertebra than not.

    A path may not use a detection twice, which dynamic programming alone cannot know: detections have prices, which
    rise while they are used twice and fall while they are not used (Lagrangian relaxation, Held and Karp 1971). Where
    beams meet at a good angle the first path is without fault already.

    Args:
        labels: (candidates, 17) log of how much likelier each level is than any.
        tables: see ``links``.
    """
    members = sorted({member for one in found for member in one.members.items()})
    uses = np.array([[member in one.members.items() for member in members] for one in found], dtype=np.float64)
    price, best = np.zeros(len(members)), Chain((), (), -np.inf)
    for tried in range(MOST_TRIED):
        path = _viterbi(found, labels - (uses @ price)[:, None], tables)
        used = uses[list(path.chosen)].sum(0)
        clean = _once(path, found, labels, tables)
        if clean.evidence > best.evidence:
            best = clean
        if (used <= 1).all() and (price[used < 1] == 0).all():
            break
        price = np.maximum(price + STEP / np.sqrt(1 + tried) * (used - 1), 0.0)
    return best


def _once(
    path: Chain, found: Sequence[Candidate], labels: np.ndarray, tables: dict[tuple[int, int], np.ndarray]
) -> Chain:
    """The path of the greatest evidence that keeps to one path's candidates and uses each detection once."""
    banned: set[int] = set()
    while True:
        kept = [one for one in path.chosen if one not in banned]
        twice = _used_twice([found[one] for one in kept])
        if twice is None:
            return _among(kept, found, labels, tables)
        banned.add(min((kept[place] for place in twice), key=lambda one: found[one].evidence))


def _among(
    kept: Sequence[int], found: Sequence[Candidate], labels: np.ndarray, tables: dict[tuple[int, int], np.ndarray]
) -> Chain:
    """The path of the greatest evidence among some of the candidates."""
    if not kept:
        return Chain((), (), 0.0)
    index = np.ix_(list(kept), list(kept))
    path = _viterbi(
        [found[one] for one in kept], labels[list(kept)], {key: table[index] for key, table in tables.items()}
    )
    return Chain(tuple(kept[one] for one in path.chosen), path.levels, path.evidence)


def _viterbi(found: Sequence[Candidate], labels: np.ndarray, tables: dict[tuple[int, int], np.ndarray]) -> Chain:
    """The path of the greatest evidence, though it may use a detection twice (neighbours never do)."""
    own = np.array([one.evidence for one in found])[:, None] + labels
    best = own + START
    before = np.full((len(found), len(LEVELS), 2), -1)
    for level in range(1, len(LEVELS)):
        for count in range(1, min(LONGEST_GAP, level) + 1):
            total = best[:, level - count, None] + tables[level - count, count]
            previous = total.argmax(0)
            score = total[previous, np.arange(len(found))] + own[:, level]
            better = score > best[:, level]
            best[better, level] = score[better]
            before[better, level] = np.stack([previous, np.full(len(found), level - count)], axis=1)[better]
    place, level = (int(index) for index in np.unravel_index(best.argmax(), best.shape))
    if best[place, level] <= 0:
        return Chain((), (), 0.0)
    path, evidence = [], float(best[place, level])
    while place >= 0:
        path.append((place, level))
        place, level = (int(value) for value in before[place, level])
    return Chain(tuple(one for one, _ in path[::-1]), tuple(level for _, level in path[::-1]), evidence)


def _used_twice(path: Sequence[Candidate]) -> tuple[int, int] | None:
    """Two places on a path that use the same detection."""
    seen: dict[tuple[int, int], int] = {}
    for place, one in enumerate(path):
        for member in one.members.items():
            if member in seen:
                return seen[member], place
            seen[member] = place
    return None


def level_evidence(own: np.ndarray, moves: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
    """Log evidence of a path over all levels that it may have, and (members, 17) how likely each of these is.

    Args:
        own: (members, 17) log of how much likelier each level is than any.
        moves: from each member to the next, see ``moves_along``.
    """
    count, levels = own.shape
    forward, backward = own.copy(), np.zeros_like(own)
    for place in range(1, count):
        forward[place] = own[place] + _log_sum(forward[place - 1][:, None] + moves[place - 1], 0)
    for place in range(count - 2, -1, -1):
        backward[place] = _log_sum(moves[place] + (own[place + 1] + backward[place + 1])[None], 1)
    joint = forward + backward
    total = float(_log_sum(joint[:1], 1)[0])
    shares = np.exp(joint - _log_sum(joint, 1)[:, None])
    return total, shares.reshape(count, levels)


def moves_along(chain: Chain, tables: dict[tuple[int, int], np.ndarray]) -> list[np.ndarray]:
    """(17, 17) log density of each step of a path for every pair of levels."""
    return [_moves(tables, one, other) for one, other in zip(chain.chosen, chain.chosen[1:], strict=False)]


def _moves(tables: dict[tuple[int, int], np.ndarray], above: int, below: int) -> np.ndarray:
    """(17, 17) log density of the step for every pair of levels."""
    moves = np.full((len(LEVELS), len(LEVELS)), IMPOSSIBLE)
    for (upper, count), table in tables.items():
        moves[upper, upper + count] = table[above, below]
    return moves


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    top = values.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(values - top).sum(axis=axis))
