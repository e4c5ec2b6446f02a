"""Pictures with what was found in them beside the truth, for looking at a training of the detector."""

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
IN_ROW = 3
"""Pairs of truth and answer side by side."""
SHOWN_SHARE = 0.6
"""Least share of a vertebra in the picture whose true outline is drawn."""
SCORE = 0.3
WINDOW_PERCENTILES = (1.0, 99.5)
"""Of the grey values in the picture's middle, as one sets the window on the spine: metal, text and what lies behind the
blades are left to saturate."""
COLOURS = ("#ffd60a", "#5bd1ff", "#ff8a3d", "#7dff8a")
"""Of neighbouring vertebrae, so that overlapping outlines can be told apart."""
BODY, POSTERIOR = slice(0, 4), slice(4, 10)


def draw_examples(network: Network, samples: Sequence[Sample], device: str, path: Path) -> None:
    """Up to six pairs, left the truth and right what was found: outline, level and landmarks (dots on the body,
    crosses behind it) of each vertebra; what was found with the level's probability."""
    from matplotlib.figure import Figure

    chosen = list(samples[:: max(len(samples) // SHOWN, 1)][:SHOWN])
    batch = on_device(collate(chosen), device)
    found = find_vertebrae(network, batch.images, SCORE)
    rows = -(-len(chosen) // IN_ROW)
    figure = Figure(figsize=(3.3 * 2 * IN_ROW, 3.55 * rows), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, 2 * IN_ROW, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (sample, one) in enumerate(zip(chosen, found, strict=True)):
        row, column = divmod(number, IN_ROW)
        left, right = axes[row][2 * column], axes[row][2 * column + 1]
        _draw_truth(left, sample)
        _draw_found(right, sample, one)
    figure.savefig(path, dpi=90)


def _picture(axis: Any, sample: Sample, title: str) -> None:
    edge = len(sample.image) // 5
    low, high = np.percentile(sample.image[edge:-edge, edge:-edge], WINDOW_PERCENTILES)
    axis.imshow(sample.image.astype(np.float32), cmap="gray", vmin=low, vmax=max(high, low + 1))
    axis.set_title(title, fontsize=8)
    axis.set(xlim=(-0.5, len(sample.image) - 0.5), ylim=(len(sample.image) - 0.5, -0.5))


def _draw_truth(axis: Any, sample: Sample) -> None:
    _picture(axis, sample, f"{sample.subject}: truth")
    for number, level in enumerate(sample.levels):
        if sample.shares[number] < SHOWN_SHARE:
            continue
        colour, marks = COLOURS[int(level) % len(COLOURS)], sample.landmarks[number]
        _outline(axis, sample.crops[number, 0] / 255.0, sample.boxes[number], colour)
        _name(axis, marks[BODY].mean(0), LEVELS[int(level)], colour)
        if sample.visibility[number].any():  # of a case without labels only the centre is known
            _landmarks(axis, marks, colour)


def _draw_found(axis: Any, sample: Sample, found: Found) -> None:
    _picture(axis, sample, f"{len(found.scores)} found")
    for number in range(len(found.scores)):
        box = found.rois[number].cpu().numpy() - 0.5
        share, level = found.levels[number].max(0)
        colour = COLOURS[int(level) % len(COLOURS)]
        _outline(axis, found.crops.mask[number].sigmoid().cpu().numpy(), box, colour)
        marks = box[:2] + found.crops.mean[number].cpu().numpy() * (box[2:] - box[:2])
        _landmarks(axis, marks, colour)
        _name(axis, found.centres[number].cpu().numpy(), f"{LEVELS[int(level)]} {100 * float(share):.0f}%", colour)


def _outline(axis: Any, chance: np.ndarray, box: np.ndarray, colour: str) -> None:
    """Where a mask stretched to a box (left, top, right, bottom) is a half."""
    side = len(chance)
    cells = (np.arange(side) + 0.5) / side
    if chance.min() < 0.5 < chance.max():
        x, y = (box[axis_] + cells * (box[axis_ + 2] - box[axis_]) for axis_ in (0, 1))
        axis.contour(x, y, chance, [0.5], colors=[colour], linewidths=0.9)


def _landmarks(axis: Any, marks: np.ndarray, colour: str) -> None:
    axis.plot(*marks[BODY].T, ".", color=colour, markersize=3)
    axis.plot(*marks[POSTERIOR].T, "x", color=colour, markersize=3, markeredgewidth=0.8)


def _name(axis: Any, place: np.ndarray, words: str, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    edge = [withStroke(linewidth=2.0, foreground="black")]
    axis.text(*place, words, color=colour, fontsize=7, ha="center", va="center", clip_on=True, path_effects=edge)
