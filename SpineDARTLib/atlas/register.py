"""Carry the template onto another vertebra: similarity, then coherent point drift, then onto the surface itself.

- ``align``: Procrustes and iterated closest points, from several starts.
- Coherent point drift (Myronenko and Song 2010, pycpd) of some of the vertices to some of the points bends space; its
  own Gaussian kernels carry all vertices along.
- Closest points bring the vertices onto the surface. They are sought among positions and normals at once, so that the
  two sides of a thin lamina never attract each other, and in both directions, so that the tips of the processes are
  reached and not just the nearest bone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from .mesh import Template, similarity, surface_laplacian, vertex_normals
from .surfaces import Surface

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)  # pycpd 2.0.0 compares a number by "is not"
    from pycpd import DeformableRegistration

TILTS_DEG = (-40.0, -20.0, 0.0, 20.0, 40.0)
"""Starts: lumbar lordosis and thoracic kyphosis tilt a vertebra in the sagittal plane."""
UNIT_MM = 30.0
"""About a vertebra's size: point drift's stiffness and tolerance are meant for shapes of size 1."""
DRIFT_NOISE_MM = 8.0
"""Standard deviation of the drifting points at the beginning: an aligned template is about so far off."""
DRIFT_TOLERANCE = 1e-5
FINE_STIFFNESS = (8.0, 4.0, 2.0, 1.0, 1.0)
SETTLING_MM = (6.0, 3.0, 2.0, 1.0)
"""Times that the surface settles, and how far off a match then counts for a third: later starts are nearer."""
UNFOLDING, WIDENING = 60, 10
"""Rounds of smoothing, at most, to open folded triangles; after how many of them it reaches a ring farther."""
NORMAL_MM = 12.0
"""How many millimetres a reversed normal counts for in a match (half of this for a unit of difference)."""
SETTLING_NORMAL_MM = 1.5
"""The same when the surface settles: where a lumbar valley is a thoracic ridge, heavier normals find no way out of it
(measured on T2 to T12; matches of opposite normals do not count anyway)."""
CUT_MM = 6.0
"""So near to a cut the template is pulled by the surface but does not seek it."""


@dataclass(frozen=True)
class Drift:
    """How point drift bends space; measured on T3 to L5, where softer or finer ones fold the processes more often.

    Attributes:
        vertices, points: how many of the template's vertices drift to how many of the target's points.
        width_mm: of the Gaussian kernels that make the deformation smooth (beta).
        stiffness: weight of smoothness (lambda).
        outliers: share of the points that nothing corresponds to (w).
        iterations: at most.
        seed: of the choice of points.
    """

    vertices: int = 600
    points: int = 1400
    width_mm: float = 45.0
    stiffness: float = 2.0
    outliers: float = 0.05
    iterations: int = 60
    seed: int = 0


@dataclass(frozen=True)
class Target:
    """What is matched to: (m, 3) points evenly over a surface, their unit normals, and where the scan was cut."""

    points: np.ndarray
    normals: np.ndarray
    cut: np.ndarray

    def beyond_cut(self, points: np.ndarray, margin_mm: float = 0.0) -> np.ndarray:
        """(n,) whether points lie where the scan had ended, or so near to it."""
        outside = np.zeros(len(points), dtype=bool)
        for plane in self.cut:
            outside |= points @ plane[:3] > plane[3] - margin_mm
        return outside


@dataclass(frozen=True)
class Registered:
    """The template on one vertebra.

    Attributes:
        vertices: (n, 3) RAS mm.
        known: (n,) False where the scan was cut and the place is only extrapolated.
        distance_mm: (n,) to the target surface.
    """

    vertices: np.ndarray
    known: np.ndarray
    distance_mm: np.ndarray


def make_target(surface: Surface, spacing_mm: float = 1.3) -> Target:
    """Points of a surface thinned to an even spacing (one a voxel), without the lid of a cut."""
    normals = vertex_normals(surface.vertices, surface.faces)
    cell = np.floor(surface.vertices / spacing_mm).astype(np.int64)
    # The normal's octant is part of the key: both faces of a thin sheet stay.
    key = np.column_stack([cell, normals > 0]) - np.r_[cell.min(0), 0, 0, 0]
    chosen = np.unique(np.ravel_multi_index(tuple(key.T), tuple(key.max(0) + 1)), return_index=True)[1]
    target = Target(surface.vertices[chosen], normals[chosen], surface.cut)
    keep = ~target.beyond_cut(target.points)
    return Target(target.points[keep], target.normals[keep], surface.cut)


def register(template: Template, start: np.ndarray, target: Target, drift: Drift | None = None) -> Registered:
    """Deform the template to a target.

    Args:
        start: (n, 3) the template's vertices as first guess, already near the target (``align``), any pose.
        drift: how to bend space first; None when ``start`` is an instance fitted by a model.
    """
    vertices = start if drift is None else _drift(start, target, drift)
    vertices = _settle(template, vertices, target)
    match = Matcher(target, NORMAL_MM / 2).forward(vertices, vertex_normals(vertices, template.faces))
    return Registered(vertices, ~target.beyond_cut(vertices), match.distance)


def align(shape: np.ndarray, faces: np.ndarray, target: Target) -> np.ndarray:
    """(n, 3) the shape moved, turned and scaled onto the target: the best of several sagittal tilts."""
    sample = np.arange(0, len(shape), 3)
    normals = vertex_normals(shape, faces)[sample]
    tree = KDTree(np.hstack([target.points, target.normals * NORMAL_MM]))
    size = np.sqrt(target.points.var(0).sum() / shape.var(0).sum())
    best, found = np.inf, shape
    for tilt in TILTS_DEG:
        rotation = Rotation.from_euler("x", tilt, degrees=True).as_matrix()
        scale, centre = size, target.points.mean(0) - size * rotation @ shape.mean(0)
        cost = np.inf
        for _ in range(30):
            moved = scale * shape[sample] @ rotation.T + centre
            cost, nearest = tree.query(np.hstack([moved, normals @ rotation.T * NORMAL_MM]))
            near = cost <= np.quantile(cost, 0.9)
            scale, rotation, centre = similarity(shape[sample][near], target.points[nearest][near])
            cost = float(np.mean(np.minimum(cost, 20.0)))
        if cost < best:
            best, found = cost, scale * shape @ rotation.T + centre
    return found


def surface_distance(vertices: np.ndarray, faces: np.ndarray, target: Target) -> float:
    """Mean distance, mm, of a surface's vertices from a target and of the target's points from the surface."""
    normals = vertex_normals(vertices, faces)
    there = Matcher(target, NORMAL_MM / 2).forward(vertices, normals).distance[~target.beyond_cut(vertices)]
    back = Matcher(Target(vertices, normals, target.cut), NORMAL_MM / 2).forward(target.points, target.normals).distance
    return float((there.mean() + back.mean()) / 2)


@dataclass(frozen=True)
class Match:
    """Where each vertex should go, how much that counts, and how far it lies from the surface."""

    goal: np.ndarray
    weight: np.ndarray
    distance: np.ndarray


class Matcher:
    """Nearest points by position and normal, both ways."""

    def __init__(self, target: Target, normal_mm: float) -> None:
        self._target = target
        self._normal_mm = normal_mm
        self._tree = KDTree(np.hstack([target.points, target.normals * normal_mm]))

    def forward(self, vertices: np.ndarray, normals: np.ndarray) -> Match:
        """Each vertex to its place on the target's nearest tangent plane; nothing where the scan was cut."""
        target = self._target
        nearest = self._tree.query(np.hstack([vertices, normals * self._normal_mm]))[1]
        offset = target.points[nearest] - vertices
        height = np.einsum("ij,ij->i", offset, target.normals[nearest])
        aside = offset - height[:, None] * target.normals[nearest]
        reach = np.linalg.norm(aside, axis=1)
        # Within the sampling's spacing the tangent plane is the surface; farther away the point itself is the goal.
        keep = np.clip((reach - 1.5) / np.maximum(reach, 1e-9), 0, 1)
        goal = vertices + height[:, None] * target.normals[nearest] + keep[:, None] * aside
        agree = np.clip(np.einsum("ij,ij->i", normals, target.normals[nearest]), 0, 1)
        # Near a cut the stump must not gather the vertices of the whole process: there only the surface pulls.
        weight = np.where(target.beyond_cut(vertices) | target.beyond_cut(target.points[nearest], CUT_MM), 0.0, agree)
        return Match(goal, weight, np.linalg.norm(goal - vertices, axis=1))

    def backward(self, vertices: np.ndarray, normals: np.ndarray, farther_than_mm: float = 0.0) -> Match:
        """Each vertex to the mean of the target points that are nearest to it (of those at least so far away)."""
        target = self._target
        tree = KDTree(np.hstack([vertices, normals * self._normal_mm]))
        nearest = tree.query(np.hstack([target.points, target.normals * self._normal_mm]))[1]
        offset = target.points - vertices[nearest]
        agree = np.clip(np.einsum("ij,ij->i", normals[nearest], target.normals), 0, 1)
        agree = np.where(np.linalg.norm(offset, axis=1) < farther_than_mm, 0.0, agree)
        total = np.bincount(nearest, agree, len(vertices))
        pull = np.stack([np.bincount(nearest, agree * offset[:, a], len(vertices)) for a in range(3)], 1)
        pull = pull / np.maximum(total, 1e-9)[:, None]
        return Match(vertices + pull, np.clip(total, 0, 1), np.linalg.norm(pull, axis=1))


def _drift(start: np.ndarray, target: Target, drift: Drift) -> np.ndarray:
    """(n, 3) the vertices after coherent point drift of some of them."""
    chosen = _spread(start, min(drift.vertices, len(start)))
    count = min(drift.points, len(target.points))
    points = target.points[np.random.default_rng(drift.seed).choice(len(target.points), count, replace=False)]
    registration = DeformableRegistration(
        X=points / UNIT_MM,
        Y=start[chosen] / UNIT_MM,
        alpha=drift.stiffness,
        beta=drift.width_mm / UNIT_MM,
        sigma2=(DRIFT_NOISE_MM / UNIT_MM) ** 2,
        w=drift.outliers,
        max_iterations=drift.iterations,
        tolerance=DRIFT_TOLERANCE,
    )
    registration.register()
    kernel = np.exp(-cdist(start, start[chosen], "sqeuclidean") / (2 * drift.width_mm**2))
    return start + UNIT_MM * kernel @ registration.W


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of ``count`` points far from each other, the same every time."""
    chosen = [0]
    distance = ((points - points[0]) ** 2).sum(1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return np.array(chosen)


def folded(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) the vertices of triangles that face away from the surface around them."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    agree = np.einsum("ij,ikj->ik", across, vertex_normals(vertices, faces)[faces]).min(axis=1)
    found = np.zeros(len(vertices), dtype=bool)
    found[faces[agree < 0]] = True
    return found


def _settle(template: Template, start: np.ndarray, target: Target) -> np.ndarray:
    """Onto the surface itself by a displacement that is smooth over the surface; folds are smoothed out."""
    laplacian = surface_laplacian(template.faces, len(start))
    smooth = laplacian.T @ laplacian
    matcher = Matcher(target, SETTLING_NORMAL_MM)
    for reach in SETTLING_MM:
        vertices = start
        for stiffness in FINE_STIFFNESS:
            normals = vertex_normals(vertices, template.faces)
            there, back = matcher.forward(vertices, normals), matcher.backward(vertices, normals, farther_than_mm=1.0)
            near = there.weight * np.exp(-((there.distance / reach) ** 2))
            far = 0.5 * back.weight
            pull = near[:, None] * (there.goal - start) + far[:, None] * (back.goal - start)
            # The whole displacement since the start is kept smooth, not each step's: the triangles stay in order.
            vertices = start + splu(csc_array(diags_array(near + far + 1e-3) + stiffness * smooth)).solve(pull)
        start = _unfold(vertices, template.faces, laplacian)
    return start


def _unfold(vertices: np.ndarray, faces: np.ndarray, laplacian: csr_array) -> np.ndarray:
    """Smooth the surface where triangles are folded, and around them as far as it takes."""
    for done in range(UNFOLDING):
        wrong = folded(vertices, faces)
        if not wrong.any():
            break
        for _ in range(1 + done // WIDENING):
            wrong |= np.asarray(abs(laplacian) @ wrong.astype(float)) > 0
        vertices = np.where(wrong[:, None], vertices - laplacian @ vertices, vertices)
    return vertices
