"""How exact and how fast the measuring of a cannula is: against every point of the surface, and by the clock.

    python Testing/benchmarks/safety_exactness.py CASES... --out DIR [--cannulas 200] [--samples 34] [--seed 3]

On the true surfaces of the cases and on random shapes of the atlas: transferred cannulas moved at random by a few
millimetres, so that many breach. Their smallest distance to the pedicle's wall is compared with a search among points
0.1 mm apart on the triangles (inside and outside by VTK), and the time of prepare, assess and clearances is taken.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.evaluate.atlas_samples import draw
from SpineDARTLib.evaluate.compare import as_text
from SpineDARTLib.evaluate.true_anatomy import atlas_models, true_anatomy
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.cannula import NEEDLE_DIAMETERS_MM, transfer
from SpineDARTLib.plan.corridor import clearances, corridor
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import Cannula
from Testing.plan.test_corridor import implicit_distance, search

MOVED_MM = 1.5
"""Standard deviation of the random moves of entry and target, along each axis."""


@dataclass(frozen=True)
class Measured:
    """One cannula: what was found, what the search found, seconds of each function."""

    group: str
    vertices: int
    found_mm: float
    searched_mm: float
    prepare_ms: float
    assess_ms: float
    clearances_ms: float


def surfaces(folders: list[Path], samples: int, generator: np.random.Generator, keep: Path) -> Iterator[tuple]:
    """Group, the atlas's vertices on the surface, model, vertices, faces, anatomy."""
    seen = set()
    for case in (case for folder in folders for case in find_cases(folder.resolve())):
        truth = read_truth(case)
        for level, surface in truth.surfaces.items():
            found = None if (truth.subject, level) in seen else true_anatomy(level, truth, keep)
            seen.add((truth.subject, level))
            if found is not None:
                yield "true surfaces", found.carried_mm, found.model, *surface, found.anatomy
    for model in {model.region: model for model in atlas_models().values()}.values():
        for _, vertices in draw(model, samples // 3, generator):
            yield "atlas samples", vertices, model, vertices, model.faces, anatomy_of(vertices, model, np.eye(4))


def milliseconds(work, repeats: int = 3) -> float:
    """The fastest of some calls: the machine has other things to do as well."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return 1000 * min(times)


def measure(group: str, cannula: Cannula, surface: PreparedSurface, prepare_ms: float) -> Measured | None:
    """None where nothing can be measured."""
    found = corridor(cannula, surface).distance_mm
    if not np.isfinite(found):
        return None
    searched = search(cannula, surface, implicit_distance(surface))
    return Measured(
        group,
        len(surface.vertices_mm),
        found,
        searched,
        prepare_ms,
        milliseconds(lambda: assess(cannula, surface)),
        milliseconds(lambda: clearances(cannula, [surface])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cannulas", type=int, default=200, help="in all")
    parser.add_argument("--samples", type=int, default=51, help="of the atlas")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    chosen = list(surfaces(options.folders, options.samples, generator, options.out / "anatomy"))
    rows: list[Measured] = []
    for number in range(options.cannulas):
        group, carried, model, vertices, faces, anatomy = chosen[(number * 7) % len(chosen)]
        surface = prepare(vertices, faces, anatomy)
        prepare_ms = milliseconds(lambda: prepare(vertices, faces, anatomy), 1)  # noqa: B023
        one = transfer(carried, model, NEEDLE_DIAMETERS_MM[11])[number % 2]
        entry, target = (point + generator.normal(0.0, MOVED_MM, 3) for point in (one.entry_mm, one.target_mm))
        row = measure(group, Cannula(one.side, entry, target, one.diameter_mm), surface, prepare_ms)
        rows += [row] if row is not None else []
    text = report(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "exactness.txt").write_text(text, encoding="utf-8")
    (options.out / "exactness.json").write_text(json.dumps([vars(row) for row in rows], indent=1), encoding="utf-8")
    print(text)


def report(rows: list[Measured]) -> str:
    """Differences and times (median, and the slowest 5 %) by group."""
    headings = ("", "cannulas", "breach", "difference mm: 95 %", "most", "prepare ms", "assess ms", "95 %")
    table: list[tuple[str, ...]] = [(*headings, "clearances ms", "95 %")]
    for group in dict.fromkeys(row.group for row in rows):
        mine = [row for row in rows if row.group == group]
        difference = np.abs([row.found_mm - row.searched_mm for row in mine])
        timed = {name: np.array([getattr(row, name) for row in mine]) for name in ("assess_ms", "clearances_ms")}
        table.append(
            (
                group,
                str(len(mine)),
                str(sum(row.found_mm < NEEDLE_DIAMETERS_MM[11] / 2 for row in mine)),
                f"{np.percentile(difference, 95):.3f}",
                f"{difference.max():.3f}",
                f"{np.median([row.prepare_ms for row in mine]):.1f}",
                *(f"{np.percentile(values, q):.1f}" for values in timed.values() for q in (50, 95)),
            )
        )
    return as_text(table) + "\n"


if __name__ == "__main__":
    main()
