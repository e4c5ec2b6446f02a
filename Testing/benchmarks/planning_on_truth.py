"""What planning can reach where the vertebra is known: cannulas planned and judged in one and the same surface.

    python Testing/benchmarks/planning_on_truth.py CASES... --out DIR [--samples 1000] [--seed 1]

On the true surfaces of the cases (each vertebra of a person once), and on random shapes of the atlas, its levels in
turn: the template's transferred cannulas and the safest ones, each for its own needle. Writes planning.json,
planning.txt, a picture of the counts by group and one of room against the pedicle's width.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.evaluate.atlas_samples import draw
from SpineDARTLib.evaluate.cannulas import NEEDLES, judged, success
from SpineDARTLib.evaluate.compare import as_text
from SpineDARTLib.evaluate.plots import draw_success
from SpineDARTLib.evaluate.success import group_table, success_words
from SpineDARTLib.evaluate.true_anatomy import atlas_models, true_anatomy
from SpineDARTLib.io.plan import plain
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.cannula import transfer
from SpineDARTLib.plan.safest import safest
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import Option

Row = dict[str, Any]


def true_rows(folders: Sequence[Path], keep: Path) -> Iterator[Row]:
    """Each true vertebra of the cases once."""
    seen = set()
    for case in (case for folder in folders for case in find_cases(folder.resolve())):
        truth = read_truth(case)
        for level, (vertices, faces) in truth.surfaces.items():
            names = {"group": f"truth of {case.parent.name}", "subject": truth.subject, "level": level}
            found = true_anatomy(level, truth, keep) if tuple(names.values()) not in seen else None
            seen.add(tuple(names.values()))
            if found is not None:
                surface = prepare(vertices, faces, found.anatomy)
                yield from rows_of(names, surface, found.carried_mm, found.model)


def atlas_rows(count: int, seed: int) -> Iterator[Row]:
    """Random shapes, as many of each region as of the others."""
    models = list({model.region: model for model in atlas_models().values()}.values())
    generator = np.random.default_rng(seed)
    for number, model in enumerate(models):
        mine = count // len(models) + (number < count % len(models))
        for level, vertices in draw(model, mine, generator):
            surface = prepare(vertices, model.faces, anatomy_of(vertices, model, np.eye(4)))
            yield from rows_of({"group": "atlas samples", "level": level}, surface, vertices, model)


def rows_of(
    names: Mapping[str, str], surface: PreparedSurface, vertices: np.ndarray, model: ShapeModel
) -> Iterator[Row]:
    """A row a needle: both sides, transferred and safest."""
    for needle, diameter in NEEDLES.items():
        transferred = transfer(vertices, model, diameter)
        options = [Option(one, assess(one, surface)) for one in transferred]
        start = perf_counter()
        options += [safest(one, surface, PlanSettings(diameter_mm=diameter), diameter) for one in transferred]
        seconds = (perf_counter() - start) / len(transferred)
        cannulas = [judged(option, option.safety, recommended=False) for option in options]
        yield {**names, "needle": needle, "status": "converged", "seconds": seconds, "cannulas": cannulas}


def cannulas_of(rows: Sequence[Row], needle: str, name: str) -> np.ndarray:
    """(n, 2) isthmus's width and clearance mm of what could be measured."""
    pairs = [
        (one["safety"]["numbers"]["isthmus_width_mm"], one["safety"]["clearance_mm"])
        for row in rows
        if row["needle"] == needle
        for one in row["cannulas"]
        if one["name"] == name
    ]
    return np.array([pair for pair in pairs if None not in pair], dtype=float).reshape(-1, 2)


def breach_words(rows: Sequence[Row]) -> Iterator[str]:
    """Where the safest cannula still breaches, and how wide the pedicle is there."""
    for needle, diameter in NEEDLES.items():
        width, clearance = cannulas_of(rows, needle, "safest").T
        breach = width[clearance < 0]
        wide = int((breach > diameter).sum())
        words = f"{needle} safest: {len(breach)} of {len(width)} cannulas breach"
        if len(breach):
            words += (
                f"; their pedicles are {breach.min():.1f} to {breach.max():.1f} mm wide ({np.median(breach):.1f}), "
                f"{wide} of them wider than the needle"
            )
        tight = width[clearance < 1.0]
        avoidable = int((tight > diameter + 2.0).sum())
        yield f"{words}; {len(tight)} keep less than 1 mm, {avoidable} of these pedicles have room for more"


def gain_words(rows: Sequence[Row]) -> Iterator[str]:
    """Clearance before and after, textbook checks, time."""
    for needle in NEEDLES:
        before, after = (cannulas_of(rows, needle, name)[:, 1] for name in ("transferred", "safest"))
        passed = {
            name: np.mean(
                [
                    all(one["safety"]["checks"].values())
                    for row in rows
                    if row["needle"] == needle
                    for one in row["cannulas"]
                    if one["name"] == name
                ]
            )
            for name in ("transferred", "safest")
        }
        low, middle, high = np.percentile(before, (5, 50, 95))
        low_after, middle_after, high_after = np.percentile(after, (5, 50, 95))
        seconds = np.array([row["seconds"] for row in rows if row["needle"] == needle])
        yield (
            f"{needle}: clearance 5/50/95 % {low:.2f}/{middle:.2f}/{high:.2f} -> {low_after:.2f}/{middle_after:.2f}/"
            f"{high_after:.2f} mm; all textbook checks {100 * passed['transferred']:.0f} % -> "
            f"{100 * passed['safest']:.0f} %; {1000 * np.median(seconds):.0f} ms a safest cannula (median)"
        )


def draw_widths(rows: Sequence[Row], path: Path, title: str) -> None:
    """Clearance against the pedicle's width, a panel a needle; the line is what a needle in the middle would have."""
    figure = Figure(figsize=(14, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (needle, diameter) in zip(figure.subplots(1, len(NEEDLES)), NEEDLES.items(), strict=True):
        for name, colour in (("transferred", "#D55E00"), ("safest", "#0072B2")):
            width, clearance = cannulas_of(rows, needle, name).T
            axes.plot(width, clearance, ".", markersize=3, alpha=0.5, color=colour, label=name)
        span = np.array([0.0, 20.0])
        axes.plot(span, (span - diameter) / 2, color="0.4", linewidth=0.8, label="in the middle")
        axes.axhline(0, color="0.2", linewidth=0.8)
        axes.axhline(1, color="0.2", linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, 20), ylim=(-4, 6), xlabel="pedicle's narrowest width, mm", ylabel="clearance, mm")
        axes.set_title(f"{title}, {needle}")
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [*true_rows(options.folders, options.out / "anatomy"), *atlas_rows(options.samples, options.seed)]
    lines, found = [], {}
    for group in dict.fromkeys(row["group"] for row in rows):
        chosen = [row for row in rows if row["group"] == group]
        found[group] = success(chosen)
        name = group.replace(" ", "-")
        draw_success(found[group], options.out / f"{name}.png", group)
        draw_widths(chosen, options.out / f"{name}-widths.png", group)
        lines += [f"\n== {group} ==", success_words(found[group]), *breach_words(chosen), *gain_words(chosen)]
        for kind in ("transferred", "safest"):
            lines += ["", as_text(group_table(found[group], kind))]
    text = "\n".join(lines) + "\n"
    (options.out / "planning.txt").write_text(text, encoding="utf-8")
    document = plain({"groups": found, "rows": rows})
    (options.out / "planning.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
