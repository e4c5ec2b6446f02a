"""From the network's maps to vertebrae, in working pixels (integer at the pixel's centre)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from .architecture import Architecture
from .heads import STRIDE, UNIT_PX, Crops, Dense
from .network import Network, widened

MOST = 24
"""Vertebrae in one picture: T1-L5 are 17."""
LEAST_SCORE = 0.15
REFINED = 3
"""Times that a box is refined before it is looked into. Overlap with the true boxes of people held back, medians: 0.57
as the first stage says, 0.63, 0.68 and 0.69 after one, two and three looks."""
NEAR = 0.22
"""Two centres nearer than this share of a box's mean side are of one vertebra."""


@dataclass(frozen=True)
class Found:
    """The vertebrae of one picture, the surest first; working pixels.

    Attributes:
        scores: (n,).
        boxes: (n, 4) left, top, right, bottom, refined.
        centres: (n, 2) of the bodies, as the first stage sees them.
        links: (n, 2, 2) where the centres of the neighbours above and below should be.
        levels: (n, 17) probabilities.
        rois: (n, 4) what was cut, in edges: pixel 0 reaches from 0 to 1.
        crops: what is in each.
    """

    scores: Tensor
    boxes: Tensor
    centres: Tensor
    links: Tensor
    levels: Tensor
    rois: Tensor
    crops: Crops


@torch.inference_mode()
def find_vertebrae(
    network: Network, images: Float[Tensor, "pictures size size"], least: float = LEAST_SCORE
) -> list[Found]:
    """What is in each picture.

    Args:
        network: in evaluation mode.
        images: working pictures (``canonical.resample``), on the network's device.
        least: score below which nothing is said.
    """
    seen = network.see(images)
    peaks = [_peaks(seen.dense, number, least) for number in range(len(images))]
    picture = torch.cat([torch.full((len(one[0]),), float(i)) for i, one in enumerate(peaks)]).to(images)
    refined = torch.cat([one[1] for one in peaks])
    for _ in range(REFINED):
        refined = network.refined(seen, _cut(picture, refined))
    rois = _cut(picture, refined)
    crops, levels = network.look(seen, rois)
    levels = levels.softmax(-1)
    found, start = [], 0
    for scores, _, centres, links in peaks:
        part = slice(start, start + len(scores))
        own = Crops(*(getattr(crops, name)[part] for name in Crops.__dataclass_fields__))
        found.append(Found(scores, refined[part], centres, links, levels[part], rois[part, 1:], own))
        start += len(scores)
    return found


def _cut(picture: Tensor, boxes: Tensor) -> Tensor:
    """(n, 5) what the second stage looks at: number of the picture, then edges."""
    return torch.cat([picture[:, None], widened(boxes) + 0.5], 1)


def cells(dense: Dense) -> Float[Tensor, "rows columns 2"]:
    """Working pixels (x, y) of the cells' middles."""
    rows, columns = dense.heat.shape[-2:]
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack([x, y], -1) * STRIDE + (STRIDE - 1) / 2).to(dense.heat.device, torch.float32)


def _peaks(dense: Dense, number: int, least: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores, boxes, centres and links of a picture's local maxima, one for each vertebra."""
    heat = dense.heat[number].float().sigmoid()
    highest = max_pool2d(heat[None, None], 3, 1, 1)[0, 0] == heat
    scores, place = torch.where(highest, heat, 0.0).flatten().topk(min(2 * MOST, heat.numel()))
    place = place[scores > least]
    scores = scores[scores > least]
    at = cells(dense).flatten(0, 1)[place]
    sides = dense.box[number].float().flatten(1).T[place].clamp(min=0.05) * UNIT_PX
    boxes = torch.cat([at - sides[:, :2], at + sides[:, 2:]], 1)
    centres = at + dense.offset[number].float().flatten(1).T[place] * UNIT_PX
    links = at[:, None] + dense.links[number].float().flatten(1).T[place].unflatten(1, (2, 2)) * UNIT_PX
    kept = _apart(centres, boxes)
    return scores[kept], boxes[kept], centres[kept], links[kept]


def _apart(centres: Tensor, boxes: Tensor) -> Tensor:
    """Indices of the centres that no surer one stands on (boxes of neighbours overlap by half: they cannot tell)."""
    sides = (boxes[:, 2:] - boxes[:, :2]).mean(1)
    kept: list[int] = []
    for one in range(len(centres)):
        near = ((centres[kept] - centres[one]).norm(dim=1) < NEAR * sides[one]).any() if kept else False
        if not near and len(kept) < MOST:
            kept.append(one)
    return torch.tensor(kept, dtype=torch.long, device=centres.device)


def check_size(architecture: Architecture) -> None:
    """Refuse a working size that the strides and windows do not fit.

    Raises:
        ValueError: names both.
    """
    last, rest = divmod(architecture.size_px, 8 * architecture.patch)
    if (
        rest
        or architecture.patch not in (4, 8)
        or any((last << n) % min(architecture.window, last << n) for n in range(4))
    ):
        raise ValueError(
            f"got {architecture.size_px} px, patches of {architecture.patch} and windows of {architecture.window}; "
            "expected patches of 4 or 8, and maps that whole windows cover"
        )
