"""Detections as a network might give them, made from the truth: noisy, missed, false, miscounted, swapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from SpineDARTLib.detect.nouns import Detection, Mark
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.types import LEVELS, View

SIGMA_PX: Mapping[str, float] = {"body": 3.0, "pedicle": 3.0, "transverse": 4.5, "spinous": 4.5, "spinolaminar": 3.5}
"""Deviation of a landmark by what its name holds, pixels of 0.58 mm at the detector."""


@dataclass(frozen=True)
class Truth:
    """A vertebra: where its frame's origin (3,), landmarks and corners (n, 3), which a box is put around, are."""

    level: str
    origin: np.ndarray
    landmarks: Mapping[str, np.ndarray]
    corners: np.ndarray


@dataclass(frozen=True)
class Noise:
    """What goes wrong.

    Attributes:
        factor: of the deviations of landmarks and centres.
        outliers: share of landmarks that are ten times as far off, and do not know it.
        missed, false: shares of the vertebrae of a picture.
        blur: deviation of a vertebra's level probabilities, levels.
        jitter: deviation of each vertebra's own mean level, and of the whole picture's.
        shifted: view's name to so many levels by which all of it is called wrong, without knowing it.
        swapped: share of pairs of neighbours whose levels are exchanged.
        mirrored: share of detections whose left and right landmarks are exchanged.
    """

    factor: float = 1.0
    outliers: float = 0.04
    missed: float = 0.10
    false: float = 0.05
    blur: float = 0.5
    jitter: tuple[float, float] = (0.3, 0.2)
    shifted: Mapping[str, int] | None = None
    swapped: float = 0.0
    mirrored: float = 0.0


def visible(truth: Truth, view: View, margin_px: float = 0.0) -> bool:
    """Whether a vertebra is wholly in a picture."""
    pixels = project(truth.corners, view)
    height, width = view.image.shape
    return bool((pixels > margin_px).all() and (pixels < np.array([width, height]) - 1 - margin_px).all())


def detect_in(
    column: Sequence[Truth], view: View, noise: Noise, generator: np.random.Generator
) -> tuple[tuple[Detection, ...], tuple[str, ...]]:
    """Detections of a picture, in any order, and the true level of each ("" for a false one)."""
    drift = generator.normal(0.0, noise.jitter[1]) + (noise.shifted or {}).get(view.name, 0)
    found: list[tuple[Detection, str]] = []
    for one in column:
        centre = project(one.origin[None], view)[0]
        height, width = view.image.shape
        if (centre < 0).any() or (centre > [width - 1, height - 1]).any():
            continue
        whole = visible(one, view)
        if generator.random() < (noise.missed if whole else 0.4):
            continue
        found.append((_detected(one, centre, drift, view, noise, generator), one.level))
    found = _swapped(found, noise, generator)
    for detection, _ in tuple(found):
        if generator.random() < noise.false:
            found.append((_false(detection, generator), ""))
    order = generator.permutation(len(found))
    return tuple(found[place][0] for place in order), tuple(found[place][1] for place in order)


def _detected(
    one: Truth, centre: np.ndarray, drift: float, view: View, noise: Noise, generator: np.random.Generator
) -> Detection:
    sigma = 3.0 * noise.factor
    mean = LEVELS.index(one.level) + drift + generator.normal(0.0, noise.jitter[0])
    corners = project(one.corners, view)
    return Detection(
        levels_around(mean, noise.blur),
        centre + generator.normal(0.0, sigma, 2),
        sigma**2 * np.eye(2),
        np.r_[corners.min(0), corners.max(0)] + generator.normal(0.0, 2.0, 4),
        _marks(one, view, noise, generator),
        score=float(np.clip(generator.beta(9.0, 1.5), 0.02, 0.98)),
    )


def _marks(one: Truth, view: View, noise: Noise, generator: np.random.Generator) -> dict[str, Mark]:
    mirror = generator.random() < noise.mirrored
    marks = {}
    for name, point in one.landmarks.items():
        sigma = noise.factor * next(value for part, value in SIGMA_PX.items() if part in name)
        lost = generator.random() < noise.outliers
        place = project(point[None], view)[0] + generator.normal(0.0, sigma * (10.0 if lost else 1.0), 2)
        told = {"left": "right", "right": "left"}.get(name.split("_")[0], "") if mirror else ""
        named = f"{told}_{name.split('_', 1)[1]}" if told else name
        stated = sigma * float(np.exp(generator.normal(0.0, 0.2)))
        marks[named] = Mark(place, stated**2 * np.eye(2), float(generator.uniform(0.6, 1.0)))
    return marks


def levels_around(mean: float, blur: float) -> np.ndarray:
    """(17,) probabilities around a level's number."""
    weights = np.exp(-0.5 * ((np.arange(len(LEVELS)) - mean) / blur) ** 2) + 1e-6
    return weights / weights.sum()


def _swapped(
    found: list[tuple[Detection, str]], noise: Noise, generator: np.random.Generator
) -> list[tuple[Detection, str]]:
    """Neighbours' levels exchanged."""
    result = list(found)
    for place in range(len(result) - 1):
        if generator.random() < noise.swapped:
            (one, first), (other, second) = result[place], result[place + 1]
            result[place] = (replace(one, level_probabilities=other.level_probabilities), first)
            result[place + 1] = (replace(other, level_probabilities=one.level_probabilities), second)
    return result


def _false(near: Detection, generator: np.random.Generator) -> Detection:
    """Half a level off a true one, or beside the column; less sure of itself."""
    size = near.box_px[2:] - near.box_px[:2]
    move = size * (generator.uniform(-0.3, 0.3, 2) + [generator.choice([0.0, 0.8]), generator.choice([-0.4, 0.4])])
    marks = {
        name: replace(mark, place_px=mark.place_px + move + generator.normal(0.0, 8.0, 2))
        for name, mark in near.landmarks.items()
    }
    return replace(
        near,
        centre_px=near.centre_px + move,
        box_px=near.box_px + np.tile(move, 2),
        landmarks=marks,
        score=float(generator.uniform(0.2, 0.8)),
    )
