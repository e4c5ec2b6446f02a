"""The command line's door: ``spinedart`` and ``python -m SpineDARTLib``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (contract.md: 0 done, 1 not all planned, 2 wrong input, 3 internal)."""
    # Before torch is loaded: threads that wait must soon sleep. Spinning on, they take the core from the thread they
    # wait for, and a render on two busy cores takes 705 ms instead of 24. GNU's OpenMP can first spin for some
    # microseconds: on two free cores a fit then takes 13 s; where they sleep at once, 20.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    from .cli import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
