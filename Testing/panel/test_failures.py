"""Fits in a worker process that dies, floods, refuses or never starts; folders that cannot be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.worker_client import WorkerClient

from .processes import Stage, fake_command

Present = Callable[..., Presenter]


def ended(presenter: Presenter) -> bool:
    jobs = presenter.state.jobs.values()
    return bool(jobs) and not any(job.open for job in jobs)


def test_a_worker_that_dies_is_reported_and_started_again(present: Present, stage: Stage):
    presenter = present("dies")
    presenter.open_sample()
    presenter.click("AP", 250.0, 250.0, "L3")  # so that the case is written anew
    presenter.fit(["L2"])
    presenter.fit(["L4"])
    stage.until(lambda: presenter.state.jobs["L2"].state == "failed")
    words = presenter.state.jobs["L2"].words
    assert "ended by itself (exit code 139)" in words and "Segmentation fault" in words
    assert presenter.state.attention
    stage.until(lambda: ended(presenter))
    assert len(stage.processes) >= 2, "what waited got a new worker"
    presenter.fit(["L2"])
    presenter.fit(["L3"])
    stage.until(lambda: ended(presenter))
    presenter.close()
    assert not stage.living


def test_a_crash_costs_nobody_else_a_plan(present: Present, stage: Stage):
    """Of three levels fitted together each is tried once more, alone; what crashes again is said and left."""
    presenter = present("dies")
    presenter.open_sample()
    presenter.click("AP", 250.0, 250.0, "L5")  # so that the case is written anew
    presenter.fit(["L2", "L3", "L4"])
    stage.until(lambda: presenter.state.attention)
    assert "L2, L3, L4 are fitted once more, each alone" in presenter.state.message
    assert {job.state for job in presenter.state.jobs.values()} <= {"waiting", "running"}
    stage.until(lambda: ended(presenter))
    assert presenter.state.jobs["L3"].state == "done" and "L3" in presenter.state.plans
    assert [fit.number for fit in presenter.state.fits] == [2, 3, 4], "one fit a level, in their order"


def test_what_crashes_again_is_not_tried_for_ever(present: Present, stage: Stage):
    presenter = present("always dies")
    presenter.open_sample()
    presenter.fit(["L2", "L3"])
    stage.until(lambda: ended(presenter), 20.0)
    assert {job.state for job in presenter.state.jobs.values()} == {"failed"} and presenter.state.attention
    assert "L3 was not fitted. The fitting process ended by itself" in presenter.state.message
    assert len(stage.processes) <= 5


def test_cancel_stops_what_is_tried_once_more(present: Present, stage: Stage):
    presenter = present("always dies")
    presenter.open_sample()
    presenter.fit(["L2", "L3", "L4"])
    stage.until(lambda: "once more" in presenter.state.message)
    presenter.cancel()
    stage.until(lambda: ended(presenter))
    assert all(job.state in ("cancelled", "failed") for job in presenter.state.jobs.values())


def test_a_worker_whose_disk_is_full_says_so(present: Present, stage: Stage):
    presenter = present("fills the disk")
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: ended(presenter))
    assert "The disk is full" in presenter.state.jobs["L3"].words and "Errno" not in presenter.state.message


def test_a_worker_that_is_killed_in_mid_fit(present: Present, stage: Stage):
    presenter = present("slow")
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: presenter.state.jobs["L3"].share > 0)
    stage.processes[-1].kill()
    stage.until(lambda: ended(presenter))
    assert "was killed, perhaps for want of memory" in presenter.state.message and presenter.state.attention
    assert not stage.living and presenter.state.live_mm == {}


@pytest.mark.parametrize(
    ("manner", "words"), [("mute", "did not start (exit code 3)"), ("torchless", "package torch is missing")]
)
def test_a_worker_that_cannot_start_is_tried_once(present: Present, stage: Stage, manner: str, words: str):
    presenter = present(manner)
    presenter.open_sample()
    presenter.fit(["L2"])
    presenter.fit(["L3"])
    stage.until(lambda: ended(presenter))
    assert {job.state for job in presenter.state.jobs.values()} == {"failed"}
    assert all(words in job.words for job in presenter.state.jobs.values())
    assert len(stage.processes) <= 4 and not stage.living


def test_a_flood_of_states_holds_nothing_up(present: Present, stage: Stage):
    presenter, heard = present("floods"), []
    presenter.open_sample()
    stage.until(lambda: not presenter._background.busy)
    presenter.listen(lambda state, changed: heard.append(changed))
    presenter.fit(["L3"])
    stage.until(lambda: ended(presenter))
    assert presenter.state.jobs["L3"].state == "done"
    assert len(heard) < 500, "states are coalesced between ticks"


def test_what_the_worker_refuses_is_said(present: Present, stage: Stage):
    presenter = present("refuses")
    presenter.open_sample()
    presenter.fit(["L3"])
    stage.until(lambda: ended(presenter))
    assert "views: got 1" in presenter.state.jobs["L3"].words and presenter.state.attention


def test_a_full_disk_is_named(present: Present, stage: Stage, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28), "/somewhere/else/case.json")

    presenter = present()
    presenter.open_sample()
    presenter.click("AP", 250.0, 250.0, "L3")
    monkeypatch.setattr("SpineDARTLib.panel.fitting.write_case", full)
    presenter.fit(["L2"])
    stage.until(lambda: ended(presenter))
    assert presenter.state.message.endswith("the disk is full. Choose another one.")
    assert "somewhere" not in presenter.state.message


def test_a_working_folder_that_is_a_file_is_named(present: Present, stage: Stage, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    presenter = present(work=tmp_path / "file" / "work")
    presenter.open_sample()
    presenter.click("AP", 250.0, 250.0, "L3")
    presenter.fit(["L2"])
    stage.until(lambda: ended(presenter))
    assert "cannot be written" in presenter.state.jobs["L2"].words


def test_a_level_that_the_worker_forgot_is_said(present: Present, stage: Stage):
    presenter = present()
    presenter.open_sample()
    presenter.fit(["L2", "L3"])
    stage.until(lambda: ended(presenter))
    assert "gave no plan" in presenter.state.jobs["L2"].words and presenter.state.jobs["L3"].state == "done"


def test_a_client_without_jobs_ends_its_process(stage: Stage, plan_folder: Path):
    client = WorkerClient(stage.new_process, fake_command("good", plan_folder))
    client.hello()
    client.hello()
    assert client.alive and len(stage.processes) == 1
    client.cancel(7)
    client.close()
    assert not client.alive and not stage.living


def test_a_program_that_is_not_there_is_said(present: Present):
    class Missing:
        def start(self, command, on_line, on_complaint, on_end) -> None:
            on_complaint("no such program")
            on_end(-1)

        def write(self, text: str) -> None: ...

        def kill(self) -> None: ...

    heard = []
    client = WorkerClient(Missing, ["nothing"])
    client.on_message = heard.append
    client.plan(1, Path("a"), Path("b"), ["L3"])
    assert next(message["id"] for message in heard if message["event"] == "failed") == 1
    assert "did not start" in heard[0]["message"] and not client.jobs
