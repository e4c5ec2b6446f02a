"""A scene of Slicer's own, the sample case, and plans that no fit was needed for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from SpineDARTLib.atlas.files import read_region
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.case import read_case
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import (
    Cannula,
    Case,
    FittedVertebra,
    Option,
    Plan,
    Posterior,
    Quality,
    Risk,
    Safety,
    Status,
    Vertebra,
)  # fmt: skip

if TYPE_CHECKING:
    from .rendering import Slicer

NAN = float("nan")

collect_ignore_glob = [] if find_spec("slicer") else ["test_[!a]*.py"]
"""Without slicer-core only ``test_available`` is left, which says so."""


@pytest.fixture
def slicer() -> Iterator[Slicer]:
    """A scene with the logics that the application would give it."""
    from .rendering import Slicer

    made = Slicer()
    yield made
    made.close()


@pytest.fixture
def scene(slicer: Slicer) -> Any:
    return slicer.scene


@pytest.fixture(scope="session")
def sample() -> Case:
    return read_case(resource_folder("sample"))


@pytest.fixture(scope="session")
def lumbar() -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) and (f, 3) of the atlas's lumbar template, about the centre of its body."""
    template = read_region(resource_folder("atlas") / "L1-L5.json").template
    return np.asarray(template.vertices, dtype=np.float64), np.asarray(template.faces, dtype=np.int64)


def _cannula(side: str, centre: np.ndarray, bent: bool = False) -> Cannula:
    out = -1.0 if side == "left" else 1.0
    entry, target = centre + [out * 19.3, -33.0, 7.0], centre + [out * 7.1, 9.0, 2.0]
    via = np.stack([entry + [-out * 5.0, 15.0, -1.0], entry + [-out * 9.0, 29.0, -4.0]]) if bent else None
    return Cannula(side, entry, target, 3.05, "curved" if bent else "safest", via)


def _option(cannula: Cannula, clearance_mm: float) -> Option:
    sides = {"medial": clearance_mm + 0.7, "lateral": clearance_mm, "superior": 3.25, "inferior": NAN}
    grade, breach = ("A", "") if clearance_mm >= 0 else ("B", "lateral")
    checks = {"within_pedicle": clearance_mm >= 0, "mid_height": False}
    numbers = {"tip_depth_fraction": 0.71, "largest_gauge": "11G", "isthmus_width_mm": NAN, "body_direction": None}
    safety = Safety(clearance_mm, sides, 0.31, grade, breach, checks, numbers)
    stations = np.linspace(4.0, 22.0, 10)
    risk = Risk(0.05, 0.8, {"5": -0.2, "50": NAN, "95": 2.2}, stations, np.linspace(0.0, 2.4, 10))
    return Option(cannula, safety, risk, "entry 2.1 mm medial: 1.1 mm more room; still: tip off mid-height")


@pytest.fixture(scope="session")
def make_plan(sample: Case, lumbar: tuple[np.ndarray, np.ndarray]) -> Callable[..., Plan]:
    """A plan of a level where the sample's clicks on it meet."""
    clicks = {seed.level: seed.clicks_px for seed in sample.seeds}

    def make(
        level: str = "L3", clearance_mm: float = 0.6, status: Status = Status.CONVERGED, bent: bool = False
    ) -> Plan:
        pixels = np.array([clicks[level][view.name] for view in sample.views])
        centre = triangulate(pixels, sample.views)[0]
        pose = np.eye(4)
        pose[:3, 3] = centre
        vertebra = Vertebra(level, pose, 1.03, np.array([0.5, -1.25, 1 / 3]))
        quality = Quality({"AP": 1.1, "LAT": NAN}, {"AP": NAN}, 0.9, 1.2, 40, 2.5, {"AP": 0.8})
        history = {
            "pose": np.stack([pose] * 40), "stage": np.array(["coarse"] * 40),
            "loss_image": np.linspace(1.0, 0.2, 40), "loss_shape": np.full(40, NAN),
        }  # fmt: skip
        posterior = Posterior(np.zeros(10), np.eye(10) / 3, 0.4)
        fitted = FittedVertebra(level, status, "as made", vertebra, vertebra, quality, history, posterior)
        options = tuple(
            _option(_cannula(side, centre, bent and side == "right"), clearance_mm + extra)
            for side, extra in (("left", 0.0), ("right", 0.9))
        )
        landmarks = {
            "body_anterior": centre + [0, 17, 0],
            "spinous_process": centre + [1, -60, -14],
            "lost": np.full(3, NAN),
        }
        return Plan(
            fitted,
            centre + lumbar[0],
            lumbar[1],
            landmarks,
            tuple(option.cannula for option in options),
            tuple(option.safety for option in options),
            {side: _rim(side, centre) for side in ("left", "right")},
            options,
        )

    return make


def _rim(side: str, centre: np.ndarray) -> np.ndarray:
    """(18, 3) an oval across the pedicle."""
    angle = np.linspace(0.0, 2 * np.pi, 18, endpoint=False)
    middle = centre + [(-1.0 if side == "left" else 1.0) * 14.5, -18.0, 5.0]
    return middle + np.stack([5.0 * np.cos(angle), np.zeros(18), 7.5 * np.sin(angle)], axis=1)


@pytest.fixture(scope="session")
def plan(make_plan: Callable[..., Plan]) -> Plan:
    """L3, with 0.6 mm on the left, 1.5 mm on the right."""
    return make_plan()


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to the last digit, NaN and all."""
    if dataclasses.is_dataclass(one):
        names = [item.name for item in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, np.ndarray):
        exact = isinstance(other, np.ndarray) and one.dtype == other.dtype and one.shape == other.shape
        return exact and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other) or (one != one and other != other)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: $SPINEDART_PICTURES when somebody wants to look at them."""
    import os

    named = os.environ.get("SPINEDART_PICTURES")
    folder = Path(named) if named else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder
