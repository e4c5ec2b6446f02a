"""Carry the template onto another vertebra: similarity, then a smooth deformation of space, then of the surface.

Matches are sought among positions and normals at once, so that the two sides of a thin lamina never attract each other,
and in both directions, so that the tips of the processes are reached and not just the nearest bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .mesh import Template, similarity, surface_laplacian, vertex_areas, vertex_normals
from .surfaces import Surface

TILTS_DEG = (-40.0, -20.0, 0.0, 20.0, 40.0)
"""Starts: lumbar lordosis and thoracic kyphosis tilt a vertebra in the sagittal plane."""
KERNELS_MM = ((60.0, 1.0), (25.0, 0.3), (12.0, 0.05))
"""Width and variance share of the deformation's Gaussian kernels, coarse to fine."""
STIFFNESS = (30.0, 15.0, 8.0, 4.0, 2.0, 1.0)
FINE_STIFFNESS = (8.0, 4.0, 2.0, 1.0, 1.0)
UNFOLDING = 6
"""Rounds of smoothing, at most, to open folded triangles."""
NORMAL_MM = 12.0
"""How many millimetres a reversed normal counts for in a match (half of this for a unit of difference)."""

CUT_MM = 6.0
"""So near to a cut the template is pulled by the surface but does not seek it."""


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


def register(template: Template, start: np.ndarray, target: Target, deform: bool = True) -> Registered:
    """Deform the template to a target.

    Args:
        start: (n, 3) the template's vertices as first guess, already near the target (``align``), any pose.
        deform: whether to bend space first; False when ``start`` is an instance fitted by a model.
    """
    areas = vertex_areas(start, template.faces)
    vertices = _bend(template, start, target, areas) if deform else start
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


def _bend(template: Template, start: np.ndarray, target: Target, areas: np.ndarray) -> np.ndarray:
    """A smooth deformation of space (affine plus Gaussian kernels on control points), from stiff to soft."""
    controls = start[_spread(start, 350)]
    kernel, inner = _kernel(start, controls), _kernel(controls, controls)
    affine = np.hstack([np.ones((len(start), 1)), (start - start.mean(0)) / 30.0])
    basis = np.hstack([affine, kernel])
    penalty = np.zeros((basis.shape[1],) * 2)
    penalty[4:, 4:] = inner + 1e-6 * np.eye(len(inner))
    penalty[np.arange(1, 4), np.arange(1, 4)] = 0.02
    thin = slice(None, None, 3)  # bending needs no more points than the template has vertices
    matcher = Matcher(Target(target.points[thin], target.normals[thin], target.cut), NORMAL_MM)
    vertices = start
    for stiffness in STIFFNESS:
        for _ in range(4):
            normals = vertex_normals(vertices, template.faces)
            there, back = matcher.forward(vertices, normals), matcher.backward(vertices, normals)
            weight = (there.weight + back.weight) * areas / areas.mean()
            goal = there.weight[:, None] * there.goal + back.weight[:, None] * back.goal
            goal = goal / np.maximum(there.weight + back.weight, 1e-9)[:, None]
            normal_matrix = basis.T @ (basis * weight[:, None]) + stiffness * penalty
            right = basis.T @ ((goal - start) * weight[:, None])
            vertices = start + basis @ cho_solve(cho_factor(normal_matrix), right)
    return vertices


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squared = ((first[:, None] - second[None]) ** 2).sum(-1)
    return sum(share * np.exp(-squared / (2 * width**2)) for width, share in KERNELS_MM)  # type: ignore[return-value]


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
    matcher = Matcher(target, NORMAL_MM / 2)
    vertices = start
    for stiffness in FINE_STIFFNESS:
        normals = vertex_normals(vertices, template.faces)
        there, back = matcher.forward(vertices, normals), matcher.backward(vertices, normals, farther_than_mm=1.0)
        near = there.weight * np.exp(-((there.distance / 6.0) ** 2))
        far = 0.5 * back.weight
        pull = near[:, None] * (there.goal - start) + far[:, None] * (back.goal - start)
        # The whole displacement since the start is kept smooth, not each step's: the triangles stay in order.
        vertices = start + splu(csc_array(diags_array(near + far + 1e-3) + stiffness * smooth)).solve(pull)
    return _unfold(vertices, template.faces, laplacian)


def _unfold(vertices: np.ndarray, faces: np.ndarray, laplacian: csr_array) -> np.ndarray:
    """Smooth the surface where triangles are folded, and only there."""
    for _ in range(UNFOLDING):
        wrong = folded(vertices, faces)
        if not wrong.any():
            break
        wrong |= np.asarray(abs(laplacian) @ wrong.astype(float)) > 0
        vertices = np.where(wrong[:, None], vertices - laplacian @ vertices, vertices)
    return vertices
