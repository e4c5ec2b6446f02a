"""Grading pictures are of the vertebra's own axes, whatever its pose, with its cannulas as metal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.plan import write_plan
from SpineDARTLib.simulate.grading import (
    GradingSettings,
    drawable,
    grading_pictures,
    grading_view,
    save_grading,
    titled,
)
from SpineDARTLib.simulate.patient.bone import BoneQuality, fill_bone
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Plan, Status, Vertebra
from Testing.plan.tubes import rotation, tube_vertebra

SETTINGS = GradingSettings(size_px=160, spacing_mm=1.2)
POSE = np.eye(4)
POSE[:3, :3] = rotation((0.3, -0.5, 0.4))
POSE[:3, 3] = [30.0, -50.0, 420.0]
ENDS_MM = {"left": [[-20.0, -35.0, 9.0], [-5.0, 8.0, 1.0]], "right": [[22.0, -33.0, 4.0], [7.0, 6.0, -3.0]]}
"""In the vertebra's frame; the left one comes from higher up."""


def placed(points: np.ndarray) -> np.ndarray:
    return points @ POSE[:3, :3].T + POSE[:3, 3]


def cannula(side: str) -> Cannula:
    entry, target = placed(np.array(ENDS_MM[side]))
    return Cannula(side, entry, target, 3.0)


@pytest.fixture(scope="module")
def bone():
    vertices, faces = tube_vertebra(1.5)
    return fill_bone(placed(vertices), faces, BoneQuality(), np.random.default_rng(1), 1.2)


def test_left_is_left_and_front_is_right():
    points = np.array([[0.0, 0, 0], [-10.0, 0, 0], [0.0, 0, 10], [0.0, 10, 0]])
    centre, left, up, _ = project(placed(points), grading_view("ap", POSE, SETTINGS))
    assert left[0] < centre[0] - 8 and left[1] == pytest.approx(centre[1])
    assert up[1] < centre[1] - 8 and up[0] == pytest.approx(centre[0])
    centre, _, up, front = project(placed(points), grading_view("lat", POSE, SETTINGS))
    assert front[0] > centre[0] + 8 and front[1] == pytest.approx(centre[1])
    assert up[1] < centre[1] - 8


def test_cannulas_show_as_metal_where_they_are(bone):
    without = grading_pictures(drawable(bone), (), POSE, settings=SETTINGS)
    shown = grading_pictures(drawable(bone), [cannula("left")], POSE, settings=SETTINGS)
    for name, picture in shown.items():
        assert picture.shape == (160, 160) and picture.dtype == np.uint8
        added = picture.astype(float) - without[name]
        assert added.min() >= 0
        view = grading_view(name, POSE, SETTINGS)
        ends = project(placed(np.array(ENDS_MM["left"])), view)
        for share in (0.3, 0.6, 0.9):
            u, v = np.round(ends[0] + share * (ends[1] - ends[0])).astype(int)
            assert added[v, u] > 40
        # The shaft sticks out of the entry, and nothing is beyond the target.
        along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        rows, columns = np.nonzero(added > 20)
        place = (np.stack([columns, rows], axis=1) - ends[0]) @ along
        assert place.min() < -8
        assert place.max() < np.linalg.norm(ends[1] - ends[0]) + 4


def test_neighbours_are_dimmed(bone):
    above = replace(bone, voxel_to_world=bone.voxel_to_world.copy())
    above.voxel_to_world[:3, 3] += POSE[:3, :3] @ [0.0, 0.0, 34.0]
    picture = grading_pictures(drawable(bone), (), POSE, [drawable(above)], SETTINGS)["lat"].astype(float)
    own, other = picture[70:].max(), picture[:50].max()
    assert 0.3 * own < other < 0.9 * own


def test_a_bent_path_shows_as_one(bone):
    entry, target = placed(np.array(ENDS_MM["left"]))
    via = (entry + target) / 2 + POSE[:3, :3] @ [-6.0, 0.0, 0.0]
    bent = Cannula("left", entry, target, 3.0, "curved", via[None])
    pictures = [
        grading_pictures(drawable(bone), [one], POSE, settings=SETTINGS)["ap"].astype(int)
        for one in (bent, cannula("left"))
    ]
    u, v = np.round(project(via[None], grading_view("ap", POSE, SETTINGS))[0]).astype(int)
    assert pictures[0][v, u] > pictures[1][v, u] + 40


def test_sides_and_scale_are_written():
    for name, settings in (("ap", SETTINGS), ("lat", GradingSettings(size_px=300))):
        blank = np.zeros((settings.size_px, settings.size_px), dtype=np.uint8)
        written = titled(blank, "L3", name, settings)
        assert written.shape == (settings.size_px + 24, settings.size_px)
        bar = np.flatnonzero(written[24 + settings.size_px - 10] > 100)
        assert len(bar) == pytest.approx(20.0 / settings.side_mm * settings.size_px, abs=2)
        assert (written[24:50, :30] > 100).any() and (written[24:50, -30:] > 100).any()


def test_a_pose_that_is_not_rigid(bone):
    with pytest.raises(ValueError, match="rigid"):
        grading_pictures(drawable(bone), (), 1.2 * POSE, settings=SETTINGS)


def test_a_plan_s_pictures(tmp_path):
    vertices, faces = tube_vertebra(1.5)
    vertebra = Vertebra("L3", POSE, 1.0, np.zeros(2))
    cannulas = (cannula("left"), cannula("right"))
    done = Plan(FittedVertebra("L3", Status.CONVERGED, "", vertebra), placed(vertices), faces, {}, cannulas)
    missing = Plan(FittedVertebra("L4", Status.NOT_INITIALISED, "no start"))
    write_plan(tmp_path / "plan", Case("case 7", ()), [done, missing])
    written = save_grading(tmp_path / "plan", tmp_path / "out", SETTINGS)
    assert [path.name for path in written] == ["grading_L3_ap.png", "grading_L3_lat.png"]
    first = [np.asarray(Image.open(path)) for path in written]
    assert first[0].shape == (184, 160) and first[0][:24].max() > 150
    again = save_grading(tmp_path / "plan" / "plan.json", tmp_path / "again", SETTINGS)
    assert all(np.array_equal(a, np.asarray(Image.open(path))) for a, path in zip(first, again, strict=True))
    write_plan(tmp_path / "empty", Case("case 8", ()), [missing])
    with pytest.raises(InputError, match="mesh"):
        save_grading(tmp_path / "empty", tmp_path / "none", SETTINGS)
