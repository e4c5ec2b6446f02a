"""Real processes for the panel's tests: a worker that does as it is told, with its pipes read by threads."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

FAKE = r'''
import json, os, shutil, sys, time
manner, plan = sys.argv[1], sys.argv[2]
def say(**answer):
    print(json.dumps(answer), flush=True)
def state(job, step, total):
    pose = [[1, 0, 0, 5], [0, 1, 0, 6], [0, 0, 1, 7 + step], [0, 0, 0, 1]]
    say(id=job, event="state", seconds=0.01 * (step + 1), stage="coarse", step=step, total_steps=total,
        losses={"similarity": 1.0 / (step + 1), "shape": None}, losses_by_level={},
        vertebrae=[{"level": "L3", "pose": pose, "scale": 1.0, "coefficients": [0.5, -1.0]}])
SPINE = {"L1": (250, 100, 0.97), "L2": (250, 160, 0.62), "L3": (250, 220, 0.95)}
NEXT = {"L1": "L2", "L2": "L3", "L3": "L4", "L4": "L5"}
def found(request):
    """Three vertebrae one below the other, seen in both pictures; L4, where it is clicked in one, in the other."""
    shift, clicks = request["settings"].get("detector", {}).get("shift", 0), request["clicks"]
    told = []
    for level, (u, v, sure) in SPINE.items():
        levels = {level: sure, NEXT[level]: 1 - sure}
        name = NEXT[level] if shift == 1 else level
        box = [[[u - 20, v - 20], [u + 20, v - 20], [u + 20, v + 20], [u - 20, v - 20]]]
        note = "" if levels.get(name, 0) > 0.8 else "The label %s is in doubt. Check the level." % name
        told.append({"level": name, "label_probability": levels.get(name, 0), "levels": levels, "in_both": True,
                     "seeds": {"AP": [u, v], "LAT": [u - 10, v + 1], **clicks.get(name, {})}, "note": note,
                     "start": "clicks and detected" if name in clicks else "detected",
                     "outlines": {"AP": box, "LAT": box}})
    for level, click in clicks.items():
        if level not in [one["level"] for one in told] and level != "L5":
            told.append({"level": level, "label_probability": 1.0, "levels": {level: 1.0}, "in_both": True, "note": "",
                         "seeds": {"AP": [250, 280], "LAT": [240, 281], **click}, "start": "clicks and detected",
                         "outlines": {}})
    reasons = {"L5": "L5 was found in AP only. Click its centre in LAT.", "T12": "T12 is cut by the border in AP."}
    reasons = {level: words for level, words in reasons.items() if level not in clicks}
    shifts = {"-1": 0.05, "0": 0.65, "1": 0.3} if not shift else {"-2": 0.05, "-1": 0.65, "0": 0.3}
    return {"vertebrae": told, "reasons": reasons, "shifts": shifts, "words": "Found 3 vertebrae, L1 to L3."}
if manner == "mute":
    print("ImportError: the library is broken", file=sys.stderr, flush=True)
    sys.exit(3)
if manner == "torchless":
    print("ModuleNotFoundError: No module named 'torch'", file=sys.stderr, flush=True)
    sys.exit(1)
for line in sys.stdin:
    request = json.loads(line)
    job = request["id"]
    if request["do"] == "hello":
        lacks = "There are no weights of a detector. Click each vertebra." if manner == "weightless" else ""
        say(id=job, event="hello", format="spinedart-worker/1", version="0", levels=["L3"], detector=lacks)
    elif request["do"] == "cancel":
        say(id=job, event="ok")
        if manner != "deaf":
            say(id=request["job"], event="cancelled")
    elif request["do"] == "find":
        say(id=job, event="started")
        if manner in ("slow", "deaf"):
            continue
        say(id=job, event="state", seconds=0.1, stage="AP", step=0, total_steps=2)
        say(id=job, event="state", seconds=0.2, stage="LAT", step=1, total_steps=2)
        if manner == "refuses":
            say(id=job, event="failed", kind="input", message="weights: got nothing; expected a detector")
        elif manner == "dies" and not os.path.exists(request["case"] + "-died"):
            open(request["case"] + "-died", "w").close()
            os._exit(137)
        else:
            say(id=job, event="done", seconds=0.3, **found(request))
    elif request["do"] == "plan":
        say(id=job, event="started")
        for at, view in enumerate(("AP", "LAT")):
            say(id=job, event="state", seconds=0.01, stage=view, step=at, total_steps=2)
        state(job, 4, 50)
        case = request["case"]
        if manner == "dies" and not os.path.exists(case + "-died"):
            open(case + "-died", "w").close()
            print("Segmentation fault", file=sys.stderr, flush=True)
            os._exit(139)
        if manner == "always dies":
            os._exit(139)
        if manner in ("slow", "deaf"):
            continue
        if manner == "refuses":
            say(id=job, event="failed", kind="input", message="case.json: views: got 1; expected two")
            continue
        if manner == "fills the disk":
            words = "OSError: [Errno 28] No space left on device: '" + request["out"] + "/L3.stl'"
            say(id=job, event="failed", kind="internal", message=words)
            continue
        if manner == "floods":
            for step in range(5000):
                state(job, step % 50, 50)
            print("this is no answer", flush=True)
        shutil.copytree(plan, request["out"])
        say(id=job, event="done", seconds=6.4, out=request["out"], vertebrae=[])
'''
"""A worker as ``SpineDARTLib.worker`` speaks, which copies a plan folder instead of fitting."""


class PipeProcess:
    """``worker_client.Process`` on ``subprocess``; ``deliver`` calls back on the caller's thread."""

    def __init__(self) -> None:
        self._heard: SimpleQueue[tuple[Callable, object]] = SimpleQueue()
        self.popen: subprocess.Popen | None = None

    def start(self, command: Sequence[str], on_line: Callable, on_complaint: Callable, on_end: Callable) -> None:
        pipe = subprocess.PIPE
        self.popen = popen = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        readers = [
            threading.Thread(target=self._read, args=(stream, heard), daemon=True)
            for stream, heard in ((popen.stdout, on_line), (popen.stderr, on_complaint))
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._wait, args=(readers, on_end), daemon=True).start()

    def write(self, text: str) -> None:
        assert self.popen is not None and self.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.popen.stdin.write(text)
            self.popen.stdin.flush()

    def kill(self) -> None:
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait(5)

    def deliver(self) -> None:
        """What it has said since."""
        while True:
            try:
                heard, value = self._heard.get_nowait()
            except Empty:
                return
            heard(value)

    def _read(self, stream, heard: Callable) -> None:
        with stream:
            for line in stream:
                self._heard.put((heard, line))

    def _wait(self, readers: list[threading.Thread], on_end: Callable) -> None:
        assert self.popen is not None and self.popen.stdin is not None
        code = self.popen.wait()
        for reader in readers:
            reader.join()
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()
        self._heard.put((on_end, code))


class Stage:
    """Makes processes and lets time pass."""

    def __init__(self) -> None:
        self.processes: list[PipeProcess] = []
        self.ticks: list[Callable[[], None]] = []

    def new_process(self) -> PipeProcess:
        self.processes.append(PipeProcess())
        return self.processes[-1]

    def until(self, true: Callable[[], object], seconds: float = 30.0) -> None:
        """Tick until something is true; a failure when it never is."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "waited in vain"
            for process in tuple(self.processes):
                process.deliver()
            for tick in self.ticks:
                tick()
            time.sleep(0.01)

    @property
    def living(self) -> list[PipeProcess]:
        """Processes that have not ended."""
        return [one for one in self.processes if one.popen is not None and one.popen.poll() is None]

    def clear(self) -> None:
        """No process of a test outlives it."""
        for process in self.processes:
            process.kill()


def fake_command(manner: str, plan: object) -> list[str]:
    """Of a worker in this manner, which gives out copies of a plan folder."""
    return [sys.executable, "-c", FAKE, manner, str(plan)]
