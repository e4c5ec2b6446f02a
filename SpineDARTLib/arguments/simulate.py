"""``spinedart simulate cases``, ``shards`` and ``grading``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg, subcommand

from ..config import Settings
from ..errors import InputError
from ..types import LEVELS
from .common import Common, split_levels

if TYPE_CHECKING:
    from ..simulate.imaging.view_settings import ViewSettings
    from ..simulate.supply import Supply

Kind = Literal["ap-lat", "obliques", "random-pair", "random-triple", "suite"]


@dataclass(frozen=True)
class Simulated(Common):
    """What all simulated X-rays hang on."""

    out: Annotated[Positional[Path], arg(metavar="OUT")] = field(kw_only=True)
    """Folder to write; an interrupted run goes on when it is started again."""
    ct: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """CT scans with masks (VerSe or CTSpine1K); without it all patients are drawn from the atlas."""
    ct_share: float = 1.0
    """Of the patients that come from there, 0 to 1."""
    masks_too: bool = False
    """Take people in --ct of whom there is only a mask, too: their bone is drawn."""
    chest: Annotated[Path | None, arg(metavar="FILE")] = None
    """A chest CT: drawn patients' spines are put in it."""
    chest_centres: Annotated[Path | None, arg(metavar="CSV")] = None
    """Where its vertebrae are: level, x_mm, y_mm, z_mm (RAS). When absent, those of LIDC-IDRI-0314."""
    chest_share: float = 1.0
    """Of the drawn patients who get that chest, 0 to 1."""
    stretch_share: float = 0.0
    """Of the other drawn patients, of whom there is a stretch of the spine in soft tissue and no other bone, 0 to 1."""
    levels: Annotated[str, arg(metavar="T12,L1")] = ""
    """What the machine looks at; anything from T1 to L5 when absent."""
    seed: int = Settings.seed
    """Of everything random: the same seed gives the same pictures."""
    size_px: int = 512
    """Side of a picture."""
    workers: int = 1
    """Processes."""

    def check(self, **counts: int) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            InputError: names the argument.
        """
        shares = {"ct-share": self.ct_share, "chest-share": self.chest_share, "stretch-share": self.stretch_share}
        for name, share in shares.items():
            if not 0.0 <= share <= 1.0:
                raise InputError(f"--{name}", "", share, "0 to 1")
        if self.masks_too and self.ct is None:
            raise InputError("--masks-too", "", "no --ct", "a folder of masks, --ct FOLDER")
        if self.chest_centres is not None and self.chest is None:
            raise InputError("--chest-centres", "", "no --chest", "the CT that they belong to, --chest FILE")
        if not 64 <= self.size_px <= 4096:
            raise InputError("--size-px", "", self.size_px, "64 to 4096")
        if self.seed < 0:
            raise InputError("--seed", "", self.seed, "0 or more")
        for name, value in {"workers": self.workers, **counts}.items():
            if value < 1:
                raise InputError(f"--{name}", "", value, "1 or more")

    def supply(self, views: ViewSettings) -> Supply:
        """Where the patients come from.

        Raises:
            InputError: a level that is none, a folder without scans, or a chest that is none.
        """
        from ..simulate.settings import SimulationSettings
        from ..simulate.supply import Supply

        levels = split_levels(self.levels) or LEVELS
        supply = Supply(
            SimulationSettings(seed=self.seed, views=views),
            self.ct,
            self.ct_share,
            levels,
            self.masks_too,
            self.chest,
            self.chest_centres,
            self.chest_share,
            self.stretch_share,
        )
        supply.check()
        return supply


@dataclass(frozen=True)
class SimulateCases(Simulated):
    """Write cases to plan, each with its truth: folders with X-rays, geometry, clicks, and truth/."""

    kind: Kind = "ap-lat"
    """Which views: near AP and lateral, two obliques, any two or three directions, or a suite's four."""
    number: int = 10
    """Cases, each of a patient of its own."""
    rotation_error_deg: float = 0.0
    """What the stated geometry is off: standard deviation of its rotation about each axis ..."""
    translation_error_mm: float = 0.0
    """... of its shift along each axis ..."""
    distance_error_mm: float = 0.0
    """... of the source-detector distance ..."""
    principal_error_px: float = 0.0
    """... and of the principal point."""

    def run(self) -> int:
        from ..simulate.imaging.view_settings import ViewSettings
        from ..simulate_commands import simulate_cases

        self.check(number=self.number)
        views = ViewSettings(
            size_px=self.size_px,
            rotation_error_deg=self.rotation_error_deg,
            translation_error_mm=self.translation_error_mm,
            distance_error_mm=self.distance_error_mm,
            principal_error_px=self.principal_error_px,
        )
        return simulate_cases(self.out, self.supply(views), self.kind, self.number, self.workers)


@dataclass(frozen=True)
class SimulateShards(Simulated):
    """Write packed pictures with labels for training: one file a patient."""

    patients: int = 10
    """Files."""
    pictures: int = 16
    """Of each patient."""

    def run(self) -> int:
        from ..simulate.imaging.view_settings import ViewSettings
        from ..simulate_commands import simulate_shards

        self.check(patients=self.patients, pictures=self.pictures)
        supply = self.supply(ViewSettings(size_px=self.size_px))
        return simulate_shards(self.out, supply, self.patients, self.pictures, self.workers)


@dataclass(frozen=True)
class SimulateGrading(Common):
    """Draw the AP and lateral X-rays on which a clinician grades: each vertebra of a plan, its cannulas as metal."""

    plan: Annotated[Positional[Path], arg(metavar="PLAN")] = field(kw_only=True)
    """Plan folder."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Folder for the pictures."""

    def run(self) -> int:
        from ..simulate_commands import draw_grading

        return draw_grading(self.plan, self.out)


@dataclass(frozen=True)
class Simulate:
    """X-rays with everything true about them, of patients from CT or drawn from the atlas."""

    command: (
        Annotated[SimulateCases, subcommand("cases")]
        | Annotated[SimulateShards, subcommand("shards")]
        | Annotated[SimulateGrading, subcommand("grading")]
    )

    @property
    def debug(self) -> bool:
        """Of the command."""
        return self.command.debug

    def run(self) -> int:
        return self.command.run()
