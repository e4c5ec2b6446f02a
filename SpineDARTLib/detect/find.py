"""``detect``: the vertebrae in each X-ray of a case, in that X-ray's own pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import affine_transform
from torch import Tensor

from ..types import View
from .calibration import Spreads, spreads_of
from .canonical import Frame, canonical_frame, move, move_box, resample
from .decode import LEAST_SCORE, Found, find_vertebrae
from .nouns import Crop, Detection, Mark
from .weights import Detector

LANDMARK_NAMES = (
    "body_superior", "body_inferior", "body_anterior", "body_posterior", "left_pedicle", "right_pedicle",
    "left_transverse_process", "right_transverse_process", "spinous_process", "spinolaminar_junction",
)  # fmt: skip
"""The atlas's, in the order of labels (``simulate.imaging.labels``); a test compares."""

BODY = slice(0, 4)
"""Of these, the four around the body: their mean is its centre."""

PROJECTION_FULL = 1.5
"""The line integral of one vertebra that the network says as 1."""


def detect(views: Sequence[View], detector: Detector, least: float = LEAST_SCORE) -> dict[str, tuple[Detection, ...]]:
    """View name to the vertebrae in it, the surest first.

    Args:
        views: with cameras in patient RAS: they say where the patient's left is.
        least: score below which nothing is said.
    """
    size = detector.network.architecture.size_px
    spreads = spreads_of(detector.card, LANDMARK_NAMES)
    found = {}
    for view in views:
        frame = canonical_frame(view, size)
        image = torch.from_numpy(resample(view.image, frame)).to(detector.device)
        one = find_vertebrae(detector.network, image[None], least)[0]
        found[view.name] = tuple(_detection(one, number, frame, view, spreads) for number in range(len(one.scores)))
    return found


def _detection(found: Found, number: int, frame: Frame, view: View, spreads: Spreads) -> Detection:
    """One vertebra in the stored picture's pixels; its landmarks' covariances as they are to be believed."""
    back = frame.to_stored
    roi = _numpy(found.rois[number])
    side, corner = roi[2:] - roi[:2], roi[:2] - 0.5
    places = move(_numpy(found.crops.mean[number]) * side + corner, back)
    stated = _covariances(_numpy(found.crops.factor[number]), back[:, :2] * side)
    box = move_box(_numpy(found.boxes[number]), back)
    covariances = spreads.applied(stated, float((box[2:] - box[:2]).mean()))
    seen = _numpy(found.crops.visible[number].sigmoid())
    marks = {
        name: Mark(places[index], covariances[index], float(seen[index])) for index, name in enumerate(LANDMARK_NAMES)
    }
    mask = found.crops.mask[number].sigmoid()
    projection = PROJECTION_FULL * (found.crops.projection[number] * mask).clamp(min=0.0)
    return Detection(
        level_probabilities=_probabilities(found.levels[number]),
        centre_px=places[BODY].mean(0),
        centre_covariance_px2=stated[BODY].mean(0),  # measured: it holds as it is
        box_px=box,
        landmarks=marks,
        score=float(found.scores[number]),
        share_seen=float(found.crops.share[number].sigmoid()),
        mask=_uncut(_numpy(mask), roi, frame, view),
        projection=_uncut(_numpy(projection), roi, frame, view),
        neighbours_px=move(_numpy(found.links[number]), back),
    )


def _numpy(values: Tensor) -> np.ndarray:
    return values.double().cpu().numpy()


def _probabilities(values: Tensor) -> np.ndarray:
    """(17,) that sum to 1 in double precision too."""
    chances = _numpy(values)
    return chances / chances.sum()


def _covariances(factor: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """(10, 2, 2) px2 from Cholesky factors (10, 3) in the box's units and the (2, 2) map to pixels."""
    lower = np.zeros((len(factor), 2, 2))
    lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1] = factor.T
    carried = linear @ lower
    return carried @ carried.transpose(0, 2, 1)


def _uncut(values: np.ndarray, roi: np.ndarray, frame: Frame, view: View) -> Crop:
    """A stretched crop (side, side) of the working picture on the stored picture's pixels, as far as it is in it."""
    back = frame.to_stored
    height, width = view.image.shape
    reach = move_box(roi - 0.5, back)
    first = np.maximum(np.ceil(reach[:2]), 0.0)
    last = np.minimum(np.floor(reach[2:]), [width - 1.0, height - 1.0])
    columns, rows = (int(count) for count in np.maximum(last - first + 1, 0.0))
    shape = (rows, columns)
    if 0 in shape:
        return Crop(float(first[1]), float(first[0]), np.zeros((0, 0), dtype=np.float32))
    scale = len(values) / (roi[2:] - roi[:2])
    linear = scale[:, None] * frame.to_working[:, :2]
    offset = scale * (move(first, frame.to_working) + 0.5 - roi[:2]) - 0.5
    turned, start = linear[::-1, ::-1], offset[::-1]  # rows and columns in place of u and v
    cut = affine_transform(values, turned, start, shape, np.float32, 1, "grid-constant", 0.0)  # pyright: ignore[reportArgumentType]
    return Crop(float(first[1]), float(first[0]), cut)
