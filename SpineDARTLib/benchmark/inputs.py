"""What a benchmark runs on: a folder of cases with truth, or of CT scans, of which cases are made first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..io.case import FILE_NAME
from ..simulate.imaging.view_settings import ViewSettings
from ..simulate.patient.ct_files import CtPair, LoneMask, find_ct_pairs, find_masks
from ..simulate.protocols import make_protocol_cases
from ..simulate.settings import SimulationSettings
from .work import Lost, Task, Workplace

SIMULATED = "simulated"
"""Folder of the cases that are made, below the results."""


@dataclass(frozen=True)
class Scans:
    """CT scans of which cases are to be made, and how."""

    sources: tuple[CtPair | LoneMask, ...]
    settings: SimulationSettings


def find_cases(folder: Path) -> tuple[Path, ...]:
    """The case folders below a folder that have a truth, by name.

    Raises:
        InputError: there is none.
    """
    cases = _cases(folder)
    if not cases:
        raise InputError(folder, "", "no case with a truth folder", "folders with case.json and truth/truth.json")
    return cases


def _cases(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path.parent for path in folder.glob(f"*/{FILE_NAME}") if (path.parent / "truth").is_dir()))


def find_inputs(folder: Path, masks_too: bool, size_px: int, seed: int) -> tuple[Path, ...] | Scans:
    """The cases of a folder, or the scans where it has none.

    Args:
        masks_too: whether people of whom there is only a mask count, too.

    Raises:
        InputError: neither cases nor scans.
    """
    cases = _cases(folder)
    if cases:
        return cases
    try:
        sources = find_masks(folder) if masks_too else find_ct_pairs(folder)
    except InputError as error:
        expected = f"cases (case.json with truth/), or scans: {error.expected}"
        raise InputError(folder, "", f"no case with a truth folder, {error.value}", expected) from None
    return Scans(tuple(sources), SimulationSettings(seed=seed, views=ViewSettings(size_px=size_px)))


def simulated(scans: Scans, out: Path, place: Workplace) -> Iterator[tuple[tuple[Path, ...], tuple[str, ...]]]:
    """The cases of one scan after the other, and why others could not be made; what is there already stays."""
    folder = out / SIMULATED
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [Task(make_protocol_cases, (folder, source, scans.settings)) for source in scans.sources]
    for index, made in place.do(tasks):
        if isinstance(made, Lost):
            yield (), (f"{scans.sources[index].mask.name}: {made.reason}",)
        else:
            problems = tuple(one.problem for one in made if one.problem)
            yield tuple(one.path for one in made if not one.problem), problems
