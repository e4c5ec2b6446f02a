"""The modes of shape: principal components of what real shapes differ by, widened to what populations differ by.

The covariance is a product of rows: real residuals and their mirror images, with far parts of the bone let vary apart
(localised, as by Wilms 2017: every residual times every root of a kernel of distance). With every mirror image in, a
component is symmetric or antisymmetric: half of the vertices tell each kind.

A few people do not show how much a pedicle's width differs in thousands; published morphometry does. With C the
covariance of shape, J the measures' gradients and S their published covariance, the rows are changed so that measures
spread as published and everything else still follows them as it does in real shapes:
p'(shape) = p(shape | measures) p_published(measures). For rows R (C = R'R) and the QR parts Q P of R J', the new rows
are R - Q Q'R and L'(P^-1 Q'R) with S = L L'; P^-1 Q'R are the **morphs**, the likeliest change of shape for one unit of
one measure with every other held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist

from .mesh import MIRROR, surface_laplacian

REACH_MM = 50.0
"""Parts of the bone farther apart than this vary almost independently; chosen by leave-one-person-out error."""
KERNEL_TERMS = 20
SMOOTHING = 400.0
"""Penalty on the squared surface Laplacian of residuals: what is finer is noise of voxels and of correspondence.
Chosen by leave-one-person-out error, which falls by 4 % while fewer modes hold more of the variance."""


@dataclass(frozen=True)
class Spread:
    """What is known of a population's measures, for the modes.

    Attributes:
        names: (m,) of the measures.
        gradients: (m, n, 3) of each on the region's mean, units per mm.
        deviations: (m,) between people, size taken out.
        trust: (m,) how far the deviations replace those of the real shapes: 0 (nothing is published) to 1.
        losses: (m, m) covariance that fractures add.
    """

    names: tuple[str, ...]
    gradients: np.ndarray
    deviations: np.ndarray
    trust: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Modes:
    """Shared modes of a region.

    Attributes:
        vectors: (k, n, 3) orthonormal over all 3n coordinates.
        deviations: (k,) mm in the norm of all 3n coordinates.
        total_variance: of all modes, those left out too (mm2).
        shares: what the variance came from, to its part of the whole: "own levels", "other levels", "morphometry",
            "fractures".
        morphs: measure to (n, 3) mm for one unit of it.
    """

    vectors: np.ndarray
    deviations: np.ndarray
    total_variance: float
    shares: Mapping[str, float]
    morphs: Mapping[str, np.ndarray]


class Covariance:
    """The rows that the modes are taken from.

    Args:
        residuals: (s, n, 3) of the shapes from their levels' means, mm.
        weights: (s,) of each; 0 leaves it out.
        own: (s,) whether it is of the region's own levels.
        middle: (n, 3) the region's mean, symmetric.
        faces: (f, 3).
        partner: (n,) each vertex's mirror image.
    """

    def __init__(
        self,
        residuals: np.ndarray,
        weights: np.ndarray,
        own: np.ndarray,
        middle: np.ndarray,
        faces: np.ndarray,
        partner: np.ndarray,
    ) -> None:
        self.partner, self.middle = partner, middle
        self.half = np.flatnonzero(partner >= np.arange(len(partner)))
        # Both sides of a pair count: the half stands for the whole with these factors, and orthonormal stays so.
        self.double = np.where(partner[self.half] == self.half, 1.0, np.sqrt(2.0))[:, None]
        used = weights > 0
        rows = smoothed(residuals[used], faces)
        rows *= np.sqrt(weights[used] / weights[used].sum())[:, None, None]
        roots = _kernel_roots(middle)
        self.own = np.tile(np.repeat(own[used], len(roots)), 2)
        self.symmetric, self._parts = self._products(rows, roots, 1.0), (rows, roots)

    @cached_property
    def antisymmetric(self) -> np.ndarray:
        """(rows, 3 half) the other kind of rows; measures, which are symmetric, need none."""
        return self._products(*self._parts, -1.0)

    def _products(self, rows: np.ndarray, roots: np.ndarray, sign: float) -> np.ndarray:
        """(2 s k, 3 half) float32: the symmetric (1) or antisymmetric (-1) part of every row times every root."""
        mirrored = rows[:, self.partner] * MIRROR
        rows, mirrored = rows[:, self.half] * self.double, mirrored[:, self.half] * self.double
        roots, turned = roots[:, self.half], roots[:, self.partner[self.half]]
        pairs = [((rows + s * mirrored) / 2, (roots + sign * s * turned) / 2) for s in (1.0, -1.0)]
        products = np.concatenate([_times(*pair) for pair in pairs])
        motions = self._halved(_motions(self.middle, sign))
        return _without(products, motions)

    def _halved(self, whole: np.ndarray) -> np.ndarray:
        """(k, 3 half) from (k, n, 3)."""
        return (whole[:, self.half] * self.double).reshape(len(whole), -1)

    def whole(self, halved: np.ndarray, sign: float) -> np.ndarray:
        """(k, n, 3) from (k, 3 half)."""
        left = halved.reshape(len(halved), -1, 3) / self.double
        found = np.empty((len(left), len(self.partner), 3))
        found[:, self.partner[self.half]] = sign * left * MIRROR
        found[:, self.half] = left
        return found

    def answers(self, gradients: np.ndarray) -> np.ndarray:
        """(rows, m) what the symmetric rows do to some measures of which (m, n, 3) are the gradients."""
        mirrored = gradients[:, self.partner] * MIRROR
        halved = self._halved((gradients + mirrored) / 2).T.astype(np.float32)
        return (self.symmetric @ halved).astype(np.float64)

    def following(self, answers: np.ndarray) -> np.ndarray:
        """(m, n, 3) the covariance of every coordinate with the measures that (rows, m) are the answers of."""
        return self.whole((answers.T.astype(np.float32) @ self.symmetric).astype(np.float64), 1.0)


def smoothed(residuals: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(s, n, 3) residuals without what is finer than shape."""
    count = residuals.shape[1]
    laplacian = surface_laplacian(faces, count)
    stiff = csc_array(eye_array(count) + SMOOTHING * laplacian.T @ laplacian)
    # Symmetric and positive: no pivoting, and an ordering for that, is several times as quick.
    solver = splu(stiff, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    found = solver.solve(np.moveaxis(residuals, 1, 0).reshape(count, -1))
    return np.moveaxis(found.reshape(count, -1, 3), 1, 0)


def find_modes(covariance: Covariance, spread: Spread | None, rank: int) -> Modes:
    """The principal components of the rows, measures spread as the population's where that is known."""
    symmetric, morphs = covariance.symmetric, {}
    parts = dict.fromkeys(("real", "morphometry", "fractures"), 0.0)
    energy = [(rows.astype(np.float64) ** 2).sum(1) for rows in (symmetric, covariance.antisymmetric)]
    if spread is not None:
        kept, added, parts, morphs = _widened(covariance, spread)
        energy[0] = (kept.astype(np.float64) ** 2).sum(1)
        symmetric = np.vstack([kept, added])
    by_row = energy[0] + energy[1]
    of_own = by_row[covariance.own].sum() / by_row.sum()
    real = by_row.sum() + parts["real"]
    shares = {"own levels": real * of_own, "other levels": real * (1 - of_own)}
    shares |= {name: parts[name] for name in ("morphometry", "fractures")}
    total = float(sum(shares.values()))
    found = [_principal(rows, rank) for rows in (symmetric, covariance.antisymmetric)]
    variances = np.concatenate([values for values, _ in found])
    stacked = np.concatenate(
        [covariance.whole(vectors, sign) for (_, vectors), sign in zip(found, (1.0, -1.0), strict=True)]
    )
    order = np.argsort(variances)[::-1][:rank]
    order = order[variances[order] > 1e-6 * variances.max()]
    return Modes(
        vectors=_signed(stacked[order]),
        deviations=np.sqrt(variances[order]),
        total_variance=total,
        shares={name: float(value) / total for name, value in shares.items()},
        morphs=morphs,
    )


def _widened(
    covariance: Covariance, spread: Spread
) -> tuple[np.ndarray, np.ndarray, dict[str, float], dict[str, np.ndarray]]:
    """Rows with the measures held; rows of the measures as published; what their variance is due to; the morphs."""
    turn, triangle = np.linalg.qr(covariance.answers(spread.gradients))
    along = turn.T.astype(np.float32) @ covariance.symmetric
    fields = np.linalg.solve(triangle, along.astype(np.float64))
    own = triangle.T @ triangle
    published = np.where(spread.trust > 0, spread.deviations, 0.0) ** 2
    wider = np.sqrt((1 - spread.trust) + spread.trust * published / np.diag(own))
    # How measures go together is as in the real shapes.
    spreading = own * np.outer(wider, wider)
    kept = covariance.symmetric - turn.astype(np.float32) @ along
    added = np.linalg.cholesky(spreading + spread.losses).T @ fields
    by_measure = ((spreading @ fields) * fields).sum(1)
    parts = {
        "real": float(((1 - spread.trust) * by_measure).sum()),
        "morphometry": float((spread.trust * by_measure).sum()),
        "fractures": float(((spread.losses @ fields) * fields).sum()),
    }
    morphs = dict(zip(spread.names, covariance.whole(fields, 1.0), strict=True))
    return kept, added.astype(np.float32), parts, morphs


def _signed(modes: np.ndarray) -> np.ndarray:
    """A mode's sign is arbitrary: the same wherever this is computed."""
    flat = modes.reshape(len(modes), -1)
    return modes * np.sign(flat[np.arange(len(flat)), np.abs(flat).argmax(1)])[:, None, None]


def _times(rows: np.ndarray, roots: np.ndarray) -> np.ndarray:
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
    terms = min(KERNEL_TERMS, int((values > 1e-9 * values.max()).sum()))
    return (outer @ vectors[:, -terms:] / np.sqrt(values[-terms:])).T


def _principal(rows: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (k,) of rows' x rows and their vectors (k, columns), by a random subspace."""
    start = np.random.default_rng(0).standard_normal((len(rows), rank + 15)).astype(np.float32)
    basis = np.linalg.qr(rows.T @ start)[0]
    for _ in range(2):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    small = (rows @ basis).astype(np.float64)
    values, turn = np.linalg.eigh(small.T @ small)
    return values[::-1][:rank], (basis @ turn[:, ::-1][:, :rank]).T
