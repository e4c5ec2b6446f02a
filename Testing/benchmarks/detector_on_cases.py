"""What a detector finds in cases with truth, and what it says of pictures that show no spine.

    python -m Testing.benchmarks.detector_on_cases WEIGHTS CASES --out FOLDER [--strange DICOM-FOLDER]

By kind of views, part of the spine and whether the network has learned from the person: share of the vertebrae wholly
in the picture that are found, false ones a picture, levels, overlap of silhouettes, error of landmarks in mm at the
spine (in one picture, and triangulated from two), whether covariances keep what they say; seconds a picture. Then what
it says of strange pictures. Writes ``detections.json``, ``detections.md`` and ``landmarks.png`` (error against
confidence and share kept; the paper's figure 5).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tyro.conf import Positional

from SpineDARTLib.detect.find import LANDMARK_NAMES, detect
from SpineDARTLib.detect.nouns import Detection
from SpineDARTLib.detect.weights import load_detector
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.types import LEVELS, View
from Testing.benchmarks.case_truth import Shown, TrueCase, true_cases
from Testing.benchmarks.detector_plots import draw, strange_lines, table
from Testing.benchmarks.strange_pictures import strange_findings

SCORE = 0.3
"""A vertebra counts as found above this score, as in the training's own validation."""

NEAR = 0.3
"""Of the box's mean side: so near must its centre be, as there."""

WHOLE, PARTLY = 0.98, 0.5
"""Share of a vertebra in the picture."""

MASK = 0.5
"""Probability from which a pixel is of the silhouette."""


def pairs_of(found: Sequence[Detection], shown: Mapping[str, Shown]) -> dict[int, str]:
    """Detection to true level: nearest first, each once."""
    near = sorted(
        (
            float(np.linalg.norm(one.centre_px - true.body_px)) / float(np.mean(true.box_px[2:] - true.box_px[:2])),
            i,
            level,
        )
        for i, one in enumerate(found)
        for level, true in shown.items()
    )
    pairs: dict[int, str] = {}
    for apart, index, level in near:
        if apart < NEAR and index not in pairs and level not in pairs.values():
            pairs[index] = level
    return pairs


def beyond(one: Detection, shown: Mapping[str, Shown], view: View) -> bool:
    """Whether a detection lies where the truth ends and the spine may go on: past the last known vertebra."""
    ordered = [shown[level].body_px for level in sorted(shown, key=LEVELS.index)]
    if len(ordered) < 2:
        return True
    for end, inner in ((ordered[0], ordered[1]), (ordered[-1], ordered[-2])):
        step = end - inner
        if (one.centre_px - end) @ step > 0.4 * step @ step:
            return True
    return False


def overlap(one: Detection, true: Shown, view: View) -> float:
    """Intersection over union of silhouettes in the picture."""
    if one.mask is None:
        return float("nan")
    said, truth = np.zeros(view.image.shape, dtype=bool), np.zeros(view.image.shape, dtype=bool)
    for canvas, crop, values in (
        (said, one.mask, one.mask.values > MASK),
        (truth, true.outline.mask, true.outline.mask.values),
    ):
        row, column = int(crop.row), int(crop.column)
        canvas[row : row + values.shape[0], column : column + values.shape[1]] = values
    return float((said & truth).sum() / max((said | truth).sum(), 1))


def landmark_rows(one: Detection, true: Shown) -> list[dict[str, Any]]:
    """One a landmark that is to be seen: error and deviation in mm at the spine, squared distance in deviations."""
    rows = []
    for number, name in enumerate(LANDMARK_NAMES):
        mark = one.landmarks.get(name)
        if mark is None or not true.seen[number]:
            continue
        off, spread = mark.place_px - true.landmarks_px[number], mark.covariance_px2
        rows.append(
            {
                "name": name,
                "off_mm": float(np.linalg.norm(off)) * true.mm_per_px,
                "sigma_mm": float(np.sqrt(np.trace(spread) / 2)) * true.mm_per_px,
                "squared": float(off @ np.linalg.solve(spread, off)),
                "confidence": mark.confidence,
            }
        )
    return rows


def picture_rows(one: TrueCase, view: View, found: Sequence[Detection]) -> Iterator[dict[str, Any]]:
    """One row a vertebra that is at least half in the picture, then one of the picture itself."""
    shown = one.shown[view.name]
    sure = [each for each in found if each.score >= SCORE]
    pairs = pairs_of(sure, shown)
    index_of = {level: index for index, level in pairs.items()}
    common = {"case": one.name, "kind": one.kind, "subject": one.subject, "view": view.name}
    for level, true in shown.items():
        if true.share < PARTLY:
            continue
        row = {**common, "level": level, "share": true.share, "found": level in index_of}
        if level in index_of:
            each = sure[index_of[level]]
            off = float(np.linalg.norm(each.centre_px - true.body_px)) * true.mm_per_px
            row |= {
                "score": each.score,
                "said": LEVELS[int(np.argmax(each.level_probabilities))],
                "probability": float(each.level_probabilities[LEVELS.index(level)]),
                "iou": overlap(each, true, view),
                "centre_mm": off,
                "landmarks": landmark_rows(each, true),
            }
        yield row
    false = [i for i, each in enumerate(sure) if i not in pairs and not beyond(each, shown, view)]
    yield {**common, "picture": True, "false": len(false), "best": max((each.score for each in found), default=0.0)}


def spatial_rows(one: TrueCase, found: Mapping[str, Sequence[Detection]]) -> Iterator[dict[str, Any]]:
    """One row a landmark of a vertebra that several views show: error of the triangulated point."""
    views = {view.name: view for view in one.case.views}
    paired = {
        name: {level: found[name][index] for index, level in pairs_of(found[name], one.shown[name]).items()}
        for name in views
    }
    for first, second in combinations(views, 2):
        for level in [level for level in paired[first] if level in paired[second] and level in one.known]:
            seen = (paired[first][level], paired[second][level])
            if min(each.score for each in seen) < SCORE:
                continue
            for number, name in enumerate(LANDMARK_NAMES):
                marks = [each.landmarks[name] for each in seen]
                places = np.stack([mark.place_px for mark in marks])
                spreads = np.stack([mark.covariance_px2 for mark in marks])
                try:
                    point, spread, _ = triangulate(places, [views[first], views[second]], covariances_px2=spreads)
                except ValueError:
                    continue
                off = point - one.known[level].landmarks[number]
                yield {
                    "case": one.name,
                    "kind": one.kind,
                    "subject": one.subject,
                    "level": level,
                    "name": name,
                    "off_mm": float(np.linalg.norm(off)),
                    "squared": float(off @ np.linalg.solve(spread, off)),
                    "sigma_mm": float(np.sqrt(np.trace(spread) / 3)),
                    "confidence": min(mark.confidence for mark in marks),
                }


def measure(weights: Path, cases: Path, cache: Path) -> dict[str, Any]:
    """All rows of all cases, and seconds a picture."""
    detector = load_detector(weights)
    rows, spatial, seconds = [], [], []
    for one in true_cases(cases, cache):
        found = {}
        for view in one.case.views:
            begun = time.perf_counter()
            found |= detect([view], detector)
            seconds.append(time.perf_counter() - begun)
            rows += picture_rows(one, view, found[view.name])
        spatial += spatial_rows(one, found)
    learned = set(detector.card["subjects"])
    for row in rows + spatial:
        row["learned"] = row["subject"] in learned
    card = {key: detector.card[key] for key in ("sha256", "minutes", "pictures")}
    return {"card": card, "seconds": float(np.median(seconds)), "rows": rows, "spatial": spatial}


def main(
    weights: Annotated[Positional[Path], tyro.conf.arg(metavar="WEIGHTS")],
    cases: Annotated[Positional[Path], tyro.conf.arg(metavar="CASES")],
    out: Path,
    strange: Path | None = None,
) -> None:
    """Measure, write, and show the tables.

    Args:
        weights: folder of a detector.
        cases: folder of case folders with truth.
        out: folder to write; it also keeps the atlas's places on the true meshes.
        strange: folder of DICOM files that show no spine, or none as the detector knows it.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = measure(weights, cases, out / "truth")
    found["strange"] = strange_findings(load_detector(weights), strange)
    words = table(found) + "\n" + strange_lines(found["strange"])
    (out / "detections.json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    (out / "detections.md").write_text(words, encoding="utf-8")
    draw(found, out / "landmarks.png")
    sys.stdout.write(words)


if __name__ == "__main__":
    tyro.cli(main)
