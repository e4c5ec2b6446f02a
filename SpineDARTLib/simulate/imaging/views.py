"""Where the X-ray machine stands: families of C-arms, sets of views, and what the machine says of itself.

``aim`` gives exactly the view that is asked for; ``draw_views`` draws a set of them around a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import InputError
from ...geometry.camera import c_arm_camera, project_with_depth
from ...types import View
from ..draw import chance, uniform
from ..nouns import Patient
from .view_settings import ViewSettings


@dataclass(frozen=True)
class Arm:
    """A C-arm: distances in mm, a square detector."""

    source_to_detector_mm: float = 1020.0
    source_to_isocentre_mm: float = 530.0
    pixel_spacing_mm: float = 0.582
    size_px: int = 512
    family: str = "mobile"


@dataclass(frozen=True)
class Pose:
    """One exposure: where the C-arm stands (DICOM's angles) and how its detector sits.

    Attributes:
        roll_deg: of the picture about the principal point; positive turns what it shows clockwise.
        offset_px: (u, v) of the principal point from the picture's middle.
        zoom: how many times smaller the pixels are than the arm's.
        mirrored: left and right of the picture are swapped.
    """

    name: str
    primary_deg: float
    secondary_deg: float
    polarity: str = "bone-dark"
    roll_deg: float = 0.0
    offset_px: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True)
class CameraPair:
    """One view as it truly is and as the machine states it; both with an empty image of the picture's size.

    Attributes:
        conditions: family, angles, distances and the like, by name, for reports.
    """

    true: View
    stated: View
    conditions: Mapping[str, float | str] = field(default_factory=dict)


def aim(arm: Arm, pose: Pose, isocentre_mm: np.ndarray) -> View:
    """The view that the arm has in a pose, the isocentre (3,) RAS mm; its image is empty."""
    side = arm.pixel_spacing_mm / pose.zoom
    spacing, shape = (side, side), (arm.size_px, arm.size_px)
    right, anterior, superior = (float(value) for value in isocentre_mm)
    intrinsics, world_to_camera = c_arm_camera(
        pose.primary_deg,
        pose.secondary_deg,
        arm.source_to_detector_mm,
        arm.source_to_isocentre_mm,
        spacing,
        shape,
        (right, anterior, superior),
    )
    intrinsics[:2, 2] += pose.offset_px
    if pose.mirrored:
        intrinsics = np.array([[-1.0, 0.0, arm.size_px - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) @ intrinsics
    roll = np.deg2rad(pose.roll_deg) * (-1.0 if pose.mirrored else 1.0)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    blank = np.zeros(shape, dtype=np.float32)
    return View(pose.name, blank, intrinsics, turn @ world_to_camera, spacing, arm.source_to_detector_mm, pose.polarity)


KINDS = {"ap-lat": 2, "obliques": 2, "random-pair": 2, "random-triple": 3, "suite": 4, "training": 16}
"""Sets of views and how many each has. "suite" is a fixed suite's run: AP, lateral and both obliques."""

Angles = tuple[str, float, float]
"""Name, primary and secondary in degrees."""


def draw_views(
    kind: str, count: int | None, target_mm: np.ndarray, settings: ViewSettings, generator: np.random.Generator
) -> tuple[CameraPair, ...]:
    """Draw a set of views around a target.

    The views of one set share the machine and, up to its detector's roll, offset and zoom, the isocentre. Those of
    "training" share nothing: each has a machine, a place and a purpose of its own, and may be mirrored.

    Args:
        kind: one of ``KINDS``.
        count: how many views of "training"; the other kinds have their own number (or None).
        target_mm: (3,) RAS, what the machine aims at.

    Raises:
        ValueError: an unknown kind, or a count that this kind does not have.
    """
    if kind not in KINDS:
        raise ValueError(f'got kind "{kind}"; expected one of {", ".join(KINDS)}')
    target = np.asarray(target_mm, dtype=np.float64)
    if kind == "training":
        number = KINDS[kind] if count is None else count
        return tuple(_training_view(index, target, settings, generator) for index in range(number))
    if count not in (None, KINDS[kind]):
        raise ValueError(f'got {count} views of kind "{kind}"; expected {KINDS[kind]}')
    frontal = 180.0 if chance(generator, settings.prone_share) else 0.0
    arm = draw_arm(settings, generator, 0.0 if kind == "suite" else settings.mobile_share)
    isocentre = target + generator.normal(0.0, settings.isocentre_mm, 3)
    poses = [_draw_pose(angles, settings, generator) for angles in _angles(kind, frontal, settings, generator)]
    return tuple(_pair(arm, pose, isocentre, settings, generator) for pose in poses)


def draw_arm(settings: ViewSettings, generator: np.random.Generator, mobile_share: float) -> Arm:
    """A machine of either family."""
    if chance(generator, mobile_share):
        family, to_detector = "mobile", settings.mobile_source_to_detector_mm
        to_isocentre, side = settings.mobile_source_to_isocentre_mm, settings.mobile_detector_mm
    else:
        family, to_detector = "fixed", settings.fixed_source_to_detector_mm
        to_isocentre, side = settings.fixed_source_to_isocentre_mm, settings.fixed_detector_mm
    distance, height, width = (uniform(generator, limits) for limits in (to_detector, to_isocentre, side))
    return Arm(distance, height, width / settings.size_px, settings.size_px, family)


def _angles(kind: str, frontal: float, settings: ViewSettings, generator: np.random.Generator) -> list[Angles]:
    """The angles of a set; ``frontal`` is the AP's primary, 0 or 180."""

    def off(primary: float, name: str) -> Angles:
        aside, along = generator.uniform(-1.0, 1.0, 2) * [settings.aim_deg, settings.tilt_deg]
        return name, float(primary + aside), float(along)

    lateral = 90.0 if chance(generator, 0.5) else -90.0
    left, right = (uniform(generator, settings.oblique_deg) for _ in range(2))
    if kind == "ap-lat":
        return [off(frontal, "AP"), off(lateral, "LAT")]
    if kind == "obliques":
        return [off(frontal + left, "OBL1"), off(frontal - right, "OBL2")]
    if kind == "suite":
        return [off(frontal, "AP"), off(lateral, "LAT"), off(frontal + left, "OBL1"), off(frontal - right, "OBL2")]
    number, low, high = KINDS[kind], *settings.random_between_deg
    steps = generator.uniform(low, high if number == 2 else max(low, high / 2), number)
    primaries = generator.uniform(-180.0, 180.0) + np.cumsum(steps)
    tilts = generator.uniform(-settings.random_tilt_deg, settings.random_tilt_deg, number)
    return [(f"V{index + 1}", float(primaries[index]), float(tilts[index])) for index in range(number)]


def _training_view(
    index: int, target: np.ndarray, settings: ViewSettings, generator: np.random.Generator
) -> CameraPair:
    """One view of any purpose by a machine of its own."""
    frontal = 180.0 if chance(generator, settings.prone_share) else 0.0
    kind = str(generator.choice(["ap-lat", "obliques", "random-pair"], p=[0.6, 0.2, 0.2]))
    angles = _angles(kind, frontal, settings, generator)[index % 2]
    arm = draw_arm(settings, generator, settings.mobile_share)
    pose = _draw_pose((f"V{index + 1}", *angles[1:]), settings, generator)
    isocentre = target + _training_shift(arm, pose, settings, generator)
    turned, any_roll = chance(generator, settings.any_roll_share), uniform(generator, (-180.0, 180.0))
    mirrored = chance(generator, settings.mirrored_share)
    pose = replace(pose, mirrored=mirrored, roll_deg=any_roll if turned else pose.roll_deg)
    return _pair(arm, pose, isocentre, settings, generator)


def _training_shift(arm: Arm, pose: Pose, settings: ViewSettings, generator: np.random.Generator) -> np.ndarray:
    """(3,) RAS mm from the target to the isocentre: operators centre on the spine, and less on a level of it."""
    field_mm = arm.size_px * arm.pixel_spacing_mm / pose.zoom * arm.source_to_isocentre_mm / arm.source_to_detector_mm
    shares = generator.uniform(-1.0, 1.0, 3) * [settings.shift_across, settings.shift_across, settings.shift_along]
    missed, off = chance(generator, settings.off_centre_share), generator.choice([-1.0, 1.0], 2)
    shares[:2] += missed * off * settings.off_centre_across
    return field_mm * shares


def _draw_pose(angles: Angles, settings: ViewSettings, generator: np.random.Generator) -> Pose:
    """How the detector sits in one view."""
    roll = float(generator.normal(0.0, settings.roll_deg))
    u, v = generator.normal(0.0, settings.off_centre_px * settings.size_px / 512, 2).tolist()
    name, primary, secondary = angles
    # -180 to 180, as DICOM has it.
    primary = (primary + 180.0) % 360.0 - 180.0
    return Pose(name, primary, secondary, "bone-dark", roll, (u, v), uniform(generator, settings.zoom))


def _pair(
    arm: Arm, pose: Pose, isocentre: np.ndarray, settings: ViewSettings, generator: np.random.Generator
) -> CameraPair:
    true = aim(arm, pose, isocentre)
    conditions = {"family": arm.family, "primary_deg": pose.primary_deg, "secondary_deg": pose.secondary_deg}
    conditions |= {"roll_deg": pose.roll_deg, "mirrored": float(pose.mirrored), "zoom": pose.zoom}
    conditions |= {"source_to_detector_mm": arm.source_to_detector_mm}
    conditions |= {"source_to_isocentre_mm": arm.source_to_isocentre_mm}
    return CameraPair(true, misstated(true, isocentre, settings, generator), conditions)


def misstated(view: View, isocentre_mm: np.ndarray, settings: ViewSettings, generator: np.random.Generator) -> View:
    """What such a machine says of a view: turned about the isocentre, moved, its numbers a little off."""
    from scipy.spatial.transform import Rotation

    turn, shift = generator.normal(0.0, 1.0, (2, 3))
    distance, *principal = generator.normal(0.0, 1.0, 3)
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_rotvec(np.deg2rad(settings.rotation_error_deg) * turn).as_matrix()
    moved[:3, 3] = isocentre_mm - moved[:3, :3] @ isocentre_mm + settings.translation_error_mm * shift
    to_detector = float(view.source_to_detector_mm + settings.distance_error_mm * distance)
    intrinsics = view.intrinsics.copy()
    intrinsics[[0, 1], [0, 1]] *= to_detector / view.source_to_detector_mm
    intrinsics[:2, 2] += settings.principal_error_px * np.array(principal)
    return replace(
        view,
        intrinsics=intrinsics,
        world_to_camera=view.world_to_camera @ moved,
        source_to_detector_mm=to_detector,
    )


def check_hits(patient: Patient, view: View) -> None:
    """Raise an InputError if no vertebra's body comes to lie on the detector."""
    centres = np.array([vertebra.vertebra.pose[:3, 3] for vertebra in patient.vertebrae.values()])
    pixels, depths = project_with_depth(centres, view)
    height, width = view.image.shape
    hit = (depths > 0) & (pixels >= -0.5).all(1) & (pixels < [width - 0.5, height - 0.5]).all(1)
    if hit.any():
        return
    if (depths <= 0).all():
        where = f'the whole spine behind the source of view "{view.name}"'
    else:
        nearest = np.where(depths > 0, np.abs(pixels - [width / 2, height / 2]).max(1), np.inf).argmin()
        u, v = pixels[nearest]
        where = f"{list(patient.vertebrae)[nearest]}, the nearest vertebra, at pixel ({u:.0f}, {v:.0f})"
    raise InputError(f'patient "{patient.subject}"', f'view "{view.name}"', where, f"one on its {width} x {height} px")
