"""How long the detector takes on a picture, and how large its weights are.

``python -m Testing.benchmarks.detector_speed [--weights DIR] [--side 512]``: seconds of one core for one picture of
noise, in which nothing is found or as many vertebrae are looked at as ever may be (24); of random weights of both
budgets, or of a folder. Processor time, so that other programs do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
import tyro

from SpineDARTLib.detect.architecture import CPU, GPU
from SpineDARTLib.detect.find import detect
from SpineDARTLib.detect.network import Network
from SpineDARTLib.detect.weights import Detector, load_detector
from Testing.detect.views import view_of


@dataclass(frozen=True)
class Speed:
    """Seconds a picture and megabytes of weights."""

    weights: Path | None = None
    """Folder of a detector; without it random weights of both budgets."""
    side: int = 512
    """Of the picture."""
    repeats: int = 3
    """The fastest of so many counts."""

    def run(self) -> None:
        """Print one line a detector."""
        torch.set_num_threads(1)
        if self.weights is not None:
            detectors = {str(self.weights): load_detector(self.weights)}
        else:
            detectors = {name: Detector(Network(one).eval(), {}) for name, one in (("cpu", CPU), ("gpu", GPU))}
        image = np.random.default_rng(0).random((self.side, self.side)).astype(np.float32)
        view = replace(view_of(0.0), image=image)
        for name, detector in detectors.items():
            count = sum(value.numel() for value in detector.network.state_dict().values())
            for least in (1.0, 0.0):
                seconds, vertebrae = min(_once(view, detector, least) for _ in range(self.repeats))
                print(f"{name}: {seconds:.2f} s with {vertebrae} vertebrae; {2 * count / 1e6:.1f} MB in float16")


def _once(view, detector: Detector, least: float) -> tuple[float, int]:
    began = process_time()
    found = detect([view], detector, least)[view.name]
    return process_time() - began, len(found)


if __name__ == "__main__":
    tyro.cli(Speed).run()
