"""A scan shows part of a spine: the rest is drawn, and joined to the real vertebrae at its ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...types import LEVELS, Vertebra
from ..nouns import TrueVertebra
from .spine import Disc, Spine


def moved(truth: TrueVertebra, transform: np.ndarray) -> TrueVertebra:
    """A vertebra under a similarity (4, 4): turned, moved and scaled; it loses its volume.

    Raises:
        ValueError: a mirroring or flattening transform.
    """
    scale = float(np.cbrt(np.linalg.det(transform[:3, :3])))
    if not scale > 0:
        raise ValueError(f"got a transform of determinant {scale**3:g}; expected a positive one")
    pose = transform @ truth.vertebra.pose
    pose[:3, :3] /= scale
    vertebra = Vertebra(truth.level, pose, truth.vertebra.scale * scale, truth.vertebra.coefficients)
    return replace(
        truth,
        vertebra=vertebra,
        vertices=apply(transform, truth.vertices),
        landmarks={name: apply(transform, point[None])[0] for name, point in truth.landmarks.items()},
        cannulas={side: apply(transform, points) for side, points in truth.cannulas.items()},
        volume=None,
    )


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(n, 3) points under a (4, 4) transform."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def from_to(one: Vertebra, other: Vertebra) -> np.ndarray:
    """(4, 4) the similarity that takes one vertebra's frame and size to another's."""
    transform = other.pose @ np.linalg.inv(one.pose)
    ratio = other.scale / one.scale
    transform[:3, :3] *= ratio
    transform[:3, 3] = other.pose[:3, 3] - transform[:3, :3] @ one.pose[:3, 3]
    return transform


def completed(real: Mapping[str, TrueVertebra], drawn: Spine) -> Spine:
    """A spine of the real vertebrae and, where there are none, of drawn ones.

    A run of drawn vertebrae is moved as a whole, so that the drawn copy of the nearest real vertebra lies on the real
    one: the discs between them stay as they were drawn.

    Args:
        real: at least one, of levels that ``drawn`` has too.

    Raises:
        ValueError: no level in common.
    """
    shared = [level for level in LEVELS if level in real and level in drawn.vertebrae]
    if not shared:
        raise ValueError(
            f"got a drawn spine of {', '.join(drawn.vertebrae)}; expected one with {', '.join(real)} in it"
        )
    carry = {level: from_to(drawn.vertebrae[level].vertebra, real[level].vertebra) for level in shared}
    vertebrae = {}
    for level in LEVELS:
        if level in real:
            vertebrae[level] = real[level]
        elif level in drawn.vertebrae:
            vertebrae[level] = moved(drawn.vertebrae[level], carry[_nearest(level, shared)])
    ends = [(carry[shared[0]], shared[0]), (carry[shared[-1]], shared[-1])]
    stubs = tuple((apply(_end(vertices, drawn, ends), vertices), faces) for vertices, faces in drawn.stubs)
    discs = tuple(_moved_disc(disc, carry[_nearest(disc.upper, shared)]) for disc in drawn.discs)
    facing = np.mean([truth.vertebra.pose[:3, 1] for truth in real.values()], axis=0) * [1.0, 1.0, 0.0]
    return replace(drawn, vertebrae=vertebrae, stubs=stubs, discs=discs, facing=facing / np.linalg.norm(facing))


def _nearest(level: str, among: Sequence[str]) -> str:
    return min(among, key=lambda other: abs(LEVELS.index(other) - LEVELS.index(level)))


def _end(vertices: np.ndarray, drawn: Spine, ends: Sequence[tuple[np.ndarray, str]]) -> np.ndarray:
    """Of the transforms of the uppermost and the lowest real vertebra, the one for a stub: the nearer end's."""
    middle = vertices.mean(axis=0)
    away = [np.linalg.norm(middle - drawn.vertebrae[level].vertebra.pose[:3, 3]) for _, level in ends]
    return ends[int(np.argmin(away))][0]


def _moved_disc(disc: Disc, transform: np.ndarray) -> Disc:
    scale = float(np.cbrt(np.linalg.det(transform[:3, :3])))
    return replace(
        disc,
        centre_mm=apply(transform, disc.centre_mm[None])[0],
        axes=transform[:3, :3] @ disc.axes / scale,
        height_mm=disc.height_mm * scale,
        half_width_mm=disc.half_width_mm * scale,
        half_depth_mm=disc.half_depth_mm * scale,
    )
