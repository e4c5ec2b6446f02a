"""The real vertebrae that the atlas learns from: closed surfaces in RAS mm, read from label volumes and meshes.

Sources (each folder's README gives repository, commit and licence; Resources/NOTICE.md the attribution): VerSe masks
(Loeffler 2020, Sekuboyina 2021), the L1 surfaces of Madsen, the mean L2-L5 of 87 patients of Clouthier 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..io.mesh import outward, read_mesh
from ..io.volume import read_itk
from ..types import VERSE_LABELS

MASKS: Mapping[str, str] = {
    "verse004": "verse-anjany/sub-verse004_seg-vert_msk.nii.gz",
    "verse005": "verse-elkhashabs/sub-verse005_seg-vert_msk.nii.gz",
    "verse006": "verse-elkhashabs/sub-verse006_seg-vert_msk.nii.gz",
    "verse007": "verse-elkhashabs/sub-verse007_seg-vert_msk.nii.gz",
    "verse009": "verse-elkhashabs/sub-verse009_seg-vert_msk.nii.gz",
    "verse010": "verse-indvertseg/sub-verse010_seg-vert_msk.nii.gz",
    "verse012": "verse-drr_utils/sub-verse012_seg-vert_msk.nii.gz",
}
MADSEN_L1 = ("013", "016", "018", "022", "023", "024", "026", "030", "041")
"""Madsen's 010 is the mask above: one person counts once."""
MADSEN_SILENT = ("022",)
"""All of these files are LPS; this one's header does not say so."""
CLOUTHIER_LEVELS = ("L2", "L3", "L4", "L5")
CLOUTHIER_SUBJECT = "clouthier-mean"
CUT_SIDES: Mapping[tuple[str, str], str] = {("verse012", "L2"): "right", ("verse012", "L3"): "right"}
"""Transverse processes cut off by the border of the scan: nothing lies beyond the plane of the cut."""
CUT_BOTH = (("verse023", "L1"),)
GRID_MM = 0.8
SMOOTHING_MM = 0.8


@dataclass(frozen=True)
class Surface:
    """One vertebra of one person.

    Attributes:
        subject: "verse005", ..., "clouthier-mean".
        level: "T9" ... "L5".
        vertices: (n, 3) RAS mm.
        faces: (f, 3), outward normals.
        source: the file it comes from, relative to the data folder.
        cut: (k, 4) planes n.x <= d beyond which the scan ends (empty when complete).
    """

    subject: str
    level: str
    vertices: np.ndarray
    faces: np.ndarray
    source: str
    cut: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))


def read_surfaces(folder: Path, levels: tuple[str, ...]) -> Iterator[Surface]:
    """Every vertebra of the given levels in the data folder, in a fixed order.

    Raises:
        InputError: a source is missing or unreadable.
    """
    for subject, name in MASKS.items():
        yield from read_mask(folder, name, subject, levels)
    if "L1" in levels:
        for number in MADSEN_L1:
            yield _read_madsen(folder, number)
    yield from (surface for surface in read_clouthier(folder) if surface.level in levels)


def read_mask(folder: Path, name: str, subject: str, levels: tuple[str, ...]) -> Iterator[Surface]:
    """The given levels' surfaces in a label volume with VerSe numbering, as far as it has them."""
    labels, to_ras = read_itk(_existing(folder / name))
    spacing = np.linalg.norm(to_ras[:3, :3], axis=0)
    for level in levels:
        mask = labels == VERSE_LABELS[level]
        if not mask.any():
            continue
        # The array's order is the affine's reversed: plane, row, column.
        corner, inside = _crop(mask)
        vertices, faces = mask_surface(inside, spacing[::-1])
        vertices = (vertices[:, ::-1] / spacing + corner[::-1]) @ to_ras[:3, :3].T + to_ras[:3, 3]
        cut = _cut_planes(subject, level, vertices)
        yield Surface(subject, level, vertices, outward(vertices, faces), name, cut)


def mask_surface(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a mask with coarse, unequal voxels, without steps and without shrinking.

    The signed distance is interpolated on a fine isotropic grid (shape-based interpolation, Raya and Udupa 1990),
    smoothed a little, and cut at the value that gives the mask's own volume.

    Args:
        mask: (i, j, k) bool.
        spacing: (3,) mm along i, j, k.

    Returns:
        vertices (n, 3) mm from the first voxel's centre, in the order i, j, k; faces (f, 3).
    """
    mask = np.pad(mask, 3)
    inside, beyond = (np.asarray(ndimage.distance_transform_edt(m, sampling=spacing)) for m in (mask, ~mask))
    distance = inside - beyond
    zoom = (np.array(mask.shape) - 1) * spacing / GRID_MM
    shape = np.floor(zoom).astype(int) + 1
    fine = ndimage.affine_transform(distance, GRID_MM / spacing, output_shape=tuple(shape), order=3, mode="nearest")
    fine = ndimage.gaussian_filter(fine, SMOOTHING_MM / GRID_MM)
    wanted = mask.sum() * spacing.prod() / GRID_MM**3
    ordered = np.sort(fine[fine > -4.0])
    level = float(ordered[-int(wanted)])
    fine = _largest(fine, level)
    vertices, faces = iso_surface(fine, level)
    return vertices * GRID_MM - 3 * spacing, faces


def iso_surface(field_: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) in voxels (i, j, k) and faces (f, 3) where a field passes a value; open at the field's border."""
    import vtk
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    image = vtk.vtkImageData()
    image.SetDimensions(*field_.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(field_.ravel(order="F")), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, level)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    mesh = contour.GetOutput()
    faces = vtk_to_numpy(mesh.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(mesh.GetPoints().GetData()).astype(np.float64), faces.astype(np.int64)


def _largest(field_: np.ndarray, level: float) -> np.ndarray:
    """The field with every inside component but the largest, and every closed hollow, taken away."""
    parts = np.zeros(field_.shape, dtype=np.int32)
    ndimage.label(field_ > level, output=parts)
    largest = 1 + np.argmax(np.bincount(parts.ravel())[1:])
    field_ = np.where((parts > 0) & (parts != largest), level - 1.0, field_)
    hollow = np.asarray(ndimage.binary_fill_holes(field_ > level)) & (field_ <= level)
    return np.where(hollow, level + 1.0, field_)


def _crop(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    boxes = ndimage.find_objects(mask.astype(np.uint8))[0]
    return np.array([box.start for box in boxes]), mask[boxes]


def _cut_planes(subject: str, level: str, vertices: np.ndarray) -> np.ndarray:
    """Planes 2.5 mm inside the cut, so that its flat lid attracts nothing."""
    sides = {"right": (1.0,), "left": (-1.0,)}.get(CUT_SIDES.get((subject, level), ""), ())
    sides = (1.0, -1.0) if (subject, level) in CUT_BOTH else sides
    return np.array([[s, 0.0, 0.0, (s * vertices[:, 0]).max() - 2.5] for s in sides]).reshape(-1, 4)


def _read_madsen(folder: Path, number: str) -> Surface:
    name = f"madsen-L1-ssm/raw/sub-verse{number}_segment_20.ply"
    vertices, faces = read_mesh(_existing(folder / name))
    vertices = vertices * (-1.0, -1.0, 1.0) if number in MADSEN_SILENT else vertices
    subject = f"verse{number}"
    return Surface(subject, "L1", vertices, outward(vertices, faces), name, _cut_planes(subject, "L1", vertices))


def read_clouthier(folder: Path) -> tuple[Surface, ...]:
    """Mean L2-L5 of 87 patients; x anterior, y to the left, z up in the file."""
    name = "clouthier-meanmesh/meanMesh_vertices.csv"
    vertices = np.loadtxt(_existing(folder / name), delimiter=",")[:, [1, 0, 2]] * (-1.0, 1.0, 1.0)
    faces = np.loadtxt(_existing(folder / "clouthier-meanmesh/meanMesh_faces.csv"), delimiter=",").astype(int) - 1
    starts = _component_starts(faces, len(vertices))
    if len(starts) - 1 != len(CLOUTHIER_LEVELS):
        raise InputError(folder / name, "", f"{len(starts) - 1} parts", "4 separate vertebrae, L2 to L5")
    found = []
    for level, low, high in zip(CLOUTHIER_LEVELS, starts[:-1], starts[1:], strict=True):
        own, part = vertices[low:high], faces[(faces[:, 0] >= low) & (faces[:, 0] < high)] - low
        found.append(Surface(CLOUTHIER_SUBJECT, level, own, outward(own, part), name))
    return tuple(found)


def _component_starts(faces: np.ndarray, count: int) -> list[int]:
    """Where a new connected part begins, for parts that stand one after the other in the vertex list."""
    reach = np.zeros(count, dtype=int)
    np.maximum.at(reach, faces.min(1), faces.max(1))
    ahead = np.maximum.accumulate(reach)
    return [0, *(i + 1 for i in range(count - 1) if ahead[i] <= i), count]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(path, "", "no such file", "a source of the atlas (see the data folder's README)")
    return path
