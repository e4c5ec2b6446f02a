"""Methods of others: a folder of what they made, or a function that makes it."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.mesh import READERS, Mesh, outward, read_mesh
from ..io.plan import FILE_NAME, read_plan
from ..types import LEVELS, FittedVertebra, Plan, Status
from .nouns import Outcome

UNKNOWN = "nobody here knows whether it has learned from these people."


@dataclass(frozen=True)
class Meshes:
    """A folder with a folder a case: meshes named by their level (``L3.stl``), RAS mm, or a plan folder of ours.

    Attributes:
        stamp: a short word that differs where any file does, so that results of other files are not used again.
    """

    name: str
    folder: Path
    stamp: str
    surfaces: bool = True
    accelerated: bool = False

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        theirs = self.folder / case.name
        if (theirs / FILE_NAME).is_file():
            return Outcome(read_plan(theirs).plans, note=UNKNOWN)
        return Outcome(tuple(_plan(path.stem, read_mesh(path)) for path in _meshes(theirs)), note=UNKNOWN)


@dataclass(frozen=True)
class Outside:
    """A function ``f(case: Path, without: tuple[str, ...])`` of an installed module.

    It gets a case's folder, and the people that it must not have learned from; it gives an ``Outcome``, or only level
    to mesh: ``{"L3": (vertices, faces)}``, (n, 3) RAS mm and (f, 3).
    """

    name: str
    target: str
    surfaces: bool = True
    accelerated: bool = True

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        given = _function(self.target)(case, without)
        if isinstance(given, Outcome):
            return given
        if not isinstance(given, Mapping):
            raise TypeError(f"got {type(given).__name__} of {self.target}; expected an Outcome, or level to mesh")
        return Outcome(tuple(_plan(level, mesh) for level, mesh in given.items()))


def is_outside(text: str) -> bool:
    """Whether this is meant to name one: NAME=FOLDER or NAME=MODULE:FUNCTION."""
    return "=" in text


def outside_method(text: str) -> Meshes | Outside:
    """The method that NAME=FOLDER or NAME=MODULE:FUNCTION means.

    Raises:
        InputError: a name that is none, no such folder or nothing in it, no such function.
    """
    name, _, where = text.partition("=")
    if not name or name != Path(name).name or name.startswith("."):
        raise InputError("--methods", "", text, "a name that can be a folder's, then = and where it is")
    folder = Path(where)
    if folder.is_dir():
        stamp = _stamp(folder)
        if not stamp:
            raise InputError("--methods", "", text, "a folder a case, with meshes (L3.stl) or a plan.json in it")
        return Meshes(name, folder.resolve(), stamp)
    try:
        if not callable(_function(where)):
            raise TypeError("it cannot be called")
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        expected = f"a folder, or MODULE:FUNCTION of a module that can be imported ({error})"
        raise InputError("--methods", "", text, expected) from None
    return Outside(name, where)


def _function(target: str) -> Any:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise ValueError("no such folder")
    return getattr(importlib.import_module(module), attribute)


def _plan(level: str, mesh: Mesh) -> Plan:
    vertices, faces = mesh
    fitted = FittedVertebra(level, Status.CONVERGED, "")
    return Plan(fitted, vertices, outward(vertices, faces))


def _meshes(folder: Path) -> Iterator[Path]:
    """One file a level, head to foot."""
    for level in LEVELS:
        found = [path for suffix in READERS if (path := folder / f"{level}{suffix}").is_file()]
        yield from found[:1]


def _stamp(folder: Path) -> str:
    """A hash over names, sizes and times of all that may be used; "" where there is nothing."""
    files = [path for path in sorted(folder.glob("*/*")) if path.stem in LEVELS or path.name == FILE_NAME]
    told = [f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12] if told else ""
