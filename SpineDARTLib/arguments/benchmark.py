"""``spinedart benchmark``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, UseAppendAction, arg

from ..config import DetectorSettings, Settings
from ..errors import InputError
from .fit import HowToFit, Similarity

QUICK = ("start", "2d-geoplan")
"""Methods that cost next to nothing, so that every run has something to be compared with."""


@dataclass(frozen=True)
class Benchmark(HowToFit):
    """Run methods side by side on many cases with known truth, each by models that have not seen its person.

    Writes report.html (everything, with pictures), benchmark.json, vertebrae.csv, summary.csv and benchmark.txt. An
    interrupted run goes on when it is started again.
    """

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")] = field(kw_only=True)
    """Cases with truth/ in them; or CT scans with masks (VerSe, CTSpine1K), of which cases are made first."""
    out: Annotated[Path, arg(metavar="DIR")] = field(default_factory=lambda: Path("output") / "benchmark")
    """Results, one file a case and method."""
    methods: Annotated[tuple[str, ...], arg(metavar="METHOD")] = (Settings.similarity, *QUICK)
    """What to compare, the first one with all others: similarities of plan's (learned and hybrid need weights), start
    (the atlas's mean, not fitted), 2d-geoplan (planned in 2D), all (these, as far as there are weights); of others:
    NAME=FOLDER of their meshes, or NAME=MODULE:FUNCTION."""
    workers: int = 1
    """Processes, of one thread each."""
    scheduler: Annotated[str, arg(metavar="tcp://HOST:PORT")] = ""
    """A Dask scheduler, whose workers are taken in place of processes; they must see FOLDER and DIR."""
    grades: Annotated[tuple[str, ...], UseAppendAction, arg(metavar="METHOD=FILE")] = ()
    """Grades of a method's cannulas (reviews, grading sessions, or tables of them); may be repeated."""
    masks_too: bool = False
    """Of scans: take people of whom there is only a mask, too; their bone is drawn."""
    size_px: int = 512
    """Of scans: side of a simulated picture."""

    def run(self) -> int:
        self._check()
        from ..benchmark.work import Workplace
        from ..benchmark_commands import Wanted, run_benchmark

        # From clicks, so that only the methods differ; starts that are found are measured elsewhere.
        settings = self.settings(Settings.similarity, DetectorSettings("off"))
        names = split_methods(self.methods)
        wanted = Wanted(names, get_args(Similarity), settings, self.grades, self.masks_too, self.size_px)
        return run_benchmark(self.folder, self.out, wanted, Workplace(self.workers, self.scheduler))

    def _check(self) -> None:
        if self.workers < 1:
            raise InputError("--workers", "", self.workers, "1 or more")
        if self.workers > 1 and self.scheduler:
            raise InputError("--scheduler", "", self.scheduler, "--workers or --scheduler, not both")
        if not 64 <= self.size_px <= 4096:
            raise InputError("--size-px", "", self.size_px, "64 to 4096")


def split_methods(texts: Sequence[str]) -> tuple[str, ...]:
    """("ncc,start",) and ("ncc", "start") are the same; what has a = in it may have commas in its folder's name."""
    parts = [part.strip() for text in texts for part in ([text] if "=" in text else text.split(","))]
    return tuple(dict.fromkeys(part for part in parts if part))
