"""The self-test in Slicer: sample case, fit, move, grade, save, and go on from what was saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import slicer

LEVEL = "L3"
QUICK = {"fit": {"stages": [{"name": "coarse", "steps": 5}]}}
"""Few steps: whether the parts work together, not how good the fit is."""

PATIENCE_SECONDS = 180.0


def whole_review(logic: Any) -> None:
    """Raises an AssertionError where something is lost on the way."""
    presenter, link = logic.presenter, logic.link
    try:
        presenter.open_sample()
        presenter.set_settings(QUICK)
        presenter.fit((LEVEL,))
        _wait(logic, lambda: LEVEL in presenter.state.plans, "the fit")
        presenter.select(LEVEL, "left")
        entry = presenter.state.options[LEVEL, "left"].cannula.entry_mm
        presenter.drag("entry", entry + (1.0, 0.0, 0.0))
        presenter.release()
        presenter.set_rater("test")
        for side in ("left", "right"):
            presenter.select(LEVEL, side)
            presenter.grade(2)
        link.flush()
        before = presenter.state.review
        assert before is not None, "there is no record of the review"
        presenter.close_case()
        assert presenter.state.review is None
        assert link.resume(), "the scene kept nothing"
        _wait(logic, lambda: LEVEL in presenter.state.plans, "the plan of the scene")
        after = presenter.state.review
        assert after is not None, "the record of the review is lost"
        assert len(after.events) == len(before.events), "the record of the review is not whole"
        moved = after.cannulas[LEVEL, "left"].entry_mm
        assert np.allclose(moved, before.cannulas[LEVEL, "left"].entry_mm), "the moved cannula is lost"
        assert after.grade(LEVEL, "right").value == 2, "a grade is lost"
    finally:
        logic.close()


def _wait(logic: Any, ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        slicer.app.processEvents()
        logic.tick()
        failed = [job.words for job in logic.presenter.state.jobs.values() if job.state == "failed"]
        assert not failed, f"{what}: {failed}"
        assert time.monotonic() < end, f"{what} took more than {PATIENCE_SECONDS:g} s"
        time.sleep(0.02)
