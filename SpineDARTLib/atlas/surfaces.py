"""The real vertebrae that the atlas learns from: closed surfaces in RAS mm, from label volumes and meshes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..io.mesh import Mesh, outward
from ..types import LEVELS
from .label_volumes import Bone, LabelVolume, bone, read_labels
from .manifest import SIDES, Source
from .mesh_files import read_bone
from .orientation import check_orientation
from .sources import scans_of_one_person

log = logging.getLogger(__name__)

GRID_MM = 0.8
SMOOTHING_MM = 0.8
CUT_MARGIN_MM = 2.5
"""Cut planes lie this far inside the cut, so that its flat lid attracts nothing."""


@dataclass(frozen=True)
class Surface:
    """One vertebra of one person.

    Attributes:
        subject: "verse005", ..., "clouthier-mean".
        level: "T1" ... "L5".
        vertices: (n, 3) RAS mm.
        faces: (f, 3), outward normals.
        source: the file it comes from, relative to the data folder.
        cut: (k, 4) planes n.x <= d beyond which the scan ends (empty when complete).
        people: how many people it is the mean of.
        genant: fracture grade 0 to 3 (Genant 1993); None where nobody graded it.
    """

    subject: str
    level: str
    vertices: np.ndarray
    faces: np.ndarray
    source: str
    cut: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    people: int = 1
    genant: int | None = None


def read_person(sources: Sequence[Source], levels: tuple[str, ...]) -> tuple[Surface, ...]:
    """One person's vertebrae of the given levels, head to foot.

    Where several scans of VerSe show the same level, the one that is cut least counts, then the first.

    Args:
        sources: all of that person (``sources.by_person``).

    Raises:
        InputError: as ``read_source``; or a level comes twice, so two people have one name.
    """
    found: dict[str, tuple[Source, Surface]] = {}
    for source in sources:
        for surface in read_source(source, levels):
            known = found.setdefault(surface.level, (source, surface))
            if known[1] is surface:
                continue
            if not scans_of_one_person(source, known[0]):
                raise InputError(
                    source.path,
                    f'subject "{source.subject}", level {surface.level}',
                    f"already in {known[0].file}",
                    "each level of a person once: two people need two names (a manifest.csv can give them)",
                )
            log.info("%s: %s is also in %s, the more complete one counts", source.file, surface.level, known[0].file)
            if len(surface.cut) < len(known[1].cut):
                found[surface.level] = (source, surface)
    return tuple(found[level][1] for level in LEVELS if level in found)


def read_source(source: Source, levels: tuple[str, ...]) -> Iterator[Surface]:
    """The vertebrae of the given levels in one file, head to foot; those of which it holds too little are left out.

    Raises:
        InputError: unreadable; an empty mask, numbers that are not VerSe's, or no such level; a mesh of no vertebra's
            size, not closed or inside out; vertebrae that lie the wrong way round (``orientation`` says what can be
            seen).
    """
    bones = _mesh_bones(source, levels) if source.is_mesh else _volume_bones(source, levels)
    check_orientation(source.path, [(level, mesh) for level, mesh, _ in bones])
    for level, (vertices, faces), cut in bones:
        planes = np.array([[*side, (vertices @ side).max() - CUT_MARGIN_MM] for side in cut]).reshape(-1, 4)
        grade = source.genant.get(level)
        yield Surface(source.subject, level, vertices, faces, source.file, planes, source.people, grade)


def _mesh_bones(source: Source, levels: tuple[str, ...]) -> list[tuple[str, Mesh, np.ndarray]]:
    """Level, surface and the (k, 3) ways to the sides where it is cut, of a mesh file."""
    return [(source.level, read_bone(source), _stated_cut(source))] if source.level in levels else []


def _volume_bones(source: Source, levels: tuple[str, ...]) -> list[tuple[str, Mesh, np.ndarray]]:
    """The same of each level in a label volume."""
    volume = read_labels(source.path)
    if source.level and source.level not in volume.boxes:
        has = ", ".join(volume.boxes) or "none of T1 to L5"
        raise InputError(source.path, "level", source.level, f"a level that is in the volume ({has})")
    wanted = [level for level in LEVELS if level in levels and level in volume.boxes]
    found = []
    for level in wanted if not source.level else [level for level in wanted if level == source.level]:
        if (part := bone(volume, level)) is not None:
            cut = part.cut if source.cut is None else _stated_cut(source)
            found.append((level, _bone_surface(volume, part), cut))
    return found


def _stated_cut(source: Source) -> np.ndarray:
    return np.array([SIDES[side] for side in source.cut or ()]).reshape(-1, 3)


def _bone_surface(volume: LabelVolume, part: Bone) -> Mesh:
    """The surface of a vertebra's voxels in RAS mm."""
    vertices, faces = mask_surface(part.mask, volume.spacing)
    corner = np.array([side.start for side in part.box])
    # The array's order is the affine's reversed: plane, row, column.
    voxels = (vertices / volume.spacing + corner)[:, ::-1]
    vertices = voxels @ volume.to_ras[:3, :3].T + volume.to_ras[:3, 3]
    return vertices, outward(vertices, faces)


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
