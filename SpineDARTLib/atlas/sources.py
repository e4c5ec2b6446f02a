"""Which files of a folder the atlas learns from, and whose they are.

A ``manifest.csv`` says it (``manifest``); without one the names do:

- VerSe (Sekuboyina 2021): ``derivatives/sub-verse005/sub-verse005_seg-vert_msk.nii.gz``, with ``_dir-`` or ``_split-``
  for further scans of the same person ("verse005").
- CTSpine1K (Deng 2021): ``completed_annotations/liver/liver_7_seg.nii.gz``, person "liver_7".
- any other label volume (NIfTI, NRRD, MHA) with VerSe's numbers; person: X of "sub-X" in the name, else the name.
- meshes (STL, PLY, OBJ, VTK) named ``L1_someone.stl``, or ``L1.stl`` in a folder named after the person.

CTs are passed over: what is named ``_ct``, what lies in a folder ``rawdata``, and ``X.nii.gz`` where there is an
``X_seg.nii.gz``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..io.mesh import READERS
from ..resources import resource_folder
from ..types import LEVELS
from .manifest import VOLUMES, Source, read_manifest

__all__ = ["Source", "by_person", "find_sources", "scans_of_one_person", "shipped_manifest"]

log = logging.getLogger(__name__)

MANIFEST = "manifest.csv"
CT_FOLDER = "rawdata"
CT_ENDING = "_ct"
SEGMENTATION = "_seg"
SUBJECT = re.compile(r"(?:^|[^a-z0-9])sub-([A-Za-z0-9]+)")
KIND = re.compile(r"_seg-([a-z]+)(?:_|$)", re.IGNORECASE)
"""In names of VerSe and its kin: what a segmentation shows ("vert": one number a vertebra)."""
MESH = re.compile(r"([A-Za-z]+\d+)(?:_(.+))?")


def find_sources(folder: Path, manifest: Path | None = None) -> tuple[Source, ...]:
    """The sources in a folder, in a fixed order: the manifest's, or that of the files' names.

    Args:
        folder: the data.
        manifest: a table of its files (see ``manifest``); when absent the folder's own ``manifest.csv`` where there is
            one, else the files' names.

    Raises:
        InputError: no such folder, nothing in it, fewer than two people, two people with one name (as far as names
            tell; ``surfaces.read_person`` sees the rest), or a manifest that is wrong.
    """
    if not folder.is_dir():
        raise InputError(folder, "", "no such folder", "a folder with label volumes or meshes")
    if manifest is None and (folder / MANIFEST).is_file():
        manifest = folder / MANIFEST
    sources = _by_names(folder) if manifest is None else read_manifest(manifest, folder)
    where = folder if manifest is None else manifest
    if not sources:
        raise InputError(
            where, "", "no source", "label volumes (.nii.gz, .nrrd, .mha) or meshes named L1_someone.stl, or a manifest"
        )
    _check_people(where, sources, by_name=manifest is None)
    return sources


def shipped_manifest() -> Path:
    """The manifest of the shipped atlas: what it was built from, and the pattern for one's own."""
    return resource_folder("atlas") / MANIFEST


def by_person(sources: Sequence[Source]) -> Mapping[str, tuple[Source, ...]]:
    """Each person's sources, people and files in the given order."""
    people: dict[str, tuple[Source, ...]] = {}
    for source in sources:
        people[source.subject] = (*people.get(source.subject, ()), source)
    return people


def scans_of_one_person(one: Source, other: Source) -> bool:
    """Whether the names say that two volumes are scans of one person: VerSe's ``sub-X_split-...`` in one folder."""
    start = f"sub-{one.subject}_"
    return one.path.parent == other.path.parent and all(s.path.name.startswith(start) for s in (one, other))


def _check_people(where: Path, sources: Sequence[Source], by_name: bool) -> None:
    people = by_person(sources)
    for subject, files in people.items():
        for index, source in enumerate(files):
            for other in files[:index]:
                if _clash(source, other, by_name):
                    raise InputError(
                        source.path,
                        f'subject "{subject}", level {source.level or "any"}',
                        f"already in {other.file}",
                        "one file for each person's level (give other people other names, in a manifest.csv)",
                    )
    if len(people) < 2:
        raise InputError(where, "subjects", f'"{next(iter(people))}" only', "at least two people: one does not vary")


def _clash(one: Source, other: Source, by_name: bool) -> bool:
    """Whether a person has a level twice. A manifest may list several volumes of a person; two that only bear the same
    name are two people's, unless VerSe's names say otherwise."""
    if one.level or other.level:
        return one.level == other.level
    return not scans_of_one_person(one, other) if by_name else one.path == other.path


def _by_names(folder: Path) -> tuple[Source, ...]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path.relative_to(folder))]
    stems = {_stem(path).lower() for path in files}
    sources = []
    for path in files:
        name = path.name.lower()
        if name.endswith(VOLUMES) and not _is_ct(path, folder, stems):
            sources.append(Source(path, path.relative_to(folder).as_posix(), _person(path)))
        elif name.endswith(tuple(READERS)) and (found := _mesh_name(path)):
            sources.append(Source(path, path.relative_to(folder).as_posix(), found[1], found[0]))
    return tuple(sources)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _stem(path: Path) -> str:
    """The name without its kind; there may be further dots in it."""
    name = path.name
    for ending in sorted((*VOLUMES, *READERS), key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def _is_ct(path: Path, folder: Path, stems: set[str]) -> bool:
    """Whether a volume is an image, or a segmentation of something other than vertebrae."""
    stem = _stem(path).lower()
    kind = KIND.search(stem)
    inside = {part.lower() for part in path.relative_to(folder).parts[:-1]}
    labels = stem.endswith(SEGMENTATION) or kind is not None
    return bool(
        stem.endswith(CT_ENDING)
        or stem + SEGMENTATION in stems
        or (CT_FOLDER in inside and not labels)
        or (kind and kind[1].lower() != "vert")
    )


def _person(path: Path) -> str:
    stem = _stem(path)
    found = SUBJECT.search(stem)
    return found[1] if found else (stem[: -len(SEGMENTATION)] if stem.lower().endswith(SEGMENTATION) else stem)


def _mesh_name(path: Path) -> tuple[str, str] | None:
    """Level and person of a mesh's name; None, with a line in the log, where it does not say a level."""
    found = MESH.fullmatch(_stem(path))
    level = found[1].upper() if found else ""
    if found is None or level not in LEVELS:
        log.warning("%s: left out, its name does not start with a level from %s to %s", path, LEVELS[0], LEVELS[-1])
        return None
    return level, (found[2] or path.resolve().parent.name).removeprefix("sub-")
