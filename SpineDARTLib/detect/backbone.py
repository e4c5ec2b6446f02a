"""What all of the detector looks at: a Swin transformer and a feature pyramid on it."""

from __future__ import annotations

from collections import OrderedDict

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torchvision.ops import FeaturePyramidNetwork

from .architecture import Architecture

LOCAL_SHARE = 1 / 16
"""Of the picture's side: the neighbourhood that the second channel is normalised in."""


def prepare(images: Float[Tensor, "pictures height width"]) -> Float[Tensor, "pictures 2 height width"]:
    """Two channels that no affine change of the grey values alters: by the picture's spread, and by the
    neighbourhood's."""
    flat = images.flatten(1)[:, ::7].float()
    low, middle, high = torch.quantile(flat, torch.tensor([0.05, 0.5, 0.95], device=images.device), dim=1)
    overall = (images - middle[:, None, None]) / (high - low).clamp(min=1e-6)[:, None, None]
    overall = overall.clamp(-2.0, 2.0)
    side = 2 * round(images.shape[-1] * LOCAL_SHARE / 2) + 1

    def mean(values: Tensor) -> Tensor:
        rows = avg_pool2d(values[:, None], (side, 1), 1, (side // 2, 0), count_include_pad=False)
        return avg_pool2d(rows, (1, side), 1, (0, side // 2), count_include_pad=False)[:, 0]

    around = mean(overall)
    spread = (mean(overall.square()) - around.square()).clamp(min=0.0).sqrt()
    local = ((overall - around) / (spread + 0.03)).clamp(-3.0, 3.0)
    return torch.stack([2.0 * overall, local], dim=1)


class Backbone(nn.Module):
    """Pictures to a pyramid of features at strides 1, 2, 4 and 8 times the patch.

    The patches are embedded by small convolutions in place of one large: a transformer trained from scratch then learns
    several times faster (Xiao et al., Early convolutions help transformers see better, 2021).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.swin = timm.create_model(
            "swin_tiny_patch4_window7_224",
            pretrained=False,
            features_only=True,
            in_chans=2,
            img_size=architecture.size_px,
            embed_dim=architecture.embedding,
            depths=architecture.depths,
            num_heads=architecture.attention_heads,
            window_size=architecture.window,
            patch_size=architecture.patch,
            drop_path_rate=0.05,
        )
        width, patch = architecture.embedding, architecture.patch
        self.swin.patch_embed.proj = _stem(width, patch)  # pyright: ignore[reportAttributeAccessIssue]
        self.pyramid = FeaturePyramidNetwork([width * 2**stage for stage in range(4)], architecture.channels)

    def forward(self, prepared: Float[Tensor, "pictures 2 height width"]) -> tuple[Tensor, ...]:
        """Four maps (pictures, channels, height / stride, width / stride)."""
        stages = self.swin(prepared)
        named = OrderedDict((str(number), stage.permute(0, 3, 1, 2)) for number, stage in enumerate(stages))
        return tuple(self.pyramid(named).values())


def _stem(width: int, patch: int) -> nn.Sequential:
    """Convolutions that halve the picture until a token is left of each patch."""
    layers: list[nn.Module] = []
    inputs, halvings = 2, patch.bit_length() - 1
    for number in range(1, halvings):
        outputs = max(width // 2 ** (halvings - number), 8)
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(1, outputs), nn.GELU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Conv2d(inputs, width, 3, 2, 1))
