"""What planning costs, in one command.

    python -m Testing.benchmarks.performance --out DIR [--quick] [--compare OLD.json] [--device cuda] [--threads 1]

Renderers beside each other (ours, nanodrr, DiffDRR where it is installed), growth with splats, pixels, views, starts
and vertebrae with a roofline estimate, the sample case by stage, and the worker's cold and warm start. Writes
``performance.json``; its ratios compare with those of another run, on whatever machine that was: with the seconds of
the same run, or with a yardstick (a matrix product, a copy and an exponential) measured in it. Minutes on a free core.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# Before torch is there. Threads that wait by spinning take the core from the one that they wait for on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import tyro

from SpineDARTLib import __version__
from SpineDARTLib.io.files import write_atomically
from SpineDARTLib.io.plan import plain

from .comparing import FORMAT, ratios, require_one_kind, side_by_side
from .measuring import Clock, machine
from .plans import commands, stages, worker
from .renderers import GROWTH, QUICK_GROWTH, backends, beside_others, growth, roofline


@dataclass(frozen=True)
class Performance:
    """Measure everything that planning costs, and write performance.json."""

    out: Path
    """Folder to write to."""
    quick: bool = False
    """Tiny sizes, once: to try the suite itself."""
    compare: Path | None = None
    """performance.json of another run of the same kind."""
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    """On the CPU; with one, processor seconds are measured, so that other programs do not count."""
    repeats: int = 5
    """Of each measurement after its warm-up; the median counts."""

    def run(self) -> dict[str, Any]:
        """Measure, write, and show."""
        old = json.loads(self.compare.read_text(encoding="utf-8")) if self.compare else None
        kind = {"format": FORMAT, "version": __version__, "quick": self.quick, "device": self.device}
        if old is not None:
            require_one_kind(old, kind)
        torch.set_num_threads(self.threads)
        found = {**kind, **self._measured()}
        found["ratios"] = ratios(found)
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain(found), indent=1) + "\n"
        write_atomically(self.out / "performance.json", text.encode("utf-8"))
        print(words(found))
        if old is not None:
            print("\n" + side_by_side(old, found))
        return found

    def _measured(self) -> dict[str, Any]:
        clock, repeats = Clock(self.device, self.threads), 1 if self.quick else self.repeats
        found: dict[str, Any] = {"threads": self.threads, "clock": clock.kind, "torch": torch.__version__}
        found["processor"] = torch.cuda.get_device_name() if self.device == "cuda" else platform.processor()
        found["machine"] = machine(clock, repeats)
        found["stages"] = stages(clock, self.quick)  # first, so that its models are not loaded yet
        size, samples = (40, 60) if self.quick else (160, 500)
        found["beside_others"] = beside_others(clock, size, samples, repeats)
        sizes = QUICK_GROWTH if self.quick else GROWTH
        found["growth"] = {name: growth(clock, name, sizes, repeats) for name in backends(self.device)}
        for axes in found["growth"].values():
            for one in axes.values():
                for row in one["rows"]:
                    row["roofline"] = roofline(row, found["machine"])
        found["commands"] = commands(self.quick)
        found["worker"] = worker(self.quick, self.device)
        return found


def words(found: dict[str, Any]) -> str:
    """Tables for a terminal."""
    seconds = "seconds of the processor" if found["clock"] == "processor" else "seconds"
    lines = [f"{found['device']}, {found['threads']} thread(s), {seconds}; quick: {found['quick']}", ""]
    lines.append(f"{'renderer':20}{'forward ms':>12}{'backward ms':>13}{'correlation':>13}")
    for name, row in found["beside_others"]["renderers"].items():
        ms = f"{1e3 * row['forward_s']:12.1f}{1e3 * row['backward_s']:13.1f}"
        lines.append(f"{name:20}{ms}{row['correlation']:13.3f}")
    lines += [f"{name}: {why}" for name, why in found["beside_others"]["missing"].items()]
    for backend, axes in found["growth"].items():
        lines += ["", f"{backend:20}{'forward ms':>12}{'backward ms':>13}{'MB':>8}{'of roofline':>13}"]
        for axis, one in axes.items():
            for row in one["rows"]:
                ms = f"{1e3 * row['forward_s']:12.1f}{1e3 * row['backward_s']:13.1f}{row['memory_mb']:8.0f}"
                lines.append(f"{row['size']:>8} {axis:11}{ms}{row['roofline']['reached']:13.0%}")
            lines.append(f"         grows with {axis} to the power of {one['power']:.2f}")
    plan, worker_found = found["stages"], found["worker"]
    lines += ["", f"sample case, {plan['vertebrae']} vertebrae, {plan['views']} views"]
    lines += [f"{name:24}{value:8.2f} s" for name, value in plan["seconds"].items()]
    lines.append(f"{'a vertebra':24}{plan['vertebra_s']:8.2f} s; {plan['memory_mb']:.0f} MB held at the end")
    lines += [f"{stage:40}{value:8.2f} s of the processor" for stage, value in found["commands"].items()]
    lines.append("")
    for name, what in (("hello", "until it answers"), ("cold", "first case"), ("warm", "second case")):
        wall, used = worker_found[f"{name}_s"], worker_found[f"{name}_processor_s"]
        lines.append(f"worker, {what:18}{wall:8.2f} s, {used:.2f} s of the processor")
    lines.append(f"worker, at most {worker_found['memory_mb']:.0f} MB")
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(Performance).run()
