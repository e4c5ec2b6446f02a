"""The scene in a few calls, in the order of the work: a case, a fit that runs, a plan, a cannula that is dragged, a
selection. Each may be called again: what stands there is changed, nothing is shown twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from slicer import vtkMRMLScene

from ..types import SIDES, Cannula, Case, Option, Plan, Seed, View
from .barrel import hide_barrel, show_barrel
from .cannulas import cannula_keys, hide_cannula, move_cannula, show_side
from .clear import clear_level
from .clicks import read_clicks, show_clicks
from .folders import tidy
from .highlight import highlight
from .layout import SLOTS, slice_node_for
from .nodes import finish, node_of
from .projections import (
    move_projected_cannula,
    remove_projected_cannula,
    show_outline,
    show_projected_option,
    show_shadow,
)
from .vertebrae import chosen, show_vertebra, update_vertebra
from .xrays import show_views


def show_case(scene: vtkMRMLScene, case: Case) -> None:
    """Show a case's X-rays, the first two in the two X-ray views, and where its vertebrae were clicked."""
    show_views(scene, case.id, case.views)
    for view, slot in zip(case.views, SLOTS, strict=False):
        slice_node_for(scene, view, slot)
    show_seeds(scene, case.views, case.seeds, case.id)
    tidy(scene, case.id)


def show_seeds(scene: vtkMRMLScene, views: Sequence[View], seeds: Sequence[Seed], case_id: str = "") -> None:
    """Show where vertebrae were clicked, on every view; those that have a plan show their outline instead."""
    for view in views:
        show_clicks(scene, view, waiting_clicks(scene, view, seeds), case_id)


def waiting_clicks(scene: vtkMRMLScene, view: View, seeds: Sequence[Seed]) -> dict[str, tuple[float, float]]:
    """Level to (u, v) of the clicks on a view whose vertebra is not shown yet."""
    waiting = [seed for seed in seeds if node_of(scene, "vertebra", seed.level) is None]
    return {seed.level: seed.clicks_px[view.name] for seed in waiting if view.name in seed.clicks_px}


def show_fitting(
    scene: vtkMRMLScene,
    views: Sequence[View],
    level: str,
    vertices_mm: np.ndarray,
    faces: np.ndarray,
    case_id: str = "",
) -> None:
    """Show where a fit that runs has a vertebra, (n, 3) RAS mm and (f, 3): in 3D and as outlines. No cannulas yet."""
    finish(fitting_steps(scene, views, level, vertices_mm, faces, case_id))


def fitting_steps(
    scene: vtkMRMLScene, views: Sequence[View], level: str, vertices_mm: np.ndarray, faces: np.ndarray, case_id: str
) -> Iterator[None]:
    """``show_fitting``, a few milliseconds a step."""
    for side in (side for known, side in cannula_keys(scene) if known == level):
        for view in views:
            remove_projected_cannula(scene, view, level, side)
            yield
        hide_cannula(scene, level, side)
        yield
    update_vertebra(scene, level, vertices_mm, faces, case_id)
    yield
    for view in views:
        show_outline(scene, view, level, vertices_mm, faces, case_id=case_id)
        yield


def show_plan(
    scene: vtkMRMLScene,
    views: Sequence[View],
    plan: Plan,
    options: Mapping[str, Option] | None = None,
    case_id: str = "",
) -> None:
    """Show a level's plan in all views.

    Args:
        options: side to the cannula as it stands in the review; the recommended ones when None.
    """
    level = plan.fitted.level
    finish(plan_steps(scene, views, plan, chosen(plan) if options is None else options, case_id))
    for view in views:
        clicks = {known: click for known, click in read_clicks(scene, view).items() if known != level}
        show_clicks(scene, view, clicks, case_id)


def plan_steps(
    scene: vtkMRMLScene,
    views: Sequence[View],
    plan: Plan,
    options: Mapping[str, Option],
    case_id: str,
    sides: Collection[str] | None = None,
) -> Iterator[None]:
    """``show_plan``, a few milliseconds a step, all but the clicks.

    Args:
        sides: only these sides' cannulas stand elsewhere than they are shown; all is new when None.
    """
    if plan.vertices_mm is None:
        clear_level(scene, plan.fitted.level)
        yield
        return
    for view in views if sides is None else ():
        show_shadow(scene, view, plan, case_id)
        yield
    show_vertebra(scene, plan, options, case_id)
    yield
    for side in SIDES if sides is None else sides:
        show_side(scene, plan, side, options.get(side), case_id)
        yield
        for view in views:
            show_projected_option(scene, view, plan, side, options.get(side), case_id)
            yield


def show_plans(
    scene: vtkMRMLScene,
    views: Sequence[View],
    plans: Sequence[Plan],
    options: Mapping[tuple[str, str], Option] | None = None,
    case_id: str = "",
) -> None:
    """Show several levels' plans, level and side to the cannula as it stands, and put all in their folders."""
    for plan in plans:
        level = plan.fitted.level
        mine = None if options is None else {side: one for (known, side), one in options.items() if known == level}
        show_plan(scene, views, plan, mine, case_id)
    tidy(scene, case_id)


def move(scene: vtkMRMLScene, views: Sequence[View], level: str, cannula: Cannula, breach: bool = False) -> None:
    """Move a cannula in all views while it is dragged: as fast as somebody drags."""
    move_cannula(scene, level, cannula, breach)
    for view in views:
        move_projected_cannula(scene, view, level, cannula, breach)


def select(
    scene: vtkMRMLScene, views: Sequence[View], plan: Plan, option: Option | None = None, case_id: str = ""
) -> None:
    """Turn all views to a vertebra, and the fourth down its cannula."""
    if plan.vertices_mm is None:
        hide_barrel(scene)
        return
    for view, slot in zip(views, SLOTS, strict=False):
        slice_node_for(scene, view, slot, plan.vertices_mm)
    highlight(scene, plan.fitted.level, option.cannula.side if option else "")
    if option is None:
        hide_barrel(scene)
    else:
        show_barrel(scene, plan, option, case_id=case_id)
