"""The vertebrae of one person before they are stacked: alike, of one size, some of them broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...atlas.model import ShapeModel
from ...atlas.morphs import fractured
from ...atlas.population import GRADE_LOSS
from ..draw import Range, chance, uniform

FRACTURED_OFTEN: Mapping[str, float] = {
    "T4": 2.0, "T5": 3.0, "T6": 5.0, "T7": 9.0, "T8": 9.0, "T9": 6.0, "T10": 5.0, "T11": 8.0, "T12": 15.0,
    "L1": 16.0, "L2": 9.0, "L3": 7.0, "L4": 4.0, "L5": 2.0,
}  # fmt: skip
"""Of 100 osteoporotic fractures, how many at each level: two peaks, T7-T8 and T12-L1, as in the European Vertebral
Osteoporosis Study (Ismail et al., Osteoporos Int 1999; 9:206); read from its figure, rounded."""


@dataclass(frozen=True)
class SpineSettings:
    """How spines differ.

    Attributes:
        variation: factor on the deviations of shapes; a linear model's bones look wrong towards its ends.
        curve_variation: factor on the deviations of the curve.
        likeness: correlation of the shape coefficients of one person's vertebrae in a region.
        lordosis_deg: what is added to the lordosis L1-L5 of a supine person: cushions under a prone one take or give.
        disc_share: height of a sound disc over what the drawn spacing leaves between the bodies.
        degenerate_chance: of a disc in an average person; twice as often at L4-L5 and L5-S1.
        degenerate_share: height of a degenerated disc over a sound one's, the most worn first.
        least_disc_mm: between endplates, however worn.
        slip_mm: standard deviation of a body's shift on the one below, forwards.
        lumbosacral_deg: wedge of the disc L5-S1 (15 +- 5 degrees: Vialle et al., J Bone Joint Surg Am 2005; 87:260).
        fracture_chance: that the person has osteoporotic fractures.
        fractures: how many such a person has between T4 and L5, on average.
        fracture_kinds: chance of wedge, biconcave and crush (Ismail 1999: wedges are the most by far).
        fracture_grades: chance of Genant's grades 1, 2 and 3.
        degeneration: how far a person's spine is worn, 0 for the young, 1 for the oldest.
        spur_mm: how far spurs (osteophytes) stand out where discs are worn and the person is old; Nathan's degrees 1 to
            3 (1962) go from small points to beaks of several millimetres.
        lip_share: of that, how far the whole rim stands out.
        node_chance: of a Schmorl's node in an endplate; some 20 to 40 % of people have one (Kyere et al., Eur Spine J
            2012; 21:2115).
        node_mm: their depth.
        waviness_mm: standard deviation of a wall from smooth, as far as a mesh of 2.6 mm can tell.
        wave_mm: over which it changes: correlation falls to 1/e.
    """

    variation: float = 0.8
    curve_variation: float = 1.0
    likeness: float = 0.8
    lordosis_deg: Range = (-8.0, 14.0)
    disc_share: Range = (0.9, 1.1)
    degenerate_chance: float = 0.2
    degenerate_share: Range = (0.35, 0.75)
    least_disc_mm: float = 1.8
    slip_mm: float = 0.6
    lumbosacral_deg: Range = (8.0, 20.0)
    fracture_chance: float = 0.5
    fractures: float = 2.5
    fracture_kinds: tuple[float, float, float] = (0.55, 0.25, 0.20)
    fracture_grades: tuple[float, float, float] = (0.35, 0.40, 0.25)
    degeneration: Range = (0.0, 1.0)
    spur_mm: float = 5.5
    lip_share: Range = (0.0, 0.45)
    node_chance: float = 0.06
    node_mm: Range = (1.0, 4.0)
    waviness_mm: Range = (0.2, 0.45)
    wave_mm: Range = (3.0, 6.0)


@dataclass(frozen=True)
class Shape:
    """A vertebra before it is placed; mm at its own size, in the model's frame.

    ``sound`` is it before any fracture; ``plates`` are of its smooth endplates; ``wear`` is of the discs above and
    below.
    """

    level: str
    model: ShapeModel
    scale: float
    coefficients: np.ndarray
    sound: np.ndarray
    vertices: np.ndarray
    fracture: str = ""
    height_loss: float = 0.0
    plates: Mapping[str, np.ndarray] = field(default_factory=dict)
    wear: tuple[float, float] = (0.0, 0.0)


def draw_shapes(
    models: Mapping[str, ShapeModel],
    levels: Sequence[str],
    size: float,
    settings: SpineSettings,
    generator: np.random.Generator,
) -> list[Shape]:
    """Sound vertebrae, alike as one person's are; ``size`` is the logarithm of the person's spacing over the mean's."""
    person = {region: generator.standard_normal(25) for region in dict.fromkeys(models[one].region for one in levels)}
    shapes = []
    for level in levels:
        model, own = models[level], generator.standard_normal(26)
        count = min(model.rank, 25)
        drawn = settings.likeness * person[model.region] + np.sqrt(1 - settings.likeness**2) * own[:25]
        coefficients = np.clip(settings.variation * drawn[:count], -1.8, 1.8)
        scale = float(np.exp(size + 0.35 * settings.variation * model.log_scale_deviation * own[25]))
        vertices = scale * model.instance(level, coefficients)
        shapes.append(Shape(level, model, scale, coefficients, vertices, vertices))
    return shapes


def draw_fractures(shapes: Sequence[Shape], settings: SpineSettings, generator: np.random.Generator) -> list[Shape]:
    """Some of them broken, where people's break; each with its endplates' places."""
    osteoporotic = chance(generator, settings.fracture_chance)
    found = []
    for shape in shapes:
        often = settings.fractures * FRACTURED_OFTEN.get(shape.level, 0.0) / sum(FRACTURED_OFTEN.values())
        broken = chance(generator, often) and osteoporotic
        kind = str(generator.choice(["wedge", "biconcave", "crush"], p=settings.fracture_kinds))
        loss = uniform(generator, GRADE_LOSS[int(generator.choice([1, 2, 3], p=settings.fracture_grades))])
        if broken:
            # Not at any size: measures are millimetres of the model at scale 1.
            vertices = shape.scale * fractured(shape.model, shape.sound / shape.scale, kind, loss)
            coefficients = shape.model.project(shape.level, vertices / shape.scale)
            shape = replace(shape, vertices=vertices, coefficients=coefficients, fracture=kind, height_loss=loss)
        plates = {name: plate_of(shape.vertices, shape.model, name) for name in ("superior", "inferior")}
        found.append(replace(shape, plates=plates))
    return found


def plate_of(vertices: np.ndarray, model: ShapeModel, name: str) -> np.ndarray:
    """(4, 4) frame of an endplate in the vertebra's: right, front, up, and its middle."""
    points = vertices[model.regions[f"{name}_endplate"]]
    middle = points.mean(0)
    up = np.linalg.svd(points - middle)[2][2]
    up = up * np.sign(up[2])
    right = np.cross([0.0, 1.0, 0.0], up)
    right /= np.linalg.norm(right)
    frame = np.eye(4)
    frame[:3] = np.column_stack([right, np.cross(up, right), up, middle])
    return frame


def half_height(shape: Shape, name: str) -> float:
    """From a sound body's centre to its endplate, mm."""
    return abs(float(plate_of(shape.sound, shape.model, name)[2, 3]))


def spread_of(shape: Shape) -> tuple[float, float]:
    """Half width and half depth of the lower endplate, mm."""
    extent = np.ptp(shape.sound[shape.model.regions["inferior_endplate"]], axis=0)
    return float(extent[0] / 2), float(extent[1] / 2)
