"""The scene drawn by Slicer's own displayable managers: there is something to see, in the right place and colour.

Set SPINEDART_PICTURES to a folder to look at the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from SpineDARTLib.geometry.camera import project
from SpineDARTLib.scene import layout, nodes, show, vertebrae
from SpineDARTLib.types import Case, Plan


@pytest.fixture
def drawn(slicer: Any, sample: Case, make_plan: Callable[..., Plan]) -> Any:
    """Two levels, one with a breach on its left."""
    plans = make_plan("L3"), make_plan("L4", -0.7)
    show.show_case(slicer.scene, sample)
    show.show_plans(slicer.scene, sample.views, plans, case_id=sample.id)
    show.select(slicer.scene, sample.views, plans[0], vertebrae.chosen(plans[0])["left"], sample.id)
    return slicer


def _like(picture: np.ndarray, colour: tuple[float, float, float], within: float = 60.0) -> np.ndarray:
    """(height, width) which pixels have about a colour."""
    return np.linalg.norm(picture[..., :3].astype(float) - 255 * np.array(colour), axis=-1) < within


def test_xrays_show_outlines_where_they_belong(drawn: Any, sample: Case, plan: Plan, pictures: Path) -> None:
    from SpineDARTLib.scene.colours import OUTLINES, SIDE_COLOURS, turn

    for view, slot in zip(sample.views, layout.SLOTS, strict=True):
        node = layout.slice_node(drawn.scene, slot)
        window = drawn.window(node)
        layout.slice_node_for(drawn.scene, view, slot, plan.vertices_mm)
        window.save(pictures / f"xray_{view.name}.png")
        for node_of_names in nodes.nodes_of(drawn.scene, "names"):
            node_of_names.GetDisplayNode().SetVisibility(False)  # in the outline's colour too
        picture = window.save(pictures / f"xray_{view.name}_nameless.png")
        outline = _like(picture, OUTLINES[turn("L3")])
        assert 300 < outline.sum() < 20000
        # The outline is as wide in the picture as the shadow is in the view.
        per_pixel = node.GetFieldOfView()[0] / picture.shape[1]
        columns = np.flatnonzero(outline.sum(axis=0))
        shadow = np.ptp(project(plan.vertices_mm, view)[:, 0]) * view.pixel_spacing_mm[1]
        assert np.ptp(columns) * per_pixel == pytest.approx(shadow, rel=0.06)
        for side in ("left", "right"):
            assert _like(picture, SIDE_COLOURS[side]).sum() > 100


def test_space_shows_bone_needles_and_the_breach(drawn: Any, sample: Case, plan: Plan, pictures: Path) -> None:
    window = drawn.window(layout.view_node(drawn.scene))
    centre = plan.vertices_mm.mean(axis=0)
    window.look(centre + [-180.0, -330.0, 130.0], centre, 22.0)
    picture = window.save(pictures / "space.png")
    assert picture[..., :3].std() > 20
    assert _like(picture, (0.9, 0.1, 0.1), 90.0).sum() > 50  # the left needle of L4
    for view, slot in zip(sample.views, layout.SLOTS, strict=True):
        drawn.window(layout.slice_node(drawn.scene, slot))  # which draws it in space too
        layout.slice_node_for(drawn.scene, view)
    window.look(centre + [-1500.0, 1300.0, 900.0], centre, 30.0)
    far = window.save(pictures / "space_far.png")
    assert (far[..., :3].max(axis=-1) > 200).sum() > 5000  # the X-rays in their places


def test_barrel_shows_the_needle_in_the_bone(drawn: Any, pictures: Path) -> None:
    from SpineDARTLib.scene.colours import OUTLINES, SIDE_COLOURS, turn

    window = drawn.window(layout.slice_node(drawn.scene, layout.BARREL))
    picture = window.save(pictures / "barrel.png")
    ring = np.argwhere(_like(picture, SIDE_COLOURS["left"]))
    assert len(ring) > 200
    np.testing.assert_allclose(ring.mean(axis=0), np.array(picture.shape[:2]) / 2, atol=12)
    assert _like(picture, OUTLINES[turn("L3")]).sum() > 300
