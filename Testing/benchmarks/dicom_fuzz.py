"""Reads damaged and hostile DICOM files: each must be refused by name or read with a word, quickly, in little memory.

    python Testing/benchmarks/dicom_fuzz.py [--count 500] [--seed 7] [--keep FOLDER]

Prints, for each kind of damage, how many files were refused, read with something to say and read plainly, the slowest
and the most memory; ends with 1 if one file broke a rule (another error than InputError, a planted name or date in what
was said, more than ``SECONDS`` or ``MEGABYTES``).
"""

from __future__ import annotations

import argparse
import collections
import resource
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from Testing.io.damages import hostile_files
from Testing.io.hostile import MARKERS, read_everything

SECONDS, MEGABYTES = 3.0, 400.0


def main() -> int:
    """The whole job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="a folder for files that broke a rule")
    arguments = parser.parse_args()
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    worst: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    broken = []
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # pydicom's, while the files are made
        for name, content in hostile_files(arguments.seed, arguments.count):
            kind = name.split(" ", 1)[1]
            answer, seconds, megabytes = _try(Path(folder) / "a.dcm", content)
            rows[kind][answer if answer in ("refused", "said", "plain") else "BROKEN"] += 1
            worst[kind] = [max(worst[kind][0], seconds), max(worst[kind][1], megabytes)]
            if answer not in ("refused", "said", "plain"):
                broken.append(f"{name}: {answer}")
                if arguments.keep:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    (arguments.keep / f"{name.replace(' ', '_')}.dcm").write_bytes(content)
    print(f"{'damage':22} refused  said  plain  broken   s max  MB max")
    for kind, counts in rows.items():
        numbers = "".join(f"{counts[answer]:7d}" for answer in ("refused", "said", "plain", "BROKEN"))
        print(f"{kind:22}{numbers}{worst[kind][0]:9.2f}{worst[kind][1]:8.1f}")
    total = collections.Counter(
        {key: sum(counts[key] for counts in rows.values()) for key in ("refused", "said", "plain")}
    )
    print(f"{arguments.count} files: {dict(total)}, {len(broken)} broken; "
          f"largest process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")  # fmt: skip
    for words in broken:
        print(words)
    return 1 if broken else 0


def _try(path: Path, content: bytes) -> tuple[str, float, float]:
    """The outcome or what is wrong with it, seconds, and the most megabytes that Python held."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        outcome = read_everything(path)
    except Exception as error:  # that is what is looked for
        return f"{type(error).__name__}: {str(error)[:200]}", 0.0, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        megabytes = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    answer = outcome.kind
    if seen := [marker for marker in MARKERS if marker in outcome.words.lower()]:
        answer = f"says {seen}: {outcome.words[:300]}"
    elif outcome.seconds > SECONDS or megabytes > MEGABYTES:
        answer = f"took {outcome.seconds:.1f} s and {megabytes:.0f} MB"
    return answer, outcome.seconds, megabytes


if __name__ == "__main__":
    sys.exit(main())
