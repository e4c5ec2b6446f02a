"""Every default, once. The command line is derived from these; nothing else in the project holds a default number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Renderer = Literal["auto", "torch", "gsplat"]
SimilarityName = Literal["hybrid", "learned", "gradient-ncc", "ncc"]
DetectorName = Literal["auto", "on", "off"]

MINIMUM_VIEW_ANGLE_DEG = 20.0
"""Two beams closer than this leave depth to chance: a pixel's error grows by 1/sin(angle), threefold at 20 degrees."""


@dataclass(frozen=True)
class RenderSettings:
    """How a surface becomes an X-ray. Attenuations are what bone adds to soft tissue, near 60 keV.

    Sources: NIST XCOM (cortical bone 0.6/cm above water at 60 keV; trabecular bone about a fifth of that); vertebral
    cortex 0.4-1.0 mm with partial-volume shells near 1.2 mm in clinical CT (Ritzel 1997).
    """

    cortical_thickness_mm: float = 1.2
    cortical_depth_mm: float = 1.0
    """Of the shell's middle below the surface. Surfaces here are of segmentations, whose border reaches a little beyond
    the bone: along the normals of a CT of 1 mm voxels the median profile is brightest 1.0 mm below. At 0.6 mm fits came
    out 1.2 % smaller than at 1.0 mm, and 0.15 mm farther off at the pedicles (30 vertebrae of six people)."""
    cortical_attenuation_per_mm: float = 0.040
    trabecular_attenuation_per_mm: float = 0.010
    splat_overlap: float = 2.0
    interior_spacing_mm: float = 5.0
    interior_overlap: float = 2.0


@dataclass(frozen=True)
class SimilaritySettings:
    """The image measures; pixels of the fit's own pictures (about 1 mm at the spine)."""

    scales: int = 2
    blur_px: float = 1.0
    window_px: float = 8.0
    strength_floor: float = 0.05


@dataclass(frozen=True)
class StageSettings:
    """One stage of the coarse-to-fine fit."""

    name: str
    pixel_mm: float
    """Side of a picture's pixel at the spine."""
    steps: int
    rank: int
    """Shape modes that may move."""
    keep: int
    """Starts that go on into this stage (the best ones)."""
    splats: int
    """Most cortical splats a vertebra."""
    rate: float = 1.0
    """Factor on the step sizes."""
    column: float = 1.0
    """Factor on ``FitSettings.column_weight``: the links decide where a vertebra belongs, the picture where it ends."""
    learned: float = 1.0
    """Factor on the learned similarity in a hybrid fit: an evaluation costs 30 ms a start and vertebra."""


@dataclass(frozen=True)
class FitSettings:
    """The fit: stages, step sizes, priors. Step sizes are Adam's, in the unit of the name.

    Weights and stages were found by trial on simulated X-rays of four people with a CT (005, 006, 007, 012).
    """

    stages: tuple[StageSettings, ...] = (
        StageSettings("coarse", pixel_mm=2.0, steps=50, rank=0, keep=8, splats=600, rate=2.0, column=2.0, learned=0.0),
        StageSettings("shape", pixel_mm=1.25, steps=60, rank=8, keep=2, splats=1500),
        StageSettings("fine", pixel_mm=1.0, steps=60, rank=18, keep=1, splats=4000, rate=0.7, column=0.5),
    )
    translation_mm: float = 0.6
    rotation_deg: float = 0.8
    log_scale: float = 0.008
    coefficient: float = 0.08
    presence: float = 0.1
    """Of the logit that a neighbour shows."""
    start_translation_mm: tuple[float, float, float] = (2.5, 3.0, 4.0)
    """Spread of the starts along the vertebra's own x, y, z."""
    start_rotation_deg: tuple[float, float, float] = (7.0, 4.0, 5.0)
    start_log_scale: float = 0.05
    shape_weight: float = 0.003
    """Of half the squared Mahalanobis distance of the coefficients."""
    scale_weight: float = 0.01
    """Of half the squared departure of sizes, in standard deviations (``fit.objective.Prior``)."""
    pose_weight: float = 0.015
    """Of half the squared departure from the start, in standard deviations of where a click may be wrong."""
    column_weight: float = 0.01
    """Of half the squared departure of a vertebra's links to its neighbours from the usual ones."""
    settled: float = 3e-4
    """Gain in a vertebra's score (1 is a perfect picture) below which a stage stops early."""
    landmark_weight: float = 0.02
    """Of the mean of half the squared departure of a vertebra's landmarks, in standard deviations of where each was
    seen; what is farther off than four of these loses its pull, and none costs more than 8."""
    learned_weight: float = 0.1
    """Of the logarithm of the mean surface distance that the learned similarity predicts, in mm. Tuned on simulated
    people that it learned from: 0.3 mends more of the fits that are far off, and spoils some that are near."""
    posterior_weight: float = 1.0
    """How many times a landmark of pedicles, laminae and processes counts against one of the body, in the mean above:
    they say more of how a vertebra is turned (Yu et al. 2025, arXiv 2503.14573, weigh them more)."""
    silhouette_weight: float = 0.5
    """Of the mean, over the views, of how far a vertebra's outline is from the detected one (``fit.outline``)."""
    decomposition_weight: float = 0.5
    """Of the mean, over the views, of how unlike its own picture is to the detected projection of it alone. Both by
    trial: with detections that were 3 px off, bent and blurred two lumbar vertebrae came 0.3 to 0.4 mm nearer to the
    truth; with blobs that had no processes, 0.04 mm."""
    start_inflation: float = 2.0
    """How many times wider than detection says a start's error is taken to be; 0 looks around every start alike."""
    confident_mm: float = 1.7
    """Expected mean surface distance above which a fit is "low_confidence": at about this limit 146 fits of seven
    people, each expected from the other six, lost all three that were worse than 2.5 mm and few of the good ones."""
    confidence_weights: tuple[float, ...] = (-0.728, 0.176, 2.068, 0.05, 0.108)
    """Of log(mean surface distance in mm): constant, then ``fit.confidence.features``
    (``Testing/benchmarks/calibrate_confidence.py``)."""

    confidence_learned: tuple[float, ...] = (-0.276, 0.374, -0.493, 1.763, 0.086, 0.106)
    """The same where a learned similarity has spoken: constant, what it says (log mm), then the features (the same
    script, on results of "hybrid")."""


@dataclass(frozen=True)
class RefinementSettings:
    """Small errors of the cameras, sought together with the fit (``fit.calibration``)."""

    on: bool = False
    translation_mm: float = 2.0
    """Standard deviation of how far a view may be off, along each axis, against the first view."""
    rotation_deg: float = 1.0
    """Of how far it may be turned, about each axis."""
    weight: float = 0.003
    """Of half the squared departure from the given cameras, against the sum of the vertebrae's scores: what makes the
    curvature of the score a precision. By trial on simulated X-rays of six people: the one direction that two views
    tell well came back to 0.0 to 0.7 mm, as this weight expects, and no other counted as told."""
    rate: float = 0.1
    """Step size, in standard deviations."""
    stage: StageSettings = StageSettings("cameras", pixel_mm=1.25, steps=50, rank=12, keep=1, splats=1500)
    information_pixel_mm: float = 2.0
    """Pixel at which the curvature is measured; coarser is quicker and says less, never more."""


@dataclass(frozen=True)
class PlanSettings:
    """Cannulas. Needle outer diameters in mm by gauge are in ``plan.cannula``."""

    gauge: int = 11
    """The needle that vertebroplasty takes most often; every plan also says how the paper's 5 mm cylinder fares."""
    diameter_mm: float | None = None
    """Outer diameter in place of a gauge's."""
    unipedicular: bool = False
    """Whether paths that reach the midline from one side are offered too."""
    enough_mm: float = 2.5
    """Free bone around a needle beyond which a short move from the template's path counts for more than room."""


@dataclass(frozen=True)
class DetectorSettings:
    """The network that finds vertebrae in the X-rays (``locating``)."""

    use: DetectorName = "auto"
    """auto: where there are weights that load and not every level was clicked in two views, otherwise clicks alone; on:
    always, and without weights nothing is planned."""
    weights: str | None = None
    """Folder of a detector; the shipped one if None."""
    shift: int = 0
    """Levels by which a person moves all labels towards the feet (negative: towards the head)."""


@dataclass(frozen=True)
class BenchmarkSettings:
    """How methods are compared (``benchmark``)."""

    reader_mm: float = 1.0
    """How far off a simulated reader of 2D-GeoPlan draws an end of a cannula, across it, at the patient (standard
    deviation). Our choice: about twice what careful clicks on corresponding points are off (1.5 px, 0.6 mm)."""
    reader_ends: float = 2.0
    """How many times more along it: a shaft is seen better than its end."""
    poor_dice: float = 0.7
    """A surface below is listed among the failures. Our choice: the published NCC-driven fit has 0.65 in the mean, and
    our starts, before any fit, 0.7 in the median."""
    worse_dice: float = 0.02
    """Loss of Dice against the start that counts as having been made worse."""
    resamples: int = 10_000
    """Of the bootstrap."""
    shown: int = 40
    """Pictures of failures in the report, the worst; all are in the folder."""


@dataclass(frozen=True)
class Settings:
    """All settings of one planning run."""

    device: Device = "auto"
    similarity: SimilarityName = "gradient-ncc"
    renderer: Renderer = "auto"
    seed: int = 0
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
    image: SimilaritySettings = field(default_factory=SimilaritySettings)
    fit: FitSettings = field(default_factory=FitSettings)
    refinement: RefinementSettings = field(default_factory=RefinementSettings)
    plan: PlanSettings = field(default_factory=PlanSettings)
