"""``spinedart detect``, and how a command finds the vertebrae that it plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..config import DetectorName, DetectorSettings
from ..errors import InputError
from ..types import LEVELS
from .common import Common


@dataclass(frozen=True)
class HowToFind:
    """Whether and how a detector is used."""

    detect: DetectorName = DetectorSettings.use
    """auto: find what was not clicked in two views, where there are weights; on: look anyway, or plan nothing; off:
    clicks alone. Clicks always win."""
    weights: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder of a detector in place of the shipped one."""
    shift_levels: Annotated[int, arg(metavar="N")] = DetectorSettings.shift
    """Move all labels that the detector gives N levels towards the feet (negative: towards the head)."""

    def detector(self) -> DetectorSettings:
        """The library's settings.

        Raises:
            InputError: a shift beyond the spine.
        """
        return detector_settings(self.detect, self.weights, self.shift_levels)


@dataclass(frozen=True)
class Detect(Common):
    """Find the vertebrae in a case's X-rays: a picture, all figures as JSON, and a case to correct."""

    case: Annotated[Positional[Path], arg(metavar="CASE")] = field(kw_only=True)
    """Case folder, or its case.json; clicks in it are joined in."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Folder to write found.png and detections.json to."""
    weights: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Folder of a detector in place of the shipped one."""
    shift_levels: Annotated[int, arg(metavar="N")] = DetectorSettings.shift
    """Move all labels N levels towards the feet (negative: towards the head)."""
    write_case: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Write the case anew with a click on what was found, to be corrected by hand."""

    def run(self) -> int:
        from ..detect_commands import detect

        settings = detector_settings("on", self.weights, self.shift_levels)
        return detect(self.case, self.out, settings, self.write_case)


def detector_settings(use: DetectorName, weights: Path | None, shift: int) -> DetectorSettings:
    """The library's settings of what was typed.

    Raises:
        InputError: a shift beyond the spine.
    """
    if abs(shift) >= len(LEVELS):
        raise InputError("--shift-levels", "", shift, f"{1 - len(LEVELS)} to {len(LEVELS) - 1}")
    return DetectorSettings(use, None if weights is None else str(weights), shift)
