"""How well the atlas represents a new person's vertebra: real surfaces fitted by models that have not seen the person.

    python Testing/benchmarks/atlas_generalisation.py DATA [--levels L1,L2] [--atlas DIR] [--rank 25]
        [--without-fractures] [--out FILE]

The model is fitted directly to the surface as it was read, not to the stored shape (pose, size, modes under the prior):
what no fit to X-rays can beat. Distances are of the model's vertices to the true surface and of the true surface's
points to the model's. Fractured vertebrae (Genant 2 and 3) and people who are in no atlas at all stand apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.atlas import prior
from SpineDARTLib.atlas.files import RANK, available_levels, load_model
from SpineDARTLib.atlas.refine import fit_model
from SpineDARTLib.atlas.register import make_target
from SpineDARTLib.atlas.sources import Source, by_person, find_sources, shipped_manifest
from SpineDARTLib.atlas.surfaces import Surface, mask_surface, read_person, read_source
from SpineDARTLib.evaluate.atlas_quality import FRACTURED, surface_distances
from SpineDARTLib.evaluate.metrics import compare_surfaces
from SpineDARTLib.io.mesh import outward
from SpineDARTLib.io.volume import read_itk
from SpineDARTLib.types import LEVELS

SPL = {
    "T1": "Model_21_thoracic1.vtk",
    "T2": "Model_22_thoracic2.vtk",
    "T3": "Model_23_thoracic3.vtk",
    "T4": "Model_24_thoracic4.vtk",
    "T5": "Model_36_thoracic5.vtk",
}
"""Surfaces of one person of the SPL head and neck atlas; RAS: spinous processes towards -y, T5 below T1. Rough: T1 has
holes in its lamina, the bodies of T4 and T5 run to a point in front."""
SPL_CUT = {"T5": ("inferior",)}
"""Where the scan ended: T5's lower end is flat."""
VERSE410 = "verse-xr3dmorph/sub-verse410_split-verse267_vert-24-seg-vert_msk_gt.nii.gz"
"""One L5 by itself: the mask holds 1, not VerSe's number. It was shrunk to 64 voxels and its header still says 1 mm: it
is 62 mm wide, where an L5 has 90 or more. Its Dice counts, its distances are too small by that."""


def read_people(folder: Path, levels: tuple[str, ...]) -> Iterator[Surface]:
    """The people that the shipped atlas is built from; published means left out."""
    for sources in by_person(find_sources(folder, shipped_manifest())).values():
        yield from (surface for surface in read_person(sources, levels) if surface.people == 1)


def read_strangers(folder: Path, levels: tuple[str, ...]) -> Iterator[Surface]:
    """People that nothing was ever learned from."""
    for level, name in SPL.items():
        file = f"spl-headneck-T1T5/{name}"
        yield from read_source(Source(folder / file, file, "spl-headneck", level, cut=SPL_CUT.get(level)), levels)
    if "L5" in levels:
        mask, to_ras = read_itk(folder / VERSE410)
        spacing = np.linalg.norm(to_ras[:3, :3], axis=0)
        vertices, faces = mask_surface(mask > 0, spacing[::-1])
        vertices = (vertices[:, ::-1] / spacing) @ to_ras[:3, :3].T + to_ras[:3, 3]
        yield Surface("verse410", "L5", vertices, outward(vertices, faces), VERSE410)


def measure(surface: Surface, group: str, rank: int, directory: Path | None) -> dict[str, object]:
    """One vertebra by a model that has not seen its person, and by that model's mean with pose and size only."""
    model = load_model(surface.level, without=(surface.subject,), rank=rank, directory=directory)
    target = make_target(surface)
    row: dict[str, object] = {"subject": surface.subject, "level": surface.level, "group": group}
    row["genant"] = surface.genant
    for name, used in (("mean", model.truncate(0)), ("model", model)):
        fit = fit_model(used, surface.level, target)
        distances = surface_distances(fit.vertices, model.faces, target)
        row |= {
            f"{name}_median_mm": float(np.median(distances)),
            f"{name}_average_mm": float(distances.mean()),
            f"{name}_p95_mm": float(np.percentile(distances, 95)),
            f"{name}_dice": compare_surfaces((fit.vertices, model.faces), (surface.vertices, surface.faces)).dice,
        }
    row["mahalanobis"] = float(np.linalg.norm(fit.coefficients))
    row["log_scale"] = float(np.log(fit.scale))
    return row


def show(title: str, rows: Sequence[dict], keys: Sequence[str]) -> None:
    """A table by level on standard output: medians, and how many vertebrae are within 1.0 mm and at 0.90 or above."""
    if not rows:
        return
    print(
        f"\n{title}\n{'level':6}{'n':>3}" + "".join(f"{key:>18}" for key in keys) + f"{'<= 1.0 mm':>11}{'>= 0.90':>9}"
    )
    for level in [*(level for level in LEVELS if any(row["level"] == level for row in rows)), "all"]:
        chosen = [row for row in rows if level in (row["level"], "all")]
        figures = "".join(f"{np.median([row[key] for row in chosen]):18.3f}" for key in keys)
        near = sum(row["model_median_mm"] <= 1.0 for row in chosen)
        print(f"{level:6}{len(chosen):3}{figures}{near:11}{sum(row['model_dice'] >= 0.9 for row in chosen):9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--levels", default="")
    parser.add_argument("--rank", type=int, default=RANK)
    parser.add_argument("--atlas", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--without-fractures", action="store_true", help="models that expect no fractures")
    options = parser.parse_args()
    if options.without_fractures:
        prior.PREVALENCE = 0.0
    levels = tuple(options.levels.split(",")) if options.levels else available_levels(options.atlas)
    rows = []
    for people in (read_people, read_strangers):
        for surface in people(options.data, levels):
            fractured = surface.genant is not None and surface.genant >= FRACTURED
            group = "stranger" if people is read_strangers else "fractured" if fractured else "intact"
            rows.append(measure(surface, group, options.rank, options.atlas))
            print(" ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{v}" for k, v in rows[-1].items()), flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    keys = [key for key, value in rows[0].items() if isinstance(value, float)]
    for group, title in (
        ("intact", "Unseen people, not known to be fractured"),
        ("fractured", "Unseen people, fractured (Genant 2 or 3)"),
        ("stranger", "People of no atlas"),
    ):
        show(title, [row for row in rows if row["group"] == group], keys)


if __name__ == "__main__":
    main()
