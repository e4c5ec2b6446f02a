"""The nouns of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..atlas.model import ShapeModel
from ..types import Case, Plan, Vertebra

SEVERITIES = ("wrong", "check")
"""It is probably no plan to work from; it should be looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing that stands out.

    Attributes:
        code: its name for programs: "mirrored", "overlap", ...
        severity: one of ``SEVERITIES``.
        seen: a sentence with its number.
        do: a sentence: what to do next.
    """

    level: str
    code: str
    severity: str
    seen: str
    do: str

    @property
    def words(self) -> str:
        """Both sentences."""
        return f"{self.seen} {self.do}"


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes:
        plan: of the vertebra.
        case: its X-rays and clicks, where they are at hand.
        others: plans of the other vertebrae.
        model: the level's, where it is at hand.
    """

    plan: Plan
    case: Case | None = None
    others: tuple[Plan, ...] = ()
    model: ShapeModel | None = None

    @property
    def level(self) -> str:
        return self.plan.fitted.level

    @property
    def vertebra(self) -> Vertebra | None:
        return self.plan.fitted.vertebra

    def finding(self, code: str, severity: str, seen: str, do: str) -> Finding:
        """Of this vertebra."""
        return Finding(self.level, code, severity, seen, do)


def body_height_mm(plan: Plan) -> float:
    """Between the middles of both endplates; NaN without these landmarks."""
    ends = [plan.landmarks_mm.get(name) for name in ("body_superior", "body_inferior")]
    return float(np.linalg.norm(ends[0] - ends[1])) if ends[0] is not None and ends[1] is not None else float("nan")


def spacing_mm(plan: Plan) -> float:
    """About from this body's centre to the next one's: its height and a disc, NaN without landmarks.

    Discs were 0.2 to 0.4 of the body above them in 52 fits of real spines that were good.
    """
    return 1.3 * body_height_mm(plan)
