"""How well cameras are recovered: from clicks on simulated points, and together with the fit on simulated X-rays.

    python Testing/benchmarks/geometry_recovery.py clicks --out output/geometry
    python Testing/benchmarks/geometry_recovery.py fits FOLDER --out output/geometry --cases verse005a-aplat ...

``clicks``: the second view of a pair is off by up to 5 mm and 2 degrees about every axis; points about a lumbar spine
are clicked with 1.5 px of noise. ``fits``: the second view of a case is off by 2 mm and 1 degree; what the fit loses by
that, and what refining the cameras brings back. Nobody is fitted with a model that has seen them. Both write JSON and a
table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.geometry.bundle import NUMBERS, corrected_view
from SpineDARTLib.geometry.c_arm import c_arm_camera
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.camera_prior import CameraPrior
from SpineDARTLib.geometry.relative_pose import recover
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.types import View

SPINE_MM = np.array([[-25.0, -40.0, -60.0], [25.0, 20.0, 60.0]])
"""Box about the isocentre from which points are drawn: three lumbar vertebrae with their processes."""
OFF_MM, OFF_DEG, NOISE_PX = 5.0, 2.0, 1.5
PRIOR = CameraPrior(OFF_MM / np.sqrt(3), OFF_DEG / np.sqrt(3))  # the deviation of a uniform error
SPACING_MM, SIZE = 0.388, 768
ERROR_MM, ERROR_DEG = 2.0, 1.0


def c_arm_view(name: str, primary_deg: float, secondary_deg: float) -> View:
    spacing, shape = (SPACING_MM, SPACING_MM), (SIZE, SIZE)
    camera = c_arm_camera(primary_deg, secondary_deg, 1020.0, 530.0, spacing, shape)
    return View(name, np.zeros((2, 2), np.float32), *camera, spacing, 1020.0)


def pair_of_views(kind: str, generator: np.random.Generator) -> tuple[View, View]:
    """AP and lateral, or any two beams at least 30 degrees apart."""
    if kind == "AP/LAT":
        angles = [(generator.normal(0, 3), generator.normal(0, 3)), (generator.normal(90, 3), generator.normal(0, 3))]
    else:
        first = generator.uniform(-180, 180)
        second = first + generator.choice([-1, 1]) * generator.uniform(30, 120)
        angles = [(first, generator.uniform(-25, 25)), (second, generator.uniform(-25, 25))]
    one, other = (c_arm_view(name, *pair) for name, pair in zip(("first", "second"), angles, strict=True))
    return one, other


def camera_error(found: View, true: View, across: np.ndarray) -> dict[str, float]:
    """How far the world of one camera is from the other's at the isocentre."""
    motion = np.linalg.inv(true.world_to_camera) @ found.world_to_camera
    turn = np.rad2deg(np.linalg.norm(Rotation.from_matrix(motion[:3, :3]).as_rotvec()))
    return {"mm": float(np.linalg.norm(motion[:3, 3])), "across_mm": abs(float(motion[:3, 3] @ across)), "deg": turn}


def click_trial(kind: str, count: int, outliers: int, generator: np.random.Generator) -> dict[str, Any]:
    """One recovery: errors of the camera and of the points before and after."""
    true = pair_of_views(kind, generator)
    points = generator.uniform(SPINE_MM[0], SPINE_MM[1], (count, 3))
    pixels = np.stack([project(points, view) for view in true], axis=1)
    pixels += NOISE_PX * generator.normal(size=pixels.shape)
    wrong = generator.permutation(count)[:outliers]
    for one in wrong:  # another structure: 6 to 25 mm away on the detector, in one view
        turn = generator.uniform(0, 2 * np.pi)
        pixels[one, generator.integers(2)] += generator.uniform(15, 65) * np.array([np.cos(turn), np.sin(turn)])
    off = np.zeros(NUMBERS)
    off[:3] = generator.uniform(-OFF_MM, OFF_MM, 3)
    off[3:6] = np.deg2rad(generator.uniform(-OFF_DEG, OFF_DEG, 3))
    given = (true[0], corrected_view(true[1], off, np.zeros(3)))
    found = recover(pixels, given, PRIOR, NOISE_PX, seed=0)
    across = np.cross(true[0].axis, true[1].axis)
    across /= np.linalg.norm(across)
    right = np.delete(np.arange(count), wrong)
    row: dict[str, Any] = {"refused": not found.identifiable, "words": found.words}
    row |= {"missed": int(found.inliers[wrong].sum()), "lost": int((~found.inliers[right]).sum())}
    for name, views in (("before", given), ("after", found.views)):
        where = np.array([triangulate(pixels[one], views)[0] for one in right])
        row[name] = camera_error(views[1], true[1], across)
        row[name] |= {"points_mm": rms(where - points[right]), "shape_mm": rms(aligned(where, points[right]))}
    row["before"]["px"] = float(np.mean(list(found.residual_before_px.values())))
    row["after"]["px"] = float(np.mean(list(found.residual_after_px.values())))
    return row


def rms(offsets: np.ndarray) -> float:
    return float(np.sqrt((offsets**2).sum(1).mean()))


def aligned(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """What is left between corresponding points after the best rigid motion."""
    source, target = found - found.mean(0), true - true.mean(0)
    return Rotation.align_vectors(target, source)[0].apply(source) - target


def clicks(out: Path, trials: int) -> None:
    """Every setting; medians (and 95th percentiles) before and after."""
    results = []
    measures = ("mm", "deg", "across_mm", "points_mm", "shape_mm", "px")
    print(f"{'views':8}{'clicks':>7}{'wrong':>6}{'refused':>8}{'missed':>7}{'lost':>6}  median (95 %) before -> after")
    for kind in ("AP/LAT", "any"):
        for count, outliers in ((5, 0), (8, 0), (8, 1), (8, 2), (12, 0), (12, 3)):
            generator = np.random.default_rng([count, outliers])
            rows = [click_trial(kind, count, outliers, generator) for _ in range(trials)]
            used = [row for row in rows if not row["refused"]]
            result: dict[str, Any] = {"views": kind, "clicks": count, "wrong": outliers, "trials": trials}
            result |= {"refused": trials - len(used)}
            result |= {name: sum(row[name] for row in rows) for name in ("missed", "lost")}
            for name in measures:
                for when in ("before", "after"):
                    values = [row[when][name] for row in used]
                    result[f"{name}_{when}"] = [float(np.percentile(values, q)) for q in (50, 95)] if used else None
            results.append(result)
            words = [
                f"{name} {_words(result[f'{name}_before'])} -> {_words(result[f'{name}_after'])}" for name in measures
            ]
            head = f"{kind:8}{count:7}{outliers:6}{result['refused']:8}{result['missed']:7}{result['lost']:6}"
            print(f"{head}  {'; '.join(words)}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "clicks.json").write_text(json.dumps(results, indent=1))


def _words(pair: list[float] | None) -> str:
    return "-" if pair is None else f"{pair[0]:.2f} ({pair[1]:.2f})"


def wrong_view(view: View, other: View, kind: str, pivot_mm: np.ndarray, generator: np.random.Generator) -> View:
    """A view off by 2 mm and 1 degree in chance directions, or by 2 mm across both beams."""
    off = np.zeros(NUMBERS)
    if kind == "across":
        across = np.cross(view.axis, other.axis)
        off[:3] = ERROR_MM * generator.choice([-1, 1]) * across / np.linalg.norm(across)
    else:
        shift, turn = generator.normal(size=(2, 3))
        off[:3] = ERROR_MM * shift / np.linalg.norm(shift)
        off[3:6] = np.deg2rad(ERROR_DEG) * turn / np.linalg.norm(turn)
    return corrected_view(view, off, pivot_mm)


def fits(folder: Path, names: list[str], kinds: list[str], out: Path, levels: int) -> None:
    """Each case with the true camera, with a chance error, and with one across both beams; without and with
    refinement (the first fit of a run with refinement is the one without)."""
    import torch

    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    file = out / "fits.json"
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        for kind in kinds:
            rows += fit_rows(folder / name, kind, levels, np.random.default_rng(list(name.encode())))
            file.write_text(json.dumps(rows, indent=1))
            last = rows[-1]
            print(name, kind, last["words"], f"mm off across {last['across_before']:.2f} -> {last['across_after']:.2f}",
                  flush=True)  # fmt: skip
    for kind in kinds:
        mine = [row for row in rows if row["kind"] == kind]
        print(f"\n{kind}: {len(mine)} vertebrae, refined in {sum(row['accepted'] for row in mine)}")
        for when in ("without", "with"):
            medians = {key: np.median([row[when][key] for row in mine]) for key in mine[0][when]}
            print(f"  {when:8}", ", ".join(f"{key} {value:.3f}" for key, value in medians.items()))


def fit_rows(folder: Path, kind: str, levels: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """One row a vertebra."""
    from SpineDARTLib.config import RefinementSettings, Settings
    from SpineDARTLib.geometry.refined import refined_views
    from SpineDARTLib.io.case import read_case
    from SpineDARTLib.io.truth import read_subject, read_truth
    from SpineDARTLib.pipeline import load_models, plan_case

    case, truth, subject = read_case(folder), read_truth(folder), read_subject(folder)
    models = load_models((subject,))
    chosen = [seed.level for seed in case.seeds if seed.level in models and seed.level in truth.surfaces][:levels]
    pivot_mm = np.mean([truth.surfaces[level][0].mean(0) for level in chosen], axis=0)
    first, second = case.views[:2]
    given = second if kind == "true" else wrong_view(second, first, kind, pivot_mm, generator)
    views = (first, given, *case.views[2:])
    settings = Settings(refinement=RefinementSettings(on=True))
    states, plans = [], None
    planning = plan_case(replace(case, views=views), settings, chosen, (subject,))
    while plans is None:
        try:
            states.append(next(planning))
        except StopIteration as end:
            plans = end.value
    before = {one.level: one for one in next(state for state in states if state.stage == "done").vertebrae}
    found = plans[0].refinement
    after = refined_views(views, found)
    across = np.cross(first.axis, second.axis) / np.linalg.norm(np.cross(first.axis, second.axis))
    errors = [_at(view, second, pivot_mm) @ across for view in (given, after[1])]
    rows = []
    for plan in plans:
        level, fitted = plan.fitted.level, plan.fitted.vertebra
        if fitted is None or level not in before:
            continue
        row = {"case": folder.name, "kind": kind, "level": level, "accepted": found.accepted, "words": found.words}
        row |= {"across_before": abs(float(errors[0])), "across_after": abs(float(errors[1]))}
        for when, vertebra, used in (("without", before[level], views), ("with", fitted, after)):
            model = models[level]
            surface = vertebra.place(model.instance(level, vertebra.coefficients))
            row[when] = measured(surface, model.faces, truth.surfaces[level], used, case.views)
        rows.append(row)
    return rows


def _at(found: View, true: View, pivot_mm: np.ndarray) -> np.ndarray:
    """(3,) mm by which a camera's world is shifted at a point."""
    motion = np.linalg.inv(true.world_to_camera) @ found.world_to_camera
    return motion[:3, :3] @ pivot_mm + motion[:3, 3] - pivot_mm


def measured(surface: np.ndarray, faces: np.ndarray, true: Any, used: Any, views: Any) -> Mapping[str, float]:
    """Dice and mean distance where it stands and after the best shift; pixels between the outlines that a user sees on
    the X-rays (with the cameras used) and the true ones."""
    from SpineDARTLib.evaluate.metrics import compare_surfaces
    from SpineDARTLib.overlay import silhouette

    here, shifted = compare_surfaces((surface, faces), true), surface.copy()
    tree = KDTree(true[0])
    for _ in range(15):
        shifted += (true[0][tree.query(shifted)[1]] - shifted).mean(0)
    outlines = []
    for mine, view in zip(used, views, strict=True):
        drawn, wanted = (np.concatenate(silhouette(project(points, camera), mesh))
                         for points, camera, mesh in ((surface, mine, faces), (true[0], view, true[1])))  # fmt: skip
        outlines += [KDTree(wanted).query(drawn)[0].mean(), KDTree(drawn).query(wanted)[0].mean()]
    return {
        "dice": here.dice,
        "assd_mm": here.assd_mm,
        "assd_shifted_mm": compare_surfaces((shifted, faces), true).assd_mm,
        "outline_px": float(np.mean(outlines)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("clicks", "fits"))
    parser.add_argument("folder", type=Path, nargs="?", help="folder of cases with truth")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", nargs="*", default=[])
    parser.add_argument("--kinds", nargs="*", default=["true", "chance", "across"], help="of the error of a camera")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--levels", type=int, default=3, help="most vertebrae a case")
    arguments = parser.parse_args()
    if arguments.what == "clicks":
        clicks(arguments.out, arguments.trials)
    else:
        fits(arguments.folder, arguments.cases, arguments.kinds, arguments.out, arguments.levels)


if __name__ == "__main__":
    main()
