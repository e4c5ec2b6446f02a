"""Which pictures the named files and folders hold, and what each is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import InputError
from ..types import Seed, View
from .case import FILE_NAME, read_case
from .fields import load_json
from .image import is_dicom

MOST_FILES = 32
"""Of one folder: more is somebody's archive, not the pictures of one procedure."""

HINTS = (("AP", ("ap", "pa", "frontal")), ("LAT", ("lat", "lateral", "ll")))
"""Names of views, and names of files that say so."""


@dataclass(frozen=True)
class Source:
    """One picture that was named.

    Attributes:
        name: of the view; "" where nothing has named it yet.
        from_folder: whether only its folder was named: then it may be refused without stopping the rest.
        view: of a case folder, which knows the camera.
        mirrored: of a case folder: its file is mirrored against what the source sees.
        frame: which picture of the file the case takes.
        words: of a case folder: where it says each value comes from.
    """

    file: Path
    name: str = ""
    from_folder: bool = False
    view: View | None = None
    mirrored: bool = False
    frame: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[Seed, ...] = ()


def find_sources(files: Sequence[Path], names: Sequence[str] = ()) -> tuple[Source, ...]:
    """The pictures of files, case folders and folders of DICOM, in their order, each with a name of its own.

    Args:
        names: in the order of the pictures; the rest keep a case's name, or get AP and LAT where the file's name says
            so, else A, B, C: a file's name may be a patient's.

    Raises:
        InputError: nothing there, a folder without pictures, more names than pictures, or a name twice.
    """
    sources = [source for path in files for source in _of_path(Path(path))]
    if len(names) > len(sources):
        raise InputError("--name", "", ", ".join(names), f"at most {len(sources)} names, one a picture")
    sources = [replace(source, name=name) for source, name in zip(sources, names, strict=False)] + sources[len(names) :]
    taken = [source.name for source in sources if source.name]
    for name in taken:
        if taken.count(name) > 1:
            raise InputError("--name", "", f"{name} for two pictures", "a name for each picture")
    named = []
    for source in sources:
        name = source.name or _free_name(source.file.stem, taken)
        taken.append(name)
        named.append(replace(source, name=name))
    return tuple(named)


def _of_path(path: Path) -> Iterator[Source]:
    if path.name == FILE_NAME or (path / FILE_NAME).exists():
        yield from _of_case(path if path.name == FILE_NAME else path / FILE_NAME)
    elif path.is_dir():
        found = [file for file in sorted(path.iterdir()) if file.is_file() and _looks_like_dicom(file)]
        if not 0 < len(found) <= MOST_FILES:
            expected = f"a case folder, or one with 1 to {MOST_FILES} DICOM files in it"
            raise InputError(path, "", f"a folder with {len(found)} DICOM files", expected)
        yield from (Source(file, from_folder=True) for file in found)
    else:
        yield Source(path)


def _looks_like_dicom(file: Path) -> bool:
    """Files of no known kind may stand beside pictures."""
    try:
        return is_dicom(file)
    except InputError:
        return False


def _of_case(file: Path) -> Iterator[Source]:
    case = read_case(file)
    for index, (entry, view) in enumerate(zip(load_json(file).child("views").items(), case.views, strict=True)):
        geometry, frame = entry.child("geometry"), entry.optional("frame")
        said, c_arm = geometry.optional("sources"), geometry.optional("c_arm")
        flip = c_arm.optional("image_flip_horizontal") if c_arm else None
        yield Source(
            file.parent / entry.child("image").text(),
            view.name,
            False,
            view,
            bool(flip and flip.value),
            frame and frame.index(),
            {key: text.text() for key, text in said.named().items()} if said else {},
            case.seeds if index == 0 else (),
        )


def _free_name(stem: str, taken: Sequence[str]) -> str:
    for name, hints in HINTS:
        if stem.lower() in hints and name not in taken:
            return name
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    every = (*letters, *(first + second for first in letters for second in letters))
    return next(name for name in every if name not in taken)
