"""From corresponding shapes to a model: means by level, size apart from shape, shared modes.

Done every time that a model is loaded, so that leaving people out is exact: nothing of them is in means, modes, scale.

- Pose and size go first: every shape is brought onto its level's mean by rotation, translation and scale.
- Level means come from one mixed model: a smooth curve over the levels, a deviation of each person shared by that
  person's levels, and the rest. Sparse levels lean on their neighbours, and who was measured where matters less.
- Modes are the principal components of what is left, over all levels, with every shape's mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from .mesh import similarity, surface_laplacian

MIRROR = np.array([-1.0, 1.0, 1.0])
ROUNDS = 3
PERSON_VARIANCE = 0.5
"""Variance of a person's own deviation (all levels) relative to that of a single vertebra around it."""
REACH_MM = 50.0
"""Parts of the bone farther apart than this vary almost independently; chosen by leave-one-person-out error."""
KERNEL_TERMS = 20
MOST_PEOPLE = 10.0
"""A published mean counts for no more than this many people: it was segmented and smoothed in another way."""
CURVE_PENALTY = 1.0
"""Weight of the level means' second difference, relative to one person's vertebra."""


@dataclass(frozen=True)
class Samples:
    """Corresponding shapes.

    Attributes:
        shapes: (s, n, 3) mm, true size, any pose near the model's frame.
        known: (s, n) False where a shape is only extrapolated.
        subjects, levels: of each shape.
        counts: (s,) how many people stand behind each (87 for a published mean).
        shares: (s,) weight in the modes: 1 for the region's own levels, less for supporting ones.
    """

    shapes: np.ndarray
    known: np.ndarray
    subjects: tuple[str, ...]
    levels: tuple[str, ...]
    counts: np.ndarray
    shares: np.ndarray

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
    """The numbers of a model."""

    means: Mapping[str, np.ndarray]
    modes: np.ndarray
    deviations: np.ndarray
    log_scale_deviation: float


def learn(
    samples: Samples, levels: Sequence[str], all_levels: Sequence[str], frame: Frame, start: np.ndarray, rank: int
) -> Learned:
    """Means of ``levels`` and shared modes.

    Args:
        all_levels: every level among the samples, head to foot: ``levels`` and those that support them.
        start: (n, 3) a symmetric shape in the model's frame to begin with (the template).
        rank: how many modes at most.

    Raises:
        ValueError: a level has no sample left.
    """
    for level in levels:
        if level not in samples.levels:
            raise ValueError(f"got no shape of {level}; expected at least one person with that level")
    present = [level for level in all_levels if level in samples.levels]
    index = np.array([present.index(level) for level in samples.levels])
    smoother = _mean_smoother(samples, index, len(present))
    laplacian = surface_laplacian(frame.faces, len(start))
    means = np.repeat(start[None], len(present), axis=0)
    for _ in range(ROUNDS):
        aligned, logs = _align_all(samples, means[index], laplacian)
        shapes = np.tensordot(smoother, aligned, axes=1) * np.exp(smoother @ logs)[:, None, None]
        means = np.stack([frame.place((shape + frame.mirrored(shape)) / 2) for shape in shapes])
    aligned, logs = _align_all(samples, means[index], laplacian)
    weights, gain = _mode_weights(samples, index)
    modes, deviations = _modes((aligned - means[index]) * gain[:, None, None], weights, frame, means.mean(axis=0), rank)
    single = weights > 0
    spread = np.sqrt(np.average((logs * gain)[single] ** 2, weights=weights[single])) if single.any() else 0.05
    chosen = {level: means[present.index(level)] for level in levels}
    return Learned(chosen, modes, deviations, float(spread))


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


def _mean_smoother(samples: Samples, index: np.ndarray, count: int) -> np.ndarray:
    """(levels, s) the linear map from shapes to level means (best linear unbiased prediction with a smooth curve)."""
    people = sorted(set(samples.subjects))
    person = np.array([people.index(subject) for subject in samples.subjects])
    size = count + len(people)
    design = np.zeros((len(index), size))
    design[np.arange(len(index)), index] = 1.0
    design[np.arange(len(index)), count + person] = 1.0
    weights = np.minimum(samples.counts, MOST_PEOPLE)
    penalty = np.zeros((size, size))
    for i in range(len(people)):
        penalty[count + i, count + i] = weights[person == i].max() / PERSON_VARIANCE
    bend = np.diff(np.eye(count), n=2, axis=0) if count > 2 else np.zeros((0, count))
    penalty[:count, :count] += CURVE_PENALTY * bend.T @ bend
    normal = design.T @ (design * weights[:, None]) + penalty
    return np.linalg.solve(normal, design.T * weights)[:count]


def _mode_weights(samples: Samples, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s,) weight of each shape in the modes, and (s,) what residuals lose to a mean estimated from few people.

    A person with many levels says less that is new with each: the square root of their number is what they count for.
    """
    single = samples.counts == 1
    often = np.array([samples.subjects.count(subject) for subject in samples.subjects])
    people = np.bincount(index, np.minimum(samples.counts, MOST_PEOPLE))[index]
    weights = np.where(single, samples.shares / np.sqrt(often), 0.0)
    return weights, np.sqrt(people / np.maximum(people - 1.0, 1.0))


def _modes(
    residuals: np.ndarray, weights: np.ndarray, frame: Frame, middle: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of the residuals and their mirror images, with far parts of the bone let vary apart.

    A few people make distant parts look coupled that are not. The covariance is therefore multiplied by a kernel of
    distance (localised, as by Wilms 2017): every residual times every root of the kernel is a row of its own. With
    every mirror image in, a component is symmetric or antisymmetric: half of the vertices tell each kind.
    """
    half = np.flatnonzero(frame.partner >= np.arange(len(frame.partner)))
    # Both sides of a pair count: the half stands for the whole with these factors, and orthonormal stays orthonormal.
    double = np.where(frame.partner[half] == half, 1.0, np.sqrt(2.0))[:, None]
    used = weights > 0
    rows = residuals[used] * np.sqrt(weights[used] / weights[used].sum())[:, None, None]
    rows, mirrored = rows[:, half] * double, frame.mirrored(rows)[:, half] * double
    roots = _kernel_roots(middle)
    roots, turned = roots[:, half], roots[:, frame.partner[half]]
    values, modes = [], []
    for sign in (1.0, -1.0):
        pairs = [((rows + s * mirrored) / 2, (roots + sign * s * turned) / 2) for s in (1.0, -1.0)]
        products = np.concatenate([_products(*pair) for pair in pairs])
        motions = _motions(middle, sign)[:, half] * double
        found, vectors = _principal(_without(products, motions.reshape(len(motions), -1)), rank)
        left = vectors.reshape(len(vectors), -1, 3) / double
        whole = np.empty((len(left), *residuals.shape[1:]))
        whole[:, frame.partner[half]] = sign * left * MIRROR
        whole[:, half] = left
        values.append(found)
        modes.append(whole)
    variances, stacked = np.concatenate(values), np.concatenate(modes)
    order = np.argsort(variances)[::-1][:rank]
    order = order[variances[order] > 1e-6 * variances.max()]
    chosen = stacked[order]
    # A mode's sign is arbitrary: make it the same wherever this is computed.
    flat = chosen.reshape(len(chosen), -1)
    signs = np.sign(flat[np.arange(len(flat)), np.abs(flat).argmax(1)])
    return chosen * signs[:, None, None], np.sqrt(variances[order])


def _products(rows: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """(s k, 3n) float32: every row (s, n, 3) times every root (k, n)."""
    product = np.multiply(rows.astype(np.float32)[:, None], roots.astype(np.float32)[None, :, :, None], order="C")
    return product.reshape(len(rows) * len(roots), -1)


def _motions(vertices: np.ndarray, sign: float) -> np.ndarray:
    """(k, n, 3) displacements that are no change of shape: the symmetric (1) or antisymmetric (-1) moves and turns."""
    axes = np.eye(3)
    arms = vertices - vertices.mean(axis=0)
    moves = [np.broadcast_to(axis, arms.shape) for axis in axes]
    turns = [np.cross(axis, arms) for axis in axes]
    # Mirroring keeps what stays in the midsagittal plane and growth, and reverses the rest.
    return np.stack([moves[1], moves[2], turns[0], arms] if sign > 0 else [moves[0], turns[1], turns[2]])


def _without(rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Rows with their part along some directions taken away: the kernel had let pose and size back in."""
    basis = np.linalg.qr(directions.T)[0].astype(np.float32)
    return rows - (rows @ basis) @ basis.T


def _kernel_roots(vertices: np.ndarray) -> np.ndarray:
    """(k, n) functions whose products sum up to the Gaussian kernel of distance, nearly (Nystroem)."""
    few = vertices[:: max(1, len(vertices) // 250)]
    inner, outer = (np.exp(-cdist(points, few, "sqeuclidean") / (2 * REACH_MM**2)) for points in (few, vertices))
    values, vectors = np.linalg.eigh(inner)
    return (outer @ vectors[:, -KERNEL_TERMS:] / np.sqrt(values[-KERNEL_TERMS:])).T


def _principal(rows: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (k,) of rows' x rows and their vectors (k, columns), by a random subspace."""
    start = np.random.default_rng(0).standard_normal((len(rows), rank + 15)).astype(np.float32)
    basis = np.linalg.qr(rows.T @ start)[0]
    for _ in range(2):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    small = (rows @ basis).astype(np.float64)
    values, turn = np.linalg.eigh(small.T @ small)
    return values[::-1][:rank], (basis @ turn[:, ::-1][:, :rank]).T
