"""Case folders with truth as samples: to validate on pictures that this project's simulator did not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..geometry.camera import project_with_depth
from ..io.case import read_case
from ..io.truth import read_truth
from ..simulate.case import LABELS_NAME, read_labels
from ..simulate.imaging.silhouettes import silhouette
from ..simulate.nouns import OUTSIDE, Crop, Label
from ..types import Case, View
from .samples import Sample, read_pack, sample_from, write_pack

IN_ONE_PACK = 64


def write_packs(folder: Path, samples: Sequence[Sample], size_px: int) -> int:
    """Samples as packs in a folder, to be taken to another machine; returns how many files.

    Raises:
        InputError: the folder cannot be written.
    """
    parts = [samples[start : start + IN_ONE_PACK] for start in range(0, len(samples), IN_ONE_PACK)]
    for number, part in enumerate(parts):
        write_pack(folder / f"pack-{number:06d}-{size_px}.npz", part)
    return len(parts)


def case_samples(folder: Path, size_px: int) -> Iterator[Sample]:
    """The pictures of all cases with truth in a folder.

    Of vertebrae whose mesh alone is known there are box, silhouette and the click as the body's centre; their landmarks
    count as not seen, and their projection is empty.

    A folder of packs (``write_packs``) will do, too: a machine that trains may lack what reads meshes.

    Raises:
        InputError: a case that cannot be read.
    """
    for pack in sorted(folder.glob(f"pack-*-{size_px}.npz")):
        yield from read_pack(pack)
    for file in sorted(folder.glob("*/case.json")):
        if (file.parent / "truth").is_dir():
            yield from _of_case(file.parent, size_px)


def _of_case(folder: Path, size_px: int) -> Iterator[Sample]:
    case, truth = read_case(folder), read_truth(folder)
    centre = np.mean([vertices.mean(0) for vertices, _ in truth.surfaces.values()], axis=0)
    labels = read_labels(folder) if (folder / "truth" / LABELS_NAME).is_file() else None
    for view in case.views:
        depth = float(project_with_depth(centre[None], view)[1][0])
        own = labels[view.name] if labels is not None else _outlined(case, view, truth.surfaces)
        yield sample_from(view, own, truth.subject, size_px, view.source_to_detector_mm / depth)


def _outlined(case: Case, view: View, surfaces: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> tuple[Label, ...]:
    """Labels from meshes."""
    clicks = {seed.level: seed.clicks_px.get(view.name) for seed in case.seeds}
    found = []
    for level, (vertices, faces) in surfaces.items():
        outline = silhouette(vertices, faces, view)
        place = clicks.get(level)
        if outline.mask.values.size == 0 or place is None:
            continue
        mask = outline.mask
        empty = Crop(mask.row, mask.column, np.zeros(mask.values.shape, dtype=np.float32))
        share = float(mask.values.sum()) / max(outline.area_px, 1)
        points = np.repeat(np.array([place], dtype=np.float64), 10, axis=0)
        unseen = np.full(10, OUTSIDE, dtype=np.int8)
        found.append(Label(level, outline.box_px, mask, empty, points, unseen, {}, share))
    return tuple(found)
