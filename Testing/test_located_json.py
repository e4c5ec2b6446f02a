"""What was located as clicks, outlines and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.detect.nouns import Crop
from SpineDARTLib.fit.initialise import CLICK_POINT_MM
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.io.plan import plain
from SpineDARTLib.located_json import MOST_POINTS, answer, clicks_of, document, outlines, thinned
from SpineDARTLib.locating import located_from
from SpineDARTLib.types import Seed
from Testing.conftest import make_view
from Testing.detect.test_matching import SHOWN, make_column
from Testing.found import clicks_on, detections_of, ellipse, found_case


@pytest.fixture(scope="module")
def column():
    return make_column()


@pytest.fixture(scope="module")
def case():
    return found_case()


@pytest.fixture(scope="module")
def detections(column, case):
    return detections_of(column, case.views)


def test_proposed_clicks_meet_where_the_eye_puts_the_centre(case, detections, column):
    clicks = clicks_of(case, located_from(case, detections))
    assert list(clicks) == list(SHOWN)
    for level, true in zip(SHOWN, column, strict=True):
        point = triangulate(np.array([clicks[level]["AP"], clicks[level]["LAT"]]), case.views)[0]
        in_front = point - true.origin
        assert in_front[1] == pytest.approx(CLICK_POINT_MM[1], abs=2.5)
        assert np.abs(in_front[[0, 2]]).max() < 2.5


def test_a_view_without_its_own_detection_has_the_projection_and_given_clicks_stay(case, detections, column):
    others = dict(detections)
    kept = {one.level: one.members for one in located_from(case, detections).column.vertebrae}["L1"]["LAT"]
    others["LAT"] = tuple(one for number, one in enumerate(detections["LAT"]) if number != kept)
    given = replace(case, seeds=clicks_on(column, case.views, ["L2"]))
    found = located_from(given, others, everything=True)
    clicks = clicks_of(given, found)
    assert clicks["L2"] == dict(given.seeds[0].clicks_px)
    assert "LAT" not in next(one for one in found.column.vertebrae if one.level == "L1").members
    true = project(column[SHOWN.index("L1")].origin[None] + CLICK_POINT_MM, case.views[1])[0]
    assert np.linalg.norm(true - clicks["L1"]["LAT"]) < 3.0  # of 3 mm


def test_a_third_view_gets_a_pixel_where_it_shows_the_vertebra(case, column):
    oblique = make_view("OBL", 45.0, 0.0, (60, 128))
    whole = replace(case, views=(*case.views, oblique), seeds=clicks_on(column, case.views, SHOWN))
    clicks = clicks_of(whole, located_from(whole, {}))
    shown = {level for level in SHOWN if "OBL" in clicks[level]}
    inside = {one.level for one in column if -0.5 <= project(one.origin[None], oblique)[0, 1] <= 59.5}
    assert shown == inside and 0 < len(inside) < len(SHOWN)


def test_outlines_are_in_the_pixels_of_the_picture():
    (loop,) = outlines(ellipse(np.array([20.0, 30.0, 60.0, 50.0])))
    np.testing.assert_allclose(loop[0], loop[-1])
    assert (loop[:, 0].min(), loop[:, 0].max()) == pytest.approx((20.0, 60.0), abs=0.6)
    assert (loop[:, 1].min(), loop[:, 1].max()) == pytest.approx((30.0, 50.0), abs=0.6)
    coarse = Crop(10.0, 100.0, np.ones((3, 5), dtype=np.float32), 4.0)
    (frame,) = outlines(coarse)  # cut by the crop's border: closed half a pixel outside
    assert (frame[:, 0].min(), frame[:, 1].max()) == pytest.approx((100.0 - 2.0, 10.0 + 2 * 4.0 + 2.0))
    assert outlines(None) == [] and outlines(Crop(0.0, 0.0, np.zeros((0, 0), dtype=np.float32))) == []


def test_long_outlines_are_thinned_and_stay_closed():
    angle = np.linspace(0, 2 * np.pi, 500)
    loop = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    thin = thinned(loop)
    assert len(thin) == MOST_POINTS
    np.testing.assert_allclose(thin[[0, -1]], loop[[0, -1]])
    assert thinned(loop[:20]) is not loop and len(thinned(loop[:20])) == 20


def test_the_answer_and_the_document_are_json(case, detections):
    asked = replace(case, seeds=(Seed("L1"), Seed("T2")))
    found = located_from(asked, detections)
    told = json.loads(json.dumps(plain(answer(asked, found)), allow_nan=False))
    assert [one["level"] for one in told["vertebrae"]] == ["L1"] and list(told["reasons"]) == ["T2"]
    assert sum(told["vertebrae"][0]["levels"].values()) == pytest.approx(1.0, abs=0.1)
    whole = json.loads(json.dumps(plain(document(asked, found)), allow_nan=False))
    assert whole["format"] == "spinedart-detections/1" and len(whole["views"]["AP"]) == len(SHOWN)
    first = whole["views"]["AP"][0]
    assert len(first["level_probabilities"]) <= 3 and len(first["landmarks"]["body_superior"]["covariance_px2"]) == 2
    by_level = {one["level"]: one for one in whole["vertebrae"]}
    assert by_level["L1"]["started"] and not by_level["L2"]["started"]
    index = by_level["L1"]["detections"]["AP"]
    np.testing.assert_allclose(whole["views"]["AP"][index]["centre_px"], detections["AP"][index].centre_px)
