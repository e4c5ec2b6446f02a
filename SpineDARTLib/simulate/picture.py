"""One X-ray of a patient with everything true about it: projected, exposed, shown, labelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry.camera import project, project_with_depth
from ..io.attenuation import to_attenuation
from .draw import stream
from .imaging.exposure import Aim, Exposure, draw_exposure, expose, settle
from .imaging.labels import label_view
from .imaging.projection import Projector
from .imaging.settings import ImagingSettings
from .imaging.views import CameraPair
from .nouns import Picture

SPINE_MM = 30.0
"""Above and below the target, between which the spine's axis is taken."""


def take_picture(
    projector: Projector, pair: CameraPair, target_mm: np.ndarray, settings: ImagingSettings, seed: int
) -> Picture:
    """Take one X-ray under conditions that are drawn.

    Args:
        projector: of the patient, on CPU or CUDA.
        pair: the true camera and what the machine says of it.
        target_mm: (3,) what the machine looks at: the collimator is opened around it.
        seed: of conditions and noise.
    """
    height, width = pair.true.image.shape
    along = np.outer((0.0, -SPINE_MM, SPINE_MM), (0.0, 0.0, 1.0))
    (u, v), foot, head = project(np.asarray(target_mm) + along, pair.true)
    turn_deg = float(np.rad2deg(np.arctan2(head[0] - foot[0], foot[1] - head[1])))
    # As far as it is in the picture: nobody opens the blades on an edge.
    x, y = float(np.clip(u / width, 0.2, 0.8)), float(np.clip(v / height, 0.2, 0.8))
    primary, secondary = (pair.conditions.get(f"{name}_deg") for name in ("primary", "secondary"))
    angles = (primary, secondary) if isinstance(primary, float) and isinstance(secondary, float) else None
    exposure = draw_exposure(settings, stream(seed, "exposure"), Aim(x, y, turn_deg, angles))
    return take_exposed(projector, pair, target_mm, exposure, seed)


def take_exposed(
    projector: Projector, pair: CameraPair, target_mm: np.ndarray, exposure: Exposure, seed: int
) -> Picture:
    """Take one X-ray under given conditions; ``seed`` is that of noise and gain."""
    view, display = pair.true, exposure.display
    paths = projector.project(view)
    depth = float(project_with_depth(np.asarray(target_mm)[None], view)[1][0])
    magnification = view.source_to_detector_mm / depth
    exposure = settle(exposure, paths.materials)
    stored, field = expose(paths.materials, view.pixel_spacing_mm[0], magnification, exposure, seed)
    clipped = (stored == stored.min()) | (stored == stored.max())
    image = to_attenuation(stored, display.polarity)
    return Picture(
        view=replace(view, image=image, polarity=display.polarity),
        stored=stored,
        bits=display.bits,
        exposed=field,
        labels=label_view(projector.patient, view, paths, field, clipped),
        stated=replace(pair.stated, image=image, polarity=display.polarity),
        conditions=_finite({**pair.conditions, **exposure.conditions}),
    )


def _finite(conditions: dict[str, float | str]) -> dict[str, float | str]:
    """Without what is absent (blades that are not there are infinitely far apart): JSON has no infinity."""
    return {name: value for name, value in conditions.items() if isinstance(value, str) or np.isfinite(value)}
