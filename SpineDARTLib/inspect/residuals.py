"""Pictures of what a fit leaves over: the X-ray in orange under the fit in blue, which make grey where both agree.

The only module here that needs torch: it runs in the worker or a command, never in Slicer's own process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from ..atlas.model import ShapeModel
from ..config import RenderSettings
from ..fit.scene import Scene, parameters_of
from ..geometry.camera import project
from ..geometry.refined import refined_case
from ..geometry.region import region_view
from ..render import Detectors
from ..types import Case, Plan, Vertebra, View
from .geometry_rules import mm_per_pixel

FOLDER = "inspect"
"""In a plan folder; its files are ``residual_<level>_<view>.png``."""

SIZE_PX, PIXEL_MM = 260, 0.45
"""Of a picture, and of its pixels at the patient: a lumbar vertebra with half a neighbour on each side."""

DETAIL_MM = 9.0
"""What is smoother than this, soft tissue mostly, is taken out of both."""

CONTRAST = 0.28
"""Of a standard deviation; half grey is the mean."""

XRAY, FIT = np.array([1.0, 0.62, 0.15]), np.array([0.0, 0.38, 0.85])
"""Orange and blue; together they are white."""


def write_residuals(
    folder: Path, case: Case, plans: Sequence[Plan], models: Mapping[str, ShapeModel], settings: RenderSettings
) -> tuple[Path, ...]:
    """Write a picture a vertebra and view into the plan folder's ``inspect``.

    Args:
        models: level to shape model, of every level that was fitted.
    """
    fitted = [vertebra for plan in plans if (vertebra := plan.fitted.vertebra) is not None]
    if not fitted:
        return ()
    scene = Scene([one.level for one in fitted], models, settings)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    written = []
    for vertebra in fitted:
        for view in refined_case(case, plans).views:
            written.append(folder / FOLDER / f"residual_{vertebra.level}_{view.name}.png")
            Image.fromarray(residual(view, vertebra, fitted, scene)).save(written[-1])
    return tuple(written)


def residual(view: View, vertebra: Vertebra, fitted: Sequence[Vertebra], scene: Scene) -> np.ndarray:
    """(height, width, 3) uint8 around one vertebra; all that were fitted are drawn, in the scene's order."""
    centre_mm = vertebra.pose[:3, 3]
    u, v = project(centre_mm[None], view)[0]
    crop, inside = region_view(view, (u, v), PIXEL_MM / mm_per_pixel(view, centre_mm), (SIZE_PX, SIZE_PX))
    rank = max(len(one.coefficients) for one in fitted)
    with torch.no_grad():
        drawn = scene.pictures(parameters_of(fitted, rank), Detectors.of([crop]), "torch")[0].sum(0)[0].numpy()
    return blend(crop.image, drawn, inside)


def blend(xray: np.ndarray, fit: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8 of two pictures, each by its own mean and deviation where the fit shows.

    Args:
        inside: (height, width) where there is a detector; black elsewhere.
    """
    shows = (fit > 0.02 * fit.max()) & inside if fit.max() > 0 else inside
    first, second = (_detail(picture, shows) for picture in (xray, fit))
    colours = first[..., None] * XRAY + second[..., None] * FIT
    return np.round(255 * np.clip(colours * inside[..., None], 0.0, 1.0)).astype(np.uint8)


def _detail(picture: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """0 to 1: what is finer than ``DETAIL_MM``."""
    fine = picture - gaussian_filter(picture, DETAIL_MM / PIXEL_MM)
    spread = float(fine[shows].std()) if shows.any() else 0.0
    return np.clip(0.35 + CONTRAST * fine / max(spread, 1e-9), 0.0, 1.0)
