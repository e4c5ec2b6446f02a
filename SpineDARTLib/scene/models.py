"""Model nodes: one call to show a shape, its colour and where it is seen; showing it again only changes the shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slicer import vtkMRMLScene
from vtkmodules.vtkCommonDataModel import vtkPolyData

from .colours import OUTLINES, Colour
from .nodes import shown


@dataclass(frozen=True)
class Look:
    """How a model looks.

    Attributes:
        width: of lines, pixels.
        lit: shaded by lamps; lines are not.
        seen_in: ids of the view nodes that show it; all when empty.
        in_slices: drawn in slice views, projected onto their plane.
    """

    colour: Colour
    opacity: float = 1.0
    width: float = 1.0
    lit: bool = True
    seen_in: tuple[str, ...] = ()
    in_slices: bool = False


def show_model(
    scene: vtkMRMLScene, role: str, key: str, name: str, shape: vtkPolyData, look: Look, case_id: str = ""
) -> Any:
    """Show a shape as the model of a role and a key; gives the node."""
    node = shown(scene, role, key, name, case_id=case_id)
    node.SetAndObservePolyData(shape)
    node.SetSelectable(False)
    dress(node.GetDisplayNode(), look)
    return node


def dress(display: Any, look: Look) -> None:
    """Give a model's display node a look."""
    changing = display.StartModify()
    display.SetColor(*look.colour)
    display.SetOpacity(look.opacity)
    display.SetLineWidth(look.width)
    display.SetSliceIntersectionThickness(max(round(look.width), 1))
    display.SetSliceIntersectionOpacity(look.opacity)
    display.SetLighting(look.lit)
    display.SetBackfaceCulling(False)
    display.SetVisibility2D(look.in_slices)
    if look.in_slices:
        display.SetSliceDisplayModeToProjection()
    seen_in(display, look.seen_in)
    display.EndModify(changing)


def seen_in(display: Any, view_ids: Sequence[str]) -> None:
    """Show only in these views, in all when there are none."""
    if tuple(display.GetViewNodeIDs() or ()) == tuple(view_ids):
        return
    display.RemoveAllViewNodeIDs()
    for view_id in view_ids:
        display.AddViewNodeID(view_id)


def dress_markup(display: Any, colour: Colour, size: float, labels: bool = False) -> None:
    """A markup in one colour, whether picked or not, its points as large as ``size`` percent of the view."""
    changing = display.StartModify()
    display.SetColor(*colour)
    display.SetSelectedColor(*colour)
    display.SetActiveColor(*OUTLINES[0])
    display.SetUseGlyphScale(True)
    display.SetGlyphScale(size)
    display.SetPointLabelsVisibility(labels)
    display.SetPropertiesLabelVisibility(False)
    display.SetSnapMode(display.SnapModeUnconstrained)  # else a tip that is dragged in 3D jumps onto the bone's surface
    display.EndModify(changing)
