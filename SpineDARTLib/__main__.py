"""The command line's door: ``spinedart`` and ``python -m SpineDARTLib``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "3000"}
"""How torch's threads wait for each other; in force if it is set before torch is loaded. They must soon sleep: spinning
on, they take the core from the thread that they wait for, and a render on two busy cores takes 705 ms instead of 24.
GNU's OpenMP first spins for microseconds: on two free cores a fit then takes 13 s, and 20 where they sleep at once.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (contract.md: 0 done, 1 not all planned, 2 wrong input, 3 internal)."""
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
    from .cli import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
