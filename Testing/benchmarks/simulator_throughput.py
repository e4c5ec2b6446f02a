"""Pictures a second that a training can draw, with all labels, on CPU or CUDA; the patients' making told apart.

    python Testing/benchmarks/simulator_throughput.py [--device cuda] [--pictures 64] [--patients 4] [--size-px 512]

On two cores rather run ``spinedart simulate shards OUT --workers 2``, which says its rate: here one process does all.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from SpineDARTLib.simulate.feed import feed
from SpineDARTLib.simulate.imaging.view_settings import ViewSettings
from SpineDARTLib.simulate.settings import SimulationSettings
from SpineDARTLib.simulate.supply import Supply


def throughput(device: str, pictures: int, patients: int, size_px: int, workers: int, seed: int) -> dict[str, float]:
    """Seconds until the first picture (all patients are made first) and pictures a second from then on."""
    supply = Supply(SimulationSettings(seed=seed, views=ViewSettings(size_px=size_px)))
    began = time.perf_counter()
    coming = feed(supply, device, workers, patients, pictures_each=10 * pictures)
    next(coming)
    first = time.perf_counter() - began
    began, labels = time.perf_counter(), 0
    for _, picture in islice(coming, pictures):
        labels += len(picture.labels)
    seconds = time.perf_counter() - began
    return {
        "patient_seconds": round(first / patients, 2),
        "pictures_per_second": round(pictures / seconds, 3),
        "labels_per_picture": round(labels / pictures, 2),
    }


def main() -> None:
    """Command line."""
    import tyro

    def run(
        device: str = "cpu",
        pictures: int = 32,
        patients: int = 2,
        size_px: int = 512,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Measure."""
        found = throughput(device, pictures, patients, size_px, workers, seed)
        sys.stdout.write(json.dumps({"device": device, "size_px": size_px, **found}) + "\n")

    tyro.cli(run)


if __name__ == "__main__":
    main()
