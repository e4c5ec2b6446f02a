"""Where the pedicles of a true vertebra are, without any fit to X-rays."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.evaluate import true_anatomy as module
from SpineDARTLib.evaluate.true_anatomy import atlas_models, locate, true_anatomy
from SpineDARTLib.io.mesh import read_mesh, write_mesh
from SpineDARTLib.io.truth import Truth, read_truth
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.types import Vertebra
from Testing.shapes import box


@pytest.fixture(scope="module")
def l3() -> tuple[Vertebra, np.ndarray]:
    """An L3 like no other, somewhere, and its vertices in the model's order."""
    model = atlas_models()["L3"]
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", (20.0, -8.0, 30.0), degrees=True).as_matrix()
    pose[:3, 3] = (14.0, -60.0, 33.0)
    coefficients = np.array([1.0, -0.8, 0.5, *np.zeros(model.rank - 3)])
    vertebra = Vertebra("L3", pose, 1.07, coefficients)
    return vertebra, vertebra.place(model.instance("L3", coefficients))


@pytest.fixture
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(module, "_remembered", {})


@pytest.mark.usefixtures("nothing_remembered")
def test_same_mesh_in_another_order(l3, tmp_path):
    vertebra, vertices = l3
    model = atlas_models()["L3"]
    write_mesh(tmp_path / "L3.stl", vertices, model.faces)
    mesh = read_mesh(tmp_path / "L3.stl")
    assert not np.allclose(mesh[0][:50], vertices[:50], atol=1.0)  # reordered, or there were nothing to find
    found = true_anatomy("L3", Truth("synthetic", {"L3": mesh}, {"L3": vertebra.pose}))
    assert found is not None
    assert (found.origin, found.residual_mm) == ("same mesh", 0.0)
    assert np.abs(found.carried_mm - vertices).max() < 1e-4
    expected = anatomy_of(vertices, model, vertebra.pose)
    for side in ("left", "right"):
        assert found.anatomy.pedicles[side].centre_mm == pytest.approx(expected.pedicles[side].centre_mm, abs=1e-3)


@pytest.mark.usefixtures("nothing_remembered")
def test_a_strangers_surface_is_fitted_once(l3, tmp_path, monkeypatch):
    """No pose, other triangles: the pedicles are found by shape, to less than a millimetre; then kept in a file."""
    vertebra, vertices = l3
    model = atlas_models()["L3"]
    order = np.random.default_rng(3).permutation(len(model.faces))
    truth = Truth("nobody", {"L3": (vertices, model.faces[order])})
    found = true_anatomy("L3", truth, tmp_path)
    assert found is not None
    assert found.origin == "fitted"
    expected = anatomy_of(vertices, model, vertebra.pose)
    for side in ("left", "right"):
        pedicle, true = found.anatomy.pedicles[side], expected.pedicles[side]
        assert np.linalg.norm(pedicle.centre_mm - true.centre_mm) < 1.0
        assert pedicle.axis @ true.axis > np.cos(np.deg2rad(6.0))
    assert np.rad2deg(np.arccos(np.diag(found.anatomy.axes @ expected.axes.T))).max() < 2.0

    def never(*_):
        raise AssertionError("worked out again")

    monkeypatch.setattr(module, "annotate_surface", never)
    assert true_anatomy("L3", truth) is not None  # from memory
    monkeypatch.setattr(module, "_remembered", {})
    again = true_anatomy("L3", truth, tmp_path)  # from the file
    assert again is not None
    assert np.array_equal(again.carried_mm, found.carried_mm)
    assert (again.origin, again.residual_mm) == (found.origin, found.residual_mm)


@pytest.mark.usefixtures("nothing_remembered")
@pytest.mark.parametrize("residual_mm", [1.3, None])
def test_what_the_atlas_cannot_be_laid_on_is_not_located(residual_mm, monkeypatch):
    def annotate(_, model):
        if residual_mm is None:
            raise ValueError("nothing to align with")
        vertebra = SimpleNamespace(vertebra=Vertebra("L3", np.eye(4), 1.0, np.zeros(1)))
        return SimpleNamespace(carried=model.means["L3"], residual_mm=residual_mm, stored=False, vertebra=vertebra)

    monkeypatch.setattr(module, "annotate_surface", annotate)
    truth = Truth("nobody", {"L3": box((0.0, 0.0, 0.0), (40.0, 30.0, 25.0))})
    assert locate("L3", truth) is None
    monkeypatch.setattr(module, "LOCATED_MM", 2.0)
    assert (locate("L3", truth) is None) == (residual_mm is None)


@pytest.mark.usefixtures("nothing_remembered")
def test_a_person_whose_correspondence_is_stored(shared_cases):
    case = next(folder for folder in shared_cases if folder.name == "verse005a-aplat")
    truth = read_truth(case, ("L2",))
    found = true_anatomy("L2", truth)
    assert found is not None
    assert found.origin == "stored"
    assert found.residual_mm < 0.4
    left, right = (found.anatomy.pedicles[side].centre_mm for side in ("left", "right"))
    assert 20.0 < (right - left) @ found.anatomy.axes[0] < 35.0
    assert abs((right - left) @ found.anatomy.axes[2]) < 3.0
