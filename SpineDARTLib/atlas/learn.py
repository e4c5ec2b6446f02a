"""From corresponding shapes to a model: means by level, size apart from shape, shared modes.

Done every time that a model is loaded, so that leaving people out is exact: nothing of them is in means, modes, scale.

- Pose and size go first: every shape is brought onto its level's mean by rotation, translation and scale.
- Level means come from one mixed model: a smooth curve over the levels, a deviation of each person shared by that
  person's levels, and the rest. Sparse levels lean on their neighbours, and who was measured where matters less. A
  level that nobody shows continues the curve.
- Published morphometry then moves each mean, by as much as the few people behind it leave it open (``population``).
- Modes are the principal components of what is left (``modes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .mesh import MIRROR, similarity, surface_laplacian
from .modes import Covariance, Modes, find_modes
from .prior import Population, move_mean, size_deviation, spread_of

ROUNDS = 3
PERSON_VARIANCE = 0.5
"""Variance of a person's own deviation (all levels) relative to that of a single vertebra around it."""
MOST_PEOPLE = 10.0
"""A published mean counts for no more than this many people: it was segmented and smoothed in another way."""
CURVE_PENALTY = 1.0
"""Weight of the level means' second difference, relative to one person's vertebra."""
STEP_PENALTY = 1.0
"""Likewise of their first difference: it keeps levels that nobody shows from running away."""
NOISE_MM = 2.0
"""Of a vertex, when an unseen part is completed: neighbours err together, so each counts for little."""
USUAL_SIZE_DEVIATION = 0.05
"""Of the logarithm of size, where only published means are there to learn from."""
FRACTURED_WEIGHT = 0.5
"""What a vertebra of Genant grade 2 or 3 counts for in its level's mean: the mean is a healthy one, nearly."""


@dataclass(frozen=True)
class Samples:
    """Corresponding shapes.

    Attributes:
        shapes: (s, n, 3) mm, true size, any pose near the model's frame.
        known: (s, n) False where a shape is only extrapolated.
        subjects, levels: of each shape.
        counts: (s,) how many people stand behind each (87 for a published mean).
        shares: (s,) weight in the modes: 1 for the region's own levels, less for supporting ones.
        genant: (s,) grade of fracture, 0 to 3; -1 where nobody graded it.
    """

    shapes: np.ndarray
    known: np.ndarray
    subjects: tuple[str, ...]
    levels: tuple[str, ...]
    counts: np.ndarray
    shares: np.ndarray
    genant: np.ndarray

    def without(self, subjects: Sequence[str]) -> Samples:
        """The same without some people."""
        keep = np.array([subject not in subjects for subject in self.subjects])
        names = np.flatnonzero(keep)
        return Samples(
            self.shapes[keep],
            self.known[keep],
            tuple(self.subjects[i] for i in names),
            tuple(self.levels[i] for i in names),
            self.counts[keep],
            self.shares[keep],
            self.genant[keep],
        )


@dataclass(frozen=True)
class Frame:
    """What defines the model's frame on any shape, and each vertex's mirror partner.

    Attributes:
        superior, inferior: vertex indices of the endplates.
        faces: (f, 3).
        partner: (n,).
    """

    superior: np.ndarray
    inferior: np.ndarray
    faces: np.ndarray
    partner: np.ndarray

    def place(self, symmetric: np.ndarray) -> np.ndarray:
        """A symmetric shape with its origin midway between the endplates' centres and the endplates' mean level."""
        up = self._plate_normal(symmetric, self.superior) - self._plate_normal(symmetric, self.inferior)
        cos, sin = up[2] / np.hypot(up[1], up[2]), up[1] / np.hypot(up[1], up[2])
        turned = symmetric @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T
        return turned - (turned[self.superior].mean(0) + turned[self.inferior].mean(0)) / 2 * (0, 1, 1)

    def _plate_normal(self, vertices: np.ndarray, plate: np.ndarray) -> np.ndarray:
        """(3,) normal of the plane through an endplate, outward."""
        arms = vertices[plate] - vertices[plate].mean(0)
        normal = np.linalg.svd(arms, full_matrices=False)[2][2]
        outward = 1.0 if plate is self.superior else -1.0
        return normal * np.sign(normal[2]) * outward

    def mirrored(self, shapes: np.ndarray) -> np.ndarray:
        """(..., n, 3) the mirror image, in correspondence."""
        return shapes[..., self.partner, :] * MIRROR


@dataclass(frozen=True)
class Learned:
    """The numbers of a model (see ``model.ShapeModel``)."""

    means: Mapping[str, np.ndarray]
    modes: Modes
    log_scale_deviation: float


def learn(
    samples: Samples,
    levels: Sequence[str],
    all_levels: Sequence[str],
    frame: Frame,
    start: np.ndarray,
    rank: int,
    population: Population | None = None,
) -> Learned:
    """Means of ``levels`` and shared modes.

    Args:
        all_levels: every level that there is, head to foot.
        start: (n, 3) a symmetric shape in the model's frame to begin with (the template).
        rank: how many modes at most.
        population: what is published of the levels' measures; means and modes are those of the samples alone without.

    Raises:
        ValueError: no sample is left.
    """
    if not samples.levels:
        raise ValueError(f"got no shape; expected at least one of {', '.join(levels)} or a level near them")
    present = [level for level in all_levels if level in samples.levels or level in levels]
    data = _Data(samples, [present.index(level) for level in samples.levels], levels, frame)
    means, doubt = data.curve(start, len(present))
    places = [present.index(level) for level in levels]
    covariance, size = data.spread(means, means[places].mean(axis=0))
    spread = None
    if population is not None:
        measures = population.measures(means[places].mean(axis=0))
        for place, level in enumerate(present):
            known = population.published(level)
            moved = move_mean(means[place], covariance, size, measures, known, float(doubt[place]))
            means[place] = frame.place(moved)
        middle = means[places].mean(axis=0)
        covariance, size = data.spread(means, middle)
        published = [population.published(level) for level in levels]
        size = max(size, size_deviation(middle, covariance, measures, published))
        spread = spread_of(middle, measures, published, size, len(set(samples.subjects)))
    modes = find_modes(covariance, spread, rank)
    if not samples.known.all():
        completed, _ = data.spread(means, means[places].mean(axis=0), modes)
        modes = find_modes(completed, spread, rank)
    return Learned(dict(zip(levels, means[places], strict=True)), modes, size)


class _Data:
    """The shapes and what they count for.

    Args:
        index: of each shape's level among those that means are made of, head to foot.
        levels: the region's own.
    """

    def __init__(self, samples: Samples, index: Sequence[int], levels: Sequence[str], frame: Frame) -> None:
        self.samples, self.index, self.frame = samples, np.array(index), frame
        self.own = np.array([level in levels for level in samples.levels])
        self.weights, self.gain = _mode_weights(samples, self.index)
        self.laplacian = surface_laplacian(frame.faces, samples.shapes.shape[1])

    def curve(self, start: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(count, n, 3) the levels' means, (count,) what variance the few people leave each."""
        smoother, doubt = _mean_smoother(self.samples, self.index, count)
        means = np.repeat(start[None], count, axis=0)
        for _ in range(ROUNDS):
            aligned, logs = _align_all(self.samples, means[self.index], self.laplacian)
            shapes = np.tensordot(smoother, aligned, axes=1) * np.exp(smoother @ logs)[:, None, None]
            means = np.stack([self.frame.place((shape + self.frame.mirrored(shape)) / 2) for shape in shapes])
        return means, doubt

    def spread(self, means: np.ndarray, middle: np.ndarray, modes: Modes | None = None) -> tuple[Covariance, float]:
        """The covariance around means, and the deviation of the logarithm of size.

        Args:
            middle: (n, 3) mean of the region's own levels.
            modes: by which incomplete shapes are completed; smoothly, without.
        """
        aligned, logs = _align_all(self.samples, means[self.index], self.laplacian)
        residuals = (aligned - means[self.index]) * self.gain[:, None, None]
        if modes is not None:
            residuals = _completed(residuals, self.samples.known, modes)
        covariance = Covariance(residuals, self.weights, self.own, middle, self.frame.faces, self.frame.partner)
        used = self.weights > 0
        if not used.any():
            return covariance, USUAL_SIZE_DEVIATION
        return covariance, float(np.sqrt(np.average((logs * self.gain)[used] ** 2, weights=self.weights[used])))


def _completed(residuals: np.ndarray, known: np.ndarray, modes: Modes) -> np.ndarray:
    """(s, n, 3) residuals with unseen parts as the modes expect them, given the seen."""
    basis = modes.vectors * modes.deviations[:, None, None]
    residuals = residuals.copy()
    for shape, seen in zip(residuals, known, strict=True):
        if not seen.all():
            rows = basis[:, seen].reshape(len(basis), -1) / NOISE_MM
            coefficients = np.linalg.solve(rows @ rows.T + np.eye(len(rows)), rows @ shape[seen].reshape(-1) / NOISE_MM)
            shape[~seen] = np.tensordot(coefficients, basis[:, ~seen], axes=1)
    return residuals


def _align_all(samples: Samples, means: np.ndarray, laplacian: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """(s, n, 3) every shape on its level's mean at that mean's size, and (s,) the logarithms of the sizes removed."""
    aligned, logs = np.empty_like(means), np.empty(len(means))
    for i, (shape, known, mean) in enumerate(zip(samples.shapes, samples.known, means, strict=True)):
        scale, rotation, move = similarity(shape[known], mean[known])
        aligned[i] = scale * shape @ rotation.T + move
        logs[i] = -np.log(scale)
        if not known.all():
            aligned[i, ~known] = mean[~known] + _extend((aligned[i] - mean), known, laplacian)
    return aligned, logs


def _extend(residual: np.ndarray, known: np.ndarray, laplacian: csr_array) -> np.ndarray:
    """What a cut-off part differs from the mean by: the smooth continuation of the part that was seen."""
    rows = laplacian[~known]
    return np.linalg.solve(rows[:, ~known].toarray(), -(rows[:, known] @ residual[known]))


def _mean_smoother(samples: Samples, index: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(levels, s) the linear map from shapes to level means, (levels,) what variance that leaves each mean.

    The best linear unbiased prediction with a smooth curve; the variance is relative to that between people at a level.
    """
    people = sorted(set(samples.subjects))
    person = np.array([people.index(subject) for subject in samples.subjects])
    size = count + len(people)
    design = np.zeros((len(index), size))
    design[np.arange(len(index)), index] = 1.0
    design[np.arange(len(index)), count + person] = 1.0
    weights = np.minimum(samples.counts, MOST_PEOPLE) * np.where(samples.genant >= 2, FRACTURED_WEIGHT, 1.0)
    penalty = np.zeros((size, size))
    for i in range(len(people)):
        penalty[count + i, count + i] = weights[person == i].max() / PERSON_VARIANCE
    for order, weight in ((1, STEP_PENALTY), (2, CURVE_PENALTY)):
        bend = np.diff(np.eye(count), n=order, axis=0) if count > order else np.zeros((0, count))
        penalty[:count, :count] += weight * bend.T @ bend
    inverse = np.linalg.inv(design.T @ (design * weights[:, None]) + penalty)
    return (inverse @ design.T * weights)[:count], np.diag(inverse)[:count] / (1.0 + PERSON_VARIANCE)


def _mode_weights(samples: Samples, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s,) weight of each shape in the modes, and (s,) what residuals lose to a mean estimated from few people.

    A person with many levels says less that is new with each: the square root of their number is what they count for.
    """
    single = samples.counts == 1
    often = np.array([samples.subjects.count(subject) for subject in samples.subjects])
    people = np.bincount(index, np.minimum(samples.counts, MOST_PEOPLE))[index]
    weights = np.where(single, samples.shares / np.sqrt(often), 0.0)
    return weights, np.sqrt(people / np.maximum(people - 1.0, 1.0))
