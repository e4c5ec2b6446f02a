"""How views stand to each other, from points that were clicked in several of them.

For X-rays that share no frame: a table that moved between two runs, a C-arm without a common isocentre. Wrong clicks
are found by RANSAC (Fischler and Bolles 1981) on the linearised problem, then cameras and points are adjusted together
(``bundle``) under what is known of the C-arm. The first view is the anchor: the world stays with it. Clicks alone never
tell how large the patient is: that comes from the prior on the cameras' places, and is said where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
from scipy.special import chdtri

from ..types import View
from .bundle import Bundle, adjust, correction, reduced, triangulated
from .camera_prior import CameraPrior, pivot_of
from .essential import open_starts
from .recovered import LEAST_POINTS, Recovered, Solution, judged

SUBSETS = 300
"""Most subsets that RANSAC tries: with a third of the clicks wrong, five right ones are drawn 40 times among them."""

OUTLIER = 0.003
"""Share of right clicks that may be called wrong."""

LOOSE_DEG = 20.0
"""Turns less well known than this are looked for from nothing too."""

HOLD = 10.0
"""Precision with which a number that no prior holds is held by one step of RANSAC: 0.3 rad, 30 mm."""

ROUNDS = 4
"""Most adjustments, each with the clicks that agreed with the one before."""

DISTINCT_DEG = 10.0
AS_GOOD = 4.5
"""Two solutions that differ by more than this angle and by less than this cost (three standard deviations) are both
possible."""


def recover(
    pixels: np.ndarray,
    views: Sequence[View],
    prior: CameraPrior | None = None,
    sigma_px: float = 1.5,
    seed: int = 0,
) -> Recovered:
    """The cameras and points that explain clicks on corresponding points.

    Args:
        pixels: (points, views, 2) u, v; NaN where a point was not seen.
        views: two or more, with cameras as given; the first is the anchor and stays.
        prior: how well those cameras are known; None is 5 mm and 2 degrees. ``rotation_deg=inf`` with a finite
            ``translation_mm`` is a C-arm whose angles are unknown but whose isocentre was kept.
        sigma_px: standard deviation of a click along either axis.
        seed: of RANSAC.

    Raises:
        ValueError: fewer than two views or five points seen in two of them (eight, where the angles are unknown),
            shapes that do not fit, or a standard deviation that is not positive.
    """
    prior = prior or CameraPrior()
    bundle = Bundle(tuple(views), _checked(pixels, views, sigma_px), sigma_px, prior, pivot_of(views, prior))
    loose = prior.rotation_deg > LOOSE_DEG
    starts = [np.zeros(bundle.free.sum())]
    if loose:
        starts += open_starts(bundle)
    solutions = sorted((_solve(bundle, start, seed) for start in starts), key=lambda one: one.cost)
    best = solutions[0]
    return judged(bundle, best, _rival(bundle, solutions), _mirrored(bundle, best, seed))


def _checked(pixels: np.ndarray, views: Sequence[View], sigma_px: float) -> np.ndarray:
    """The clicks, of which enough can be used."""
    pixels = np.asarray(pixels, dtype=np.float64)
    if len(views) < 2:
        raise ValueError(f"got {len(views)} view; expected two or more")
    if pixels.ndim != 3 or pixels.shape[1:] != (len(views), 2):
        raise ValueError(f"got clicks of shape {pixels.shape}; expected (points, {len(views)}, 2)")
    if not sigma_px > 0:
        raise ValueError(f"got sigma_px {sigma_px}; expected a standard deviation above 0")
    seen = np.all(np.isfinite(pixels), axis=-1)
    if (usable := int((seen.sum(1) >= 2).sum())) < LEAST_POINTS:
        raise ValueError(f"got {usable} points seen in two views or more; expected {LEAST_POINTS} or more")
    shared = seen[seen.sum(1) >= 2].any(0)
    for view, useful in zip(views, shared, strict=True):
        if not useful:
            raise ValueError(f"got no point of view {view.name} that another view shows; expected five or more")
    return np.where(seen[..., None], pixels, np.nan)


def _solve(bundle: Bundle, start: np.ndarray, seed: int) -> Solution:
    """The optimum near a start, wrong clicks left out."""
    parameters, inliers = start, bundle.seen.sum(1) >= 2
    for _ in range(2):  # the second round linearises nearer to the answer
        parameters, inliers = _consensus(bundle, parameters, np.random.default_rng(seed))
    for _ in range(ROUNDS):
        used = inliers
        part = replace(bundle, pixels=bundle.pixels[used])
        adjusted = adjust(part, parameters, triangulated(part, parameters))
        parameters = adjusted.parameters
        squares, limits = _squares(bundle, parameters)
        inliers = squares < limits
        if inliers.sum() < LEAST_POINTS or (inliers == used).all():
            break
    points = triangulated(bundle, parameters)
    points[used] = adjusted.points_mm
    cost = 0.5 * np.minimum(squares, limits).sum() + 0.5 * (bundle.weights * parameters**2).sum()
    return Solution(parameters, points, inliers & used, float(cost))


def _squares(bundle: Bundle, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(points,) squared errors in standard deviations, and the limits above which a click is wrong; where fewer than
    two views saw a point, both are zero."""
    usable = bundle.seen.sum(1) >= 2
    squares, limits = np.zeros(len(usable)), np.zeros(len(usable))
    part = replace(bundle, pixels=bundle.pixels[usable])
    errors, _ = reduced(part, parameters, triangulated(part, parameters))
    squares[usable] = (errors**2).sum(1)
    limits[usable] = chdtri(2 * part.seen.sum(1) - 3, OUTLIER)
    return squares, limits


def _consensus(bundle: Bundle, parameters: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """RANSAC on the problem linearised at ``parameters``: the most probable cameras of small subsets of the clicks, the
    subset with which most others agree; its cameras, and who agrees."""
    usable = np.flatnonzero(bundle.seen.sum(1) >= 2)
    part = replace(bundle, pixels=bundle.pixels[usable])
    errors, slopes = reduced(part, parameters, triangulated(part, parameters))
    limits = chdtri(2 * part.seen.sum(1) - 3, OUTLIER)
    normal, target = slopes.swapaxes(1, 2) @ slopes, -(errors[:, None] @ slopes)[:, 0]
    # What no prior holds is held where it is: the problem is straight only near there.
    hold = np.where(bundle.weights > 0, 1.0, HOLD)
    middle = np.where(bundle.weights > 0, 0.0, parameters)
    subsets = _subsets(len(usable), int(np.clip(len(usable) - 2, 3, LEAST_POINTS)), generator)
    precision = np.einsum("sn,nij->sij", subsets, normal) + np.diag(hold)
    pull = subsets @ target + hold * (middle - parameters)
    steps = np.linalg.solve(precision, pull[..., None])[..., 0]
    found = parameters + steps
    left = errors + np.einsum("nij,sj->sni", slopes, steps)
    squares = (left**2).sum(-1)
    scores = np.minimum(squares, limits).sum(1) + (bundle.weights * found**2).sum(1)
    best = int(scores.argmin())
    inliers = np.zeros(len(bundle.pixels), dtype=bool)
    inliers[usable] = squares[best] < limits
    if inliers.sum() < LEAST_POINTS:  # too few to go on with: whoever agrees least badly
        inliers[usable[np.argsort(squares[best] / limits)[:LEAST_POINTS]]] = True
    return found[best], inliers


def _subsets(count: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """(subsets, count) 0 or 1: every subset of that size, or ``SUBSETS`` drawn ones."""
    if comb(count, size) <= SUBSETS:
        chosen = np.array(list(combinations(range(count), size)))
    else:
        chosen = generator.random((SUBSETS, count)).argsort(1)[:, :size]
    subsets = np.zeros((len(chosen), count))
    np.put_along_axis(subsets, chosen, 1.0, axis=1)
    return subsets


def _rival(bundle: Bundle, solutions: Sequence[Solution]) -> float | None:
    """Turn in degrees from the best solution to another one that is about as good; None where there is none."""
    best = _motions(bundle, solutions[0])
    for other in solutions[1:]:
        if other.cost - solutions[0].cost > AS_GOOD:
            continue
        cosines = [(np.trace(one[:3, :3].T @ two[:3, :3]) - 1) / 2
                   for one, two in zip(best, _motions(bundle, other), strict=True)]  # fmt: skip
        turn = float(np.rad2deg(np.arccos(np.clip(min(cosines), -1, 1))))
        if turn > DISTINCT_DEG:
            return turn
    return None


def _motions(bundle: Bundle, solution: Solution) -> list[np.ndarray]:
    return [correction(row, bundle.pivot_mm) for row in bundle.numbers(solution.parameters)]


def _mirrored(bundle: Bundle, best: Solution, seed: int) -> str | None:
    """Name of a view whose clicks fit clearly better when its image is mirrored left to right; None where there is
    none."""
    costs: Mapping[str, float] = {}
    for place, view in enumerate(bundle.views):
        pixels = bundle.pixels.copy()
        pixels[:, place, 0] = 2 * view.intrinsics[0, 2] - pixels[:, place, 0]
        costs[view.name] = _solve(replace(bundle, pixels=pixels), best.parameters, seed).cost
    name = min(costs, key=lambda one: costs[one])
    return name if costs[name] < best.cost - AS_GOOD else None
