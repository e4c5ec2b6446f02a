"""The four views: two X-rays, 3D, and down the barrel of a cannula; and which X-ray each of the first two shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from slicer import vtkMRMLScene
from slicer.util import updateVTKMatrixFromArray

from ..geometry.camera import project
from ..types import View
from .letters import show_letters
from .nodes import keep, kept, node_of, nodes_of
from .xrays import detector_to_world, window_to

LAYOUT_ID = 5601
"""Of our own; Slicer keeps those up to 100."""

SLOTS = ("SpineDART-A", "SpineDART-B")
BARREL, THREE_D = "SpineDART-barrel", "SpineDART-3D"

MARGIN = 1.25
"""Field of view around what is to be seen."""

_SLICE = """<item{place}><view class="vtkMRMLSliceNode" singletontag="{tag}">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">{label}</property>
  <property name="viewcolor" action="default">{colour}</property></view></item>"""

_THREE_D = """<item><view class="vtkMRMLViewNode" singletontag="{tag}">
  <property name="viewlabel" action="default">3D</property></view></item>"""

LAYOUT_XML = f"""<layout type="vertical" split="true">
 <item splitSize="500"><layout type="horizontal" split="true">
  {_SLICE.format(place="", tag=SLOTS[0], label="A", colour="#8A93A6")}
  {_SLICE.format(place="", tag=SLOTS[1], label="B", colour="#8A93A6")}
 </layout></item>
 <item splitSize="500"><layout type="horizontal" split="true">
  {_THREE_D.format(tag=THREE_D)}
  {_SLICE.format(place="", tag=BARREL, label="Barrel", colour="#6CC4F5")}
 </layout></item>
</layout>"""


def add_layout(layout_node: Any) -> None:
    """Teach Slicer the layout; ``layout_node.SetViewArrangement(LAYOUT_ID)`` then shows it. Twice does no harm."""
    if layout_node.IsLayoutDescription(LAYOUT_ID):
        layout_node.SetLayoutDescription(LAYOUT_ID, LAYOUT_XML)
    else:
        layout_node.AddLayoutDescription(LAYOUT_ID, LAYOUT_XML)


def singleton(scene: vtkMRMLScene, class_name: str, tag: str) -> Any:
    """A view's node; made where the layout was never shown, and taken over by Slicer when it is."""
    node = scene.GetSingletonNode(tag, class_name)
    if node is None:
        node = scene.CreateNodeByClass(class_name)
        node.UnRegister(None)
        node.SetSingletonTag(tag)
        node.SetName(tag)
        node.SetLayoutName(tag)
        node = scene.AddNode(node)
    return node


def slice_node(scene: vtkMRMLScene, tag: str) -> Any:
    """The slice node of one of ``SLOTS``, or ``BARREL``."""
    return singleton(scene, "vtkMRMLSliceNode", tag)


def view_node(scene: vtkMRMLScene) -> Any:
    """The 3D view's node."""
    return singleton(scene, "vtkMRMLViewNode", THREE_D)


def space_ids(scene: vtkMRMLScene) -> tuple[str, ...]:
    """The ids of all 3D views, ours and the user's."""
    view_node(scene)
    found = scene.GetNodesByClass("vtkMRMLViewNode")
    found.UnRegister(None)
    return tuple(found.GetItemAsObject(at).GetID() for at in range(found.GetNumberOfItems()))


def slot_of(scene: vtkMRMLScene, name: str) -> str:
    """Which of ``SLOTS`` shows a view, "" where none does."""
    volume = node_of(scene, "view", name)
    return "" if volume is None else kept(volume).get("slot", "")


def slice_node_for(scene: vtkMRMLScene, view: View, slot: str = "", points_mm: np.ndarray | None = None) -> Any:
    """Show a view in a slot, its slice plane in the detector, the image upright; gives the slice node.

    Args:
        slot: one of ``SLOTS``; the one that has it, else the first that is free, else the last.
        points_mm: (n, 3) RAS mm to be seen whole and to set window and level by; the whole image when None.
    """
    slot = slot or slot_of(scene, view.name) or _free_slot(scene)
    _occupy(scene, view.name, slot)
    node = slice_node(scene, slot)
    volume = node_of(scene, "view", view.name)
    composite = singleton(scene, "vtkMRMLSliceCompositeNode", slot)
    if volume is not None:
        composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetLinkedControl(False)
    composite.SetDoPropagateVolumeSelection(False)
    changing = node.StartModify()
    node.SetLayoutLabel(view.name)
    aim(node, view, points_mm)
    node.SetSliceVisible(True)
    node.SetOrientationMarkerType(node.OrientationMarkerTypeNone)  # its red axis would look like a breach
    node.EndModify(changing)
    show_letters(scene, view, node)
    if volume is not None and points_mm is not None:
        window_to(volume, view, points_mm)
    return node


def _free_slot(scene: vtkMRMLScene) -> str:
    taken = {kept(volume).get("slot") for volume in nodes_of(scene, "view")}
    return next((slot for slot in SLOTS if slot not in taken), SLOTS[-1])


def _occupy(scene: vtkMRMLScene, name: str, slot: str) -> None:
    for volume in nodes_of(scene, "view"):
        known = kept(volume)
        wanted = slot if known["name"] == name else ("" if known.get("slot") == slot else known.get("slot", ""))
        if wanted != known.get("slot", ""):
            keep(volume, {**known, "slot": wanted})


def aim(node: Any, view: View, points_mm: np.ndarray | None = None) -> None:
    """Turn a slice node to a view's detector: right is right in the image, up is up, seen from the source."""
    height, width = view.image.shape
    low, high = np.array([-0.5, -0.5]), np.array([width - 0.5, height - 0.5])
    if points_mm is not None and len(points_mm):
        pixels = project(points_mm, view)
        low, high = np.maximum(pixels.min(axis=0), low), np.minimum(pixels.max(axis=0), high)
    margin = MARGIN if points_mm is not None else 1.0
    centre, size = (low + high) / 2, (high - low) * margin * np.array(view.pixel_spacing_mm[::-1])
    place = np.eye(4)
    place[:3, :3] = (view.world_to_camera[:3, :3] * [[1.0], [-1.0], [-1.0]]).T
    place[:3, 3] = (detector_to_world(view) @ [*centre, 0.0, 1.0])[:3]
    point_slice(node, place, size)


def point_slice(node: Any, slice_to_world: np.ndarray, size_mm: np.ndarray) -> None:
    """Set a slice node's plane, (4, 4), its origin the middle of the view, and what is seen at least: (2,) mm."""
    updateVTKMatrixFromArray(node.GetSliceToRAS(), slice_to_world)
    columns, rows = (max(int(count), 1) for count in node.GetDimensions()[:2])
    per_pixel = max(size_mm[0] / columns, size_mm[1] / rows)
    node.SetXYZOrigin(0.0, 0.0, 0.0)
    node.SetFieldOfView(per_pixel * columns, per_pixel * rows, node.GetFieldOfView()[2])
    node.UpdateMatrices()
