"""Cameras from other programs' files: the kind is told by the fields, read by one of ``READERS``, and said.

``projections`` has the nouns and makes cameras, ``matrices``, ``drr_programs`` and ``detectors`` read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from . import matrices
from .cameras import is_flipped, read_camera
from .detectors import fields_of_hdf5, of_astra, of_panel, of_rtk, of_xreg
from .drr_programs import of_deepdrr_carm, of_deepdrr_projection, of_diffdrr, of_nanodrr
from .fields import Field, load_json, parse_json
from .projections import NOT_MIRRORED, GeometryFile, Projection, Said, check_magnitudes, finished, view_fields

__all__ = ["GeometryFile", "Said", "read_geometry_file"]

FACE_UP = "DeepDRR's patient is taken to lie face up (Volume.faceup), because world_from_anatomical is not there."
XREG_WORLD = "xreg's world is taken for ITK's (LPS), because coordinate_system is not there."
XREG_FRAME = (
    "Which way xreg's z runs is told from the sign of the focal length, because cam-coord-frame-type is not there."
)


@dataclass(frozen=True)
class Reader:
    """One program's parameters of one view, as JSON.

    Attributes:
        kind: what is said to the user.
        program: what ``program`` may call it; "" where the fields alone tell.
        fields: what its view has and no other program's.
        read: the view's field to a projection.
        note: what it takes for granted about a view, "" for nothing.
    """

    kind: str
    program: str
    fields: tuple[str, ...]
    read: Callable[[Field], Projection]
    note: Callable[[Field], str] = lambda _: ""


READERS: tuple[Reader, ...] = (
    Reader("nanodrr parameters", "nanodrr", ("sdd", "rotation"), of_nanodrr),
    Reader("DiffDRR parameters", "diffdrr", ("sdd", "rotation"), of_diffdrr),
    Reader(
        "DeepDRR C-arm", "deepdrr", ("alpha", "beta", "source_to_isocenter_vertical_distance"), of_deepdrr_carm,
        lambda item: FACE_UP if item.optional("world_from_anatomical") is None else "",
    ),
    Reader("xreg camera model", "xreg", ("intrinsic", "extrinsic", "num-rows"), of_xreg, lambda item: _xreg_note(item)),
    Reader("DeepDRR camera projection", "deepdrr", ("intrinsic", "extrinsic"), of_deepdrr_projection),
    Reader("source and detector panel", "panel", ("source_mm", "detector_centre_mm"), of_panel),
)  # fmt: skip
"""Asked in this order."""


def read_geometry_file(
    path: Path | str,
    shape: tuple[int, int] | None = None,
    *,
    coordinate_system: str | None = None,
    pixel_spacing_mm: tuple[float, float] | None = None,
    source_to_detector_mm: float | None = None,
    mirrored_ok: bool = False,
) -> GeometryFile:
    """The cameras of a geometry file of any known kind.

    Args:
        shape: (height, width) of the picture or pictures.
        coordinate_system: "RAS" or "LPS", of files that do not say it.
        pixel_spacing_mm: (between rows, between columns) at the detector, of files that do not say it.
        source_to_detector_mm: focal distance, of files that do not say it.
        mirrored_ok: whether the caller turns over the pictures of ``GeometryFile.mirrored``; else they are refused.

    Raises:
        InputError: unreadable, of no known kind, incomplete, no camera, another picture's, or mirrored and not so said.
    """
    path = Path(path)
    said = Said(shape, coordinate_system, pixel_spacing_mm, source_to_detector_mm)
    found = _read(path, said)
    if found.mirrored and not mirrored_ok:
        raise InputError(path, "", f"a mirrored picture ({found.kind}, view {min(found.mirrored)})", NOT_MIRRORED)
    return found


def _read(path: Path, said: Said) -> GeometryFile:
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return finished("RTK geometry", said, of_rtk(path, said))
    if suffix in (".h5", ".hdf5"):
        return _of_views(fields_of_hdf5(path), Field(path, "", {}), said)
    if suffix == ".json":
        return _of_json(_load(path), said)
    return finished("projection matrices", said, *matrices.of_file(path))


def _of_json(root: Field, said: Said) -> GeometryFile:
    try:
        check_magnitudes(root)
    except RecursionError:
        root.fail("a geometry", "arrays nested too deeply")
    geometry = root.optional("geometry") or root
    if geometry.optional("c_arm") is not None:
        return _of_case(geometry, said)
    if root.optional("Vectors") is not None:
        return finished("ASTRA cone_vec", said, of_astra(root))
    geometry = _spelled_out(_unbatched(geometry))
    return _of_views(view_fields(geometry), geometry, said)


def _of_views(items: Mapping[str, Field], root: Field, said: Said) -> GeometryFile:
    """Views of one program; without any that is known, matrices."""
    readers = [reader for reader in READERS if all(_has(item, reader.fields) for item in items.values())]
    named = root.optional("program")
    if named is not None:
        program = named.text(tuple(dict.fromkeys(reader.program for reader in READERS)))
        readers = [reader for reader in readers if reader.program == program]
    programs = {reader.program for reader in readers if reader.fields == readers[0].fields}
    if len(programs) > 1:
        names = " or ".join(f'"{program}"' for program in sorted(programs))
        root.fail(f'"program": {names}, whose parameters have the same names', "a file that does not say whose it is")
    if not readers:
        if named is not None or not any(_is_matrix(item) for item in items.values()):
            root.fail("projection_matrix, intrinsics and extrinsics, or the parameters of a known program", "neither")
        return finished("projection matrices", said, *matrices.of_json(root))
    reader = readers[0]
    notes = tuple(dict.fromkeys(note for item in items.values() if (note := reader.note(item))))
    return finished(reader.kind, said, {name: reader.read(item) for name, item in items.items()}, notes)


def _of_case(geometry: Field, said: Said) -> GeometryFile:
    """What a case's "geometry" holds (contract.md)."""
    if said.shape is None:
        geometry.fail("the size of the picture beside a c_arm", "none")
    camera = read_camera(geometry, said.shape, turns_over=True)
    return GeometryFile("C-arm angles", {"0": camera}, frozenset({"0"} if is_flipped(geometry) else ()))


def _load(path: Path) -> Field:
    """A JSON file; an array of matrices on its own is taken for ``views``."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        is_array = text.lstrip().startswith("[")
    except (OSError, UnicodeDecodeError):
        return load_json(path)  # says what is wrong
    if not is_array:
        return load_json(path)
    field = parse_json(f'{{"views": {text}}}', path)
    rows = field.value["views"]
    if rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], list):
        return replace(field, value={"views": [{"projection_matrix": matrix} for matrix in rows]})
    return replace(field, value={"projection_matrix": rows}) if rows and isinstance(rows[0], list) else field


def _unbatched(root: Field) -> Field:
    """A file whose ``rotations`` and ``translations`` are batches, as the programs' tensors are, view by view."""
    rotations, translations = root.optional("rotations"), root.optional("translations")
    if rotations is None or translations is None:
        return root
    pairs = list(zip(rotations.items(), translations.items(), strict=False))
    if len(rotations.value) != len(translations.value):
        translations.fail(f"{len(rotations.value)} of them, as rotations", f"{len(translations.value)} translations")
    views = [{"rotation": rotation.value, "translation": translation.value} for rotation, translation in pairs]
    return replace(root, value={**root.members(), "views": views})


OF_ONE = ("projection_matrix", "world_to_camera", "camera_to_world", "intrinsics", "extrinsics", "extrinsic")
"""Matrices that are a field of one view, not a view's name."""

BESIDE = ("coordinate_system", "pixel_spacing_mm", "source_to_detector_mm", "height", "width")
"""What may stand beside matrices."""


def _spelled_out(root: Field) -> Field:
    """A file of bare matrices by name ({"AP": [[...], ...], "LAT": ...}), with each of them as a view's."""
    rest = {name: value for name, value in root.members().items() if name not in BESIDE}
    if not rest or not all(_is_rows(value) and name not in OF_ONE for name, value in rest.items()):
        return root
    views = {name: {"projection_matrix": value} for name, value in rest.items()}
    beside = {name: value for name, value in root.members().items() if name in BESIDE}
    return replace(root, value={**beside, "views": views})


def _is_rows(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and all(isinstance(row, list) and len(row) == 4 for row in value)
    )


def _has(item: Field, fields: tuple[str, ...]) -> bool:
    return isinstance(item.value, dict) and all(name in item.value for name in fields)


def _is_matrix(item: Field) -> bool:
    return _has(item, ("projection_matrix",)) or _has(item, ("intrinsics",))


def _xreg_note(item: Field) -> str:
    notes = (XREG_WORLD if item.optional("coordinate_system") is None else "",
             XREG_FRAME if item.optional("cam-coord-frame-type") is None else "")  # fmt: skip
    return " ".join(note for note in notes if note)
