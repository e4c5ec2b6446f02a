"""Cameras, random Gaussians and an independent ray-marcher that the renderer's tests share."""

from __future__ import annotations

import numpy as np
import torch

from SpineDARTLib.geometry.camera import c_arm_camera, project, rays
from SpineDARTLib.render import Detectors, Gaussians
from SpineDARTLib.types import View

SOURCE_TO_DETECTOR_MM = 1020.0
SOURCE_TO_ISOCENTRE_MM = 600.0


def view(
    primary_deg: float, secondary_deg: float = 0.0, shape: tuple[int, int] = (40, 48), pixel_mm: float = 2.0
) -> View:
    """A C-arm's view of the origin; ``pixel_mm`` is a pixel's side there. Without a picture."""
    spacing = pixel_mm * SOURCE_TO_DETECTOR_MM / SOURCE_TO_ISOCENTRE_MM
    distances = SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM
    camera = c_arm_camera(primary_deg, secondary_deg, *distances, (spacing, spacing), shape)
    name = f"{primary_deg:g}/{secondary_deg:g}"
    return View(name, np.zeros(shape, dtype=np.float32), *camera, (spacing, spacing), SOURCE_TO_DETECTOR_MM)


def detectors(*views: View, dtype: torch.dtype = torch.float64) -> Detectors:
    return Detectors.of(views, dtype)


def random_gaussians(count: int, seed: int, extent_mm: float = 20.0, batch: tuple[int, ...] = ()) -> Gaussians:
    """Gaussians of any shape and direction around the origin, float64."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes: int) -> torch.Tensor:
        return torch.rand(*batch, count, *sizes, generator=generator, dtype=torch.float64)

    axes = torch.linalg.qr(draw(3, 3) - 0.5)[0]
    covariances = (axes * (0.8 + 3.0 * draw(1, 3)) ** 2) @ axes.mT
    return Gaussians(2 * extent_mm * (draw(3) - 0.5), covariances, 0.5 + draw())


def brute_force(
    centres: torch.Tensor, conics: torch.Tensor, peaks: torch.Tensor, height: int, width: int
) -> torch.Tensor:
    """(height, width) the sum over every pixel and splat of one picture, no footprints."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    dx, dy = columns - centres[:, 0, None, None], rows - centres[:, 1, None, None]
    a, b, c = (conics[:, k, None, None] for k in range(3))
    return (peaks[:, None, None] * torch.exp(-0.5 * (a * dx * dx + 2 * b * dx * dy + c * dy * dy))).sum(0)


def pixel_rays(camera: View) -> tuple[np.ndarray, np.ndarray]:
    """The source (3,) and the unit directions (height, width, 3) of all pixels."""
    height, width = camera.image.shape
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    source, directions = rays(np.column_stack([columns.ravel(), rows.ravel()]), camera)
    return source, directions.reshape(height, width, 3)


def path_lengths(vertices: np.ndarray, faces: np.ndarray, camera: View) -> np.ndarray:
    """(height, width) mm of every pixel's ray inside a closed surface: distances of its exits minus its entries.

    A ray crosses a triangle where the pixel lies in the projected triangle; how far away follows from the plane.
    """
    source, directions = pixel_rays(camera)
    corners, pixels = vertices[faces], project(vertices, camera)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    offsets = np.einsum("fi,fi->f", normals, corners[:, 0] - source)
    lengths = np.zeros(camera.image.shape)
    low = np.maximum(np.ceil(pixels.min(1)), 0).astype(int)
    high = np.minimum(np.floor(pixels.max(1)), np.array(camera.image.shape[::-1]) - 1).astype(int)
    for face in np.nonzero((low <= high).all(1))[0]:
        (left, top), (right, bottom) = low[face], high[face]
        rows, columns = np.mgrid[top : bottom + 1, left : right + 1]
        edges = np.roll(pixels[face], -1, axis=0) - pixels[face]
        dx, dy = columns[..., None] - pixels[face, :, 0], rows[..., None] - pixels[face, :, 1]
        side = edges[:, 0] * dy - edges[:, 1] * dx
        rows, columns = (grid[(side > 0).all(-1) | (side < 0).all(-1)] for grid in (rows, columns))
        along = directions[rows, columns] @ normals[face]
        lengths[rows, columns] += np.sign(along) * offsets[face] / along
    return lengths


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Zero-mean normalised cross-correlation of two pictures."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
