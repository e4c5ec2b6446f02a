"""Fits from clicks and from what a detector found, one part of it after the other: the ablation.

Every row fits the same cases by atlases that have not learned from their person; labels are moved as a person would
who sees that the whole column is off. One JSON line a case and row is kept: a run that was interrupted goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.config import Settings
from SpineDARTLib.detect.find import detect
from SpineDARTLib.detect.weights import load_detector
from SpineDARTLib.evaluate.compare import evaluate_level
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.locating import Located, located_from
from SpineDARTLib.pipeline import plan_case
from SpineDARTLib.types import Plan
from Testing.benchmarks.case_truth import TrueCase

OFF = {"landmark_weight": 0.0, "silhouette_weight": 0.0, "decomposition_weight": 0.0, "start_inflation": 0.0}

ROWS: Mapping[str, Mapping[str, float] | None] = {
    "clicks": None,
    "clicks and detected": {},
    "detected starts": OFF,
    "landmarks": {"silhouette_weight": 0.0, "decomposition_weight": 0.0},
    "+ silhouette": {"decomposition_weight": 0.0},
    "+ decomposition": {},
}
"""Name to what differs from the usual settings of the fit; None is the fit from clicks without any detector."""


def fit_cases(cases: Sequence[TrueCase], weights: Path, out: Path, workers: int) -> list[dict[str, Any]]:
    """Fit all cases in all ways, as many at once as there are workers; returns the rows, one a vertebra and way."""
    file = out / "fits.jsonl"
    kept = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    done = {(each["case"], each["way"]) for each in kept}
    jobs = [(one, way, weights) for one in cases for way in ROWS if (one.name, way) not in done]
    with file.open("a", encoding="utf-8") as stream:
        for found in _run(jobs, workers):
            kept.append(found)
            stream.write(json.dumps(found) + "\n")
            stream.flush()
    names = {one.name for one in cases}
    return [row for each in kept if each["case"] in names for row in each["rows"]]


def _run(jobs: Sequence[tuple[TrueCase, str, Path]], workers: int) -> Iterator[dict[str, Any]]:
    if workers == 1:
        yield from (fit_one(*job) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(fit_one, *job) for job in jobs]):
            yield future.result()


def fit_one(one: TrueCase, way: str, weights: Path) -> dict[str, Any]:
    """One case in one way: a row for every vertebra wholly in every picture, started or not."""
    from Testing.benchmarks.automatic_starts import best_shift, click_seeds, owners

    settings, changed = Settings(), ROWS[way]
    if changed is None:
        located = Located(tuple(click_seeds(one)))
    else:
        found = detect(one.case.views, load_detector(weights))
        case = replace(one.case, seeds=tuple(click_seeds(one)) if way.startswith("clicks") else ())
        located = located_from(case, found, best_shift(owners(one, found)[0]))
        located = replace(located, seeds=tuple(seed for seed in located.seeds if seed.level in one.whole))
        settings = replace(settings, fit=replace(settings.fit, **changed))
    without = (one.subject,) if not one.labels else ()
    plans = _planned(replace(one.case, seeds=()), settings, located, without) if located.seeds else ()
    by_level = {plan.fitted.level: plan for plan in plans}
    surfaces = read_truth(one.case.folder).surfaces if one.case.folder else {}
    rows = []
    for level in one.whole:
        row = {"case": one.name, "kind": one.kind, "subject": one.subject, "level": level, "way": way}
        true = surfaces.get(level) or (one.known[level].vertices, one.known[level].faces)
        rows.append(row | (evaluate_level(by_level[level], true) if level in by_level else {"reconstructed": False}))
    return {"case": one.name, "way": way, "rows": rows}


def _planned(case, settings: Settings, located: Located, without: Sequence[str]) -> Sequence[Plan]:
    steps = plan_case(case, settings, None, without, located)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def fits_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a row a way, over all vertebrae (failures as 0) and over those that every way reconstructed."""
    ways = [way for way in ROWS if any(row["way"] == way for row in rows)]
    good = {way: {(r["case"], r["level"]): r for r in rows if r["way"] == way and r["reconstructed"]} for way in ways}
    common = set.intersection(*(set(each) for each in good.values())) if good else set()
    lines = ["| start | vertebrae | reconstructed % | Dice, all | Dice, common | ASSD mm, common | worst tenth |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for way in ways:
        own = [row for row in rows if row["way"] == way]
        dice = np.mean([row.get("dice", 0.0) if row["reconstructed"] else 0.0 for row in own])
        shared = [good[way][key] for key in sorted(common)]
        cells = [str(len(own)), f"{100 * np.mean([row['reconstructed'] for row in own]):.0f}", f"{dice:.3f}"]
        if shared:
            away = [row["assd_mm"] for row in shared]
            cells += [f"{np.mean([r['dice'] for r in shared]):.3f}", f"{np.mean(away):.2f}",
                      f"{np.percentile(away, 90):.2f}"]  # fmt: skip
        lines.append(f"| {way} | " + " | ".join([*cells, *["-"] * (6 - len(cells))]) + " |")
    return "\n".join([*lines, "", f"{len(common)} vertebrae were reconstructed in every way."]) + "\n"
