"""The picture: outlines where the surface projects, everything told apart, nothing that needs a screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from SpineDARTLib import overlay
from SpineDARTLib.geometry.camera import c_arm_camera, project
from SpineDARTLib.overlay import BREACH, LEFT, RIGHT, VERTEBRA, _words, draw_overlay, silhouette
from SpineDARTLib.types import Cannula, Case, FittedVertebra, Option, Plan, Safety, Seed, Status, View
from Testing.plan.tubes import HALF_HEIGHT, HALF_WIDTH, HEIGHT, OFFSET, tube_vertebra

SPACING = (0.6, 0.6)


def view(name: str, primary_deg: float) -> View:
    generator = np.random.default_rng(len(name))
    image = generator.normal(size=(220, 260)).astype(np.float32)
    camera = c_arm_camera(primary_deg, 4.0, 1020.0, 530.0, SPACING, (220, 260))
    return View(name, image, *camera, SPACING, 1020.0)


def safety(clearance: float, direction: str) -> Safety:
    return Safety(clearance, {"medial": clearance}, 0.4, "A" if clearance >= 0 else "C", direction, {}, {})


@pytest.fixture(scope="module")
def plan() -> Plan:
    vertices, faces = tube_vertebra(1.5)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rims = {
        side: np.stack(
            [
                OFFSET[side] + HALF_WIDTH[side] * np.cos(angle),
                np.full(24, -24.0),
                HEIGHT[side] + HALF_HEIGHT[side] * np.sin(angle),
            ],
            axis=1,
        )
        for side in ("left", "right")
    }
    cannulas = tuple(
        Cannula(side, np.array([OFFSET[side] * 1.2, -44.0, 6.0]), np.array([OFFSET[side] * 0.4, 7.0, 0.0]), 4.19)
        for side in ("left", "right")
    )
    fitted = FittedVertebra("L3", Status.CONVERGED, "")
    found = (safety(1.3, ""), safety(-2.4, "medial"))
    return Plan(fitted, vertices, faces, {"tip": np.array([0.0, 16.0, 0.0])}, cannulas, found, rims)


def near(picture: np.ndarray, colour: str, tolerance: int = 30) -> int:
    """How many pixels have a colour, about."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(picture.astype(int) - wanted).max(-1) < tolerance).sum())


def test_silhouette_is_the_border_of_what_is_covered():
    # A square frame of two triangles a side, with a square hole, off the pixel grid and not square itself.
    outer = np.array([[10.25, 20.5], [70.25, 20.5], [70.25, 60.5], [10.25, 60.5]])
    inner = np.array([[30.25, 30.5], [50.25, 30.5], [50.25, 50.5], [30.25, 50.5]])
    points = np.vstack([outer, inner])
    faces = np.array([f for i in range(4) for f in ((i, (i + 1) % 4, 4 + i), ((i + 1) % 4, 4 + (i + 1) % 4, 4 + i))])
    loops = sorted(silhouette(points, faces), key=lambda loop: -np.ptp(loop[:, 0]))
    assert len(loops) == 2
    for loop, expected in zip(loops, (outer, inner), strict=True):
        assert loop.min(0) == pytest.approx(expected.min(0), abs=0.3)
        assert loop.max(0) == pytest.approx(expected.max(0), abs=0.3)


def test_silhouette_far_outside_is_nothing():
    assert silhouette(np.array([[0.0, 0.0], [1e7, 3.0], [4.0, 1e7]]), np.array([[0, 1, 2]])) == []


def test_picture_shows_everything(tmp_path, plan):
    views = (view("AP", 180.0), view("LAT", 90.0))
    seeds = (Seed("L3", {}), Seed("L4", {"AP": (110.0, 190.0), "LAT": (130.0, 200.0)}))
    lost = Plan(FittedVertebra("L4", Status.NOT_INITIALISED, "outside both views"))
    draw_overlay(Case("made-up", views, seeds), (plan, lost), tmp_path / "overlay.png")
    picture = np.asarray(Image.open(tmp_path / "overlay.png").convert("RGB"))
    assert picture.shape[0] > 900 and picture.shape[1] > 1200
    for colour in (*VERTEBRA, LEFT, RIGHT, BREACH):
        assert near(picture, colour) > 50, colour


def test_red_means_breach(tmp_path, plan):
    safe = Plan(plan.fitted, plan.vertices_mm, plan.faces, {}, plan.cannulas, (safety(1.3, ""), safety(0.4, "")))
    draw_overlay(Case("made-up", (view("AP", 180.0), view("LAT", 90.0))), (safe,), tmp_path / "overlay.png")
    assert near(np.asarray(Image.open(tmp_path / "overlay.png").convert("RGB")), BREACH) == 0


def test_the_transferred_path_shows_dashed_where_the_recommended_one_left_it(tmp_path, plan):
    right, found = plan.cannulas[1], plan.safety[0]

    def picture(start: Cannula) -> np.ndarray:
        chosen = replace(right, name="safest")
        options = (Option(start, found), Option(chosen, found))
        drawn = replace(plan, cannulas=(chosen,), safety=(found,), options=options)
        draw_overlay(Case("made-up", (view("AP", 180.0),)), (drawn,), tmp_path / "overlay.png")
        return np.asarray(Image.open(tmp_path / "overlay.png").convert("RGB"))

    here = picture(replace(right, target_mm=right.target_mm + [0.6, 0.0, 0.0]))
    away = picture(replace(right, target_mm=right.target_mm + [0.0, 0.0, 9.0]))
    added = away[np.abs(away.astype(int) - here).max(-1) > 40]
    assert 60 < len(added) < 5000  # a thin line, and nothing else
    assert near(added, RIGHT, 70) > 0.4 * len(added)


def test_words_of_the_panel_name_needle_room_and_broken_rules(plan):
    broken = replace(plan.safety[0], checks={"within_pedicle": True, "mid_height": False})
    missing = Safety(float("nan"), {}, float("nan"), "", "", {}, {}, "no_pedicle", "No pedicle here.")
    words = _words(replace(plan, safety=(broken, missing)), VERTEBRA[0])
    assert [row[0].strip() for row in words[1:4]] == [
        "L 8G: 1.3 mm free, A",
        "tip off mid-height",
        "R 8G: not measured: No pedicle here.",
    ]
    assert BREACH not in {row[1] for row in words}
    thin = replace(plan, cannulas=(replace(plan.cannulas[1], diameter_mm=3.05),), safety=plan.safety[1:])
    assert _words(thin, VERTEBRA[0])[1][:2] == ("R 11G: medial breach 2.4 mm, C", BREACH)


def test_a_case_without_any_result_still_has_a_picture(tmp_path):
    lost = Plan(FittedVertebra("T7", Status.DIVERGED, "the fit left the image"))
    draw_overlay(Case("made-up", (view("AP", 180.0), view("LAT", 90.0))), (lost,), tmp_path / "overlay.png")
    assert (tmp_path / "overlay.png").stat().st_size > 10_000


def test_three_views(tmp_path, plan):
    views = (view("AP", 180.0), view("LAT", 90.0), view("OBL", 140.0))
    draw_overlay(Case("made-up", views), (plan,), tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width > 1.5 * picture.height


def test_no_plotting_state():
    # pyplot keeps figures alive and wants a screen; nothing of ours may import it.
    folder = Path(overlay.__file__).parent
    assert [path.name for path in folder.rglob("*.py") if "pyplot" in path.read_text(encoding="utf-8")] == []


def test_outline_lies_on_the_projection(plan):
    ap = view("AP", 180.0)
    points = project(plan.vertices_mm, ap)
    loop = max(silhouette(points, plan.faces), key=len)
    assert loop.min(0) == pytest.approx(points.min(0), abs=0.6)
    assert loop.max(0) == pytest.approx(points.max(0), abs=0.6)
