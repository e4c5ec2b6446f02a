"""The atlas on true surfaces: landmarks of a shape that is known, of a person who is stored, and of a stranger."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas import ShapeModel, load_model
from SpineDARTLib.atlas.surfaces import Surface
from SpineDARTLib.simulate.patient.annotate import annotate_surface, stored_shapes

MODEL = cache(lambda: load_model("L2"))
TURN = Rotation.from_euler("xyz", [14.0, -6.0, 9.0], degrees=True).as_matrix()
MOVE = np.array([31.0, -80.0, 140.0])


def placed(shape: np.ndarray, model: ShapeModel, subject: str, level: str = "L2") -> Surface:
    """A shape away from the origin, turned."""
    return Surface(subject, level, shape @ TURN.T + MOVE, np.asarray(model.faces), "")


def test_a_strangers_landmarks_are_found():
    model = MODEL()
    wanted = np.zeros(model.rank)
    wanted[:5] = [1.2, -0.8, 0.9, -1.1, 0.6]
    surface = placed(1.06 * model.instance("L2", wanted), model, "nobody")
    found = annotate_surface(surface, model)
    assert not found.stored
    assert found.residual_mm < 0.4
    truth = found.vertebra
    assert list(truth.landmarks) == list(model.landmarks)
    for name, anchor in model.landmarks.items():
        assert np.linalg.norm(truth.landmarks[name] - anchor.on(surface.vertices)) < 2.0, name
    assert truth.vertebra.scale == pytest.approx(1.06, abs=0.02)
    assert truth.vertebra.pose[:3, :3] == pytest.approx(TURN, abs=0.06)
    # The patient's left is -x, before it was turned a little.
    assert truth.cannulas["left"][0, 0] < truth.cannulas["right"][0, 0] - 20.0
    assert truth.origin == "ct"


def test_a_stored_persons_correspondence_is_laid_on():
    model = MODEL()
    shape = stored_shapes()["verse005", "L2"]
    surface = placed(shape, model, "sub-verse005")
    found = annotate_surface(surface, model)
    assert found.stored
    for name, anchor in model.landmarks.items():
        assert found.vertebra.landmarks[name] == pytest.approx(anchor.on(surface.vertices), abs=0.5), name


def test_another_shape_under_a_stored_name_is_taken_as_a_strangers():
    model = MODEL()
    shape = stored_shapes()["verse005", "L2"] * [1.15, 0.9, 1.1]
    assert not annotate_surface(placed(shape, model, "verse005"), model).stored


def test_a_level_that_the_model_does_not_know_is_refused():
    model = MODEL()
    with pytest.raises(ValueError, match=r"T5: the model knows L1, L2"):
        annotate_surface(placed(model.means["L2"], model, "nobody", "T5"), model)
