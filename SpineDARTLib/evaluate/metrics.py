"""How far one closed surface is from another: the project's figures, each defined here once.

Both surfaces are voxelised on one grid (1 mm, aligned to whole millimetres of RAS) and everything is measured on the
voxels, as MONAI and the papers that we compare with do: the surface of a mask is its voxels with a face-neighbour
outside, and distances run between the centres of such voxels. Figures below half a voxel therefore mean "no difference
seen". There is no alignment beforehand: a reconstruction is judged where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..io.mesh import Mesh, to_polydata

GRID_MM = 1.0
"""Edge of a voxel (contract)."""

HAUSDORFF_PERCENTILE = 95.0


@dataclass(frozen=True)
class Agreement:
    """Two surfaces compared.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|), 0 to 1.
        nsd_1mm: normalised surface Dice (Nikolov 2018): share of both surfaces' voxels within 1 mm of the other.
        nsd_2mm: the same within 2 mm.
        hd95_mm: larger of the two directed 95th percentiles of surface distance (MONAI's definition).
        assd_mm: mean surface distance over the voxels of both surfaces.
    """

    dice: float
    nsd_1mm: float
    nsd_2mm: float
    hd95_mm: float
    assd_mm: float


def compare_surfaces(first: Mesh, second: Mesh, grid_mm: float = GRID_MM) -> Agreement:
    """Compare two closed surfaces (vertices (n, 3) RAS mm, faces (f, 3)) where they stand.

    Raises:
        ValueError: a surface is empty or encloses no voxel.
    """
    origin, shape = _common_grid(first[0], second[0], grid_mm)
    masks = [voxelise(*mesh, origin, shape, grid_mm) for mesh in (first, second)]
    for mask, name in zip(masks, ("first", "second"), strict=True):
        if not mask.any():
            raise ValueError(f"got a {name} surface that encloses no voxel; expected a closed surface")
    return compare_masks(masks[0], masks[1], grid_mm)


def compare_masks(first: np.ndarray, second: np.ndarray, grid_mm: float = GRID_MM) -> Agreement:
    """Compare two masks (i, j, k) bool on one cubic grid, neither of them empty."""
    dice = 2.0 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))
    forth, back = surface_distances(first, second, grid_mm)
    both = np.concatenate([forth, back])
    percentiles = [np.percentile(distances, HAUSDORFF_PERCENTILE) for distances in (forth, back)]
    # A voxel at exactly the tolerance counts; the small sum is for the square root's rounding.
    within = [float(np.mean(both <= tolerance_mm + 1e-6)) for tolerance_mm in (1.0, 2.0)]
    return Agreement(float(dice), within[0], within[1], float(max(percentiles)), float(both.mean()))


def surface_distances(first: np.ndarray, second: np.ndarray, grid_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """From each surface voxel of one mask to the nearest of the other, mm; both ways."""
    from scipy.spatial import KDTree

    points = [np.argwhere(_border(mask)) * grid_mm for mask in (first, second)]
    trees = [KDTree(cloud) for cloud in points]
    return trees[1].query(points[0])[0], trees[0].query(points[1])[0]


def voxelise(
    vertices: np.ndarray, faces: np.ndarray, origin_mm: np.ndarray, shape: tuple[int, int, int], grid_mm: float
) -> np.ndarray:
    """The voxels whose centres a closed surface encloses.

    Args:
        vertices: (n, 3) RAS mm.
        faces: (f, 3).
        origin_mm: (3,) centre of the first voxel.
        shape: voxels along x, y, z.

    Returns:
        (x, y, z) bool.
    """
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    stencil, to_image = vtk.vtkPolyDataToImageStencil(), vtk.vtkImageStencilToImage()
    stencil.SetInputData(to_polydata(vertices, faces))
    stencil.SetOutputOrigin(*(float(value) for value in origin_mm))
    stencil.SetOutputSpacing(grid_mm, grid_mm, grid_mm)
    stencil.SetOutputWholeExtent(0, shape[0] - 1, 0, shape[1] - 1, 0, shape[2] - 1)
    to_image.SetInputConnection(stencil.GetOutputPort())
    to_image.SetOutputScalarTypeToUnsignedChar()
    to_image.SetInsideValue(1)
    to_image.SetOutsideValue(0)
    to_image.Update()
    values = vtk_to_numpy(to_image.GetOutput().GetPointData().GetScalars())
    return values.reshape(shape[::-1]).transpose(2, 1, 0).astype(bool)


def _common_grid(first: np.ndarray, second: np.ndarray, grid_mm: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Centre of the first voxel and the size of a grid that holds both, with two voxels to spare."""
    if len(first) == 0 or len(second) == 0:
        raise ValueError("got a surface without vertices; expected a closed surface")
    low = np.floor(np.minimum(first.min(axis=0), second.min(axis=0)) / grid_mm) - 2
    high = np.ceil(np.maximum(first.max(axis=0), second.max(axis=0)) / grid_mm) + 2
    nx, ny, nz = (int(value) for value in high - low + 1)
    return low * grid_mm, (nx, ny, nz)


def _border(mask: np.ndarray) -> np.ndarray:
    """The mask's voxels with a face-neighbour outside; the grid's margin is empty."""
    inner = mask.copy()
    for axis in range(3):
        for step in (1, -1):
            inner &= np.roll(mask, step, axis=axis)
    return mask & ~inner


@dataclass(frozen=True)
class PoseError:
    """A pose against the true one.

    Attributes:
        rotation_deg: angle of the rotation between them.
        translation_mm: distance between the two origins of the model's frame, the body's centre.
    """

    rotation_deg: float
    translation_mm: float


def pose_error(estimated: np.ndarray, true: np.ndarray) -> PoseError:
    """Compare two (4, 4) rigid model-to-world poses of the same model."""
    estimated, true = np.asarray(estimated, dtype=np.float64), np.asarray(true, dtype=np.float64)
    between = estimated[:3, :3].T @ true[:3, :3]
    # From sine and cosine: the arc cosine alone is blind to small angles.
    sine = np.linalg.norm([between[2, 1] - between[1, 2], between[0, 2] - between[2, 0], between[1, 0] - between[0, 1]])
    angle = np.arctan2(sine, np.trace(between) - 1.0)
    return PoseError(float(np.rad2deg(angle)), float(np.linalg.norm(estimated[:3, 3] - true[:3, 3])))
