"""The nouns of SpineDART: frozen values, validated once where they are read. World is patient RAS, millimetres.

Arrays inside are NumPy, float64 unless said otherwise, and are not to be written to. What needs torch
(``Gaussians``) lives in ``render``; what needs the atlas (``ShapeModel``) in ``atlas``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from .planned import UNMEASURED, Cannula, Option, Risk, Safety
from .seeded import Crop, Place, Seed

__all__ = [
    "LEVELS", "LUMBAR", "SIDES", "THORACIC", "UNMEASURED", "VERSE_LABELS", "Cannula", "Case", "Crop", "Evidence",
    "FitState", "FittedVertebra", "Option", "Place", "Plan", "Posterior", "Quality", "Reconstruction", "Refinement",
    "Risk", "Safety", "Seed", "Status", "Vertebra", "View",
]  # fmt: skip

THORACIC = tuple(f"T{i}" for i in range(1, 13))
LUMBAR = tuple(f"L{i}" for i in range(1, 6))
LEVELS = THORACIC + LUMBAR
"""The levels planned for, head to foot."""

VERSE_LABELS: Mapping[str, int] = {level: 8 + index for index, level in enumerate(LEVELS)}
"""VerSe numbering of label volumes: T1 = 8 ... T12 = 19, L1 = 20 ... L5 = 24 (Sekuboyina 2021)."""

SIDES = ("left", "right")


@dataclass(frozen=True)
class View:
    """One X-ray and the camera that took it.

    Attributes:
        name: unique in its case ("AP", "LAT", ...).
        image: (height, width) float32, log-attenuation up to an affine change: bone is bright whatever the file's
        polarity. intrinsics: (3, 3) pixels; pixel (u, v) = (column, row), integer at the pixel's centre.
        world_to_camera: (4, 4) rigid, RAS mm to camera mm (x right in the image, y down, z from source to detector).
        pixel_spacing_mm: (between rows, between columns) on the detector.
        source_to_detector_mm: focal distance.
        polarity: how the *file* shows bone, "bone-dark" or "bone-bright".
    """

    name: str
    image: np.ndarray
    intrinsics: np.ndarray
    world_to_camera: np.ndarray
    pixel_spacing_mm: tuple[float, float]
    source_to_detector_mm: float
    polarity: str = "bone-bright"

    @property
    def projection(self) -> np.ndarray:
        """(3, 4) RAS mm (homogeneous) to pixels (homogeneous); its last row gives the depth in mm."""
        return self.intrinsics @ self.world_to_camera[:3]

    @property
    def source_mm(self) -> np.ndarray:
        """(3,) position of the X-ray source, RAS mm."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]

    @property
    def axis(self) -> np.ndarray:
        """(3,) unit vector of the beam from the source to the detector, RAS."""
        return self.world_to_camera[2, :3]


@dataclass(frozen=True)
class Case:
    """What a case folder holds: two or more views that share a frame, and the vertebrae asked for."""

    id: str
    views: tuple[View, ...]
    seeds: tuple[Seed, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class Vertebra:
    """One instance of a shape model in the world.

    Attributes:
        level: "T1" ... "L5".
        pose: (4, 4) rigid, model frame to RAS mm.
        scale: size relative to the level's mean.
        coefficients: (modes,) in standard deviations.
    """

    level: str
    pose: np.ndarray
    scale: float
    coefficients: np.ndarray

    def place(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) points of the model frame (mm at scale 1) to (n, 3) RAS mm."""
        return self.scale * points @ self.pose[:3, :3].T + self.pose[:3, 3]


class Status(str, Enum):
    """How a vertebra's fit ended (contract.md)."""

    CONVERGED = "converged"
    STEP_LIMIT = "step_limit"
    LOW_CONFIDENCE = "low_confidence"
    NOT_INITIALISED = "not_initialised"
    DIVERGED = "diverged"

    @property
    def usable(self) -> bool:
        """Whether a clinician may work from it (``low_confidence`` is shown, but not called a plan)."""
        return self in (Status.CONVERGED, Status.STEP_LIMIT)


@dataclass(frozen=True)
class FitState:
    """Where a fit stands after one step.

    Attributes:
        stage: name of the stage ("orient", "coarse", "shape", ...).
        step: steps done so far over all stages.
        total_steps: the most steps that there may be.
        losses: term name to its value for the best start.
        vertebrae: the best start's vertebra of each level being fitted.
        losses_by_level: level to term name to value, each level's own best start.
        evidence: at the end of a run only: level to what the fit can say of its own trustworthiness.
    """

    stage: str
    step: int
    total_steps: int
    losses: Mapping[str, float]
    vertebrae: tuple[Vertebra, ...]
    losses_by_level: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What a finished fit of one vertebra knows without the truth.

    Attributes:
        similarity: view name to the image similarity in the vertebra's region, 1 the best.
        spread_mm: mean distance between corresponding vertices of the best start and of the others that were kept.
        moving_mm: how far the surface moved over the last tenth of the steps.
        overlap: view name to the soft Dice of its shadow and the detected silhouette; NaN where none was detected.
        learned_log_mm: logarithm of the mean surface distance in mm as the learned similarity says it; NaN without.
        learned_log_sigma: logarithm of that logarithm's standard deviation.
    """

    similarity: Mapping[str, float]
    spread_mm: float
    moving_mm: float
    overlap: Mapping[str, float] = field(default_factory=dict)
    learned_log_mm: float = float("nan")
    learned_log_sigma: float = float("nan")


@dataclass(frozen=True)
class Quality:
    """How good a fit looks from the X-rays alone; units in the names (contract.md)."""

    reprojection_error_px: Mapping[str, float]
    silhouette_overlap: Mapping[str, float]
    predicted_surface_distance_mm: float
    mahalanobis: float
    iterations: int
    seconds: float
    similarity: Mapping[str, float] = field(default_factory=dict)
    spread_mm: float = float("nan")
    learned_mm: float = float("nan")
    """Mean surface distance that the learned similarity says, before any calibration; NaN without it."""


@dataclass(frozen=True)
class Posterior:
    """How far the true vertebra may be from the fitted one: a normal distribution around the fit, in its own frame.

    Its parameters, in this order: shift to the right, forwards and up (mm), turn about these three axes through the
    body's centre (rad), logarithm of the scale, coefficients (standard deviations).

    Attributes:
        mean: (7 + modes,) of truth minus fit.
        covariance: (7 + modes, 7 + modes) of truth minus fit.
        wall_mm: standard deviation, along its normal, of what of the wall no parameter moves.
    """

    mean: np.ndarray
    covariance: np.ndarray
    wall_mm: float


@dataclass(frozen=True)
class FittedVertebra:
    """One level's result: the vertebra if there is one, why it is or is not to be trusted, and where the true one may
    be (``fit.posterior.posterior_of`` makes that anew for one that was read back)."""

    level: str
    status: Status
    reason: str
    vertebra: Vertebra | None = None
    start: Vertebra | None = None
    quality: Quality | None = None
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    posterior: Posterior | None = None


@dataclass(frozen=True)
class Reconstruction:
    """All levels' results of one case, in the order asked for."""

    case_id: str
    vertebrae: tuple[FittedVertebra, ...]


@dataclass(frozen=True)
class Refinement:
    """What came of seeking small errors of the cameras together with the fit.

    Attributes:
        accepted: whether the plan was made with cameras that moved; if not, they are as given.
        words: how far they moved, or why they stayed.
        anchor: name of the view that stays, and the world with it.
        world_to_camera: view name to the (4, 4) that the plan was made with, of the views that moved.
        moved_mm: view name to how far it shifted, at the middle of the vertebrae. moved_deg: to how far it turned.
        determined: along how many directions they moved.
        sigma: standard deviation left along the least sure of these, relative to what it was before.
    """

    accepted: bool
    words: str
    anchor: str
    world_to_camera: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    moved_mm: Mapping[str, float] = field(default_factory=dict)
    moved_deg: Mapping[str, float] = field(default_factory=dict)
    determined: int = 0
    sigma: float = 1.0


@dataclass(frozen=True)
class Plan:
    """One vertebra's result.

    Attributes:
        cannulas: the one recommended on each side, left then right; what else there is stands in ``options``.
        safety: theirs, in the same order.
        options: every cannula that was considered, the recommended among them.
    """

    fitted: FittedVertebra
    vertices_mm: np.ndarray | None = None
    faces: np.ndarray | None = None
    landmarks_mm: Mapping[str, np.ndarray] = field(default_factory=dict)
    cannulas: tuple[Cannula, ...] = ()
    safety: tuple[Safety, ...] = ()
    pedicle_rims_mm: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Side to (n, 3) RAS mm: the ring around the pedicle's isthmus, which AP shows as its oval."""
    options: tuple[Option, ...] = ()
    refinement: Refinement | None = None
    """Of the case's cameras, if it was asked for: the same in all its plans."""
    start: str = ""
    """What the fit began from: "clicks", "detected" or "clicks and detected"; "" where there was no start."""
    level_note: str = ""
    """What is in doubt about the level's name, a sentence; "" where nothing is."""
