"""The weight of the learned similarity in the hybrid objective, by fits of simulated people that one may learn from.

    python -m Testing.benchmarks.tune_hybrid --data PEOPLE --weights DIR --out DIR [--fits 24] [--values 0 0.03 0.1 0.3]

The same people, pictures, clicks and starts for every value; ``gradient-ncc`` is the value 0. Nobody who is held back
from trainings is looked at. One file a fit and value; a run goes on where it was. Prints mean and median MASD, and the
share under 1.5 and over 3 mm, by value: what to write into ``FitSettings.learned_weight``.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.config import Settings
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.similarity.learned.weights import load_similarity
from SpineDARTLib.train.similarity.harvest import fit_person
from SpineDARTLib.train.similarity.people import People, Person
from SpineDARTLib.train.similarity.settings import SimilarityTraining

VALUES = (0.0, 0.03, 0.1, 0.3)


def run(person: Person, value: float, number: int, weights: Path) -> list[dict[str, Any]]:
    """One row a vertebra."""
    name = "hybrid" if value > 0 else "gradient-ncc"
    settings = Settings(similarity=name, renderer="torch")
    settings = replace(settings, fit=replace(settings.fit, learned_weight=value))
    models, began = load_models(), time.monotonic()
    learned = load_similarity(weights) if value > 0 else None
    found = fit_person(person, models, settings, np.random.default_rng([5, number]), learned, off_share=0.0)
    if found is None or not found[0]:
        return []
    seconds = (time.monotonic() - began) / len(found[1])
    rows = []
    for one in found[0][-1].vertebrae:
        model, truth = models[one.level], person.truths[one.level]
        surface = one.place(model.instance(one.level, one.coefficients)), model.faces
        row = {"subject": person.subject, "level": one.level, "value": value, "fractured": truth.fractured}
        rows.append({**row, "masd_mm": truth.surface.distance_mm(*surface), "seconds": seconds})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fits", type=int, default=24)
    parser.add_argument("--values", nargs="+", type=float, default=VALUES)
    arguments = parser.parse_args()
    usual = SimilarityTraining(arguments.out, (arguments.data,))
    people = People((arguments.data,), arguments.out / "packs", usual.held_back, usual.held_back_every)
    people.grow()
    rows: dict[float, list[dict[str, Any]]] = {value: [] for value in arguments.values}
    for number in range(arguments.fits):
        person = people.train[number * len(people.train) // arguments.fits]
        for value in arguments.values:
            path = arguments.out / f"{value:g}" / f"{number:04d}.json"
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps(run(person, value, number, arguments.weights), indent=1) + "\n"
                path.with_suffix(".partial").write_text(text, encoding="utf-8")
                path.with_suffix(".partial").rename(path)
            rows[value] += json.loads(path.read_text(encoding="utf-8"))
    for value, found in rows.items():
        masd = np.array([row["masd_mm"] for row in found])
        print(
            f"learned_weight {value:g}: {len(masd)} fits, MASD mean {masd.mean():.2f}, median {np.median(masd):.2f}, "
            f"under 1.5 mm {np.mean(masd < 1.5):.2f}, over 3 mm {np.mean(masd > 3):.2f}, "
            f"{np.median([row['seconds'] for row in found]):.1f} s a vertebra"
        )


if __name__ == "__main__":
    main()
