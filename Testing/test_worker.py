"""The process that Slicer talks to: requests, cancelling, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from SpineDARTLib.config import Settings
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.fields import Field
from SpineDARTLib.io.plan import read_plan
from SpineDARTLib.io.settings import changed
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import FitState, Vertebra
from SpineDARTLib.worker import FORMAT, Worker

QUICK = {
    "fit": {
        "stages": [
            {"name": "coarse", "pixel_mm": 3.0, "steps": 12, "rank": 0, "keep": 2, "splats": 300},
            {"name": "shape", "pixel_mm": 3.0, "steps": 12, "rank": 4, "keep": 1, "splats": 300},
        ]
    },
    "detector": {"use": "off"},
}


class Talk:
    """A worker in a thread; requests go in, answers come out."""

    def __init__(self, planner) -> None:
        self._requests: SimpleQueue[str | None] = SimpleQueue()
        self.answers: SimpleQueue[dict] = SimpleQueue()
        worker = Worker(lambda message: self.answers.put(dict(message)), planner)
        self._thread = threading.Thread(target=worker.serve, args=(self._lines(),))
        self._thread.start()

    def _lines(self) -> Iterator[str]:
        while (line := self._requests.get()) is not None:
            yield line

    def say(self, **request) -> None:
        self._requests.put(json.dumps(request))

    def say_line(self, line: str) -> None:
        self._requests.put(line)

    def hear(self, event: str) -> dict:
        """The next answer of that kind."""
        while True:
            answer = self.answers.get(timeout=10)
            if answer["event"] == event:
                return answer

    def hang_up(self) -> None:
        self._requests.put(None)
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()


def state(step: int) -> FitState:
    vertebra = Vertebra("L3", np.eye(4), 1.1, np.array([0.5, -1.0]))
    return FitState("coarse", step, 50, {"similarity": 0.3}, (vertebra,), {"L3": {"similarity": 0.3}})


class SlowPlanner:
    """Fifty steps of 20 ms; remembers which jobs it was closed in."""

    def __init__(self) -> None:
        self.closed: list[object] = []

    def __call__(self, job):
        if job.case.name == "bad":
            raise InputError(job.case, "views", 1, "two or more views")
        if job.case.name == "broken":
            raise RuntimeError("no such thing")
        try:
            for step in range(50):
                time.sleep(0.02)
                yield state(step)
        except GeneratorExit:
            self.closed.append(job.id)
            raise
        return {"out": str(job.out), "vertebrae": []}


@pytest.fixture
def planner() -> SlowPlanner:
    return SlowPlanner()


@pytest.fixture
def talk(planner: SlowPlanner):
    found = Talk(planner)
    yield found
    found.hang_up()


def test_it_says_who_it_is(talk: Talk):
    talk.say(id=1, do="hello")
    answer = talk.hear("hello")
    assert answer["id"] == 1 and answer["format"] == FORMAT and "L3" in answer["levels"]


def test_a_job_tells_its_states_and_its_end(talk: Talk):
    talk.say(id="a", do="plan", case="somewhere", out="there")
    assert talk.hear("queued")["before"] == 0
    first, second = talk.hear("state"), talk.hear("state")
    assert (first["stage"], first["total_steps"], first["id"]) == ("coarse", 50, "a")
    # Ten a second of fifty a second: not every state is told.
    assert second["step"] - first["step"] >= 3
    assert first["vertebrae"][0]["level"] == "L3" and first["losses_by_level"]["L3"]["similarity"] == 0.3
    done = talk.hear("done")
    assert done["out"] == "there" and done["seconds"] > 0.9


def test_jobs_wait_for_each_other_and_can_be_cancelled(talk: Talk, planner: SlowPlanner):
    for number in (1, 2, 3):
        talk.say(id=number, do="plan", case="c", out="o")
    assert [talk.hear("queued")["before"] for _ in range(3)] == [0, 1, 2]
    talk.hear("state")
    talk.say(id=4, do="cancel", job=2)  # waiting
    begun = time.perf_counter()
    talk.say(id=5, do="cancel", job=1)  # running
    assert talk.hear("cancelled")["id"] == 1
    assert time.perf_counter() - begun < 1.0
    assert talk.hear("cancelled")["id"] == 2
    assert talk.hear("started")["id"] == 3
    assert planner.closed == [1]


def test_hanging_up_stops_what_runs(planner: SlowPlanner):
    talk = Talk(planner)
    talk.say(id=1, do="plan", case="c", out="o")
    talk.hear("state")
    talk.hang_up()
    assert planner.closed == [1]


@pytest.mark.parametrize(
    ("case", "kind", "words"), [("bad", "input", "views"), ("broken", "internal", "no such thing")]
)
def test_a_job_that_fails_costs_no_other(talk: Talk, capfd, case: str, kind: str, words: str):
    talk.say(id=1, do="plan", case=case, out="o")
    talk.say(id=2, do="plan", case="good", out="o")
    failed = talk.hear("failed")
    assert (failed["id"], failed["kind"]) == (1, kind) and words in failed["message"]
    assert talk.hear("started")["id"] == 2
    capfd.readouterr()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "one JSON object a line"),
        ("[1, 2]", "an object"),
        ('{"do": "plan"}', "id"),
        ('{"id": 1, "do": "dance"}', 'do: got dance; expected one of "hello"'),
        ('{"id": 1, "do": "plan", "out": "o"}', "case"),
        ('{"id": 1, "do": "plan", "case": "c", "out": "o", "levels": ["L9"]}', r"levels[0]: got L9"),
        ('{"id": 1, "do": "plan", "case": "c", "out": "o", "colour": "red"}', "colour: got red"),
        (
            '{"id": 1, "do": "plan", "case": "c", "out": "o", "settings": {"plan": {"gauge": "x"}}}',
            "settings.plan.gauge",
        ),
        ('{"id": 1, "do": "cancel", "job": 7}', "there is none"),
        ('{"id": 1, "do": "find"}', "case"),
        ('{"id": 1, "do": "find", "case": "c", "out": "o"}', "out: got o"),
    ],
)
def test_bad_requests_are_named_and_the_next_is_heard(talk: Talk, line: str, words: str):
    talk.say_line(line)
    failed = talk.hear("failed")
    assert failed["kind"] == "input" and words in failed["message"]
    talk.say(id=2, do="hello")
    assert talk.hear("hello")["id"] == 2


def test_settings_are_changed_where_they_are_named():
    def asked(**changes) -> Settings:
        return changed(Settings(), Field(Path("request"), "settings", changes))

    found = asked(
        plan={"gauge": 13, "diameter_mm": 2.0}, fit=QUICK["fit"], device="cpu", detector={"shift": -1, "weights": "w"}
    )
    assert (found.plan.gauge, found.plan.diameter_mm, found.device) == (13, 2.0, "cpu")
    assert (found.detector.use, found.detector.shift, found.detector.weights) == ("auto", -1, "w")
    assert [stage.steps for stage in found.fit.stages] == [12, 12]
    assert found.fit.shape_weight == Settings().fit.shape_weight
    for changes, words in (
        ({"device": "abacus"}, "settings.device: got abacus"),
        ({"fit": {"stages": []}}, "settings.fit.stages"),
        ({"fit": {"stages": [{"step": 3}]}}, r"settings.fit.stages\[0\].step"),
        ({"plan": {"unipedicular": 1}}, "true or false"),
        ({"detector": {"shift": 1.5}}, "settings.detector.shift: got 1.5; expected a whole number"),
        ({"detector": {"use": "maybe"}}, "settings.detector.use: got maybe"),
        ({"fit": {"confidence_weights": [1.0]}}, "5 finite numbers"),
    ):
        with pytest.raises(InputError, match=words):
            asked(**changes)


@pytest.fixture(scope="module")
def process():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "SpineDARTLib", "worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as found:
        yield found


def test_the_real_process_cancels_and_plans(process: subprocess.Popen, tmp_path: Path):
    assert process.stdin and process.stdout and process.stderr
    entering, leaving, complaints = process.stdin, process.stdout, process.stderr

    def say(**request) -> None:
        entering.write(json.dumps(request) + "\n")
        entering.flush()

    def hear(event: str) -> dict:
        for line in leaving:
            answer = json.loads(line)
            if answer["event"] == event:
                return answer
            assert answer["event"] in ("queued", "started", "state", "ok"), answer
        raise AssertionError(complaints.read())

    request = {"do": "plan", "case": str(resource_folder("sample")), "levels": ["L3"], "settings": QUICK}
    say(id=1, out=str(tmp_path / "first"), **request)
    hear("state")
    begun = time.perf_counter()
    say(id=2, do="cancel", job=1)
    assert hear("cancelled")["id"] == 1
    assert time.perf_counter() - begun < 5.0
    assert not (tmp_path / "first").exists(), "nothing half-written"
    say(id=3, out=str(tmp_path / "second"), **request)
    done = hear("done")
    assert [one["level"] for one in done["vertebrae"]] == ["L3"]
    assert [one.fitted.level for one in read_plan(tmp_path / "second").plans] == ["L3"]
    say(id=4, do="quit")
    assert process.wait(timeout=60) == 0
