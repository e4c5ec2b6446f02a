"""Published morphometry: read, combined as in a meta-analysis, and honest about what series disagree on."""

from __future__ import annotations

import csv
import math

import pytest

from SpineDARTLib.atlas.measure import define_measures
from SpineDARTLib.atlas.population import (
    COLUMNS,
    DOUBT,
    FRACTURES,
    GRADE_LOSS,
    KEYPOINT_NOISE,
    LEAST_SHARE,
    published,
)
from SpineDARTLib.errors import InputError
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import LEVELS

TABLE = resource_folder("atlas") / "morphometry.csv"


@pytest.fixture
def table(tmp_path):
    """Write a table of rows (measure, level, mean, deviation, people, series)."""

    def write(*rows, header=COLUMNS):
        path = tmp_path / "morphometry.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *[(*row, "a source") for row in rows]])
        return path

    return write


def test_one_series_is_taken_as_printed(table):
    (found,) = published(
        "L2", table(("canal_width", "L2", 24.0, 2.5, 40, "A"), ("canal_depth", "L3", 9, 1, 5, "A"))
    ).values()
    assert (found.measure, found.level, found.people) == ("canal_width", "L2", 40)
    assert (found.mean, found.deviation) == pytest.approx((24.0, 2.5))
    assert found.series_deviation == pytest.approx(math.sqrt(2.5**2 / 40 + DOUBT["canal_width"] ** 2))


def test_series_that_agree_are_weighed_by_their_people(table):
    rows = [("canal_width", "L1", 22.0, 2.0, 10, "A"), ("canal_width", "L1", 22.5, 2.0, 30, "B")]
    found = published("L1", table(*rows))["canal_width"]
    assert found.mean == pytest.approx(22.375)
    assert found.series_deviation == pytest.approx(math.sqrt(2.0**2 / 40 + DOUBT["canal_width"] ** 2))


def test_series_that_disagree_count_alike_and_say_so(table):
    rows = [("pedicle_width", "L1", 6.0, 1.0, 1000, "A"), ("pedicle_width", "L1", 10.0, 1.0, 10, "B")]
    found = published("L1", table(*rows))["pedicle_width"]
    assert found.mean == pytest.approx(8.0, abs=0.1)
    assert found.deviation == pytest.approx(1.0)
    assert found.series_deviation > 2.8


def test_men_and_women_of_one_series_are_people_not_series(table):
    rows = [("body_width", "L1", 44.0, 3.0, 50, "A"), ("body_width", "L1", 38.0, 3.0, 50, "A")]
    found = published("L1", table(*rows))["body_width"]
    assert found.mean == pytest.approx(41.0)
    assert found.deviation == pytest.approx(math.sqrt(3.0**2 + 3.0**2))
    assert found.people == 100


def test_a_missing_deviation_is_that_of_other_levels_by_size(table):
    rows = [("pedicle_height", "L1", 15.0, 1.5, 20, "A"), ("pedicle_height", "T5", 10.0, "", "", "B")]
    assert published("T5", table(*rows))["pedicle_height"].deviation == pytest.approx(1.0)
    angles = [
        ("pedicle_transverse_angle", "T1", 30.0, 2.0, 20, "A"),
        ("pedicle_transverse_angle", "T12", 0.0, "", 5, "A"),
    ]
    assert published("T12", table(*angles))["pedicle_transverse_angle"].deviation == pytest.approx(2.0)


def test_no_deviation_anywhere_is_none(table):
    found = published("T5", table(("pedicle_height", "T5", 10.0, "", "", "B")))["pedicle_height"]
    assert math.isnan(found.deviation)
    assert found.series_deviation >= DOUBT["pedicle_height"]


def test_noise_of_the_keypoints_is_taken_out_but_not_everything(table):
    noise = KEYPOINT_NOISE["interpedicular_distance"]
    wide = published("L1", table(("interpedicular_distance", "L1", 30.0, 5.0, 2000, "VID")))["interpedicular_distance"]
    assert wide.deviation == pytest.approx(math.sqrt(25.0 - noise**2))
    few = published("L1", table(("interpedicular_distance", "L1", 30.0, 1.0, 2000, "VID")))["interpedicular_distance"]
    assert few.deviation == pytest.approx(LEAST_SHARE)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (("canal_width", "L9", 24.0, 2.5, 40, "A"), "level"),
        (("canal_width", "L1", "wide", 2.5, 40, "A"), "mean"),
        (("canal_width", "L1", "", 2.5, 40, "A"), "mean"),
        (("canal_width", "L1", 24.0, 2.5, "many", "A"), "people"),
        (("nose_width", "L1", 24.0, 2.5, 40, "A"), "measure"),
    ],
)
def test_a_bad_line_is_named(table, row, named):
    path = table(("canal_width", "L1", 24.0, 2.5, 40, "A"), row)
    with pytest.raises(InputError, match=f"line 3, {named}"):
        published("L1", path)


def test_a_bad_table_or_level_is_named(table, tmp_path):
    with pytest.raises(InputError, match="header"):
        published("L1", table(header=("measure", "level")))
    with pytest.raises(InputError, match=r"absent\.csv"):
        published("L1", tmp_path / "absent.csv")
    with pytest.raises(InputError, match="level: got L6"):
        published("L6")


def test_the_shipped_table_names_its_sources_and_covers_every_level():
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["source"] and row["series"] for row in rows)
    assert {row["measure"] for row in rows} == set(DOUBT)
    for level in LEVELS:
        found = published(level)
        assert {"pedicle_width", "pedicle_height", "pedicle_transverse_angle", "posterior_height"} <= set(found)
        assert all(one.series_deviation > 0 and one.people > 0 for one in found.values())
        assert all(one.deviation > 0 for one in found.values() if one.measure != "lower_endplate_width")


def test_the_shipped_table_says_what_is_known():
    widths = {level: published(level)["pedicle_width"] for level in LEVELS}
    assert min(widths, key=lambda level: widths[level].mean) in ("T4", "T5")
    assert widths["T5"].mean < 5.0 < 15.0 < widths["L5"].mean
    # Lumbar series differ by more than half of their median (clinical.md): never less than 10 % in doubt.
    assert all(widths[level].series_deviation > 0.1 * widths[level].mean for level in ("L1", "L2", "L3", "L4", "L5"))
    angles = [published(level)["pedicle_transverse_angle"].mean for level in ("T1", "T6", "T12", "L3", "L5")]
    assert angles[0] > angles[1] > angles[3] > angles[2]
    assert angles[4] > 25.0


def test_standard_errors_became_deviations():
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["series"] == "Panjabi" and row["measure"] == "body_width"]
    (first,) = [float(row["deviation"]) for row in rows if row["level"] == "L1"]
    assert first == pytest.approx(1.03 * math.sqrt(12), abs=0.01)


def test_every_published_measure_is_one_of_ours():
    from SpineDARTLib.atlas.files import read_region

    region = read_region(resource_folder("atlas") / "L1-L5.json")
    template, notes = region.template, region.annotations
    assert set(DOUBT) <= set(define_measures(template.vertices, template.faces, notes.regions, notes.landmarks))


def test_fractures_lose_most_where_their_kind_says():
    assert {kind: shares.index(max(shares)) for kind, shares in FRACTURES.items()} == {
        "wedge": 0,
        "biconcave": 1,
        "crush": 0,
    }
    assert all(0.0 <= share <= 1.0 for shares in FRACTURES.values() for share in shares)
    assert all(max(shares) == 1.0 for shares in FRACTURES.values())
    assert min(FRACTURES["crush"]) > max(FRACTURES["wedge"][2], FRACTURES["biconcave"][2])
    assert [GRADE_LOSS[grade] for grade in (1, 2, 3)] == [(0.20, 0.25), (0.25, 0.40), (0.40, 0.60)]
