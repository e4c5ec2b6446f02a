"""How well the atlas represents a new person's vertebra: each person's surfaces fitted by models without that person.

    python Testing/benchmarks/atlas_generalisation.py SHARED_DATA [--levels L1,L2] [--rank 20] [--out table.json]

The model is fitted directly to the true surface (pose, size, modes under the prior): what no fit to X-rays can beat.
Distances are of the model's vertices to the true surface and of the true surface's points to the model's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.atlas.files import available_levels, load_model
from SpineDARTLib.atlas.mesh import vertex_normals
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.atlas.refine import fit_model
from SpineDARTLib.atlas.register import NORMAL_MM, Matcher, Target, make_target
from SpineDARTLib.atlas.surfaces import CLOUTHIER_SUBJECT, Surface, read_surfaces
from SpineDARTLib.evaluate.metrics import compare_surfaces


def surface_distances(vertices: np.ndarray, model: ShapeModel, target: Target) -> np.ndarray:
    """Both ways, mm, without what the scan has cut off."""
    match = Matcher(target, NORMAL_MM / 2).forward(vertices, vertex_normals(vertices, model.faces))
    corners = vertices[model.faces]
    dense = np.vstack([vertices, corners.mean(1), (corners + np.roll(corners, 1, axis=1)).reshape(-1, 3) / 2])
    back = KDTree(dense).query(target.points)[0]
    return np.concatenate([match.distance[~target.beyond_cut(vertices)], back])


def measure(surface: Surface, rank: int, directory: Path | None) -> dict[str, object]:
    """One vertebra by a model that has not seen its person, and by that model's mean with pose and size only."""
    model = load_model(surface.level, without=(surface.subject,), rank=rank, directory=directory)
    target = make_target(surface)
    row: dict[str, object] = {"subject": surface.subject, "level": surface.level}
    for name, used in (("mean", model.truncate(0)), ("model", model)):
        fit = fit_model(used, surface.level, target)
        distances = surface_distances(fit.vertices, model, target)
        agreement = compare_surfaces((fit.vertices, model.faces), (surface.vertices, surface.faces))
        row |= {
            f"{name}_median_mm": float(np.median(distances)),
            f"{name}_mean_mm": float(distances.mean()),
            f"{name}_p95_mm": float(np.percentile(distances, 95)),
            f"{name}_dice": agreement.dice,
        }
    row["mahalanobis"] = float(np.linalg.norm(fit.coefficients))
    row["log_scale"] = float(np.log(fit.scale))
    return row


def show(rows: Sequence[dict], keys: Sequence[str]) -> None:
    """A table by level on standard output."""
    print(f"{'level':6}{'n':>3}" + "".join(f"{key:>17}" for key in keys))
    for level in [*sorted({row["level"] for row in rows}, key=lambda name: (name[0] != "T", int(name[1:]))), "all"]:
        chosen = [row for row in rows if level in (row["level"], "all")]
        print(f"{level:6}{len(chosen):3}" + "".join(f"{np.median([row[k] for row in chosen]):17.3f}" for k in keys))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--levels", default="")
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--atlas", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    levels = tuple(options.levels.split(",")) if options.levels else available_levels(options.atlas)
    rows = [
        measure(surface, options.rank, options.atlas)
        for surface in read_surfaces(options.data, levels)
        if surface.subject != CLOUTHIER_SUBJECT
    ]
    for row in rows:
        print(" ".join(f"{key} {value:.2f}" if isinstance(value, float) else f"{value}" for key, value in row.items()))
    show(rows, [key for key in rows[0] if key not in ("subject", "level")])
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
