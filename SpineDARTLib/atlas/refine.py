"""Fit a shape model to a surface: pose, size, coefficients under the prior. For correspondences and for measuring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mesh import similarity, vertex_normals
from .model import ShapeModel
from .register import NORMAL_MM, Matcher, Target, align

SIGMAS_MM = (3.0, 2.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Noise granted to a matched vertex, round by round. Neighbouring vertices err together: see ``INDEPENDENT``."""
INDEPENDENT = 0.25
"""Share of the vertices that count as independent observations."""


@dataclass(frozen=True)
class ModelFit:
    """A model's instance on a surface: vertices (n, 3) mm in the surface's frame, coefficients, scale, pose (4, 4)."""

    vertices: np.ndarray
    coefficients: np.ndarray
    scale: float
    pose: np.ndarray


def fit_model(
    model: ShapeModel, level: str, target: Target, points: np.ndarray | None = None, indices: np.ndarray | None = None
) -> ModelFit:
    """The likeliest instance for a surface, by turns of matching and solving.

    Args:
        points: (m, 3) where the vertices ``indices`` are known to be, to begin with; when absent the level's mean is
            aligned first.
    """
    if points is None or indices is None:
        points, indices = align(model.means[level], model.faces, target), np.arange(len(model.means[level]))
    coefficients = np.zeros(model.rank)
    fit = _solve(model, level, coefficients, points, indices, np.ones(len(points)), SIGMAS_MM[0], turns=3)
    matcher = Matcher(target, NORMAL_MM / 2)
    everything = np.arange(len(model.means[level]))
    for sigma in SIGMAS_MM:
        normals = vertex_normals(fit.vertices, model.faces)
        there, back = matcher.forward(fit.vertices, normals), matcher.backward(fit.vertices, normals)
        weight = there.weight + back.weight
        goal = there.weight[:, None] * there.goal + back.weight[:, None] * back.goal
        goal = np.where(weight[:, None] > 1e-6, goal / np.maximum(weight, 1e-6)[:, None], fit.vertices)
        fit = _solve(model, level, fit.coefficients, goal, everything, weight / 2, sigma, turns=1)
    return fit


def _solve(
    model: ShapeModel,
    level: str,
    coefficients: np.ndarray,
    points: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    sigma_mm: float,
    turns: int,
) -> ModelFit:
    """Pose and size by Procrustes, then coefficients under the prior; a few turns of both."""
    basis = model.basis[:, indices]
    scale, pose = 1.0, np.eye(4)
    for _ in range(turns):
        shape = model.means[level][indices] + np.tensordot(coefficients, basis, axes=1)
        scale, rotation, move = similarity(shape, points, weights + 1e-9)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, move
        wanted = (points - move) @ rotation / scale - model.means[level][indices]
        heavy = (basis * (weights * INDEPENDENT / sigma_mm**2)[:, None]).reshape(len(basis), wanted.size)
        precision = heavy @ basis.reshape(len(basis), wanted.size).T + np.eye(len(basis))
        coefficients = np.linalg.solve(precision, heavy @ wanted.reshape(-1))
    vertices = scale * model.instance(level, coefficients) @ pose[:3, :3].T + pose[:3, 3]
    return ModelFit(vertices, coefficients, scale, pose)
