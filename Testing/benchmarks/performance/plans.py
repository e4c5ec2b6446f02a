"""Seconds of a whole case by stage, and of the process that 3D Slicer talks to, cold and warm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from SpineDARTLib.config import Settings
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.fields import Field
from SpineDARTLib.io.plan import write_plan
from SpineDARTLib.io.settings import changed
from SpineDARTLib.overlay import draw_overlay
from SpineDARTLib.pipeline import load_models, plan_case
from SpineDARTLib.resources import resource_folder

from .measuring import Clock, processor_seconds, resident_mb

ROOT = Path(__file__).resolve().parents[3]

QUICK: Mapping[str, Any] = {
    "fit": {
        "stages": [
            {"name": "coarse", "pixel_mm": 3.0, "steps": 4, "rank": 0, "keep": 2, "splats": 300},
            {"name": "shape", "pixel_mm": 3.0, "steps": 4, "rank": 4, "keep": 1, "splats": 300},
        ]
    },
}
"""A fit too short to be good, to try the suite itself."""


def asked(quick: bool, device: str) -> dict[str, Any]:
    """Settings as the worker takes them: from the case's clicks, so that no detector's weights count."""
    return {"device": device, "detector": {"use": "off"}, **(QUICK if quick else {})}


def stages(clock: Clock, quick: bool) -> dict[str, Any]:
    """Seconds of the sample case by stage: reading, models, setting up, every stage of the fit, planning, writing."""
    settings = changed(Settings(), Field(Path("performance"), "settings", asked(quick, clock.device)))
    seconds: dict[str, float] = {}
    begun = clock()

    def ended(stage: str) -> None:
        nonlocal begun
        now = clock()
        seconds[stage] = seconds.get(stage, 0.0) + now - begun
        begun = now

    case = read_case(resource_folder("sample"))
    ended("read")
    load_models()
    ended("models")
    states, first = plan_case(case, settings), True
    while True:
        try:
            stage = next(states).stage
        except StopIteration as end:
            plans = end.value
            break
        ended("set up" if first else f"fit {stage}")
        first = False
    ended("confidence and plan")
    with TemporaryDirectory() as folder:
        write_plan(Path(folder) / "plan", case, plans, settings, lambda path: draw_overlay(case, plans, path))
    ended("write")
    total, vertebrae = sum(seconds.values()), len(plans)
    return {
        "seconds": seconds,
        "vertebrae": vertebrae,
        "views": len(case.views),
        "case_s": total,
        "vertebra_s": total / max(vertebrae, 1),
        "memory_mb": resident_mb("VmRSS"),
    }


def commands(quick: bool) -> dict[str, float]:
    """Processor seconds of ``spinedart plan`` and ``report`` by finer stages; none without ``profile_plan``."""
    name = "Testing.benchmarks.profile_plan"
    if quick or find_spec(name) is None:
        return {}
    measured = import_module(name).measured(resource_folder("sample"))
    return {stage: seconds[0] for stage, seconds in measured.items()}


WORKER = (sys.executable, "-m", "SpineDARTLib", "worker")


def worker(quick: bool, device: str, command: Sequence[str] = WORKER) -> dict[str, Any]:
    """Seconds (of the wall, and of its processor) until the worker says hello, and of the same case twice."""
    found: dict[str, Any] = {}
    begun = time.perf_counter()
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdin and process.stdout

        def ask(name: str, event: str, **request: object) -> None:
            nonlocal begun
            used = 0.0 if name == "hello" else processor_seconds(process.pid)
            process.stdin.write(json.dumps({"id": name, **request}) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                answer = json.loads(line)
                if answer["event"] == "failed":
                    raise RuntimeError(f"the worker failed: {answer['message']}")
                if answer["event"] == event:
                    break
            now = time.perf_counter()
            found[f"{name}_s"] = now - begun
            found[f"{name}_processor_s"] = processor_seconds(process.pid) - used
            begun = now

        ask("hello", "hello", do="hello")
        request = {"do": "plan", "case": str(resource_folder("sample")), "settings": asked(quick, device)}
        ask("cold", "done", out=str(Path(folder) / "cold"), **request)
        ask("warm", "done", out=str(Path(folder) / "warm"), **request)
        found["memory_mb"] = resident_mb("VmHWM", process.pid)
        process.stdin.write('{"id": "end", "do": "quit"}\n')
        process.stdin.close()
        process.wait(60)
    return found
