"""How well 2D-GeoPlan, the published method's baseline, places cannulas when clicks are off.

The transferred cannulas of true vertebrae are projected into their case's views, each end is moved at random, and the
lines are triangulated again. What comes of it is judged in the true vertebra: error of ends and direction, and breaches
of an 11G needle and of the paper's 5 mm cylinder. As in the paper a vertebra counts as planned when neither side
breaches.

    python Testing/benchmarks/two_view_noise.py ../shared/cases --out output/two_view
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineDARTLib.evaluate.true_anatomy import true_anatomy
from SpineDARTLib.geometry.camera import project, project_with_depth
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.plan import two_view
from SpineDARTLib.plan.cannula import NEEDLE_DIAMETERS_MM, REFERENCE_DIAMETER_MM, transfer
from SpineDARTLib.plan.safety import assess
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import Cannula, View

NOISE_PX = (0.0, 0.5, 1.0, 2.0, 3.0)
NEEDLES_MM = {"11G": NEEDLE_DIAMETERS_MM[11], "5 mm": REFERENCE_DIAMETER_MM}

Trial = tuple[str, tuple[View, ...], PreparedSurface, tuple[Cannula, Cannula]]


def trials(folder: Path, keep: Path | None) -> Iterator[Trial]:
    """Kind of case, its views, a true surface and the cannulas transferred onto it."""
    for path in sorted(folder.glob("*/case.json")):
        case, truth = read_case(path), read_truth(path.parent)
        kind = "AP/LAT" if "aplat" in case.id else "random"
        for level in truth.surfaces:
            found = true_anatomy(level, truth, keep)
            if found is not None:
                surface = prepare(*truth.surfaces[level], found.anatomy)
                yield kind, case.views, surface, transfer(found.carried_mm, found.model, NEEDLES_MM["11G"])


def noisy(
    cannula: Cannula, views: tuple[View, ...], noise_px: float, ends: float, generator: np.random.Generator
) -> dict:
    """The cannula's line in each view; ``ends`` times the noise along it."""
    lines = {}
    for view in views:
        line = project(cannula.path_mm, view)
        along = (line[1] - line[0]) / max(float(np.linalg.norm(line[1] - line[0])), 1e-9)
        move = noise_px * generator.standard_normal((2, 2))
        lines[view.name] = line + move + (ends - 1.0) * np.outer(move @ along, along)
    return lines


def measured(true: Cannula, found: two_view.Triangulated, surface: PreparedSurface) -> dict[str, float | str]:
    """One triangulated cannula against the true one, and in the true vertebra."""
    row: dict[str, float | str] = {"status": found.status, "room_mm": -np.inf}
    if found.cannula is None:
        return row
    ends = np.linalg.norm(found.cannula.path_mm - true.path_mm, axis=1)
    one, other = (cannula.target_mm - cannula.entry_mm for cannula in (true, found.cannula))
    angle = np.rad2deg(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other))
    safety = assess(replace(found.cannula, diameter_mm=NEEDLES_MM["11G"]), surface)
    room = safety.clearance_mm + NEEDLES_MM["11G"] / 2 if safety.status == "measured" else -np.inf
    return row | {"entry_mm": ends[0], "target_mm": ends[1], "angle_deg": float(angle), "room_mm": room}


def summary(pairs: list[tuple[dict, dict]]) -> dict[str, float | int | dict]:
    """Of vertebrae (left and right cannula), all repeats together."""
    rows = [row for pair in pairs for row in pair]
    seen = [row for row in rows if "entry_mm" in row]
    result: dict[str, float | int | dict] = {"vertebrae": len(pairs), "triangulated": len(seen) / len(rows)}
    for name in ("entry_mm", "target_mm", "angle_deg"):
        values = [row[name] for row in seen]
        result[f"{name}_median"], result[f"{name}_p95"] = (float(np.percentile(values, share)) for share in (50, 95))
    for needle, diameter in NEEDLES_MM.items():
        room = np.array([min(row["room_mm"] for row in pair) for pair in pairs]) - diameter / 2
        result[f"success {needle}"], result[f"keeps 1 mm {needle}"] = (
            float((room >= 0).mean()),
            float((room >= 1).mean()),
        )
    statuses = [row["status"] for row in rows]
    result["statuses"] = {status: statuses.count(status) / len(rows) for status in sorted(set(statuses))}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("output") / "two_view")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ends", type=float, default=1.0, help="noise along the line, times that across it")
    parser.add_argument("--keep", type=Path, help="folder for the true anatomies, kept from run to run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    pairs, pixels_mm, start = defaultdict(list), defaultdict(list), time.perf_counter()
    for kind, views, surface, cannulas in trials(options.folder, options.keep):
        middle = cannulas[0].target_mm[None]
        pixels_mm[kind] += [float(project_with_depth(middle, view)[1][0] / view.intrinsics[0, 0]) for view in views]
        for noise in NOISE_PX:
            for _ in range(options.repeats if noise else 1):
                pair = []
                for true in cannulas:
                    lines = noisy(true, views, noise, options.ends, generator)
                    found = two_view.triangulate(lines, views, true.side, true.diameter_mm)
                    pair.append(measured(true, found, surface))
                pairs[kind, noise].append(tuple(pair))
    results = {f"{kind} {noise:g} px": summary(pairs[kind, noise]) for kind, noise in sorted(pairs)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"two_view_ends{options.ends:g}.json").write_text(json.dumps(results, indent=1) + "\n")
    for kind, values in pixels_mm.items():
        print(f"{kind}: a pixel is {np.median(values):.2f} mm at the patient")
    print(f"{'views, noise':16} n    found  entry mm     target mm    angle deg    success 11G/5mm  keeps 1 mm 11G/5mm")
    for name, row in results.items():
        errors = "  ".join(f"{row[f'{key}_median']:4.2f} ({row[f'{key}_p95']:4.2f})" for key in
                           ("entry_mm", "target_mm", "angle_deg"))  # fmt: skip
        rates = "     ".join(
            " / ".join(f"{100 * row[f'{what} {needle}']:5.1f}" for needle in NEEDLES_MM)
            for what in ("success", "keeps 1 mm")
        )
        print(f"{name:16} {row['vertebrae']:4d} {100 * row['triangulated']:5.1f} %  {errors}  {rates}")
        print(f"{'':16} " + ", ".join(f"{status} {100 * share:.0f} %" for status, share in row["statuses"].items()))
    print(f"medians (95th percentiles); ends {options.ends:g} x; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
