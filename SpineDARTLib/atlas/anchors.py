"""Making anchors: weights on vertices that put a named point where it belongs and keep it there on every shape."""

from __future__ import annotations

import numpy as np

from .mesh import Template, vertex_areas
from .model import Anchor

LEAST_CONDITION = 1e-3
"""Directions in which a patch is so much thinner than it is wide are not steered: weights would become huge."""


def patch_centre(template: Template, indices: np.ndarray) -> Anchor:
    """The centre of a patch of surface, every vertex counting with its area."""
    areas = vertex_areas(template.vertices, template.faces)[indices]
    return Anchor(indices, areas / areas.sum())


def surface_anchor(vertices: np.ndarray, point: np.ndarray, among: np.ndarray, radius_mm: float) -> Anchor:
    """A point on a surface patch: its neighbours, weighted so that their mean is the point, nearly.

    Args:
        vertices: (n, 3) mm.
        point: (3,) mm, on the patch or close to it.
        among: vertex indices of the patch.
        radius_mm: how far the neighbours may be; the nearest one is taken in any case.
    """
    squared = ((vertices[among] - point) ** 2).sum(1)
    near = squared <= max(squared.min() * 1.01, radius_mm**2)
    weights = np.exp(-squared[near] / (2 * (radius_mm / 2) ** 2))
    return steered(vertices, among[near], weights, point)


def interior_anchor(vertices: np.ndarray, point: np.ndarray, radius_mm: float) -> Anchor:
    """A point inside the bone: the walls around it, weighted so that their mean is the point.

    Args:
        vertices: (n, 3) mm.
        point: (3,) mm inside.
        radius_mm: how much farther than the nearest wall a wall may be to count.
    """
    distance = np.linalg.norm(vertices - point, axis=1)
    chosen = np.flatnonzero(distance < distance.min() + radius_mm)
    return steered(vertices, chosen, np.exp(-(((distance[chosen] - distance.min()) / (radius_mm / 2)) ** 2)), point)


def steered(vertices: np.ndarray, indices: np.ndarray, weights: np.ndarray, point: np.ndarray) -> Anchor:
    """Weights changed as little as possible, in proportion to their size, so that the weighted mean is the point.

    Args:
        vertices: (n, 3) mm.
        indices: (k,) which vertices.
        weights: (k,) positive; need not sum to 1.
        point: (3,) mm, where the mean shall be.
    """
    weights = weights / weights.sum()
    middle = weights @ vertices[indices]
    arms = vertices[indices] - middle
    spread = arms.T @ (arms * weights[:, None])
    # The sum stays 1, since weighted arms cancel out.
    change = weights * (arms @ np.linalg.pinv(spread, rcond=LEAST_CONDITION, hermitian=True) @ (point - middle))
    return Anchor(indices, weights + change)


def mirrored(anchor: Anchor, template: Template) -> Anchor:
    """The same point on the other side."""
    return Anchor(template.partner[anchor.indices], anchor.weights)
