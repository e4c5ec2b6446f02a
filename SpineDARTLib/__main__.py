"""The command line's door: ``spinedart`` and ``python -m SpineDARTLib``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (contract.md: 0 done, 1 not all planned, 2 wrong input, 3 internal)."""
    from .cli import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
