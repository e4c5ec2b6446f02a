"""From what a file stores to log-attenuation with bright bone, and how to tell what it stores."""

from __future__ import annotations

import logging

import numpy as np

from ..errors import InputError

POLARITIES = ("bone-dark", "bone-bright")

COUNTS_FLOOR = 1e-3
"""Smallest transmission taken seriously: less is a dead pixel or metal, whose logarithm would run away."""

SCALE_PERCENTILES = (0.5, 99.5)
"""These become 0 and 1: air and the densest bone without hot pixels and markers."""

log = logging.getLogger(__name__)


def to_attenuation(array: np.ndarray, polarity: str) -> np.ndarray:
    """Log-attenuation up to an affine change, bone bright, about 0 to 1.

    Where bone is dark the file holds detector counts, I = I0 exp(-attenuation); where it is bright it holds the usual
    display, which is near enough linear in attenuation and is kept as it is.

    Args:
        array: (height, width), as stored; finite and not constant.
        polarity: "bone-dark" or "bone-bright".

    Returns:
        (height, width) float32.

    Raises:
        InputError: another polarity.
    """
    if polarity not in POLARITIES:
        raise InputError("polarity", "", polarity, '"bone-dark" or "bone-bright"')
    values = np.asarray(array, dtype=np.float32)
    if polarity == "bone-dark":
        counts = values - min(float(values.min()), 0.0)
        largest = float(counts.max())
        values = -np.log(np.maximum(counts / largest, COUNTS_FLOOR))
    low, high = np.percentile(values, SCALE_PERCENTILES)
    if high - low < 1e-3 * float(np.ptp(values)):
        # Almost everything has one value: the few that differ are the picture.
        low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low)).astype(np.float32)


def guess_polarity(array: np.ndarray) -> str:
    """How the image shows bone, told from the image alone; logged.

    The spine runs through the middle of the picture and what is beside it is soft tissue, lung or air: less
    attenuating. So the side that the middle lies on, against the left and right borders, is the side of bone.
    Collimator blades (dark and flat in counts, bright in the inverted display) are left out.

    Args:
        array: (height, width), as stored.

    Returns:
        "bone-dark" or "bone-bright".
    """
    score = _middle_over_sides(np.asarray(array, dtype=np.float32))
    polarity = "bone-bright" if score > 0 else "bone-dark"
    log.info("polarity %s, told from the image (the middle differs from the sides by %+.2f)", polarity, score)
    return polarity


def _middle_over_sides(array: np.ndarray) -> float:
    """Mean rank (0 to 1) of the middle's pixels minus that of the sides': positive where the middle is bright."""
    height, width = array.shape
    thinned = array[:: max(1, height // 128), :: max(1, width // 128)]
    # Ranks, not values: neither a gamma curve nor a few bright markers matter then.
    ranks = np.searchsorted(np.unique(thinned), thinned).astype(np.float64)
    ranks /= max(1.0, float(ranks.max()))
    inside = ~_flat_border(thinned)
    columns = np.flatnonzero(inside.mean(axis=0) > 0.1)
    if len(columns) < 8:
        inside, columns = np.ones_like(inside), np.arange(len(ranks[0]))
    profile = np.array([ranks[inside[:, column], column].mean() for column in columns])
    count = len(columns)
    middle = profile[int(0.35 * count) : int(np.ceil(0.65 * count))]
    margin = max(1, count // 12)
    return float(middle.mean() - np.concatenate([profile[:margin], profile[-margin:]]).mean())


def _flat_border(array: np.ndarray) -> np.ndarray:
    """Which pixels belong to regions at either end of the grey scale that touch the border: blades or air."""
    from scipy import ndimage

    tolerance = 0.02 * float(np.ptp(array))
    flat = np.zeros(array.shape, dtype=bool)
    for end in (array <= array.min() + tolerance, array >= array.max() - tolerance):
        labels = np.asarray(ndimage.label(end)[0])  # type: ignore[index]
        border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        flat |= np.isin(labels, border[border > 0])
    return flat
