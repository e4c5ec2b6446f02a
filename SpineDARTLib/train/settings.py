"""What trainings hang on, and that of the detector above all. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..detect.architecture import CPU, GPU, TINY, Architecture

VALIDATION_SEED = 20_000


@runtime_checkable
class LoopSettings(Protocol):
    """What the settings of every training have, for what all of them share (``DetectorTraining`` says what each is)."""

    @property
    def out(self) -> Path: ...
    @property
    def minutes(self) -> float: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def batch(self) -> int: ...
    @property
    def parts(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def warm_up(self) -> int: ...
    @property
    def decay(self) -> float: ...
    @property
    def averaging(self) -> float: ...
    @property
    def half(self) -> bool: ...
    @property
    def held_back(self) -> tuple[str, ...]: ...
    @property
    def held_back_every(self) -> int: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def grow_seconds(self) -> float: ...


@dataclass(frozen=True)
class DetectorTraining:
    """One training; equal settings and data give equal weights on the same device.

    Attributes:
        out: folder of checkpoint, weights, curves and pictures.
        data: folders with shards; what comes into them during the training is taken up.
        cases: case folders with truth (a folder of them) to validate on, or None.
        minutes: of training, validation not counted; the rate falls to nothing at their end. With ``steps`` it is only
            a limit.
        steps: of the optimiser, or None: as many as there is time for.
        batch: pictures in one part of a step.
        parts: of a step, shared among the processes that train together; their gradients are averaged. Equal parts
            give equal weights, but for rounding, on one process as on many.
        rate: step size of AdamW at its highest.
        warm_up: steps until then.
        decay: of the weights.
        averaging: of the weights' moving average, which is what is kept.
        validate_minutes: between validations; ``validate_steps`` between them where steps are counted.
        half: multiply in bfloat16 where the device does so faster: half again as many steps on a processor that can.
        sources: of the data, by name, where the names of the people do not tell them (``card.SOURCES``).
        validation_pictures: at most so many of people held back.
        held_back: people nobody learns from; one drawn patient in ``held_back_every`` comes to them.
        seed: of the network's start, of the order and of the variation.
    """

    out: Path
    data: tuple[Path, ...]
    cases: Path | None = None
    architecture: Architecture = GPU
    minutes: float = 25.0
    steps: int | None = None
    batch: int = 32
    rate: float = 8e-4
    warm_up: int = 300
    decay: float = 0.05
    averaging: float = 0.999
    validate_minutes: float = 4.0
    validate_steps: int = 1_000_000
    validation_pictures: int = 96
    held_back: tuple[str, ...] = ("verse006", "verse012")
    held_back_every: int = 16
    device: str = "cpu"
    seed: int = 0
    grow_seconds: float = field(default=30.0)
    """Between looks for new shards; 0: never (a training that is to be repeated exactly)."""
    parts: int = 1
    sources: tuple[str, ...] = ()
    half: bool = True


def gpu_budget(out: Path, data: tuple[Path, ...], cases: Path | None, minutes: float | None) -> DetectorTraining:
    """25 minutes on one large GPU."""
    return DetectorTraining(out, data, cases, minutes=25.0 if minutes is None else minutes, device="cuda")


def cpu_budget(out: Path, data: tuple[Path, ...], cases: Path | None, minutes: float | None) -> DetectorTraining:
    """Two hours on two cores."""
    whole = DetectorTraining(out, data, cases, CPU, minutes=120.0 if minutes is None else minutes)
    return replace(whole, batch=8, warm_up=100, averaging=0.998, validate_minutes=8.0, validation_pictures=48)


def tiny(out: Path, data: tuple[Path, ...], steps: int, seed: int = 0) -> DetectorTraining:
    """For tests: a network of a tenth of a million weights, steps counted."""
    whole = DetectorTraining(out, data, None, TINY, 60.0, steps, 4, 3e-3, 3, 0.01, 0.9, seed=seed)
    return replace(whole, validate_minutes=1e9, validation_pictures=4, grow_seconds=0.0, half=False)
