"""Starts without any click: how many of the vertebrae that are wholly in every picture, at the right level, how near.

    python -m Testing.benchmarks.automatic_starts CASES --weights FOLDER --out FOLDER [--fits 20] [--workers 2]

A start belongs to the true vertebra whose body's centre is nearest, if that is nearer than half the way to the next.
Levels are judged as proposed, and after the one shift of a whole case that makes most of them right: a person can
shift them. Errors are of the starts under that shift, beside starts from the case's clicks (or simulated ones). With
``--fits`` whole cases are then fitted (``automatic_fits``), by atlases without their person. Writes ``starts.jsonl``
and ``starts.md``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tyro.conf import Positional

from SpineDARTLib.detect.find import detect
from SpineDARTLib.detect.nouns import Detection
from SpineDARTLib.detect.propose import propose
from SpineDARTLib.detect.weights import Detector, load_detector
from SpineDARTLib.fit.initialise import CLICK_POINT_MM, initialise
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.types import LEVELS, Seed, Vertebra
from Testing.benchmarks.automatic_fits import fit_cases, fits_table
from Testing.benchmarks.case_truth import TrueCase, TrueOne, true_cases

CLICK_PX = 4.0
"""Deviation of a simulated click, where the case has none."""

Found = Mapping[str, Sequence[Detection]]


def owner(centre_mm: np.ndarray, known: Mapping[str, TrueOne]) -> str:
    """The level of the true vertebra at a point (3,) RAS mm; "" where there is none."""
    levels = list(known)
    places = np.array([one.pose[:3, 3] for one in known.values()])
    away = np.linalg.norm(places - centre_mm, axis=1)
    nearest = int(away.argmin())
    others = np.delete(places, nearest, 0)
    spacing = np.linalg.norm(others - places[nearest], axis=1).min() if len(others) else 30.0
    return levels[nearest] if away[nearest] < 0.5 * min(spacing, 40.0) else ""


def owners(one: TrueCase, found: Found) -> tuple[dict[str, str], dict[str, str]]:
    """Level as proposed to the true level at its place; level to reason of what is not started."""
    column, proposal = propose(found, one.case.views)
    centres = {each.level: each.centre_mm for each in column.vertebrae}
    return {seed.level: owner(centres[seed.level], one.known) for seed in proposal.seeds}, dict(proposal.reasons)


def best_shift(owned: Mapping[str, str]) -> int:
    """Levels towards the feet by which most labels become right; the smallest of the best, 0 before any other."""
    offs = [LEVELS.index(true) - LEVELS.index(level) for level, true in owned.items() if true]
    counts = Counter(offs)
    return max(counts, key=lambda by: (counts[by], -abs(by))) if counts else 0


def case_rows(one: TrueCase, found: Found) -> Iterator[dict[str, Any]]:
    """One row a vertebra wholly in every picture, then one of the case."""
    owned, reasons = owners(one, found)
    shift = best_shift(owned)
    by_true = {true: level for level, true in owned.items() if true}
    common = {"case": one.name, "kind": one.kind, "subject": one.subject, "shift": shift}
    errors = start_errors(one, found, shift)
    for level in one.whole:
        row = {**common, "level": level, "started_as": by_true.get(level, "")}
        if level in by_true:
            row["off"] = LEVELS.index(by_true[level]) - LEVELS.index(level)
        else:
            number = LEVELS.index(level) - shift
            named = LEVELS[number] if 0 <= number < len(LEVELS) else level
            row["reason"] = _general(reasons.get(named, "not in the column at all"), one)
        yield row | errors.get(level, {})
    stray = [level for level, true in owned.items() if not true and _within(level, by_true)]
    yield {**common, "case_row": True, "stray": stray, "started": len(owned), "seen": len(one.whole)}


def _within(level: str, by_true: Mapping[str, str]) -> bool:
    """Whether a start without a true vertebra stands among those that have one: what lies beyond nobody knows."""
    numbers = [LEVELS.index(each) for each in by_true.values()]
    return not numbers or min(numbers) < LEVELS.index(level) < max(numbers)


def _general(reason: str, one: TrueCase) -> str:
    """A reason without its level and views, to be counted."""
    for level in reversed(LEVELS):
        reason = reason.replace(level, "LEVEL")
    for view in one.case.views:
        reason = reason.replace(f" {view.name}", " VIEW")
    return reason.replace("VIEW and VIEW", "VIEWS")


def start_errors(one: TrueCase, found: Found, shift: int) -> dict[str, dict[str, float]]:
    """Level to the errors of its start from detections and from clicks: body's centre and mean vertex, mm."""
    models = load_models((one.subject,) if not one.labels else ())
    _, proposal = propose(found, one.case.views, shift=shift)
    automatic = initialise(proposal.seeds, one.case.views, models).vertebrae
    clicked = initialise(click_seeds(one), one.case.views, models).vertebrae
    result: dict[str, dict[str, float]] = {}
    for name, starts in (("detected", automatic), ("clicked", clicked)):
        for level, start in starts.items():
            if level in one.whole and owner(start.pose[:3, 3], one.known) == level:
                centre, vertex = start_error(start, one.known[level], models[level])
                result.setdefault(level, {}).update({f"{name}_centre_mm": centre, f"{name}_vertex_mm": vertex})
    return result


def start_error(start: Vertebra, true: TrueOne, model) -> tuple[float, float]:
    """Body's centre, mean of corresponding vertices; mm."""
    vertices = start.place(model.instance(start.level, start.coefficients))
    centre = float(np.linalg.norm(start.pose[:3, 3] - true.pose[:3, 3]))
    return centre, float(np.linalg.norm(vertices - true.carried, axis=1).mean())


def click_seeds(one: TrueCase) -> list[Seed]:
    """The case's clicks on vertebrae that are wholly seen; made from the truth where it has none."""
    given = {seed.level: seed for seed in one.case.seeds if len(seed.clicks_px) > 1}
    generator = np.random.default_rng(0)
    seeds = []
    for level in one.whole:
        pose = one.known[level].pose
        point = pose[:3, 3] + pose[:3, :3] @ CLICK_POINT_MM
        made = {
            view.name: tuple(project(point[None], view)[0] + generator.normal(0.0, CLICK_PX, 2))
            for view in one.case.views
        }
        seeds.append(given.get(level) or Seed(level, made))
    return seeds


def starts_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: shares by kind of views and person, errors, reasons."""
    groups = {
        "all": lambda row: True,
        "AP/LAT": lambda row: row["kind"] == "AP/LAT",
        "random": lambda row: row["kind"] == "random",
        "people learned from": lambda row: row["learned"],
        "people never seen": lambda row: not row["learned"],
    }
    head = ("", "vertebrae", "started %", "right level %", "off by one %", "other %", "right after one shift %",
            "stray", "centre mm", "by click", "vertices mm", "by click")  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    for name, belongs in groups.items():
        chosen = [row for row in rows if belongs(row)]
        lines.append(f"| {name} | " + " | ".join(_cells(chosen)) + " |")
    reasons = Counter(row["reason"] for row in rows if "reason" in row)
    lines += ["", "| why not started | vertebrae |", "| --- | ---: |"]
    lines += [f"| {reason} | {count} |" for reason, count in reasons.most_common()]
    shifts = Counter(row["shift"] for row in rows if row.get("case_row"))
    told = ", ".join(f"{by:+d}: {count}" for by, count in sorted(shifts.items()))
    return "\n".join([*lines, "", f"Shifts that cases need: {told}."]) + "\n"


def _cells(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    whole = [row for row in rows if "level" in row]
    offs = [row.get("off") for row in whole]
    shares = (
        [off is not None for off in offs],
        [off == 0 for off in offs],
        [off is not None and abs(off) == 1 for off in offs],
        [off is not None and abs(off) > 1 for off in offs],
        [off is not None and off == -row["shift"] for off, row in zip(offs, whole, strict=True)],
    )
    cells = [str(len(whole)), *(f"{100 * np.mean(share):.1f}" if share else "-" for share in shares)]
    cells.append(str(sum(len(row["stray"]) for row in rows if row.get("case_row"))))
    for key in ("centre_mm", "vertex_mm"):
        for source in ("detected", "clicked"):
            values = [row[f"{source}_{key}"] for row in whole if f"{source}_{key}" in row]
            cells.append(f"{np.median(values):.1f} ({np.percentile(values, 90):.1f})" if values else "-")
    return cells


def measure(cases: Sequence[TrueCase], detector: Detector) -> Iterator[dict[str, Any]]:
    """All rows."""
    learned = set(detector.card["subjects"])
    for one in cases:
        for row in case_rows(one, detect(one.case.views, detector)):
            yield row | {"learned": one.subject in learned}


def main(
    cases: Annotated[Positional[Path], tyro.conf.arg(metavar="CASES")],
    weights: Path,
    out: Path,
    fits: int = 0,
    workers: int = 1,
    only: str = "",
) -> None:
    """Measure, write, and show the tables.

    Args:
        cases: folder of case folders with truth.
        weights: folder of a detector.
        out: folder to write; fits that are there already are not made again.
        fits: cases to fit in every way, at most.
        workers: processes that fit.
        only: cases whose name holds this.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in true_cases(cases, out / "truth") if only in one.name]
    rows = list(measure(chosen, load_detector(weights)))
    (out / "starts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = starts_table(rows)
    if fits:
        words += "\n" + fits_table(fit_cases(chosen[:fits], weights, out, workers))
    (out / "starts.md").write_text(words, encoding="utf-8")
    sys.stdout.write(words)


if __name__ == "__main__":
    tyro.cli(main)
