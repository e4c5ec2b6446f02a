"""C-arms: from their angles to a camera and back, in the conventions that machines and programs use.

A camera here is always what an eye at the source sees: x to the right of the picture, y down, never mirrored. A picture
that was stored the other way round (cath-labs show patients from the detector's side) is turned over when it is read:
``turned`` for what a file says of itself, ``turned_over`` for a case's image_flip_horizontal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .conventions import convention_of
from .known import POSE, REQUIRED, KnownGeometry
from .patient import table_to_patient
from .turned import turned

GIMBAL_COSINE = 1e-6
"""Below this cosine of the secondary angle the beam runs along the patient; the primary angle is then called 0."""


@dataclass(frozen=True)
class CArmPose:
    """A camera in a C-arm's words: angles as ``c_arm_camera`` takes them, distances and where it turns about.

    Attributes:
        detector_rotation_deg: how far the detector is turned clockwise about the beam, seen from the source.
        isocentre_mm: RAS.
        principal_point_px: (column, row) where the beam's axis meets the detector.
    """

    primary_deg: float
    secondary_deg: float
    detector_rotation_deg: float
    source_to_detector_mm: float
    source_to_isocentre_mm: float
    isocentre_mm: tuple[float, float, float]
    principal_point_px: tuple[float, float]


def c_arm_camera(
    primary_deg: float,
    secondary_deg: float,
    source_to_detector_mm: float,
    source_to_isocentre_mm: float,
    pixel_spacing_mm: tuple[float, float],
    shape: tuple[int, int],
    isocentre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    convention: str = "dicom",
    *,
    patient_position: str | None = None,
    angles_relative_to: str | None = None,
    swivel_deg: float = 0.0,
    detector_rotation_deg: float = 0.0,
    image_flip_horizontal: bool = False,
    image_rotation_deg: float = 0.0,
    principal_point_px: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The camera of a C-arm from its two angles.

    DICOM PS3.3 C.8.7.5.1.2: primary 0 has the detector in front of the chest, +90 at the patient's left; secondary is
    positive towards the head. Other ways to count stand in ``CONVENTIONS``. The picture is upright (its top towards the
    head, or towards the table's head end where angles are counted from the table) and seen from the source.

    Args:
        pixel_spacing_mm: (between rows, between columns) of the stored image, at the detector.
        shape: (height, width) pixels of the stored image.
        isocentre_mm: RAS of the patient, whatever the angles are counted from.
        patient_position: one of ``patient.POSITIONS``; needed for angles counted from the table.
        angles_relative_to: "patient" or "table"; None is what the convention says.
        swivel_deg: how far the whole C-arm is turned anticlockwise, seen from above, from standing at the table's side:
            a mobile one's wig-wag; 90 where it stands at the head end. Only with angles counted from the table.
        detector_rotation_deg: the detector turned clockwise about the beam, seen from the source.
        image_flip_horizontal: the stored image is mirrored against what the source sees. The camera is that of the
            image turned over (``turned_over``), because a mirrored picture has no camera.
        image_rotation_deg: the picture was turned clockwise before it was flipped and stored.
        principal_point_px: (column, row) in the stored image; None is its middle.

    Returns:
        intrinsics (3, 3) and world_to_camera (4, 4).

    Raises:
        ValueError: an unknown convention, position or reference, or distances that are not 0 < isocentre < detector.
    """
    if not 0 < source_to_isocentre_mm < source_to_detector_mm:
        raise ValueError(
            f"got source_to_isocentre_mm {source_to_isocentre_mm:g} and source_to_detector_mm "
            f"{source_to_detector_mm:g}; expected 0 < source_to_isocentre_mm < source_to_detector_mm"
        )
    known = convention_of(convention, angles_relative_to)
    first, second = known.signs[0] * primary_deg, known.signs[1] * secondary_deg
    rotation = _isocentric(first, second) if known.joints == "isocentric" else _mobile(first, second)
    rotation = rotation @ _to_stand(known.relative_to, patient_position, swivel_deg)
    rotation = _turn(image_rotation_deg - detector_rotation_deg) @ rotation
    source = np.asarray(isocentre_mm, dtype=np.float64) - source_to_isocentre_mm * rotation[2]
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = rotation, -rotation @ source
    intrinsics = _intrinsics(source_to_detector_mm, pixel_spacing_mm, shape, principal_point_px)
    if image_flip_horizontal:
        intrinsics[0, 2] = shape[1] - 1 - intrinsics[0, 2]
    return intrinsics, world_to_camera


def c_arm_of(
    intrinsics: np.ndarray,
    world_to_camera: np.ndarray,
    pixel_spacing_mm: tuple[float, float],
    convention: str = "dicom",
    *,
    source_to_isocentre_mm: float | None = None,
    near_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    patient_position: str | None = None,
    angles_relative_to: str | None = None,
    swivel_deg: float = 0.0,
) -> CArmPose:
    """A camera in a C-arm's words: what ``c_arm_camera`` makes the same camera of.

    A camera does not know which point of its axis the C-arm turns about: that is the one at ``source_to_isocentre_mm``,
    or the one nearest to ``near_mm``. With the beam along the patient (secondary 90) the primary angle is called 0 and
    the rest roll.

    Args:
        intrinsics: (3, 3) pixels.
        world_to_camera: (4, 4) RAS mm.
        near_mm: RAS.

    Raises:
        ValueError: an unknown convention, position or reference.
    """
    known = convention_of(convention, angles_relative_to)
    of_stand = world_to_camera[:3, :3] @ _to_stand(known.relative_to, patient_position, swivel_deg).T
    first, second, roll = _isocentric_angles(of_stand) if known.joints == "isocentric" else _mobile_angles(of_stand)
    rotation = np.asarray(world_to_camera)[:3, :3]
    source, axis = -rotation.T @ world_to_camera[:3, 3], rotation[2]
    to_isocentre = source_to_isocentre_mm
    if to_isocentre is None:
        to_isocentre = float((np.asarray(near_mm, dtype=np.float64) - source) @ axis)
    x, y, z = (float(number) for number in source + to_isocentre * axis)
    distance = (intrinsics[0, 0] * pixel_spacing_mm[1] + intrinsics[1, 1] * pixel_spacing_mm[0]) / 2
    return CArmPose(
        known.signs[0] * first, known.signs[1] * second, roll, float(distance), float(to_isocentre), (x, y, z),
        (float(intrinsics[0, 2]), float(intrinsics[1, 2])),
    )  # fmt: skip


def camera_of(
    known: KnownGeometry,
    convention: str = "dicom",
    *,
    angles_relative_to: str | None = None,
    patient_position: str | None = None,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float], float]:
    """The camera that a file's geometry describes: that of its picture as the source sees it (``turned.turn_image``).

    Args:
        patient_position: in place of the file's.

    Returns:
        intrinsics (3, 3), world_to_camera (4, 4), pixel spacing (between rows, between columns) mm and source to
        detector mm.

    Raises:
        ValueError: names what is missing; or as ``c_arm_camera``.
    """
    if known.missing:
        asked = "; ".join(f"{missing.name} ({REQUIRED[missing.name]})" for missing in known.missing)
        raise ValueError(f"got nothing for {', '.join(missing.name for missing in known.missing)}; expected {asked}")
    known = turned(known)
    value = {name: quantity.value for name, quantity in known.quantities.items()}
    (rows, columns), (distance,) = value["pixel_spacing_mm"], value["source_to_detector_mm"]
    point = value.get("principal_point_px")
    place = None if point is None else (point[0], point[1])
    if "world_to_camera" in value:
        pose = np.array(value["world_to_camera"], dtype=np.float64).reshape(4, 4)
        return _intrinsics(distance, (rows, columns), known.shape, place), pose, (rows, columns), distance
    primary, secondary, to_isocentre = (value[name][0] for name in POSE)
    x, y, z = value.get("isocentre_mm", (0.0, 0.0, 0.0))
    intrinsics, world_to_camera = c_arm_camera(
        primary, secondary, distance, to_isocentre, (rows, columns), known.shape, (x, y, z), convention,
        patient_position=patient_position or known.patient_position,
        angles_relative_to=angles_relative_to,
        detector_rotation_deg=value.get("detector_rotation_deg", (0.0,))[0],
        principal_point_px=place,
    )  # fmt: skip
    return intrinsics, world_to_camera, (rows, columns), distance


def turned_over(image: np.ndarray) -> np.ndarray:
    """The (height, width) image mirrored left to right, as the camera of a flipped image sees it."""
    return np.ascontiguousarray(image[:, ::-1])


def _intrinsics(
    source_to_detector_mm: float,
    pixel_spacing_mm: tuple[float, float],
    shape: tuple[int, int],
    principal_point_px: tuple[float, float] | None,
) -> np.ndarray:
    """(3, 3) pixels; the principal point is the picture's middle where none is given."""
    rows, columns = pixel_spacing_mm
    intrinsics = np.diag([source_to_detector_mm / columns, source_to_detector_mm / rows, 1.0])
    intrinsics[:2, 2] = principal_point_px or ((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    return intrinsics


def _to_stand(relative_to: str, patient_position: str | None, swivel_deg: float) -> np.ndarray:
    """The rotation (3, 3) from patient RAS to the axes that the angles are counted from."""
    if relative_to == "patient":
        if swivel_deg:
            raise ValueError(
                "got a swivel with angles counted from the patient; expected angles counted from the table"
            )
        return np.eye(3)
    if patient_position is None:
        raise ValueError("got no patient position; expected one, because the angles are counted from the table")
    return (table_to_patient(patient_position) @ Rotation.from_euler("y", swivel_deg, degrees=True).as_matrix()).T


def _turn(clockwise_deg: float) -> np.ndarray:
    """The rotation of camera axes by which what they see turns clockwise in the picture."""
    return Rotation.from_euler("z", clockwise_deg, degrees=True).as_matrix()


_UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""World to camera with both angles 0: right is right, down is towards the feet, the beam runs to the front."""


def _isocentric(primary_deg: float, secondary_deg: float) -> np.ndarray:
    """World to camera of a C-arm whose primary axis runs head to feet and carries the secondary one."""
    return _UPRIGHT @ Rotation.from_euler("ZX", [primary_deg, secondary_deg], degrees=True).as_matrix().T


def _mobile(orbital_deg: float, tilt_deg: float) -> np.ndarray:
    """World to camera of a C-arm whose tilt axis lies across the table and carries the orbital movement."""
    return _UPRIGHT @ Rotation.from_euler("XZ", [tilt_deg, orbital_deg], degrees=True).as_matrix().T


def _isocentric_angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Primary, secondary and detector rotation in degrees."""
    x, y, z = rotation[2]
    level = np.hypot(x, y)
    primary = 0.0 if level < GIMBAL_COSINE else float(np.rad2deg(np.arctan2(0.0 - x, y)))
    secondary = float(np.rad2deg(np.arctan2(z, level)))
    return primary, secondary, _roll_deg(rotation, _isocentric(primary, secondary))


def _mobile_angles(rotation: np.ndarray) -> tuple[float, float, float]:
    """Orbital movement, tilt and detector rotation in degrees; of the two solutions that with a tilt within 90."""
    x, y, z = rotation[2]
    level = np.hypot(y, z)
    tilt = 0.0 if level < GIMBAL_COSINE else float(np.rad2deg(np.arctan2(z, y)))
    orbital = float(np.rad2deg(np.arctan2(-x, level)))
    if abs(tilt) > 90.0:
        tilt, orbital = tilt - np.copysign(180.0, tilt), float(np.copysign(180.0, -x)) - orbital
    return orbital, float(tilt), _roll_deg(rotation, _mobile(orbital, float(tilt)))


def _roll_deg(rotation: np.ndarray, upright: np.ndarray) -> float:
    """How far the detector is turned clockwise against the upright one of the same beam."""
    turned = rotation @ upright.T
    return float(np.rad2deg(np.arctan2(-turned[1, 0], turned[0, 0])))
