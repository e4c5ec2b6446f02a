"""Line integrals of attenuation along the rays of our cameras, by nanodrr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..types import View
from .volume import Volume

SAMPLES_PER_VOXEL = 1.0
CHUNK_SAMPLES = 4_000_000
"""Samples at a time: nanodrr's torch backend holds every sample's place in memory."""


def line_integrals(volumes: Sequence[Volume], view: View, shape: tuple[int, int]) -> np.ndarray:
    """Attenuation (without unit) from the source to each pixel's centre.

    Args:
        volumes: their integrals add up.
        view: whose camera is used; its image is not.
        shape: (height, width) pixels.

    Returns:
        (height, width) float32.
    """
    total = np.zeros(shape, dtype=np.float32)
    for volume in volumes:
        total += _project(volume, view, shape)
    return total


def _project(volume: Volume, view: View, shape: tuple[int, int]) -> np.ndarray:
    """One volume's integrals, a few rows of pixels at a time."""
    import torch
    from nanodrr.drr import render

    height, width = shape
    subject = _subject(volume)
    rt_inv = torch.from_numpy(np.linalg.inv(view.world_to_camera)).float()[None]
    spacing = float(np.linalg.norm(volume.voxel_to_world[:3, 0]))
    extent = float(np.linalg.norm(np.array(volume.values.shape) * spacing))
    samples = max(2, int(np.ceil(SAMPLES_PER_VOXEL * extent / spacing)))
    rows = max(1, CHUNK_SAMPLES // (samples * width))
    distance = torch.tensor([view.source_to_detector_mm], dtype=torch.float32)
    strips = []
    with torch.no_grad():
        for top in range(0, height, rows):
            pixels = _detector_points(view, top, min(rows, height - top), width)
            strip = render(
                subject,
                k_inv=torch.eye(3)[None],  # unused: the pixels' places are given
                rt_inv=rt_inv,
                sdd=distance,
                height=min(rows, height - top),
                width=width,
                n_samples=samples,
                src=torch.zeros(1, 1, 3),
                tgt=torch.from_numpy(pixels).float()[None],
                backend="torch",
            )
            strips.append(strip[0, 0].numpy())
    return np.concatenate(strips)


def _detector_points(view: View, top: int, rows: int, width: int) -> np.ndarray:
    """(rows * width, 3) camera mm of the pixels' centres; integer at the centre, where nanodrr has halves."""
    v, u = np.meshgrid(np.arange(top, top + rows), np.arange(width), indexing="ij")
    pixels = np.stack([u.ravel(), v.ravel(), np.ones(u.size)], axis=1)
    return view.source_to_detector_mm * pixels @ np.linalg.inv(view.intrinsics).T


def _subject(volume: Volume) -> Any:
    """nanodrr's wrapper of a volume that is already linear attenuation."""
    import torch
    from nanodrr.data import Subject

    image = torch.from_numpy(np.ascontiguousarray(volume.values.transpose(2, 1, 0)))[None, None]
    to_world = torch.from_numpy(np.asarray(volume.voxel_to_world, dtype=np.float64))
    size = torch.tensor(volume.values.shape, dtype=torch.float64)
    to_grid = torch.eye(4, dtype=torch.float64)
    to_grid[:3, :3] = torch.diag(2.0 / size)
    to_grid[:3, 3] = 1.0 / size - 1.0
    return Subject(
        imagedata=image.float(),
        labeldata=torch.zeros(1, 1, 1, 1, 1),
        voxel_to_world=to_world.float(),
        world_to_voxel=to_world.inverse().float(),
        voxel_to_grid=to_grid.float(),
        isocenter=to_world[:3, 3].float(),
        max_label=0,
        convert_to_mu=False,
    )
