"""Pictures with what was found in them, for looking at a training of the detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..detect.decode import Found, find_vertebrae
from ..detect.network import Network
from ..types import LEVELS
from .batch import collate, on_device
from .samples import Sample

SHOWN = 6


def draw_examples(network: Network, samples: Sequence[Sample], device: str, path: Path) -> None:
    """Up to six pictures: above with the truth, below with boxes, levels, outlines and landmarks as found, and the
    surest vertebra's projection beside its truth in the last row."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    from matplotlib.figure import Figure

    step = max(len(samples) // SHOWN, 1)
    chosen = list(samples[::step][:SHOWN])
    batch = on_device(collate(chosen), device)
    found = find_vertebrae(network, batch.images, 0.3)
    figure = Figure(figsize=(3.2 * len(chosen), 9.6), layout="constrained")
    axes = figure.subplots(3, len(chosen), squeeze=False)
    for column, (sample, one) in enumerate(zip(chosen, found, strict=True)):
        for row in (0, 1):
            axes[row][column].imshow(sample.image.astype(np.float32), cmap="gray")
            axes[row][column].set_axis_off()
        _draw_truth(axes[0][column], sample)
        _draw_found(axes[1][column], one)
        axes[2][column].set_axis_off()
        if len(one.scores):
            chance = one.crops.mask[0].sigmoid()
            shown = np.concatenate([(one.crops.projection[0] * chance).cpu().numpy(), chance.cpu().numpy()], 1)
            axes[2][column].imshow(shown, cmap="gray", vmin=0, vmax=1)
    figure.savefig(path, dpi=70)


def _draw_truth(axis: Any, sample: Sample) -> None:
    for box, level, share, marks in zip(sample.boxes, sample.levels, sample.shares, sample.landmarks, strict=True):
        centre = marks[:4].mean(0)
        axis.text(*centre, LEVELS[int(level)], color="yellow", fontsize=7, clip_on=True)
        axis.plot(*marks.T, ".", color="cyan", markersize=2)
        if share > 0.9:
            left, top, right, bottom = box
            axis.plot(
                [left, right, right, left, left], [top, top, bottom, bottom, top], "-", color="lime", linewidth=0.4
            )
    axis.set(xlim=(0, len(sample.image)), ylim=(len(sample.image), 0))


def _draw_found(axis: Any, found: Found) -> None:
    for number in range(len(found.scores)):
        left, top, right, bottom = found.rois[number].cpu().numpy() - 0.5
        chance = found.crops.mask[number].sigmoid().cpu().numpy()
        side = len(chance)
        x = left + (np.arange(side) + 0.5) / side * (right - left)
        y = top + (np.arange(side) + 0.5) / side * (bottom - top)
        if chance.min() < 0.5 < chance.max():
            axis.contour(x, y, chance, [0.5], colors="orange", linewidths=0.6)
        share, level = found.levels[number].max(0)
        words = f"{LEVELS[int(level)]} {100 * float(share):.0f}% {float(found.scores[number]):.2f}"
        axis.text(*found.centres[number].tolist(), words, color="yellow", fontsize=6, clip_on=True)
        marks = found.crops.mean[number].cpu().numpy() * [right - left, bottom - top] + [left, top]
        axis.plot(*marks[4:].T, ".", color="magenta", markersize=2)
        axis.plot(*marks[:4].T, ".", color="cyan", markersize=2)
