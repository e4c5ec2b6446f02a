"""A spine for tests of the body: landmarks only, crooked to one side so that a mirrored body is found out."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.simulate.nouns import TrueVertebra
from SpineDARTLib.simulate.patient.spine import Disc, Spine
from SpineDARTLib.simulate.patient.trunk import BodySettings
from SpineDARTLib.types import LEVELS, Vertebra

COARSE = BodySettings(soft_spacing_mm=5.0, bone_spacing_mm=2.4, arm_chance=0.0, vacuum_chance=0.0)
PARTS = {
    "spinous_process": (0.0, -58.0, -18.0),
    "pedicle": (12.0, -18.0, 5.0),
    "transverse_process": (32.0, -35.0, 4.0),
}


def toy_vertebra(level: str) -> TrueVertebra:
    """One vertebra; 22 mm apart in the chest, 34 mm in the loins, T1 at 250 mm."""
    number = LEVELS.index(level)
    pose = np.eye(4)
    pose[:3, 3] = [
        0.02 * (number - 4.0) ** 2,
        6.0 * np.sin(0.5 * number),
        250.0 - 22.0 * number - 12.0 * max(number - 11, 0),
    ]
    landmarks = {"spinous_process": pose[:3, 3] + np.array(PARTS["spinous_process"])}
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for part in ("pedicle", "transverse_process"):
            landmarks[f"{side}_{part}"] = pose[:3, 3] + np.array(PARTS[part]) * [sign, 1.0, 1.0]
    none = np.zeros((0, 3))
    return TrueVertebra(Vertebra(level, pose, 1.0, np.zeros(1)), none, none.astype(int), landmarks, {})


def toy_spine() -> Spine:
    """T1 to L5; ``Spine``'s curve is of no concern to the body."""
    vertebrae = {level: toy_vertebra(level) for level in LEVELS}
    where = vertebrae["L3"].vertebra.pose[:3, 3] - [0.0, 0.0, 17.0]
    disc = Disc("L3", "L4", where, np.eye(3), 9.0, 22.0, 16.0)
    spine = object.__new__(Spine)
    parts = {"vertebrae": vertebrae, "stubs": (), "discs": (disc,), "facing": np.array([0.0, 1.0, 0.0])}
    for name, value in parts.items():
        object.__setattr__(spine, name, value)
    return spine


def height_of(level: str) -> float:
    """Z of a body's centre."""
    return float(toy_vertebra(level).vertebra.pose[2, 3])


def share_where(values: np.ndarray, mask: np.ndarray) -> float:
    """Mean of the values where a mask is true, the mask broadcast."""
    return float(values[np.broadcast_to(mask, values.shape)].mean())
