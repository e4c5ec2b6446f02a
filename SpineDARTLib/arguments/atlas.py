"""``spinedart atlas build`` and ``spinedart atlas report``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg, subcommand

from ..config import Settings
from .common import Common


@dataclass(frozen=True)
class AtlasBuild(Common):
    """Build shape models from label volumes and meshes; an interrupted build goes on when it is started again."""

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")] = field(kw_only=True)
    """Folder with label volumes (VerSe numbering) and meshes (L1_someone.stl) of two or more people."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Folder for the atlas: two files a region, written when all are done."""
    manifest: Annotated[Path | None, arg(metavar="FILE")] = None
    """Table that says whose the files are; FOLDER/manifest.csv when absent, or the files' names."""
    workers: int = 1
    """Processes."""
    seed: int = Settings.seed
    """Of everything random: the same seed gives the same atlas."""
    template: Annotated[Path | None, arg(metavar="FILE")] = None
    """A normal L3 to make a new template of; the shipped atlas's template when absent."""

    def run(self) -> int:
        from ..atlas_commands import build_atlas

        return build_atlas(self.folder, self.out, self.manifest, self.workers, self.seed, self.template)


@dataclass(frozen=True)
class AtlasReport(Common):
    """Say how good an atlas is: compactness, generalisation, specificity, pictures and measures, as one HTML file."""

    folder: Annotated[Positional[Path], arg(metavar="DIR")] = field(kw_only=True)
    """Folder of the atlas."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """HTML file to write; DIR/report.html when absent."""
    samples: int = 1000
    """Random shapes a region."""

    def run(self) -> int:
        from ..atlas_commands import report_atlas

        return report_atlas(self.folder, self.out or self.folder / "report.html", self.samples)


@dataclass(frozen=True)
class Atlas:
    """Shape models: build them from segmentations, report on them."""

    command: Annotated[AtlasBuild, subcommand("build")] | Annotated[AtlasReport, subcommand("report")]

    @property
    def debug(self) -> bool:
        """Of the command."""
        return self.command.debug

    def run(self) -> int:
        return self.command.run()
