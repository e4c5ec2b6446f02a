"""Long work is a generator of states that returns a result: run to the end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

State = TypeVar("State")
Result = TypeVar("Result")


def run(states: Generator[State, None, Result]) -> tuple[list[State], Result]:
    """All states in order, and what the generator returned."""
    seen = []
    while True:
        try:
            seen.append(next(states))
        except StopIteration as end:
            return seen, end.value
