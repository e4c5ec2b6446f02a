"""Two benchmarks of the same cases side by side, by level: Dice, HD95, surface distance, failures.

    spinedart benchmark CASES --out BEFORE          # with the one version, then with the other
    python Testing/benchmarks/compare_benchmarks.py BEFORE AFTER [--method gradient-ncc]

A vertebra counts in the medians where it was reconstructed; failures are those that were not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

MEASURES = (("dice", 3), ("hd95_mm", 2), ("assd_mm", 2))
LEVELS = [f"T{i}" for i in range(1, 13)] + [f"L{i}" for i in range(1, 6)]
GROUPS = {"T1-T4": LEVELS[:4], "T5-T8": LEVELS[4:8], "T9-T12": LEVELS[8:12], "L1-L5": LEVELS[12:], "all": LEVELS}


def rows_of(folder: Path, method: str) -> dict[tuple[str, str], dict]:
    """(case, level) to its row, of every case that a benchmark has kept."""
    files = sorted((folder / "cases" / method).glob("*.json"))
    if not files:
        raise SystemExit(f"{folder}: got no cases of {method}; expected the --out of 'spinedart benchmark'")
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))["rows"]]
    return {(row["case"], row["level"]): row for row in rows}


def median(rows: Sequence[Mapping], measure: str) -> float:
    values = [row[measure] for row in rows if row["reconstructed"]]
    return float(np.median(values)) if values else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--method", default="gradient-ncc")
    options = parser.parse_args()
    before, after = (rows_of(folder, options.method) for folder in (options.before, options.after))
    both = sorted(before.keys() & after.keys())
    print(f"{len(both)} vertebrae in both, {len(before.keys() ^ after.keys())} in one only")
    print(f"{'level':8}{'n':>4}{'failed':>10}" + "".join(f"{name:>18}" for name, _ in MEASURES))
    for name, levels in {**{level: [level] for level in LEVELS}, **GROUPS}.items():
        chosen = [key for key in both if key[1] in levels]
        if not chosen:
            continue
        old, new = [before[key] for key in chosen], [after[key] for key in chosen]
        failed = " -> ".join(str(sum(not row["reconstructed"] for row in rows)) for rows in (old, new))
        cells = [f"{median(old, m):.{d}f} -> {median(new, m):.{d}f}" for m, d in MEASURES]
        print(f"{name:8}{len(chosen):4}{failed:>10}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
