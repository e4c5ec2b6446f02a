"""People small enough for tests: two pictures of three vertebrae of the atlas, rendered with no body around them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.config import RenderSettings
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.render import Detectors
from SpineDARTLib.train.similarity.distance import cloud_of
from SpineDARTLib.train.similarity.people import Person, TrueFit, write_person
from SpineDARTLib.types import Vertebra
from Testing.conftest import make_view

LEVELS = ("L2", "L3", "L4")
SPACING_MM = 34.0


@lru_cache(maxsize=1)
def models() -> dict[str, ShapeModel]:
    return load_models()


def make_person(number: int) -> Person:
    """AP, lateral and oblique of three vertebrae that differ from person to person."""
    generator = np.random.default_rng(number)
    rank = models()["L3"].rank
    truths, vertebrae = {}, []
    for place, level in enumerate(LEVELS):
        pose = np.eye(4)
        pose[:3, 3] = [0.0, 0.0, SPACING_MM * (1 - place) - 10.0] + generator.normal(0, 2, 3)
        one = Vertebra(level, pose, 1.0 + 0.03 * generator.normal(), 0.7 * generator.normal(size=rank))
        vertices = one.place(models()[level].instance(level, one.coefficients))
        truths[level] = TrueFit(one, cloud_of(vertices, models()[level].faces), np.ones(3, dtype=np.float32))
        vertebrae.append(one)
    views = [make_view(name, angle) for name, angle in (("AP", 3.0), ("LAT", 88.0), ("OBL", 40.0))]
    scene = Scene(LEVELS, models(), RenderSettings())
    scene.gather(300)
    with torch.no_grad():
        drawn = scene.pictures(parameters_of(vertebrae, rank), Detectors.of(views), "torch")[0].sum(0).numpy()
    grey = [np.clip(200.0 * picture, 0, 255).astype(np.uint8) for picture in drawn]
    views = [replace(view, image=picture) for view, picture in zip(views, grey, strict=True)]
    return Person(f"tiny-{number}", tuple(views), truths)


def make_people(folder: Path, count: int) -> Path:
    """A folder with so many, named "tiny-0" ..."""
    for number in range(count):
        write_person(folder / f"person-{number:06d}.npz", make_person(number))
    return folder
