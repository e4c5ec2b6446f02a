"""Plans and grades as a table that Slicer shows, exports and saves; every cell a text, as it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slicer import vtkMRMLScene
from vtkmodules.vtkCommonCore import vtkStringArray

from ..plan.words import broken_rules, needle_name
from ..types import SIDES, Option, Plan
from .colours import WORDS
from .nodes import node_of, shown

COLUMNS = (
    "level", "fit", "side", "needle", "path", "clearance mm", "grade (G-R)", "medial mm", "lateral mm", "superior mm",
    "inferior mm", "breach risk", "checks not passed", "rating", "rater", "comment",
)  # fmt: skip


def plan_rows(
    plans: Sequence[Plan], options: Mapping[tuple[str, str], Option], ratings: Mapping[tuple[str, str], Sequence[str]]
) -> list[dict[str, str]]:
    """One row a cannula, one a vertebra that has none.

    Args:
        options: level and side to the cannula as it stands.
        ratings: level and side to grade, rater and comment.
    """
    rows = []
    for plan in plans:
        level, words = plan.fitted.level, WORDS[plan.fitted.status]
        start = {"level": level, "fit": words}
        mine = [options[level, side] for side in SIDES if (level, side) in options]
        rows += [{**start, **_cells(one, ratings.get((level, one.cannula.side), ()))} for one in mine] or [start]
    return rows


def _cells(option: Option, rating: Sequence[str]) -> dict[str, str]:
    cannula, safety, risk = option.cannula, option.safety, option.risk
    sides = {f"{name} mm": _number(value) for name, value in safety.clearance_by_direction_mm.items()}
    return {
        "side": cannula.side,
        "needle": needle_name(cannula.diameter_mm),
        "path": cannula.name,
        "clearance mm": _number(safety.clearance_mm),
        "grade (G-R)": safety.grade,
        **sides,
        "breach risk": "" if risk is None else f"{100 * risk.breach_probability:.0f} %",
        "checks not passed": ", ".join(broken_rules(safety)),
        **dict(zip(("rating", "rater", "comment"), rating, strict=False)),
    }


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 1e6 else ""


def show_table(scene: vtkMRMLScene, rows: Sequence[Mapping[str, str]], case_id: str = "") -> Any:
    """Show rows, column name to text; gives the table node."""
    node = shown(scene, "table", "", "SpineDART plans and grades", case_id=case_id)
    changing = node.StartModify()
    node.RemoveAllColumns()
    for name in COLUMNS:
        column = vtkStringArray()
        column.SetName(name)
        for row in rows:
            column.InsertNextValue(str(row.get(name, "")))
        node.AddColumn(column)
    node.SetLocked(True)
    node.EndModify(changing)
    return node


def read_table(scene: vtkMRMLScene) -> list[dict[str, str]]:
    """The rows of the table, empty where there is none."""
    node = node_of(scene, "table")
    if node is None:
        return []
    names = [node.GetColumnName(index) for index in range(node.GetNumberOfColumns())]
    return [
        {name: node.GetCellText(row, column) for column, name in enumerate(names)}
        for row in range(node.GetNumberOfRows())
    ]
