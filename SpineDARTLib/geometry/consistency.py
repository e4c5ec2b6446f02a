"""Can the given geometry be true? What pictures, clicks and masks say of it.

Corresponding things lie in the same plane through both sources. So a shift along the spine, a wrong scale, a turned or
mirrored picture and a wrong angle show; whatever happens *within* those planes (depth, a shift along the line between
the sources) does not, and neither does anything that moves both views together. A "yes" says no more than that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..types import View
from .epipolar import Pencil, pencil_of, rectify
from .matching import DISTINCT, WIDTH_MM, Compared, compare, explanations

CLICK_MM = 2.5
"""Standard deviation of a click on a vertebral body's middle, at the patient and along the spine: clicks of the shared
cases miss their planes by 3.5 mm, which is sqrt(2) of this."""

SURE = 3.5
"""Standard deviations from which an offset is said to be there: one false alarm in 2000."""

NOTHING = 2.0
"""Standard deviations within which an offset is said to be absent."""

LARGEST_ERROR_MM = 1.5
"""Standard deviation of an offset up to which its absence means something: 5 mm are then three of them. Four ordinary
clicks (2.2 mm) called a third of the cases with 5 mm right."""

SMALLEST_MM = 2.5
"""Offsets below this are no contradiction: machines know their table and isocentre to 1-2 mm (geometry_phantom.py),
and a fit takes that in."""

MASK_MM = 0.7
"""Standard deviation of a mask's end along the spine: about a pixel and a half at the patient."""

MASK_STEP_MM = 0.5
"""Between planes, and between directions within them."""

SHARES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Shares of a mask's integral whose heights are compared."""

CLEAR = 0.50
"""Correlation of two pictures' profiles from which they show the same spine in place: 39 cases with true geometry reach
0.7 and more, pictures of two people seldom 0.5 (Testing/benchmarks/geometry_consistency.py)."""

EXPLAINED = 0.60
"""Correlation that a changed geometry must reach: many are tried, and one of them always matches a little."""

BETTER = 0.15
"""By how much a changed geometry must match better before it is believed to be the right one."""

HIGHEST = 0.95
"""No two X-rays from different sides match better."""

TIE = 0.05
"""Explanations this close to the best one are named with it."""


@dataclass(frozen=True)
class Consistency:
    """Whether a geometry can be true.

    Attributes:
        score: 0 to 1; of pictures the correlation of their profiles, of clicks and masks the probability-like figure
            exp(-chi2 / 2 per number).
        offset_mm: how far the second view's contents lie from where the first one says, along the spine (positive
            towards the head, or as ``words`` says); NaN where it is not known.
        consistent: "yes", "no" or "cannot tell".
        words: why, in a sentence or two.
    """

    score: float
    offset_mm: float
    consistent: str
    words: str


def image_consistency(views: Sequence[View], centre_mm: np.ndarray | None = None) -> Consistency:
    """What the pictures alone say of the geometry; of three or more views every pair, and the worst of them decides.

    Args:
        views: with pictures, bone bright.
        centre_mm: (3,) RAS, a point of the spine if one is known.
    """
    return _worst(_images(first, second, centre_mm) for first, second in itertools.combinations(views, 2))


def click_consistency(clicks_px: np.ndarray, views: Sequence[View], sigma_mm: float = CLICK_MM) -> Consistency:
    """What clicks on the same points say of the geometry; no clicks in common are "cannot tell".

    Args:
        clicks_px: (points, views, 2) u, v; NaN where a point was not clicked.
        sigma_mm: standard deviation of a click at the patient.

    Raises:
        ValueError: clicks that are not of this shape.
    """
    clicks = np.asarray(clicks_px, dtype=np.float64)
    if clicks.ndim != 3 or clicks.shape[1:] != (len(views), 2):
        raise ValueError(f"got clicks of shape {clicks.shape}; expected (points, {len(views)}, 2)")
    pairs = itertools.combinations(range(len(views)), 2)
    return _worst(_clicks(clicks[:, list(pair)], views[pair[0]], views[pair[1]], sigma_mm) for pair in pairs)


def mask_consistency(masks: Sequence[np.ndarray], views: Sequence[View]) -> Consistency:
    """What masks of the same vertebra say of the geometry.

    Args:
        masks: one (height, width) per view. bool: silhouettes, whose upper and lower tangent planes must be the same.
            Numbers: what the vertebra alone adds to the picture (mm of bone); then also the integral over each plane
            divided by the distance from the baseline must be the same (Lesaint et al. 2018).

    Raises:
        ValueError: masks that do not fit the views.
    """
    if len(masks) != len(views):
        raise ValueError(f"got {len(masks)} masks; expected one for each of the {len(views)} views")
    for mask, view in zip(masks, views, strict=True):
        if mask.shape != view.image.shape:
            raise ValueError(f"got a mask of shape {mask.shape} for {view.name}; expected {view.image.shape}")
    pairs = itertools.combinations(range(len(views)), 2)
    return _worst(_masks([masks[i] for i in pair], [views[i] for i in pair]) for pair in pairs)


def _worst(found: Iterable[Consistency]) -> Consistency:
    """One "no" decides; "yes" needs every pair that can tell to say so."""
    pairs = list(found)
    if not pairs:
        raise ValueError("got fewer than two views; expected two or more")
    order = {"no": 0, "yes": 1, "cannot tell": 2}
    worst = min(pairs, key=lambda pair: (order[pair.consistent], pair.score))
    return replace(worst, words=" ".join(pair.words for pair in pairs))


def _unknown(first: View, second: View, why: str) -> Consistency:
    words = f"{first.name} and {second.name}: cannot tell whether the geometry is right; {why}."
    return Consistency(0.0, float("nan"), "cannot tell", words)


def _reason(error: ValueError) -> str:
    """What a ValueError found."""
    return str(error).partition(";")[0].removeprefix("got ")


def _images(first: View, second: View, centre_mm: np.ndarray | None) -> Consistency:
    try:
        compared = compare(first, second, centre_mm)
    except ValueError as error:
        return _unknown(first, second, _reason(error))
    found = compared.match
    if found is None:
        return _unknown(first, second, "the pictures have too little of the spine in common")
    names = f"{first.name} and {second.name}"
    clear = found.best >= CLEAR and found.rival <= DISTINCT * found.best
    if clear and abs(found.shift_mm) > SMALLEST_MM:
        place = f"{_along(found.shift_mm, compared.pencil)} of where {first.name} says"
        scores = f"correlation {found.best:.2f} there, {found.here:.2f} as given"
        words = f"{names} do not fit each other: {second.name} shows everything {place} ({scores})."
        return Consistency(max(found.here, 0.0), found.shift_mm, "no", words)
    better = _explanation(compared, found.here, centre_mm)
    if better:
        words = f"{names} do not fit each other as given (correlation {found.here:.2f}): {better}."
        return Consistency(max(found.here, 0.0), float("nan"), "no", words)
    if clear:
        words = f"{names}: the pictures fit the geometry {_across(compared.pencil)} (correlation {found.here:.2f})."
        return Consistency(found.here, found.shift_mm, "yes", words)
    why = f"their pictures match too little at any shift (correlation {found.best:.2f})"
    return replace(_unknown(first, second, why), score=max(found.here, 0.0))


def _explanation(compared: Compared, here: float, centre_mm: np.ndarray | None) -> str | None:
    """What must have happened for the pictures to match clearly better than they do; None where nothing explains it."""
    if here + BETTER > HIGHEST:
        return None
    candidates = explanations(compared, centre_mm)
    best = candidates[0][0]
    if best < EXPLAINED or best < here + BETTER:
        return None
    likely = [words for score, words in candidates[:3] if score > best - TIE]
    return f"they match as if {', or '.join(likely)} (correlation {best:.2f})"


def _along(offset_mm: float, pencil: Pencil) -> str:
    """ "5.2 mm towards the feet"."""
    sides = (("the patient's right", "the patient's left"), ("the front", "the back"), ("the head", "the feet"))
    axis = int(np.argmax(np.abs(pencil.up)))
    positive = offset_mm * pencil.up[axis] > 0
    return f"{abs(offset_mm):.1f} mm towards {sides[axis][0 if positive else 1]}"


def _across(pencil: Pencil) -> str:
    """The one direction that a pair can check: across its planes."""
    axes = ("left to right", "front to back", "along the spine")
    return f"{axes[int(np.argmax(np.abs(pencil.up)))]}, the one direction that can be checked"


def _clicks(clicks: np.ndarray, first: View, second: View, sigma_mm: float) -> Consistency:
    clicks = clicks[np.isfinite(clicks).all((1, 2))]
    if not len(clicks):
        return _unknown(first, second, "nothing was clicked in both")
    try:
        pencil = pencil_of(first, second)
    except ValueError as error:
        return _unknown(first, second, _reason(error))
    heights = pencil.heights_mm(clicks[:, 0], first)
    offsets = pencil.heights_mm(clicks[:, 1], second) - heights
    return _offsets(heights, offsets, sigma_mm, (first, second), pencil, "what was clicked")


def _offsets(
    heights: np.ndarray, offsets: np.ndarray, sigma_mm: float, views: Sequence[View], pencil: Pencil, what: str
) -> Consistency:
    """The verdict on how far corresponding points miss their planes, heights and offsets (n,) mm."""
    first, second = views
    sigma = np.sqrt(2.0) * sigma_mm
    count, offset = len(offsets), float(np.median(offsets))
    # The median's standard deviation is 1.25 times the mean's; a single wrong click does not move it.
    error = sigma / np.sqrt(count) * (1.25 if count > 2 else 1.0)
    slope, slope_error = _slope(heights, offsets, sigma)
    score = float(np.exp(-0.5 * np.mean((offsets / sigma) ** 2)))
    names = f"{first.name} and {second.name}"
    if abs(offset) > max(SURE * error, SMALLEST_MM):
        place = f"{what} in {second.name} lies {_along(offset, pencil)} of where {first.name} says"
        words = f"{names} do not fit each other: {place} (± {error:.1f} mm, {_points(count)})."
        return Consistency(score, offset, "no", words)
    if abs(slope) > SURE * slope_error:
        sizes = f"{what} is {1 + slope:.2f} times as long in {second.name} as in {first.name}"
        words = f"{names} do not fit each other: {sizes} (a wrong pixel spacing, or a turned or mirrored picture?)."
        return Consistency(score, offset, "no", words)
    wrong = np.abs(offsets - offset) > SURE * sigma
    if wrong.any():
        at = int(np.argmax(np.abs(offsets - offset)))
        why = f"point {at + 1} of {count} lies {abs(offsets[at]):.0f} mm apart, the others agree"
        return replace(_unknown(first, second, why), score=score, offset_mm=offset)
    agrees = abs(offset) <= NOTHING * error
    if agrees and error <= LARGEST_ERROR_MM:
        words = f"{names}: {what} fits the geometry {_across(pencil)}, to {error:.1f} mm ({_points(count)})."
        return Consistency(score, offset, "yes", words)
    why = f"{what} agrees, but no better than to {error:.1f} mm ({_points(count)})"
    if not agrees:
        why = f"{what} lies {_along(offset, pencil)} in {second.name}, ± {error:.1f} mm ({_points(count)})"
    return replace(_unknown(first, second, why), score=score, offset_mm=offset)


def _slope(heights: np.ndarray, offsets: np.ndarray, sigma: float) -> tuple[float, float]:
    """Change of the offset along the spine and its standard deviation; none where the points lie at one height."""
    spread = float(np.sum((heights - heights.mean()) ** 2))
    if spread < 1.0:
        return 0.0, float("inf")
    return float((heights - heights.mean()) @ offsets / spread), sigma / np.sqrt(spread)


def _points(count: int) -> str:
    return f"{count} point" + "s" * (count != 1)


def _masks(masks: Sequence[np.ndarray], views: Sequence[View]) -> Consistency:
    first, second = views
    if not all(np.any(mask) for mask in masks):
        return _unknown(first, second, "a mask is empty")
    try:
        pencil = pencil_of(first, second)
    except ValueError as error:
        return _unknown(first, second, _reason(error))
    levels = [_levels(mask, view, pencil) for mask, view in zip(masks, views, strict=True)]
    return _offsets(levels[0], levels[1] - levels[0], MASK_MM, views, pencil, "the mask")


def _levels(mask: np.ndarray, view: View, pencil: Pencil) -> np.ndarray:
    """Heights in mm that a mask shares with those of other views: a silhouette's ends; of what carries numbers also
    where given shares of its integral over the planes lie."""
    rows, columns = np.nonzero(mask)
    heights = pencil.heights_mm(np.stack([columns, rows], axis=1).astype(np.float64), view)
    ends = np.array([heights.min(), heights.max()])
    if mask.dtype == bool:
        return ends
    planes = np.arange(ends[0] - 2.0, ends[1] + 2.0, MASK_STEP_MM)
    along = np.arange(-WIDTH_MM, WIDTH_MM, MASK_STEP_MM)
    picture, _, angles = rectify(replace(view, image=mask), pencil, planes, along)
    # In a plane both sources see the same integral of what is there over its distance from the baseline, which is that
    # of the picture over the angle's cosine.
    shares = np.cumsum((picture / np.cos(angles)).sum(axis=1))
    return np.concatenate([ends, np.interp(SHARES * shares[-1], shares, planes)])
