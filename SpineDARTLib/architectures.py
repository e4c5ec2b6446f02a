"""What the sizes of all networks have in common: they are frozen values that are kept as JSON. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Sizes")


@dataclass(frozen=True)
class Sizes:
    """The sizes of a network; a subclass names them."""

    def as_json(self) -> dict[str, Any]:
        """For a model card or a checkpoint."""
        return {name: list(one) if isinstance(one, tuple) else one for name, one in asdict(self).items()}

    @classmethod
    def from_json(cls: type[Self], described: Mapping[str, Any]) -> Self:
        """The sizes that ``as_json`` described.

        Raises:
            TypeError: another program's words.
        """
        return cls(**{name: tuple(one) if isinstance(one, list) else one for name, one in described.items()})
