"""Where the network's gradient leads against where the truth lies: for measuring, by autograd through the renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...config import SimilaritySettings
from ...fit.objective import support
from ...fit.optimise import MARGIN_MM
from ...fit.scene import Parameters
from ...render import Detectors
from ...similarity import GradientNCC
from ...similarity.learned.nouns import Encoded, Judge
from ...similarity.learned.regions import Region, token_rays
from ...types import LEVELS
from .examples import Maker, Setup
from .losses import LEAST_MM
from .settings import Perturbation
from .states import Delta, moved

FINITE = 0.05
"""Share of the way to the truth over which the true distance's slope is measured."""


@dataclass(frozen=True)
class Descent:
    """Of one state.

    Attributes:
        cosine: between the descent direction and the way to the truth, each kind of parameter in its usual error.
        said: slope of the predicted log mm along the way to the truth, for the whole way. true: the true one's.
        predicted_mm, true_mm: distance of the state.
    """

    cosine: float
    said: float
    true: float
    predicted_mm: float
    true_mm: float


def encode(network: Judge, regions: tuple[Region, ...], start: np.ndarray, level: str) -> Encoded:
    """One vertebra's regions, taken in by a network on the CPU."""

    def stacked(values: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(values).astype(np.float32))[None]

    patch = network.architecture.patch
    return network.encode(
        stacked([region.view.image for region in regions]),
        stacked([region.valid for region in regions]),
        stacked([token_rays(region, start, patch) for region in regions]),
        torch.tensor([LEVELS.index(level)]),
        torch.ones(1, len(regions), dtype=torch.bool),
    )


def descent(maker: Maker, network: Judge, setup: Setup) -> Descent | None:
    """Of a setup; None where it has no regions."""

    def judged(regions: tuple[Region, ...], own: Tensor, rest: Tensor) -> Tensor:
        with torch.no_grad():
            encoded = encode(network, regions, setup.start, setup.state.level)
        return network.compare(encoded, torch.stack([own, rest], dim=2)[None]).log_mm.sum()

    return _measured(maker, setup, judged)


def analytic_descent(maker: Maker, setup: Setup) -> Descent | None:
    """The same of gradient NCC in the same regions; ``said`` is the slope of one less the similarity, ``predicted_mm``
    means nothing (NaN)."""

    def judged(regions: tuple[Region, ...], own: Tensor, rest: Tensor) -> Tensor:
        real = torch.from_numpy(np.stack([region.view.image for region in regions]))
        valid = torch.from_numpy(np.stack([region.valid for region in regions]).astype(np.float32))
        where = support(own[:, None], valid, MARGIN_MM * len(real[0]) / regions[0].side_mm)
        return (1.0 - GradientNCC(real, SimilaritySettings())(own + rest, where)).mean()

    found = _measured(maker, setup, judged)
    return None if found is None else replace(found, predicted_mm=float("nan"))


def _measured(
    maker: Maker, setup: Setup, judged: Callable[[tuple[Region, ...], Tensor, Tensor], Tensor]
) -> Descent | None:
    """Of whatever judges pictures (states, views, height, width) of the vertebra and of the others."""
    regions = maker.regions(setup)
    if regions is None:
        return None
    drawer, state = maker.drawer, setup.state
    detectors = Detectors.of([region.view for region in regions])
    scene, parameters = drawer.scene(state.level), drawer.starts([state])
    for tensor in parameters.tensors():
        tensor.requires_grad_(True)
    own = scene.pictures(parameters, detectors, "auto")[:, 0]
    rest = torch.zeros_like(own)
    with torch.no_grad():
        for other in setup.others:
            rest = rest + drawer.draw([other], detectors)
    value = judged(regions, own, rest)
    value.backward()
    slope, way = _scaled(_gradient(parameters, state.pose), maker.settings, 1), setup.aim()
    ahead = _scaled(way, maker.settings, -1)
    surface = setup.person.truths[setup.level].surface
    here, there = (surface.distance_mm(*drawer.surface(one)) for one in (state, moved(state, way.times(FINITE))))
    # As the losses have it: below their floor nothing is to be told.
    true = 0.5 * float(np.log((there**2 + LEAST_MM**2) / (here**2 + LEAST_MM**2))) / FINITE
    norm = float(np.linalg.norm(slope) * np.linalg.norm(ahead))
    inner = float(slope @ ahead)
    return Descent(-inner / norm if norm > 0 else 0.0, inner, true, float(value.detach().exp()), here)


def _gradient(parameters: Parameters, pose: np.ndarray) -> Delta:
    """The gradient in a delta's words: along the state's own axes."""
    turn, shift, size, shape, _ = (tensor.grad for tensor in parameters.tensors())
    assert turn is not None and shift is not None and size is not None and shape is not None
    axes = pose[:3, :3]
    # Parameters turn about the world's axes, a delta about the vertebra's own.
    return Delta(
        turn[0, 0].numpy() @ axes, shift[0, 0].numpy() @ axes, float(size[0, 0]), shape[0, 0].numpy().astype(float)
    )


def _scaled(delta: Delta, usual: Perturbation, power: int) -> np.ndarray:
    """One vector, each kind in units of its usual error (power -1), or a gradient for such units (power 1)."""
    units = (np.deg2rad(usual.rotation_deg), np.asarray(usual.translation_mm), usual.log_scale, usual.coefficient)
    parts = (delta.rotation, delta.translation_mm, np.array([delta.log_scale]), delta.coefficients)
    return np.concatenate([part * np.asarray(unit) ** float(power) for part, unit in zip(parts, units, strict=True)])
