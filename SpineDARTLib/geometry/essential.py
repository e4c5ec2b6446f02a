"""Starts for cameras of which no angle is known: the essential matrix, and turns all around."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from ..types import View
from .bundle import Bundle

LEAST_POINTS = 8
"""From which the essential matrix follows linearly (Longuet-Higgins 1981)."""

STEP_DEG = 45.0
"""Between the turns about the patient's long axis that are tried: a C-arm's primary angle is what is usually lost."""


def open_starts(bundle: Bundle) -> list[np.ndarray]:
    """Parameters (free,) from which to adjust when the turns of the views are not known.

    Raises:
        ValueError: a view that shares fewer than eight points with the first one.
    """
    turns = np.deg2rad(np.arange(STEP_DEG, 360.0, STEP_DEG))
    starts = []
    for turn in turns:
        numbers = np.zeros((len(bundle.views), 9))
        numbers[1:, 5] = (turn + np.pi) % (2 * np.pi) - np.pi
        starts.append(_parameters(bundle, numbers))
    numbers = np.zeros((len(bundle.views), 9))
    for place in range(1, len(bundle.views)):
        both = bundle.seen[:, [0, place]].all(1)
        if both.sum() < LEAST_POINTS:
            raise ValueError(
                f"got {both.sum()} points that {bundle.views[0].name} and {bundle.views[place].name} share; "
                f"expected {LEAST_POINTS} or more where the angles are unknown"
            )
        motion = essential_motion(
            bundle.pixels[both, 0], bundle.pixels[both, place], bundle.views[0], bundle.views[place], bundle.pivot_mm
        )
        numbers[place, :3] = motion[:3, :3] @ bundle.pivot_mm + motion[:3, 3] - bundle.pivot_mm
        numbers[place, 3:6] = Rotation.from_matrix(motion[:3, :3]).as_rotvec()
    return [*starts, _parameters(bundle, numbers)]


def _parameters(bundle: Bundle, numbers: np.ndarray) -> np.ndarray:
    """(views, 9) numbers to (free,) parameters."""
    return (numbers[bundle.free]) / bundle.units[bundle.free]


def essential_motion(
    first_px: np.ndarray, second_px: np.ndarray, first: View, second: View, pivot_mm: np.ndarray
) -> np.ndarray:
    """The correction (4, 4) of the second view that eight points or more tell linearly (normalised eight points,
    Hartley 1997).

    Of the four motions that an essential matrix allows, the one with most points in front of both sources is taken
    (cheirality). The length of the way between the sources is the one with which the second view's camera shifts least
    at the pivot.

    Args:
        first_px, second_px: (n, 2) the same points in the two views.
        pivot_mm: (3,) RAS.
    """
    rays = [_normalised(px, view) for px, view in ((first_px, first), (second_px, second))]
    motions = list(_decomposed(_essential(*rays)))
    relative = motions[int(np.argmax([_in_front(motion, *rays) for motion in motions]))]
    return _least_shift(relative, first, second, pivot_mm)


def _normalised(pixels: np.ndarray, view: View) -> np.ndarray:
    """(n, 3) rays in the camera's frame, at depth 1."""
    return np.hstack([pixels, np.ones((len(pixels), 1))]) @ np.linalg.inv(view.intrinsics).T


def _essential(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(3, 3) with second^T E first = 0, its singular values 1, 1, 0."""
    scaled, transforms = [], []
    for points in (first, second):
        middle = points[:, :2].mean(0)
        size = np.sqrt(2) / np.linalg.norm(points[:, :2] - middle, axis=1).mean()
        transform = np.array([[size, 0, -size * middle[0]], [0, size, -size * middle[1]], [0, 0, 1.0]])
        scaled.append(points @ transform.T)
        transforms.append(transform)
    design = np.einsum("ni,nj->nij", scaled[1], scaled[0]).reshape(len(first), 9)
    matrix = transforms[1].T @ np.linalg.svd(design)[2][-1].reshape(3, 3) @ transforms[0]
    u, _, vt = np.linalg.svd(matrix)
    return u @ np.diag([1.0, 1.0, 0.0]) @ vt


def _decomposed(essential: np.ndarray) -> Iterator[np.ndarray]:
    """The four (3, 4) motions from the first camera to the second, their translation of length 1."""
    u, _, vt = np.linalg.svd(essential)
    u, vt = u * np.sign(np.linalg.det(u)), vt * np.sign(np.linalg.det(vt))
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for rotation in (u @ quarter @ vt, u @ quarter.T @ vt):
        for sign in (1.0, -1.0):
            yield np.column_stack([rotation, sign * u[:, 2]])


def _in_front(motion: np.ndarray, first: np.ndarray, second: np.ndarray) -> int:
    """How many points lie in front of both cameras."""
    turned = first @ motion[:, :3].T
    # depth2 * second = depth1 * turned + translation, in least squares for each point
    design = np.stack([second, -turned], axis=2)
    depths = (np.linalg.pinv(design) @ motion[:, 3])[..., :]
    return int((depths > 0).all(1).sum())


def _least_shift(relative: np.ndarray, first: View, second: View, pivot_mm: np.ndarray) -> np.ndarray:
    """The world motion after which the second view stands to the first as ``relative`` says."""
    place = np.eye(4)
    place[:3, :3] = relative[:, :3]
    along = np.zeros(4)
    along[:3] = relative[:, 3]
    from_second = np.linalg.inv(second.world_to_camera)
    still, step = from_second @ place @ first.world_to_camera, from_second @ along
    offset = still[:3, :3] @ pivot_mm + still[:3, 3] - pivot_mm
    length = max(-(offset @ step[:3]), 0.0)  # step has length 1
    motion = still.copy()
    motion[:3, 3] += length * step[:3]
    return motion
