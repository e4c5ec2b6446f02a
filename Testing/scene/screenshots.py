"""The four views of a plan as one picture, as the layout has them: ``python -m Testing.scene.screenshots PLAN OUT``.

Drawn off screen by Slicer's own displayable managers; wants slicer-core, not Slicer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import vtk
from vtkmodules.util.numpy_support import numpy_to_vtk

from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.plan import read_plan
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.scene import layout, show, vertebrae
from SpineDARTLib.types import Case, Plan

from .rendering import Slicer, Window

SIZE = (960, 720)
GAP = 4


def four_views(slicer: Slicer, case: Case, plans: tuple[Plan, ...], level: str, side: str, path: Path) -> None:
    """Show a case with its plans, one cannula of them selected, and save all four views."""
    show.show_case(slicer.scene, case)
    show.show_plans(slicer.scene, case.views, plans, case_id=case.id)
    windows = [slicer.window(layout.slice_node(slicer.scene, tag), SIZE) for tag in (*layout.SLOTS, layout.BARREL)]
    space = slicer.window(layout.view_node(slicer.scene), SIZE)
    plan = next(plan for plan in plans if plan.fitted.level == level)
    show.select(slicer.scene, case.views, plan, vertebrae.chosen(plan)[side], case.id)
    look_at(space, plans)
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    first, second, barrel = (window.save(path) for window in windows)
    write(path, tiled([[first, second], [space.save(path), barrel]]))
    for view, slot in zip(case.views, layout.SLOTS, strict=False):
        layout.slice_node_for(slicer.scene, view, slot)
    look_at(space, plans, away_mm=2300.0, from_front=True)
    space.save(folder / f"{path.stem}_beams.png")


def look_at(window: Window, plans: tuple[Plan, ...], away_mm: float = 420.0, from_front: bool = False) -> None:
    """From behind, above and the left, as an operator stands; or from the sources' side."""
    centre = np.concatenate([plan.vertices_mm for plan in plans if plan.vertices_mm is not None]).mean(axis=0)
    way = np.array([-0.65, 0.6, 0.42] if from_front else [-0.45, -0.82, 0.32])
    window.look(centre + away_mm * way / np.linalg.norm(way), centre, 24.0)


def tiled(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Pictures (height, width, 3) of one size side by side and below each other, a dark gap between."""
    height, width = rows[0][0].shape[:2]
    whole = np.full(((height + GAP) * len(rows) - GAP, (width + GAP) * len(rows[0]) - GAP, 3), 30, dtype=np.uint8)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            top, left = row * (height + GAP), column * (width + GAP)
            whole[top : top + height, left : left + width] = picture[..., :3]
    return whole


def write(path: Path, picture: np.ndarray) -> None:
    """(height, width, 3) bytes as PNG."""
    image, writer = vtk.vtkImageData(), vtk.vtkPNGWriter()
    image.SetDimensions(picture.shape[1], picture.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, 3), deep=True))
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    writer.Write()


def main(plan_folder: str, out: str) -> None:
    """Of the sample case and a plan of it."""
    case, saved = read_case(resource_folder("sample")), read_plan(plan_folder)
    slicer = Slicer()
    level = saved.plans[len(saved.plans) // 2].fitted.level
    four_views(slicer, case, saved.plans, level, "left", Path(out) / "views.png")
    slicer.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
