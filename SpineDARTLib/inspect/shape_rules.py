"""Rules about the fitted shape, and about how the fit ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..atlas.model import ShapeModel
from ..types import Status, Vertebra
from .finding import Finding, Subject

OUTLIER_SD = 2.5
"""A coefficient beyond this is marked: one in eighty is, by chance."""

OUTSIDE_SD, OUTSIDE_MAHALANOBIS = 3.0, 6.0
"""Good fits (52, real people) stayed below 2.8 in every mode and below 5.0 together."""

BETTER_LEVEL = 6.0
"""By how many squared deviations less another level must need; good fits were their own level's within 2.2."""

SIZE_SD = 0.1
"""Deviation of the logarithm of a vertebra's size within a level."""

SPREAD_MM = 2.0
"""Starts that end farther apart found different answers."""


def not_fitted(subject: Subject) -> Iterator[Finding]:
    """No surface at all: what the fit itself says."""
    fitted = subject.plan.fitted
    if fitted.vertebra is None:
        seen = fitted.reason.removeprefix(f"{fitted.level}: ") or f"It has no fit ({fitted.status.value})."
        seen = f"{seen[:1].upper()}{seen[1:]}"
        yield subject.finding("not_fitted", "wrong", seen, "" if "lick" in seen else "Click its centre in every view.")


def looks_like_another_level(subject: Subject) -> Iterator[Finding]:
    """A shape that a neighbour's model needs less effort for."""
    if subject.vertebra is None or subject.model is None:
        return
    costs = level_costs(subject.vertebra, subject.model)
    best = min(costs, key=lambda level: costs[level])
    gain = costs[subject.level] - costs[best]
    if gain > BETTER_LEVEL:
        yield subject.finding(
            "level", "check",
            f"Its size and shape are those of {best} rather than of {subject.level} "
            f"({np.sqrt(costs[best]):.1f} against {np.sqrt(costs[subject.level]):.1f} deviations).",
            "Count the levels again from L5 or T12; shift them if they are off by one.",
        )  # fmt: skip


def level_costs(vertebra: Vertebra, model: ShapeModel) -> Mapping[str, float]:
    """Level of the model's region to the squared deviations (shape and size) that make this surface of its mean."""
    surface = vertebra.scale * model.instance(vertebra.level, vertebra.coefficients[: model.rank])
    costs = {}
    for level in model.levels:
        mean = model.means[level]
        size = float((surface * mean).sum() / (mean * mean).sum())
        costs[level] = float((model.project(level, surface / size) ** 2).sum() + (np.log(size) / SIZE_SD) ** 2)
    return costs


def outside_the_shape_model(subject: Subject) -> Iterator[Finding]:
    """A shape that hardly anybody has."""
    if subject.vertebra is None:
        return
    coefficients = np.asarray(subject.vertebra.coefficients)
    far, together = np.flatnonzero(np.abs(coefficients) > OUTSIDE_SD), float(np.linalg.norm(coefficients))
    if len(far) == 0 and together <= OUTSIDE_MAHALANOBIS:
        return
    modes = ", ".join(f"mode {at + 1} {coefficients[at]:+.1f}".replace("-", "−") for at in far[:4])
    yield subject.finding(
        "shape", "wrong" if len(far) > 2 or together > 1.5 * OUTSIDE_MAHALANOBIS else "check",
        f"Its shape is {together:.1f} deviations from the mean" + (f" ({modes})." if modes else "."),
        "A fracture or an anomaly can look so; else the outline is wrong somewhere: check it in every view.",
    )  # fmt: skip


def not_settled(subject: Subject) -> Iterator[Finding]:
    """Still moving at its end, or starts that ended apart."""
    fitted = subject.plan.fitted
    if fitted.status is Status.STEP_LIMIT:
        seen = fitted.reason.removeprefix(f"{fitted.level}: ").removesuffix("; check the outline.")
        yield subject.finding(
            "moving", "check", f"{seen[:1].upper()}{seen[1:].rstrip('.')}.", "Fit again with more steps."
        )
    spread = fitted.quality.spread_mm if fitted.quality is not None else 0.0
    if spread > SPREAD_MM:
        yield subject.finding(
            "spread", "check",
            f"Starts from slightly different places ended {spread:.1f} mm apart.",
            "Look at the outline in every view; click the body's centre more exactly or add a view.",
        )  # fmt: skip


def low_confidence(subject: Subject) -> Iterator[Finding]:
    """What the fit says of its own trustworthiness."""
    fitted = subject.plan.fitted
    if fitted.status is Status.LOW_CONFIDENCE and fitted.quality is not None:
        off = fitted.quality.predicted_surface_distance_mm
        yield subject.finding(
            "confidence", "check",
            f"Fits that look like this one were about {off:.1f} mm off.",
            "Check the outline before using any number of it; click again or add a view.",
        )  # fmt: skip
