"""Metal, plastic and cement in, on and over a made-up spine."""

import numpy as np
import pytest

from SpineDARTLib.simulate.nouns import MATERIALS, TrueVertebra
from SpineDARTLib.simulate.patient.foreign import ForeignSettings, draw_foreign
from SpineDARTLib.types import Vertebra

KINDS = ("cannulas", "screws", "cement", "leads", "catheters", "clips", "staples", "forceps", "tube")
NONE = {f"{kind}_chance": 0.0 for kind in KINDS}


def _vertebra(level: str, centre: np.ndarray) -> TrueVertebra:
    """A box of a body, longer to the left than to the right, with two ways in."""
    corners = np.array([[x, y, z] for x in (-26.0, 22.0) for y in (-17.0, 17.0) for z in (-13.0, 13.0)]) + centre
    faces = np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
        + [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    )
    pose = np.eye(4)
    pose[:3, 3] = centre
    ways = {"left": [[-22, -45, 4], [-6, 8, 0]], "right": [[20, -44, 4], [5, 9, 1]]}
    cannulas = {side: np.array(way, dtype=float) + centre for side, way in ways.items()}
    return TrueVertebra(Vertebra(level, pose, 1.0, np.zeros(2)), corners, faces, {}, cannulas)


@pytest.fixture(scope="module")
def spine() -> dict[str, TrueVertebra]:
    levels = ("L1", "L2", "L3", "L4")
    return {level: _vertebra(level, np.array([9.0 + n, -31.0, 200.0 - 36.0 * n])) for n, level in enumerate(levels)}


def _only(kind: str, **others: float) -> ForeignSettings:
    return ForeignSettings(**{**NONE, "anything_chance": 1.0, f"{kind}_chance": 1.0, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_makes_what_can_be_projected(kind: str, spine: dict[str, TrueVertebra]):
    for seed in range(4):
        rods, volumes = draw_foreign(spine, _only(kind), np.random.default_rng(seed))
        assert (len(volumes) > 0) == (kind == "cement")
        assert (len(rods) > 0) == (kind != "cement")
        for rod in rods:
            assert rod.points_mm.shape == (len(rod.radius_mm), 3)
            assert len(rod.points_mm) >= 2
            assert np.isfinite(rod.points_mm).all()
            assert (rod.radius_mm > 0).all()
            assert 0 <= rod.bore_mm < rod.radius_mm.max()
            assert rod.material in MATERIALS
            assert rod.name


def test_cannulas_run_along_the_ways_in(spine: dict[str, TrueVertebra]):
    depths = []
    for seed in range(15):
        rods, _ = draw_foreign(spine, _only("cannulas"), np.random.default_rng(seed))
        shafts = [rod for rod in rods if rod.name.endswith("cannula")]
        assert shafts
        for rod in shafts:
            level, side, _ = rod.name.split()
            entry, target = spine[level].cannulas[side]
            way = (target - entry) / np.linalg.norm(target - entry)
            tip, back = rod.points_mm[0], rod.points_mm[-1]
            assert (tip - back) @ way / np.linalg.norm(tip - back) > np.cos(np.deg2rad(15))
            depths.append((tip - entry) @ way)
            assert np.linalg.norm((tip - entry) - depths[-1] * way) < 9.0
    assert min(depths) < -2.0
    assert max(depths) > 25.0


def test_screws_enter_left_and_right_and_are_joined(spine: dict[str, TrueVertebra]):
    rods, _ = draw_foreign(spine, _only("screws"), np.random.default_rng(4))
    names = [rod.name for rod in rods]
    screws = [name for name in names if name.endswith("screw")]
    assert sum("left" in name for name in screws) == sum("right" in name for name in screws) >= 2
    assert {"left rod", "right rod"} <= set(names)
    for rod in rods:
        if rod.name.endswith("screw"):
            assert rod.radius_mm[:4].mean() > 1.3 * rod.radius_mm[-4:].mean()  # tapered


def test_cement_stays_in_the_body_or_leaks_a_little(spine: dict[str, TrueVertebra]):
    amounts = []
    for seed in range(3):
        _, volumes = draw_foreign(spine, _only("cement"), np.random.default_rng(seed))
        for volume in volumes:
            assert volume.material == "cement"
            assert 0 <= volume.values.min() <= volume.values.max() <= 1
            index = np.argwhere(volume.values > 0.5)
            places = index @ volume.voxel_to_world[:3, :3].T + volume.voxel_to_world[:3, 3]
            nearest = min(spine.values(), key=lambda one: abs(one.vertebra.pose[2, 3] - places[:, 2].mean()))
            low, high = nearest.vertices.min(0), nearest.vertices.max(0)
            assert ((places >= low) & (places <= high)).all(1).mean() > 0.9
            amounts.append(volume.values.sum() * 0.8**3 / 1000)
    # 2 to 8 ml are injected; a lobed cast holds some less.
    assert 0.5 < np.median(amounts) < 10


def test_one_kind_changes_nothing_in_another(spine: dict[str, TrueVertebra]):
    alone, _ = draw_foreign(spine, _only("staples"), np.random.default_rng(9))
    among, _ = draw_foreign(spine, _only("staples", screws_chance=1.0, cement_chance=1.0), np.random.default_rng(9))
    kept = [rod for rod in among if rod.name == "staple"]
    assert len(kept) == len(alone)
    for first, second in zip(alone, kept, strict=True):
        np.testing.assert_array_equal(first.points_mm, second.points_mm)


def test_often_there_is_nothing(spine: dict[str, TrueVertebra]):
    drawn = [
        draw_foreign(spine, ForeignSettings(cement_chance=0.0), np.random.default_rng(seed))[0] for seed in range(60)
    ]
    assert 15 < sum(not rods for rods in drawn) < 45
    assert draw_foreign({}, _only("leads"), np.random.default_rng(0)) == ((), ())
