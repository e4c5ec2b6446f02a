"""How well cameras are known before anything is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import View


@dataclass(frozen=True)
class CameraPrior:
    """How well the cameras are known: standard deviations. 0 holds a value as given, infinity leaves it open.

    Attributes:
        translation_mm: of each view's shift against the first view, along each axis.
        rotation_deg: of each view's turn against the first view, about each axis through the pivot.
        source_to_detector_mm: of every view's focal distance, the first one's too.
        pixel_spacing_mm: likewise. Pixels tell these two apart only together: as the focal length in pixels.
        principal_point_px: likewise, of u and of v.
        pivot_mm: (3,) RAS; None is the point nearest to the beams' axes, which is a C-arm's isocentre.
    """

    translation_mm: float = 5.0
    rotation_deg: float = 2.0
    source_to_detector_mm: float = 0.0
    pixel_spacing_mm: float = 0.0
    principal_point_px: float = 0.0
    pivot_mm: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("translation_mm", "rotation_deg", "source_to_detector_mm", "pixel_spacing_mm",
                     "principal_point_px"):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise ValueError(f"got {name} {getattr(self, name)}; expected a standard deviation, 0 or more")

    def sigmas(self, views: Sequence[View]) -> np.ndarray:
        """(views, 9) in the order of ``NUMBERS``; the anchor neither shifts nor turns."""
        rows = []
        for place, view in enumerate(views):
            pose = [0.0] * 6 if place == 0 else [self.translation_mm] * 3 + [np.deg2rad(self.rotation_deg)] * 3
            focal = np.hypot(*self._relative(view))
            rows.append([*pose, focal, self.principal_point_px, self.principal_point_px])
        return np.array(rows)

    def distance_share(self, view: View) -> float:
        """How much of a change of the focal length in pixels is the source-detector distance's, 0 to 1."""
        distance, spacing = self._relative(view)
        if not np.isfinite([distance, spacing]).all():
            return float(np.isinf(distance))
        return 1.0 if distance == spacing == 0 else float(distance**2 / (distance**2 + spacing**2))

    def _relative(self, view: View) -> tuple[float, float]:
        return (
            self.source_to_detector_mm / view.source_to_detector_mm,
            self.pixel_spacing_mm / float(np.mean(view.pixel_spacing_mm)),
        )


def pivot_of(views: Sequence[View], prior: CameraPrior) -> np.ndarray:
    """(3,) RAS mm about which views turn: the prior's, or the point nearest to the beams' axes in least squares."""
    if prior.pivot_mm is not None:
        return np.asarray(prior.pivot_mm, dtype=np.float64)
    # Along beams that are almost parallel any point is as near: two thirds of the way to the detector, then.
    middle = np.mean([view.source_mm + 2 / 3 * view.source_to_detector_mm * view.axis for view in views], axis=0)
    across = [np.eye(3) - np.outer(view.axis, view.axis) for view in views]
    offset = np.concatenate([side @ (view.source_mm - middle) for side, view in zip(across, views, strict=True)])
    return middle + np.linalg.lstsq(np.concatenate(across), offset, rcond=0.1)[0]
