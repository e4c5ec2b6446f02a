"""The X-rays of one stage of a fit: crops around the spine, all of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..geometry.camera import project
from ..geometry.region import region_view
from ..render import Detectors
from ..types import View


@dataclass(frozen=True)
class Pictures:
    """The X-rays of one stage: crops of one size around the spine, with their similarity."""

    detectors: Detectors
    images: Tensor
    valid: Tensor
    views: tuple[View, ...]


def crop_views(views: Sequence[View], points_mm: np.ndarray, pixel_mm: float, device: str) -> Pictures:
    """Crops of all views that hold all points, pixels of about ``pixel_mm`` at the spine.

    Args:
        points_mm: (n, 3) RAS mm.
    """
    boxes = []
    for view in views:
        pixels = project(points_mm, view)
        low, high = pixels.min(0), pixels.max(0)
        depth = float((points_mm @ view.axis).mean() - view.source_mm @ view.axis)
        step = pixel_mm * view.intrinsics[0, 0] / depth
        middle = (low + high) / 2
        boxes.append(((float(middle[0]), float(middle[1])), float(step), (high - low) / step))
    # Multiples of 8 so that the pyramid halves evenly.
    width, height = (8 * math.ceil((max(box[2][axis] for box in boxes) + 8) / 8) for axis in (0, 1))
    crops, masks = zip(
        *(region_view(view, box[0], box[1], (height, width)) for view, box in zip(views, boxes, strict=True)),
        strict=True,
    )
    images = torch.as_tensor(np.stack([crop.image for crop in crops]), device=device)
    valid = torch.as_tensor(np.stack(masks).astype(np.float32), device=device)
    return Pictures(Detectors.of(crops, device=device), images, valid, crops)
