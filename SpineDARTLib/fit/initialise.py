"""Where each vertebra's fit starts: triangulated clicks or landmarks, oriented by the spine's own curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from scipy.linalg import block_diag

from ..atlas.model import ShapeModel
from ..geometry.triangulate import triangulate
from ..types import LEVELS, Seed, Vertebra, View
from .landmark_start import LOG_SCALE_SIGMA, TURN_SIGMA_RAD, landmark_start

CLICK_SIGMA_PX = 5.0
"""Standard deviation of a click on a body's centre, pixels of a 0.5-0.8 mm detector (about 2 mm at the spine)."""

CLICK_POINT_MM = np.array([0.0, 3.5, 0.0])
"""Where in the model's frame the eye puts a body's centre. The frame's origin lies midway between the endplates'
centres; clicks on simulated X-rays of seven people fell 3.7 mm in front of it on average (deviation 2.7 mm)."""

TILT_DEG = {"L1": -2.0, "L2": -2.0, "L3": -4.0, "L4": -4.0, "L5": -9.0}
"""Mean turn about x of a vertebra's own axis against the curve through the body centres (lumbar bodies are wedged, L5
the most); measured on the same seven people, deviation 5 degrees."""

BEND_MM = 2.5
TWIST_MM = 0.6
CURVE_SIGMA_MM = 3.0
"""Prior of the column's curve (``orient``): half its second difference, a sixth of its third, and a click's error.
Neighbouring lumbar vertebrae tilt by some 10 degrees against each other: 0.17 rad x 32 mm / 2 = 2.7 mm."""

TYPICAL_SPACING_MM = 32.0
"""Between body centres, lower thoracic and lumbar; used where a single vertebra leaves its neighbours' distance open
(VID keypoints: 27 mm at T9-T10 to 36 mm at L3-L4)."""

LEAST_SPACING_MM = 8.0
"""Centres nearer than this are one vertebra's: even crushed upper thoracic ones are twice as far apart."""

MINIMUM_LANDMARKS = 4
"""Landmarks seen in two views or more from which a pose is taken."""


@dataclass(frozen=True)
class Starts:
    """What could be started and what could not.

    Attributes:
        vertebrae: level to start, head to foot.
        reasons: level to the sentence that says why there is no start.
        covariances: level to (7, 7) of its start's shift (RAS mm), turn about its own axes (rad) and log scale, where
            detection knows how sure it is.
    """

    vertebrae: Mapping[str, Vertebra]
    reasons: Mapping[str, str]
    covariances: Mapping[str, np.ndarray] = field(default_factory=dict)


def initialise(seeds: Sequence[Seed], views: Sequence[View], models: Mapping[str, ShapeModel]) -> Starts:
    """A start for every seed that has enough to start from.

    Args:
        seeds: with clicks or landmarks.
        views: of the case.
        models: level to the shape model that knows it; a missing level is a reason, not an error.
    """
    by_name = {view.name: view for view in views}
    centres: dict[str, np.ndarray] = {}
    anchors: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    for seed in seeds:
        found = _located(seed, by_name, models)
        if isinstance(found, str):
            reasons[seed.level] = found
        else:
            centres[seed.level], anchors[seed.level] = found
    for level, reason in _on_top_of_each_other(centres).items():
        reasons[level] = reason
        del centres[level]
    ordered = sorted(centres, key=LEVELS.index)
    rotations = orient([LEVELS.index(x) for x in ordered], [centres[x] for x in ordered])
    by_level = {seed.level: seed for seed in seeds}
    vertebrae, covariances = {}, {}
    for level, curve in zip(ordered, rotations, strict=True):
        rotation = curve @ _about_x(TILT_DEG.get(level, 0.0))
        nominal = rigid(rotation, centres[level] - rotation @ anchors[level])
        vertebrae[level], covariance = _start(by_level[level], by_name, models[level], nominal)
        if covariance is not None:
            covariances[level] = covariance
    return Starts(vertebrae, reasons, covariances)


def _start(
    seed: Seed, by_name: Mapping[str, View], model: ShapeModel, nominal: np.ndarray
) -> tuple[Vertebra, np.ndarray | None]:
    """From landmarks where enough of them agree, otherwise as the curve says; with its covariance where detection knows
    it."""
    found = landmark_start(seed, by_name, model, nominal)
    if found is not None:
        return Vertebra(seed.level, found.pose, found.scale, found.coefficients), found.covariance
    start = Vertebra(seed.level, nominal, 1.0, np.zeros(model.rank))
    if seed.place is None or len(seed.clicks_px) > 1:
        return start, None
    parts = (seed.place.covariance_mm2, TURN_SIGMA_RAD**2 * np.eye(3), LOG_SCALE_SIGMA**2)
    return start, np.asarray(block_diag(*parts))


def _located(
    seed: Seed, by_name: Mapping[str, View], models: Mapping[str, ShapeModel]
) -> tuple[np.ndarray, np.ndarray] | str:
    """A point (3,) RAS mm and where in the model's frame (3,) it is: clicks first, they are a person's; then what was
    detected, then landmarks. Or the sentence that says why there is none."""
    if seed.level not in models:
        return f"The atlas has no shape model for {seed.level}."
    clicked = [name for name in seed.clicks_px if name in by_name]
    if len(clicked) >= 2:
        found = _clicked(seed, [by_name[name] for name in clicked])
        return found if isinstance(found, str) else (found, CLICK_POINT_MM)
    if seed.place is not None:
        return np.asarray(seed.place.centre_mm), np.zeros(3)
    pose = _from_landmarks(seed, by_name, models[seed.level])
    if pose is not None:
        return pose[0][:3, 3], np.zeros(3)
    missing = ", ".join(name for name in by_name if name not in clicked)
    return f"{seed.level} was clicked in {len(clicked)} views. Click its centre in {missing}."


def _clicked(seed: Seed, views: Sequence[View]) -> np.ndarray | str:
    """Where the clicks meet, (3,) RAS mm, or why they do not."""
    pixels = np.array([seed.clicks_px[view.name] for view in views])
    try:
        centre, _, residuals = triangulate(pixels, views, CLICK_SIGMA_PX)
    except ValueError as error:
        return f"The clicks on {seed.level} give no point: {error}."
    if residuals.max() > 8 * CLICK_SIGMA_PX:
        return (
            f"The clicks on {seed.level} do not meet: their rays miss by {residuals.max():.0f} px "
            f"(at most {8 * CLICK_SIGMA_PX:.0f}). Check the level and the click in each view."
        )
    return centre


def _on_top_of_each_other(centres: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Why levels cannot start that were clicked where another was: fitted together they would push each other away."""
    reasons: dict[str, str] = {}
    for one, other in combinations(sorted(centres, key=LEVELS.index), 2):
        apart = float(np.linalg.norm(centres[one] - centres[other]))
        if apart < LEAST_SPACING_MM:
            for level in (one, other):
                reasons[level] = (
                    f"{one} and {other} were clicked {apart:.0f} mm apart, on one vertebra. Check the levels."
                )
    return reasons


def rigid(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """(4, 4) from (3, 3) and (3,)."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, translation
    return pose


def _about_x(angle_deg: float) -> np.ndarray:
    """(3, 3) rotation about the x axis, positive from y (anterior) to z (superior)."""
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])


def orient(numbers: Sequence[int], centres: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rotations (3, 3) of vertebrae from the curve through their centres: z along the spine, y anterior.

    Args:
        numbers: position of each level in the column, increasing towards the feet.
        centres: (3,) RAS mm.
    """
    if not centres:
        return []
    points = np.asarray(centres)
    if len(points) == 1:
        tangents = np.array([[0.0, 0.0, 1.0]])
    else:
        # A cubic under a prior: an end vertebra follows the curve on, but not every error of a click.
        middle = float(np.mean(numbers))
        along = np.asarray(numbers, dtype=float) - middle
        powers = along[:, None] ** np.arange(4)
        precision = np.diag([0.0, 0.0, BEND_MM**-2, TWIST_MM**-2]) * CURVE_SIGMA_MM**2
        weights = np.linalg.solve(powers.T @ powers + precision, powers.T @ points)
        tangents = -(along[:, None] ** np.array([0, 0, 1, 2]) * np.array([0, 1, 2, 3])) @ weights
    rotations = []
    for tangent in tangents:
        z = tangent / np.linalg.norm(tangent)
        y = np.array([0.0, 1.0, 0.0]) - z[1] * z
        y /= np.linalg.norm(y)
        rotations.append(np.stack([np.cross(y, z), y, z], axis=1))
    return rotations


def _from_landmarks(seed: Seed, by_name: Mapping[str, View], model: ShapeModel) -> tuple[np.ndarray, float] | None:
    """Pose and scale from landmarks seen in two views or more, weighted by how well each is known; None if too few."""
    names = [name for name in model.landmarks if sum(name in marks for marks in seed.landmarks_px.values()) >= 2]
    if len(names) < MINIMUM_LANDMARKS:
        return None
    targets, weights = [], []
    for name in names:
        seen = [view for view in seed.landmarks_px if name in seed.landmarks_px[view] and view in by_name]
        marks = np.array([seed.landmarks_px[view][name] for view in seen])
        point, covariance, _ = triangulate(marks[:, :2], [by_name[view] for view in seen], marks[:, 2])
        targets.append(point)
        weights.append(1.0 / np.trace(covariance))
    mean = model.means[seed.level]
    sources = np.array([model.landmarks[name].on(mean) for name in names])
    return similarity_transform(sources, np.array(targets), np.array(weights))


def similarity_transform(sources: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Rigid pose (4, 4) and scale that bring (n, 3) sources nearest to targets in weighted least squares (Umeyama
    1991)."""
    weights = weights / weights.sum()
    from_centre, to_centre = weights @ sources, weights @ targets
    source, target = sources - from_centre, targets - to_centre
    u, singular, vt = np.linalg.svd((target * weights[:, None]).T @ source)
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ mirror @ vt
    scale = float((singular * np.diag(mirror)).sum() / (weights @ (source**2).sum(1)))
    return rigid(rotation, to_centre - scale * rotation @ from_centre), scale


def with_borrowed(models: Mapping[str, ShapeModel]) -> dict[str, ShapeModel]:
    """The models, and for a level that has none, beside one that has, that neighbour's shape under the level's name.

    Good enough to explain the edges of a neighbour that nobody asked for; never for a result.
    """
    result = dict(models)
    for number, level in enumerate(LEVELS):
        for beside in (number + 1, number - 1):
            if level not in result and 0 <= beside < len(LEVELS) and LEVELS[beside] in models:
                lender = models[LEVELS[beside]]
                means = {**lender.means, level: lender.means[LEVELS[beside]]}
                result[level] = replace(lender, levels=(*lender.levels, level), means=means)
    return result


def with_neighbours(starts: Mapping[str, Vertebra], models: Mapping[str, ShapeModel]) -> dict[str, Vertebra]:
    """The starts and the unasked vertebrae between and beside them, head to foot.

    Neighbours take part in the fit, so that their edges are explained by them; they are never reported.
    """
    if not starts:
        return {}
    numbers = sorted(LEVELS.index(level) for level in starts)
    known = {number: starts[LEVELS[number]] for number in numbers}
    wanted = range(max(numbers[0] - 1, 0), min(numbers[-1] + 1, len(LEVELS) - 1) + 1)
    result = {}
    for number in wanted:
        level = LEVELS[number]
        if number in known:
            result[level] = known[number]
        elif level in models:
            result[level] = Vertebra(level, _between(number, known), 1.0, np.zeros(models[level].rank))
    return result


def _between(number: int, known: Mapping[int, Vertebra]) -> np.ndarray:
    """Pose of a vertebra from those above and below: interpolated, or one step on from the last."""
    above = [n for n in known if n < number]
    below = [n for n in known if n > number]
    if above and below:
        first, last = known[max(above)].pose, known[min(below)].pose
        share = (number - max(above)) / (min(below) - max(above))
        centre = (1 - share) * first[:3, 3] + share * last[:3, 3]
        axis = (1 - share) * first[:3, 2] + share * last[:3, 2]
    else:
        nearest = max(above) if above else min(below)
        sign = -1.0 if above else 1.0
        pose = known[nearest].pose
        spacing = TYPICAL_SPACING_MM
        second = nearest + (nearest - number)
        axis = pose[:3, 2]
        if second in known:
            step = pose[:3, 3] - known[second].pose[:3, 3]
            spacing = float(np.linalg.norm(step))
            axis = 2 * pose[:3, 2] - known[second].pose[:3, 2]  # the curve goes on bending
        centre = pose[:3, 3] + sign * spacing * (0.5 * (axis / np.linalg.norm(axis) + pose[:3, 2]))
    z = axis / np.linalg.norm(axis)
    y = np.array([0.0, 1.0, 0.0]) - z[1] * z
    y /= np.linalg.norm(y)
    return rigid(np.stack([np.cross(y, z), y, z], axis=1), centre)
