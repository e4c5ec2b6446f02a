"""Where learned gradients lead along real trajectories: before and after rounds of DAgger, against the analytic one.

    python -m Testing.benchmarks.gradient_cosine TRAINING --data PEOPLE --weights NAME=DIR ... --out DIR

TRAINING is the folder of a training: its harvested courses (of people held back) are the trajectories. For every
state: the cosine between the descent direction of the predicted log MASD and the way to the truth (each kind of
parameter in its usual error), whether the way to the truth is said to go down, and the predicted against the true
distance (a reliability plot). "gradient-ncc" is measured in the same regions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from SpineDARTLib.pipeline import load_models
from SpineDARTLib.similarity.learned.weights import load_similarity
from SpineDARTLib.train.similarity.drawing import Drawer
from SpineDARTLib.train.similarity.examples import Maker, Setup
from SpineDARTLib.train.similarity.gradient import Descent, analytic_descent, descent
from SpineDARTLib.train.similarity.harvest import read_courses
from SpineDARTLib.train.similarity.people import People
from SpineDARTLib.train.similarity.settings import Perturbation, SimilarityTraining

BINS_MM = (0.0, 1.0, 2.0, 4.0, 8.0, 40.0)
ANALYTIC = "gradient-ncc"


def setups_of(training: Path, data: Path, most: int) -> list[Setup]:
    """States along the courses of people held back, drawn from all: early ones and late ones."""
    usual = SimilarityTraining(training, (data,))
    people = People((data,), training / "packs", usual.held_back, usual.held_back_every)
    people.grow()
    found = []
    for kept in read_courses(training / "courses"):
        owner = next((person for person in people.validation if kept.fits(person)), None)
        course = kept.course
        for step in range(len(course.target)) if owner is not None else ():
            others = tuple(states[step] for states in course.others.values())
            found.append(Setup(owner, course.pictures, course.level, course.start, course.target[step], others))
    chosen = np.random.default_rng(0).permutation(len(found))[:most]
    return [found[place] for place in sorted(chosen)]


def table(measured: Mapping[str, Sequence[Descent]]) -> str:
    """Medians by the true distance."""
    lines = []
    for name, found in measured.items():
        for low, high in pairwise(BINS_MM):
            own = [one for one in found if low <= one.true_mm < high and one.true < 0]
            if own:
                cosine, downhill = np.median([one.cosine for one in own]), np.mean([one.said < 0 for one in own])
                words = f"{name:20} {low:g} to {high:g} mm: {len(own):4} states, cosine {cosine:.3f}"
                lines.append(f"{words}, downhill {downhill:.2f}")
    return "\n".join(lines)


def draw(measured: Mapping[str, Sequence[Descent]], path: Path) -> None:
    """Cosines by true distance; predicted against true distance."""
    figure = Figure(figsize=(10, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name, found in measured.items():
        true = np.array([one.true_mm for one in found])
        places = np.digitize(true, BINS_MM) - 1
        shown = [place for place in range(len(BINS_MM) - 1) if (places == place).any()]
        cosines = np.array([one.cosine for one in found])
        left.plot(
            [np.median(true[places == p]) for p in shown],
            [np.median(cosines[places == p]) for p in shown],
            "o-",
            label=name,
        )
        if name != ANALYTIC:
            predicted = np.array([one.predicted_mm for one in found])
            right.loglog(true, predicted, ".", markersize=3, alpha=0.6, label=name)
    left.axhline(0.0, color="0.6", linewidth=0.8)
    left.set(xlabel="true MASD, mm", ylabel="cosine with the way to the truth", xscale="log")
    right.plot([0.3, 30], [0.3, 30], color="0.6", linewidth=0.8)
    right.set(xlabel="true MASD, mm", ylabel="predicted, mm")
    left.legend()
    right.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=200, help="states")
    arguments = parser.parse_args()
    setups = setups_of(arguments.training, arguments.data, arguments.most)
    measured: dict[str, list[Descent]] = {}
    models = load_models()
    for text in arguments.weights:
        name, folder = text.split("=", 1)
        network = load_similarity(Path(folder)).network
        maker = Maker(Drawer(models, 1000), network.architecture, Perturbation())
        measured[name] = [found for one in setups if (found := descent(maker, network, one)) is not None]
        if ANALYTIC not in measured:
            measured[ANALYTIC] = [found for one in setups if (found := analytic_descent(maker, one)) is not None]
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = {name: [asdict(one) for one in found] for name, found in measured.items()}
    (arguments.out / "gradient.json").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    draw(measured, arguments.out / "gradient.png")
    print(table(measured))


if __name__ == "__main__":
    main()
