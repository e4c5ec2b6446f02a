"""What each ray passes through: line integrals of a patient's volumes, by nanodrr on CPU or CUDA, and of its metal.

A volume is cut into bricks, and those without anything in them are left out. The interpolated volume is the sum of its
voxels' hat functions, and each voxel belongs to one brick, so bricks add up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ...geometry.camera import project_with_depth
from ...types import View
from ..nouns import Crop, Patient, Volume
from .rods import rod_path

if TYPE_CHECKING:
    from scipy.interpolate import BSpline
    from torch import Tensor

BRICK_VOXELS = 24
"""Side of a brick on the CPU; on a GPU starting a kernel costs more than marching through nothing: one brick."""
CHUNK_SAMPLES = 200_000
"""Samples at a time on the CPU, so that their places stay in the cache (12 bytes each)."""
NOTHING = 1e-3
"""A brick with no greater share than this is left out: over its 24 voxels that is under 0.02 mm of bone."""
RAYS_PER_VOXEL = 1.3
"""Where pixels are denser than that, rays are cast so densely, and the pixels interpolated by a cubic spline: a volume
that is linear between voxels has nothing much finer (tests measure what it costs)."""
SAMPLES_PER_VOXEL = 1.0
"""Along the longest way through a brick; shorter ways have as many samples."""


@dataclass(frozen=True)
class Paths:
    """How much of what each ray passes through.

    Attributes:
        materials: those present, name to (height, width) float32 tensor, mm of the pure material. "soft" is as it
            comes, not yet reduced by the others.
        bones: level to mm of bone of this vertebra alone, in NumPy; only levels whose bone is in the picture.
    """

    materials: Mapping[str, Tensor]
    bones: Mapping[str, Crop]


@dataclass(frozen=True)
class _Brick:
    """A part of a volume as nanodrr takes it, on the device.

    Attributes:
        corners_mm: (8, 3) RAS of what it reaches, a voxel beyond its outermost centres.
        to_voxel: (3, 3) a direction in mm as one in voxels.
        voxels: (3,) that it reaches along each axis.
    """

    subject: Any
    corners_mm: np.ndarray
    to_voxel: np.ndarray
    voxels: np.ndarray


@dataclass(frozen=True)
class _Prepared:
    """A volume's bricks."""

    volume: Volume
    bricks: tuple[_Brick, ...]

    def step(self, view: View) -> float:
        """How many pixels lie between two rays, at least 1."""
        size = np.array(self.volume.values.shape)
        centre = self.volume.voxel_to_world @ [*((size - 1) / 2), 1.0]
        depth = max(float(project_with_depth(centre[None, :3], view)[1][0]), 1.0)
        voxel_mm = np.linalg.norm(self.volume.voxel_to_world[:3, :3], axis=0).min()
        pixels = voxel_mm * view.source_to_detector_mm / depth / max(view.pixel_spacing_mm)
        return max(1.0, float(pixels / RAYS_PER_VOXEL))


@dataclass(frozen=True)
class _Lattice:
    """Values at pixels (row * step, column * step), (row + 1) * step and so on; some may lie outside the picture."""

    row: int
    column: int
    step: float
    values: Any

    def add(self, row: int, column: int, values: Any) -> None:
        """Add values of the same step that this one covers."""
        top, left = row - self.row, column - self.column
        self.values[top : top + values.shape[0], left : left + values.shape[1]] += values

    def fine(self, shape: tuple[int, int]) -> tuple[int, int, Any]:
        """Row and column of its first pixel in a picture of this shape, and a value for each pixel there."""
        import torch

        spreads, firsts = [], []
        for start, number, pixels in zip((self.row, self.column), self.values.shape, shape, strict=True):
            first = max(int(np.ceil(start * self.step)), 0)
            end = min(int(np.floor((start + number - 1) * self.step)) + 1, pixels)
            places = np.arange(first, max(end, first)) / self.step - start
            spreads.append(torch.from_numpy(_spline(number)(places).astype(np.float32)).to(self.values.device))
            firsts.append(first)
        return firsts[0], firsts[1], spreads[0] @ self.values @ spreads[1].T


@lru_cache(maxsize=256)
def _spline(number: int) -> BSpline:
    """From values at 0, 1 ... number - 1 to any place between, as a matrix: (places,) to (places, number)."""
    from scipy.interpolate import make_interp_spline

    return make_interp_spline(np.arange(number), np.eye(number), k=min(3, number - 1))


class Projector:
    """A patient made ready once for many views.

    Args:
        device: "cpu", or a CUDA device of torch's.
    """

    def __init__(self, patient: Patient, device: str = "cpu") -> None:
        self.patient, self.device = patient, device
        self._volumes = [_prepare(volume, device) for volume in patient.volumes]
        self._bones = {
            level: _prepare(vertebra.volume, device)
            for level, vertebra in patient.vertebrae.items()
            if vertebra.volume is not None
        }

    def project(self, view: View) -> Paths:
        """The paths of one view, at its image's size."""
        import torch

        shape = (view.image.shape[0], view.image.shape[1])
        materials: dict[str, Any] = {}

        def paint(material: str, row: int, column: int, values: Any) -> None:
            if material not in materials:
                materials[material] = torch.zeros(shape, device=self.device)
            materials[material][row : row + values.shape[0], column : column + values.shape[1]] += values

        with torch.no_grad():
            for prepared in self._volumes:
                lattice = _march(prepared, view, self.device)
                if lattice is not None:
                    paint(prepared.volume.material, *lattice.fine(shape))
            bones = {}
            for level, prepared in self._bones.items():
                lattice = _march(prepared, view, self.device)
                if lattice is not None:
                    row, column, values = lattice.fine(shape)
                    paint(prepared.volume.material, row, column, values)
                    bones[level] = Crop(row, column, values.cpu().numpy())
        for rod in self.patient.rods:
            crop = rod_path(rod, view)
            paint(rod.material, crop.row, crop.column, torch.from_numpy(crop.values).to(self.device))
        return Paths(materials, bones)


def project_patient(patient: Patient, view: View, device: str = "cpu") -> Paths:
    """One view alone; for more views of a patient keep a ``Projector``."""
    return Projector(patient, device).project(view)


def _lattice_end(view: View, step: float) -> np.ndarray:
    """(2,) end of the rows and columns that reach from -1, before the picture's first pixel, to beyond its last."""
    return np.ceil((np.array(view.image.shape) - 1) / step).astype(int) + 2


def _march(prepared: _Prepared, view: View, device: str) -> _Lattice | None:
    """One volume's line integrals; None where it is not in the picture."""
    import torch

    step = prepared.step(view)
    boxes = [(brick, _box(brick, view, step)) for brick in prepared.bricks]
    boxes = [(brick, box) for brick, box in boxes if (box[1] > box[0]).all()]
    if not boxes:
        return None
    first = np.min([box[0] for _, box in boxes], axis=0)
    size = np.max([box[1] for _, box in boxes], axis=0) - first
    lattice = _Lattice(int(first[0]), int(first[1]), step, torch.zeros(*size.tolist(), device=device))
    for brick, (low, high) in boxes:
        for top, bottom in _chunks(int(low[0]), int(high[0]), brick, int(high[1] - low[1]), view, device):
            values = _cast(brick, view, (top, bottom), (int(low[1]), int(high[1])), step, device)
            lattice.add(top, int(low[1]), values)
    return lattice


def _box(brick: _Brick, view: View, step: float) -> np.ndarray:
    """(2, 2) first and end of the lattice's (row, column) that a brick projects to."""
    pixels, depths = project_with_depth(brick.corners_mm, view)
    end = _lattice_end(view, step)
    if (depths <= 1.0).any():  # it reaches the source
        return np.array([[-1, -1], end])
    reach = pixels[:, ::-1] / step
    # One more on each side, where it is nothing: the spline needs to know.
    low, high = np.floor(reach.min(0)).astype(int) - 1, np.ceil(reach.max(0)).astype(int) + 2
    return np.stack([np.clip(low, -1, end), np.clip(high, -1, end)])


def _samples(brick: _Brick, view: View) -> int:
    """How many a ray."""
    ray = brick.to_voxel @ (brick.corners_mm.mean(0) - view.source_mm)
    along = np.abs(ray) / np.linalg.norm(ray)
    longest = (brick.voxels / np.maximum(along, 1e-9)).min()
    return max(2, int(np.ceil(SAMPLES_PER_VOXEL * longest)))


def _chunks(low: int, high: int, brick: _Brick, width: int, view: View, device: str) -> list[tuple[int, int]]:
    """Rows to cast at a time."""
    rows = high - low if device != "cpu" else max(1, CHUNK_SAMPLES // (_samples(brick, view) * width))
    return [(top, min(top + rows, high)) for top in range(low, high, rows)]


def _cast(brick: _Brick, view: View, rows: tuple[int, int], columns: tuple[int, int], step: float, device: str) -> Any:
    """(rows, columns) line integrals through one brick."""
    import torch
    from nanodrr.drr import render

    height, width = rows[1] - rows[0], columns[1] - columns[0]
    to_camera = view.source_to_detector_mm * np.linalg.inv(view.intrinsics)
    across, down, corner = (torch.from_numpy(column).float().to(device) for column in to_camera.T)
    u = step * torch.arange(*columns, device=device, dtype=torch.float32)
    v = step * torch.arange(*rows, device=device, dtype=torch.float32)
    targets = v[:, None, None] * down + u[None, :, None] * across + corner
    picture = render(
        brick.subject,
        k_inv=torch.eye(3, device=device)[None],  # unused: the pixels' places are given, ours integer at the centre
        rt_inv=torch.from_numpy(np.linalg.inv(view.world_to_camera)).float().to(device)[None],
        sdd=torch.tensor([view.source_to_detector_mm], device=device),
        height=height,
        width=width,
        n_samples=_samples(brick, view),
        src=torch.zeros(1, 1, 3, device=device),
        tgt=targets.reshape(1, -1, 3),
    )
    return picture[0, 0]


def _prepare(volume: Volume, device: str) -> _Prepared:
    """Cut a volume into bricks, without the empty ones."""
    side = BRICK_VOXELS if device == "cpu" else max(volume.values.shape)
    found = []
    for first in product(*(range(0, number, side) for number in volume.values.shape)):
        part = volume.values[tuple(slice(start, start + side) for start in first)]
        solid = np.abs(part) > NOTHING
        if not solid.any():
            continue
        bounds = [np.flatnonzero(solid.any(axis=others))[[0, -1]] for others in ((1, 2), (0, 2), (0, 1))]
        inner = part[tuple(slice(low, high + 1) for low, high in bounds)]
        to_world = np.array(volume.voxel_to_world, dtype=np.float64)
        to_world[:3, 3] += to_world[:3, :3] @ (np.array(first) + [low for low, _ in bounds])
        found.append(_brick(inner, to_world, device))
    return _Prepared(volume, tuple(found))


def _brick(values: np.ndarray, voxel_to_world: np.ndarray, device: str) -> _Brick:
    """A volume of shares, (x, y, z), as nanodrr's subject: its values are integrated as they are."""
    import torch
    from nanodrr.data import Subject

    size = np.array(values.shape)
    image = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 1, 0), dtype=np.float32))[None, None]
    to_world = torch.from_numpy(voxel_to_world)
    to_grid = torch.eye(4)
    to_grid[:3, :3] = torch.diag(2.0 / torch.from_numpy(size))
    to_grid[:3, 3] = 1.0 / torch.from_numpy(size) - 1.0
    subject = Subject(
        imagedata=image,
        labeldata=torch.zeros(1, 1, 1, 1, 1),
        voxel_to_world=to_world.float(),
        world_to_voxel=to_world.inverse().float(),
        voxel_to_grid=to_grid,
        isocenter=to_world[:3, 3].float(),
        max_label=0,
        convert_to_mu=False,
    ).to(device)
    corners = np.array(list(product(*((-1.0, float(number)) for number in size))))
    corners_mm = corners @ voxel_to_world[:3, :3].T + voxel_to_world[:3, 3]
    return _Brick(subject, corners_mm, np.linalg.inv(voxel_to_world[:3, :3]), size + 1)
