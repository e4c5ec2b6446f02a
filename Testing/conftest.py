"""What every test may ask for: the shared data, and a small synthetic case that no mirror image of itself fits."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded, see SpineDARTLib.__main__

import numpy as np
import pytest

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import c_arm_camera, project, rays
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import View

ROOT = Path(__file__).resolve().parents[1]

SHAPE = (96, 112)
SPACING_MM = (3.0, 3.0)
SOURCE_TO_DETECTOR_MM = 1020.0
SOURCE_TO_ISOCENTRE_MM = 700.0

ELLIPSOIDS = np.array(
    [
        # centre RAS mm, half axes mm, attenuation per mm
        [0.0, 10.0, 0.0, 110.0, 80.0, 400.0, 0.018],  # the trunk
        [3.0, 0.0, -35.0, 22.0, 16.0, 13.0, 0.030],  # L3
        [0.0, 2.0, 0.0, 20.0, 15.0, 12.0, 0.030],  # L2
        [-4.0, -30.0, -40.0, 4.0, 14.0, 8.0, 0.030],  # a spinous process that leans to the left and down
        [30.0, 3.0, -32.0, 12.0, 4.0, 4.0, 0.030],  # a transverse process, on the right only
    ]
)
BODIES_MM = {"L2": ELLIPSOIDS[2, :3], "L3": ELLIPSOIDS[1, :3]}


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of real data: $SPINEDART_SHARED, or ``shared`` beside the checkout."""
    named = os.environ.get("SPINEDART_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set SPINEDART_SHARED")
    return folder


@pytest.fixture(scope="session")
def shared_cases(shared_folder: Path) -> list[Path]:
    """The folders of the shared cases."""
    folders = sorted(path.parent for path in shared_folder.glob("cases/*/case.json"))
    if not folders:
        pytest.skip(f"no cases in {shared_folder / 'cases'}")
    return folders


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder of the case that comes with the program."""
    try:
        return resource_folder("sample")
    except InputError as error:
        pytest.skip(f"no sample case: {error}")


def make_view(name: str, primary_deg: float, secondary_deg: float = 0.0, shape: tuple[int, int] = SHAPE) -> View:
    """A C-arm view of the synthetic patient with its X-ray, exact line integrals through the ellipsoids."""
    camera = c_arm_camera(
        primary_deg, secondary_deg, SOURCE_TO_DETECTOR_MM, SOURCE_TO_ISOCENTRE_MM, SPACING_MM, shape, (0.0, 0.0, -10.0)
    )
    blank = View(name, np.zeros(shape, dtype=np.float32), *camera, SPACING_MM, SOURCE_TO_DETECTOR_MM)
    rows, columns = np.indices(shape)
    source, directions = rays(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float), blank)
    total = np.zeros(len(directions))
    for *numbers, attenuation in ELLIPSOIDS:
        centre, axes = np.array(numbers[:3]), np.array(numbers[3:])
        start, step = (source - centre) / axes, directions / axes
        a, b, c = (step**2).sum(1), step @ start, start @ start - 1.0
        total += attenuation * 2 * np.sqrt(np.maximum(b**2 - a * c, 0.0)) / a
    return View(name, total.reshape(shape).astype(np.float32), *camera, SPACING_MM, SOURCE_TO_DETECTOR_MM)


@pytest.fixture(scope="session")
def views() -> tuple[View, View]:
    """AP and lateral of the synthetic patient, a little off the axes."""
    return make_view("AP", 4.0, 3.0), make_view("LAT", 88.0, -5.0)


@pytest.fixture
def case_folder(tmp_path: Path, views: tuple[View, View]) -> Path:
    """A case folder: AP in 16-bit counts with a matrix, LAT as 8-bit display with C-arm angles; clicks on L2 and L3."""
    from PIL import Image

    folder = tmp_path / "case"
    folder.mkdir()
    frontal, lateral = views
    counts = np.round(60000 * np.exp(-frontal.image)).astype(np.uint16)
    Image.fromarray(counts).save(folder / "ap.png")
    Image.fromarray(np.round(255 * lateral.image / lateral.image.max()).astype(np.uint8)).save(folder / "lat.png")
    c_arm = {"primary_deg": 88.0, "secondary_deg": -5.0, "source_to_detector_mm": SOURCE_TO_DETECTOR_MM}
    c_arm |= {"source_to_isocentre_mm": SOURCE_TO_ISOCENTRE_MM, "isocentre_mm": [0, 0, -10]}
    c_arm |= {"pixel_spacing_mm": list(SPACING_MM), "convention": "dicom"}
    matrix = {"projection_matrix": (-2.5 * frontal.projection).tolist(), "pixel_spacing_mm": list(SPACING_MM)}
    matrix |= {"source_to_detector_mm": SOURCE_TO_DETECTOR_MM}
    document = {
        "format": "spinedart-case/1",
        "id": "synthetic",
        "coordinate_system": "RAS",
        "views": [
            {"name": "AP", "image": "ap.png", "geometry": matrix, "polarity": "bone-dark"},
            {"name": "LAT", "image": "lat.png", "geometry": {"c_arm": c_arm}, "polarity": "bone-bright"},
        ],
        "vertebrae": [
            {"level": level, "seeds": {view.name: project(body[None], view)[0].tolist() for view in views}}
            for level, body in BODIES_MM.items()
        ],
    }
    (folder / "case.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture
def edit_case(case_folder: Path) -> Callable[[Callable[[dict[str, Any]], Any]], Path]:
    """Change the synthetic case's JSON in place; gives the folder."""

    def edit(change: Callable[[dict[str, Any]], Any]) -> Path:
        file = case_folder / "case.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        change(document)
        file.write_text(json.dumps(document), encoding="utf-8")
        return case_folder

    return edit
