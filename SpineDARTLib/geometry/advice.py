"""What a set of views can and cannot tell, from their geometry alone, and where a further view would help most."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import MINIMUM_VIEW_ANGLE_DEG
from ..types import View
from .bundle import CameraPrior
from .c_arm import c_arm_camera
from .camera import angle_between_deg, project_with_depth
from .epipolar import meeting_point
from .expected import Spread, VertebraSpread, in_mm, point_covariance, spread_of, vertebra_covariance, vertebra_spread
from .words import display

PRIMARIES_DEG = tuple(float(angle) for angle in range(-90, 91, 15))
"""Beams from the other side (90 to 180 either way) carry the same information and are left out."""

SECONDARIES_DEG = tuple(float(angle) for angle in range(-45, 46, 15))
"""A C-arm seldom tilts further: the patient and the table are in its way."""

AS_GOOD = 1.05
"""Third views whose worst error is within this factor of each other bring the same: the less tilted one is named."""

WORTHWHILE = 0.75
"""A third view that leaves more of the worst error than this is not worth its dose: as good as any of the others, it
leaves sqrt(2/3) = 0.82 wherever it is taken from."""


@dataclass(frozen=True)
class ThirdView:
    """A direction that might be added and the error of a point with it."""

    primary_deg: float
    secondary_deg: float
    name: str
    point: Spread


@dataclass(frozen=True)
class Advice:
    """What views can tell.

    Attributes:
        parallax_deg: names of two views to the angle between their beams as lines, 0 to 90.
        point, vertebra: expected errors.
        third_views: best first; of those that bring the same, the less tilted one first.
        warnings: what should be changed before anyone relies on the views.
        words: all of it in two or three sentences.
    """

    parallax_deg: Mapping[tuple[str, str], float]
    point: Spread
    vertebra: VertebraSpread
    third_views: tuple[ThirdView, ...]
    warnings: tuple[str, ...]
    words: str


def advise(
    views: Sequence[View],
    point_mm: np.ndarray | None = None,
    sigma_px: float = 1.5,
    calibration: CameraPrior | None = None,
) -> Advice:
    """What to expect of a plan made on these views.

    Args:
        views: two or more; their images are not looked at.
        point_mm: (3,) RAS, what is planned for; without it, where the beams meet.
        sigma_px: standard deviation of a point's or an edge's place in a picture, along either axis.
        calibration: how well the cameras are known against the first one (shift and turn about the point); without it
            they are taken as true.

    Raises:
        ValueError: fewer than two views, or a standard deviation that is not positive.
    """
    if len(views) < 2:
        raise ValueError(f"got {len(views)} view; expected two or more")
    if not sigma_px > 0:
        raise ValueError(f"got sigma_px {sigma_px}; expected a standard deviation above 0")
    point = _middle(views) if point_mm is None else np.asarray(point_mm, dtype=np.float64)
    parallax = {(a.name, b.name): angle_between_deg(a, b) for a, b in itertools.combinations(views, 2)}
    spread = spread_of(point_covariance(views, point, sigma_px, calibration))
    thirds = _third_views(views, point, sigma_px, calibration)
    vertebra = vertebra_spread(vertebra_covariance(views, point, sigma_px, calibration))
    warnings = _warnings(views)
    return Advice(parallax, spread, vertebra, thirds, warnings, _words(parallax, spread, vertebra, thirds, sigma_px))


def _middle(views: Sequence[View]) -> np.ndarray:
    """Where the beams meet; of parallel ones, two thirds of the way to the detector."""
    try:
        return meeting_point(views)
    except ValueError:
        return np.mean([view.source_mm + 2 / 3 * view.source_to_detector_mm * view.axis for view in views], axis=0)


def _third_views(
    views: Sequence[View], point: np.ndarray, sigma_px: float, calibration: CameraPrior | None
) -> tuple[ThirdView, ...]:
    """Every direction that is not there yet, the one that leaves the smallest worst error first."""
    found = []
    for primary, secondary in itertools.product(PRIMARIES_DEG, SECONDARIES_DEG):
        view = _view_from(views[0], point, primary, secondary)
        if min(angle_between_deg(view, other) for other in views) < MINIMUM_VIEW_ANGLE_DEG:
            continue
        spread = spread_of(point_covariance([*views, view], point, sigma_px, calibration))
        found.append(ThirdView(primary, secondary, display(view), spread))
    found.sort(key=lambda third: third.point.worst_mm)
    limit = AS_GOOD * found[0].point.worst_mm if found else 0.0
    # What brings the same stands by how little the C-arm tilts, the rest by what it brings.
    found.sort(key=lambda third: (0.0, abs(third.secondary_deg), abs(third.primary_deg))
               if third.point.worst_mm <= limit else (third.point.worst_mm, 0.0, 0.0))  # fmt: skip
    return tuple(found)


def _view_from(like: View, point: np.ndarray, primary_deg: float, secondary_deg: float) -> View:
    """A view of the same C-arm, turned about the point."""
    x, y, z = (float(number) for number in point)
    to_point_mm = float(project_with_depth(point[None], like)[1][0])
    camera = c_arm_camera(
        primary_deg, secondary_deg, like.source_to_detector_mm, min(to_point_mm, 0.95 * like.source_to_detector_mm),
        like.pixel_spacing_mm, like.image.shape, (x, y, z),
    )  # fmt: skip
    return View("third", like.image, *camera, like.pixel_spacing_mm, like.source_to_detector_mm)


def _warnings(views: Sequence[View]) -> tuple[str, ...]:
    """Pairs that carry the same information, and whether any pair tells depth."""
    pairs = [(angle_between_deg(a, b), a, b) for a, b in itertools.combinations(views, 2)]
    warnings = []
    for angle, first, second in pairs:
        if angle >= MINIMUM_VIEW_ANGLE_DEG:
            continue
        if first.axis @ second.axis < 0:
            apart = f"look at each other ({180 - angle:.0f}° apart)"
        else:
            apart = f"are only {angle:.0f}° apart"
        warnings.append(f"{first.name} and {second.name} {apart}: they carry almost the same information.")
    if max(angle for angle, _, _ in pairs) < MINIMUM_VIEW_ANGLE_DEG:
        warnings.append(
            f"No two views are {MINIMUM_VIEW_ANGLE_DEG:g}° apart: depth is left to chance. Take another view."
        )
    return tuple(warnings)


def _words(
    parallax: Mapping[tuple[str, str], float],
    spread: Spread,
    vertebra: VertebraSpread,
    thirds: Sequence[ThirdView],
    sigma_px: float,
) -> str:
    widest = max(parallax, key=lambda pair: parallax[pair])
    return " ".join(
        [
            f"{widest[0]} and {widest[1]} are {parallax[widest]:.0f}° apart.",
            f"A point marked to {sigma_px:g} px in every view is known to {spread.words} (standard deviations);",
            f"the middle of a vertebra that is fitted to {in_mm(vertebra.place.worst_mm)} in the worst direction.",
            _third_words(spread, thirds),
        ]
    )


def _third_words(spread: Spread, thirds: Sequence[ThirdView]) -> str:
    if not thirds:
        return "There is no direction left from which a third view would add anything."
    best = thirds[0]
    share = best.point.worst_mm / spread.worst_mm
    change = f"{in_mm(spread.worst_mm)} -> {in_mm(best.point.worst_mm)}"
    error = f"the error in the worst direction ({spread.worst_axis})"
    if share > WORTHWHILE:
        return f"A further view would bring little: near {best.name}, {error} {change}."
    effect = f"halve {error}" if 0.4 < share <= 0.6 else f"take {error} to {100 * share:.0f} %"
    return f"A further view near {best.name} would {effect}: {change}."
