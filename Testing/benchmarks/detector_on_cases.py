"""What a detector finds in cases with truth, and in pictures that show no spine.

    python -m Testing.benchmarks.detector_on_cases WEIGHTS CASES

Figures by kind of view and by whether the network has learned from the person; then the highest score that noise, a
hand-drawn circle and a flat picture get: it should be low.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from SpineDARTLib.detect.decode import find_vertebrae
from SpineDARTLib.detect.weights import Detector, load_detector
from SpineDARTLib.train.cases import case_samples
from SpineDARTLib.train.samples import Sample
from SpineDARTLib.train.validate import validate

SHOWN = ("vertebrae", "found", "level", "level_one", "iou", "centre_px")


def strange_pictures(size: int) -> dict[str, np.ndarray]:
    """Pictures that nothing should be found in, by name."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size - 0.5
    ring = np.exp(-(((np.hypot(x, y) - 0.3) / 0.01) ** 2))
    smooth = np.cumsum(np.cumsum(generator.normal(size=(size, size)), 0), 1)
    return {
        "noise": generator.normal(size=(size, size)),
        "clouds": smooth,
        "circle": ring,
        "flat": np.zeros((size, size)),
    }


def strange_scores(detector: Detector) -> dict[str, float]:
    """The highest score in each."""
    found = {}
    for name, picture in strange_pictures(detector.network.architecture.size_px).items():
        image = torch.from_numpy(picture.astype(np.float32))[None].to(detector.device)
        scores = find_vertebrae(detector.network, image, 0.0)[0].scores
        found[name] = float(scores.max()) if len(scores) else 0.0
    return found


def main(weights: Path, cases: Path) -> None:
    """Show the tables."""
    detector = load_detector(weights)
    samples = list(case_samples(cases, detector.network.architecture.size_px))
    learned = set(detector.card["subjects"])
    groups: dict[str, Callable[[Sample], bool]] = {
        "all": lambda sample: True,
        "of people held back": lambda sample: sample.subject not in learned,
        "of people learned from": lambda sample: sample.subject in learned,
    }
    began = time.process_time()
    for name, belongs in groups.items():
        chosen = [sample for sample in samples if belongs(sample)]
        if chosen:
            figures = validate(detector.network, chosen, str(detector.device))
            print(f"{name}: {len(chosen)} pictures  " + "  ".join(f"{key} {figures[key]:.3g}" for key in SHOWN))
    print(f"{(time.process_time() - began) / max(2 * len(samples), 1):.2f} processor seconds a picture")
    print("highest scores where there is no spine: " + json.dumps(strange_scores(detector)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
