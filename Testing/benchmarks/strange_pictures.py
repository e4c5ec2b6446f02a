"""Pictures that no detector of vertebrae was made for, as pairs through two made-up cameras, and what is said of them.

Noise, clouds, a circle drawn by hand, stripes, nothing at all; and DICOM files of other things, where a folder has any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from scipy.ndimage import gaussian_filter
from tyro.conf import Positional

from SpineDARTLib.detect.find import detect
from SpineDARTLib.detect.propose import propose
from SpineDARTLib.detect.weights import Detector, load_detector
from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import c_arm_camera
from SpineDARTLib.io.image import guess_polarity, read_image, to_attenuation
from SpineDARTLib.types import View

SIDE_PX = 512
DISTANCES_MM = (1020.0, 530.0)
"""From the source to the detector and to the patient."""
PIXEL_MM = (0.582, 0.582)
ANGLES = {"AP": (0.0, 0.0), "LAT": (90.0, 0.0)}


def drawn_pictures(size: int = SIDE_PX) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs (size, size) without any anatomy, by name."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size - 0.5

    def pair(draw) -> tuple[np.ndarray, np.ndarray]:
        return draw(), draw()

    def ring() -> np.ndarray:
        angle = np.arctan2(y, x)
        wobble = sum(generator.normal(0.0, 0.008) * np.sin(n * angle + generator.uniform(0, 6)) for n in range(2, 6))
        return np.exp(-(((np.hypot(x, y) - 0.3 - wobble) / 0.01) ** 2))

    return {
        "noise": pair(lambda: generator.normal(size=(size, size))),
        "soft noise": pair(lambda: gaussian_filter(generator.normal(size=(size, size)), 8)),
        "clouds": pair(lambda: np.cumsum(np.cumsum(generator.normal(size=(size, size)), 0), 1)),
        "hand-drawn circle": pair(ring),
        "stripes": pair(lambda: np.sin(2 * np.pi * (9 * y + generator.uniform()))),
        "body without bone": pair(lambda: np.sqrt(np.maximum(0.16 - (x + generator.normal(0, 0.02)) ** 2, 0.0))),
        "flat": pair(lambda: np.zeros((size, size))),
    }


def stored_pictures(folder: Path) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Neighbouring files of each folder, each with itself where it is alone; what cannot be read is left out."""
    for place in sorted({file.parent for file in folder.rglob("*") if file.is_file()}):
        images = {}
        for file in sorted(place.iterdir()):
            try:
                array, polarity = read_image(file)
            except InputError:
                continue
            images[file.name] = to_attenuation(array, polarity or guess_polarity(array))
        names = list(images)
        for one, other in pairwise(names) if len(names) > 1 else [(name, name) for name in names]:
            yield f"{one} and {other}", (images[one], images[other])


def as_views(pair: Sequence[np.ndarray]) -> tuple[View, ...]:
    """The pictures as if a C-arm had taken them from the front and from the side."""
    views = []
    for (name, angles), image in zip(ANGLES.items(), pair, strict=True):
        height, width = image.shape
        spacing = tuple(step * SIDE_PX / max(height, width) for step in PIXEL_MM)
        camera = c_arm_camera(*angles, *DISTANCES_MM, spacing, (height, width), (0.0, 0.0, 0.0))
        views.append(View(name, image.astype(np.float32), *camera, spacing, DISTANCES_MM[0]))
    return tuple(views)


def strange_findings(detector: Detector, folder: Path | None = None) -> list[dict[str, Any]]:
    """One row a pair: the highest score in each picture, and which levels would be started."""
    pairs = {**drawn_pictures(), **(dict(stored_pictures(folder)) if folder else {})}
    rows = []
    for name, pair in pairs.items():
        views = as_views(pair)
        found = detect(views, detector, 0.0)
        best = {view: max((one.score for one in each), default=0.0) for view, each in found.items()}
        _, proposal = propose(detect(views, detector), views)
        rows.append({"name": name, "best": best, "started": [seed.level for seed in proposal.seeds]})
    return rows


def draw_strange(detector: Detector, pairs: Mapping[str, Sequence[np.ndarray]], file: Path) -> None:
    """A sheet: each picture with the boxes and scores of what was said to be in it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(pairs), 2, figsize=(8, 4 * len(pairs)), squeeze=False)
    for (name, pair), row in zip(pairs.items(), axes, strict=True):
        views = as_views(pair)
        found = detect(views, detector)
        _, proposal = propose(found, views)
        for view, axis in zip(views, row, strict=True):
            axis.imshow(view.image, cmap="gray")
            for one in found[view.name]:
                left, top, right, bottom = one.box_px
                axis.plot([left, right, right, left, left], [top, top, bottom, bottom, top], "y-", linewidth=1)
                axis.text(*one.centre_px, f"{one.score:.2f}", color="yellow", fontsize=7, clip_on=True)
            height, width = view.image.shape
            axis.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        started = ", ".join(seed.level for seed in proposal.seeds) or "nothing"
        row[0].set_title(f"{name}\nstarted: {started}", fontsize=8, loc="left")
    figure.tight_layout()
    figure.savefig(file, dpi=60)


def main(
    weights: Annotated[Positional[Path], tyro.conf.arg(metavar="WEIGHTS")], out: Path, folder: Path | None = None
) -> None:
    """Write a sheet of pictures and show a line a pair."""
    from Testing.benchmarks.detector_plots import strange_lines

    detector = load_detector(weights)
    pairs = {**drawn_pictures(), **(dict(stored_pictures(folder)) if folder else {})}
    draw_strange(detector, pairs, out)
    sys.stdout.write(strange_lines(strange_findings(detector, folder)))


if __name__ == "__main__":
    tyro.cli(main)
