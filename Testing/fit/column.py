"""A lumbar column that bends, leans and turns (nothing symmetric), seen by two cameras."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.fit.initialise import CLICK_POINT_MM, rigid
from SpineDARTLib.geometry.camera import c_arm_camera, project
from SpineDARTLib.types import LEVELS, Seed, Vertebra, View

CENTRE_LEVEL = LEVELS.index("L3")


def vertebra_at(level, models) -> Vertebra:
    """The truth: lordosis of 9 degrees a level, a lean of 5 degrees, turned by 4."""
    place = LEVELS.index(level) - CENTRE_LEVEL
    x, y, z = np.deg2rad([-9.0 * place + 2.0, 5.0, 4.0])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    height = -35.0 * place
    centre = np.array([12.0 + 0.09 * height, -8.0 - 0.5 * 35.0 * 0.157 * place**2, 6.0 + height])
    return Vertebra(level, rigid(about_y @ about_z @ about_x, centre), 1.0, np.zeros(models[level].rank))


def views_of(size: int) -> tuple[View, View]:
    """AP from behind and a lateral, 82 degrees apart, empty pictures of 298 mm."""
    spacing = 298.0 / size
    views = []
    for name, primary, secondary in (("AP", -6.0, 4.0), ("LAT", 76.0, -3.0)):
        intrinsics, motion = c_arm_camera(primary, secondary, 1020.0, 530.0, (spacing, spacing), (size, size))
        views.append(View(name, np.zeros((size, size), np.float32), intrinsics, motion, (spacing, spacing), 1020.0))
    return tuple(views)


def clicks(vertebra: Vertebra, views) -> Seed:
    """Exact clicks on the body's centre."""
    centre = vertebra.place(CLICK_POINT_MM[None])
    return Seed(vertebra.level, {view.name: tuple(project(centre, view)[0]) for view in views})
