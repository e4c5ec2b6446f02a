"""What leaves the panel: the reviewed plan as a folder, tables, solids, lines, grades."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..io.cannulas import same_cannula
from ..io.case import write_case
from ..io.export import write_export
from ..io.files import write_atomically
from ..io.plan import OVERLAY, SavedPlan, write_plan
from ..plan.cannula import NEEDLE_DIAMETERS_MM
from ..review.files import grades_to_csv, review_to_text
from ..types import SIDES, Case, Option, Plan
from .lacking import contradiction
from .packing import case_with_seeds
from .state import PanelState, Refusal

KINDS: Mapping[str, str] = {"table": "csv", "meshes": "stl", "lines": "mrk"}
"""What the panel calls them, and ``io.export``."""

NAMES: Mapping[str, str] = {
    "plan": "the plan folder", "table": "the clearances", "meshes": "the meshes", "lines": "the cannulas",
    "grades": "the grades",
}  # fmt: skip
"""What is written, in words."""

REVIEW = "review.json"
GRADES = "grades.csv"


def writer(state: PanelState, kind: str) -> Callable[[Path], str]:
    """What writes one of ``NAMES`` to a path and says so; it takes its time, and may run in a thread.

    Raises:
        Refusal: nothing to write, or no such kind.
    """
    if kind not in NAMES:
        raise Refusal(f"There is no export {kind}. Exports: {', '.join(NAMES)}.")
    if kind == "grades":
        if state.review is None or not state.review.standing:
            raise Refusal("Nothing is graded yet.")
        return lambda path: write_grades(state, path)
    _case(state)
    if kind == "plan":
        return lambda path: write_reviewed_plan(state, path)
    return lambda path: write_kind(state, kind, path)


def reviewed_plans(state: PanelState) -> tuple[Plan, ...]:
    """The plans with their cannulas as they stand now recommended, and measured."""
    return tuple(_reviewed(plan, state) for plan in state.plans.values())


def write_reviewed_plan(state: PanelState, folder: Path) -> str:
    """The plan folder, with ``review.json`` and ``grades.csv`` beside; returns what was done, in words.

    Raises:
        Refusal: nothing to write.
        InputError: the folder cannot be written, or holds something else.
    """
    plans, case, doubt = reviewed_plans(state), _case(state), contradiction(state)
    picture = _picture(state)
    write_plan(folder, case, plans, _settings(state), picture, {"geometry_doubt": doubt} if doubt else None)
    if state.review is not None:
        write_atomically(Path(folder) / REVIEW, review_to_text(state.review).encode("utf-8"))
        write_atomically(Path(folder) / GRADES, grades_to_csv([state.review]).encode("utf-8"))
    return f"The plan of {len(plans)} vertebrae was written to {Path(folder).name}. Not for clinical use."


def write_kind(state: PanelState, kind: str, folder: Path) -> str:
    """A table, meshes or lines into a folder; returns what was done.

    Raises:
        Refusal: nothing to write.
        InputError: the folder cannot be written, or holds something else.
    """
    saved = SavedPlan(_case(state).id, __version__, {}, reviewed_plans(state), Path(folder))
    names = write_export(folder, saved, NEEDLE_DIAMETERS_MM, (KINDS[kind],))
    return f"{len(names)} files were written to {Path(folder).name}. Not for clinical use."


def write_grades(state: PanelState, file: Path) -> str:
    """The grades as CSV; returns what was done.

    Raises:
        InputError: the file cannot be written.
    """
    assert state.review is not None
    write_atomically(Path(file), grades_to_csv([state.review]).encode("utf-8"))
    return f"The grades were written to {Path(file).name}."


def writer_for_report(state: PanelState) -> Callable[[Path], tuple[Path, Path, Path]]:
    """What writes plan folder, case folder and review file for ``spinedart report``, which has what draws.

    Raises:
        Refusal: nothing to report.
    """
    _case(state)

    def write(folder: Path) -> tuple[Path, Path, Path]:
        plan, case = folder / "plan", folder / "case"
        write_reviewed_plan(state, plan)
        write_case(case, case_with_seeds(state))
        return plan, case, plan / REVIEW

    return write


def _case(state: PanelState) -> Case:
    if not state.plans or state.case is None:
        raise Refusal("There is no plan to write yet. Fit a vertebra first.")
    cameras = [plan.refinement.world_to_camera if plan.refinement else {} for plan in state.plans.values()]
    if any(one != cameras[0] for one in cameras[1:]):
        raise Refusal(
            "The vertebrae were fitted with cameras that were refined otherwise, and do not go into one plan. Fit all "
            "again, or choose fits that were made together in step 6."
        )
    return state.case


def _settings(state: PanelState) -> Mapping[str, object]:
    return state.fits[-1].settings if state.fits else {}


def _picture(state: PanelState) -> Path | None:
    """The fit's own picture, where one fit made all that is shown."""
    for fit in state.fits:
        shows_all = all(fit.plans.get(level) is plan for level, plan in state.plans.items())
        if shows_all and (fit.folder / OVERLAY).is_file():
            return fit.folder / OVERLAY
    return None


def _reviewed(plan: Plan, state: PanelState) -> Plan:
    level = plan.fitted.level
    chosen = [state.options[level, side] for side in SIDES if (level, side) in state.options]
    others = [one for one in plan.options if not any(_same(one, option) for option in chosen)]
    cannulas, safety = tuple(one.cannula for one in chosen), tuple(one.safety for one in chosen)
    return replace(plan, cannulas=cannulas, safety=safety, options=(*chosen, *others))


def _same(one: Option, other: Option) -> bool:
    alike = one.cannula.diameter_mm == other.cannula.diameter_mm
    return alike and same_cannula(one.cannula, other.cannula)
