"""X-rays in the scene: each a one-slice volume where its detector was, with the beam that made it.

A volume keeps the camera to the last digit, so that ``read_views`` gives the same views after a scene was saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import arrayFromVolume, updateVolumeFromArray, vtkMatrixFromArray

from ..errors import InputError
from ..geometry.camera import project
from ..types import View
from . import shapes
from .colours import FRUSTUM
from .models import Look, show_model
from .nodes import keep, kept, key_of, node_of, nodes_of, shown

PERCENTILES = (2.0, 99.7)
"""Grey levels from black to white: almost all of what is looked at."""

GREYS = {"bone-bright": "vtkMRMLColorTableNodeGrey", "bone-dark": "vtkMRMLColorTableNodeInvertedGrey"}
"""The polarity of the file is how its owner knows it."""

CONTEXT = 0.35
"""How much of its size is looked at around a vertebra."""


def detector_to_world(view: View) -> np.ndarray:
    """(4, 4) pixel (u, v, 0) to RAS mm in the detector's plane; the third axis is the beam's, 1 mm a step."""
    camera_to_world = np.linalg.inv(view.world_to_camera)
    matrix = np.eye(4)
    in_camera = np.linalg.inv(view.intrinsics) * view.source_to_detector_mm
    matrix[:3, :2] = camera_to_world[:3, :3] @ in_camera[:, :2]
    matrix[:3, 2] = view.axis
    matrix[:3, 3] = camera_to_world[:3, :3] @ in_camera[:, 2] + camera_to_world[:3, 3]
    return matrix


def on_detector(view: View, pixels: np.ndarray) -> np.ndarray:
    """(n, 2) pixels to (n, 3) RAS mm in the detector's plane."""
    matrix = detector_to_world(view)
    return np.asarray(pixels, dtype=np.float64) @ matrix[:3, :2].T + matrix[:3, 3]


def show_views(scene: vtkMRMLScene, case_id: str, views: Sequence[View]) -> tuple[Any, ...]:
    """Show all views of a case, in their order; gives their volume nodes."""
    return tuple(show_view(scene, view, case_id, order) for order, view in enumerate(views))


def show_view(scene: vtkMRMLScene, view: View, case_id: str, order: int | None = None) -> Any:
    """Show an X-ray at its detector, and its beam; gives the volume node.

    Args:
        order: its place among the views; where it stands already, or the last, when None.
    """
    volume = shown(scene, "view", view.name, f"X-ray {view.name}", case_id=case_id)
    known = kept(volume)
    if order is None:
        order = known.get("order", len(nodes_of(scene, "view")) - 1)
    if not known or not np.array_equal(arrayFromVolume(volume)[0], view.image, equal_nan=True):
        updateVolumeFromArray(volume, np.ascontiguousarray(view.image[None]))
        set_window(volume, _middle(view.image))
    volume.SetIJKToRASMatrix(vtkMatrixFromArray(detector_to_world(view)))
    keep(volume, {**kept(volume), **_camera(view), "order": order, "slot": known.get("slot", "")})
    volume.GetDisplayNode().SetAndObserveColorNodeID(GREYS[view.polarity])
    volume.GetDisplayNode().SetInterpolate(True)
    volume.SetDescription(f"{view.name}: {view.polarity}. Not for clinical use.")
    _show_beam(scene, view, case_id)
    return volume


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, where the spine is, without the air around the patient."""
    rows, columns = (count // 5 for count in image.shape)
    return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def set_window(volume: Any, values: np.ndarray) -> None:
    """Set window and level so that almost all of the values are told apart; not where somebody has set them since."""
    display, ours = volume.GetDisplayNode(), kept(volume).get("window")
    now = (display.GetWindowLevelMin(), display.GetWindowLevelMax())
    if ours is not None and not np.allclose(now, ours, rtol=1e-3):
        return
    finite = values[np.isfinite(values)]
    if not finite.size:
        return
    low, high = (float(value) for value in np.percentile(finite, PERCENTILES))
    high = max(high, low + 1e-6)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)
    keep(volume, {**kept(volume), "window": [low, high]})


def window_to(volume: Any, view: View, points_mm: np.ndarray) -> None:
    """Set window and level by what is around (n, 3) RAS mm."""
    pixels = project(points_mm, view)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    around = CONTEXT * (high - low)
    (left, top), (right, bottom) = (np.maximum(low - around, 0).astype(int), (high + around).astype(int) + 1)
    set_window(volume, view.image[top : max(bottom, 0), left : max(right, 0)])


def _camera(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "intrinsics": np.asarray(view.intrinsics).tolist(),
        "world_to_camera": np.asarray(view.world_to_camera).tolist(),
        "pixel_spacing_mm": list(view.pixel_spacing_mm),
        "source_to_detector_mm": view.source_to_detector_mm,
        "polarity": view.polarity,
    }


def _show_beam(scene: vtkMRMLScene, view: View, case_id: str) -> None:
    """The frustum: its edges from the source to the detector's corners, and its faint sides."""
    height, width = view.image.shape
    edge_px = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    corners, source = on_detector(view, edge_px), view.source_mm
    edges = [np.stack([source, corner]) for corner in corners] + [np.vstack([corners, corners[:1]])]
    sides = np.array([[0, 1 + side, 1 + (side + 1) % 4] for side in range(4)])
    look = Look(FRUSTUM, 0.55, 1.0, lit=False)
    show_model(scene, "frustum", view.name, f"Beam {view.name}", shapes.lines(edges), look, case_id)
    cone = shapes.surface(np.vstack([source, corners]), sides)
    show_model(scene, "beam", view.name, f"Beam {view.name}, sides", cone, Look(FRUSTUM, 0.05, lit=False), case_id)


def read_views(scene: vtkMRMLScene, case_id: str | None = None) -> tuple[View, ...]:
    """The views in the scene, as they were shown, in their order.

    Raises:
        InputError: an X-ray of ours that has lost its image or its camera.
    """
    return tuple(read_view(volume) for volume in view_nodes(scene, case_id))


def view_nodes(scene: vtkMRMLScene, case_id: str | None = None) -> list[Any]:
    """The volumes of the X-rays, in their order."""
    return sorted(nodes_of(scene, "view", case_id), key=lambda volume: kept(volume).get("order", 0))


def view_named(scene: vtkMRMLScene, name: str) -> View:
    """One view.

    Raises:
        InputError: there is no such view in the scene.
    """
    volume = node_of(scene, "view", name)
    if volume is None:
        known = ", ".join(key_of(one) for one in nodes_of(scene, "view"))
        raise InputError("the scene", "X-ray", name, f"one of its X-rays ({known or 'there is none'})")
    return read_view(volume)


def read_view(volume: Any) -> View:
    """The view that a volume of ours shows.

    Raises:
        InputError: it has lost its image or its camera.
    """
    known = kept(volume)
    if volume.GetImageData() is None or "intrinsics" not in known:
        lost = "image" if "intrinsics" in known else "camera"
        raise InputError("the scene", volume.GetName(), f"no {lost}", "an X-ray with its image; open the case again")
    return View(
        known["name"],
        arrayFromVolume(volume)[0],
        np.array(known["intrinsics"]),
        np.array(known["world_to_camera"]),
        (known["pixel_spacing_mm"][0], known["pixel_spacing_mm"][1]),
        known["source_to_detector_mm"],
        known["polarity"],
    )
