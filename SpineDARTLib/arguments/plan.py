"""``spinedart draw`` and ``spinedart export``: what is given to a plan by hand, and what is taken from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from .common import Common

Format = Literal["csv", "stl", "mrk", "all"]


@dataclass(frozen=True)
class Draw(Common):
    """Make cannulas of what was drawn on the X-rays: two points or a mask in each of two or more views."""

    case: Annotated[Positional[Path], arg(metavar="CASE")] = field(kw_only=True)
    """Case folder, or its case.json."""
    drawn: Annotated[Positional[Path], arg(metavar="DRAWN")] = field(kw_only=True)
    """What was drawn (format spinedart-drawn/1)."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Plan folder to write."""
    plan: Annotated[Path | None, arg(metavar="PLAN")] = None
    """Plan of this case, in whose vertebrae the cannulas are assessed; without it nothing says how safe they are."""

    def run(self) -> int:
        from ..plan_commands import draw

        return draw(self.case, self.drawn, self.out, self.plan)


@dataclass(frozen=True)
class Export(Common):
    """Write a plan's cannulas for a robot or navigation system (CSV), a printer (STL) or 3D Slicer (mrk.json)."""

    plan: Annotated[Positional[Path], arg(metavar="PLAN")] = field(kw_only=True)
    """Plan folder."""
    out: Annotated[Path, arg(metavar="DIR")] = field(kw_only=True)
    """Folder to write."""
    format: Format = "all"
    """What to write."""

    def run(self) -> int:
        from ..plan_commands import export

        return export(self.plan, self.out, self.format)
