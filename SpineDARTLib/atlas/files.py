"""The atlas on disk: one ``.npz`` and one ``.json`` a region; corresponding shapes, from which a model is learned.

``<region>.json`` says what is in it, of whom, from where and under which licence; ``<region>.npz`` holds the template,
every shape (int16, a fixed fraction of a millimetre) and the annotations. Leaving a person out is a new learning.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.files import write_atomically
from ..resources import resource_folder
from ..types import LEVELS
from .annotate import Annotations
from .learn import Frame, Samples, learn
from .mesh import Template
from .model import Anchor, ShapeModel
from .prior import Population

FORMAT = "spinedart-atlas/1"
QUANTUM_MM = 1 / 200
"""int16 at 5 micrometres reaches 163 mm either way."""
RANK = 25
"""Modes of a model: as many as hold 95 % of the variance in every region."""


@dataclass(frozen=True)
class Region:
    """One region's file in memory: everything that a model of it can be learned from.

    Attributes:
        header: the JSON, see ``write_region``.
    """

    name: str
    levels: tuple[str, ...]
    template: Template
    samples: Samples
    annotations: Annotations
    header: Mapping[str, object]


def load_model(
    region_or_level: str, without: Sequence[str] = (), directory: Path | None = None, rank: int = RANK
) -> ShapeModel:
    """The shape model of a region ("L1-L5") or of the region that a level ("L3") belongs to.

    Args:
        without: people that must not have taught it ("verse005"; "sub-verse005" is the same person).
        directory: folder of the atlas; the shipped one when absent.
        rank: how many modes at most.

    Raises:
        InputError: no such region or level, an unreadable file, or nobody left to learn a level from.
    """
    directory = resource_folder("atlas") if directory is None else Path(directory)
    header = _find(region_or_level, directory)
    return _learned(header, header.stat().st_mtime_ns, tuple(without), rank)


@lru_cache(maxsize=8)
def _learned(header: Path, changed: int, without: tuple[str, ...], rank: int) -> ShapeModel:
    """The same, learned once for each state of the files: that takes a second, and a worker plans case after case."""
    return model_of(read_region(header), without, rank)


def model_of(region: Region, without: Sequence[str] = (), rank: int = RANK) -> ShapeModel:
    """Learn a region's model from all its people but some."""
    left_out = tuple(sorted({subject.removeprefix("sub-") for subject in without}))
    samples = region.samples.without(left_out)
    notes, template = region.annotations, region.template
    frame = Frame(
        notes.regions["superior_endplate"], notes.regions["inferior_endplate"], template.faces, template.partner
    )
    population = Population(template.faces, notes.regions, notes.landmarks)
    try:
        learned = learn(samples, region.levels, LEVELS, frame, template.vertices, rank, population)
    except ValueError as error:
        raise InputError(region.name, "without", ", ".join(left_out), str(error)) from error
    return ShapeModel(
        region=region.name,
        levels=region.levels,
        means=learned.means,
        modes=learned.modes.vectors,
        deviations=learned.modes.deviations,
        log_scale_deviation=learned.log_scale_deviation,
        faces=template.faces,
        landmarks=notes.landmarks,
        cannulas=notes.cannulas,
        regions=notes.regions,
        subjects=tuple(sorted(set(samples.subjects))),
        header={**region.header, "without": list(left_out), "shares": dict(learned.modes.shares)},
        backup_landmarks=notes.backup_landmarks,
        partner=template.partner,
        paths=notes.paths,
        morphs=learned.modes.morphs,
        total_variance=learned.modes.total_variance,
    )


def available_levels(directory: Path | None = None) -> tuple[str, ...]:
    """The levels that the atlas has a model for, head to foot."""
    found = {level for levels in available_regions(directory).values() for level in levels}
    return tuple(level for level in LEVELS if level in found)


def available_regions(directory: Path | None = None) -> dict[str, tuple[str, ...]]:
    """The regions of the atlas, each with its levels, head to foot."""
    directory = resource_folder("atlas") if directory is None else Path(directory)
    headers = [_read_header(path) for path in sorted(directory.glob("*.json"))]
    return {str(header["region"]): tuple(header["levels"]) for header in headers}


def _find(region_or_level: str, directory: Path) -> Path:
    """The header of the region asked for."""
    headers = {path: _read_header(path) for path in sorted(directory.glob("*.json"))}
    for path, header in headers.items():
        if region_or_level == header["region"] or region_or_level in header["levels"]:
            return path
    known = ", ".join(str(header["region"]) for header in headers.values()) or "none in this folder"
    raise InputError(directory, "region or level", region_or_level, f"a level of the regions we have ({known})")


def _read_header(path: Path) -> dict:
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "", error, "a readable JSON header of an atlas") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        got = header.get("format") if isinstance(header, dict) else type(header).__name__
        raise InputError(path, "format", got, f'"{FORMAT}"')
    for key, kind in (("region", str), ("levels", list), ("samples", list), ("anchors", dict), ("regions", list)):
        if not isinstance(header.get(key), kind):
            raise InputError(path, key, header.get(key), f"a {kind.__name__}")
    return header


def read_region(path: Path) -> Region:
    """A region from its JSON header and the ``.npz`` beside it.

    Raises:
        InputError: a file is missing, unreadable or does not fit the other.
    """
    header = _read_header(path)
    arrays_path = path.with_suffix(".npz")
    try:
        with arrays_path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _region_from(header, arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(
            arrays_path, "", f"{type(error).__name__} {error}", "the arrays that its header names"
        ) from error


def _region_from(header: dict, arrays: Mapping[str, np.ndarray]) -> Region:
    template = Template(arrays["template_vertices"].astype(np.float64), arrays["faces"], arrays["partner"])
    entries, count = header["samples"], len(template.vertices)
    shapes = arrays["shapes"].astype(np.float64) * float(header["quantum_mm"])
    if shapes.shape != (len(entries), count, 3) or template.faces.max() >= count:
        raise ValueError(f"shapes of {shapes.shape}, not ({len(entries)}, {count}, 3)")
    samples = Samples(
        shapes=shapes,
        known=np.unpackbits(arrays["known"], axis=1, count=count).astype(bool),
        subjects=tuple(str(entry["subject"]) for entry in entries),
        levels=tuple(str(entry["level"]) for entry in entries),
        counts=np.array([entry["people"] for entry in entries], dtype=np.float64),
        shares=np.array([entry["share"] for entry in entries], dtype=np.float64),
        genant=np.array([-1 if entry.get("genant") is None else entry["genant"] for entry in entries]),
    )

    def anchors(group: str) -> dict[str, Anchor]:
        names = header["anchors"][group]
        return {n: Anchor(arrays[f"{group}/{n}/indices"], arrays[f"{group}/{n}/weights"]) for n in names}

    cannulas = {side: anchors(f"cannula_{side}") for side in ("left", "right")}
    regions = {name: arrays[f"region/{name}"] for name in header["regions"]}
    paths = {name: tuple(anchors(f"path_{name}").values()) for name in header.get("paths", ())}
    notes = Annotations(anchors("landmark"), anchors("backup"), cannulas, regions, paths)
    return Region(header["region"], tuple(header["levels"]), template, samples, notes, header)


def write_region(region: Region, folder: Path) -> Path:
    """Write a region's two files, each complete or not at all; the header last, since readers start from it.

    ``region.header`` needs "samples" (a list of {"subject", "level", "people", "share", "genant", "source"}; genant may
    be null); format, levels, names of anchors and regions are added here.
    """
    samples, notes = region.samples, region.annotations
    groups = {"landmark": notes.landmarks, "backup": notes.backup_landmarks}
    groups |= {f"cannula_{side}": anchors for side, anchors in notes.cannulas.items()}
    for name, points in notes.paths.items():
        groups[f"path_{name}"] = {f"{place:02d}": anchor for place, anchor in enumerate(points)}
    arrays = {
        "template_vertices": region.template.vertices.astype(np.float32),
        "faces": region.template.faces.astype(np.int32),
        "partner": region.template.partner.astype(np.int32),
        "shapes": np.round(samples.shapes / QUANTUM_MM).astype(np.int16),
        "known": np.packbits(samples.known, axis=1),
    }
    for group, anchors in groups.items():
        for name, anchor in anchors.items():
            arrays[f"{group}/{name}/indices"] = anchor.indices.astype(np.int32)
            arrays[f"{group}/{name}/weights"] = anchor.weights.astype(np.float64)
    arrays |= {f"region/{name}": indices.astype(np.int32) for name, indices in notes.regions.items()}
    header = {
        "format": FORMAT,
        "region": region.name,
        "levels": list(region.levels),
        **region.header,
        "quantum_mm": QUANTUM_MM,
        "anchors": {group: list(anchors) for group, anchors in groups.items()},
        "paths": list(notes.paths),
        "regions": list(notes.regions),
    }
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_atomically(folder / f"{region.name}.npz", packed.getvalue())
    text = json.dumps(header, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{region.name}.json", text.encode("utf-8"))
    return folder / f"{region.name}.json"
