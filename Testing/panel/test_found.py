"""What the detector proposes, as values and in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from SpineDARTLib.io.case import read_case
from SpineDARTLib.panel.casing import of_views
from SpineDARTLib.panel.found import found_of, label_words, shift_words
from SpineDARTLib.panel.locate_words import located_rows
from SpineDARTLib.panel.locating import clicked, located
from SpineDARTLib.panel.packing import case_with_seeds
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import Case


def told(**changes: Any) -> dict[str, Any]:
    one = {"level": "L3", "label_probability": 0.9, "levels": {"L3": 0.9, "L2": 0.1}, "seeds": {"AP": [1, 2]}}
    return {"vertebrae": [{**one, **changes}], "reasons": {}, "words": "", "shifts": {}}


def test_words_of_labels():
    def words(shift: int = 0, **levels: float) -> str:
        return label_words(found_of(told(levels=levels), (), shift).proposals["L3"], shift)

    assert words(L3=0.9, L2=0.1) == "L3, sure"
    assert words(L3=0.624, L2=0.3, L4=0.05) == "L3? 62 %, may be L2"
    assert words(L3=0.4) == "L3? 40 %"
    assert words(1, L3=0.05, L2=0.95) == "L3, detector: L2"


def test_specks_of_an_outline_are_not_drawn_and_clicks_are_not_proposed():
    whole, speck = [[0, 0], [40, 0], [40, 40], [0, 0]], [[90, 90], [92, 90], [92, 92], [90, 90]]
    one = found_of(told(outlines={"AP": [whole, speck]}), (), 0).proposals["L3"]
    assert len(one.outlines_px["AP"]) == 1
    assert not found_of(told(start="clicks"), (), 0).proposals


def test_reasons_follow_a_shift_and_a_doubt_is_not_repeated_for_another_name():
    message = {**told(note="The label L3 is in doubt."), "reasons": {"L5": "L5 is cut.", "L4": "L4: click L4."}}
    shifted = found_of({**message, "shifts": {"0": 0.5, "1": 0.5}}, (), 0).shifted(1)
    assert shifted.reasons == {"L5": "L5: click L5."} and shifted.proposals["L4"].note == ""
    assert shifted.shifts == {-1: 0.5, 0: 0.5} and "press −" in shift_words(shifted)
    assert shift_words(replace(shifted, shifts={1: 0.2})) == ""


def test_with_three_views_it_is_said_how_a_vertebra_is_known_in_each():
    case = read_case(resource_folder("sample"))
    views = (*case.views, replace(case.views[0], name="OBL"))
    seeds = {"AP": [250, 220], "LAT": [240, 221], "OBL": [230, 222]}
    message = told(seeds=seeds, outlines={"AP": [], "LAT": []})
    state = replace(of_views(Case("three", views)), found=found_of(message, views, 0))
    assert located_rows(state)[0].where == "found in AP, LAT · reckoned in OBL"
    state = clicked(state, "OBL", 231.0, 223.0, "L3")
    (row,) = located_rows(state)
    assert row.where == "found in AP, LAT · clicked in OBL" and row.name == "L3"
    assert located(state)["L3"].clicks_px == {"AP": (250.0, 220.0), "LAT": (240.0, 221.0), "OBL": (231.0, 223.0)}
    assert case_with_seeds(state).seeds[0].clicks_px == located(state)["L3"].clicks_px
