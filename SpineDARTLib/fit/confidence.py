"""How far a fit is to be trusted, from the X-rays alone, in a sentence that a clinician can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..atlas.model import ShapeModel
from ..config import Settings
from ..geometry.camera import project
from ..types import Case, Evidence, FitState, FittedVertebra, Quality, Status, Vertebra
from .initialise import Starts
from .posterior import posterior_of

FAR_MM = 25.0
"""A fit that ends further than this from its clicks sits on a neighbour (half a lumbar spacing is 16 mm)."""

SCALES = (0.7, 1.4)
"""Sizes relative to the level's mean that no adult vertebra leaves (three deviations of 0.1)."""

MOVING_MM = 0.3
"""Movement over the last tenth of the steps above which a fit has not settled."""


def conclude(
    case: Case,
    starts: Starts,
    history: Sequence[FitState],
    models: Mapping[str, ShapeModel],
    settings: Settings,
    seconds: float,
) -> tuple[FittedVertebra, ...]:
    """One result for each started vertebra.

    Args:
        history: all states of a finished fit; the last carries the evidence.
        seconds: spent on each vertebra.
    """
    if not history:
        return ()
    last = history[-1]
    results = []
    for place, vertebra in enumerate(last.vertebrae):
        level = vertebra.level
        start, evidence = starts.vertebrae[level], last.evidence[level]
        mahalanobis = float(np.linalg.norm(vertebra.coefficients))
        predicted = predicted_distance_mm(evidence, mahalanobis, settings)
        status, reason = _judge(vertebra, start, evidence, predicted, settings)
        quality = Quality(
            reprojection_error_px=_click_errors(case, vertebra),
            silhouette_overlap={view.name: evidence.overlap.get(view.name, float("nan")) for view in case.views},
            predicted_surface_distance_mm=predicted,
            mahalanobis=mahalanobis,
            iterations=last.step,
            seconds=seconds,
            similarity=dict(evidence.similarity),
            spread_mm=evidence.spread_mm,
            learned_mm=float(np.exp(evidence.learned_log_mm)),
        )
        surface = status is not Status.DIVERGED
        found = vertebra if surface else None
        one = FittedVertebra(level, status, reason, found, start, quality, _history(history, place))
        results.append(replace(one, posterior=posterior_of(one)))
    return tuple(results)


def features(similarity: Mapping[str, float], spread_mm: float, mahalanobis: float) -> np.ndarray:
    """(4,) what the expected surface distance is made from.

    The largest and the mean dissimilarity over the views, the logarithm of the starts' spread, and the Mahalanobis
    distance of the shape. Where a number is missing (NaN) a usual one stands in.
    """
    values = np.array(list(similarity.values()))
    spread_mm = spread_mm if np.isfinite(spread_mm) else 0.5
    return np.array([1 - values.min(), 1 - values.mean(), np.log(spread_mm + 0.1), mahalanobis])


def learned_features(evidence: Evidence, mahalanobis: float) -> np.ndarray:
    """(5,) the same where a learned similarity has spoken: what it says, log mm, then ``features``."""
    return np.append(evidence.learned_log_mm, features(evidence.similarity, evidence.spread_mm, mahalanobis))


def predicted_distance_mm(evidence: Evidence, mahalanobis: float, settings: Settings) -> float:
    """Mean surface distance to the truth that fits like this one had (``FitSettings.confidence_weights``)."""
    if np.isfinite(evidence.learned_log_mm):
        learned = np.asarray(settings.fit.confidence_learned)
        return float(np.exp(learned[0] + learned[1:] @ learned_features(evidence, mahalanobis)))
    weights = np.asarray(settings.fit.confidence_weights)
    return float(np.exp(weights[0] + weights[1:] @ features(evidence.similarity, evidence.spread_mm, mahalanobis)))


def _judge(
    vertebra: Vertebra, start: Vertebra, evidence: Evidence, predicted_mm: float, settings: Settings
) -> tuple[Status, str]:
    """Status and its sentence."""
    level = vertebra.level
    numbers = [*vertebra.pose.ravel(), vertebra.scale, *vertebra.coefficients, *evidence.similarity.values()]
    if not np.isfinite(numbers).all():
        return Status.DIVERGED, f"{level}: the fit left the numbers. Check the geometry, then click its centre again."
    moved = float(np.linalg.norm(vertebra.pose[:3, 3] - start.pose[:3, 3]))
    if moved > FAR_MM:
        return Status.DIVERGED, (
            f"{level}: the fit ran {moved:.0f} mm from where it was clicked (at most {FAR_MM:.0f}). "
            "Click its centre again."
        )
    if not SCALES[0] < vertebra.scale < SCALES[1]:
        return Status.DIVERGED, (
            f"{level}: the fit's size is {vertebra.scale:.2f} of the level's mean ({SCALES[0]} to {SCALES[1]} is "
            "possible). Check pixel spacing and distances."
        )
    if predicted_mm > settings.fit.confident_mm:
        worst = min(evidence.similarity, key=lambda name: evidence.similarity[name])
        return Status.LOW_CONFIDENCE, (
            f"{level}: fits that look like this one were about {predicted_mm:.1f} mm off (at most "
            f"{settings.fit.confident_mm:g} is trusted). It agrees least with {worst}: check the outline there, click "
            "again or add a view."
        )
    if evidence.moving_mm > MOVING_MM:
        return Status.STEP_LIMIT, (
            f"{level}: still moving by {evidence.moving_mm:.1f} mm when the steps ran out; check the outline."
        )
    return Status.CONVERGED, f"{level}: settled; expected to be about {predicted_mm:.1f} mm off."


def _click_errors(case: Case, vertebra: Vertebra) -> dict[str, float]:
    """View name to the distance in pixels between the fitted body's centre and the click."""
    seed = next((seed for seed in case.seeds if seed.level == vertebra.level), None)
    errors = {}
    for view in case.views:
        click = seed.clicks_px.get(view.name) if seed else None
        centre = project(vertebra.pose[None, :3, 3], view)[0]
        errors[view.name] = float("nan") if click is None else float(np.linalg.norm(centre - np.asarray(click)))
    return errors


def _history(history: Sequence[FitState], place: int) -> dict[str, np.ndarray]:
    """One vertebra's course: an array for each term of the loss, pose, scale, coefficients, stage."""
    states = history[:-1]
    level = history[-1].vertebrae[place].level
    course = {
        "pose": np.stack([state.vertebrae[place].pose for state in states]),
        "scale": np.array([state.vertebrae[place].scale for state in states]),
        "coefficients": np.stack([state.vertebrae[place].coefficients for state in states]),
        "stage": np.array([state.stage for state in states]),
    }
    for name in states[0].losses_by_level[level]:
        course[f"loss_{name}"] = np.array([state.losses_by_level[level][name] for state in states])
    return course
