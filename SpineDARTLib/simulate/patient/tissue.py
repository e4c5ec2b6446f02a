"""What a scan is made of: soft tissue, bone and metal; which bone is whose; what of its box is no patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import (
    binary_dilation,
    distance_transform_edt,
    find_objects,
    label,
    maximum_filter,
    minimum_filter,
)

from ...atlas.label_volumes import OTHER_LABELS, LabelVolume
from ...types import VERSE_LABELS
from ..draw import Range
from ..nouns import Volume
from .ct_files import Scan, blocks, regridded
from .hounsfield import METAL_HU, shares
from .surroundings import sampled, trimmed

LEAST_METAL = 30
"""Voxels of metal; fewer are noise."""
TABLE_HU = -400.0
"""Denser than lung and foam."""
AIR_HU = -900.0
LEAST_CM3 = 1.0
"""Of a table, and of a corner that is not in the scan."""
BLURRED_MM = 3.0
"""Next to such a corner resampling has mixed it with tissue."""


@dataclass(frozen=True)
class CtSettings:
    """How scans are made into patients. Only ``chest_scale`` and ``chest_mirror`` are random.

    Attributes:
        coarsest_mm: thicker slices are interpolated.
        finest_mm: finer voxels are averaged; a picture's pixel is 0.3 mm or more at the patient.
        soft_blocks: soft tissue is kept on a grid so many times coarser: it has few sharp edges.
        soft_spacing_mm: of the soft tissue of scan and body together.
        rim_mm: how far from its mask a vertebra's bone reaches: masks end within the partial volume.
        fade_mm: depth below the scan's border in which it gives way to the drawn body.
        carry_mm: how far beyond its border the scan's tissue is carried on.
        neighbours: how many vertebrae are drawn beyond each end of the scan's.
        take_out_mm: real bone so near to a drawn one makes way for it.
        take_out_fade_mm: and comes back over this distance.
        keep_cut: whether a vertebra that the scan's border cut is true as far as it goes. Otherwise it has no truth.
        chest_take_out_mm: in a real chest, bone so near to a vertebra of its spine is of the spine, not of a rib.
        chest_take_out_fade_mm: over which the ribs begin.
        chest_scale: size of a real chest over its own.
        chest_mirror: chance that it is mirrored.
    """

    coarsest_mm: float = 1.0
    finest_mm: float = 0.6
    soft_blocks: int = 2
    soft_spacing_mm: float = 2.0
    rim_mm: float = 1.5
    fade_mm: float = 12.0
    carry_mm: float = 45.0
    neighbours: int = 3
    take_out_mm: float = 11.0
    take_out_fade_mm: float = 4.0
    keep_cut: bool = False
    chest_take_out_mm: float = 7.5
    chest_take_out_fade_mm: float = 3.0
    chest_scale: Range = (0.9, 1.1)
    chest_mirror: float = 0.5


@dataclass(frozen=True)
class Tissues:
    """A scan's materials.

    Attributes:
        soft: on a coarser grid.
        seen: on the same grid, bool: False where the file holds no scan (corners of a turned scan).
        bone: on the full grid.
        metal: trimmed to where it is; None without.
    """

    soft: Volume
    seen: np.ndarray
    bone: Volume
    metal: Volume | None


def tissues(scan: Scan, settings: CtSettings) -> Tissues:
    """Soft tissue, bone, and metal where there is any, of a scan without its table."""
    unseen = _unseen(scan).astype(np.float32)
    values, affine = regridded(scan.hounsfield, scan.voxel_to_world, settings.coarsest_mm, settings.finest_mm)
    unseen, _ = regridded(unseen, scan.voxel_to_world, settings.coarsest_mm, settings.finest_mm)
    values = np.where(_table(values, affine), np.float32(-1000.0), values)
    soft, bone = shares(values, np.linalg.norm(affine[:3, :3], axis=0))
    metal = values > METAL_HU
    soft_to_world = affine
    for axis in range(3):
        unseen, _ = blocks(unseen, soft_to_world, axis, settings.soft_blocks)
        soft, soft_to_world = blocks(soft, soft_to_world, axis, settings.soft_blocks)
    found = Volume(metal.astype(np.float32), affine, "titanium") if metal.sum() >= LEAST_METAL else None
    if found is not None:
        bone[metal] = 0.0
        found = trimmed(found)
    return Tissues(Volume(soft, soft_to_world), unseen < 0.01, Volume(bone, affine, "bone"), found)


def _unseen(scan: Scan) -> np.ndarray:
    """(x, y, z) bool: corners that the file fills with one number, as real air, which is noisy, never is."""
    values = scan.hounsfield
    flat = (values < AIR_HU) & (maximum_filter(values, 3) - minimum_filter(values, 3) < 0.5)
    if not flat.any():
        return flat
    parts = np.zeros(values.shape, dtype=np.int32)
    label(flat, output=parts)
    sizes = np.bincount(parts.ravel()) * scan.spacing_mm.prod() / 1000.0
    at_border = np.unique(np.concatenate([np.take(parts, end, axis).ravel() for axis in range(3) for end in (0, -1)]))
    corners = np.isin(parts, [number for number in at_border if number and sizes[number] > LEAST_CM3])
    rounds = np.maximum(np.ceil(BLURRED_MM / scan.spacing_mm), 1).astype(int)
    around = [
        np.ones([2 * int(count) + 1 if axis == other else 1 for other in range(3)], dtype=bool)
        for axis, count in enumerate(rounds)
    ]
    for structure in around:
        corners = binary_dilation(corners, structure)
    return corners


def claims(labels: LabelVolume, bone: Volume, rim_mm: float) -> dict[str, tuple[tuple[slice, ...], np.ndarray]]:
    """Every label's share of the bone: name to its box in the bone's grid and (x, y, z) 0 to 1 in there.

    1 inside the mask and in the rim around it, where partial volume makes bone reach beyond masks; 0 a millimetre
    farther out. Labels that are no level of ours claim theirs too, so that no neighbour takes it.
    """
    numbers = labels.labels.transpose(2, 1, 0)
    names = {number: level for level, number in VERSE_LABELS.items()} | dict(OTHER_LABELS)
    steps = labels.spacing[::-1]
    pad = np.ceil((rim_mm + 3.0) / steps).astype(int)
    found = {}
    for number, box in enumerate(find_objects(numbers), start=1):
        if box is None:
            continue
        low = np.array([side.start for side in box]) - pad
        mask = np.pad(numbers[box] == number, [(int(width), int(width)) for width in pad])
        beyond, inside = (np.asarray(distance_transform_edt(part, sampling=steps)) for part in (~mask, mask))
        affine = labels.to_ras.copy()
        affine[:3, 3] += affine[:3, :3] @ low
        around = Volume((beyond - inside).astype(np.float32), affine)
        place = box_in(around, bone)
        distance = sampled(around, part_of(bone, place, bone.values[place]))
        found[names[number]] = (place, np.clip(rim_mm + 1.0 - distance, 0.0, 1.0))
    return found


def box_in(part: Volume, whole: Volume) -> tuple[slice, ...]:
    """The voxels of a grid that a smaller one covers."""
    last = np.array(part.values.shape) - 1.0
    corners = np.array([[i, j, k, 1.0] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])])
    index = (np.linalg.inv(whole.voxel_to_world) @ part.voxel_to_world @ corners.T)[:3]
    low = np.maximum(np.floor(index.min(axis=1) + 1e-6), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=1) - 1e-6).astype(int) + 1, whole.values.shape)
    return tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))


def part_of(volume: Volume, box: tuple[slice, ...], values: np.ndarray) -> Volume:
    """A volume of other values on a box of another's grid."""
    affine = volume.voxel_to_world.copy()
    affine[:3, 3] += affine[:3, :3] @ [side.start for side in box]
    return replace(volume, values=values, voxel_to_world=affine)


def _table(hounsfield: np.ndarray, voxel_to_world: np.ndarray) -> np.ndarray:
    """(x, y, z) bool: the scanner's table, which is what is large, dense, behind the back and apart from it."""
    parts = np.zeros(hounsfield.shape, dtype=np.int32)
    label(hounsfield > TABLE_HU, output=parts)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    body = int(sizes.argmax())
    least = 1000.0 * LEAST_CM3 / abs(float(np.linalg.det(voxel_to_world[:3, :3])))
    table = np.zeros(hounsfield.shape, dtype=bool)
    boxes = find_objects(parts)
    back = _behind(parts, boxes[body - 1], body, voxel_to_world, 2.0)
    for number in np.flatnonzero(sizes > least):
        if number != body and _behind(parts, boxes[number - 1], int(number), voxel_to_world, 50.0) < back:
            table |= parts == number
    return table


def _behind(
    parts: np.ndarray, box: tuple[slice, ...], number: int, voxel_to_world: np.ndarray, percent: float
) -> float:
    """A percentile of how far to the front (RAS y, mm) the voxels of a part lie."""
    index = np.argwhere(parts[box] == number) + [side.start for side in box]
    return float(np.percentile(index @ voxel_to_world[1, :3] + voxel_to_world[1, 3], percent))
