"""Where the similarities peak when three atlas vertebrae are rendered and the middle one is moved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineDARTLib.atlas import ShapeModel, available_levels, load_model
from SpineDARTLib.config import RenderSettings, SimilaritySettings
from SpineDARTLib.geometry.camera import c_arm_camera
from SpineDARTLib.render import Detectors, render
from SpineDARTLib.render.gaussians import cortical, vertex_normals
from SpineDARTLib.similarity import similarity_by_name
from SpineDARTLib.types import View

HEIGHT, WIDTH, PIXEL_MM = 80, 72, 1.5
PLACES_MM = {"L2": (1.0, 2.0, 34.0), "L3": (0.0, 0.0, 0.0), "L4": (-1.0, 1.0, -35.0)}
NAMES = ["ncc", "gradient-ncc"]


def detectors() -> Detectors:
    """Near AP and near lateral, ``PIXEL_MM`` a pixel at the vertebra."""
    spacing = (PIXEL_MM * 1.7, PIXEL_MM * 1.7)
    cameras = [c_arm_camera(p, s, 1020.0, 600.0, spacing, (HEIGHT, WIDTH)) for p, s in ((5.0, 3.0), (88.0, -4.0))]
    blank = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    return Detectors.of([View(str(n), blank, *camera, spacing, 1020.0) for n, camera in enumerate(cameras)])


@pytest.fixture(scope="module")
def model() -> ShapeModel:
    if "L3" not in available_levels():
        pytest.skip("no lumbar atlas in Resources/atlas")
    return load_model("L3")


def draw(model: ShapeModel, level: str, move: torch.Tensor | None = None, turn_deg: float = 0.0) -> torch.Tensor:
    """(views, height, width) a level's mean at its place, moved by mm and turned about the left-right axis."""
    vertices = torch.as_tensor(model.means[level], dtype=torch.float32)
    angle = torch.tensor(np.deg2rad(turn_deg), dtype=torch.float32)
    zero, one = torch.zeros(()), torch.ones(())
    rows = [one, zero, zero, zero, angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos()]
    vertices = vertices @ torch.stack(rows).view(3, 3).T + torch.tensor(PLACES_MM[level])
    vertices = vertices if move is None else vertices + move
    faces = torch.as_tensor(np.asarray(model.faces, dtype=np.int64))
    return render(cortical(vertices, vertex_normals(vertices, faces), RenderSettings()), detectors())


@pytest.fixture(scope="module")
def scene(model: ShapeModel):
    """The real pictures with soft tissue, the neighbours' own picture, and the region around L3."""
    neighbours = draw(model, "L2") + draw(model, "L4")
    middle = draw(model, "L3")
    rows, columns = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    tissue = 0.8 * torch.sin(columns / 35.0 + 0.4) + 0.5 * torch.cos(rows / 40.0)
    shadow = torch.nn.functional.max_pool2d((middle > 0.02).float()[None], 7, stride=1, padding=3)
    return middle + neighbours, tissue, neighbours, shadow[:, None]


def scores(name: str, scene, pictures: torch.Tensor) -> torch.Tensor:
    """(starts,) mean over the views of L3's pictures (starts, views, height, width) together with its neighbours."""
    bones, tissue, neighbours, region = scene
    real = bones + (tissue if name == "gradient-ncc" else 0.0)
    measure = similarity_by_name(name, real, SimilaritySettings())
    return measure(pictures + neighbours, region.expand(len(pictures), -1, -1, -1, -1)).mean((1, 2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_peak_over_shifts_is_at_the_true_place(model: ShapeModel, scene, name: str, axis: int):
    shifts = torch.cat([torch.linspace(-8, 8, 9), torch.linspace(-1.5, 1.5, 11)])
    moves = torch.zeros(len(shifts), 3)
    moves[:, axis] = shifts
    values = scores(name, scene, torch.stack([draw(model, "L3", move) for move in moves]))
    assert abs(shifts[values.argmax()]) < 0.35
    coarse = values[:9]
    assert (coarse[:4].diff() > 0).all() and (coarse[5:].diff() < 0).all()  # no other peak within 8 mm


@pytest.mark.parametrize("name", NAMES)
def test_the_peak_over_turns_is_at_the_true_one(model: ShapeModel, scene, name: str):
    turns = np.linspace(-12.0, 12.0, 13)
    values = scores(name, scene, torch.stack([draw(model, "L3", turn_deg=float(turn)) for turn in turns]))
    assert abs(turns[values.argmax()]) < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_points_home(model: ShapeModel, scene, name: str):
    start = torch.tensor([2.5, -2.0, 3.0], requires_grad=True)
    scores(name, scene, draw(model, "L3", start)[None]).sum().backward()
    assert start.grad is not None
    cosine = torch.nn.functional.cosine_similarity(-start.detach(), start.grad, dim=0)
    assert cosine > 0.6
