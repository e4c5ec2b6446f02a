"""What every command takes, and what several of them read."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError
from ..types import LEVELS


@dataclass(frozen=True)
class Common:
    """What every command takes, and what several of them read."""

    debug: bool = False
    """Show the traceback of an internal error and what the library logs (or set SPINEDART_DEBUG)."""


def split_levels(text: str) -> tuple[str, ...] | None:
    """ "L3,L4" to ("L3", "L4"); nothing to None.

    Raises:
        InputError: something that is no level.
    """
    if not text.strip():
        return None
    levels = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    for level in levels:
        if level not in LEVELS:
            raise InputError("--levels", "", level, f"levels from {LEVELS[0]} to {LEVELS[-1]}, as in L3,L4")
    return levels
