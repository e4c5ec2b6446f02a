"""Quantities with their source, and what happens to conflicts and to what is missing when the user speaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from SpineDARTLib.geometry.known import (
    UNITS,
    Conflict,
    KnownGeometry,
    Missing,
    Quantity,
    given,
    missing_of,
    quantity_of,
    spoken,
)


def stated(name: str, *value: float) -> Quantity:
    return quantity_of(name, value, f"a tag of {name}", "stated")


ALL = {
    "primary_deg": stated("primary_deg", 31.0),
    "secondary_deg": stated("secondary_deg", -12.0),
    "source_to_detector_mm": stated("source_to_detector_mm", 1000.0),
    "source_to_isocentre_mm": stated("source_to_isocentre_mm", 700.0),
    "pixel_spacing_mm": stated("pixel_spacing_mm", 0.4, 0.5),
}


def known(**changes: Any) -> KnownGeometry:
    quantities = changes.pop("quantities", ALL)
    return KnownGeometry(
        "a.dcm", "XA", (32, 48), quantities=quantities, missing=missing_of(quantities, changes.pop("proposals", None)),
        **changes,
    )  # fmt: skip


def test_what_is_missing_is_asked_for_by_name():
    geometry = known(quantities={name: ALL[name] for name in ("primary_deg", "pixel_spacing_mm")})
    assert [missing.name for missing in geometry.missing] == [
        "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm",
    ]  # fmt: skip
    assert not geometry.complete
    assert known().complete
    assert geometry.missing[1].words == "distance from the source to the detector"


def test_whole_pose_needs_no_angles():
    pose = quantity_of("world_to_camera", np.eye(4).ravel().tolist(), "a system", "derived")
    geometry = known(quantities={"world_to_camera": pose})
    assert [missing.name for missing in geometry.missing] == ["source_to_detector_mm", "pixel_spacing_mm"]


def test_user_fills_in():
    geometry = known(quantities={}).overridden(pixel_spacing_mm=0.3, primary_deg=-90, secondary_deg=2.0)
    assert geometry.quantities["pixel_spacing_mm"] == Quantity("pixel_spacing_mm", (0.3, 0.3), "mm", "given", "given")
    assert [missing.name for missing in geometry.missing] == ["source_to_detector_mm", "source_to_isocentre_mm"]
    assert geometry.overridden(source_to_detector_mm=1020, source_to_isocentre_mm=530).complete


def test_proposals_are_never_used_silently():
    proposal = quantity_of("source_to_isocentre_mm", 530.0, "a common mobile C-arm", "assumed")
    proposals = {"source_to_isocentre_mm": Missing("source_to_isocentre_mm", "distance", proposal, "common")}
    quantities = {name: value for name, value in ALL.items() if name != "source_to_isocentre_mm"}
    geometry = known(quantities=quantities, proposals=proposals)
    assert "source_to_isocentre_mm" not in geometry.quantities
    taken = geometry.with_proposals()
    assert taken.complete
    assert taken.quantities["source_to_isocentre_mm"].confidence == "assumed"


def test_what_has_no_proposal_stays_missing():
    geometry = known(quantities={}).with_proposals()
    assert len(geometry.missing) == 5


def test_conflict_says_values_tags_and_rule():
    other = quantity_of("pixel_spacing_mm", (0.3, 0.3), "PixelSpacing (0028,0030)", "stated")
    conflict = Conflict("pixel_spacing_mm", (ALL["pixel_spacing_mm"], other), 0, "the detector's wins")
    assert conflict.words == (
        "pixel spacing: 0.4 x 0.5 mm (a tag of pixel_spacing_mm) against 0.3 x 0.3 mm (PixelSpacing (0028,0030)); "
        "0.4 x 0.5 mm is used: the detector's wins."
    )


def test_user_settles_a_conflict():
    other = quantity_of("pixel_spacing_mm", (0.3, 0.3), "PixelSpacing (0028,0030)", "stated")
    conflict = Conflict("pixel_spacing_mm", (ALL["pixel_spacing_mm"], other), 0, "the detector's wins")
    geometry = known(conflicts=(conflict,)).overridden(pixel_spacing_mm=(0.3, 0.31))
    settled = geometry.conflicts[0]
    assert settled.quantities[settled.used].value == (0.3, 0.31)
    assert settled.rule == "it was said by the user"
    assert known(conflicts=(conflict,)).overridden(primary_deg=1.0).conflicts == (conflict,)


def test_changed_angle_drops_the_pose():
    pose = quantity_of("world_to_camera", np.eye(4).ravel().tolist(), "a system", "derived")
    geometry = known(quantities={**ALL, "world_to_camera": pose})
    assert "world_to_camera" in geometry.overridden(source_to_detector_mm=1100).quantities
    changed = geometry.overridden(primary_deg=45)
    assert "world_to_camera" not in changed.quantities
    assert "pose that the file states is dropped" in changed.warnings[0]
    alone = known(quantities={"world_to_camera": pose}).overridden(primary_deg=45)
    assert "secondary_deg" in [missing.name for missing in alone.missing]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pixel_spacing", 0.3, 'got a quantity "pixel_spacing"; expected one of'),
        ("pixel_spacing_mm", (0.3, 0.3, 0.3), "got 3 numbers for pixel_spacing_mm; expected 2"),
        ("pixel_spacing_mm", (0.3, -0.3), "expected more than 0"),
        ("source_to_detector_mm", 0.0, "got source_to_detector_mm 0 mm; expected more than 0"),
        ("primary_deg", float("nan"), "expected finite numbers"),
    ],
)
def test_nonsense_is_refused(name: str, value: Any, message: str):
    with pytest.raises(ValueError, match=message):
        known().overridden(**{name: value})


def test_confidence_is_one_of_four():
    with pytest.raises(ValueError, match='got confidence "sure"'):
        Quantity("primary_deg", (1.0,), "deg", "x", "sure")


def test_identities_are_never_printed():
    assert "0f3a" not in repr(known(identities={"study": "0f3a"}))


def test_names_are_spoken_without_units():
    assert {spoken(name) for name in UNITS} >= {"pixel spacing", "primary", "image flip horizontal", "isocentre"}
    assert given("isocentre_mm", [1, 2, 3]).numbers == "1, 2, 3 mm"
