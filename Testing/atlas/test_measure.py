"""Measures: right on shapes whose size is known, blind to pose and side, and with exact derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas.files import Region, read_region
from SpineDARTLib.atlas.formulas import FORMULAS
from SpineDARTLib.atlas.measure import Measure, define_measures
from SpineDARTLib.atlas.mesh import similarity
from SpineDARTLib.resources import resource_folder

NAMES = [
    "body_width",
    "lower_endplate_width",
    "body_depth",
    "upper_endplate_depth",
    "anterior_height",
    "middle_height",
    "posterior_height",
    "superior_concavity",
    "inferior_concavity",
    "pedicle_width",
    "pedicle_height",
    "pedicle_transverse_angle",
    "pedicle_sagittal_angle",
    "canal_width",
    "canal_depth",
    "interpedicular_distance",
    "body_to_pedicle_distance",
    "transverse_process_span",
    "transverse_process_angle",
    "spinous_process_length",
    "spinous_process_angle",
]
MIRROR = np.array([-1.0, 1.0, 1.0])
FRAME = np.array([[0.0, 15.0, 0.0], [0.0, -15.0, 0.0], [-20.0, 0.0, 0.0], [20.0, 0.0, 0.0]])


@dataclass(frozen=True)
class Measured:
    """The shipped lumbar template, its measures and an asymmetric shape of it in some pose."""

    region: Region
    measures: Mapping[str, Measure]
    vertices: np.ndarray


@pytest.fixture(scope="module")
def lumbar() -> Measured:
    region = read_region(resource_folder("atlas") / "L1-L5.json")
    template = region.template
    notes = region.annotations
    measures = define_measures(template.vertices, template.faces, notes.regions, notes.landmarks)
    bent = template.vertices * np.array([1.05, 0.95, 1.0])
    bent = bent + 0.004 * bent[:, [1, 2, 0]] ** 2 * np.array([1.0, -0.5, 0.7])
    turned = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).apply(bent) + np.array([30.0, -8.0, 110.0])
    return Measured(region, measures, turned)


def paths(*directions: tuple[float, float, float]) -> np.ndarray:
    """The frame's points and one path of 10 mm each along the directions, from somewhere."""
    start = np.array([3.0, -20.0, 5.0])
    ends = [start + 10 * np.array(d) / np.linalg.norm(d) for d in directions]
    return np.vstack([FRAME, *[[start, end] for end in ends]])


@pytest.mark.parametrize(
    ("kind", "points", "expected"),
    [
        ("distance", np.array([[0.0, 0, 0], [3, 4, 0], [1, 1, 1], [1, 1, 10]]), 7.0),
        ("concavity", np.array([[0.0, 15, 12], [0, -15, 10], [0, 0, 9], [0, 0, -9]]), 2 * np.cos(np.arctan(2 / 30))),
        ("concavity", np.array([[0.0, 15, -12], [0, -15, -12], [0, 2, -9], [0, 0, 9]]), 3.0),
        ("convergence", paths((np.tan(np.radians(10)), 1, 0.3), (-np.tan(np.radians(20)), 1, 0)), 15.0),
        ("elevation", paths((0.2, 1, np.tan(np.radians(12))), (-0.2, 1, np.tan(np.radians(-2)))), 5.0),
        ("retroversion", paths((-1, -np.tan(np.radians(30)), 0.5), (1, -np.tan(np.radians(40)), 0)), 35.0),
        ("descent", paths((0.1, -1, -np.tan(np.radians(50)))), 50.0),
    ],
)
def test_a_formula_is_right_in_any_pose(kind, points, expected):
    assert FORMULAS[kind](points[None])[0] == pytest.approx(expected)
    turned = Rotation.from_euler("xyz", [70, -40, 160], degrees=True).apply(points) + np.array([5.0, 6.0, -90.0])
    assert FORMULAS[kind](turned[None])[0] == pytest.approx(expected)


def test_every_measure_is_there(lumbar):
    assert list(lumbar.measures) == NAMES
    assert all(measure.name == name for name, measure in lumbar.measures.items())
    assert {name for name, measure in lumbar.measures.items() if measure.unit == "deg"} == {
        name for name in NAMES if name.endswith("angle")
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_derivative(lumbar, name):
    measure, vertices = lumbar.measures[name], lumbar.vertices
    gradient = measure.gradient(vertices)
    direction = np.random.default_rng(3).standard_normal(vertices.shape)
    step = 1e-4
    rise = measure.of(vertices + step * direction) - measure.of(vertices - step * direction)
    assert (gradient * direction).sum() == pytest.approx(rise / (2 * step), rel=1e-5, abs=1e-6)
    # Moved it stays, grown it grows with the size (Euler), angles stay.
    assert gradient.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    centred = vertices - vertices.mean(axis=0)
    growth = measure.of(vertices) if measure.unit == "mm" else 0.0
    assert (gradient * centred).sum() == pytest.approx(growth, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_left_and_right_enter_alike(lumbar, name):
    measure, partner = lumbar.measures[name], lumbar.region.template.partner
    assert measure.of(lumbar.vertices[partner] * MIRROR) == pytest.approx(measure.of(lumbar.vertices), abs=1e-4)


def test_stretches_are_measured(lumbar):
    template = lumbar.region.template.vertices
    before = {name: measure.of(template) for name, measure in lumbar.measures.items()}
    wide = {name: measure.of(template * np.array([1.2, 1.0, 1.0])) for name, measure in lumbar.measures.items()}
    for name in ("body_width", "lower_endplate_width", "canal_width", "interpedicular_distance"):
        assert wide[name] == pytest.approx(1.2 * before[name], rel=1e-6)
    for name in ("body_depth", "anterior_height", "superior_concavity", "canal_depth", "spinous_process_angle"):
        assert wide[name] == pytest.approx(before[name], abs=1e-6)
    assert wide["pedicle_transverse_angle"] > before["pedicle_transverse_angle"] + 1.0


def test_a_wedge_is_measured(lumbar):
    template = lumbar.region.template.vertices
    measures = lumbar.measures
    front = measures["body_depth"].anchors[0].on(template)[1]
    back = measures["body_depth"].anchors[1].on(template)[1]
    share = np.clip((template[:, 1] - back) / (front - back), 0.0, 1.0)
    wedged = template * np.column_stack([np.ones_like(share), np.ones_like(share), 1.0 - 0.3 * share])
    kept = {name: measures[name].of(wedged) / measures[name].of(template) for name in NAMES if "height" in name}
    assert kept["anterior_height"] == pytest.approx(0.7, abs=0.05)
    assert kept["middle_height"] == pytest.approx(0.85, abs=0.05)
    assert kept["posterior_height"] == pytest.approx(1.0, abs=0.04)
    assert kept["pedicle_height"] == pytest.approx(1.0, abs=0.01)


def test_real_vertebrae_are_measured_as_directly(lumbar):
    """Widths and spans as extremes of the vertices themselves, on the people's shapes of the atlas."""
    region = lumbar.region
    regions, template = region.annotations.regions, region.template.vertices
    direct, by_anchors = [], []
    for shape in region.samples.shapes[::2]:
        scale, rotation, move = similarity(shape, template, scaled=False)
        placed = scale * shape @ rotation.T + move
        plate, body, arch = (placed[regions[name]] for name in ("superior_endplate", "body", "posterior_elements"))
        middle, depth = plate[:, 1].mean(), np.ptp(plate[:, 1])
        rim = body[(body[:, 2] > plate[:, 2].mean() - 4.0) & (np.abs(body[:, 1] - middle) < depth / 4)]
        direct.append([np.ptp(rim[:, 0]), np.ptp(arch[:, 0])])
        by_anchors.append([lumbar.measures[name].of(shape) for name in ("body_width", "transverse_process_span")])
    difference = np.array(by_anchors) - np.array(direct)
    assert np.abs(np.median(difference, axis=0)).max() < 1.0
    for one, other in zip(np.transpose(direct), np.transpose(by_anchors), strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.9


def test_the_template_is_a_plausible_third_lumbar_vertebra(lumbar):
    values = {name: measure.of(lumbar.region.template.vertices) for name, measure in lumbar.measures.items()}
    assert 8.0 < values["pedicle_width"] < 13.0
    assert 13.0 < values["pedicle_height"] < 18.0
    assert 8.0 < values["pedicle_transverse_angle"] < 22.0
    assert 20.0 < values["canal_width"] < 27.0
    assert values["body_width"] < values["transverse_process_span"]


def test_an_asymmetric_shape_is_refused(lumbar):
    template, notes = lumbar.region.template, lumbar.region.annotations
    crooked = template.vertices + 0.05 * np.abs(template.vertices[:, :1]) * np.array([0.0, 0.0, 1.0]) * (
        template.vertices[:, :1] > 0
    )
    with pytest.raises(ValueError, match="symmetric"):
        define_measures(crooked, template.faces, notes.regions, notes.landmarks)
