"""A plan folder made without any fit, and a presenter with a worker that hands it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.files import load_model
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import write_plan
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.panel.worker_client import WorkerClient
from SpineDARTLib.plan.planning import plan_vertebra
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import FittedVertebra, Plan, Quality, Status, Vertebra

from .processes import Stage, fake_command

NAN = float("nan")


@pytest.fixture(scope="session")
def lumbar() -> ShapeModel:
    return load_model("L3")


@pytest.fixture(scope="session")
def plans(lumbar: ShapeModel) -> tuple[Plan, ...]:
    """L3 fitted well, L4 not at all."""
    pose = np.eye(4)
    pose[:3, 3] = (4.0, -8.0, 30.0)
    coefficients = np.zeros(lumbar.rank)
    coefficients[:3] = (0.8, -0.6, 0.4)
    vertebra = Vertebra("L3", pose, 1.05, coefficients)
    quality = Quality({"AP": 1.0, "LAT": 1.5}, {}, 0.8, 1.1, 100, 3.0, {"AP": 0.8, "LAT": 0.7}, 0.3)
    history = {"loss_similarity": np.linspace(1.0, 0.2, 5)}
    good = FittedVertebra("L3", Status.CONVERGED, "", vertebra, vertebra, quality, history)
    bad = FittedVertebra("L4", Status.NOT_INITIALISED, "The clicks on L4 do not meet.")
    settings = PlanSettings()
    return plan_vertebra(good, lumbar, settings), plan_vertebra(bad, lumbar, settings)


@pytest.fixture(scope="session")
def plan_folder(plans: tuple[Plan, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans") / "plan"
    write_plan(folder, read_case(resource_folder("sample")), plans)
    return folder


@pytest.fixture(scope="session", autouse=True)
def known_atlas(lumbar: ShapeModel) -> Iterator[None]:
    """The atlas is learned once for all tests."""
    patch = pytest.MonkeyPatch()
    patch.setattr("SpineDARTLib.panel.loading.load_model", lambda level: lumbar)
    yield
    patch.undo()


@pytest.fixture
def stage() -> Iterator[Stage]:
    found = Stage()
    yield found
    found.clear()


@pytest.fixture
def present(stage: Stage, plan_folder: Path, tmp_path: Path) -> Iterator[Callable[..., Presenter]]:
    """Makes a presenter with a worker of some manner."""
    made: list[Presenter] = []

    def new(manner: str = "good", work: Path | None = None) -> Presenter:
        client = WorkerClient(stage.new_process, fake_command(manner, plan_folder))
        made.append(Presenter(client, work or tmp_path / f"work{len(made)}"))
        stage.ticks.append(made[-1].tick)
        return made[-1]

    yield new
    for presenter in made:
        presenter.close()


@pytest.fixture
def planned(present: Callable[..., Presenter], stage: Stage) -> Presenter:
    """The sample case with L3 planned and L4 failed."""
    presenter = present()
    presenter.open_sample()
    presenter.fit(["L3", "L4"])
    stage.until(lambda: "L3" in presenter.state.plans)
    return presenter
