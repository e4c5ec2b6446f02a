"""The module opened for a test, with a worker that hands out a plan made without a fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.atlas.files import load_model
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.fit.initialise import initialise
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import write_plan
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import FittedVertebra, Plan, Quality, Status

from .inventory import Inventory, inventory_path

LEVELS = ("L2", "L3", "L4")
STEPS = 12

WORKER = """
import json, os, shutil, sys, time
plan = sys.argv[1]
poses = json.loads(sys.argv[3])
def say(**answer):
    print(json.dumps(answer), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "hello":
        lacks = "There are no weights." if open(sys.argv[2]).read() == "no weights" else ""
        about = {"format": "spinedart-worker/1", "version": "0", "levels": list(poses), "detector": lacks}
        say(id=request["id"], event="hello", **about)
    elif request["do"] == "find":
        say(id=request["id"], event="started")
        if open(sys.argv[2]).read() == "hangs":
            continue
        for step in range(10):
            time.sleep(0.02)
            say(id=request["id"], event="state", seconds=0.02 * step, stage="AP", step=step, total_steps=10)
        say(id=request["id"], event="done", seconds=0.2, **json.loads(sys.argv[4]))
    elif request["do"] == "cancel":
        say(id=request["id"], event="ok")
        say(id=request["job"], event="cancelled")
    elif request["do"] == "plan":
        say(id=request["id"], event="started")
        manner = open(sys.argv[2]).read()
        for step in range(20):
            time.sleep(0.02)
            if manner == "dies" and step == 5:
                print("Killed", file=sys.stderr, flush=True)
                os._exit(137)
            levels = [{"level": level, "pose": pose, "scale": 1.0, "coefficients": [step / 20, 0.5]}
                      for level, pose in poses.items()]
            say(id=request["id"], event="state", seconds=0.03 * step, stage="coarse", step=step, total_steps=20,
                losses={"image": 1.0 / (step + 1)}, losses_by_level={}, vertebrae=levels)
        if manner == "hangs":
            continue
        if manner == "fills the disk":
            words = "OSError: [Errno 28] No space left on device: '" + request["out"] + "/L3.stl'"
            say(id=request["id"], event="failed", kind="internal", message=words)
            continue
        shutil.copytree(plan, request["out"])
        if manner == "draws residuals":
            from PIL import Image
            os.mkdir(request["out"] + "/inspect")
            for view in ("AP", "LAT"):
                Image.new("RGB", (26, 26), "gray").save(request["out"] + "/inspect/residual_L3_" + view + ".png")
        say(id=request["id"], event="done", seconds=6.4, out=request["out"], vertebrae=[])
"""
"""As ``SpineDARTLib.worker`` speaks; copies a plan folder where the real one fits."""


@pytest.fixture(scope="session")
def inventory() -> Inventory:
    """What desktop Slicer offers."""
    if not inventory_path().is_file():
        pytest.skip(f"no inventory of desktop Slicer at {inventory_path()}")
    return Inventory(inventory_path())


@pytest.fixture(scope="session")
def lumbar() -> ShapeModel:
    return load_model("L3")


@pytest.fixture(scope="session", autouse=True)
def known_atlas(lumbar: ShapeModel) -> Iterator[None]:
    """The atlas is learned once for all tests."""
    patch = pytest.MonkeyPatch()
    patch.setattr("SpineDARTLib.panel.loading.load_model", lambda level: lumbar)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def plans(lumbar: ShapeModel) -> tuple[Plan, ...]:
    """Three vertebrae of the sample case where their clicks have them."""
    case = read_case(resource_folder("sample"))
    found = initialise(case.seeds, case.views, dict.fromkeys(LEVELS, lumbar)).vertebrae.values()
    made = []
    for start in found:
        history = {
            "pose": np.stack([start.pose] * STEPS),
            "scale": np.linspace(0.95, start.scale, STEPS),
            "coefficients": np.linspace(np.zeros(lumbar.rank), np.resize(start.coefficients, lumbar.rank), STEPS),
            "loss_image": np.linspace(0.5, 0.2, STEPS),
            "loss_shape": np.linspace(0.0, 0.03, STEPS),
        }
        quality = Quality({"AP": 1.0, "LAT": 1.5}, {}, 0.8, 1.1, STEPS, 3.0, {"AP": 0.8, "LAT": 0.7}, 0.3)
        fitted = FittedVertebra(start.level, Status.CONVERGED, "", start, start, quality, history)
        made.append(plan_vertebra(fitted, lumbar, PlanSettings()))
    return tuple(made)


@pytest.fixture(scope="session")
def plan_folder(plans: tuple[Plan, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans") / "plan"
    write_plan(folder, read_case(resource_folder("sample")), plans)
    return folder


@pytest.fixture(scope="session")
def what_is_found() -> dict[str, Any]:
    """What the worker finds: where the sample was clicked, L3 in doubt, boxes of 80 points for outlines."""
    vertebrae = []
    around = np.linspace(0.0, 2.0 * np.pi, 80)
    for seed in read_case(resource_folder("sample")).seeds:
        sure = 0.62 if seed.level == "L3" else 0.97
        loops = {name: [(np.array(place) + np.stack([70 * np.cos(around), 45 * np.sin(around)], axis=1)).tolist()]
                 for name, place in seed.clicks_px.items()}  # fmt: skip
        note = "" if sure > 0.8 else "The label L3 is in doubt (62%); it may be L2. Check the level."
        vertebrae.append(
            {"level": seed.level, "label_probability": sure, "levels": {"L2": 1 - sure, seed.level: sure},
             "seeds": dict(seed.clicks_px), "in_both": True, "note": note, "start": "detected", "outlines": loops}
        )  # fmt: skip
    reasons = {"L5": "L5 was found in AP only. Click its centre in LAT.", "T12": "T12 is cut by the border in LAT."}
    shifts = {"-1": 0.3, "0": 0.65, "1": 0.05}
    return {"vertebrae": vertebrae, "reasons": reasons, "words": "Found 3 vertebrae, L2 to L4.", "shifts": shifts}


@pytest.fixture(scope="session")
def open_module(
    inventory: Inventory,
    plan_folder: Path,
    plans: tuple[Plan, ...],
    what_is_found: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], Any]]:
    """Opens the module anew, with a worker that does as ``session.manner`` says: "well", "dies" or "hangs"."""
    pytest.importorskip("PySide6", reason="PySide6 stands in for PythonQt in these tests")
    pytest.importorskip("slicer", reason="slicer-core has the scene")
    from .session import Session

    sessions: list[Any] = []
    poses = {plan.fitted.level: plan.fitted.vertebra.pose.tolist() for plan in plans if plan.fitted.vertebra}

    def opened() -> Any:
        manner = tmp_path_factory.mktemp("worker") / "manner"
        manner.write_text("well", encoding="utf-8")
        worker = (
            sys.executable,
            "-c",
            WORKER,
            str(plan_folder),
            str(manner),
            json.dumps(poses),
            json.dumps(what_is_found),
        )
        sessions.append(Session(worker=worker))
        sessions[-1].manner = manner.write_text
        return sessions[-1]

    yield opened
    for session in sessions:
        session.close()


@pytest.fixture(scope="session")
def module(open_module: Callable[[], Any]) -> Any:
    """One module for all tests that leave it as they found it."""
    return open_module()


@pytest.fixture
def session(module: Any) -> Iterator[Any]:
    """The module without a case."""
    module.is_meant()
    yield module
    module.manner("well")
    if module.presenter.state.session is not None:
        module.presenter.end_session()
    module.presenter.close_case()
    module.process(0.1)


@pytest.fixture
def located(session: Any) -> Any:
    """The sample case, opened."""
    session.press("Case", "sample")
    session.wait(lambda: session.control("Fit", "fit_all").enabled)
    return session


@pytest.fixture
def fitted(located: Any) -> Any:
    """The sample case, fitted."""
    located.press("Fit", "fit_all")
    located.wait(lambda: bool(located.presenter.state.plans))
    located.process(0.3)
    return located
