"""The annotations sit where an anatomist would put them, on every level's mean; left is the patient's left, -x."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, load_model
from SpineDARTLib.atlas.mesh import vertex_areas, vertex_normals
from SpineDARTLib.atlas.sections import loop_area, section_loops
from SpineDARTLib.io.mesh import enclosed_volume, open_edges

LEVELS = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
VOLUME_CM3 = {"T9": (22, 45), "L3": (50, 80)}

PEDICLE_WIDTH_MM = {"T9": 6.3, "T10": 6.5, "T11": 7.8, "T12": 8.3, "L1": 8.7, "L2": 8.9, "L3": 10.3, "L4": 12.9,
                    "L5": 18.0}  # fmt: skip
"""Kaur 2016 (thoracic), Zindrick 1987 (lumbar); series differ by far more than our tolerance at single levels."""


@pytest.fixture(scope="module")
def models() -> dict[str, ShapeModel]:
    regions = {name: load_model(name) for name in ("L1-L5", "T9-T12")}
    return {level: model for model in regions.values() for level in model.levels}


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(models: dict[str, ShapeModel], level: str) -> ShapeModel:
    return models[level]


@pytest.fixture
def mean(model: ShapeModel, level: str) -> np.ndarray:
    return model.means[level]


def test_closed_with_one_hole_and_outward(model: ShapeModel, mean: np.ndarray, level: str):
    edges = len(model.faces) * 3 // 2
    assert open_edges(model.faces) == 0
    assert len(mean) - edges + len(model.faces) == 0  # Euler's number of a ring: the vertebral foramen
    low, high = VOLUME_CM3.get(level, (22, 80))
    assert low < enclosed_volume(mean, model.faces) / 1000 < high


def test_triangles_are_even(model: ShapeModel, mean: np.ndarray):
    corners = mean[model.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert 2000 <= len(mean) <= 3000
    assert np.percentile(area, 95) / np.percentile(area, 5) < 8


def test_means_are_symmetric_and_in_the_frame(model: ShapeModel, mean: np.ndarray):
    assert mean[model.partner] * (-1, 1, 1) == pytest.approx(mean, abs=1e-6)
    centroid = model.backup_landmarks["centroid"].on(mean)
    assert np.abs(centroid).max() < 1.0
    areas = vertex_areas(mean, model.faces)
    normals = vertex_normals(mean, model.faces) * areas[:, None]
    up, down = (normals[model.regions[f"{side}_endplate"]].sum(axis=0) for side in ("superior", "inferior"))
    tilt = up / np.linalg.norm(up) - down / np.linalg.norm(down)
    assert abs(np.rad2deg(np.arctan2(tilt[1], tilt[2]))) < 4.0


def test_landmarks_are_in_their_places(model: ShapeModel, mean: np.ndarray):
    at = {name: anchor.on(mean) for name, anchor in model.landmarks.items()}
    assert len(at) == 10
    assert at["body_superior"][2] > 8 > -8 > at["body_inferior"][2]
    assert at["body_anterior"][1] > 10 > -8 > at["body_posterior"][1]
    assert at["spinous_process"][1] < at["spinolaminar_junction"][1] < at["body_posterior"][1] - 10
    for side, sign in (("left", -1), ("right", 1)):
        pedicle, process = at[f"{side}_pedicle"], at[f"{side}_transverse_process"]
        assert sign * pedicle[0] > 8
        assert sign * process[0] > sign * pedicle[0]
        assert process[1] < pedicle[1] < at["body_posterior"][1] + 3  # L5's leave the body's side, not its back
        assert pedicle[2] > at["body_posterior"][2]  # pedicles leave the upper half of the body
    for name in ("body_superior", "body_inferior", "body_anterior", "body_posterior", "spinous_process"):
        assert abs(at[name][0]) < 0.01
    far = mean[:, 1].min()
    assert at["spinous_process"][1] - far < 4.0


def test_backup_landmarks(model: ShapeModel, mean: np.ndarray):
    at = {name: anchor.on(mean) for name, anchor in model.backup_landmarks.items()}
    assert set(at) == {"centroid", "superior", "inferior", "left", "right"}
    assert at["left"][0] < -12 < 12 < at["right"][0]
    assert at["superior"][2] > 8 > -8 > at["inferior"][2]


def test_regions_are_disjoint_and_mirrored(model: ShapeModel, mean: np.ndarray):
    parts = [set(model.regions[name]) for name in ("body", "posterior_elements", "left_pedicle", "right_pedicle")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(mean)
    assert set(model.partner[model.regions["left_pedicle"]]) == set(model.regions["right_pedicle"])
    for name in ("superior_endplate", "inferior_endplate", "anterior_wall", "posterior_wall"):
        assert set(model.regions[name]) <= parts[0]
        assert len(model.regions[name]) > 40
    assert len(model.regions["canal"]) > 100


def test_isthmus_is_the_pedicles_smallest_ring(model: ShapeModel, mean: np.ndarray, level: str):
    neighbours = {
        tuple(sorted(edge)) for face in model.faces.tolist() for edge in zip(face, face[1:] + face[:1], strict=True)
    }
    for side, sign in (("left", -1), ("right", 1)):
        indices = model.regions[f"{side}_isthmus"]
        steps = zip(indices.tolist(), np.roll(indices, -1).tolist(), strict=True)
        assert all(tuple(sorted(step)) in neighbours for step in steps)  # closed, and in order
        assert len(set(indices.tolist())) == len(indices) > 8
        ring = mean[indices]
        assert np.ptp(ring[:, 0]) == pytest.approx(PEDICLE_WIDTH_MM[level], abs=2.6)
        assert 11.0 < np.ptp(ring[:, 2]) < 19.0
        axis = np.array([-sign * 0.25, 0.97, 0.0])
        for step in (-5.0, 5.0):
            loops = section_loops(mean, model.faces, ring.mean(axis=0) + step * axis, axis)
            nearest = min(map(loop_area, loops), key=lambda found: float(np.linalg.norm(found[1] - ring.mean(axis=0))))
            assert nearest[0] > loop_area(ring)[0]


def test_cannulas_run_through_the_pedicle_into_the_anterior_third(model: ShapeModel, mean: np.ndarray, level: str):
    body = mean[model.regions["body"]]
    front, back = (model.landmarks[f"body_{end}"].on(mean) for end in ("anterior", "posterior"))
    for side, sign in (("left", -1), ("right", 1)):
        entry, isthmus, target = (model.cannulas[side][name].on(mean) for name in ("entry", "isthmus", "target"))
        assert 3 < sign * target[0] < 13  # own side of the midline
        assert 0.62 < (target[1] - back[1]) / (front[1] - back[1]) < 0.85
        assert abs(target[2]) < 0.2 * np.ptp(body[:, 2])
        assert entry[2] > isthmus[2] - 2 and sign * entry[0] > sign * isthmus[0] - 1  # cranial and lateral
        assert entry[1] < isthmus[1] < target[1]
        assert np.linalg.norm(mean - entry, axis=1).min() < 3.0  # on the bone
        along = (target - entry) / np.linalg.norm(target - entry)
        ring = mean[model.regions[f"{side}_isthmus"]]
        crossing = entry + ((ring.mean(axis=0) - entry) @ along) * along
        assert _inside(crossing, ring, along)
        apart = ring - crossing
        assert np.linalg.norm(apart - np.outer(apart @ along, along), axis=1).min() > 2.0


def _inside(point: np.ndarray, ring: np.ndarray, axis: np.ndarray) -> bool:
    """Whether a ring, seen along an axis, goes once around a point."""
    across = np.cross(axis, [0.0, 0.0, 1.0])
    plane = np.stack([across / np.linalg.norm(across), np.cross(axis, across)])
    flat = (ring - point) @ plane.T
    angles = np.unwrap(np.arctan2(flat[:, 1], flat[:, 0]), period=2 * np.pi)
    closing = np.unwrap([angles[-1], angles[0]])[1]
    return bool(abs(abs(closing - angles[0]) - 2 * np.pi) < 0.1 or abs(abs(angles[-1] - angles[0]) - 2 * np.pi) < 1.5)


def test_levels_differ_as_levels_do(models: dict[str, ShapeModel]):
    width = {}
    for level, model in models.items():
        ring = model.means[level][model.regions["left_isthmus"]]
        width[level] = np.ptp(ring[:, 0])
    assert width["L1"] < width["L3"] < width["L4"] < width["L5"]
    spread = {level: np.ptp(model.means[level][:, 0]) for level, model in models.items()}
    assert spread["T12"] < spread["L1"] < spread["L3"]
