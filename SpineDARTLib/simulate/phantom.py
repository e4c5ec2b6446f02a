"""A spine drawn from the atlas, laid out along the curve of a standing back, in a torso."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..atlas.model import ShapeModel
from ..types import LEVELS, Vertebra
from .torso import torso_volume
from .volume import Volume, add_bone, empty_volume

LEAN_DEG = {
    "T9": 4.0, "T10": 8.0, "T11": 11.0, "T12": 12.0, "L1": 11.0, "L2": 7.0, "L3": 0.0, "L4": -9.0, "L5": -22.0,
}  # fmt: skip
"""How far the top of a vertebra leans back: kyphosis above, lordosis below (33 degrees from L1 to L5 here; people
differ widely). Levels further up go on at T9's."""

DISC_MM = {"T": 5.5, "L": 10.0}
"""Height of the disc below a thoracic and a lumbar vertebra, about."""


@dataclass(frozen=True)
class Phantom:
    """A simulated patient.

    Attributes:
        volumes: they add up to linear attenuation per mm.
        vertebrae: level to the true vertebra.
        surfaces: level to (vertices (n, 3) RAS mm, faces (f, 3)).
    """

    volumes: tuple[Volume, ...]
    vertebrae: Mapping[str, Vertebra]
    surfaces: Mapping[str, tuple[np.ndarray, np.ndarray]]


def make_phantom(
    models: Mapping[str, ShapeModel],
    centre_mm: np.ndarray,
    generator: np.random.Generator,
    variation: float = 0.7,
    shell_mm: float = 1.0,
    spacing_mm: float = 0.6,
) -> Phantom:
    """Draw one spine.

    Args:
        models: level to its model, adjoining levels; the middle one sits at ``centre_mm``.
        centre_mm: (3,) RAS.
        variation: factor on the coefficients' and sizes' standard deviations.
        shell_mm: thickness of the cortex.
        spacing_mm: of the bone's grid.
    """
    shapes = _draw_shapes(models, generator, variation)
    vertebrae = _lay_out(models, shapes, np.asarray(centre_mm, dtype=np.float64), generator)
    surfaces = {
        level: (vertebra.place(models[level].instance(level, vertebra.coefficients)), np.asarray(models[level].faces))
        for level, vertebra in vertebrae.items()
    }
    every = np.concatenate([vertices for vertices, _ in surfaces.values()])
    bone = empty_volume(every.min(0) - 3.0, every.max(0) + 3.0, spacing_mm)
    for vertices, faces in surfaces.values():
        add_bone(bone, vertices, faces, shell_mm, generator)
    return Phantom((torso_volume(np.asarray(centre_mm), generator), bone), vertebrae, surfaces)


def _draw_shapes(
    models: Mapping[str, ShapeModel], generator: np.random.Generator, variation: float
) -> dict[str, tuple[float, np.ndarray]]:
    """Scale and coefficients of each level: neighbours resemble each other, as one person's vertebrae do."""
    ranks = [model.rank for model in models.values()]
    person, size = generator.standard_normal(max(ranks)), generator.standard_normal()
    drawn = {}
    for level, model in models.items():
        own = 0.8 * person[: model.rank] + 0.6 * generator.standard_normal(model.rank)
        log_scale = variation * model.log_scale_deviation * (0.8 * size + 0.6 * generator.standard_normal())
        # Two deviations and more is where a linear model stops looking like bone.
        drawn[level] = (float(np.exp(log_scale)), np.clip(variation * own, -1.5, 1.5))
    return drawn


def _lay_out(
    models: Mapping[str, ShapeModel],
    shapes: Mapping[str, tuple[float, np.ndarray]],
    centre: np.ndarray,
    generator: np.random.Generator,
) -> dict[str, Vertebra]:
    """Stack the vertebrae with discs between them, leaning as the curve asks, bent and turned a little sideways."""
    levels = sorted(models, key=LEVELS.index)
    bend, twist = np.deg2rad(generator.normal(0.0, 3.0, 2))
    poses, plates = {}, {}
    for place, level in enumerate(levels):
        lean = np.deg2rad(LEAN_DEG.get(level, LEAN_DEG["T9"]) + generator.normal(0.0, 1.5))
        share = place / max(len(levels) - 1, 1) - 0.5
        poses[level] = _rotation(lean, bend * share * 2, twist * (share + 0.5))
        scale, coefficients = shapes[level]
        plates[level] = scale * _endplate_heights(models[level], level, coefficients)
    position, centres = np.zeros(3), {}
    for above, level in zip([None, *levels], levels, strict=False):
        if above is not None:
            position = position + poses[above][:, 2] * (plates[above][0] - DISC_MM[above[0]] / 2)
            position = position - poses[level][:, 2] * (plates[level][1] + DISC_MM[above[0]] / 2)
        centres[level] = position
    shift = centre - centres[levels[len(levels) // 2]]
    vertebrae = {}
    for level in levels:
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = poses[level], centres[level] + shift
        vertebrae[level] = Vertebra(level, pose, *shapes[level])
    return vertebrae


def _endplate_heights(model: ShapeModel, level: str, coefficients: np.ndarray) -> np.ndarray:
    """(2,) heights of the inferior and superior endplate in the model's frame, mm at scale 1."""
    vertices = model.instance(level, coefficients)
    return np.array([vertices[model.regions[f"{name}_endplate"], 2].mean() for name in ("inferior", "superior")])


def _rotation(lean: float, bend: float, twist: float) -> np.ndarray:
    """(3, 3) about the patient's x (top leans back), y (to the side) and z (turned), radians."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(angle), np.sin(angle)) for angle in (lean, bend, twist))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def models_of(levels: Sequence[str]) -> dict[str, ShapeModel]:
    """Each level's model from the shipped atlas, every region read once."""
    from ..atlas.files import load_model

    found: dict[str, ShapeModel] = {}
    for level in levels:
        known = [model for model in found.values() if level in model.levels]
        found[level] = known[0] if known else load_model(level)
    return found
