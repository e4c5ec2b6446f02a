"""``spinedart report`` and ``spinedart agreement``: what is made of reviewed plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from .common import Common


@dataclass(frozen=True)
class Report(Common):
    """Write a plan as one HTML file with all pictures in it: a title page and a page a vertebra, for print on A4."""

    plan: Annotated[Positional[Path], arg(metavar="PLAN")] = field(kw_only=True)
    """Plan folder."""
    out: Annotated[Path, arg(metavar="FILE.html")] = field(kw_only=True)
    """File to write."""
    case: Annotated[Path | None, arg(metavar="CASE")] = None
    """Case folder of the plan, whose X-rays are shown; without it there are none."""
    review: Annotated[Path | None, arg(metavar="FILE")] = None
    """Review of the plan (review.json), whose moved cannulas and grades are shown."""

    def run(self) -> int:
        from ..review_commands import report

        return report(self.plan, self.case, self.review, self.out)


@dataclass(frozen=True)
class Agreement(Common):
    """Say how far raters agree with each other (Cohen's kappa) and, with plans, with the numeric safety."""

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILES")] = field(kw_only=True)
    """Reviews (review.json), grading sessions (JSON), or tables of either (CSV)."""
    plan: Annotated[tuple[Path, ...], arg(metavar="PLAN")] = ()
    """Plan folders whose cannulas were graded."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Write the JSON here and the tables to standard output; without it, JSON to standard output, tables to error."""

    def run(self) -> int:
        from ..review_commands import agreement

        return agreement(self.files, self.plan, self.out)
