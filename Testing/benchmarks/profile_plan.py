"""Where the seconds of one case go, from images to plan and report, stage by stage.

    python -m Testing.benchmarks.profile_plan CASE --out NEW.json [--compare OLD.json] [--repeats 3]

Runs ``spinedart plan`` and ``spinedart report`` in processes of their own, as a person does, and keeps the least of
several runs of each stage: other work on the machine only ever adds. Seconds of the CPU are what compares between runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

STAGES = {
    "plan": (
        ("images read", "commands", "read_case"),
        ("shape models learned", "pipeline", "load_models"),
        ("vertebrae located", "commands", "locate"),
        ("starts", "pipeline", "initialise"),
        ("pictures compared", "pipeline", "image_consistency"),
        ("fits judged", "pipeline", "conclude"),
        ("cannulas planned", "pipeline", "plan_vertebra"),
        ("plan written, with its overlay", "commands", "write_plan"),
    ),
    "report": (
        ("plan read", "review_commands", "read_plan"),
        ("images read again", "review_commands", "read_case"),
        ("X-rays drawn", "review_commands", "xrays"),
        ("findings", "review_commands", "findings_by_level"),
        ("grading pictures", "review_commands", "grading"),
    ),
}
"""Command to (stage, module, function)."""

Seconds = dict[str, list[float]]
"""Stage to seconds of the CPU and of the clock."""


def now() -> tuple[float, float]:
    """Seconds of the CPU and of the clock, of this process."""
    return time.process_time(), time.perf_counter()


class Watch:
    """Adds up what is spent in functions that it stands in for; the outermost one at work is charged."""

    def __init__(self) -> None:
        self.seconds: Seconds = {}
        self.busy = False

    def add(self, name: str, began: tuple[float, float]) -> None:
        """Charge what has passed since then."""
        spent = self.seconds.setdefault(name, [0.0, 0.0])
        for place, (end, start) in enumerate(zip(now(), began, strict=True)):
            spent[place] += end - start

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its seconds kept."""

        def run(*args: Any, **options: Any) -> Any:
            if self.busy:
                return function(*args, **options)
            self.busy, began = True, now()
            try:
                return function(*args, **options)
            finally:
                self.busy = False
                self.add(name, began)

        return run

    def fitted(self, fit: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The fit, with the seconds of each of its stages kept."""

        def run(*args: Any, **options: Any) -> Iterator[Any]:
            states, began = fit(*args, **options), now()
            for state in states:
                self.add(f"fit: {state.stage}", began)
                yield state
                began = now()

        return run


def watched(command: str, arguments: list[str], out: Path) -> None:
    """Run a command in this process and write down its stages' seconds."""
    waiting = getattr(import_module("SpineDARTLib.__main__"), "WAITING", {"OMP_WAIT_POLICY": "PASSIVE"})
    os.environ.update({**waiting, **os.environ})  # as the command itself does before it loads torch
    began, watch = now(), Watch()
    library = {name: import_module(f"SpineDARTLib.{name}") for name in ("commands", "review_commands", "pipeline")
               if command == "plan" or name == "review_commands"}  # fmt: skip
    watch.add(f"{command}: imports", began)
    for stage, module, function in STAGES[command]:
        setattr(library[module], function, watch.timed(stage, getattr(library[module], function)))
    if command == "plan":
        library["pipeline"].fit = watch.fitted(library["pipeline"].fit)  # type: ignore[attr-defined]
    import_module("SpineDARTLib.__main__").main([command, *arguments])
    known = [sum(column) for column in zip(*watch.seconds.values(), strict=True)]
    used = sum(os.times()[:2]), now()[1] - began[1]
    watch.seconds[f"{command}: the rest"] = [whole - part for whole, part in zip(used, known, strict=True)]
    out.write_text(json.dumps(watch.seconds), encoding="utf-8")


def measured(case: Path) -> Seconds:
    """Both commands once."""
    found: Seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        plan, result = Path(folder, "plan"), Path(folder, "seconds.json")
        commands = {
            "plan": [str(case), "--out", str(plan)],
            "report": [str(plan), "--case", str(case), "--out", str(Path(folder, "report.html"))],
        }
        for command, arguments in commands.items():
            child = [sys.executable, __file__, "--child", command, str(result), *arguments]
            subprocess.run(child, check=True, stdout=subprocess.DEVNULL)
            found |= json.loads(result.read_text(encoding="utf-8"))
    return found


def table(seconds: Seconds, old: Seconds | None) -> str:
    """One row a stage, as Markdown: seconds, share, and how many times less of the CPU than before."""
    total = [sum(column) for column in zip(*seconds.values(), strict=True)]
    before = old and {**old, "all": [sum(column) for column in zip(*old.values(), strict=True)]}
    rows = [f"| stage | CPU s | wall s | share |{' before, CPU s | times less |' if before else ''}"]
    rows.append("| --- | --- | --- | --- |" + (" --- | --- |" if before else ""))
    for name, (cpu, wall) in {**dict.fromkeys(old or {}, (0.0, 0.0)), **seconds, "all": total}.items():
        row = f"| {name} | {cpu:.2f} | {wall:.2f} | {100 * cpu / total[0]:.0f} % |"
        if before:
            was = before.get(name, [0.0])[0]
            row += f" {was:.2f} | {was / cpu:.1f} |" if cpu > 0 else f" {was:.2f} | – |"
        rows.append(row)
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("--out", type=Path, help="JSON of this run")
    parser.add_argument("--compare", type=Path, help="JSON of an earlier one")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    runs = [measured(options.case) for _ in range(options.repeats)]
    names = dict.fromkeys(name for run in runs for name in run)
    least = {name: [min(run[name][place] for run in runs if name in run) for place in (0, 1)] for name in names}
    if options.out:
        options.out.write_text(json.dumps(least, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    old = json.loads(options.compare.read_text(encoding="utf-8")) if options.compare else None
    print(table(least, old))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        watched(sys.argv[2], sys.argv[4:], Path(sys.argv[3]))
    else:
        main()
