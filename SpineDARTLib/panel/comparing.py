"""Two fits of one vertebra, row by row, with what has become better or worse, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from ..inspect.compare import Comparison, compare
from ..plan.words import WORTH_SAYING_MM
from ..types import Plan
from .state import Fit, PanelState

WORTH_SAYING_PX = 0.2
"""Changes of a reprojection error below this are named as none. Our choice."""

NEITHER = "neither"


@dataclass(frozen=True)
class Compared:
    """One row.

    Attributes:
        name: what is compared.
        words: by how much it differs.
        verdict: "better", "worse", "alike", "more room", "less room", "breach now", "breach gone", or "neither" where a
            change as such is no gain and no loss.
    """

    name: str
    words: str
    verdict: str

    @property
    def colour(self) -> str:
        """As ``rows.COLOURS``."""
        if self.verdict == "breach now":
            return "breach"
        good, bad = ("better", "more room", "breach gone"), ("worse", "less room")
        return "good" if self.verdict in good else "check" if self.verdict in bad else "none"


def fits_to_compare(state: PanelState, level: str) -> tuple[Fit, Fit] | None:
    """The fit of a level that is shown and the one before it (for the first: the one after); None for fewer than two.

    The earlier one comes first.
    """
    fits = [fit for fit in state.fits if level in fit.plans]
    shown = next((at for at, fit in enumerate(fits) if fit.plans[level] is state.plans.get(level)), len(fits) - 1)
    return (fits[max(shown - 1, 0)], fits[max(shown, 1)]) if len(fits) > 1 else None


def comparison(first: Plan, second: Plan) -> tuple[Compared, ...]:
    """The second against the first; empty where one of them has no fit.

    Raises:
        ValueError: plans of two levels.
    """
    found = compare(first, second)
    if found is None:
        return ()
    verdicts = {"expected to be off": _less_is_better(*found.expected_mm, WORTH_SAYING_MM), **_rooms(found)}
    rows = [Compared(name, words, verdicts.get(name, NEITHER)) for name, words in found.rows]
    return (*rows, *_reprojection(first, second))


def _rooms(found: Comparison) -> dict[str, str]:
    return {f"clearance {side}": _room_verdict(*both) for side, both in found.clearance_mm.items()}


def _room_verdict(before: float, now: float) -> str:
    if not (isfinite(before) and isfinite(now)):
        return NEITHER
    if (before < 0) != (now < 0):
        return "breach now" if now < 0 else "breach gone"
    alike = abs(now - before) < WORTH_SAYING_MM
    return "alike" if alike else "more room" if now > before else "less room"


def _less_is_better(before: float, now: float, worth_saying: float) -> str:
    if not (isfinite(before) and isfinite(now)):
        return NEITHER
    return "alike" if abs(now - before) < worth_saying else "better" if now < before else "worse"


def _reprojection(first: Plan, second: Plan) -> Iterator[Compared]:
    """How far clicked and found points lie off, in each view that both fits saw."""
    one, other = first.fitted.quality, second.fitted.quality
    for view in one.reprojection_error_px if one and other else ():
        if one and other and view in other.reprojection_error_px:
            before, now = one.reprojection_error_px[view], other.reprojection_error_px[view]
            words = f"{before:.1f} px before, {now:.1f} px now"
            yield Compared(f"points off in {view}", words, _less_is_better(before, now, WORTH_SAYING_PX))
