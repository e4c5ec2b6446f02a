"""A simulated case on disk: X-rays, geometry, noisy clicks and the truth, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.camera import c_arm_camera, project
from ..io.attenuation import to_attenuation
from ..io.case import FILE_NAME, fill_case
from ..io.files import new_folder
from ..io.truth import Truth, fill_truth
from ..types import Case, Seed, View
from .detector import Detector, expose
from .drr import line_integrals
from .phantom import Phantom


@dataclass(frozen=True)
class Pose:
    """One exposure: where the C-arm stands (DICOM's angles) and how the detector writes."""

    name: str
    primary_deg: float
    secondary_deg: float
    polarity: str = "bone-dark"


@dataclass(frozen=True)
class Arm:
    """A mobile C-arm (clinical.md's family): distances in mm, a square detector."""

    source_to_detector_mm: float = 1020.0
    source_to_isocentre_mm: float = 530.0
    pixel_spacing_mm: float = 0.582
    size_px: int = 512


def aim(arm: Arm, pose: Pose, isocentre_mm: np.ndarray) -> View:
    """The view that the arm has in a pose; its image is empty."""
    spacing, shape = (arm.pixel_spacing_mm, arm.pixel_spacing_mm), (arm.size_px, arm.size_px)
    right, anterior, superior = (float(value) for value in isocentre_mm)
    intrinsics, world_to_camera = c_arm_camera(
        pose.primary_deg,
        pose.secondary_deg,
        arm.source_to_detector_mm,
        arm.source_to_isocentre_mm,
        spacing,
        shape,
        (right, anterior, superior),
    )
    blank = np.zeros(shape, dtype=np.float32)
    return View(pose.name, blank, intrinsics, world_to_camera, spacing, arm.source_to_detector_mm, pose.polarity)


def write_simulated(
    folder: Path | str,
    identifier: str,
    phantom: Phantom,
    views: Sequence[View],
    levels: Sequence[str],
    generator: np.random.Generator,
    click_px: float = 4.0,
) -> Case:
    """Take the X-rays of a phantom and write case and ``truth/``.

    Args:
        folder: new, empty, or an earlier case.
        views: from ``aim``.
        levels: asked for, with a click in each view and a truth.
        click_px: standard deviation of a click from the body's projected centre.

    Raises:
        InputError: the folder cannot be written.
    """
    stored = {}
    for view in views:
        attenuation = line_integrals(phantom.volumes, view, (view.image.shape[0], view.image.shape[1]))
        stored[view.name] = expose(attenuation, Detector(polarity=view.polarity), generator)
    seeds = tuple(Seed(level, _clicks(phantom, level, views, generator, click_px)) for level in levels)
    taken = tuple(_with_image(view, stored[view.name]) for view in views)
    case = Case(identifier, taken, seeds, Path(folder))
    truth = Truth(
        identifier,
        {level: phantom.surfaces[level] for level in levels},
        {level: phantom.vertebrae[level].pose for level in levels},
    )
    with new_folder(Path(folder), FILE_NAME, owned=("truth",)) as target:
        fill_case(target, case, stored)
        (target / "truth").mkdir()
        fill_truth(target / "truth", truth)
    return case


def _with_image(view: View, stored: np.ndarray) -> View:
    return View(
        view.name,
        to_attenuation(stored, view.polarity),
        view.intrinsics,
        view.world_to_camera,
        view.pixel_spacing_mm,
        view.source_to_detector_mm,
        view.polarity,
    )


def _clicks(
    phantom: Phantom, level: str, views: Sequence[View], generator: np.random.Generator, click_px: float
) -> dict[str, tuple[float, float]]:
    """A click near the body's centre in each view, to a tenth of a pixel."""
    centre = phantom.vertebrae[level].pose[:3, 3][None]
    clicks = {}
    for view in views:
        u, v = np.round(project(centre, view)[0] + generator.normal(0.0, click_px, 2), 1)
        clicks[view.name] = (float(u), float(v))
    return clicks
