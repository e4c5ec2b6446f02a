"""The statistical shape model of one region of the spine, in the words of scalismo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class ShapeModel:
    """Level means plus shared modes: shape = mean of the level + sum of coefficient x deviation x mode.

    The model's frame has the axes of RAS (x right, y anterior, z superior) and its origin at the centre of the
    vertebral body; millimetres at scale 1, which is the level's mean size. Size is not in the modes.

    Attributes:
        region: "L1-L5", ...
        levels: the levels it knows, head to foot.
        means: level to (n, 3) mean vertices, mm.
        modes: (modes, n, 3) orthonormal over all 3n coordinates.
        deviations: (modes,) standard deviation along each mode (mm, in the norm of all 3n coordinates).
        log_scale_deviation: standard deviation of log(scale) within a level.
        faces: (f, 3) vertex indices, closed surface, outward normals.
        landmarks: name to (n,) index and weights: a landmark is a weighted mean of vertices.
        cannulas: side to {"entry", "target", ...}: likewise.
        regions: name to vertex indices ("left_pedicle", "left_isthmus", "superior_endplate", ...).
        subjects: the people it has learned from.
        backup_landmarks: the sparse set on the body: centroid, superior, inferior, left, right.
        partner: (n,) the vertex at the mirrored place, itself on the midline (empty when the template has none).
        paths: name to the anchors along a curved path, entry to tip ("kyphoplasty_left", "kyphoplasty_right").
        morphs: measure ("pedicle_width", ...) to (n, 3) mm: the likeliest change of shape for one unit more of it,
            every other measure held (``morphs``).
        total_variance: mm2 of all modes there are, those left out too.
    """

    region: str
    levels: tuple[str, ...]
    means: Mapping[str, np.ndarray]
    modes: np.ndarray
    deviations: np.ndarray
    log_scale_deviation: float
    faces: np.ndarray
    landmarks: Mapping[str, Anchor]
    cannulas: Mapping[str, Mapping[str, Anchor]]
    regions: Mapping[str, np.ndarray]
    subjects: tuple[str, ...] = ()
    header: Mapping[str, object] = field(default_factory=dict)
    backup_landmarks: Mapping[str, Anchor] = field(default_factory=dict)
    partner: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    paths: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)
    morphs: Mapping[str, np.ndarray] = field(default_factory=dict)
    total_variance: float = 0.0

    @property
    def rank(self) -> int:
        """Number of modes."""
        return len(self.deviations)

    @property
    def explained(self) -> float:
        """Share of the variance that the modes hold (0 to 1)."""
        return float((self.deviations**2).sum() / self.total_variance) if self.total_variance else 1.0

    @property
    def basis(self) -> np.ndarray:
        """(modes, n, 3) mm for one standard deviation of each mode."""
        return self.modes * self.deviations[:, None, None]

    def instance(self, level: str, coefficients: np.ndarray) -> np.ndarray:
        """(n, 3) vertices in the model's frame at scale 1, from coefficients in standard deviations (may be fewer)."""
        coefficients = np.asarray(coefficients, dtype=np.float64)
        return self.means[level] + np.tensordot(coefficients, self.basis[: len(coefficients)], axes=1)

    def sample(self, level: str, generator: np.random.Generator) -> np.ndarray:
        """(n, 3) a random shape of the level, coefficients standard normal."""
        return self.instance(level, generator.standard_normal(self.rank))

    def project(self, level: str, vertices: np.ndarray) -> np.ndarray:
        """(modes,) the coefficients whose instance is nearest to (n, 3) corresponding vertices in the model's frame."""
        return np.tensordot(self.modes, vertices - self.means[level], axes=([1, 2], [0, 1])) / self.deviations

    def posterior(
        self, level: str, indices: np.ndarray, points: np.ndarray, sigma_mm: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients given some vertices: mean (modes,) and covariance (modes, modes), in standard deviations.

        Args:
            indices: (m,) which vertices are known.
            points: (m, 3) where they are, in the model's frame.
            sigma_mm: noise of each known coordinate.
        """
        basis = self.basis[:, indices].reshape(self.rank, -1)
        precision = basis @ basis.T / sigma_mm**2 + np.eye(self.rank)
        covariance = np.linalg.inv(precision)
        difference = (np.asarray(points) - self.means[level][indices]).reshape(-1)
        return covariance @ basis @ difference / sigma_mm**2, covariance

    def truncate(self, rank: int) -> ShapeModel:
        """The same model with its first modes only."""
        return replace(self, modes=self.modes[:rank], deviations=self.deviations[:rank])


@dataclass(frozen=True)
class Anchor:
    """A named point that rides on the surface: a weighted mean of vertices."""

    indices: np.ndarray
    weights: np.ndarray

    def on(self, vertices: np.ndarray) -> np.ndarray:
        """(3,) where it is on (n, 3) vertices."""
        return self.weights @ vertices[self.indices]
