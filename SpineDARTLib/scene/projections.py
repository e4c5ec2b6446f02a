"""What is seen on the X-rays: outlines of vertebrae and needles where the beam throws them, never filled.

    RAS mm -> pixels of the view -> back to RAS mm in the detector's plane, where that view's slice lies

Slice views project along their own normal, the beam does not: so nothing in space is shown in them, only its shadow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull
from slicer import vtkMRMLScene
from slicer.util import NodeModify, updateMarkupsControlPointsFromArray

from ..geometry.camera import project, rays
from ..types import SIDES, Cannula, Option, Plan, View
from . import shapes
from .cannulas import colour_while_moving, place_line, smooth_path
from .colours import EPIPOLAR, LANDMARK, OUTLINES, Colour, cannula_colour, turn
from .layout import SLOTS, slice_node, slot_of, view_node
from .models import Look, dress_markup, seen_in, show_model
from .nodes import joined, keep, kept, node_of, nodes_of, remove, shown
from .silhouettes import silhouette
from .xrays import on_detector

OUTLINE_WIDTH = 2.0
BORDER, BORDER_WIDTH, BORDER_OPACITY = (0.02, 0.03, 0.05), 4.0, 0.7
DASH_MM, GAP_MM = 2.4, 1.8
"""On the detector, of pedicle rims; and of outlines that are not to be relied on."""
FACING = 0.5
"""Rims are drawn where a view looks through them at less than 60 degrees."""
CROSS_MM = 1.3
"""Half of a landmark's cross on the detector."""
SHAFT_MM = 14.0
"""How much of the needle is outlined behind its entry: more would cross the neighbours."""

BEFORE_MM = 2.0
"""How far before the detector's plane they lie, so that 3D shows them over the X-ray."""

OVERLAYS = (
    "outline border", "outline", "marks", "band border", "band", "projected cannula", "names",
    "epipolar line border", "epipolar line", "clicks",
    "proposals", "found outline border", "found outline",
)  # fmt: skip


def show_projections(
    scene: vtkMRMLScene, view: View, plan: Plan, options: Mapping[str, Option], case_id: str = ""
) -> None:
    """Show on one X-ray a level's outline, pedicle rims, landmarks, name and cannulas (side to option)."""
    show_shadow(scene, view, plan, case_id)
    for side in SIDES:
        show_projected_option(scene, view, plan, side, options.get(side), case_id)


def show_shadow(scene: vtkMRMLScene, view: View, plan: Plan, case_id: str = "") -> None:
    """Show on one X-ray a level's outline, pedicle rims, landmarks and name; nothing of a plan without a surface."""
    level = plan.fitted.level
    if plan.vertices_mm is None or plan.faces is None:
        remove_projections(scene, view, level)
        return
    rims = tuple(plan.pedicle_rims_mm.values())
    show_outline(scene, view, level, plan.vertices_mm, plan.faces, rims, plan.fitted.status.usable, case_id)
    _show_marks(scene, view, level, list(plan.landmarks_mm.values()), case_id)
    _show_name(scene, view, level, plan, case_id)


def show_projected_option(
    scene: vtkMRMLScene, view: View, plan: Plan, side: str, option: Option | None, case_id: str = ""
) -> None:
    """Show on one X-ray a level's cannula of one side as it stands; none when None."""
    level, usable = plan.fitted.level, plan.fitted.status.usable
    if option is None or plan.vertices_mm is None:
        remove_projected_cannula(scene, view, level, side)
        return
    colour, breach = cannula_colour(side, option.safety, usable), option.safety.clearance_mm < 0.0
    show_projected_cannula(scene, view, level, option.cannula, colour, breach, case_id)


def show_outline(
    scene: vtkMRMLScene,
    view: View,
    level: str,
    vertices_mm: np.ndarray,
    faces: np.ndarray,
    rims_mm: Sequence[np.ndarray] = (),
    usable: bool = True,
    case_id: str = "",
) -> Any:
    """Show a surface's outline on a view, (n, 3) RAS mm and (f, 3), with dashed pedicle rims; gives the model.

    Fast enough to follow a fit. The outline of a fit that is not usable is dashed.
    """
    loops = [on_view(view, loop) for loop in silhouette(project(vertices_mm, view), faces)]
    drawn = loops if usable else [dash for loop in loops for dash in shapes.dashed(loop, 2 * DASH_MM, 2 * GAP_MM)]
    for rim in (rim for rim in rims_mm if facing(rim, view) > FACING):
        ring = on_view(view, project(np.vstack([rim, rim[:1]]), view))
        drawn = drawn + shapes.dashed(ring, DASH_MM, GAP_MM)
    name = f"{level} outline on {view.name}"
    return _show_lines(
        scene, view, "outline", joined(view.name, level), name, shapes.lines(drawn), OUTLINES[turn(level)], case_id
    )


def _show_lines(
    scene: vtkMRMLScene, view: View, role: str, key: str, name: str, shape: Any, colour: Colour, case_id: str
) -> Any:
    """Show lines on a view over a dark border, which is seen on bone and on air alike; gives the model of the lines."""
    seen = _seen_by(scene, view)
    border = Look(BORDER, BORDER_OPACITY, BORDER_WIDTH, False, _xray_only(scene, view), True)
    show_model(scene, f"{role} border", key, f"{name}, border", shape, border, case_id)
    return show_model(scene, role, key, name, shape, Look(colour, 1.0, OUTLINE_WIDTH, False, seen, True), case_id)


def facing(rim_mm: np.ndarray, view: View) -> float:
    """How squarely a view looks through a ring (r, 3): 1 along its axis, 0 from its side, where it is no oval."""
    arms = rim_mm - rim_mm.mean(axis=0)
    axis = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0)
    return float(abs(axis @ view.axis) / max(float(np.linalg.norm(axis)), 1e-9))


def on_view(view: View, pixels: np.ndarray) -> np.ndarray:
    """(n, 2) pixels to (n, 3) RAS mm just before the detector: seen over the X-ray from the source's side in 3D."""
    return on_detector(view, pixels) - BEFORE_MM * view.axis


def _seen_by(scene: vtkMRMLScene, view: View) -> tuple[str, ...]:
    """The ids of the views that a projection is seen in: its X-ray's, and 3D, where it lies on the X-ray."""
    slot = slot_of(scene, view.name)
    return (*((slice_node(scene, slot).GetID(),) if slot else ()), view_node(scene).GetID())


def _xray_only(scene: vtkMRMLScene, view: View) -> tuple[str, ...]:
    """The id of the view that shows an X-ray; of none where none does."""
    return _seen_by(scene, view)[:-1] or ("none",)


def _show_marks(scene: vtkMRMLScene, view: View, level: str, points: Sequence[np.ndarray], case_id: str) -> None:
    """A small upright cross at every landmark."""
    finite = np.array([point for point in points if np.isfinite(point).all()]).reshape(-1, 3)
    centres = on_view(view, project(finite, view)) if len(finite) else finite
    arms = CROSS_MM * view.world_to_camera[:2, :3]
    crosses = [np.stack([centre - arm, centre + arm]) for centre in centres for arm in arms]
    look = Look(LANDMARK, 0.8, 1.0, False, _seen_by(scene, view), True)
    name = f"{level} landmarks on {view.name}"
    show_model(scene, "marks", joined(view.name, level), name, shapes.lines(crosses), look, case_id)


def _show_name(scene: vtkMRMLScene, view: View, level: str, plan: Plan, case_id: str) -> None:
    """The level's name in the middle of the body, where there is nothing else to see."""
    assert plan.vertices_mm is not None
    pixels = project(plan.vertices_mm, view)
    edge = np.array([pixels[:, 0].max() + 6.0 / view.pixel_spacing_mm[1], pixels[:, 1].mean()])
    seen = _xray_only(scene, view)
    name = f"{level} name on {view.name}"
    node = shown(scene, "names", joined(view.name, level), name, case_id=case_id, seen_in=seen)
    with NodeModify(node.GetDisplayNode()) as display, NodeModify(node):
        updateMarkupsControlPointsFromArray(node, on_view(view, edge[None]) + BEFORE_MM * view.axis)
        node.SetNthControlPointLabel(0, level if plan.fitted.status.usable else f"{level} ?")
        node.SetLocked(True)
        dress_markup(display, OUTLINES[turn(level)], 0.1, labels=True)
        display.SetTextScale(4.0)
        seen_in(display, seen)


def show_projected_cannula(
    scene: vtkMRMLScene,
    view: View,
    level: str,
    cannula: Cannula,
    colour: Colour,
    breach: bool = False,
    case_id: str = "",
) -> Any:
    """Show a cannula on a view: its outline at its true thickness, and a line to drag its ends by; gives the line."""
    key = joined(view.name, level, cannula.side)
    name = f"{level} {cannula.side} on {view.name}"
    _show_lines(scene, view, "band", key, f"{name}, thickness", _band(view, cannula), colour, case_id)
    class_name = "vtkMRMLMarkupsLineNode" if cannula.via_mm is None else "vtkMRMLMarkupsCurveNode"
    seen = _xray_only(scene, view)
    line = shown(scene, "projected cannula", key, name, class_name, case_id, seen)
    with NodeModify(line.GetDisplayNode()) as display, NodeModify(line):
        keep(line, {"view": view.name, "level": level, "side": cannula.side})
        place_line(line, _path_on(view, cannula), _words(cannula, breach))
        dress_markup(display, colour, 1.2, labels=True)
        display.SetTextScale(3.4)
        display.SetCurveLineSizeMode(display.UseLineThickness)
        display.SetLineThickness(0.12)
        seen_in(display, seen)
    return line


def _words(cannula: Cannula, breach: bool) -> tuple[str, str]:
    """What stands at the entry and at the tip: the side, and a breach in words. The left one's at its tip, and both a
    line above the needles, so that they can be read where one lies behind the other."""
    words = f"{cannula.side}{' breach' if breach else ''}\n "
    return ("", words) if cannula.side == "left" else (words, "")


def _path_on(view: View, cannula: Cannula) -> np.ndarray:
    return on_view(view, project(cannula.path_mm, view)) + BEFORE_MM * view.axis


def _band(view: View, cannula: Cannula) -> Any:
    """The outline of the needle's shadow."""
    needle = shapes.tube(smooth_path(shapes.extended(cannula.path_mm, SHAFT_MM)), cannula.diameter_mm / 2)
    pixels = project(shapes.points_of(needle), view)
    if not np.isfinite(pixels).all():
        return shapes.lines([])
    if cannula.via_mm is not None:
        return shapes.lines([on_view(view, loop) for loop in silhouette(pixels, shapes.faces_of(needle))])
    corners = ConvexHull(pixels).vertices  # a straight tube's shadow has no hollow
    return shapes.lines([on_view(view, pixels[[*corners, corners[0]]])])


def move_projected_cannula(scene: vtkMRMLScene, view: View, level: str, cannula: Cannula, breach: bool = False) -> None:
    """Move a shown cannula on a view while it is dragged: nothing else of it changes."""
    key = joined(view.name, level, cannula.side)
    line, band, border = (node_of(scene, role, key) for role in ("projected cannula", "band", "band border"))
    if line is None or band is None or border is None:
        return
    with NodeModify(line):
        place_line(line, _path_on(view, cannula), _words(cannula, breach))
    shape = _band(view, cannula)
    band.SetAndObservePolyData(shape)
    border.SetAndObservePolyData(shape)
    colour = colour_while_moving(cannula.side, breach)
    line.GetDisplayNode().SetSelectedColor(*colour)
    band.GetDisplayNode().SetColor(*colour)


def drag_in_view(point_mm: np.ndarray, view: View, u: float, v: float) -> np.ndarray:
    """(3,) RAS mm: where a point moves when its shadow is dragged to pixel (u, v), in the plane through it that is
    parallel to the detector."""
    source, directions = rays(np.array([[u, v]], dtype=np.float64), view)
    depth = (point_mm - source) @ view.axis
    return source + depth / float(directions[0] @ view.axis) * directions[0]


def pixel_of(view: View, on_plane_mm: np.ndarray) -> tuple[float, float]:
    """(u, v) of a point (3,) on the detector's plane, as a click in that view's slice gives it."""
    u, v = project(np.asarray(on_plane_mm, dtype=np.float64)[None], view)[0]
    return float(u), float(v)


def show_epipolar_line(scene: vtkMRMLScene, view: View, ends_px: np.ndarray, case_id: str = "") -> None:
    """Show on a view where a point that was clicked in another must lie: the line between two pixels, (2, 2) u, v."""
    dashes = shapes.dashed(on_view(view, ends_px), 3 * DASH_MM, 2 * GAP_MM)
    name = f"Where it lies on {view.name}"
    _show_lines(scene, view, "epipolar line", view.name, name, shapes.lines(dashes), EPIPOLAR, case_id)


def hide_epipolar_lines(scene: vtkMRMLScene) -> None:
    """No point is being looked for any more."""
    for role in ("epipolar line border", "epipolar line"):
        remove(scene, role)


def remove_projections(scene: vtkMRMLScene, view: View, level: str) -> None:
    """Take all that a level throws on a view out of the scene."""
    for role in ("outline border", "outline", "marks", "names"):
        remove(scene, role, joined(view.name, level))
    for side in ("left", "right"):
        remove_projected_cannula(scene, view, level, side)


def remove_projected_cannula(scene: vtkMRMLScene, view: View, level: str, side: str) -> None:
    """Take a cannula off a view."""
    for role in ("band border", "band", "projected cannula"):
        remove(scene, role, joined(view.name, level, side))


def hide_overlays(scene: vtkMRMLScene, hidden: bool) -> None:
    """Hide all that lies over the X-rays, or show it again: a key held."""
    for role in OVERLAYS:
        for node in nodes_of(scene, role):
            node.GetDisplayNode().SetVisibility(not hidden)


def slots_to_views(scene: vtkMRMLScene) -> dict[str, str]:
    """Slot to the name of the view that it shows."""
    found = {kept(volume).get("slot", ""): kept(volume)["name"] for volume in nodes_of(scene, "view")}
    return {slot: found[slot] for slot in SLOTS if slot in found}
