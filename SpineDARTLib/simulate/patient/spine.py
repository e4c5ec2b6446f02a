"""A person's spine: vertebrae of the atlas stacked with discs along a drawn curve, some of them fractured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from ...atlas.files import load_model
from ...atlas.model import ShapeModel
from ...types import LEVELS, Vertebra
from ..draw import chance, uniform
from ..nouns import TrueVertebra
from .contact import Mesh, parted
from .curves import CurveStatistics, SpineCurve
from .sacrum import make_sacrum
from .shapes import Shape, SpineSettings, draw_fractures, draw_shapes, half_height, plate_of, spread_of
from .wear import worn


@dataclass(frozen=True)
class Disc:
    """What lies between two endplates.

    Attributes:
        upper, lower: the levels; the lowest is "S1".
        centre_mm: (3,) RAS.
        axes: (3, 3) columns: to the right, to the front, up.
        height_mm: in the middle.
        half_width_mm, half_depth_mm: of the endplate above.
    """

    upper: str
    lower: str
    centre_mm: np.ndarray
    axes: np.ndarray
    height_mm: float
    half_width_mm: float
    half_depth_mm: float


@dataclass(frozen=True)
class Spine:
    """A person's spine.

    Attributes:
        vertebrae: level to its truth (no volume yet), head to foot.
        stubs: bones at the ends that are in pictures and not asked for: C7 and the sacrum.
        discs: head to foot.
        facing: (3,) unit vector to the person's front.
        curve: what was drawn; fractures bend it further.
    """

    vertebrae: Mapping[str, TrueVertebra]
    stubs: tuple[Mesh, ...]
    discs: tuple[Disc, ...]
    facing: np.ndarray
    curve: SpineCurve


def models_of(levels: Sequence[str], without: Sequence[str] = ()) -> dict[str, ShapeModel]:
    """Each level's model from the shipped atlas; ``without`` leaves people out."""
    return {level: load_model(level, without) for level in levels}


def draw_spine(
    models: Mapping[str, ShapeModel],
    curves: CurveStatistics,
    settings: SpineSettings,
    generator: np.random.Generator,
    levels: Sequence[str] = LEVELS,
    centre_mm: np.ndarray | Sequence[float] = (0.0, 0.0, 0.0),
) -> Spine:
    """Draw one person's spine.

    Args:
        models: level to its model, of all ``levels``.
        levels: adjoining levels, head to foot; C7 is added above T1 and a sacrum below L5.
        centre_mm: (3,) RAS, where the mean of the bodies' centres comes to lie.

    Raises:
        ValueError: levels that do not adjoin.
    """
    levels = tuple(levels)
    if not levels or levels != LEVELS[LEVELS.index(levels[0]) :][: len(levels)]:
        raise ValueError(f"got the levels {', '.join(levels)}; expected adjoining ones of {', '.join(LEVELS)}")
    curve = _draw_curve(curves, settings, generator)
    size = float(np.log(curve.spacing_mm).mean() - curves.mean[: len(LEVELS) - 1].mean())
    shapes = draw_fractures(draw_shapes(models, levels, size, settings, generator), settings, generator)
    age = uniform(generator, settings.degeneration)
    wear = [_draw_wear(level, age, settings, generator) for level in levels]
    joints, heights = _draw_joints(shapes, wear, curve, curves, settings, generator)
    around = zip([wear[0], *wear], wear, strict=False)
    shapes = [worn(shape, discs, age, settings, generator) for shape, discs in zip(shapes, around, strict=True)]
    poses = _placed(shapes, joints, curve, np.asarray(centre_mm, dtype=np.float64))
    bones = {shape.level: _world_mesh(shape.vertices, shape.model.faces, poses[shape.level]) for shape in shapes}
    discs = [
        _disc(above, below, poses, height) for above, below, height in zip(shapes, shapes[1:], heights, strict=False)
    ]
    if levels[0] == "T1":
        bones = {"C7": _neck(shapes[0], poses["T1"]), **bones}
    if levels[-1] == "L5":
        bones["S1"], disc = _sacrum(shapes[-1], poses["L5"], settings, generator)
        discs.append(disc)
    bones = _parted(bones)
    vertebrae = {shape.level: _truth(shape, poses[shape.level], bones.pop(shape.level)) for shape in shapes}
    return Spine(vertebrae, tuple(bones.values()), tuple(discs), np.array([0.0, 1.0, 0.0]), curve)


def _draw_curve(curves: CurveStatistics, settings: SpineSettings, generator: np.random.Generator) -> SpineCurve:
    """A person's curve, as a prone one has it."""
    curve = curves.draw(generator, settings.curve_variation)
    added = np.deg2rad(uniform(generator, settings.lordosis_deg))
    share = np.interp(range(len(LEVELS)), [LEVELS.index("T10"), LEVELS.index("L1"), LEVELS.index("L5")], [0, 0.5, -0.5])
    # How the whole person is rolled on the table is the view's affair.
    return replace(curve, lean_rad=curve.lean_rad + added * share, turn_rad=curve.turn_rad - curve.turn_rad.mean())


def _draw_wear(level: str, age: float, settings: SpineSettings, generator: np.random.Generator) -> float:
    """How worn the disc below a level is: 0 to 0.2 for a sound one, up to 1."""
    degenerate = chance(generator, settings.degenerate_chance * (0.5 + age) * (2 if level in ("L4", "L5") else 1))
    return 0.2 + 0.8 * float(generator.random()) if degenerate else 0.2 * age


def _height_share(wear: float, settings: SpineSettings) -> float:
    """Height of a disc over a sound one's."""
    return float(np.interp(wear, (0.2, 1.0), settings.degenerate_share[::-1])) if wear > 0.2 else 1.0


def _draw_joints(
    shapes: Sequence[Shape],
    wear: Sequence[float],
    curve: SpineCurve,
    curves: CurveStatistics,
    settings: SpineSettings,
    generator: np.random.Generator,
) -> tuple[list[np.ndarray], list[float]]:
    """From each lower endplate to the upper one of the vertebra below: (4, 4), and the disc's height.

    They are what the sound bones would have on the curve, so that a fracture bends the spine.
    """
    rotations = _rotations(curve)
    joints, heights = [], []
    for (above, below), worn_by in zip(pairwise(shapes), wear, strict=False):
        upper = plate_of(above.sound, above.model, "inferior")
        lower = plate_of(below.sound, below.model, "superior")
        place = LEVELS.index(above.level)
        share = uniform(generator, settings.disc_share)
        slip = settings.slip_mm * float(generator.standard_normal())
        usual = (
            np.exp(curves.mean[place])
            - half_height(above, "inferior") / above.scale
            - half_height(below, "superior") / below.scale
        )
        left = curve.spacing_mm[place] - half_height(above, "inferior") - half_height(below, "superior")
        height = share * float(np.clip(left, 0.7 * usual, 1.4 * usual)) * _height_share(worn_by, settings)
        height = max(height, settings.least_disc_mm)
        turned = (rotations[above.level] * Rotation.from_matrix(upper[:3, :3])).inv() * (
            rotations[below.level] * Rotation.from_matrix(lower[:3, :3])
        )
        joints.append(_joint(turned, height, spread_of(above)[1], slip))
        heights.append(height)
    return joints, heights


def _joint(turned: Rotation, height: float, half_depth: float, slip: float) -> np.ndarray:
    """(4, 4) a disc: the endplates keep apart at their rims, however wedged."""
    most = np.arctan(max(height - 1.0, 0.5) / half_depth)
    wedge = turned.as_rotvec()
    bend = float(np.linalg.norm(wedge[:2]))
    wedge[:2] *= min(1.0, most / max(bend, 1e-9))
    joint = np.eye(4)
    joint[:3, :3] = Rotation.from_rotvec(wedge).as_matrix()
    along = joint[:3, 2] + [0.0, 0.0, 1.0]
    joint[:3, 3] = -height * along / np.linalg.norm(along) + [0.0, -slip, 0.0]
    return joint


def _rotations(curve: SpineCurve) -> dict[str, Rotation]:
    """Level to the rotation of its frame in the world."""
    angles = np.column_stack([curve.turn_rad, curve.side_rad, curve.lean_rad])
    return {level: Rotation.from_euler("ZYX", angle) for level, angle in zip(LEVELS, angles, strict=True)}


def _placed(
    shapes: Sequence[Shape], joints: Sequence[np.ndarray], curve: SpineCurve, centre: np.ndarray
) -> dict[str, np.ndarray]:
    """Level to its pose (4, 4): stacked head to foot, then turned as a whole to lie along the curve at best."""
    stacked = [np.eye(4)]
    for above, below, joint in zip(shapes, shapes[1:], joints, strict=False):
        stacked.append(stacked[-1] @ above.plates["inferior"] @ joint @ np.linalg.inv(below.plates["superior"]))
    poses, rotations = np.array(stacked), _rotations(curve)
    wanted = Rotation.concatenate([rotations[shape.level] for shape in shapes])
    whole = (wanted * Rotation.from_matrix(poses[:, :3, :3]).inv()).mean().as_matrix()
    poses[:, :3] = whole @ poses[:, :3]
    poses[:, :3, 3] += centre - poses[:, :3, 3].mean(0)
    return {shape.level: pose for shape, pose in zip(shapes, poses, strict=True)}


def _world_mesh(vertices: np.ndarray, faces: np.ndarray, pose: np.ndarray) -> Mesh:
    """A mesh of a frame with that pose (4, 4), in the world."""
    return vertices @ pose[:3, :3].T + pose[:3, 3], np.asarray(faces)


def _parted(bones: Mapping[str, Mesh]) -> dict[str, Mesh]:
    """The bones, head to foot, each parted from the next."""
    apart = dict(bones)
    for above, below in pairwise(bones):
        upper, lower = parted(apart[above], apart[below])
        apart[above], apart[below] = (upper, apart[above][1]), (lower, apart[below][1])
    return apart


def _truth(shape: Shape, pose: np.ndarray, mesh: Mesh) -> TrueVertebra:
    """The vertebra in its place, with its landmarks and cannulas."""
    vertices, faces = mesh
    cannulas = {
        side: np.array([anchors["entry"].on(vertices), anchors["target"].on(vertices)])
        for side, anchors in shape.model.cannulas.items()
    }
    return TrueVertebra(
        Vertebra(shape.level, pose, shape.scale, shape.coefficients),
        vertices,
        faces,
        {name: anchor.on(vertices) for name, anchor in shape.model.landmarks.items()},
        cannulas,
        fracture=shape.fracture,
        height_loss=shape.height_loss,
        wear=shape.wear,
    )


def _disc(above: Shape, below: Shape, poses: Mapping[str, np.ndarray], height: float) -> Disc:
    upper = poses[above.level] @ above.plates["inferior"]
    lower = poses[below.level] @ below.plates["superior"]
    return _between(above, below.level, upper, lower, height)


def _between(above: Shape, below: str, upper: np.ndarray, lower: np.ndarray, height: float) -> Disc:
    """The disc between two endplates' frames (4, 4) in the world."""
    axes = Rotation.from_matrix(np.array([upper[:3, :3], lower[:3, :3]])).mean().as_matrix()
    return Disc(above.level, below, (upper[:3, 3] + lower[:3, 3]) / 2, axes, height, *spread_of(above))


def _neck(first: Shape, pose: np.ndarray) -> Mesh:
    """C7, which looks much like T1, only smaller: the vertebra above it, leaning less (cervical lordosis begins)."""
    scale = 0.92
    lower, upper = first.plates["inferior"].copy(), first.plates["superior"]
    lower[:3, 3] *= scale
    joint = _joint(Rotation.from_euler("x", -np.deg2rad(4.0)), 4.5, 10.0, 0.0)
    placed = pose @ upper @ np.linalg.inv(joint) @ np.linalg.inv(lower)
    return _world_mesh(scale * first.vertices, first.model.faces, placed)


def _sacrum(
    last: Shape, pose: np.ndarray, settings: SpineSettings, generator: np.random.Generator
) -> tuple[Mesh, Disc]:
    """The sacrum below L5 and the disc between them."""
    wedge = uniform(generator, settings.lumbosacral_deg)
    height = max(10.0 * last.scale * _height_share(last.wear[1], settings), settings.least_disc_mm)
    half_width, half_depth = spread_of(last)
    joint = _joint(Rotation.from_euler("x", -np.deg2rad(wedge)), height, half_depth, 0.0)
    frame = pose @ last.plates["inferior"] @ joint
    vertices, faces = make_sacrum(1.05 * half_width, half_depth, last.scale, generator)
    disc = _between(last, "S1", pose @ last.plates["inferior"], frame, height)
    return _world_mesh(vertices, faces, frame), disc
