"""The report's pictures, as JPEG inside of the page: X-rays with what was fitted, and grading pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..geometry.refined import refined_case
from ..overlay import GROUND, draw_panel, region
from ..simulate.grading import GradingSettings, filled, grading_pictures, titled
from ..simulate.imaging.projection import Projector
from ..types import Case, Plan

WIDTH_INCHES, DPI, QUALITY = 8.0, 190, 88
MOST_INCHES = 4.4
"""Height above which a row of X-rays is made narrower, so that a vertebra keeps to its page."""
GRADING = GradingSettings(size_px=288, spacing_mm=0.8)


def xrays(case: Case, plans: Sequence[Plan]) -> str:
    """All views side by side with outlines, pedicles and cannulas of these vertebrae, as a data URI."""
    case = refined_case(case, plans)
    levels = {plan.fitted.level for plan in plans}
    shown = replace(case, seeds=tuple(seed for seed in case.seeds if seed.level in levels))
    boxes = [region(view, shown, plans) for view in case.views]
    gap, title = 0.08, 0.26
    height = min((WIDTH_INCHES - gap * (len(boxes) - 1)) / sum(box.aspect for box in boxes), MOST_INCHES)
    width = height * sum(box.aspect for box in boxes) + gap * (len(boxes) - 1)
    figure = Figure(figsize=(width, height + title), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    x = 0.0
    for view, box in zip(case.views, boxes, strict=True):
        panel = height * box.aspect
        axes = figure.add_axes((x / width, 0.0, panel / width, height / (height + title)))
        draw_panel(axes, view, box, shown, plans)
        top = 1 - 0.18 / (height + title)
        figure.text((x + 0.06) / width, top, view.name, color="white", fontsize=10, weight="bold")
        x += panel + gap
    stream = BytesIO()
    figure.savefig(stream, format="jpeg", facecolor=GROUND, pil_kwargs={"quality": QUALITY})
    return _uri(stream)


def grading(plans: Sequence[Plan], settings: GradingSettings = GRADING) -> dict[str, str]:
    """Level to its AP and lateral grading pictures side by side, its neighbours dimmed; without those that have no
    surface."""
    import torch

    shown = {
        plan.fitted.level: plan
        for plan in plans
        if plan.vertices_mm is not None and plan.faces is not None and plan.fitted.vertebra is not None
    }

    def bone(level: str) -> Projector:
        vertices, faces = shown[level].vertices_mm, shown[level].faces
        assert vertices is not None and faces is not None
        return filled(level, vertices, faces, settings)

    # A vertebra a core: bricks are too small for all cores to share each of them.
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        bones = dict(zip(shown, pool.map(bone, shown), strict=True))
        drawn = pool.map(lambda level: _graded(shown[level], bones, settings), shown)
        return dict(zip(shown, drawn, strict=True))


def _graded(plan: Plan, bones: Mapping[str, Projector], settings: GradingSettings) -> str:
    assert plan.fitted.vertebra is not None
    level = plan.fitted.level
    others = [bone for other, bone in bones.items() if other != level]
    drawn = grading_pictures(bones[level], plan.cannulas, plan.fitted.vertebra.pose, others, settings)
    pictures = [titled(picture, f"{level}  {name.upper()}", name, settings) for name, picture in drawn.items()]
    stream = BytesIO()
    Image.fromarray(np.hstack(pictures)).save(stream, format="JPEG", quality=QUALITY)
    return _uri(stream)


def _uri(stream: BytesIO) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
