"""Bundle adjustment: cameras and points together, the cameras under what is known of the C-arm.

The first view is the anchor: it stays where it is, and so does the world. Every other view may turn about a pivot near
the patient and shift; source-detector distance, pixel spacing and principal point may move where the prior lets them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from ..types import View
from .camera_prior import CameraPrior

NUMBERS = 9
"""Of a view: shift x, y, z (mm), turn about x, y, z (rad; RAS, about the pivot), log focal length, principal point u, v
(px)."""

UNKNOWN = np.array([100.0] * 3 + [1.0] * 3 + [0.1] + [20.0] * 2)
"""Units in which numbers are counted on which there is no prior."""

FAINT = 1e-5
"""Weight of the pivot against a ray in triangulating: as if it were known to 300 mm where a ray is known to 1 mm."""

HUBER = 2.0
"""Standard deviations beyond which a click's error counts linearly."""


@dataclass(frozen=True)
class Bundle:
    """Cameras and clicks of one adjustment: residuals and their derivatives, in standard deviations.

    Attributes:
        views: as given; corrections are made to them.
        pixels: (points, views, 2), NaN where a point was not seen.
        sigma_px: standard deviation of a click along either axis.
        prior: of the cameras.
        pivot_mm: (3,) about which views turn.
    """

    views: tuple[View, ...]
    pixels: np.ndarray
    sigma_px: float
    prior: CameraPrior
    pivot_mm: np.ndarray

    @cached_property
    def seen(self) -> np.ndarray:
        """(points, views) bool."""
        return np.all(np.isfinite(self.pixels), axis=-1)

    @cached_property
    def units(self) -> np.ndarray:
        """(views, 9) what one unit of the parameters is: the prior's standard deviation where there is one."""
        sigmas = self.prior.sigmas(self.views)
        return np.where(np.isinf(sigmas), UNKNOWN, sigmas)

    @cached_property
    def free(self) -> np.ndarray:
        """(views, 9) bool: what is not held."""
        return self.prior.sigmas(self.views) > 0

    @cached_property
    def weights(self) -> np.ndarray:
        """(free,) 1 where the prior says something, 0 where it leaves a number open."""
        return np.isfinite(self.prior.sigmas(self.views))[self.free].astype(np.float64)

    def numbers(self, parameters: np.ndarray) -> np.ndarray:
        """(free,) parameters to the (views, 9) ``NUMBERS`` that correct the views."""
        numbers = np.zeros((len(self.views), NUMBERS))
        numbers[self.free] = parameters
        return numbers * self.units

    def residuals(self, parameters: np.ndarray, points_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Clicks' errors over their standard deviation, zero where nothing was seen.

        Args:
            parameters: (free,) in ``units``.
            points_mm: (points, 3) RAS.

        Returns:
            errors (points, views, 2), by parameters (points, views, 2, free), by points (points, views, 2, 3).
        """
        numbers, free, units = self.numbers(parameters), self.free, self.units
        errors = np.zeros((len(points_mm), len(self.views), 2))
        by_camera = np.zeros((*errors.shape, len(self.views), NUMBERS))
        by_point = np.zeros((*errors.shape, 3))
        for place, view in enumerate(self.views):
            error, camera, point = _projection(view, numbers[place], points_mm, self.pivot_mm)
            errors[:, place], by_camera[:, place, :, place], by_point[:, place] = error, camera * units[place], point
        valid = self.seen[..., None] / self.sigma_px
        errors = np.where(self.seen[..., None], errors - self.pixels, 0.0) / self.sigma_px
        return errors, by_camera[..., free] * valid[..., None], by_point * valid[..., None]

    def corrected(self, parameters: np.ndarray) -> tuple[View, ...]:
        """The views after their correction."""
        numbers = self.numbers(parameters)
        return tuple(
            corrected_view(view, row, self.pivot_mm, self.prior.distance_share(view))
            for view, row in zip(self.views, numbers, strict=True)
        )


def correction(numbers: np.ndarray, pivot_mm: np.ndarray) -> np.ndarray:
    """(4, 4) rigid motion of the world, RAS mm, that a turn about the pivot and a shift make; applied before the
    camera."""
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(numbers[3:6]).as_matrix()
    motion[:3, 3] = pivot_mm + numbers[:3] - motion[:3, :3] @ pivot_mm
    return motion


def corrected_view(view: View, numbers: np.ndarray, pivot_mm: np.ndarray, distance_share: float = 1.0) -> View:
    """A view with its camera corrected by (9,) ``NUMBERS``."""
    intrinsics = view.intrinsics.copy()
    intrinsics[0, 0] *= np.exp(numbers[6])
    intrinsics[1, 1] *= np.exp(numbers[6])
    intrinsics[:2, 2] += numbers[7:9]
    spacing = np.exp(-numbers[6] * (1 - distance_share))
    return replace(
        view,
        intrinsics=intrinsics,
        world_to_camera=view.world_to_camera @ correction(numbers, pivot_mm),
        pixel_spacing_mm=(view.pixel_spacing_mm[0] * spacing, view.pixel_spacing_mm[1] * spacing),
        source_to_detector_mm=float(view.source_to_detector_mm * np.exp(numbers[6] * distance_share)),
    )


def _projection(
    view: View, numbers: np.ndarray, points_mm: np.ndarray, pivot_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (n, 2) of points in a corrected view; by the view's numbers (n, 2, 9) and by the points (n, 2, 3)."""
    turned = (points_mm - pivot_mm) @ Rotation.from_rotvec(numbers[3:6]).as_matrix().T
    rotation = view.world_to_camera[:3, :3]
    x, y, depth = ((turned + pivot_mm + numbers[:3]) @ rotation.T + view.world_to_camera[:3, 3]).T
    focal = np.exp(numbers[6]) * np.diag(view.intrinsics)[:2]
    flat = np.stack([x, y], axis=1) / depth[:, None]
    pixels = focal * flat + view.intrinsics[:2, 2] + numbers[7:9]
    in_camera = np.zeros((len(points_mm), 2, 3))
    in_camera[:, 0, 0], in_camera[:, 1, 1] = focal[0] / depth, focal[1] / depth
    in_camera[:, :, 2] = -focal * flat / depth[:, None]
    by_shift = in_camera @ rotation
    by_numbers = np.zeros((len(points_mm), 2, NUMBERS))
    by_numbers[:, :, :3] = by_shift
    by_numbers[:, :, 3:6] = -by_shift @ _cross(turned) @ _left_jacobian(numbers[3:6])
    by_numbers[:, :, 6] = focal * flat
    by_numbers[:, :, 7:] = np.eye(2)
    return pixels, by_numbers, by_shift @ Rotation.from_rotvec(numbers[3:6]).as_matrix()


def _cross(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) to the matrices (..., 3, 3) that take the cross product with them."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape, 3)


def _left_jacobian(turn: np.ndarray) -> np.ndarray:
    """(3, 3) by which a rotation vector's change turns after it (Barfoot 2017, eq. 7.77)."""
    angle = float(np.linalg.norm(turn))
    cross = _cross(turn)
    if angle < 1e-6:
        return np.eye(3) + 0.5 * cross
    first, second = (1 - np.cos(angle)) / angle**2, (angle - np.sin(angle)) / angle**3
    return np.eye(3) + first * cross + second * cross @ cross


@dataclass(frozen=True)
class Adjusted:
    """A bundle that was adjusted.

    Attributes:
        parameters: (free,) of the cameras, in the bundle's units.
        points_mm: (points, 3) RAS.
        cost: half of the sum of squares (Huber's for clicks), clicks and priors.
    """

    parameters: np.ndarray
    points_mm: np.ndarray
    cost: float


def adjust(bundle: Bundle, parameters: np.ndarray, points_mm: np.ndarray) -> Adjusted:
    """The most probable cameras and points from a start (trust region; Huber's loss on clicks, none on priors)."""
    count, weights = len(parameters), bundle.weights
    shape, unit_mm = points_mm.shape, 10.0
    clicks = bundle.pixels.size

    def unpack(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return values[:count], values[count:].reshape(shape) * unit_mm

    def residuals(values: np.ndarray) -> np.ndarray:
        return np.concatenate([bundle.residuals(*unpack(values))[0].ravel(), weights * values[:count]])

    def jacobian(values: np.ndarray) -> np.ndarray:
        _, by_camera, by_point = bundle.residuals(*unpack(values))
        result = np.zeros((clicks + count, len(values)))
        result[:clicks, :count] = by_camera.reshape(clicks, count)
        rows = np.arange(clicks).reshape(shape[0], -1)
        for point, row in enumerate(rows):
            result[row, count + 3 * point : count + 3 * point + 3] = unit_mm * by_point[point].reshape(-1, 3)
        result[clicks:, :count] = np.diag(weights)
        return result

    def huber_on_clicks(squared: np.ndarray) -> np.ndarray:
        far = (squared > HUBER**2) & (np.arange(len(squared)) < clicks)
        root = np.sqrt(np.where(far, squared, 1.0))
        value = np.where(far, 2 * HUBER * root - HUBER**2, squared)
        return np.stack([value, np.where(far, HUBER / root, 1.0), np.where(far, -0.5 * HUBER / root**3, 0.0)])

    start = np.concatenate([parameters, points_mm.ravel() / unit_mm])
    # scipy's stubs know only the names of losses and of differences.
    slopes: Any = jacobian
    robust: Any = huber_on_clicks
    found = least_squares(residuals, start, slopes, loss=robust, ftol=1e-6, xtol=1e-6, max_nfev=30)
    return Adjusted(*unpack(found.x), float(found.cost))


def triangulated(bundle: Bundle, parameters: np.ndarray) -> np.ndarray:
    """(points, 3) RAS mm where each point's rays come nearest to each other; NaN where fewer than two views saw it."""
    views = bundle.corrected(parameters)
    normal, target = np.zeros((len(bundle.pixels), 3, 3)), np.zeros((len(bundle.pixels), 3))
    for place, view in enumerate(views):
        ones = np.ones((len(bundle.pixels), 1))
        directions = np.hstack([np.nan_to_num(bundle.pixels[:, place]), ones]) @ np.linalg.inv(view.intrinsics).T
        directions = directions @ view.world_to_camera[:3, :3]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
        across *= bundle.seen[:, place, None, None]
        normal, target = normal + across, target + across @ view.source_mm
    known = bundle.seen.sum(1) >= 2
    points = np.full_like(target, np.nan)
    # A faint pull to the pivot: points on parallel rays are not sent to infinity.
    normal, target = normal + FAINT * np.eye(3), target + FAINT * bundle.pivot_mm
    points[known] = np.linalg.solve(normal[known], target[known][..., None])[..., 0]
    return points


def reduced(bundle: Bundle, parameters: np.ndarray, points_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of the clicks' errors when every point moves as it likes, and by the parameters: what the clicks
    say of the cameras alone.

    Returns:
        errors (points, 2 views) and their derivatives (points, 2 views, free), both in standard deviations.
    """
    errors, by_camera, by_point = bundle.residuals(parameters, points_mm)
    count = len(points_mm)
    by_point = by_point.reshape(count, -1, 3)
    left = np.eye(by_point.shape[1]) - by_point @ np.linalg.pinv(by_point)
    return (left @ errors.reshape(count, -1, 1))[..., 0], left @ by_camera.reshape(count, by_point.shape[1], -1)
