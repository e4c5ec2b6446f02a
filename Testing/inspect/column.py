"""A column of mean lumbar vertebrae on two X-rays of their shadows: a perfect fit, to be spoiled by tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from SpineDARTLib.atlas.files import load_model
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.geometry.camera import c_arm_camera, project
from SpineDARTLib.types import Case, FittedVertebra, Plan, Quality, Seed, Status, Vertebra, View

LEVELS = ("L2", "L3", "L4")
SPACING_MM = 36.0
SIDE = 320


@cache
def model() -> ShapeModel:
    return load_model("L3")


def plan_of(level: str, height_mm: float, **vertebra) -> Plan:
    """A vertebra's plan without cannulas, its body's centre at this height."""
    pose = np.eye(4)
    pose[:3, 3] = 3.0, -2.0, height_mm
    start = Vertebra(level, pose, 1.0, np.zeros(5))
    fitted = FittedVertebra(level, Status.CONVERGED, f"{level}: settled.", start, start, good())
    return with_vertebra(Plan(fitted), replace(start, **vertebra))


def good() -> Quality:
    return Quality({"AP": 2.0, "LAT": 2.0}, {}, 1.0, 2.0, 140, 6.0, {"AP": 0.8, "LAT": 0.75}, 0.02)


def with_vertebra(plan: Plan, vertebra: Vertebra) -> Plan:
    """The plan with another fit, its surface and landmarks."""
    surface = vertebra.place(model().instance(vertebra.level, vertebra.coefficients))
    landmarks = {name: anchor.on(surface) for name, anchor in model().landmarks.items()}
    fitted = replace(plan.fitted, vertebra=vertebra)
    return replace(plan, fitted=fitted, vertices_mm=surface, faces=model().faces, landmarks_mm=landmarks)


def fit_of(plan: Plan) -> Vertebra:
    """Its vertebra, which is there."""
    assert plan.fitted.vertebra is not None
    return plan.fitted.vertebra


def column() -> tuple[Plan, ...]:
    return tuple(plan_of(level, -SPACING_MM * place) for place, level in enumerate(LEVELS))


def shadow_case(plans: tuple[Plan, ...], angles_deg: tuple[float, float] = (0.0, 90.0)) -> Case:
    """Two views of their shadows, and clicks on the bodies' centres."""
    views = tuple(_shadow(name, angle, plans) for name, angle in zip(("AP", "LAT"), angles_deg, strict=True))
    return Case("column", views, tuple(seed_of(plan, views) for plan in plans))


def seed_of(plan: Plan, views: tuple[View, ...]) -> Seed:
    centre = fit_of(plan).pose[None, :3, 3]
    clicks = {view.name: (float(u), float(v)) for view in views for u, v in project(centre, view)}
    return Seed(plan.fitted.level, clicks)


def _shadow(name: str, primary_deg: float, plans: tuple[Plan, ...]) -> View:
    camera = c_arm_camera(primary_deg, 0.0, 1020.0, 700.0, (0.8, 0.8), (SIDE, SIDE), (0.0, -10.0, -36.0))
    view = View(name, np.zeros((SIDE, SIDE), dtype=np.float32), *camera, (0.8, 0.8), 1020.0)
    picture = np.zeros((SIDE, SIDE), dtype=np.float32)
    for plan in plans:
        canvas = Image.new("L", (SIDE, SIDE))
        for triangle in project(plan.vertices_mm, view)[plan.faces].reshape(-1, 6):  # type: ignore[arg-type]
            ImageDraw.Draw(canvas).polygon(triangle.tolist(), fill=1)
        picture += np.asarray(canvas, dtype=np.float32)
    return replace(view, image=picture)
