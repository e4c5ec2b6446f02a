"""How neighbouring vertebrae stand to each other: the spine as a chain, a prior on its links."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..atlas.model import ShapeModel
from ..types import LEVELS
from .scene import Parameters

SPACING_MM = dict(
    zip(
        LEVELS,
        (20.9, 21.1, 21.0, 21.6, 22.1, 22.6, 23.3, 24.0, 25.4, 27.3, 29.7, 32.4, 34.6, 35.8, 36.5, 36.3, 36.6),
        strict=True,
    )
)
"""From a body's centre to the next one's below (VID keypoints, 2,116 CT scans, deviation 2 to 3 mm)."""

TILT_DEG = {"T12": -1.0, "L1": -4.0, "L2": -9.0, "L3": -12.0, "L4": -14.0}
"""Turn about x from a vertebra to the next one below, negative is lordosis; supine, rounded from seven people
(deviation 2 to 3.5 degrees within a level). Above T12 the kyphosis of ``KYPHOSIS_DEG`` a level."""

KYPHOSIS_DEG = 3.0

SPACING_SIGMA_MM = 3.0
TILT_SIGMA_RAD = math.radians(5.0)
"""Wider than the seven people's spread: fractures wedge a segment by 10 degrees and more."""

BEND_SIGMA_RAD, TWIST_SIGMA_RAD = math.radians(4.0), math.radians(3.5)
"""Of a segment to the side (about y) and about its axis (z): more than twice what 39 links of five people with a CT
show (1.6 and 1.2 degrees), for a scoliosis bends and twists more. With the tilt's 5 degrees an uppermost vertebra that
hardly shows was turned by 15."""

LEAST_DISC_MM = 2.0
DISC_SIGMA_MM = 1.0
"""Endplates nearer than this cost: bodies do not go through each other, however well one's edge fits the other's."""


class ColumnPrior:
    """Half the squared distance, in standard deviations, of every link from the usual one, and no overlap.

    Args:
        levels: of the scene, head to foot; only neighbours in the column are linked.
        models: level to its model (for where its endplates are).
        like: a tensor of the scene's type and device.
    """

    def __init__(self, levels: Sequence[str], models: Mapping[str, ShapeModel], like: Tensor) -> None:
        numbers = [LEVELS.index(level) for level in levels]
        self.links = [place for place in range(len(levels) - 1) if numbers[place + 1] == numbers[place] + 1]
        above = [levels[place] for place in self.links]
        below = [levels[place + 1] for place in self.links]
        self.spacing_mm = like.new_tensor([SPACING_MM[level] for level in above])
        tilt = like.new_tensor([math.radians(TILT_DEG.get(level, KYPHOSIS_DEG)) for level in above])
        cosine, sine, zero, one = tilt.cos(), tilt.sin(), torch.zeros_like(tilt), torch.ones_like(tilt)
        rows = (one, zero, zero, zero, cosine, -sine, zero, sine, cosine)
        self.turn = torch.stack(rows, dim=-1).view(-1, 3, 3)
        self.over = [_endplate(models[level], level, "body_inferior", like) for level in above]
        self.under = [_endplate(models[level], level, "body_superior", like) for level in below]

    def __call__(self, parameters: Parameters) -> Float[Tensor, "starts vertebrae"]:
        """Each link's cost, shared by its two vertebrae."""
        cost = torch.zeros_like(parameters.log_scale)
        if not self.links:
            return cost
        upper = torch.as_tensor(self.links, device=cost.device)
        rotations, places = parameters.rotations(), parameters.translation_mm
        size = 0.5 * (parameters.log_scale[:, upper] + parameters.log_scale[:, upper + 1])
        spacing = (places[:, upper + 1] - places[:, upper]).norm(dim=-1)
        off_mm = spacing - self.spacing_mm * size.exp()
        relative = rotations[:, upper].transpose(-1, -2) @ rotations[:, upper + 1]
        off = self.turn.transpose(-1, -2) @ relative
        # 2 (1 - cos angle): the squared angle for small angles, and smooth at zero.
        squared_angle = 3.0 - off.diagonal(dim1=-2, dim2=-1).sum(-1)
        bend, twist = 0.5 * (off[..., 0, 2] - off[..., 2, 0]), 0.5 * (off[..., 1, 0] - off[..., 0, 1])
        stiffer = bend.square() * (BEND_SIGMA_RAD**-2 - TILT_SIGMA_RAD**-2)
        stiffer = stiffer + twist.square() * (TWIST_SIGMA_RAD**-2 - TILT_SIGMA_RAD**-2)
        overlap = (LEAST_DISC_MM - self._discs_mm(parameters, rotations)).clamp_min(0.0) / DISC_SIGMA_MM
        squared = (off_mm / SPACING_SIGMA_MM).square() + squared_angle / TILT_SIGMA_RAD**2 + stiffer + overlap.square()
        link = 0.25 * squared
        return cost.index_add(1, upper, link).index_add(1, upper + 1, link)

    def _discs_mm(self, parameters: Parameters, rotations: Tensor) -> Float[Tensor, "starts links"]:
        """Height of each disc: between the middles of the endplates that face each other, along the bodies' axis."""
        heights = []
        for place, over, under in zip(self.links, self.over, self.under, strict=True):
            floor, roof = (
                _placed(parameters, rotations, column, *endplate)
                for column, endplate in ((place, over), (place + 1, under))
            )
            axis = rotations[:, place, :, 2] + rotations[:, place + 1, :, 2]
            heights.append(((floor - roof) * axis).sum(-1) / axis.norm(dim=-1))
        return torch.stack(heights, dim=1)


def _endplate(model: ShapeModel, level: str, name: str, like: Tensor) -> tuple[Tensor, Tensor]:
    """A landmark's mean (3,) and what each mode adds to it (modes, 3), mm in the model's frame."""
    anchor = model.landmarks.get(name)
    if anchor is None:  # a model without names: its box
        side = np.argmin if name == "body_inferior" else np.argmax
        index = int(side(model.means[level][:, 2]))
        return like.new_tensor(model.means[level][index]), like.new_tensor(model.basis[:, index])
    basis = np.einsum("kpi,p->ki", model.basis[:, anchor.indices], anchor.weights)
    return like.new_tensor(anchor.on(model.means[level])), like.new_tensor(basis)


def _placed(parameters: Parameters, rotations: Tensor, column: int, mean: Tensor, basis: Tensor) -> Tensor:
    """(starts, 3) RAS mm of a point that rides on a vertebra."""
    point = mean + parameters.coefficients[:, column, : len(basis)] @ basis
    turned = (rotations[:, column] @ point[..., None])[..., 0]
    return parameters.log_scale[:, column, None].exp() * turned + parameters.translation_mm[:, column]
