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
class Seed:
    """A vertebra to plan and what is known of where it is.

    Attributes:
        level: "T1" ... "L5".
        clicks_px: view name to (u, v) of the vertebral body's centre; possibly none.
        landmarks_px: view name to {landmark name: (u, v, standard deviation in pixels)}; possibly none.
    """

    level: str
    clicks_px: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    landmarks_px: Mapping[str, Mapping[str, tuple[float, float, float]]] = field(default_factory=dict)


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
        step: number of the step over all stages, from 0.
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
    """

    similarity: Mapping[str, float]
    spread_mm: float
    moving_mm: float


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


@dataclass(frozen=True)
class FittedVertebra:
    """One level's result: the vertebra if there is one, and why it is or is not to be trusted."""

    level: str
    status: Status
    reason: str
    vertebra: Vertebra | None = None
    start: Vertebra | None = None
    quality: Quality | None = None
    history: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Reconstruction:
    """All levels' results of one case, in the order asked for."""

    case_id: str
    vertebrae: tuple[FittedVertebra, ...]


@dataclass(frozen=True)
class Cannula:
    """A transpedicular cannula: from the entry on the bone to the target inside the body, RAS mm.

    Attributes:
        side: "left" | "right": the pedicle that it goes through.
        diameter_mm: outer.
        name: how it came about: "transferred" from the template, "safest" in this vertebra, "unipedicular" (one that
            reaches the midline), "drawn" on the X-rays or in 3D, "curved".
        via_mm: (k, 3) points between entry and target of a path that is not straight; None for a straight one.
    """

    side: str
    entry_mm: np.ndarray
    target_mm: np.ndarray
    diameter_mm: float
    name: str = "transferred"
    via_mm: np.ndarray | None = None

    @property
    def path_mm(self) -> np.ndarray:
        """(k + 2, 3) RAS mm: entry, what lies between, target."""
        between = np.zeros((0, 3)) if self.via_mm is None else self.via_mm
        return np.vstack([self.entry_mm, between, self.target_mm])


@dataclass(frozen=True)
class Safety:
    """What is known of a cannula's safety in a given surface (clinical.md). Clearances: negative is a breach.

    Attributes:
        clearance_mm: smallest signed distance of the cannula's wall to the bone's surface within the pedicle.
        clearance_by_direction_mm: "medial" | "lateral" | "superior" | "inferior" to the smallest there.
        position: where along entry-to-target (0 to 1) the smallest is.
        grade: Gertzbein-Robbins "A" to "E".
        breach_direction: where it breaches, or "".
        checks: textbook check to passed or not.
        numbers: the rest, by name with unit suffix (isthmus, tip depth, angles, lengths, largest gauge).
        status: "measured", or why nothing could be: then every number is NaN or missing, the grade is "" and no check
            has passed. One of ``UNMEASURED``.
        reason: a sentence for whatever is not "measured".
    """

    clearance_mm: float
    clearance_by_direction_mm: Mapping[str, float]
    position: float
    grade: str
    breach_direction: str
    checks: Mapping[str, bool]
    numbers: Mapping[str, float | str | None] = field(default_factory=dict)
    status: str = "measured"
    reason: str = ""


UNMEASURED: Mapping[str, str] = {
    "no_path": "entry and target are the same point",
    "outside_bone": "the path does not touch the vertebra",
    "open_surface": "the surface is not closed",
    "no_pedicle": "the surface has no pedicle at this place",
}
"""``Safety.status`` of a cannula that could not be measured, and what it means."""


@dataclass(frozen=True)
class Risk:
    """What may be in truth, given how uncertain the fit is.

    Attributes:
        breach_probability: that the cannula's wall leaves the pedicle.
        margin_probability: that it keeps a millimetre everywhere in the pedicle.
        clearance_mm: percentile ("5", "50", "95") to the smallest clearance there.
        stations_mm: (s,) along the path from the entry, through the pedicle.
        tube_mm: (s,) radius around the path that is inside bone with 95 % probability, 0 where not even the axis is.
    """

    breach_probability: float
    margin_probability: float
    clearance_mm: Mapping[str, float]
    stations_mm: np.ndarray
    tube_mm: np.ndarray


@dataclass(frozen=True)
class Option:
    """A cannula that could be taken, with all that is known of it.

    Attributes:
        words: what it is and, of one that was moved, what moved and what was gained.
    """

    cannula: Cannula
    safety: Safety
    risk: Risk | None = None
    words: str = ""


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
