"""When two files speak of one world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SpineDARTLib.geometry.known import KnownGeometry, quantity_of
from SpineDARTLib.geometry.sharing import share_frame, together

SAME = {"study": "s", "equipment": "e", "frame_of_reference": "f"}


def known(
    table: tuple[float, float, float] | None = None, tilt: float | None = None, **identities: str
) -> KnownGeometry:
    values = {}
    if table:
        values |= {"table_position_mm": table, "isocentre_mm": (table[0], table[1], -table[2])}
    if tilt is not None:
        values["table_angles_deg"] = (0.0, tilt, 0.0)
    quantities = {name: quantity_of(name, value, "tags", "derived") for name, value in values.items()}
    return KnownGeometry("a", "XA", (3, 4), quantities=quantities, identities=SAME | identities)


def test_tags_that_do_not_say():
    verdict, words = share_frame(known(), known())
    assert verdict is None
    assert "do not say" in words


def test_other_examination_machine_or_frame():
    for name, word in (
        ("study", "examination"),
        ("equipment", "machine"),
        ("frame_of_reference", "frames of reference"),
    ):
        verdict, words = share_frame(known((1, 2, 3)), known((1, 2, 3), **{name: "other"}))
        assert verdict is False
        assert word in words


def test_table_that_stood_or_moved():
    verdict, words = share_frame(known((1, 2, 3)), known((1, 2.5, 3)))
    assert (verdict, "stood still" in words) == (True, True)
    verdict, words = share_frame(known((1, 2, 3)), known((1, 2, 33)))
    assert (verdict, "moved by 30 mm (taken into account)" in words) == (True, True)
    assert share_frame(known((1, 2, 3), 0.0), known((1, 2, 3), 5.0))[0] is False


def test_table_without_the_patient_on_it():
    """Tilted, or nobody says how the patient lies: no isocentre could be told from it."""
    first = known((1, 2, 3))
    second = replace(first, quantities={"table_position_mm": first.quantities["table_position_mm"]})
    verdict, words = share_frame(first, second)
    assert (verdict, "not how that moved the patient" in words) == (None, True)


def test_table_of_a_machine_without_a_name():
    nameless = replace(known((1, 2, 3)), identities={})
    assert share_frame(nameless, known((1, 2, 3)))[0] is None


def test_whole_pose():
    pose = {"world_to_camera": quantity_of("world_to_camera", np.eye(4).ravel().tolist(), "system", "derived")}
    whole = replace(known(), quantities=pose)
    assert share_frame(whole, whole)[0] is True
    assert share_frame(whole, replace(whole, identities={}))[0] is None
    assert share_frame(whole, known())[0] is None


def test_a_patient_who_was_turned():
    pose = {"world_to_camera": quantity_of("world_to_camera", np.eye(4).ravel().tolist(), "system", "derived")}
    for one in (known((1, 2, 3)), replace(known(), quantities=pose)):
        supine, prone = (replace(one, patient_position=position) for position in ("HFS", "HFP"))
        assert share_frame(supine, supine)[0] is True
        assert share_frame(supine, one)[0] is True
        verdict, words = share_frame(supine, prone)
        assert verdict is False and "was turned between the two (HFP and HFS)" in words


def test_isocentres_are_counted_from_the_first():
    first, second = together([known((1, 2, 3)), known((11, 2, -5))])
    assert first.quantities["isocentre_mm"].value == (0, 0, 0)
    assert second.quantities["isocentre_mm"].value == (10, 0, 8)


def test_one_table_alone_would_mislead():
    first, second = together([known((1, 2, 3)), known()])
    assert "isocentre_mm" not in first.quantities
    assert "isocentre_mm" not in second.quantities
    said = known((1, 2, 3)).overridden(isocentre_mm=(4, 5, 6))
    assert together([said, known()])[0].quantities["isocentre_mm"].value == (4, 5, 6)
