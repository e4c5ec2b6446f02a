"""A rectangular part of an X-ray as a view of its own, resampled without aliasing."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..types import View
from .camera import crop_view, first_pixel


def region_view(
    view: View, centre_px: tuple[float, float], step_px: float, shape: tuple[int, int]
) -> tuple[View, np.ndarray]:
    """Crop and rescale a view; the picture's border continues outside, and the mask says where that is.

    Args:
        centre_px: (u, v) of the region's centre.
        step_px: side of one crop pixel, pixels of the full image.
        shape: (height, width) of the crop.

    Returns:
        the view of the crop and a (height, width) bool mask of the pixels that lie on the detector.
    """
    # A box of n pixels has the standard deviation n / sqrt(12); the detector has already averaged over its own pixel.
    sigma = np.sqrt(max(step_px**2 - 1.0, 0.0) / 12.0)
    smooth = ndimage.gaussian_filter(view.image.astype(np.float32), sigma) if sigma > 0 else view.image
    u, v = first_pixel(centre_px, step_px, shape)
    rows, columns = v + step_px * np.arange(shape[0]), u + step_px * np.arange(shape[1])
    grid = np.meshgrid(rows, columns, indexing="ij")
    image = ndimage.map_coordinates(smooth, grid, order=1, mode="nearest").astype(np.float32)
    height, width = view.image.shape
    inside = ((rows >= 0) & (rows <= height - 1))[:, None] & ((columns >= 0) & (columns <= width - 1))[None]
    return crop_view(view, centre_px, step_px, image), inside
