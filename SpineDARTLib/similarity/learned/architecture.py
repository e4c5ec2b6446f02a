"""How large a learned similarity is: one frozen value, kept with its weights. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """The sizes of a learned similarity.

    Attributes:
        region_mm: side at the spine of what is looked at in each view.
        region_px: the same in pixels; a multiple of ``2 ** len(stem)``.
        stem: channels of the convolutions, each of which halves the picture; then come the tokens.
        width: of a token. heads: of the attention.
        real_depth: transformer blocks on the X-ray's tokens, once a fit.
        depth: blocks on the sum of the X-ray's and the rendering's tokens, all views together.
        mlp: width of a block's hidden layer, in tokens' widths.
    """

    region_mm: float = 96.0
    region_px: int = 64
    stem: tuple[int, ...] = (16, 32, 64)
    width: int = 128
    heads: int = 4
    real_depth: int = 2
    depth: int = 4
    mlp: float = 2.0

    @property
    def patch(self) -> int:
        """Side of what becomes one token, px."""
        return 2 ** len(self.stem)

    @property
    def tokens(self) -> int:
        """Of one view."""
        return (self.region_px // self.patch) ** 2

    def check(self) -> None:
        """Raise a ValueError that names sizes that do not go together."""
        if self.region_px % self.patch or self.width % self.heads:
            raise ValueError(
                f"got {self.region_px} px, {len(self.stem)} halvings, width {self.width} and {self.heads} heads; "
                f"expected multiples of {self.patch} px and of the heads"
            )

    def as_json(self) -> dict[str, Any]:
        """For a model card or a checkpoint."""
        return {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items()}


def from_json(described: Mapping[str, Any]) -> Architecture:
    """The architecture that ``as_json`` described.

    Raises:
        TypeError: another program's words.
    """
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in described.items()}
    return Architecture(**values)


LARGE = Architecture(width=192, heads=6, stem=(24, 48, 96))
"""For a training on CUDA."""

SMALL = Architecture()
"""For a training on two cores."""

TINY = Architecture(96.0, 32, (4, 8, 8), 16, 2, 1, 1)
"""For tests."""
