"""The rules put the annotations where an anatomist would, on every level's mean; left is the patient's left, -x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from SpineDARTLib.atlas import available_levels, load_model
from SpineDARTLib.atlas.annotate import Annotations, annotate
from SpineDARTLib.atlas.mesh import Template, vertex_areas, vertex_normals
from SpineDARTLib.atlas.sections import first_exit, loop_area, section_at, section_loops
from SpineDARTLib.io.mesh import enclosed_volume, open_edges
from SpineDARTLib.types import LEVELS

VOLUME_CM3 = {"T": (8, 45), "L": (30, 90)}

PEDICLE_WIDTH_MM = dict(zip(
    LEVELS, (9.3, 7.5, 6.0, 4.5, 5.0, 5.5, 6.0, 6.3, 6.3, 6.5, 7.8, 8.3, 8.7, 8.9, 10.3, 12.9, 18.0), strict=True
))  # fmt: skip
"""Kaur 2016 (thoracic), Zindrick 1987 (lumbar); series differ by far more than our tolerance at single levels."""


@dataclass(frozen=True)
class Bone:
    """One level's mean with the annotations found on its region's mean."""

    level: str
    vertices: np.ndarray
    template: Template
    notes: Annotations

    @property
    def half_height(self) -> float:
        return float(np.ptp(self.vertices[self.notes.regions["body"], 2])) / 2


@pytest.fixture(scope="module")
def bones() -> dict[str, Bone]:
    found = {}
    for first in available_levels():
        if first in found:
            continue
        model = load_model(first)
        region_mean = np.mean([model.means[level] for level in model.levels], axis=0)
        notes = annotate(Template(region_mean, model.faces, model.partner))
        for level in model.levels:
            template = Template(model.means[level], model.faces, model.partner)
            found[level] = Bone(level, model.means[level], template, notes)
    return found


@pytest.fixture(params=available_levels())
def bone(bones: dict[str, Bone], request: pytest.FixtureRequest) -> Bone:
    return bones[request.param]


def test_closed_with_one_hole_and_outward(bone: Bone):
    faces = bone.template.faces
    assert open_edges(faces) == 0
    assert len(bone.vertices) - len(faces) * 3 // 2 + len(faces) == 0  # Euler's number of a ring: the foramen
    low, high = VOLUME_CM3[bone.level[0]]
    assert low < enclosed_volume(bone.vertices, faces) / 1000 < high


def test_triangles_are_even(bone: Bone):
    corners = bone.vertices[bone.template.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert 2000 <= len(bone.vertices) <= 4000
    assert np.percentile(area, 95) / np.percentile(area, 5) < 12


def test_means_are_symmetric_and_in_the_frame(bone: Bone):
    mean, regions = bone.vertices, bone.notes.regions
    assert mean[bone.template.partner] * (-1, 1, 1) == pytest.approx(mean, abs=1e-6)
    assert np.abs(bone.notes.backup_landmarks["centroid"].on(mean)).max() < 1.5
    normals = vertex_normals(mean, bone.template.faces) * vertex_areas(mean, bone.template.faces)[:, None]
    up, down = (normals[regions[f"{side}_endplate"]].sum(axis=0) for side in ("superior", "inferior"))
    tilt = up / np.linalg.norm(up) - down / np.linalg.norm(down)
    assert abs(np.rad2deg(np.arctan2(tilt[1], tilt[2]))) < 4.0


def test_landmarks_are_in_their_places(bone: Bone):
    mean, half = bone.vertices, bone.half_height
    at = {name: anchor.on(mean) for name, anchor in bone.notes.landmarks.items()}
    assert len(at) == 10
    assert at["body_superior"][2] > 0.5 * half > -0.5 * half > at["body_inferior"][2]
    assert at["body_anterior"][1] > 0.5 * half > -0.5 * half > at["body_posterior"][1]
    assert abs(at["body_anterior"][2]) < 0.3 * half > abs(at["body_posterior"][2])
    assert at["spinous_process"][1] < at["spinolaminar_junction"][1] < at["body_posterior"][1] - 8
    for side, sign in (("left", -1), ("right", 1)):
        pedicle, process = at[f"{side}_pedicle"], at[f"{side}_transverse_process"]
        assert sign * pedicle[0] > 7
        assert sign * process[0] > sign * pedicle[0] + 8
        assert sign * process[0] > 0.9 * np.abs(mean[:, 0]).max() - 1
        assert process[1] < pedicle[1] < at["body_posterior"][1] + 3  # L5's leave the body's side, not its back
        assert pedicle[2] > at["body_posterior"][2]  # pedicles leave the upper half of the body
    for name in ("body_superior", "body_inferior", "body_anterior", "body_posterior", "spinous_process"):
        assert abs(at[name][0]) < 0.01
    # The tip: behind nearly all, and low where the process points down.
    assert at["spinous_process"][1] - mean[:, 1].min() < 6.0
    assert at["spinous_process"][2] < at["spinolaminar_junction"][2]
    for name in ("spinous_process", "spinolaminar_junction", "body_anterior", "body_posterior"):
        assert np.linalg.norm(mean - at[name], axis=1).min() < 3.5  # on the bone


def test_backup_landmarks(bone: Bone):
    at = {name: anchor.on(bone.vertices) for name, anchor in bone.notes.backup_landmarks.items()}
    assert set(at) == {"centroid", "superior", "inferior", "left", "right"}
    assert at["left"][0] < -0.8 * bone.half_height < 0.8 * bone.half_height < at["right"][0]
    assert at["superior"][2] > 0.6 * bone.half_height > -0.6 * bone.half_height > at["inferior"][2]
    assert np.abs(at["left"][1:]).max() < 0.6 * bone.half_height


def test_regions_are_disjoint_and_mirrored(bone: Bone):
    regions = bone.notes.regions
    parts = [set(regions[name]) for name in ("body", "posterior_elements", "left_pedicle", "right_pedicle")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(bone.vertices)
    assert set(bone.template.partner[regions["left_pedicle"]]) == set(regions["right_pedicle"])
    for name in ("superior_endplate", "inferior_endplate", "anterior_wall", "posterior_wall"):
        assert set(regions[name]) <= parts[0]
        assert len(regions[name]) > 40
    # Ribs and processes are no part of the body, and the body none of the arch.
    assert bone.vertices[regions["body"], 1].min() > bone.vertices[regions["posterior_elements"], 1].mean()


def test_canal_is_around_the_foramen(bone: Bone):
    mean, canal = bone.vertices, bone.notes.regions["canal"]
    body, arch = (set(bone.notes.regions[name]) for name in ("body", "posterior_elements"))
    assert len(canal) > 100
    assert len(set(canal) & body) > 30 < len(set(canal) & arch)
    for side in ("left", "right"):
        medial = set(bone.notes.regions[f"{side}_pedicle_medial_wall"])
        assert len(set(canal) & medial) > 0.5 * len(medial)
    assert np.abs(mean[canal, 0]).max() < np.abs(mean[bone.notes.regions["left_pedicle_lateral_wall"], 0]).max()


def test_pedicles_have_four_walls(bone: Bone):
    mean, regions = bone.vertices, bone.notes.regions
    for side, sign in (("left", -1), ("right", 1)):
        walls = {name: regions[f"{side}_pedicle_{name}_wall"] for name in ("medial", "lateral", "superior", "inferior")}
        joined = np.concatenate(list(walls.values()))
        assert sorted(joined) == sorted(regions[f"{side}_pedicle"])
        at = {name: mean[wall].mean(axis=0) for name, wall in walls.items()}
        assert sign * (at["lateral"] - at["medial"])[0] > 3.5
        assert (at["superior"] - at["inferior"])[2] > 6.0
        assert abs((at["superior"] - at["inferior"])[0]) < (at["superior"] - at["inferior"])[2]


def test_isthmus_is_the_pedicles_smallest_ring(bone: Bone):
    mean, faces, notes = bone.vertices, bone.template.faces, bone.notes
    neighbours = {
        tuple(sorted(edge)) for face in faces.tolist() for edge in zip(face, face[1:] + face[:1], strict=True)
    }
    turns = {}
    for side, sign in (("left", -1), ("right", 1)):
        indices = notes.regions[f"{side}_isthmus"]
        steps = zip(indices.tolist(), np.roll(indices, -1).tolist(), strict=True)
        assert all(tuple(sorted(step)) in neighbours for step in steps)  # closed, and in order
        assert len(set(indices.tolist())) == len(indices) > 8
        ring = mean[indices]
        assert np.ptp(ring[:, 0]) == pytest.approx(PEDICLE_WIDTH_MM[bone.level], abs=3.0)
        assert 7.0 < np.ptp(ring[:, 2]) < 20.0
        turns[side] = np.cross(ring, np.roll(ring, -1, axis=0)).sum(axis=0)[1]
        axis = np.array([-sign * 0.15, 0.98, 0.0])
        for step in (-6.0, 6.0):
            loops = section_loops(mean, faces, ring.mean(axis=0) + step * axis, axis)
            nearest = min(map(loop_area, loops), key=lambda found: float(np.linalg.norm(found[1] - ring.mean(axis=0))))
            assert nearest[0] > loop_area(ring)[0]
    assert turns["left"] * turns["right"] > 0  # both rings turn the same way


def test_isthmus_anchor_is_the_middle_of_the_section(bone: Bone):
    for side in ("left", "right"):
        centre = bone.notes.cannulas[side]["isthmus"].on(bone.vertices)
        arms = bone.vertices[bone.notes.regions[f"{side}_isthmus"]] - centre
        across = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0)
        section = section_at(bone.vertices, bone.template.faces, centre, across / np.linalg.norm(across))
        assert section is not None
        assert np.linalg.norm(section.centre - centre) < 1.2


def test_cannulas_run_through_the_pedicle_into_the_anterior_third(bone: Bone):
    mean, notes = bone.vertices, bone.notes
    front, back = (notes.landmarks[f"body_{end}"].on(mean) for end in ("anterior", "posterior"))
    for side, sign in (("left", -1), ("right", 1)):
        entry, isthmus, target = (notes.cannulas[side][name].on(mean) for name in ("entry", "isthmus", "target"))
        assert 3 < sign * target[0] < 9  # own side of the midline
        assert 0.67 < (target[1] - back[1]) / (front[1] - back[1]) < 0.85
        assert abs(target[2]) < 0.4 * bone.half_height
        # Cranial and lateral; on levels unlike their region's mean the anchored entry is only near the line's.
        assert entry[2] > isthmus[2] - 2 and sign * entry[0] > sign * isthmus[0] - 1
        assert entry[1] < isthmus[1] < target[1]
        assert np.linalg.norm(mean - entry, axis=1).min() < 3.5  # on the bone


def test_curved_paths_bend_over_the_midline_inside_the_bone(bone: Bone):
    mean, notes = bone.vertices, bone.notes
    front, back = (notes.landmarks[f"body_{end}"].on(mean) for end in ("anterior", "posterior"))
    assert set(notes.paths) == {"kyphoplasty_left", "kyphoplasty_right"}
    for side, sign in (("left", -1), ("right", 1)):
        path = np.stack([anchor.on(mean) for anchor in notes.paths[f"kyphoplasty_{side}"]])
        assert 12 <= len(path) <= 20
        assert sign * path[0, 0] > 5 and -6 < sign * path[-1, 0] < 0  # from its own side to just beyond the midline
        assert 0.5 < (path[-1, 1] - back[1]) / (front[1] - back[1]) < 0.78
        assert np.abs(path[:, 2]).max() < bone.half_height + 6
        isthmus = notes.cannulas[side]["isthmus"].on(mean)
        assert np.linalg.norm(path - isthmus, axis=1).min() < 0.01
        for point in path[1:]:
            assert all(_inside(bone, point, way) for way in (np.array([0.13, 0.21, 0.97]), np.array([0.1, 0.99, -0.1])))
        assert _radius(path[-9], path[-5], path[-1]) > 15.0  # L5's converging pedicles need hardly any bend
        first, last = path[-9] - path[-10], path[-1] - path[-2]
        turn = np.arctan2(-sign * last[0], last[1]) - np.arctan2(-sign * first[0], first[1])
        assert 4.0 < np.rad2deg(turn) < 80.0  # towards the other side


def _inside(bone: Bone, point: np.ndarray, way: np.ndarray) -> bool:
    """Whether the first wall on the way is one that the ray leaves by."""
    wall = first_exit(bone.vertices, bone.template.faces, point, way)
    inwards = first_exit(bone.vertices, bone.template.faces[:, ::-1], point, way)
    if wall is None:
        return False
    return inwards is None or bool(np.linalg.norm(wall - point) < np.linalg.norm(inwards - point))


def _radius(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> float:
    """Of the circle through three points."""
    sides = [np.linalg.norm(a - b) for a, b in ((first, second), (second, third), (third, first))]
    return float(np.prod(sides) / (2 * np.linalg.norm(np.cross(second - first, third - first))))


def test_levels_differ_as_levels_do(bones: dict[str, Bone]):
    width = {level: np.ptp(bone.vertices[bone.notes.regions["left_isthmus"], 0]) for level, bone in bones.items()}
    assert width["L1"] < width["L3"] < width["L4"] < width["L5"]
    spread = {level: np.ptp(bone.vertices[:, 0]) for level, bone in bones.items()}
    assert spread["T12"] < spread["L1"] < spread["L3"]


def test_a_shape_beside_the_frame_is_refused(bones: dict[str, Bone]):
    bone = bones["L3"]
    beside = Template(bone.vertices + (80.0, 0.0, 0.0), bone.template.faces, bone.template.partner)
    with pytest.raises(ValueError, match="got 0 parts in the midsagittal plane"):
        annotate(beside)
