"""What a training of the similarity hangs on. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ...similarity.learned.architecture import LARGE, SMALL, TINY, Architecture


@dataclass(frozen=True)
class Perturbation:
    """How wrong drawn states are; each kind of error has a size of its own, log-uniform, times these deviations.

    Attributes:
        translation_mm: along the vertebra's own axes. rotation_deg, log_scale, coefficient: likewise.
        sizes: least and most factor.
        still: share of the states in which a kind of error is absent.
        flattened: share whose shape is drawn towards the mean, as early in a fit.
        hard: share of the examples that show a hard negative (``states.HARD``).
        start_mm, start_deg: deviation of the region's place and turn from the truth.
        alone: share of neighbours that are not drawn though they show.
    """

    translation_mm: tuple[float, float, float] = (5.0, 6.0, 7.0)
    rotation_deg: tuple[float, float, float] = (9.0, 9.0, 9.0)
    log_scale: float = 0.08
    coefficient: float = 1.2
    sizes: tuple[float, float] = (0.03, 2.0)
    still: float = 0.2
    flattened: float = 0.5
    hard: float = 0.25
    start_mm: float = 3.5
    start_deg: float = 6.0
    alone: float = 0.08


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts.

    Attributes:
        likelihood: of the distance, a log-normal distribution's.
        difference: of the difference between two states, Huber, log mm.
        sign: of saying that the wrong one of two states is nearer (logistic).
    """

    likelihood: float = 1.0
    difference: float = 2.0
    sign: float = 0.5


@dataclass(frozen=True)
class SimilarityTraining:
    """One training; equal settings and data give equal weights on the same device.

    Attributes:
        out: folder of checkpoint, weights, curves, packs and harvested states.
        data: folders with shards and their truths.
        minutes: of training, harvest included, validation not; with ``steps`` only a limit.
        rounds: of harvesting states by fits with the network of the moment, evenly over the training; round 0, before
            the first step, drives its fits by gradient NCC.
        fits: cases fitted in a round. fit_steps: most steps of each. fit_workers: processes that fit.
        harvested: share of the examples that show harvested states, once there are any.
        batch: vertebrae in one part of a step, each with ``states`` states.
        views: how many views, with the share of the steps that have so many.
        echo: steps that learn from the same examples, each time varied anew (data echoing, Choi et al. 2019): where
            bringing them together takes longer than learning from them.
        splats: cortical splats a vertebra is rendered with.
        gather_workers: processes that bring examples together, of each process that trains; 1: a thread of its own.
        half: multiply in bfloat16 where the device does so faster. Off: it may hide the differences between
            neighbouring states, which are all that a fit follows (CUDA has TF32 in any case); that is not measured yet.
        held_back: people nobody learns from; one drawn patient in ``held_back_every`` comes to them.
        Others as in ``DetectorTraining``.
    """

    out: Path
    data: tuple[Path, ...]
    architecture: Architecture = LARGE
    minutes: float = 25.0
    steps: int | None = None
    rounds: int = 3
    fits: int = 48
    fit_steps: int = 90
    fit_workers: int = 1
    harvested: float = 0.4
    batch: int = 32
    states: int = 4
    views: tuple[tuple[int, float], ...] = ((1, 0.1), (2, 0.65), (3, 0.25))
    echo: int = 1
    splats: int = 1000
    rate: float = 6e-4
    warm_up: int = 300
    decay: float = 0.05
    averaging: float = 0.999
    validate_minutes: float = 4.0
    validate_steps: int = 1_000_000
    validation_examples: int = 192
    held_back: tuple[str, ...] = ("verse006", "verse012")
    held_back_every: int = 16
    device: str = "cpu"
    seed: int = 0
    grow_seconds: float = 60.0
    gather_workers: int = 1
    parts: int = 1
    sources: tuple[str, ...] = ()
    half: bool = False
    perturbation: Perturbation = field(default_factory=Perturbation)
    weights: LossWeights = field(default_factory=LossWeights)


def gpu_budget(out: Path, data: tuple[Path, ...], minutes: float | None, rounds: int) -> SimilarityTraining:
    """25 minutes on one large GPU with 16 cores beside it."""
    whole = SimilarityTraining(out, data, LARGE, 25.0 if minutes is None else minutes, rounds=rounds)
    return replace(whole, device="cuda", gather_workers=14, fit_workers=14)


def cpu_budget(out: Path, data: tuple[Path, ...], minutes: float | None, rounds: int) -> SimilarityTraining:
    """Two hours on two cores."""
    whole = SimilarityTraining(out, data, SMALL, 120.0 if minutes is None else minutes, rounds=rounds)
    return replace(
        whole, batch=8, fits=64, fit_steps=60, fit_workers=2, warm_up=100, averaging=0.998, validate_minutes=10.0,
        validation_examples=64, splats=600, echo=2,
    )  # fmt: skip


def tiny(out: Path, data: tuple[Path, ...], steps: int, seed: int = 0) -> SimilarityTraining:
    """For tests: a network of some thousand weights, steps counted, no fits."""
    whole = SimilarityTraining(out, data, TINY, 60.0, steps, 0, seed=seed, batch=2, rate=3e-3, warm_up=3, decay=0.01)
    return replace(whole, averaging=0.9, validate_minutes=1e9, validation_examples=2, grow_seconds=0.0, splats=100)
