"""The published protocols on one scan: every vertebra of it in near AP and lateral views, and in any two directions.

The paper calls them ``_ort`` and ``_random`` (Inigo et al., arXiv 2512.05803); the views are drawn as the simulator
draws "ap-lat" and "random-pair". One machine sees a few vertebrae well, so a scan becomes several cases, each aimed at
a stretch of the spine; all of it hangs on the seed and the scan alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..atlas.label_volumes import read_labels
from ..errors import InputError
from ..io.fields import load_json
from ..io.files import write_atomically
from ..types import LEVELS
from .batch import Made, case_made_by, make_case
from .patient.ct_files import CtPair, LoneMask
from .settings import SimulationSettings
from .supply import Supply

PROTOCOLS = {"ort": "ap-lat", "random": "random-pair"}
"""The paper's name to the simulator's kind of views."""

STRETCH = 3
"""Levels of which a case is aimed at one: a field of 15 cm at the spine shows three to five whole ones."""


def make_protocol_cases(out: Path, source: CtPair | LoneMask, settings: SimulationSettings) -> tuple[Made, ...]:
    """Write all cases of a scan below ``out``; whole ones of these settings stay. One that cannot be made says why.

    A case names a vertebra if it is whole in all its pictures, so neighbouring cases may share some.
    """
    try:
        stretches = _stretches(_levels(out, source))
    except InputError as error:
        return (Made(source.mask, problem=str(error)),)
    except Exception as error:  # a scan that breaks the reader is one line of the report
        return (Made(source.mask, problem=f"{source.mask.name}: {type(error).__name__}: {error}"),)
    return tuple(_make(out, source, settings, stretch, name) for stretch in stretches for name in PROTOCOLS)


def _make(
    out: Path, source: CtPair | LoneMask, settings: SimulationSettings, stretch: Sequence[str], protocol: str
) -> Made:
    kind = PROTOCOLS[protocol]
    supply = Supply(settings, levels=tuple(stretch), source=source)
    path = out / f"{_short(source)}-{'-'.join(dict.fromkeys((stretch[0], stretch[-1])))}_{protocol}"
    made_by = f"{supply.fingerprint} {kind}"
    if case_made_by(path) == made_by:
        return Made(path)
    try:
        # The number is only a seed here: each stretch and protocol of a person has one of its own.
        number = LEVELS.index(stretch[0]) * len(PROTOCOLS) + list(PROTOCOLS).index(protocol)
        return make_case(path, supply, number, kind, made_by)
    except Exception as error:
        return Made(path, problem=f"{path.name}: {type(error).__name__}: {error}")


def _short(source: CtPair | LoneMask) -> str:
    """The mask's name without its endings: two scans of one person are two."""
    return re.sub(r"(_seg-vert_msk|_seg)?\.(nii\.gz|nii|nrrd|mha)$", "", source.mask.name, flags=re.IGNORECASE)


def _levels(out: Path, source: CtPair | LoneMask) -> tuple[str, ...]:
    """The levels in a mask; looked up from an earlier run, as large masks take seconds to read."""
    file = out / f"{_short(source)}.levels.json"
    stamp = f"{source.mask.stat().st_size} {source.mask.stat().st_mtime_ns}"
    try:
        known = load_json(file)
        if known.child("stamp").text() == stamp:
            return tuple(one.text(LEVELS) for one in known.child("levels").items())
    except InputError:
        pass
    boxes = read_labels(source.mask).boxes
    found = tuple(level for level in LEVELS if level in boxes)
    words = ", ".join(f'"{level}"' for level in found)
    write_atomically(file, f'{{"stamp": "{stamp}", "levels": [{words}]}}\n'.encode())
    return found


def _stretches(levels: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Neighbours, at most ``STRETCH`` together; a gap in the spine starts a new one."""
    current: list[str] = []
    for level in levels:
        if current and (len(current) == STRETCH or LEVELS.index(level) != LEVELS.index(current[-1]) + 1):
            yield tuple(current)
            current = []
        current.append(level)
    if current:
        yield tuple(current)
