"""Ribs start at their joints, run round, down and forward on their own side, and weigh what a rib weighs."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.simulate.patient.grids import empty_volume
from SpineDARTLib.simulate.patient.ribs import HALF_HEIGHT_MM, HALF_THICKNESS_MM, LENGTH_MM, add_ribs, rib_line
from SpineDARTLib.simulate.patient.stamp import axes_of
from SpineDARTLib.simulate.patient.trunk import BodySettings, draw_trunk
from Testing.simulate.patient.toy_spine import toy_spine, toy_vertebra

TRUNK = draw_trunk(toy_spine().vertebrae, BodySettings(), np.random.default_rng(2))


@pytest.mark.parametrize(("number", "side"), [(2, 1.0), (5, -1.0), (8, 1.0), (11, -1.0), (12, 1.0)])
def test_a_rib_runs_from_its_joints_down_and_forward(number: int, side: float) -> None:
    vertebra = toy_vertebra(f"T{number}")
    line = rib_line(vertebra, number, side, TRUNK, 1.0, np.zeros(4))
    name = "right" if side > 0 else "left"
    body, process = vertebra.vertebra.pose[:3, 3], vertebra.landmarks[f"{name}_transverse_process"]
    assert np.linalg.norm(line[0] - vertebra.landmarks[f"{name}_pedicle"]) < 14.0
    # It passes in front of the transverse process's tip, not through it.
    nearest = line[np.linalg.norm(line - process, axis=1).argmin()]
    assert 3.5 < np.linalg.norm(nearest - process) < 9.0
    assert nearest[1] > process[1]
    assert (side * (line[:, 0] - body[0]) > 5.0).all()
    end = line[int(LENGTH_MM[number - 1]) - 1]
    assert end[2] < body[2] - 25.0
    if number < 11:
        assert end[1] > body[1] + 15.0, "it ends in front"
    np.testing.assert_allclose(np.linalg.norm(np.diff(line, axis=0), axis=1), 1.0, rtol=0.05)


def test_a_rib_holds_its_cortex_and_spongiosa() -> None:
    settings = BodySettings(
        rib_cortex_mm=(0.8, 0.8), rib_spongiosa=(0.1, 0.1), rib_scale=(1.0, 1.0), cartilage_calcium_chance=0.0
    )
    bone = empty_volume(np.array([-170.0, -120.0, -60.0]), np.array([170.0, 200.0, 260.0]), 2.4, "bone")
    add_ribs(bone, {"T7": toy_vertebra("T7")}, TRUNK, settings, np.random.default_rng(5))
    mass = float(bone.values.sum()) * 2.4**3 / 2.0
    high, thick, length = HALF_HEIGHT_MM[6], HALF_THICKNESS_MM[6], LENGTH_MM[6]
    expected = np.pi * (high + thick) * 0.8 * length + 0.1 * np.pi * high * thick * length
    assert mass == pytest.approx(expected, rel=0.12)
    x, _, _ = axes_of(bone)
    right = float((bone.values * (x > toy_vertebra("T7").vertebra.pose[0, 3])).sum()) * 2.4**3
    assert right == pytest.approx(mass, rel=0.1)


def test_ribs_of_absent_vertebrae_do_not_change_the_others() -> None:
    box = np.array([-170.0, -120.0, -120.0]), np.array([170.0, 200.0, 260.0])
    alone, among = empty_volume(*box, 4.0, "bone"), empty_volume(*box, 4.0, "bone")
    add_ribs(alone, {"T9": toy_vertebra("T9")}, TRUNK, BodySettings(), np.random.default_rng(5))
    two = {level: toy_vertebra(level) for level in ("T4", "T9")}
    add_ribs(among, two, TRUNK, BodySettings(), np.random.default_rng(5))
    assert (among.values >= alone.values - 1e-6).all()
    assert among.values.sum() > 1.5 * alone.values.sum()
