"""What the detector proposes, on the X-rays: told from clicks by more than colour, moved by hand, gone when fitted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.panel.found import Found, Proposal
from SpineDARTLib.panel.locating import proposals
from SpineDARTLib.panel.presenter import Presenter
from SpineDARTLib.scene import clicks, nodes, store
from SpineDARTLib.scene.follow import Follow
from SpineDARTLib.scene.layout import SLOTS, slice_node, slice_node_for
from SpineDARTLib.scene.proposals import levels_proposed, read_proposals, show_proposals
from SpineDARTLib.scene.xrays import on_detector, show_views
from SpineDARTLib.types import Case, Plan, Seed

from .test_follow import SESSION, become, following, planned, presenter  # noqa: F401

OUTLINES = ("found outline border", "found outline")


def found_in(case: Case, vertices: dict[str, np.ndarray] | None = None) -> Found:
    """L2 to L4 where they were clicked, L3's name in doubt; outlines of boxes, or around vertices."""
    made = {}
    for seed in case.seeds:
        level, outlines = seed.level, {}
        for view in case.views:
            place = np.array(seed.clicks_px[view.name])
            box = np.array([[-24, -18], [24, -18], [24, 18], [-24, 18], [-24, -18]], dtype=np.float64)
            if vertices:
                pixels = project(vertices[level], view)
                place, box = pixels.mean(axis=0), box * np.ptp(pixels, axis=0) / [48, 36]
            outlines[view.name] = (place + box,)
        share = 0.6 if level == "L3" else 0.9
        made[level] = Proposal(level, {level: share, "L1": 1 - share}, dict(seed.clicks_px), "", outlines)
    return Found(case.views, made)


def test_proposals_are_told_from_clicks_by_shape_and_words(scene: Any, sample: Case) -> None:
    show_views(scene, sample.id, sample.views)
    slice_node_for(scene, sample.views[0], SLOTS[0])
    view = sample.views[0]
    clicked = clicks.show_clicks(scene, view, {"L1": (200.0, 90.0)}, sample.id)
    node = show_proposals(scene, view, {"L2": (250.0, 160.0), "L3": (251.0, 220.0)}, frozenset({"L3"}), sample.id)
    assert [node.GetNthControlPointLabel(at) for at in range(2)] == ["(L2)", "(L3 ?)"]
    assert clicked.GetNthControlPointLabel(0) == "L1"
    assert node.GetDisplayNode().GetGlyphType() != clicked.GetDisplayNode().GetGlyphType()
    assert np.allclose(list(read_proposals(scene, view).values()), [(250.0, 160.0), (251.0, 220.0)], atol=1e-6)
    assert not node.GetNthControlPointLocked(0)
    show_proposals(scene, view, {}, case_id=sample.id)
    assert nodes.node_of(scene, "proposals", view.name) is None and read_proposals(scene, view) == {}


def test_a_proposal_that_is_dragged_becomes_a_click(
    scene: Any, presenter: Presenter, following: Follow, sample: Case  # noqa: F811
) -> None:  # fmt: skip
    from slicer import vtkMRMLMarkupsNode

    found = found_in(sample)
    become(presenter, case=sample, xrays=_xrays(sample), found=found)
    following.flush()
    view = sample.views[0]
    assert set(read_proposals(scene, view)) == {"L2", "L3", "L4"} and clicks.read_clicks(scene, view) == {}
    node = nodes.node_of(scene, "proposals", view.name)
    u, v = found.proposals["L3"].places_px[view.name]
    node.SetNthControlPointPosition(1, *on_detector(view, np.array([[u + 6.0, v]]))[0])
    node.InvokeEvent(vtkMRMLMarkupsNode.PointEndInteractionEvent)
    assert set(presenter.state.seeds) == {"L3"}
    assert np.allclose(presenter.state.seeds["L3"].clicks_px[view.name], (u + 6.0, v), atol=1e-6)
    following.flush()
    assert set(read_proposals(scene, view)) == {"L2", "L4"} and set(clicks.read_clicks(scene, view)) == {"L3"}
    assert set(read_proposals(scene, sample.views[1])) == {"L2", "L3", "L4"}
    assert levels_proposed(scene, view, "found outline") == ["L2", "L3", "L4"]


def _xrays(case: Case) -> tuple[Any, ...]:
    from SpineDARTLib.panel.casing import of_views

    return of_views(case).xrays


def test_dots_and_outlines_go_with_a_fit_and_hide_with_the_key(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan  # noqa: F811
) -> None:  # fmt: skip
    view = sample.views[0]
    become(presenter, found=found_in(sample))
    planned(presenter, replace(sample, seeds=()), plan)
    following.flush()
    assert set(read_proposals(scene, view)) == {"L2", "L4"}
    assert levels_proposed(scene, view, "found outline") == ["L2", "L4"]
    shown = [node for role in ("proposals", *OUTLINES) for node in nodes.nodes_of(scene, role)]
    assert len(shown) == 3 * len(sample.views)
    become(presenter, hidden=True)
    following.flush()
    assert not any(node.GetDisplayNode().GetVisibility() for node in shown)
    become(presenter, hidden=False)
    following.flush()
    assert all(node.GetDisplayNode().GetVisibility() for node in shown)
    become(presenter, session=SESSION)
    following.flush()
    assert not any(node.GetDisplayNode().GetVisibility() for node in shown)
    become(presenter, session=None, found=None)
    following.flush()
    assert not [node for role in ("proposals", *OUTLINES) for node in nodes.nodes_of(scene, role)]


def test_a_running_fit_takes_no_time_for_what_is_proposed(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, plan: Plan, monkeypatch: Any  # noqa: F811
) -> None:  # fmt: skip
    become(presenter, case=sample, xrays=_xrays(sample), found=found_in(sample), live_mm={"L3": plan.vertices_mm})
    following.flush()
    drawn: list[str] = []
    for name in ("show_proposals", "show_found_outlines"):
        monkeypatch.setattr(f"SpineDARTLib.scene.changes.{name}", lambda *_, name=name: drawn.append(name))
    become(presenter, live_mm={"L3": plan.vertices_mm + 1.0})
    following.flush()
    assert drawn == []
    assert levels_proposed(scene, sample.views[0], "found outline") == ["L2", "L4"]


def test_what_was_found_in_other_x_rays_is_not_shown(
    scene: Any, presenter: Presenter, following: Follow, sample: Case  # noqa: F811
) -> None:  # fmt: skip
    become(presenter, case=sample, xrays=_xrays(sample), found=found_in(sample))
    following.flush()
    other = replace(sample, views=(replace(sample.views[0]), *sample.views[1:]))
    become(presenter, case=other)
    following.flush()
    assert not nodes.nodes_of(scene, "proposals") and not nodes.nodes_of(scene, "found outline")


def test_a_saved_scene_brings_proposals_back_as_proposals(
    scene: Any, presenter: Presenter, following: Follow, sample: Case, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    view = sample.views[0]
    seeds = {"L4": Seed("L4", {view.name: (240.0, 300.0)})}
    become(presenter, case=replace(sample, seeds=()), xrays=_xrays(sample), found=found_in(sample), seeds=seeds)
    following.flush()
    before = read_proposals(scene, view)
    store.write_bundle(scene, tmp_path / "found.mrb")
    scene.Clear(False)
    become(presenter, case=None, xrays=(), found=None, seeds={})
    store.read_bundle(scene, tmp_path / "found.mrb")
    assert following.resume()
    _until_read(presenter)
    following.flush()
    after = read_proposals(scene, view)
    assert list(proposals(presenter.state)) == ["L2", "L3", "L4"] and set(presenter.state.seeds) == {"L4"}
    assert set(before) == set(after) == {"L2", "L3"}
    assert np.allclose([before[level] for level in before], [after[level] for level in before], atol=1e-3)
    assert json.loads(store.read_state(scene))["found"]["vertebrae"][0]["level"] == "L2"


def _until_read(presenter: Presenter) -> None:  # noqa: F811
    while presenter._background.busy:
        presenter._background.poll()


def test_a_picture_of_what_was_found(
    slicer: Any, sample: Case, tmp_path: Path, pictures: Path, presenter: Presenter, make_plan: Callable[..., Plan]  # noqa: F811
) -> None:  # fmt: skip
    """Dots, dashes and brackets are there to be seen: the picture with them differs from the one without."""
    scene = slicer.scene
    follow = Follow(scene, presenter)
    vertices = {level: make_plan(level).vertices_mm for level in ("L2", "L3", "L4")}
    seeds = {"L4": sample.seeds[2]}
    become(presenter, case=replace(sample, seeds=()), xrays=_xrays(sample), seeds=seeds)
    follow.flush()
    windows = [slicer.window(slice_node(scene, slot), (700, 600)) for slot in SLOTS]
    windows[0].save(tmp_path / "without.png")
    become(presenter, found=found_in(sample, vertices))
    follow.flush()
    for window, view in zip(windows, sample.views, strict=False):
        window.save(pictures / f"found_{view.name}.png")
    from PIL import Image

    both = [np.asarray(Image.open(file).convert("RGB"), dtype=int) for file in
            (tmp_path / "without.png", pictures / "found_AP.png")]  # fmt: skip
    blue = (both[1][..., 2] - both[1][..., 0] > 40) & (np.abs(both[1] - both[0]).max(axis=2) > 40)
    follow.stop()
    assert blue.sum() > 300
