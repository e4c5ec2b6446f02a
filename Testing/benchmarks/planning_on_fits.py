"""The figure that matters: cannulas planned on vertebrae fitted to X-rays, judged in the true vertebrae.

    python Testing/benchmarks/planning_on_fits.py FOLDER... --out DIR [--fits DIR] [--workers N]

Every case below the folders that has a truth is fitted once by the whole pipeline, with models that have not seen its
person; its plan folder is kept in DIR/fits (or --fits) as "<folder>--<case>", and used again. Planning and judging are
done anew in every run, for each needle by itself, as the safest path depends on it. Writes planning.json (all rows),
planning.txt and a picture a group of cases.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.benchmark.methods import fitted
from SpineDARTLib.config import PlanSettings, Settings
from SpineDARTLib.evaluate.cannulas import NEEDLES, RECOMMENDED, success
from SpineDARTLib.evaluate.compare import as_text, judge_level
from SpineDARTLib.evaluate.plots import draw_success
from SpineDARTLib.evaluate.success import group_table, success_words
from SpineDARTLib.evaluate.true_anatomy import atlas_models, true_anatomy
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import plain, read_plan, write_plan
from SpineDARTLib.io.truth import Truth, read_subject, read_truth
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.types import FittedVertebra

METHOD = "gradient-ncc"


def kept_fit(case: Path, fits: Path) -> Path:
    """The folder of a case's fit; cases of several folders may have the same name."""
    return fits / f"{case.parent.name}--{case.name}"


def fit_case(case: Path, fits: Path) -> str:
    """Fit one case without its person and keep its plan folder; says what came of it."""
    if (kept_fit(case, fits) / "plan.json").is_file():
        return "kept"
    try:
        outcome = fitted(METHOD, Settings())(case, (read_subject(case),))
        write_plan(kept_fit(case, fits), read_case(case), outcome.plans, Settings(), extra={"seen": outcome.seen})
    except Exception as error:  # one bad case does not end the run
        return f"could not be fitted: {type(error).__name__}: {error}"
    return "fitted"


def fit_all(cases: Sequence[Path], fits: Path, workers: int) -> None:
    """Whatever has not been fitted yet."""
    missing = [case for case in cases if not (kept_fit(case, fits) / "plan.json").is_file()]
    work = partial(fit_case, fits=fits)
    if workers == 1 or not missing:
        for case in missing:
            print(case.name, work(case), flush=True)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for case, said in zip(missing, pool.map(work, missing), strict=True):
            print(case.name, said, flush=True)


@cache
def models_without(subject: str) -> Mapping[str, ShapeModel]:
    """Models that have not learned from a person; everybody's where nobody has."""
    everybody = atlas_models()
    known = any(subject.removeprefix("sub-") in model.subjects for model in everybody.values())
    return load_models((subject,)) if known else everybody


def rows_of(case: Path, fits: Path, keep: Path) -> Iterator[dict[str, Any]]:
    """Every fitted vertebra of a case with a known truth, planned and judged for each needle: a row each."""
    truth = read_truth(case)
    kind = json.loads((case / "truth" / "truth.json").read_text(encoding="utf-8")).get("kind", "")
    names = {"case": case.name, "group": f"{case.parent.name} {kind}".strip(), "subject": truth.subject}
    for saved in read_plan(kept_fit(case, fits)).plans:
        fitted = saved.fitted
        if fitted.level in truth.surfaces:
            facts = {"level": fitted.level, "status": fitted.status.value, "predicted_mm": predicted_mm(fitted)}
            for needle, diameter in NEEDLES.items():
                yield names | facts | {"needle": needle} | judged(fitted, truth, diameter, keep)


def judged(fitted: FittedVertebra, truth: Truth, diameter_mm: float, keep: Path) -> dict[str, Any]:
    """A vertebra planned for a needle, its cannulas judged (``compare.judge_level``)."""
    plan = plan_vertebra(fitted, models_without(truth.subject).get(fitted.level), PlanSettings(diameter_mm=diameter_mm))

    def locate(level: str, truth: Truth):
        found = true_anatomy(level, truth, keep)
        return found and found.anatomy

    return judge_level(plan, truth, locate)


def predicted_mm(fitted: FittedVertebra) -> float | None:
    return fitted.quality.predicted_surface_distance_mm if fitted.quality else None


def promised(rows: Sequence[Mapping[str, Any]], needle: str) -> str:
    """How the room in the true pedicle differs from what was planned."""
    pairs = [
        (one["room_mm"], one["planned_mm"])
        for row in rows
        if row["needle"] == needle
        for one in row.get("cannulas", ())
        if one["recommended"] and None not in (one["room_mm"], one["planned_mm"])
    ]
    if not pairs:
        return ""
    true, planned = np.array(pairs).T
    low, middle, high = np.percentile(true - planned, (5, 50, 95))
    return (
        f"{needle}, recommended: room planned {np.median(planned) - NEEDLES[needle] / 2:.2f} mm, in truth "
        f"{np.median(true) - NEEDLES[needle] / 2:.2f} mm (medians of {len(pairs)} cannulas); true less planned "
        f"{middle:+.2f} mm, 5 to 95 %: {low:+.2f} to {high:+.2f} mm"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fits", type=Path, help="where the fits are kept; DIR/fits when absent")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only-kept", action="store_true", help="leave out what has not been fitted yet")
    options = parser.parse_args()
    fits = options.fits or options.out / "fits"
    cases = [case for folder in options.folders for case in find_cases(folder.resolve())]
    if not options.only_kept:
        fit_all(cases, fits, options.workers)
    cases = [case for case in cases if (kept_fit(case, fits) / "plan.json").is_file()]
    rows = []
    for case in cases:
        rows += rows_of(case, fits, options.out / "anatomy")
        print(case.name, len(rows), flush=True)
    report(rows, options.out)


def report(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Tables on standard output and in planning.txt, everything in planning.json, a picture a group."""
    groups = {"all": rows} | {
        group: [row for row in rows if row["group"] == group] for group in sorted({row["group"] for row in rows})
    }
    out.mkdir(parents=True, exist_ok=True)
    lines, found = [], {}
    for group, chosen in groups.items():
        found[group] = success(chosen)
        draw_success(found[group], out / f"{group.replace(' ', '-')}.png", group)
        lines += [f"\n== {group} ==", success_words(found[group]), promised(chosen, next(iter(NEEDLES)))]
    for name in ("transferred", "safest", RECOMMENDED):
        lines += ["", as_text(group_table(found["all"], name))]
    text = "\n".join(lines) + "\n"
    (out / "planning.txt").write_text(text, encoding="utf-8")
    document = plain({"groups": found, "rows": rows})
    (out / "planning.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
