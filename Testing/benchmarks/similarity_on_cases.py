"""The four similarities on cases with truth: the same starts, one run, the paper's table; goes on where it was.

    SPINEDART_RESOURCES=DIR python -m Testing.benchmarks.similarity_on_cases CASES --out DIR [--methods ...]
        [--workers N] [--genant CSV]

DIR of SPINEDART_RESOURCES has ``atlas/`` and ``weights/similarity.safetensors``. Every case is fitted with an atlas
that has not seen its person; where the network has, the row is counted as seen. Writes similarity.json and
similarity.txt: Dice, NSD, HD95, ASSD (mean +- deviation, median), failures and seconds by kind of views, then fractured
against whole vertebrae (``fracture`` in a simulated truth, or grades of a CSV such as VerSe'19's Genant), and what is
refused.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.benchmark.methods import methods_of
from SpineDARTLib.benchmark.running import run_all
from SpineDARTLib.benchmark.work import Workplace
from SpineDARTLib.config import BenchmarkSettings, DetectorSettings, Settings
from SpineDARTLib.evaluate.compare import as_text, summarise
from SpineDARTLib.io.plan import plain

METHODS = ("ncc", "gradient-ncc", "learned", "hybrid")
METRICS = (("dice", 3), ("nsd_1mm", 3), ("hd95_mm", 2), ("assd_mm", 2))
HEADINGS = ("method", "views", "n", "failed", "seen", "Dice", "NSD", "HD95 mm", "ASSD mm", "medians", "s/vertebra")
BAD_MM = 3.0


def fractured(cases: Sequence[Path], genant: Path | None) -> dict[tuple[str, str], bool]:
    """(case, level) to whether it is fractured; without those of which nobody knows."""
    grades: dict[tuple[str, str], int] = {}
    if genant is not None:
        with genant.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                key = row["patient_id"].removeprefix("sub-"), row["vertebra"]
                grades[key] = max(int(row["genant_grade"]), grades.get(key, 0))
    known: dict[tuple[str, str], bool] = {}
    for case in cases:
        truth = json.loads((case / "truth" / "truth.json").read_text(encoding="utf-8"))
        for level in truth["vertebrae"]:
            details = truth.get("details", {}).get(level)
            grade = grades.get((truth["subject"], level))
            if details is not None:
                known[case.name, level] = bool(details["fracture"])
            elif grade is not None:
                known[case.name, level] = grade > 0
    return known


def shown(summary: Mapping[str, Any], name: str, digits: int) -> str:
    """Mean and deviation over the reconstructed, as the paper has it."""
    found = summary["reconstructed"][name]
    return "-" if found is None else f"{found['mean']:.{digits}f}+-{found['sd']:.{digits}f}"


def medians(summary: Mapping[str, Any]) -> str:
    """Of the four metrics, Dice and NSD over all."""
    groups = ("all", "all", "reconstructed", "reconstructed")
    found = [(summary[group].get(name), digits) for group, (name, digits) in zip(groups, METRICS, strict=True)]
    return " ".join("-" if one is None else f"{one['median']:.{digits}f}" for one, digits in found)


def paper_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a method and kind of views."""
    lines = [HEADINGS]
    for method in dict.fromkeys(row["method"] for row in rows):
        for kind in sorted({row["kind"] for row in rows}):
            own = [row for row in rows if row["method"] == method and row["kind"] == kind]
            if own:
                summary, seconds = summarise(own), np.median([row.get("seconds", np.nan) for row in own])
                counts = (str(summary["vertebrae"]), str(summary["failures"]), str(sum(row["seen"] for row in own)))
                figures = [shown(summary, name, digits) for name, digits in METRICS]
                lines.append((method, kind or "any", *counts, *figures, medians(summary), f"{seconds:.1f}"))
    return as_text(lines)


def fracture_words(rows: Sequence[Mapping[str, Any]], known: Mapping[tuple[str, str], bool]) -> list[str]:
    """Median Dice of whole and of fractured vertebrae, by method."""
    words = []
    for method in dict.fromkeys(row["method"] for row in rows):
        parts: dict[bool, list[float]] = {False: [], True: []}
        for row in rows:
            if row["method"] == method and (row["case"], row["level"]) in known:
                parts[known[row["case"], row["level"]]].append(row.get("dice", 0.0))
        told = [
            f"{name} {np.median(parts[which]):.3f} ({len(parts[which])})"
            for which, name in ((False, "whole"), (True, "fractured"))
            if parts[which]
        ]
        words.append(f"{method}: median Dice " + (", ".join(told) or "nothing known"))
    return words


def refusal_words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of the fits worse than 3 mm, how many are refused by the limit that refuses 5 % of the others."""
    words = []
    for method in dict.fromkeys(row["method"] for row in rows):
        pairs = np.array(
            [(row["predicted_mm"], row["assd_mm"]) for row in rows if row["method"] == method and "assd_mm" in row]
        ).reshape(-1, 2)
        bad = pairs[:, 1] > BAD_MM
        if not bad.any() or bad.all():
            words.append(f"{method}: {bad.sum()} of {len(bad)} worse than {BAD_MM:g} mm")
            continue
        limit = np.quantile(pairs[~bad, 0], 0.95)
        refused = int((pairs[bad, 0] > limit).sum())
        words.append(f"{method}: {refused} of {bad.sum()} worse than {BAD_MM:g} mm refused above {limit:.2f} mm")
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--genant", type=Path)
    arguments = parser.parse_args()
    cases, options = find_cases(arguments.cases), BenchmarkSettings()
    # Without a detector, as ``spinedart benchmark``: what that left in the same folder is not done again.
    settings = Settings(detector=DetectorSettings(use="off"))
    methods = methods_of(arguments.methods, METHODS, settings, options, None)
    results = []
    for result in run_all(cases, methods, arguments.out, options, Workplace(arguments.workers)):
        results.append(result)
        print(result.method, result.case, result.error or f"{len(result.rows)} vertebrae", flush=True)
    results.sort(key=lambda result: (arguments.methods.index(result.method), result.case))
    rows = [row for result in results for row in result.rows]
    text = [paper_table(rows), *fracture_words(rows, fractured(cases, arguments.genant)), *refusal_words(rows)]
    text += [f"could not be run: {one.method} {one.case}: {one.error}" for one in results if one.error]
    (arguments.out / "similarity.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    (arguments.out / "similarity.json").write_text(json.dumps(plain(rows), indent=1) + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
