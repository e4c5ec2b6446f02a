"""One way to hold every picture: head up, the patient's right on the left, square, of one size.

The camera says where the patient's axes point in the picture, so a picture that was stored turned, mirrored or taken
from the patient's other side is turned by quarters and flipped before the network sees it, and what the network finds
is carried back. So "left" and "right" in a landmark's name are learned on one side of the picture only, and follow the
patient and not the picture. (A flip is not a mirrored patient: an X-ray taken from the opposite side is, but for the
magnification, the mirror image.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import View

LEAST_ALONG = 0.35
"""Where the beam runs along the body, the picture has no up: below this length of the projected axis it stays."""


@dataclass(frozen=True)
class Frame:
    """Where a working picture lies in a stored one.

    Attributes:
        to_working: (2, 3) from (u, v, 1) of the stored picture to (u, v) of the working one, pixels.
        size_px: side of the working picture.
    """

    to_working: np.ndarray
    size_px: int

    @property
    def to_stored(self) -> np.ndarray:
        """(2, 3) the way back."""
        turn = np.linalg.inv(self.to_working[:, :2])
        return np.concatenate([turn, -turn @ self.to_working[:, 2:]], axis=1)


def move(points_px: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(..., 2) pixels through a (2, 3) affine map."""
    return points_px @ affine[:, :2].T + affine[:, 2]


def move_box(box_px: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(4,) left, top, right, bottom around the moved corners."""
    left, top, right, bottom = box_px
    corners = move(np.array([[left, top], [right, top], [left, bottom], [right, bottom]]), affine)
    return np.concatenate([corners.min(0), corners.max(0)])


def canonical_frame(view: View, size_px: int) -> Frame:
    """How a view's picture comes to be held.

    Args:
        view: of a camera in patient RAS; a mirrored one (negative ``intrinsics[0, 0]``) is seen to be so.
    """
    height, width = view.image.shape
    turn = _turn(view)
    scale = size_px / max(height, width)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    linear = scale * turn
    return Frame(np.concatenate([linear, ((size_px - 1) / 2 - linear @ middle)[:, None]], axis=1), size_px)


def _turn(view: View) -> np.ndarray:
    """(2, 2) of quarter turns and a flip."""
    axes = np.sign(np.diag(view.intrinsics)[:2])[:, None] * view.world_to_camera[:2, :3]
    turn = np.eye(2)
    up = axes[:, 2]
    if np.linalg.norm(up) >= LEAST_ALONG:
        quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
        choices = [np.linalg.matrix_power(quarter, times) for times in range(4)]
        turn = min(choices, key=lambda choice: (choice @ up)[1])
    if (turn @ axes[:, 0])[0] > 0:
        turn = np.diag([-1.0, 1.0]) @ turn
    return turn


def resample(image: np.ndarray, frame: Frame) -> np.ndarray:
    """(size, size) float32 working picture of a (height, width) one; its border's value goes on outside."""
    from scipy.ndimage import affine_transform, gaussian_filter

    scale = float(np.sqrt(abs(np.linalg.det(frame.to_working[:, :2]))))
    smooth = gaussian_filter(image, 0.4 / scale, mode="nearest") if scale < 0.9 else image
    back = frame.to_stored[::-1, [1, 0, 2]]  # rows and columns in place of u and v
    shape = (frame.size_px, frame.size_px)
    return affine_transform(smooth, back[:, :2], back[:, 2], shape, np.float32, 1, "nearest")  # pyright: ignore[reportArgumentType]
