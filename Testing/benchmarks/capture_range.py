"""How far off a start may be: success (ASSD under 2 mm) against the size of the start's error, all methods in one plot.

    python -m Testing.benchmarks.capture_range CASES --out DIR [--methods ...] [--sizes 0 4 8 ...] [--most N]

The vertebrae of a case are started where ``fit.initialise`` puts them from the case's clicks, all moved together by so
many mm in a random direction and turned by as many degrees; the same starts for every method. One file a case, method
and size; a run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.config import Settings
from SpineDARTLib.evaluate.metrics import compare_surfaces
from SpineDARTLib.fit.initialise import initialise
from SpineDARTLib.fit.optimise import fit
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_subject, read_truth
from SpineDARTLib.pipeline import load_learned, load_models
from SpineDARTLib.types import Vertebra

METHODS = ("ncc", "gradient-ncc", "learned", "hybrid")
SIZES = (0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 26.0)
GOOD_MM = 2.0


def moved_starts(starts: Mapping[str, Vertebra], size: float, seed: int) -> dict[str, Vertebra]:
    """All vertebrae moved by so many mm and turned by as many degrees, about their common middle."""
    generator = np.random.default_rng(seed)
    direction, axis = (one / np.linalg.norm(one) for one in generator.standard_normal((2, 3)))
    turn = Rotation.from_rotvec(np.deg2rad(size) * axis).as_matrix()
    middle = np.mean([one.pose[:3, 3] for one in starts.values()], axis=0)
    found = {}
    for level, one in starts.items():
        pose = one.pose.copy()
        pose[:3, :3] = turn @ pose[:3, :3]
        pose[:3, 3] = middle + turn @ (pose[:3, 3] - middle) + size * direction
        found[level] = replace(one, pose=pose)
    return found


def run(case: Path, method: str, size: float) -> list[dict[str, Any]]:
    """One row a vertebra: ASSD before and after."""
    settings = replace(Settings(), similarity=method)
    read, truth = read_case(case), read_truth(case)
    models = load_models((read_subject(case),))
    nominal = initialise(read.seeds, read.views, models).vertebrae
    starts = moved_starts(nominal, size, crc32(f"{case.name} {size}".encode()))
    states = deque(fit(read.views, starts, models, settings, learned=load_learned(settings, "cpu")), maxlen=1)
    rows = []
    for one in states[-1].vertebrae if states else ():
        model = models[one.level]
        if one.level not in truth.surfaces:
            continue
        surfaces = [
            (state.place(model.instance(state.level, state.coefficients)), model.faces)
            for state in (starts[one.level], one)
        ]
        before, after = (compare_surfaces(surface, truth.surfaces[one.level]).assd_mm for surface in surfaces)
        rows.append({"case": case.name, "level": one.level, "method": method, "size": size})
        rows[-1] |= {"assd_before_mm": before, "assd_mm": after}
    return rows


def kept_run(case: Path, method: str, size: float, out: Path) -> list[dict[str, Any]]:
    """The same, from its file where there is one."""
    path = out / method / f"{case.name}-{size:g}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(run(case, method, size), indent=1) + "\n"
        path.with_suffix(".partial").write_text(text, encoding="utf-8")
        path.with_suffix(".partial").rename(path)
        print(method, case.name, f"{size:g}", flush=True)
    return json.loads(path.read_text(encoding="utf-8"))


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Share of success against the size of the start's error."""
    figure = Figure(figsize=(6, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for method in dict.fromkeys(row["method"] for row in rows):
        sizes = sorted({row["size"] for row in rows if row["method"] == method})
        shares = [
            np.mean([row["assd_mm"] < GOOD_MM for row in rows if row["method"] == method and row["size"] == size])
            for size in sizes
        ]
        axis.plot(sizes, shares, ".-", label=method)
        print(method, " ".join(f"{size:g}: {share:.2f}" for size, share in zip(sizes, shares, strict=True)))
    axis.set(xlabel="start off by so many mm and degrees", ylabel=f"share with ASSD under {GOOD_MM:g} mm", ylim=(0, 1))
    axis.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--sizes", nargs="+", type=float, default=SIZES)
    parser.add_argument("--most", type=int, default=1000, help="cases")
    arguments = parser.parse_args()
    cases = find_cases(arguments.cases)[: arguments.most]
    rows = [
        row
        for case in cases
        for size in arguments.sizes
        for method in arguments.methods
        for row in kept_run(case, method, size, arguments.out)
    ]
    draw(rows, arguments.out / "capture_range.png")


if __name__ == "__main__":
    main()
