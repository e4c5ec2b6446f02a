"""Going on from a scene that was loaded, whole or damaged: what can be read is used, what cannot is named.

review kept in the scene -> the panel          else: X-rays, plans and lines of the scene -> a review made of them
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slicer import vtkMRMLScene

from ..errors import InputError
from ..io.plan import write_plan
from ..panel.keeping import FORMAT
from ..panel.packing import packed
from ..panel.presenter import Presenter
from ..review.files import review_to_text
from ..review.record import Review
from ..types import Case, Plan, Seed, View
from .cannulas import read_cannulas
from .clicks import read_clicks
from .nodes import CASE, DATA, forget, key_of, nodes_of
from .store import read_plan, read_state
from .xrays import read_view, view_nodes

LOST = "The scene's record of the review cannot be read: grades and comments are lost."


def resume(scene: vtkMRMLScene, presenter: Presenter) -> bool:
    """Let the panel go on from what a scene has; False where it has nothing of ours."""
    if not nodes_of(scene):
        return False
    faults = _drop_damaged(scene)
    views = _views(scene, faults)
    text = read_state(scene)
    if text or not views:
        presenter.restore(text, views, faults)  # which says so where there is nothing to go on from
    if presenter.state.case is None and views:
        faults.append(LOST)
        presenter.restore(_made_of(scene, views, faults), views, faults)
    return presenter.state.case is not None


def _drop_damaged(scene: vtkMRMLScene) -> list[str]:
    """Take out nodes of ours that do not know any more what they show; the panel shows them anew where it can."""
    damaged = [node for node in nodes_of(scene) if not _is_whole(node.GetAttribute(DATA))]
    faults = [f"{node.GetName()} is damaged." for node in damaged]
    for node in damaged:
        forget(scene, node)
    return faults


def _is_whole(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except json.JSONDecodeError:
        return False


def _views(scene: vtkMRMLScene, faults: list[str]) -> tuple[View, ...]:
    """The X-rays that are whole; of the others, what is wrong."""
    found = []
    for volume in view_nodes(scene):
        try:
            found.append(read_view(volume))
        except InputError as error:
            faults.append(f"{volume.GetName()} cannot be shown: it has {error.value}.")
            forget(scene, volume)
    return tuple(found)


def _made_of(scene: vtkMRMLScene, views: tuple[View, ...], faults: list[str]) -> dict[str, Any]:
    """What ``Presenter.save`` would have given, as far as nodes other than the review's have it."""
    case_id = next((node.GetAttribute(CASE) for node in view_nodes(scene)), None) or "scene"
    seeds: dict[str, dict[str, tuple[float, float]]] = {}
    for view in views:
        for level, pixel in read_clicks(scene, view).items():
            seeds.setdefault(level, {})[view.name] = pixel
    plans = _plans(scene, faults)
    case = Case(case_id, views, tuple(Seed(level, clicks) for level, clicks in seeds.items()))
    return {
        "format": FORMAT,
        "case_id": case_id,
        "xrays": [],
        "seeds": {level: {name: list(pixel) for name, pixel in clicks.items()} for level, clicks in seeds.items()},
        "level": next(iter((*plans, *seeds)), "L3"),
        "gauge": 11,
        "rater": "",
        "settings": {},
        "selected": None,
        "review": _review(scene, case_id, plans) if plans else None,
        "session": None,
        "fits": [{"number": 1, "settings": {}, "archive": _archive(case, plans)}] if plans else [],
        "shown": dict.fromkeys(plans, 1),
    }


def _plans(scene: vtkMRMLScene, faults: list[str]) -> dict[str, Plan]:
    found: dict[str, Plan] = {}
    for node in nodes_of(scene, "plan"):
        try:
            found[key_of(node)] = read_plan(node.GetText() or "", key_of(node))
        except InputError:
            faults.append(f"{key_of(node)}'s plan cannot be read; fit it again.")
    return found


def _review(scene: vtkMRMLScene, case_id: str, plans: dict[str, Plan]) -> dict[str, Any]:
    """A record that begins with the plans, and has every cannula where its line stands."""
    planned = {(level, one.side): one for level, plan in plans.items() for one in plan.cannulas}
    review = Review(case_id, planned)
    for key, cannula in read_cannulas(scene).items():
        if key in planned:
            review = review.adjusted(cannula, key[0], "as the scene had it")
    return json.loads(review_to_text(review))


def _archive(case: Case, plans: dict[str, Plan]) -> str:
    with TemporaryDirectory(prefix="spinedart-") as folder:
        write_plan(Path(folder) / "plan", case, list(plans.values()))
        return packed(Path(folder) / "plan")
