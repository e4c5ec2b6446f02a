"""What a recovery of cameras found, how sure it is, and when it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..types import View
from .bundle import Bundle, reduced, triangulated

LEAST_POINTS = 5
"""Of a calibrated pair: five points leave finitely many relative poses (Nister 2004)."""

LEAST_SHARE = 0.6
"""Of the clicks that must agree: with fewer, a chance agreement of wrong ones is as likely."""

DETERMINED = 3.0
"""Information of the clicks over the prior's, above which a direction counts as determined by the clicks: the standard
deviation falls to half."""

LEAST_DETERMINED = 1
"""Directions for each view but the anchor below which clicks are taken to say too little."""

LEAST_SPREAD_MM = 4.0
"""Standard deviation of the points across the line along which they spread most; nearer, they are on a line."""

SCALE_KNOWN, SCALE_UNKNOWN = 0.03, 0.3
"""Standard deviation of the size of everything, relative: above the first it is warned of, above the second nothing is
known."""

TURN_KNOWN_DEG = 5.0
"""Standard deviation of a view's turn about any axis above which its angle is called unknown."""

NOISY = 3.0
"""Mean square of the clicks' errors in standard deviations above which they were worse than said."""

NAMES = ("shift x mm", "shift y mm", "shift z mm", "turn x rad", "turn y rad", "turn z rad", "log focal length",
         "principal point u px", "principal point v px")  # fmt: skip


@dataclass(frozen=True)
class Solution:
    """One local optimum.

    Attributes:
        parameters: (free,) of the bundle.
        points_mm: (points, 3), NaN where fewer than two views saw a point.
        inliers: (points,) bool.
        cost: half the sum of squares, a wrong click counting as much as one at the limit; priors included.
    """

    parameters: np.ndarray
    points_mm: np.ndarray
    inliers: np.ndarray
    cost: float


@dataclass(frozen=True)
class Recovered:
    """Cameras recovered from clicks.

    Attributes:
        views: with recovered cameras; the first one's place is as given. Where ``identifiable`` is False, all as given.
        points_mm: (points, 3) RAS in ``views``, NaN where fewer than two views saw a point.
        covariance: (n, n) of the cameras' numbers that ``names`` tells, priors included.
        names: "LAT shift x mm", ...: shifts and turns of the world before the camera, RAS, about ``pivot_mm``.
        pivot_mm: (3,) RAS.
        moved_mm: view name to how far it shifted at the pivot.
        moved_deg: view name to how far it turned.
        residual_before_px: view name to the root mean square distance of click and point, over the inliers, cameras as
            given. residual_after_px: the same with the cameras found.
        inliers: (points,) bool, clicks that agree with the result.
        identifiable: whether the result may be used.
        determined: how many directions the clicks determine, of 6 a view but the anchor; the others are the prior's.
        scale_sigma: standard deviation of the size of everything, relative.
        words: sentences for the user.
    """

    views: tuple[View, ...]
    points_mm: np.ndarray
    covariance: np.ndarray
    names: tuple[str, ...]
    pivot_mm: np.ndarray
    moved_mm: Mapping[str, float]
    moved_deg: Mapping[str, float]
    residual_before_px: Mapping[str, float]
    residual_after_px: Mapping[str, float]
    inliers: np.ndarray
    identifiable: bool
    determined: int
    scale_sigma: float
    words: str


def judged(bundle: Bundle, best: Solution, rival_deg: float | None, mirrored: str | None) -> Recovered:
    """The result of an optimum, or the views as given and why it is refused.

    Args:
        rival_deg: turn to another optimum that is as good.
        mirrored: name of a view that fits clearly better mirrored.
    """
    part = replace(bundle, pixels=bundle.pixels[best.inliers])
    sure = _certainty(bundle, part, best)
    refusals = _refusals(bundle, best, sure, rival_deg, mirrored)
    still = np.zeros_like(best.parameters)
    parameters = still if refusals else best.parameters
    numbers = bundle.numbers(parameters)
    names = [view.name for view in bundle.views]
    moved_mm = dict(zip(names, np.linalg.norm(numbers[:, :3], axis=1).tolist(), strict=True))
    moved_deg = dict(zip(names, np.rad2deg(np.linalg.norm(numbers[:, 3:6], axis=1)).tolist(), strict=True))
    after = _residuals(part, best.parameters)
    words = f"The cameras stay as given: {'; '.join(refusals)}."
    return Recovered(
        views=bundle.corrected(parameters),
        points_mm=triangulated(bundle, parameters) if refusals else best.points_mm,
        covariance=sure.covariance,
        names=tuple(f"{names[view]} {NAMES[number]}" for view, number in np.argwhere(bundle.free)),
        pivot_mm=bundle.pivot_mm,
        moved_mm=moved_mm,
        moved_deg=moved_deg,
        residual_before_px=_residuals(part, still),
        residual_after_px=after,
        inliers=best.inliers,
        identifiable=not refusals,
        determined=sure.determined,
        scale_sigma=sure.scale_sigma,
        words=words if refusals else _found(bundle, best, sure, moved_mm, moved_deg, after),
    )


@dataclass(frozen=True)
class _Certainty:
    """How sure a solution is (see ``Recovered``); ``noise`` is the mean square of the clicks' errors in standard
    deviations, over what a right solution would leave."""

    covariance: np.ndarray
    determined: int
    scale_sigma: float
    noise: float


def _certainty(bundle: Bundle, part: Bundle, best: Solution) -> _Certainty:
    """From the information of the clicks that agree and the prior; where the clicks are worse than said, from that."""
    errors, slopes = reduced(part, best.parameters, best.points_mm[best.inliers])
    information = np.einsum("npi,npj->ij", slopes, slopes)
    noise = float((errors**2).sum() / max((2 * part.seen.sum(1) - 3).sum(), 1))
    units = bundle.units[bundle.free]
    precision = information / max(noise, 1.0) + np.diag(bundle.weights)
    covariance = np.linalg.inv(precision + 1e-9 * np.eye(len(precision))) * np.outer(units, units)
    determined = int((np.linalg.eigvalsh(information) > DETERMINED).sum())
    return _Certainty(covariance, determined, _scale_sigma(bundle, covariance), noise)


def _refusals(
    bundle: Bundle, best: Solution, sure: _Certainty, rival_deg: float | None, mirrored: str | None
) -> list[str]:
    """Why the solution must not be used; none where it may."""
    found = [_too_few(bundle, best), _on_a_line(best), _behind(bundle, best), _unsure(bundle, sure.covariance)]
    if mirrored:
        found.append(f"the clicks fit clearly better when {mirrored} is mirrored left to right: check it")
    if rival_deg:
        found.append(f"a second solution, turned by {rival_deg:.0f}°, fits as well: give the angles more closely")
    if sure.determined < LEAST_DETERMINED * (len(bundle.views) - 1):
        found.append("the clicks say next to nothing beyond what was known: click points farther apart")
    return [words for words in found if words]


def _residuals(bundle: Bundle, parameters: np.ndarray) -> dict[str, float]:
    """View name to the root mean square distance in pixels from a click to its point."""
    errors, _, _ = bundle.residuals(parameters, _refined_points(bundle, parameters))
    squares = (errors**2).sum(-1) * bundle.sigma_px**2
    counts = np.maximum(bundle.seen.sum(0), 1)
    return {view.name: float(np.sqrt(one)) for view, one in zip(bundle.views, squares.sum(0) / counts, strict=True)}


def _refined_points(bundle: Bundle, parameters: np.ndarray) -> np.ndarray:
    """(points, 3) triangulated, then nearest to the clicks in pixels (two steps of Gauss-Newton)."""
    points = triangulated(bundle, parameters)
    for _ in range(2):
        errors, _, by_point = bundle.residuals(parameters, points)
        flat = by_point.reshape(len(points), -1, 3)
        points = points - (np.linalg.pinv(flat) @ errors.reshape(len(points), -1, 1))[..., 0]
    return points


def _scale_sigma(bundle: Bundle, covariance: np.ndarray) -> float:
    """Relative standard deviation of the distance from the anchor's source to the others', on average."""
    sigmas = []
    for place, view in enumerate(bundle.views[1:], start=1):
        way = view.source_mm - bundle.views[0].source_mm
        slope = np.zeros((len(bundle.views), 9))
        # The source goes by minus (shift + turn x lever).
        slope[place, :3] = -way
        slope[place, 3:6] = -np.cross(view.source_mm - bundle.pivot_mm, way)
        along = slope[bundle.free] / max(float(way @ way), 1e-9)
        sigmas.append(np.sqrt(max(along @ covariance @ along, 0.0)))
    return float(np.mean(sigmas))


def _too_few(bundle: Bundle, best: Solution) -> str:
    usable, agreed = int((bundle.seen.sum(1) >= 2).sum()), int(best.inliers.sum())
    if agreed >= max(LEAST_POINTS, LEAST_SHARE * usable):
        return ""
    return f"only {agreed} of {usable} points agree with each other: check that each is the same point in every view"


def _on_a_line(best: Solution) -> str:
    points = best.points_mm[best.inliers]
    if len(points) < 2:
        return ""
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)[1] / np.sqrt(len(points))
    if spread >= LEAST_SPREAD_MM:
        return ""
    return f"the points lie on a line (within {spread:.1f} mm): click some to its sides, in front of it or behind"


def _unsure(bundle: Bundle, covariance: np.ndarray) -> str:
    turns = np.argwhere(bundle.free)[:, 1]
    sigmas = np.sqrt(np.diag(covariance))[(turns >= 3) & (turns < 6)]
    sigma_deg = float(np.rad2deg(sigmas.max(initial=0.0)))
    if sigma_deg <= TURN_KNOWN_DEG:
        return ""
    return f"the clicks tell the angles to no more than {sigma_deg:.0f}°: click more points, or give the angles"


def _behind(bundle: Bundle, best: Solution) -> str:
    """Points must lie between each source and its detector; those of mirrored solutions do not."""
    for view in bundle.corrected(best.parameters):
        depth = (best.points_mm[best.inliers] - view.source_mm) @ view.axis
        if (depth <= 0).any() or (depth >= view.source_to_detector_mm).any():
            return f"the points would not lie between the source and the detector of {view.name}"
    return ""


def _found(
    bundle: Bundle,
    best: Solution,
    sure: _Certainty,
    moved_mm: Mapping[str, float],
    moved_deg: Mapping[str, float],
    after: Mapping[str, float],
) -> str:
    """How far the views moved, what the clicks are off by, and what is not known."""
    anchor, *others = (view.name for view in bundle.views)
    moves = ", ".join(f"{name} by {moved_mm[name]:.1f} mm and {moved_deg[name]:.1f}°" for name in others)
    usable = int((bundle.seen.sum(1) >= 2).sum())
    left = usable - int(best.inliers.sum())
    agreed = f"{int(best.inliers.sum())} of {usable} points agree" + (f" ({left} left out as wrong)" if left else "")
    sentences = [
        f"{anchor} stays; moved: {moves}.",
        f"The clicks determine {sure.determined} of {6 * len(others)} directions; the others stay about as given.",
        f"{agreed}, to " + ", ".join(f"{px:.1f} px in {name}" for name, px in after.items()) + ".",
    ]
    if sure.noise > NOISY:
        sentences.append(f"The clicks are {np.sqrt(sure.noise):.1f} times as far off as expected.")
    if not sure.scale_sigma < SCALE_UNKNOWN:
        sentences.append("How large everything is cannot be told from this: do not measure in it.")
    else:
        share = f"{100 * sure.scale_sigma:.1f} %"
        warning = "" if sure.scale_sigma < SCALE_KNOWN else ": give where the table or the isocentre was to know better"
        sentences.append(f"Sizes come from the given camera places, to {share}{warning}.")
    return " ".join(sentences)
