"""What can be typed: one frozen dataclass a command, its defaults from ``config``; and what comes of errors.

Nothing here imports torch: a command's work is imported when it runs (``commands``), so that --help answers at once.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, subcommand

from . import __version__
from .arguments.atlas import Atlas
from .arguments.benchmark import Benchmark
from .arguments.common import Common, split_levels
from .arguments.detect import Detect, HowToFind
from .arguments.fit import HowToFit, Similarity
from .arguments.geometry import Geometry
from .arguments.plan import Draw, Export
from .arguments.review import Agreement, Report
from .arguments.simulate import Simulate
from .arguments.train import Train
from .config import DetectorName
from .errors import InputError

DONE, NOT_ALL_PLANNED, WRONG_INPUT, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 130

DEBUG_VARIABLE = "SPINEDART_DEBUG"


@dataclass(frozen=True)
class Demo(HowToFit, HowToFind):
    """Plan the shipped sample case: read, fit, plan, write the plan folder and a picture, compare with the truth."""

    detect: DetectorName = "off"
    """off: from the sample's own clicks; on, or auto where there are weights: without them, as a detector finds it."""

    out: Path = field(default_factory=lambda: Path("output") / "demo")
    """Plan folder to write."""
    similarity: Similarity = "gradient-ncc"
    """How X-rays are compared; learned and hybrid need weights (spinedart train similarity)."""

    def run(self) -> int:
        from .commands import demo

        return demo(self.out, self.settings(self.similarity, self.detector()))


@dataclass(frozen=True)
class Plan(HowToFit, HowToFind):
    """Plan one case, from clicks, from what a detector finds, or from both."""

    case: Annotated[Positional[Path], arg(metavar="CASE")] = field(kw_only=True)
    """Case folder, or its case.json."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Plan folder to write."""
    levels: Annotated[str, arg(metavar="L3,L4")] = ""
    """Only these levels; when absent those of the case, or whatever is found where it names none."""
    similarity: Similarity = "gradient-ncc"
    """How X-rays are compared; learned and hybrid need weights (spinedart train similarity)."""
    report: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write the report, too, one HTML file, as "spinedart report" does of a plan and its case."""

    def run(self) -> int:
        from .commands import plan

        job = self.case, self.out, self.settings(self.similarity, self.detector()), split_levels(self.levels)
        if self.report is None:
            return plan(*job)
        from .review_commands import plan_and_report

        return plan_and_report(*job, self.report)


@dataclass(frozen=True)
class Evaluate(Common):
    """Measure a plan against the truth: Dice, NSD, HD95, ASSD, pose error, the cannulas in the true vertebra."""

    plan: Annotated[Positional[Path], arg(metavar="PLAN")] = field(kw_only=True)
    """Plan folder."""
    truth: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Truth folder, or a case folder that has one in it."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write the JSON here and the table to standard output; without it, JSON to standard output, table to error."""

    def run(self) -> int:
        from .commands import evaluate

        return evaluate(self.plan, self.truth, self.out)


@dataclass(frozen=True)
class Doctor(Common):
    """Say which Python, torch, device, renderer, atlas and weights are in use, and why."""

    def run(self) -> int:
        from .doctor import report

        return report()


@dataclass(frozen=True)
class WorkerCommand(Common):
    """Plan what is asked for on standard input, one JSON object a line, and answer likewise: for 3D Slicer."""

    def run(self) -> int:
        from .worker import run

        return run()


Command = (
    Annotated[Demo, subcommand("demo")]
    | Annotated[Plan, subcommand("plan")]
    | Annotated[Detect, subcommand("detect")]
    | Annotated[Draw, subcommand("draw")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Agreement, subcommand("agreement")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Benchmark, subcommand("benchmark")]
    | Annotated[Geometry, subcommand("geometry")]
    | Annotated[Atlas, subcommand("atlas")]
    | Annotated[Simulate, subcommand("simulate")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Doctor, subcommand("doctor")]
    | Annotated[WorkerCommand, subcommand("worker")]
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, and turn whatever happens into an exit code and at most one line on stderr."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        sys.stdout.write(f"spinedart {__version__}\n")
        return DONE
    command = parse(arguments)
    if isinstance(command, int):
        return command
    debug = command.debug or bool(os.environ.get(DEBUG_VARIABLE))
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="spinedart: %(message)s")
    try:
        return command.run()
    except InputError as error:
        return _complain(f"{error}", WRONG_INPUT)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing half-written", INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _complain(f"internal error: {what} (--debug shows where; please report it)", INTERNAL)


def parse(
    arguments: Sequence[str],
) -> (
    Demo
    | Plan
    | Detect
    | Draw
    | Export
    | Report
    | Agreement
    | Evaluate
    | Benchmark
    | Geometry
    | Atlas
    | Simulate
    | Train
    | Doctor
    | WorkerCommand
    | int
):
    """The command that the arguments ask for, or an exit code: help was asked for, or something is wrong."""
    asks = list(arguments) in ([], ["atlas"], ["simulate"], ["train"])
    arguments = [*arguments, "--help"] if asks else list(arguments)
    description = "Plans vertebroplasty from two X-rays. Not for clinical use."
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                Command,  # pyright: ignore[reportArgumentType]
                prog="spinedart",
                description=description,
                args=arguments,
                config=(OmitSubcommandPrefixes, OmitArgPrefixes, FlagCreatePairsOff),
            )
    except SystemExit as end:
        if not end.code:
            return DONE
        return _complain(_on_one_line(said.getvalue()), WRONG_INPUT)


def _on_one_line(box: str) -> str:
    """The sentence inside the box that tyro draws around an error."""
    titles = {line for line in box.splitlines() if "╭" in line}
    lines = [line.strip("╭╮╰╯│─ \n") + (":" if line in titles else "") for line in box.splitlines()]
    words = " ".join(line for line in lines if line)
    sentence, _, _ = words.partition("For full helptext")
    return f"{' '.join(sentence.split())} (see spinedart --help)"


def _complain(words: str, code: int) -> int:
    sys.stderr.write(f"spinedart: {words}\n")
    return code
