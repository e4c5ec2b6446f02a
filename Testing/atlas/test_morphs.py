"""Named changes of shape and fractures on the shipped atlas."""

from __future__ import annotations

import numpy as np
import pytest

from SpineDARTLib.atlas import ShapeModel, load_model
from SpineDARTLib.atlas.morphs import fractured, measures_of, morphed
from SpineDARTLib.atlas.population import FRACTURES


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    return load_model("L1")


@pytest.fixture(scope="module")
def shape(model: ShapeModel) -> np.ndarray:
    return model.instance("L1", np.random.default_rng(4).standard_normal(8))


@pytest.mark.parametrize(
    "name, change", [("pedicle_width", 2.0), ("pedicle_transverse_angle", -6.0), ("canal_depth", -3.0)]
)
def test_a_morph_reaches_its_value_and_leaves_the_rest(model: ShapeModel, shape: np.ndarray, name: str, change: float):
    measures = measures_of(model)
    after = morphed(model, shape, {name: change})
    assert measures[name].of(after) - measures[name].of(shape) == pytest.approx(change, abs=0.02)
    for other in set(model.morphs) - {name}:
        assert measures[other].of(after) == pytest.approx(measures[other].of(shape), abs=0.05), other


def test_no_change_is_no_change(model: ShapeModel, shape: np.ndarray):
    assert morphed(model, shape, {}) == pytest.approx(shape, abs=1e-9)


def test_unknown_measures_are_named(model: ShapeModel, shape: np.ndarray):
    with pytest.raises(ValueError, match=r"pedicle_size.*expected.*pedicle_width"):
        morphed(model, shape, {"pedicle_size": 1.0})


@pytest.mark.parametrize("kind", list(FRACTURES))
def test_a_fracture_takes_the_heights_of_its_kind(model: ShapeModel, kind: str):
    measures, mean = measures_of(model), model.means["L1"]
    broken = fractured(model, mean, kind, 0.4)
    names = ("anterior_height", "middle_height", "posterior_height")
    lost = [1 - measures[name].of(broken) / measures[name].of(mean) for name in names]
    assert lost == pytest.approx([0.4 * share for share in FRACTURES[kind]], abs=0.06)
    posterior = model.regions["posterior_elements"]
    # The arch behind is not broken: it moves a little with the body, and far less than the endplates do.
    assert np.linalg.norm((broken - mean)[posterior], axis=1).mean() < 3.0
    assert measures["pedicle_width"].of(broken) == pytest.approx(measures["pedicle_width"].of(mean), abs=0.05)


def test_bad_fractures_are_named(model: ShapeModel):
    with pytest.raises(ValueError, match=r"got the fracture burst.*wedge"):
        fractured(model, model.means["L1"], "burst", 0.3)
    with pytest.raises(ValueError, match=r"got a loss of 0\.9.*0 to 0\.6"):
        fractured(model, model.means["L1"], "wedge", 0.9)
