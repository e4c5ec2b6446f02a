"""Learn how far off a fit is from what it knows of itself, from a benchmark's results, and say how well that works.

    python Testing/benchmarks/calibrate_confidence.py output/benchmark/cases/gradient-ncc --out output/confidence

Prints the weights for ``FitSettings.confidence_weights``, and the rank correlation of expected and true distance when
every person is predicted from the others; draws that comparison.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.fit.confidence import features, learned_features
from SpineDARTLib.types import Evidence

RIDGE = 0.02


def regress(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (1 + features,) of log(mean surface distance): ridge in units of each feature's deviation, constant
    free."""
    middle, width = design.mean(0), design.std(0)
    scaled = (design - middle) / width
    weights = np.linalg.solve(
        scaled.T @ scaled / len(scaled) + RIDGE * np.eye(design.shape[1]),
        scaled.T @ (target - target.mean()) / len(scaled),
    )
    return np.concatenate([[target.mean() - (weights / width) @ middle], weights / width])


def features_of(row: dict, learned: bool) -> np.ndarray:
    """What the expected distance of a result is made from; with what the learned similarity says, where it spoke."""
    spread = np.nan if row["spread_mm"] is None else row["spread_mm"]
    if learned:
        evidence = Evidence(row["similarity"], spread, 0.0, learned_log_mm=float(np.log(row["learned_mm"])))
        return learned_features(evidence, row["mahalanobis"])
    return features(row["similarity"], spread, row["mahalanobis"])


def refused_at(expected: np.ndarray, true: np.ndarray, good_mm: float, bad_mm: float, share: float) -> str:
    """Of the bad fits, how many are refused by the limit that refuses a share of the good ones."""
    good, bad = true < good_mm, true > bad_mm
    if not good.any() or not bad.any():
        return "no good or no bad fits"
    limit = float(np.quantile(expected[good], 1.0 - share))
    found = int((bad & (expected > limit)).sum())
    return f"limit {limit:.2f} mm refuses {found} of {int(bad.sum())} worse than {bad_mm:g} mm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of a benchmark's result files of one method")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [row for path in sorted(arguments.results.glob("*.json")) for row in json.loads(path.read_text())["rows"]]
    rows = [row for row in rows if row["reconstructed"]]
    learned = all(row.get("learned_mm") for row in rows)
    design = np.stack([features_of(row, learned) for row in rows])
    target = np.log([row["assd_mm"] for row in rows])
    people = np.array([row["subject"] for row in rows])
    held_out = np.zeros(len(rows))
    for person in np.unique(people):
        weights = regress(design[people != person], target[people != person])
        held_out[people == person] = weights[0] + design[people == person] @ weights[1:]
    weights = regress(design, target)
    print("vertebrae", len(rows), "people", len(np.unique(people)))
    print(
        "rank correlation of each feature:",
        [round(float(spearmanr(column, target).statistic), 2) for column in design.T],
    )
    print(
        "rank correlation, each person predicted from the others:",
        round(float(spearmanr(held_out, target).statistic), 3),
    )
    print(
        "confidence_learned =" if learned else "confidence_weights =",
        tuple(round(float(weight), 3) for weight in weights),
    )
    true, expected = np.exp(target), np.exp(held_out)
    for limit in (1.5, 1.75, 2.0, 2.5, 3.0):
        bad = true > 2.5
        print(
            f"refusing above {limit} mm: {np.sum(expected > limit)} of {len(rows)}; of {bad.sum()} worse than 2.5 mm "
            f"{np.sum(bad & (expected > limit))}; of {np.sum(true < 1.5)} better than 1.5 mm "
            f"{np.sum((true < 1.5) & (expected > limit))}"
        )
    print("refusing 5 % of the fits better than 3 mm:", refused_at(expected, true, 3.0, 3.0, 0.05))
    arguments.out.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(5.5, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for person in np.unique(people):
        mine = people == person
        axes.plot(expected[mine], true[mine], "o", markersize=4, alpha=0.8, label=person)
    highest = max(true.max(), expected.max()) * 1.05
    axes.plot([0, highest], [0, highest], color="0.6", linewidth=0.8)
    axes.set(xlabel="expected mean surface distance, mm (from the other people)", ylabel="true, mm")
    axes.legend(fontsize=8)
    figure.savefig(arguments.out / "confidence.png")


if __name__ == "__main__":
    main()
