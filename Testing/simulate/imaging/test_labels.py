"""Labels say what is true, and what of it can be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SpineDARTLib.atlas.files import load_model
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.mesh import to_polydata
from SpineDARTLib.simulate.imaging.labels import LANDMARK_NAMES, label_view, recut
from SpineDARTLib.simulate.imaging.projection import project_patient
from SpineDARTLib.simulate.nouns import HIDDEN, OUTSIDE, VISIBLE, Crop, Rod
from Testing.benchmarks.simulator_agreement import label_agreement
from Testing.simulate.imaging.cameras import ISOCENTRE_MM, ball_path, camera, two_balls


def test_names_are_the_atlas_s_in_its_order():
    for level in ("T6", "L3"):
        assert tuple(load_model(level).landmarks) == LANDMARK_NAMES


def labels_of(name: str = "AP", patient=None, exposed=None, clipped=None, isocentre=ISOCENTRE_MM):
    patient, view = patient or two_balls(), camera(name, isocentre_mm=isocentre)
    exposed = np.ones(view.image.shape, dtype=bool) if exposed is None else exposed
    return label_view(patient, view, project_patient(patient, view), exposed, clipped), patient, view


@pytest.mark.parametrize("name", ["LAT", "MIR"])
def test_everything_is_where_it_is_projected(name):
    labels, patient, view = labels_of(name)
    assert [label.level for label in labels] == ["L2", "L3"]
    for label in labels:
        truth = patient.vertebrae[label.level]
        wanted = project(np.array([truth.landmarks[each] for each in LANDMARK_NAMES]), view)
        assert label.landmarks_px == pytest.approx(wanted)
        assert (label.visibility == VISIBLE).all() and label.visibility.dtype == np.int8
        assert label.cannulas_px["left"] == pytest.approx(project(truth.cannulas["left"], view))
        assert label.share_seen == 1.0
        radius = np.linalg.norm(truth.vertices[0] - truth.vertebra.pose[:3, 3])
        exact = ball_path(view, truth.vertebra.pose[:3, 3], radius)
        height, width = label.mask.values.shape
        place = np.s_[label.mask.row : label.mask.row + height, label.mask.column : label.mask.column + width]
        assert (label.mask.values != (exact[place] > 0)).sum() < 0.02 * label.mask.values.sum()
        # ICRU-44 cortical bone less soft tissue at 60 keV (NIST), per mm.
        off = label.projection.values - (0.0604 - 0.0217) * exact[place]
        assert np.sqrt((off**2).mean()) < 0.02 and abs(off.mean()) < 0.004
        assert (label.projection.row, label.projection.column) == (label.mask.row, label.mask.column)
        left, top, right, bottom = label.box_px
        assert left - 1 < label.mask.column <= left + 1 and bottom - 2 <= label.mask.row + height - 1 <= bottom + 1
        assert top < bottom and left < right


def test_what_the_collimator_covers_is_outside():
    exposed = np.zeros((192, 192), dtype=bool)
    exposed[:, :97] = True
    labels = labels_of(exposed=exposed)[0]
    for label in labels:
        left = np.round(label.landmarks_px[:, 0]) < 97
        assert np.array_equal(label.visibility, np.where(left, VISIBLE, OUTSIDE))
        columns = np.arange(label.mask.values.shape[1]) + label.mask.column
        share = label.mask.values[:, columns < 97].sum() / label.mask.values.sum()
        assert label.share_seen == pytest.approx(share)
    assert 0.05 < min(label.share_seen for label in labels) < 0.95


def test_metal_and_clipped_grey_values_hide():
    patient = two_balls()
    clipped = np.zeros((192, 192), dtype=bool)
    open_labels = labels_of()[0]
    u, v = np.round(open_labels[0].landmarks_px[2]).astype(int)
    clipped[v - 1 : v + 2, u - 1 : u + 2] = True
    point = patient.vertebrae["L3"].landmarks[LANDMARK_NAMES[7]]
    screw = Rod(np.stack([point + [0.0, 9.0, 0.0], point - [0.0, 9.0, 0.0]]), np.array([1.5, 1.5]), "titanium")
    above, below = labels_of(patient=replace(patient, rods=(screw,)), clipped=clipped)[0]
    assert above.visibility[2] == HIDDEN and below.visibility[7] == HIDDEN
    assert (above.visibility == VISIBLE).sum() >= 8 and (below.visibility == VISIBLE).sum() >= 6


def test_what_is_hardly_in_the_picture_has_no_label():
    # So far up that L3 only just reaches over the lower edge, and further.
    levels = {}
    for up in (20.0, 35.0, 48.0, 55.0, 90.0):
        labels = labels_of(isocentre=ISOCENTRE_MM + [0.0, 0.0, up])[0]
        levels[up] = {label.level: label for label in labels}
    assert set(levels[20.0]) == {"L2", "L3"} and "L3" not in levels[55.0] and not levels[90.0]
    part = levels[35.0]["L3"]
    assert 0.05 < part.share_seen < 0.95
    assert part.box_px[3] > 191 and part.mask.row + part.mask.values.shape[0] == 192
    blind = two_balls()
    unseen = replace(blind.vertebrae["L2"], volume=None)
    patient = replace(blind, vertebrae={"L3": blind.vertebrae["L3"], "L2": unseen})
    assert [label.level for label in labels_of(patient=patient)[0]] == ["L3"]


@pytest.mark.parametrize("name", ["OBL", "MIR"])
def test_an_independent_projection_agrees_and_sees_what_is_off(name):
    labels, patient, view = labels_of(name)
    truth, label = patient.vertebrae["L3"], labels[1]
    mesh = to_polydata(truth.vertices, truth.faces)
    places = np.array([truth.landmarks[each] for each in LANDMARK_NAMES])
    found = label_agreement(mesh, -3.0 * view.projection, places, label, every=2)
    assert found.landmarks.max() < 1e-6
    assert len(found.mask) > 50 and found.mask.max() <= 0.51
    assert np.abs(found.shift).max() < 0.15
    moved = replace(
        label,
        mask=replace(label.mask, column=label.mask.column + 1),
        projection=replace(label.projection, column=label.projection.column + 1),
        landmarks_px=label.landmarks_px + [0.0, 0.7],
    )
    worse = label_agreement(mesh, view.projection, places, moved, every=2)
    assert worse.landmarks == pytest.approx(0.7)
    assert 0.6 < np.median(worse.mask) < 1.5 and worse.shift == pytest.approx([1.0, 0.0], abs=0.3)


def test_recut():
    crop = Crop(2, 3, np.arange(1.0, 7.0).reshape(2, 3))
    moved = recut(crop, Crop(1, 4, np.zeros((3, 4))))
    assert moved.values.tolist() == [[0, 0, 0, 0], [2, 3, 0, 0], [5, 6, 0, 0]]
    assert not recut(crop, Crop(9, 9, np.zeros((2, 2)))).values.any()
