"""A synthetic case in whose pictures a detector finds what stands there, and weights for it that know nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from SpineDARTLib.detect.architecture import TINY
from SpineDARTLib.detect.network import Network
from SpineDARTLib.detect.nouns import Crop, Detection
from SpineDARTLib.detect.weights import save_detector
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import write_case
from SpineDARTLib.types import Case, Seed, View
from Testing.conftest import make_view
from Testing.detect.synthetic import Truth
from Testing.detect.test_matching import CLEAN, detected, fine

LANDMARKS_MM = {
    "body_superior": (0.0, 0.0, 14.0), "body_inferior": (0.0, 0.0, -14.0), "body_anterior": (0.0, 16.0, 0.0),
    "body_posterior": (0.0, -16.0, 0.0), "spinous_process": (0.0, -50.0, -8.0),
}  # fmt: skip


def found_case(folder: Path | None = None, clicks: Sequence[Seed] = ()) -> Case:
    """Two views in which the column of ``test_matching.make_column`` is whole."""
    views = (make_view("AP", 3.0, 2.0, (128, 128)), make_view("LAT", 91.0, -4.0, (128, 128)))
    return Case("synthetic", views, tuple(clicks), folder)


def clicks_on(column: Sequence[Truth], views: Sequence[View], levels: Sequence[str]) -> tuple[Seed, ...]:
    """Seeds with the projected origins of these levels."""
    return tuple(
        Seed(one.level, {view.name: tuple(project(one.origin[None], view)[0].tolist()) for view in views})
        for one in column
        if one.level in levels
    )


def detections_of(column: Sequence[Truth], views: Sequence[View]) -> dict[str, tuple[Detection, ...]]:
    """What a good detector says of a column, with landmarks, and masks that are ellipses in their boxes."""
    marked = [replace(one, landmarks={name: one.origin + place for name, place in LANDMARKS_MM.items()})
              for one in column]  # fmt: skip
    detections, _ = detected(marked, views, fine(CLEAN))
    return {name: tuple(replace(one, mask=ellipse(one.box_px)) for one in found) for name, found in detections.items()}


def ellipse(box: np.ndarray) -> Crop:
    """A mask that fills a box (left, top, right, bottom) as an ellipse does."""
    left, top, right, bottom = np.round(box)
    columns, rows = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
    across, down = (columns - (left + right) / 2) / (right - left) * 2, (rows - (top + bottom) / 2) / (bottom - top) * 2
    return Crop(float(top), float(left), (1.5 - np.hypot(across, down)).clip(0, 1).astype(np.float32))


def fake_detect(detections: Mapping[str, Sequence[Detection]]) -> Callable[..., dict[str, tuple[Detection, ...]]]:
    """In place of ``detect.find.detect``."""

    def detect(views: Sequence[View], detector: object) -> dict[str, tuple[Detection, ...]]:
        return {view.name: tuple(detections[view.name]) for view in views}

    return detect


def tiny_weights(folder: Path, card: Mapping[str, object] | None = None) -> Path:
    """Weights of a network that has learned nothing."""
    network = Network(TINY)
    save_detector(folder, network, network.state_dict(), {"subjects": ["verse005"], **(card or {})})
    return folder


def write_whole(folder: Path, case: Case) -> Path:
    """The case as a folder."""
    write_case(folder, case)
    return folder
