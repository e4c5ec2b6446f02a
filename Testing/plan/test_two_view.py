"""A cannula drawn in several views becomes the one in 3D, or says why it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import c_arm_camera, project, project_with_depth
from SpineDARTLib.io.drawn import DrawnCannula
from SpineDARTLib.plan.masks import line_of_mask, of_drawn, shown
from SpineDARTLib.plan.two_view import STATUSES, USABLE, Triangulated, triangulate
from SpineDARTLib.types import Cannula, View

SHAPE = (768, 800)
SPACING_MM = (0.388, 0.388)
CENTRE = np.array([12.0, -20.0, 140.0])
ENTRY, TARGET = CENTRE + (-21.0, -38.0, 9.0), CENTRE + (-6.0, 6.0, 1.0)
GAUGE_11_MM = 3.05


def view(name: str, primary_deg: float, secondary_deg: float = 0.0) -> View:
    camera = c_arm_camera(
        primary_deg, secondary_deg, 1020.0, 530.0, SPACING_MM, SHAPE, tuple(CENTRE + (5.0, 9.0, -7.0))
    )
    return View(name, np.zeros(SHAPE, dtype=np.float32), *camera, SPACING_MM, 1020.0)


AP, LAT, OBLIQUE = view("AP", 3.0, 4.0), view("LAT", 88.0, -6.0), view("OBL", 45.0, -25.0)


def drawn(*views: View, entry: np.ndarray = ENTRY, target: np.ndarray = TARGET) -> dict[str, np.ndarray]:
    return {one.name: project(np.stack([entry, target]), one) for one in views}


def ends_of(found: Triangulated) -> np.ndarray:
    assert found.cannula is not None, found.reason
    return found.cannula.path_mm


def rms_error_mm(views: tuple[View, ...], noise_px: float, count: int = 50) -> float:
    """Root mean square error of an end."""
    generator = np.random.default_rng(4)
    truth, exact, errors = np.stack([ENTRY, TARGET]), drawn(*views), []
    for _ in range(count):
        lines = {name: line + noise_px * generator.standard_normal((2, 2)) for name, line in exact.items()}
        errors.append(np.linalg.norm(ends_of(triangulate(lines, views, "left", GAUGE_11_MM)) - truth, axis=1))
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.parametrize("views", [(AP, LAT), (AP, OBLIQUE), (LAT, OBLIQUE, AP)])
def test_exact_lines_give_the_cannula_exactly(views: tuple[View, ...]):
    found = triangulate(drawn(*views), views, "left", GAUGE_11_MM)
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=1e-6)
    assert (found.status, found.reason) == ("triangulated", "")
    assert found.cannula is not None and found.cannula.name == "drawn" and found.cannula.side == "left"
    assert set(found.residual_px) == {one.name for one in views}
    assert max(found.residual_px.values()) < 1e-6


def test_lines_in_some_of_the_views_are_enough():
    found = triangulate(drawn(AP, OBLIQUE), (LAT, OBLIQUE, AP), "left", 5.0)
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=1e-6)
    assert set(found.residual_px) == {"AP", "OBL"}


def test_the_error_is_what_is_foretold_and_grows_with_the_noise():
    foretold = triangulate(drawn(AP, LAT), (AP, LAT), "left", GAUGE_11_MM).error_mm
    one, three = (rms_error_mm((AP, LAT), noise) for noise in (1.0, 3.0))
    # Foretold with ends twice as uncertain along the line as the noise here is: an upper limit, and not a loose one.
    assert 0.4 * foretold < one < foretold
    assert three == pytest.approx(3 * one, rel=0.1)


def test_close_views_cost_accuracy_as_one_over_the_sine_and_more_views_gain():
    wide, narrow = rms_error_mm((AP, LAT), 1.0), rms_error_mm((AP, view("NEAR", 28.0, 4.0)), 1.0)
    assert 1.5 < narrow / wide < 3.5  # 1 / sin(25 degrees) is 2.4
    assert rms_error_mm((AP, LAT, OBLIQUE), 1.0) < wide
    near = triangulate(drawn(AP, OBLIQUE), (AP, OBLIQUE), "left", 5.0).error_mm
    assert near > triangulate(drawn(AP, LAT), (AP, LAT), "left", 5.0).error_mm


def test_mirrored_patients_and_views_mirror_the_cannula():
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    lines = drawn(AP, LAT)
    lines["AP"] += (3.0, -2.0)
    straight = triangulate(lines, (AP, LAT), "left", GAUGE_11_MM)
    flipped = []
    for one in (AP, LAT):
        # The mirrored patient seen by the mirrored camera whose image is flipped back: a proper rotation again.
        camera = np.diag([-1.0, 1.0, 1.0, 1.0]) @ one.world_to_camera @ mirror
        intrinsics = one.intrinsics.copy()
        intrinsics[0, 2] = SHAPE[1] - 1 - intrinsics[0, 2]
        flipped.append(replace(one, world_to_camera=camera, intrinsics=intrinsics))
    mirrored = {name: (SHAPE[1] - 1, 0.0) + line * (-1.0, 1.0) for name, line in lines.items()}
    found = triangulate(mirrored, flipped, "right", GAUGE_11_MM)
    np.testing.assert_allclose(ends_of(found), ends_of(straight) * (-1.0, 1.0, 1.0), atol=1e-6)
    assert found.residual_px == pytest.approx(straight.residual_px)


def test_a_rigid_motion_of_everything_moves_the_cannula_along():
    angle = 0.2  # about the vertical axis: the patient lies a little turned
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = turn, (100.0, -50.0, 30.0)
    moved = [replace(one, world_to_camera=one.world_to_camera @ np.linalg.inv(motion)) for one in (AP, LAT)]
    lines = drawn(AP, LAT)
    lines["LAT"] += (1.0, 2.0)
    first, second = (triangulate(lines, views, "left", 5.0) for views in ((AP, LAT), moved))
    np.testing.assert_allclose(ends_of(second), ends_of(first) @ turn.T + motion[:3, 3], atol=1e-6)


def test_ends_that_disagree_along_the_line_leave_its_course_alone():
    lines = drawn(AP, LAT)
    along = lines["LAT"][1] - lines["LAT"][0]
    lines["LAT"] = lines["LAT"] + 0.05 * along
    found = triangulate(lines, (AP, LAT), "left", 5.0)
    exact = TARGET - ENTRY
    turned = np.cross(exact, np.diff(ends_of(found), axis=0)[0])
    assert np.linalg.norm(turned) / exact @ exact < np.deg2rad(1.0) * (exact @ exact)
    assert 0.5 < max(found.residual_px.values()) < 6.0


def test_an_end_that_one_view_does_not_show_comes_from_the_others():
    lines = drawn(AP, LAT)
    lines["LAT"] = project(np.stack([ENTRY, 0.6 * TARGET + 0.4 * ENTRY]), LAT)
    found = triangulate(lines, (AP, LAT), "left", 5.0, ends={"LAT": (True, False)})
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=1e-6)
    assert found.residual_px["LAT"] < 1e-6


def in_one_plane() -> np.ndarray:
    """A target on the plane through both sources and the entry."""
    across = np.cross(AP.source_mm - ENTRY, LAT.source_mm - ENTRY)
    across /= np.linalg.norm(across)
    return TARGET - ((TARGET - ENTRY) @ across) * across


def test_a_cannula_in_the_plane_of_both_sources_rests_on_its_ends_and_says_so():
    target = in_one_plane()
    found = triangulate(drawn(AP, LAT, target=target), (AP, LAT), "left", 5.0)
    assert found.status == "ends_only" and "ends alone" in found.reason
    assert found.planes_deg < 1.0
    np.testing.assert_allclose(ends_of(found), [ENTRY, target], atol=1e-5)
    hidden = triangulate(drawn(AP, LAT, target=target), (AP, LAT), "left", 5.0, ends={"LAT": (True, False)})
    assert (hidden.status, hidden.cannula) == ("undetermined", None)


def test_views_that_are_too_close_give_no_cannula():
    near = view("NEAR", 15.0, 4.0)
    found = triangulate(drawn(AP, near), (AP, near), "left", 5.0)
    assert (found.status, found.cannula, found.residual_px) == ("views_too_close", None, {})
    assert np.isnan(found.error_mm)


def test_a_view_down_the_needle_counts_as_points():
    entry = CENTRE + (-20.0, -40.0, 10.0)
    beam = entry - AP.source_mm
    target = entry + 45.0 * beam / np.linalg.norm(beam)
    found = triangulate(drawn(AP, LAT, entry=entry, target=target), (AP, LAT), "left", 5.0)
    np.testing.assert_allclose(ends_of(found), [entry, target], atol=1e-5)
    assert found.status == "ends_only" and np.isnan(found.planes_deg)


def test_swapped_ends_are_named():
    lines = drawn(AP, LAT)
    lines["AP"] = lines["AP"][::-1]
    found = triangulate(lines, (AP, LAT), "left", 5.0)
    assert (found.status, found.cannula) == ("swapped_ends", None)
    assert "AP or LAT" in found.reason
    three = triangulate({**lines, **drawn(OBLIQUE)}, (AP, LAT, OBLIQUE), "left", 5.0)
    assert three.reason.endswith("exchanged in AP")
    both = triangulate({**lines, "LAT": lines["LAT"][::-1]}, (AP, LAT), "left", 5.0)
    assert (both.status, both.cannula) == ("backwards", None)


def test_lines_of_different_cannulas_are_refused():
    lines = {**drawn(AP), **drawn(LAT, entry=ENTRY + (0, 0, 30.0), target=TARGET + (0, 0, 30.0))}
    found = triangulate(lines, (AP, LAT), "left", 5.0)
    assert (found.status, found.cannula) == ("inconsistent", None)
    assert "mm in AP" in found.reason


def test_what_else_is_no_cannula():
    away = triangulate(drawn(AP, LAT), (AP, LAT), "right", 5.0)
    assert away.status == "diverging" and away.cannula is not None and "side" in away.reason
    point = triangulate(drawn(AP, LAT, target=ENTRY + (0.1, 0.2, 0.1)), (AP, LAT), "left", 5.0)
    assert (point.status, point.cannula) == ("no_length", None)
    flipped = {name: line * (-1.0, 1.0) + (1200.0, 0.0) for name, line in drawn(AP, LAT).items()}
    assert triangulate(flipped, (AP, LAT), "left", 5.0).status not in ("triangulated", "ends_only")
    assert set(USABLE) < set(STATUSES)


@pytest.mark.parametrize(
    ("lines", "side", "diameter_mm", "words"),
    [
        (drawn(AP), "left", 5.0, "two or more of AP, LAT"),
        ({**drawn(AP), "PA": np.ones((2, 2))}, "left", 5.0, "got lines in AP, PA"),
        (drawn(AP, LAT), "middle", 5.0, 'side "middle"'),
        (drawn(AP, LAT), "left", 0.0, "more than 0"),
        (drawn(AP, LAT), "left", float("nan"), "more than 0"),
        ({**drawn(AP), "LAT": np.array([[1.0, 2.0], [np.nan, 1.0]])}, "left", 5.0, "finite"),
        ({**drawn(AP), "LAT": np.ones(4)}, "left", 5.0, "two points"),
    ],
)
def test_misuse(lines: dict[str, np.ndarray], side: str, diameter_mm: float, words: str):
    with pytest.raises(ValueError, match=words):
        triangulate(lines, (AP, LAT), side, diameter_mm)


def mask_of(cannula: Cannula, one: View) -> np.ndarray:
    """The shadow of a solid cylinder: pixels within the hull of its two end discs."""
    from matplotlib.path import Path as Outline
    from scipy.spatial import ConvexHull

    axis = (cannula.target_mm - cannula.entry_mm) / np.linalg.norm(cannula.target_mm - cannula.entry_mm)
    first = np.cross(axis, (0.0, 0.0, 1.0))
    first /= np.linalg.norm(first)
    around = np.linspace(0.0, 2 * np.pi, 73)[:-1, None]
    disc = cannula.diameter_mm / 2 * (np.cos(around) * first + np.sin(around) * np.cross(axis, first))
    points = project(np.vstack([cannula.entry_mm + disc, cannula.target_mm + disc]), one)
    outline = Outline(points[ConvexHull(points).vertices])
    rows, columns = np.indices(SHAPE)
    return outline.contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1)).reshape(SHAPE)


@pytest.mark.parametrize("diameter_mm", [3.05, 5.0])
def test_masks_of_a_cylinder_give_its_axis_and_width(diameter_mm: float):
    true = Cannula("left", ENTRY, TARGET, diameter_mm)
    masks = {one.name: mask_of(true, one) for one in (AP, LAT)}
    found = of_drawn(DrawnCannula("L3", "left", masks=masks), (AP, LAT), 2.0)
    # A pixel is 0.2 mm at the patient.
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=0.6)
    assert found.cannula is not None and found.cannula.diameter_mm == pytest.approx(diameter_mm, abs=0.25)
    assert found.status == "triangulated"


def test_specks_a_hub_and_a_gap_do_not_move_a_mask():
    mask = mask_of(Cannula("left", ENTRY, TARGET, 4.0), LAT)
    before, width = line_of_mask(mask)
    assert width == pytest.approx(4.0 / 530 * 1020 / 0.388, rel=0.1)
    worse = mask.copy()
    worse[40:44, 60:63] = True  # a speck
    middle = before.mean(axis=0).astype(int)
    worse[:, middle[0] - 2 : middle[0] + 3] = False  # a wire crosses it
    after, _ = line_of_mask(worse)
    np.testing.assert_allclose(np.sort(after, axis=0), np.sort(before, axis=0), atol=1.5)


def test_a_mask_that_the_border_cuts_shows_a_course_but_no_end():
    true = Cannula("left", ENTRY, TARGET, 4.0)
    masks = {one.name: mask_of(true, one) for one in (AP, LAT)}
    line, _ = line_of_mask(masks["LAT"])
    assert shown(line, SHAPE) == (True, True)
    first = int(line[:, 0].min()) + 25
    seen_from = replace(LAT, image=LAT.image[:, first:], intrinsics=LAT.intrinsics - np.eye(3)[[0]].T @ [[0, 0, first]])
    masks["LAT"] = masks["LAT"][:, first:]
    assert sorted(shown(line_of_mask(masks["LAT"])[0], masks["LAT"].shape)) == [False, True]
    found = of_drawn(DrawnCannula("L3", "left", 4.0, masks=masks), (AP, seen_from), 2.0)
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=1.2)
    assert found.cannula is not None and found.cannula.diameter_mm == 4.0


def test_points_in_one_view_and_a_mask_in_the_other():
    mask = mask_of(Cannula("left", ENTRY, TARGET, 4.0), AP)
    given = DrawnCannula("L3", "left", None, drawn(LAT), {"LAT": (True, True)}, {"AP": mask})
    found = of_drawn(given, (AP, LAT), 2.0)
    np.testing.assert_allclose(ends_of(found), [ENTRY, TARGET], atol=0.6)


def test_masks_that_show_no_line():
    blob = np.zeros(SHAPE, dtype=bool)
    for mask, words in ((blob, "empty mask"), (np.hypot(*(np.indices(SHAPE) - 300)) < 9, "longer than wide")):
        with pytest.raises(ValueError, match=words):
            line_of_mask(mask)
        found = of_drawn(DrawnCannula("L3", "left", masks={"AP": mask, "LAT": mask}), (AP, LAT), 2.0)
        assert found.status == "no_line" and words in found.reason


def test_depths_of_the_test_are_those_of_a_c_arm():
    depths = project_with_depth(np.stack([ENTRY, TARGET]), AP)[1]
    assert ((depths > 480) & (depths < 580)).all()
