"""``spinedart train detector``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from ..config import Device, Settings
from ..errors import InputError
from .common import Common

if TYPE_CHECKING:
    from ..simulate.supply import Supply
    from ..train.settings import DetectorTraining

Network = Literal["detector"]
Budget = Literal["auto", "gpu", "cpu"]


@dataclass(frozen=True)
class Train(Common):
    """Train the networks that find vertebrae, landmarks and levels; keeps checkpoint, weights, curves and pictures.

    On several GPUs: torchrun --nproc-per-node N -m SpineDARTLib train detector ...
    """

    network: Annotated[Positional[Network], arg(metavar="detector")] = field(kw_only=True)
    """Which networks."""
    data: Annotated[Path, arg(metavar="FOLDER")] = field(kw_only=True)
    """Shards (spinedart simulate shards), at any depth and behind links; what comes during the training is taken up."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Folder for checkpoint, weights with their card (README.md), curves and example pictures."""
    budget: Budget = "auto"
    """Size of the network and of a step: for a large GPU (25 minutes) or for two cores (two hours); auto: by device."""
    minutes: float | None = None
    """Of training, in place of the budget's; validations come on top."""
    steps: int | None = None
    """Of the optimiser, in place of minutes: only a training of counted steps can be repeated exactly."""
    parts: int | None = None
    """Of a step, each of the budget's pictures; default: one for each process of torchrun. One process with --parts N
    does what N processes do."""
    resume: bool = False
    """Go on with the training in DIR, with the options it was begun with."""
    cases: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder of cases with truth to validate on, besides the people held back."""
    held_back: Annotated[str, arg(metavar="NAMES")] = "verse006,verse012"
    """People nobody learns from; drawn patients are held back besides, one in 16."""
    sources: Annotated[str, arg(metavar="NAMES")] = ""
    """Sources of the data that people's names do not tell, for the card: lidc (a real chest around drawn spines)."""
    simulate: int = 0
    """Processes that simulate more pictures beside the training, into FOLDER/beside."""
    ct: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """CT scans with masks for that simulation; without it all its patients are drawn."""
    ct_share: float = 0.4
    """Of its patients that come from there."""
    pack: Annotated[Path | None, arg(metavar="DIR")] = None
    """Train nothing: write what would be read, at the budget's size, to DIR/data and DIR/cases for another machine."""
    device: Device = Settings.device
    """What computes."""
    seed: int = Settings.seed
    """Of everything random."""

    def run(self) -> int:
        from ..train_commands import pack_detector, train_detector

        self._check()
        if self.pack is not None:
            return pack_detector(self._settings(), self.pack)
        supply = self._supply() if self.simulate else None
        return train_detector(self._settings(), supply, self.simulate, self.resume, self.parts)

    def _check(self) -> None:
        """Refuse numbers that mean nothing."""
        wrong = {"minutes": self.minutes is not None and not 0 < self.minutes < 100_000}
        wrong |= {"steps": self.steps is not None and self.steps < 1, "simulate": self.simulate < 0}
        wrong |= {"parts": self.parts is not None and self.parts < 1}
        wrong |= {"seed": self.seed < 0, "ct-share": not 0.0 <= self.ct_share <= 1.0}
        for name, bad in wrong.items():
            if bad:
                raise InputError(f"--{name}", "", getattr(self, name.replace("-", "_")), "a number above 0")

    def _settings(self) -> DetectorTraining:
        from ..render.device import choose_device
        from ..train.settings import cpu_budget, gpu_budget

        device = choose_device(self.device)
        large = self.budget == "gpu" or (self.budget == "auto" and device != "cpu")
        people, sources = (
            tuple(name.strip() for name in names.split(",") if name.strip()) for names in (self.held_back, self.sources)
        )
        chosen = (gpu_budget if large else cpu_budget)(self.out, (self.data,), self.cases, self.minutes)
        limit = chosen.minutes if self.steps is None or self.minutes is not None else 1e5
        exact = 0.0 if self.steps is not None and not self.simulate else chosen.grow_seconds
        return replace(
            chosen,
            device=device,
            steps=self.steps,
            minutes=limit,
            held_back=people,
            sources=sources,
            seed=self.seed,
            grow_seconds=exact,
        )

    def _supply(self) -> Supply:
        from ..simulate.settings import SimulationSettings
        from ..simulate.supply import Supply

        supply = Supply(SimulationSettings(seed=self.seed), self.ct, self.ct_share)
        supply.check()
        return supply
