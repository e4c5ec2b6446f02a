"""What a cannula risks in truth, given how far the true vertebra may be from the fitted one.

The walls around the cannula's path are found once, as points on the fitted surface. A vertebra drawn from the fit's
``Posterior`` moves each along the wall's normal, linearly in what was drawn; the nearest wall then says how much room
there is. So no drawn surface is ever built or cut, and a hundred of them cost what one exact measurement does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, qmc

from ..atlas.model import ShapeModel
from ..types import Cannula, Posterior, Risk, Vertebra
from .anatomy import Anatomy, anatomy_of

DRAWS = 256
"""Vertebrae drawn: the standard error of a probability of 10 % is then below 2 % (the draws are quasi-random)."""

MARGIN_MM = 1.0
"""What a cannula is to keep on all sides (clinical.md)."""

STEP_MM = 0.75
"""Between the planes across the path in which room is measured."""

NEAR_MM = 16.0
"""Walls farther from the path than this are left out; half a pedicle's height is 9 mm at most."""

SHARES = (1 / 6, 1 / 2, 5 / 6)
"""Where on each cut triangle's segment its points are: they then lie about half a millimetre apart."""

WALL_LENGTH_MM = 4.0
"""Over which what no parameter moves is alike on the wall: standard deviation of the Gaussian that the covariance of 82
fits' residuals on the pedicles falls off by (0.73 of the variance at 3 mm, 0.48 at 5 mm, 0.16 at 9 mm)."""

WAVES = 24
"""Random waves (Rahimi and Recht 2007) that such a field is the sum of."""


@dataclass(frozen=True)
class _Walls:
    """Points of the fitted surface around a path, in planes across it, and how they move.

    Attributes:
        plane: (p,) which station each belongs to, ascending.
        square_mm2: (p,) squared distance of the path.
        ahead_mm: (p,) the path's distance to the wall's line there, positive inside the bone.
        moves: (p, d) mm by which each goes outwards in its plane for one unit of each thing drawn.
    """

    plane: np.ndarray
    square_mm2: np.ndarray
    ahead_mm: np.ndarray
    moves: np.ndarray


class RiskModel:
    """The vertebrae that may be the true one, drawn once; then asked for any cannula (a few ms each)."""

    def __init__(self, vertebra: Vertebra, model: ShapeModel, posterior: Posterior, seed: int = 0) -> None:
        """Draw them.

        Args:
            vertebra: the fitted one.
            model: that it was fitted with.
            posterior: how far from it the truth may be.
            seed: the same one draws the same.
        """
        self.vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
        self.faces = model.faces
        self.anatomy = anatomy_of(self.vertices, model, vertebra.pose)
        self._effects = _effects(vertebra, model, self.vertices)
        self._waves = _waves(np.random.default_rng(seed))
        self._draws = _draws(posterior, len(self._effects), seed)

    def of(self, cannula: Cannula) -> Risk | None:
        """What this cannula risks; None where its path does not run through the pedicle, or there is no wall around."""
        found = _stations(cannula, self.anatomy)
        if found is None:
            return None
        stations, points, axes = found
        walls = self._walls(points, axes)
        if not len(walls.plane):
            return None
        seen = np.unique(walls.plane)
        room = _room(walls, self._draws)
        clearance = room.min(axis=0) - cannula.diameter_mm / 2
        return Risk(
            breach_probability=float((clearance < 0.0).mean()),
            margin_probability=float((clearance >= MARGIN_MM).mean()),
            clearance_mm={str(share): float(np.percentile(clearance, share)) for share in (5, 50, 95)},
            stations_mm=stations[seen],
            tube_mm=np.maximum(np.percentile(room, 5, axis=1), 0.0),
        )

    def _walls(self, points: np.ndarray, axes: np.ndarray) -> _Walls:
        """Cut the surface across the path at (s, 3) points with (s, 3, 3) axes."""
        near = np.linalg.norm(self.vertices[self.faces] - points[len(points) // 2], axis=2).min(axis=1)
        faces = self.faces[near < NEAR_MM + np.linalg.norm(points[-1] - points[0]) / 2]
        corners = self.vertices[faces]
        heights = (
            np.einsum("fkc,sc->sfk", corners, axes[:, 2]) - np.einsum("sc,sc->s", points, axes[:, 2])[:, None, None]
        )
        above = heights >= 0.0
        plane, face = np.nonzero(above.any(axis=2) & ~above.all(axis=2))
        weights = _weights(heights[plane, face], above[plane, face])
        plane, face = np.repeat(plane, len(SHARES)), np.repeat(face, len(SHARES))
        where = np.einsum("pk,pkc->pc", weights, corners[face])
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))[face]
        offset = where - points[plane]
        close = np.einsum("pc,pc->p", offset, offset) < NEAR_MM**2
        return self._moving(plane[close], offset[close], normals[close], axes, faces[face[close]], weights[close])

    def _moving(
        self,
        plane: np.ndarray,
        offset: np.ndarray,
        normals: np.ndarray,
        axes: np.ndarray,
        corners: np.ndarray,
        weights: np.ndarray,
    ) -> _Walls:
        """The walls' points, (p, 3) from the path, and what each thing drawn does to them."""
        across = np.einsum("pac,pc->pa", axes[plane, :2], normals)
        steep = np.linalg.norm(across, axis=1)
        ahead = np.einsum("pa,pac,pc->p", across, axes[plane, :2], offset) / np.maximum(steep, 1e-9)
        effects = np.einsum("dpkc,pk,pc->pd", self._effects[:, corners], weights, normals)
        directions, phases = self._waves
        where = np.einsum("pk,pkc->pc", weights, self.vertices[corners])
        field = np.cos(where @ directions.T + phases) * np.sqrt(2.0 / WAVES)
        # In the plane a wall that it grazes moves farther than along its normal, but bends away at once: left out. So
        # taken, the room of built surfaces is met to 0.3 mm (standard deviation), else to 0.6 mm.
        moves = np.hstack([effects, field])
        return _Walls(plane, np.einsum("pc,pc->p", offset, offset), ahead, moves)


def risk(cannula: Cannula, vertebra: Vertebra, model: ShapeModel, posterior: Posterior, seed: int = 0) -> Risk | None:
    """What one cannula risks (``RiskModel`` where several are asked for)."""
    return RiskModel(vertebra, model, posterior, seed).of(cannula)


def _effects(vertebra: Vertebra, model: ShapeModel, vertices: np.ndarray) -> np.ndarray:
    """(7 + modes, n, 3) mm that each vertex moves for one unit of each of ``Posterior``'s parameters."""
    rotation, arms = vertebra.pose[:3, :3], vertices - vertebra.pose[:3, 3]
    shifts = np.broadcast_to(rotation.T[:, None, :], (3, *vertices.shape))
    turns = np.cross(rotation.T[:, None, :], arms)
    modes = vertebra.scale * model.basis[: len(vertebra.coefficients)] @ rotation.T
    return np.concatenate([shifts, turns, arms[None], modes])


def _draws(posterior: Posterior, count: int, seed: int) -> np.ndarray:
    """(7 + modes + waves, draws) of what is drawn."""
    if posterior.mean.shape != (count,) or posterior.covariance.shape != (count, count):
        raise ValueError(f"got a posterior of {posterior.mean.shape} parameters; expected {count}, as the vertebra has")
    # Spread evenly (Sobol), the whole pattern moved by chance (Cranley and Patterson 1976).
    even = qmc.Sobol(count + WAVES, scramble=False).random(DRAWS) + np.random.default_rng(seed).random(count + WAVES)
    normal = norm.ppf(np.clip(even % 1.0, 1e-6, 1 - 1e-6)).T
    values, vectors = np.linalg.eigh(posterior.covariance)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.vstack([posterior.mean[:, None] + factor @ normal[:count], posterior.wall_mm * normal[count:]])


def _waves(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(waves, 3) rad/mm and (waves,) phases whose cosines, randomly weighted, sum to a field that is alike over
    ``WALL_LENGTH_MM`` (a Gaussian of that standard deviation)."""
    return generator.standard_normal((WAVES, 3)) / WALL_LENGTH_MM, generator.uniform(0, 2 * np.pi, WAVES)


def _stations(cannula: Cannula, anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """(s,) mm along the path from the entry where it is in the pedicle, (s, 3) points and (s, 3, 3) axes across it."""
    path = cannula.path_mm
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    if not lengths[-1] > STEP_MM:  # also where a coordinate is no number
        return None
    stations = np.linspace(0.0, lengths[-1], max(2, int(np.ceil(lengths[-1] / STEP_MM)) + 1))
    points = np.stack([np.interp(stations, lengths, path[:, axis]) for axis in range(3)], axis=1)
    tangents = np.gradient(points, stations, axis=0)
    pedicle = anatomy.pedicles[cannula.side]
    along = (points - pedicle.centre_mm) @ pedicle.axis
    inside = np.flatnonzero((along >= pedicle.back_mm) & (along <= pedicle.front_mm))
    if not len(inside):
        return None
    return stations[inside], points[inside], anatomy.across(tangents[inside], cannula.side)


def _weights(heights: np.ndarray, above: np.ndarray) -> np.ndarray:
    """(m * len(SHARES), 3) weights of the corners of (m,) cut triangles for the points on their cuts."""
    rows = np.arange(len(heights))
    lone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), (~above).argmax(axis=1))
    one, two = (lone + 1) % 3, (lone + 2) % 3
    at = heights[rows, lone]
    first, second = at / (at - heights[rows, one]), at / (at - heights[rows, two])
    weights = np.zeros((len(heights), len(SHARES), 3))
    for place, share in enumerate(SHARES):
        weights[rows, place, one], weights[rows, place, two] = (1 - share) * first, share * second
        weights[rows, place, lone] = 1.0 - (1 - share) * first - share * second
    return weights.reshape(-1, 3)


def _room(walls: _Walls, draws: np.ndarray) -> np.ndarray:
    """(stations that have walls, draws) mm from the path to the nearest wall, negative outside the bone."""
    out = walls.moves @ draws
    square = walls.square_mm2[:, None] + out * (2 * walls.ahead_mm[:, None] + out)
    inside = walls.ahead_mm[:, None] + out >= 0.0
    firsts = np.flatnonzero(np.diff(walls.plane, prepend=-1))
    rooms = []
    for start, end in zip(firsts, [*firsts[1:], len(walls.plane)], strict=True):
        nearest = square[start:end].argmin(axis=0)[None]
        distance = np.sqrt(np.maximum(np.take_along_axis(square[start:end], nearest, 0)[0], 0.0))
        rooms.append(np.where(np.take_along_axis(inside[start:end], nearest, 0)[0], distance, -distance))
    return np.stack(rooms)
