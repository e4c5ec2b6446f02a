"""Fits that are wrong in a known way: drawn at random, at every size, and those that look right and are not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ...atlas.model import ShapeModel
from ...types import LEVELS, Vertebra
from .settings import Perturbation

HARD = ("above", "below", "neighbour", "mirrored", "model")
"""One level off with the whole column, up or down; alone on a neighbour's place; mirrored, and turned the other way;
another level's shape model."""

Chain = Mapping[str, Vertebra]
"""Place in the column (the true level) to the vertebra that is drawn there; that may be another level's."""


@dataclass(frozen=True)
class Delta:
    """From one vertebra to another of the same model.

    Attributes:
        rotation: (3,) rotation vector in the first one's frame, rad.
        translation_mm: (3,) along the first one's axes.
        log_scale: logarithm of the factor.
        coefficients: (modes,) difference, standard deviations.
    """

    rotation: np.ndarray
    translation_mm: np.ndarray
    log_scale: float
    coefficients: np.ndarray

    def times(self, share: float) -> Delta:
        """So much of it."""
        return Delta(
            share * self.rotation, share * self.translation_mm, share * self.log_scale, share * self.coefficients
        )


def between(first: Vertebra, second: Vertebra) -> Delta:
    """The delta that ``moved`` takes from the first to the second."""
    rotation = first.pose[:3, :3]
    rank = max(len(first.coefficients), len(second.coefficients))
    turn = Rotation.from_matrix(rotation.T @ second.pose[:3, :3]).as_rotvec()
    shift = (second.pose[:3, 3] - first.pose[:3, 3]) @ rotation
    coefficients = _padded(second.coefficients, rank) - _padded(first.coefficients, rank)
    return Delta(turn, shift, math.log(second.scale / first.scale), coefficients)


def moved(vertebra: Vertebra, delta: Delta) -> Vertebra:
    """A vertebra after a delta."""
    pose = vertebra.pose.copy()
    pose[:3, 3] += vertebra.pose[:3, :3] @ delta.translation_mm
    pose[:3, :3] = vertebra.pose[:3, :3] @ Rotation.from_rotvec(delta.rotation).as_matrix()
    rank = max(len(vertebra.coefficients), len(delta.coefficients))
    coefficients = _padded(vertebra.coefficients, rank) + _padded(delta.coefficients, rank)
    return Vertebra(vertebra.level, pose, vertebra.scale * math.exp(delta.log_scale), coefficients)


def _padded(values: np.ndarray, rank: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(rank - len(values))])


def draw_delta(
    generator: np.random.Generator, rank: int, settings: Perturbation, sizes: np.ndarray | None = None
) -> Delta:
    """A random error; ``sizes`` (4,) of turn, shift, size and shape, log-uniform when absent."""
    sizes = draw_sizes(generator, settings) if sizes is None else sizes
    turn = sizes[0] * generator.standard_normal(3) * np.deg2rad(settings.rotation_deg)
    shift = sizes[1] * generator.standard_normal(3) * np.asarray(settings.translation_mm)
    # Early modes hold most of what one sees, and a fit finds them first.
    falling = np.linspace(1.0, 0.4, rank)
    coefficients = sizes[3] * settings.coefficient * falling * generator.standard_normal(rank)
    return Delta(turn, shift, sizes[2] * settings.log_scale * float(generator.standard_normal()), coefficients)


def draw_sizes(generator: np.random.Generator, settings: Perturbation) -> np.ndarray:
    """(4,) of turn, shift, size and shape: each log-uniform, or nothing."""
    low, high = np.log(settings.sizes)
    sizes = np.exp(generator.uniform(low, high, 4))
    return np.where(generator.random(4) < settings.still, 0.0, sizes)


def perturbed(chain: Chain, generator: np.random.Generator, settings: Perturbation) -> dict[str, Vertebra]:
    """All vertebrae of a column, wrong alike as far as one draw says, and each in its own way."""
    sizes, alike = draw_sizes(generator, settings), math.sqrt(generator.random())
    flat = generator.random() if generator.random() < settings.flattened else 0.0
    rank = max(len(one.coefficients) for one in chain.values())
    common = draw_delta(generator, rank, settings, sizes)
    found = {}
    for place, one in chain.items():
        own = draw_delta(generator, rank, settings, sizes)
        delta = _mixed(common, own, alike, len(one.coefficients))
        flattened = replace(one, scale=one.scale ** (1.0 - 0.7 * flat), coefficients=(1.0 - flat) * one.coefficients)
        found[place] = moved(flattened, delta)
    return found


def _mixed(common: Delta, own: Delta, alike: float, rank: int) -> Delta:
    """Independent draws mixed so that the variance stays."""
    other = math.sqrt(1.0 - alike**2)
    return Delta(
        alike * common.rotation + other * own.rotation,
        alike * common.translation_mm + other * own.translation_mm,
        alike * common.log_scale + other * own.log_scale,
        (alike * common.coefficients + other * own.coefficients)[:rank],
    )


def hard_negative(
    kind: str, chain: Chain, target: str, models: Mapping[str, ShapeModel], generator: np.random.Generator
) -> dict[str, Vertebra] | None:
    """A column whose target is wrong in a way of ``HARD``; None where this column has no such state."""
    if kind in ("above", "below"):
        step = -1 if kind == "above" else 1
        found = {place: _taken(one, chain, place, step) for place, one in chain.items()}
        kept = {place: one for place, one in found.items() if one is not None}
        return kept if target in kept else None
    wrong = {
        "neighbour": lambda: _taken(chain[target], chain, target, int(generator.choice((-1, 1)))),
        "mirrored": lambda: _mirrored(chain, target, models[target]),
        "model": lambda: _other_model(chain[target], models, generator),
    }[kind]()
    return None if wrong is None else {**chain, target: wrong}


def _taken(one: Vertebra, chain: Chain, place: str, step: int) -> Vertebra | None:
    """Its own shape at a neighbour's place; None without that neighbour."""
    number = LEVELS.index(place) + step
    other = chain.get(LEVELS[number]) if 0 <= number < len(LEVELS) else None
    return None if other is None else replace(one, pose=other.pose.copy())


def _mirrored(chain: Chain, target: str, model: ShapeModel) -> Vertebra:
    """Shape and turn mirrored across the column's own middle plane."""
    one = chain[target]
    frame = Rotation.from_matrix(np.stack([other.pose[:3, :3] for other in chain.values()])).mean().as_matrix()
    flip = np.diag([-1.0, 1.0, 1.0])
    pose = one.pose.copy()
    pose[:3, :3] = frame @ flip @ frame.T @ one.pose[:3, :3] @ flip
    coefficients = -one.coefficients
    if len(model.partner):
        shape = model.instance(one.level, one.coefficients)[model.partner] * [-1.0, 1.0, 1.0]
        coefficients = model.project(one.level, shape)[: len(one.coefficients)]
    return replace(one, pose=pose, coefficients=coefficients)


def _other_model(one: Vertebra, models: Mapping[str, ShapeModel], generator: np.random.Generator) -> Vertebra:
    """Another level's mean shape at the same place."""
    others = [level for level in models if level != one.level]
    level = str(generator.choice(sorted(others, key=LEVELS.index)))
    return Vertebra(level, one.pose.copy(), one.scale, np.zeros(models[level].rank))


def goal(state: Vertebra, truth: Vertebra) -> Vertebra:
    """The truth as the state's model can say it: another level's knows place and size, not the shape."""
    if state.level == truth.level:
        return truth
    return replace(truth, level=state.level, coefficients=np.zeros(len(state.coefficients)))
