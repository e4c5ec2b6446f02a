"""The constants of matching, measured on detections of a network in cases with truth.

    python -m Testing.benchmarks.fit_matching WEIGHTS CASES [CASES ...] --out FOLDER [--without verse004 verse006]

Says how often a vertebra is detected (well inside a picture, at its border, cut), how many detections are false and
what scores they have, how far off whole pictures are labelled, how much each label is worth beside its neighbours', and
how many times larger than stated the errors of centres and landmarks are. Cases that a result is to be reported of are
left out (``--without``). Detections are kept in FOLDER, by the weights' hash.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tyro.conf import Positional

from SpineDARTLib.detect.architecture import NAME
from SpineDARTLib.detect.calibration import fit_spreads
from SpineDARTLib.detect.candidates import BORDER_MM, within
from SpineDARTLib.detect.find import LANDMARK_NAMES, detect
from SpineDARTLib.detect.nouns import Detection
from SpineDARTLib.detect.weights import load_detector
from SpineDARTLib.io.files import write_atomically
from SpineDARTLib.types import LEVELS
from Testing.benchmarks.case_truth import TrueCase, true_cases
from Testing.benchmarks.detector_on_cases import SCORE, beyond, landmark_rows, pairs_of

MISTAKEN_TRIED = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
TRUST_TRIED = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
SHIFTED_TRIED = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25)


@dataclass(frozen=True)
class Seen:
    """One picture's detections, and the true level of each ("" for a false one, "?" where nobody knows)."""

    case: TrueCase
    view: str
    found: tuple[Detection, ...]
    truth: tuple[str, ...]


def seen_in(one: TrueCase, found: dict[str, tuple[Detection, ...]]) -> list[Seen]:
    """Every picture of a case."""
    result = []
    for view in one.case.views:
        shown, own = one.shown[view.name], found[view.name]
        pairs = pairs_of(own, shown)
        truth = tuple(
            pairs.get(i) or ("?" if beyond(each, shown, view) else "") for i, each in enumerate(own)
        )  # fmt: skip
        result.append(Seen(one, view.name, own, truth))
    return result


def gather(weights: Path, folders: Sequence[Path], out: Path, without: Sequence[str]) -> list[Seen]:
    """Detections of all cases, from earlier where they are kept."""
    detector = load_detector(weights)
    kept = out / f"seen-{str(detector.card['sha256'])[:12]}.pickle"
    known = pickle.loads(kept.read_bytes()) if kept.is_file() else {}
    # As the network states its landmarks, whatever was measured of it before.
    stated = replace(detector, card={})
    result = []
    for folder in folders:
        for one in true_cases(folder, out / "truth"):
            if one.subject in without:
                continue
            key = f"{folder.name}/{one.name}"
            if key not in known:
                known[key] = detect(one.case.views, stated)
            result += seen_in(one, known[key])
    kept.write_bytes(pickle.dumps(known))
    return result


def rates(every: Sequence[Seen]) -> list[str]:
    """How often vertebrae are detected, and what false detections are like."""
    hits: dict[str, list[bool]] = {"inside": [], "at the border": [], "cut": []}
    for seen in every:
        view = next(view for view in seen.case.case.views if view.name == seen.view)
        for level, true in seen.case.shown[seen.view].items():
            if true.share < 0.3:
                continue
            kind = "cut"
            if true.share >= 0.98 and level in seen.case.known:
                centre = seen.case.known[level].pose[:3, 3]
                kind = "inside" if within(centre, view, BORDER_MM / true.mm_per_px) else "at the border"
            hits[kind].append(level in seen.truth)
    lines = [f"detected, {kind}: {np.mean(own):.3f} of {len(own)}" for kind, own in hits.items() if own]
    scores = {name: [] for name in ("true", "false")}
    for seen in every:
        for one, true in zip(seen.found, seen.truth, strict=True):
            if true != "?":
                scores["true" if true else "false"].append(one.score)
    lines.append(f"false detections a picture: {len(scores['false']) / len(every):.2f}")
    edges = (0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
    counts = {name: np.histogram(own, edges)[0] for name, own in scores.items()}
    for low, true, false in zip(edges, counts["true"], counts["false"], strict=False):
        lines.append(f"  score from {low:.2f}: {true} true, {false} false")
    return lines


def spreads(every: Sequence[Seen]) -> list[str]:
    """How many times larger than stated the squared errors are."""
    centre, landmark, floor = [], [], []
    for seen in every:
        shown = seen.case.shown[seen.view]
        for one, level in zip(seen.found, seen.truth, strict=True):
            if level in shown and shown[level].share >= 0.98:
                off = one.centre_px - shown[level].body_px
                centre.append(off @ np.linalg.solve(one.centre_covariance_px2, off))
                floor.append(float(np.linalg.norm(off)) * shown[level].mm_per_px)
                landmark += [row["squared"] for row in landmark_rows(one, shown[level])]
    told = []
    for name, squared in (("centres", centre), ("landmarks", landmark)):
        middle, high = np.percentile(squared, [50, 95])
        told.append(f"squared errors of {name}: {middle / 1.386:.2f} times (median), {high / 5.991:.2f} (95 %)")
    low, high = np.percentile(floor, [10, 50])
    return [*told, f"error of centres: {high:.2f} mm (median), {low:.2f} (10 %)"]


def spreads_by_name(every: Sequence[Seen]) -> dict[str, tuple[float, float]]:
    """Landmark to the factor and floor of its covariances (``detect.calibration``)."""
    found = {}
    for number, name in enumerate(LANDMARK_NAMES):
        offs, stated, sides = [], [], []
        for seen in every:
            shown = seen.case.shown[seen.view]
            for one, level in zip(seen.found, seen.truth, strict=True):
                if level in shown and shown[level].seen[number] and one.score >= SCORE:
                    offs.append(one.landmarks[name].place_px - shown[level].landmarks_px[number])
                    stated.append(one.landmarks[name].covariance_px2)
                    sides.append(float((one.box_px[2:] - one.box_px[:2]).mean()))
        found[name] = fit_spreads(np.array(offs), np.array(stated), np.array(sides))
    return found


def level_offs(every: Sequence[Seen]) -> list[np.ndarray]:
    """One picture's labels, likeliest minus true."""
    offs = []
    for seen in every:
        own = [
            int(np.argmax(one.level_probabilities)) - LEVELS.index(level)
            for one, level in zip(seen.found, seen.truth, strict=True)
            if level in LEVELS
        ]
        if own:
            offs.append(np.array(own))
    return offs


def labels(every: Sequence[Seen]) -> list[str]:
    """How labels are off, and which constants make the truth likeliest: the log probability of the true levels of each
    picture's vertebrae among all placings of the same order (order and gaps are known from the other pictures)."""
    offs = level_offs(every)
    middle = np.array([int(np.round(np.median(one))) for one in offs])
    told = ", ".join(f"{by:+d}: {int((middle == by).sum())}" for by in np.unique(middle).tolist())
    lines = [f"pictures labelled off by: {told}"]
    tables = [
        np.stack([
            np.roll(np.asarray(one.level_probabilities), -LEVELS.index(level)) for one, level in own
        ])
        for own in (
            [(one, level) for one, level in zip(seen.found, seen.truth, strict=True) if level in LEVELS]
            for seen in every
        )
        if own
    ]  # fmt: skip
    best = max(
        ((_likelihood(tables, *each), *each) for each in _tried()),
        key=lambda each: each[0],
    )
    lines.append(
        f"likeliest: MISTAKEN {best[1]}, TRUST {best[2]}, each view shift {best[3]}: "
        f"{best[0]:.3f} a picture; as they are (0.05, 0.7, 0.05): {_likelihood(tables, 0.05, 0.7, 0.05):.3f}; "
        f"knowing nothing: {-np.log(len(LEVELS)):.3f}"
    )
    return lines


def _tried() -> list[tuple[float, float, float]]:
    return [(m, t, s) for m in MISTAKEN_TRIED for t in TRUST_TRIED for s in SHIFTED_TRIED]


def _likelihood(tables: Sequence[np.ndarray], mistaken: float, trust: float, shifted: float) -> float:
    """Mean log probability that a picture is at its true place, all its vertebrae moved together."""
    total = 0.0
    for table in tables:
        logs = trust * np.log((1 - mistaken) * table * len(LEVELS) + mistaken)
        # Column k of ``table``: the probability of the true level plus k (round the ends, where little stands).
        place = logs.sum(0)
        mixed = [
            np.logaddexp.reduce([
                place[k] + np.log(1 - 2 * shifted),
                place[(k - 1) % len(LEVELS)] + np.log(shifted),
                place[(k + 1) % len(LEVELS)] + np.log(shifted),
            ])
            for k in range(len(LEVELS))
        ]  # fmt: skip
        total += mixed[0] - np.logaddexp.reduce(mixed)
    return total / len(tables)


def main(
    weights: Annotated[Positional[Path], tyro.conf.arg(metavar="WEIGHTS")],
    cases: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="CASES")],
    out: Path,
    without: tuple[str, ...] = ("verse004", "verse006", "verse012"),
    write: bool = False,
) -> None:
    """Show what was measured.

    Args:
        weights: folder of a detector.
        cases: folders of case folders with truth.
        out: folder where detections are kept.
        without: people to leave out.
        write: put the landmarks' spreads into the detector's card, where ``detect.find`` takes them from.
    """
    out.mkdir(parents=True, exist_ok=True)
    every = gather(weights, cases, out, without)
    measured = spreads_by_name(every)
    lines = [f"{len(every)} pictures", *rates(every), *spreads(every), *labels(every)]
    lines += [f"{name}: factor {factor}, floor {floor} of the box" for name, (factor, floor) in measured.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    if write:
        card = weights / f"{NAME}.json"
        told = json.loads(card.read_text(encoding="utf-8")) | {"landmark_spreads": measured}
        write_atomically(card, (json.dumps(told, indent=1) + "\n").encode())


if __name__ == "__main__":
    tyro.cli(main)
