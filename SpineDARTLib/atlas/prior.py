"""What is published of a population in a model's terms: how far its means move and its measures spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .measure import Measure, define_measures
from .model import Anchor
from .modes import Covariance, Spread
from .population import FRACTURES, GRADE_LOSS, Published, published

TURNS = 4
"""Of linearisation when a mean is moved; angles are the only measures that are not linear, nearly."""
PREVALENCE = 0.2
"""Share of fractured vertebrae among those that the model is for. Our choice: those who get a vertebroplasty have one
fracture or more among the five to eight levels in the picture."""
LEAST_SHARE = 0.8
"""However much of a published deviation size explains, this part of it (in deviations) stays one of shape."""
MASK_NOISE_MM = {"pedicle_width": 1.5}
"""What a vertebra's own mask may get wrong: most have voxels of 2 to 3 mm from left to right, half of which a pedicle's
width can be off, and masks of thin pedicles come out thick. Means of few people give way to published ones by that."""
REDUNDANT = ("middle_height", "interpedicular_distance")
"""Measures that others fix, nearly: the other heights and the endplates' hollows; the canal's and the pedicles' width.
They move means, but no spread is asked of them and they have no morph of their own."""
SIZE_BY = ("body_width", "anterior_height", "posterior_height")
"""By how much people differ in these beyond the real shapes' spread, relative, they differ in size."""


@dataclass(frozen=True)
class Population:
    """What a model wants to know of a population.

    Attributes:
        faces, regions, landmarks: of the template, by which the measures find their places.
    """

    faces: np.ndarray
    regions: Mapping[str, np.ndarray]
    landmarks: Mapping[str, Anchor]

    def measures(self, shape: np.ndarray) -> Mapping[str, Measure]:
        """The measures, their anchors chosen on a region's symmetric mean (n, 3)."""
        return define_measures(shape, self.faces, self.regions, self.landmarks)

    def published(self, level: str) -> Mapping[str, Published]:
        """What is published of a level, by measure."""
        return published(level)


def move_mean(
    mean: np.ndarray,
    covariance: Covariance,
    log_scale_deviation: float,
    measures: Mapping[str, Measure],
    known: Mapping[str, Published],
    doubt: float,
) -> np.ndarray:
    """(n, 3) a level's mean given published means of its measures.

    The likeliest shape when the mean itself is known with ``doubt`` times the variance between people and each
    published mean with its own doubt: where many people were seen it hardly moves, where nobody was it goes there.

    Args:
        mean: (n, 3) mm, by the real shapes.
        covariance: of shape, between people.
        log_scale_deviation: of the logarithm of size, between people.
        known: what is published of the level.
        doubt: variance of the mean, relative to that between people.
    """
    names = [name for name in measures if name in known]
    if not names:
        return mean
    gradients = np.stack([measures[name].gradient(mean) for name in names])
    answers = covariance.answers(gradients)
    # Size is a mode of its own here: the mean's own shape, outward.
    growth = log_scale_deviation * mean
    grown = np.einsum("mnk,nk->m", gradients, growth)
    fields = covariance.following(answers) + grown[:, None, None] * growth
    spread = answers.T @ answers + np.outer(grown, grown)
    fields, spread = _with_mask_noise(names, fields, spread)
    fields, spread = doubt * fields, doubt * spread
    noise = np.diag([known[name].series_deviation ** 2 for name in names])
    wanted = np.array([known[name].mean for name in names])
    change = np.zeros_like(mean)
    for _ in range(TURNS):
        missing = wanted - np.array([measures[name].of(mean + change) for name in names])
        missing += np.einsum("mnk,nk->m", gradients, change)
        change = np.tensordot(np.linalg.solve(spread + noise, missing), fields, axes=1)
    return mean + change


def _with_mask_noise(names: Sequence[str], fields: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariances of coordinates (m, n, 3) and measures (m, m) with measures with what masks get wrong added."""
    for name, noise_mm in MASK_NOISE_MM.items():
        if name in names:
            place = names.index(name)
            unit, seen = fields[place] / spread[place, place], spread[place] / spread[place, place]
            fields = fields + noise_mm**2 * seen[:, None, None] * unit
            spread = spread + noise_mm**2 * np.outer(seen, seen)
    return fields, spread


def spread_of(
    mean: np.ndarray,
    measures: Mapping[str, Measure],
    known: Sequence[Mapping[str, Published]],
    log_scale_deviation: float,
    people: int,
) -> Spread:
    """The spread of a region's measures: published, without what size does, and with fractures.

    Args:
        mean: (n, 3) of the region.
        known: what is published of each of its levels.
        people: behind the real shapes: a published deviation counts by how many people it is of beside these.
    """
    names = tuple(name for name in measures if name not in REDUNDANT)
    gradients = np.stack([measures[name].gradient(mean) for name in names])
    deviations, trust = np.zeros(len(names)), np.zeros(len(names))
    for place, name in enumerate(names):
        whole = _deviation(name, known)
        if np.isnan(whole):
            continue
        counted = np.mean([level[name].people for level in known if name in level])
        trust[place] = counted / (counted + people)
        by_size = log_scale_deviation * float((gradients[place] * mean).sum())
        deviations[place] = np.sqrt(max(whole**2 - by_size**2, (LEAST_SHARE * whole) ** 2))
    values = {name: measure.of(mean) for name, measure in measures.items()}
    return Spread(names, gradients, deviations, trust, _losses(names, values))


def _losses(names: Sequence[str], values: Mapping[str, float]) -> np.ndarray:
    """(m, m) second moment of what fractures change, all kinds and grades alike often."""
    middles = [(low + high) / 2 for low, high in GRADE_LOSS.values()]
    lost = [fracture_changes(kind, middle, values) for kind in FRACTURES for middle in middles]
    moment = np.zeros((len(names), len(names)))
    for changes in lost:
        vector = np.array([changes.get(name, 0.0) for name in names])
        moment += np.outer(vector, vector) * PREVALENCE / len(lost)
    return moment


def size_deviation(
    mean: np.ndarray, covariance: Covariance, measures: Mapping[str, Measure], known: Sequence[Mapping[str, Published]]
) -> float:
    """Deviation of the logarithm of size in the population: what large measures spread beyond the real shapes.

    A dozen people may all be of one size; sizes of thousands are published. Zero where nothing is published.
    """
    names = [name for name in SIZE_BY if np.isfinite(_deviation(name, known))]
    if not names:
        return 0.0
    shape = (covariance.answers(np.stack([measures[name].gradient(mean) for name in names])) ** 2).sum(0)
    values = np.array([measures[name].of(mean) for name in names])
    wide = np.array([_deviation(name, known) for name in names]) ** 2 - shape
    return float(np.sqrt(np.median(np.maximum(wide, 0.0) / values**2)))


def _deviation(name: str, known: Sequence[Mapping[str, Published]]) -> float:
    """Root mean square over levels; nan where none has one."""
    found = [level[name].deviation for level in known if name in level and np.isfinite(level[name].deviation)]
    return float(np.sqrt(np.mean(np.square(found)))) if found else float("nan")


def fracture_changes(kind: str, loss: float, values: Mapping[str, float]) -> dict[str, float]:
    """What a compression fracture does to the measures that have morphs, mm.

    Args:
        kind: a key of ``population.FRACTURES``.
        loss: share of the height lost where most is.
        values: measure to its value before.
    """
    anterior, middle, posterior = (
        -share * loss * values[name]
        for share, name in zip(FRACTURES[kind], ("anterior_height", "middle_height", "posterior_height"), strict=True)
    )
    hollow = ((anterior + posterior) / 2 - middle) / 2
    return {
        "anterior_height": anterior,
        "posterior_height": posterior,
        "superior_concavity": hollow,
        "inferior_concavity": hollow,
    }
