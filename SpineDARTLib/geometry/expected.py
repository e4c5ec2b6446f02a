"""Expected errors of a point and of a vertebra from the geometry of the views alone.

To first order every view adds the information J' C^-1 J of what it sees, where J are the derivatives of the pixels and
C their covariance; the inverse of the sum is the covariance of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import View
from .bundle import CameraPrior
from .camera import project_with_depth

AXES = ("left-right", "front-back", "head-foot")
"""RAS x, y and z in a clinician's words."""

DISTANT_MM = 1000.0
"""What is known of a point without any picture: it is in the room. Keeps parallel beams from a division by zero."""


UNKNOWN_MM = 100.0
"""An error this large is said as "not known"."""


OUTLINE_MM = 1.1
"""By how much all edges of a fitted vertebra are off together in one view, along either axis, at the patient: its
shape is not quite the model's. Set on real fits (40 vertebrae of 12 shared cases, T2-L5, the atlas without their
people): their middles were off by 0.8, 0.7 and 1.6 mm along the best, middle and worst direction, expected 0.8, 0.9 and
1.5 mm; by their edges' own noise alone a tenth of that."""


def _vertebra_points() -> np.ndarray:
    """(21, 3) mm, RAS about the body's middle: what edges a fit holds on to.

    Rims of both endplates (45 x 33 mm, 27 mm apart), pedicles, tips of the transverse and spinous processes of a lumbar
    vertebra (means of Panjabi 1992 and Lien 2007, rounded).
    """
    turns = np.arange(8) * np.pi / 4
    rim = np.stack([22.5 * np.cos(turns), 16.5 * np.sin(turns), np.full(8, 13.5)], axis=1)
    processes = [[12, -20, 5], [-12, -20, 5], [40, -30, 2], [-40, -30, 2], [0, -60, -8]]
    return np.concatenate([rim, rim * [1, 1, -1], np.array(processes, dtype=np.float64)])


VERTEBRA_MM = _vertebra_points()


@dataclass(frozen=True)
class Spread:
    """Standard deviations of a place, mm.

    Attributes:
        axes_mm: left-right, front-back, head-foot.
        worst_mm: in the direction that is known worst.
        worst: (3,) that direction, RAS.
    """

    axes_mm: tuple[float, float, float]
    worst_mm: float
    worst: np.ndarray

    @property
    def worst_axis(self) -> str:
        """The anatomical axis nearest to the worst direction."""
        return AXES[int(np.argmax(np.abs(self.worst)))]

    @property
    def words(self) -> str:
        """ "0.4 mm left-right, 0.5 mm front-back and 0.3 mm head-foot"."""
        first, second, third = (f"{in_mm(value)} {axis}" for value, axis in zip(self.axes_mm, AXES, strict=True))
        return f"{first}, {second} and {third}"


@dataclass(frozen=True)
class VertebraSpread:
    """Standard deviations of a vertebra fitted to its edges.

    Attributes:
        place: of its middle.
        turn_deg: about the left-right, front-back and head-foot axis; by its edges' noise alone, so at least this.
        size_percent: of its size; likewise.
    """

    place: Spread
    turn_deg: tuple[float, float, float]
    size_percent: float


def point_covariance(
    views: Sequence[View], point_mm: np.ndarray, sigma_px: float, calibration: CameraPrior | None = None
) -> np.ndarray:
    """(3, 3) mm2 of a point marked in every view."""
    return np.linalg.inv(_information(views, point_mm[None], point_mm, np.eye(3)[None], sigma_px, calibration))


def vertebra_covariance(
    views: Sequence[View], centre_mm: np.ndarray, sigma_px: float, calibration: CameraPrior | None = None
) -> np.ndarray:
    """(7, 7) of a fitted vertebra's place (mm), turn about its middle (rad, RAS axes) and log size.

    Edges are known to ``sigma_px`` each and off together by ``OUTLINE_MM`` in every view.
    """
    motions = np.concatenate(
        [np.broadcast_to(np.eye(3), (len(VERTEBRA_MM), 3, 3)), -_cross(VERTEBRA_MM), VERTEBRA_MM[:, :, None]], axis=2
    )
    points = centre_mm + VERTEBRA_MM
    return np.linalg.inv(_information(views, points, centre_mm, motions, sigma_px, calibration, OUTLINE_MM))


def _information(
    views: Sequence[View],
    points_mm: np.ndarray,
    pivot_mm: np.ndarray,
    motions: np.ndarray,
    sigma_px: float,
    calibration: CameraPrior | None,
    together_mm: float = 0.0,
) -> np.ndarray:
    """What all views together say of the numbers by which the points (n, 3) move: motions (n, 3, numbers).

    Args:
        together_mm: standard deviation of an error that all points share in a view, at the patient.
    """
    # Turns and log size of a metre's arm: no more than "somewhere in the room" either.
    total = np.eye(motions.shape[2]) / DISTANT_MM**2
    for index, view in enumerate(views):
        by_point = _pixel_derivatives(points_mm, view)
        by_number = (by_point @ motions).reshape(-1, motions.shape[2])
        covariance = sigma_px**2 * np.eye(len(by_number))
        depth_mm = project_with_depth(pivot_mm[None], view)[1][0]
        shared_px = together_mm * view.intrinsics[0, 0] / depth_mm
        shared = np.tile(np.eye(2), (len(points_mm), 1)) * shared_px
        covariance += shared @ shared.T
        if calibration is not None and index > 0:
            by_camera = np.concatenate([by_point, -by_point @ _cross(points_mm - pivot_mm)], axis=2)
            by_camera = by_camera.reshape(-1, 6) * _camera_sigmas(calibration)
            covariance += by_camera @ by_camera.T
        total += by_number.T @ np.linalg.solve(covariance, by_number)
    return total


def _camera_sigmas(calibration: CameraPrior) -> np.ndarray:
    """(6,) shift in mm and turn in rad; what is quite unknown counts as somewhere in the room."""
    shift = min(calibration.translation_mm, DISTANT_MM)
    return np.array([shift] * 3 + [min(np.deg2rad(calibration.rotation_deg), np.pi)] * 3)


def _pixel_derivatives(points_mm: np.ndarray, view: View) -> np.ndarray:
    """(n, 2, 3) of pixels by mm."""
    pixels, depth = project_with_depth(points_mm, view)
    matrix = view.projection[:, :3]
    return (matrix[None, :2] - pixels[:, :, None] * matrix[2]) / depth[:, None, None]


def _cross(vectors: np.ndarray) -> np.ndarray:
    """(n, 3) to the matrices (n, 3, 3) that take the cross product with them."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


def in_mm(error_mm: float) -> str:
    """A standard deviation as people say it: "0.7 mm", "not at all"."""
    return f"{error_mm:.1f} mm" if error_mm < UNKNOWN_MM else "not at all"


def spread_of(covariance: np.ndarray) -> Spread:
    """A place's (3, 3) covariance as standard deviations."""
    values, vectors = np.linalg.eigh(covariance)
    left, front, head = np.sqrt(np.diag(covariance))
    return Spread((float(left), float(front), float(head)), float(np.sqrt(values[-1])), vectors[:, -1])


def vertebra_spread(covariance: np.ndarray) -> VertebraSpread:
    first, second, third = np.rad2deg(np.sqrt(np.diag(covariance)[3:6]))
    size = 100 * float(np.sqrt(covariance[6, 6]))
    return VertebraSpread(spread_of(covariance[:3, :3]), (float(first), float(second), float(third)), size)
