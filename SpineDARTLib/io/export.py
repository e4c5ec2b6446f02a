"""A plan for others: a table for a robot or navigation system, solids of cannulas and vertebrae, lines for Slicer.

``export.json`` lists what there is. Everything is in mm; a table's column says whether it is RAS (patient's right,
anterior, superior positive) or LPS (left, posterior, superior); meshes and markups are RAS and say so.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..types import Cannula, FittedVertebra, Option, Plan
from .cannulas import file_stems
from .files import new_folder
from .markups import cannula_markup
from .mesh import Mesh, outward, write_mesh
from .plan import SavedPlan, listed_files, write_json

FORMAT = "spinedart-export/1"
FILE_NAME = "export.json"
TABLE = "cannulas.csv"
NOTICE = "not for clinical use"
KINDS = ("csv", "stl", "mrk")

TUBE_SIDES = 48
"""Of a cannula's solid: its flats lie within 0.2 % of the radius."""

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])

COLUMNS = (
    "notice", "case", "level", "vertebra_status", "side", "name", "recommended", "why_not", "safety_status",
    "straight", "diameter_mm", "gauge",
    *(f"{what}_{space}_{axis}_mm" for space in ("ras", "lps") for what in ("entry", "target") for axis in "xyz"),
    *(f"direction_{space}_{axis}" for space in ("ras", "lps") for axis in "xyz"),
    "length_mm", "clearance_mm", "grade", "breach_direction", "breach_probability", "checks_failed", "path_ras_mm",
)  # fmt: skip
"""Of the table. ``direction`` is the unit vector in which the needle enters; ``path_ras_mm`` stands for bent paths
only, "x y z; x y z; ..." from entry to target."""


def write_export(
    folder: Path | str, saved: SavedPlan, gauges_mm: Mapping[int, float], kinds: Collection[str] = KINDS
) -> tuple[str, ...]:
    """Write an export folder, all of it or nothing.

    Args:
        folder: new, empty, or holding an earlier export, whose files are replaced.
        saved: the plan.
        gauges_mm: gauge to the outer diameter of its needle.
        kinds: of "csv", "stl", "mrk".

    Returns:
        The names of the files, in order.

    Raises:
        InputError: the folder cannot be written, or holds something else.
        ValueError: a kind that there is not.
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"got {', '.join(kinds) or 'no kind'}; expected some of {', '.join(KINDS)}")
    with new_folder(Path(folder), FILE_NAME, listed_files(Path(folder) / FILE_NAME)) as target:
        if "csv" in kinds:
            _write_table(target / TABLE, saved, gauges_mm)
        for plan in saved.plans:
            if "stl" in kinds:
                _write_solids(target, plan)
            if "mrk" in kinds:
                for stem, option in file_stems(plan).items():
                    write_json(target / f"{stem}.mrk.json", cannula_markup(plan.fitted, option))
        names = tuple(sorted(entry.name for entry in target.iterdir()))
        write_json(target / FILE_NAME, _contents(saved, names))
    return names


def why_not_recommended(fitted: FittedVertebra, option: Option, chosen: bool = True) -> str:
    """Why nobody should take this cannula as the plan, or ""."""
    if not fitted.status.usable:
        return f"fit {fitted.status.value}: {fitted.reason}".rstrip(": ")
    if option.safety.status != "measured":
        return f"not measured: {option.safety.reason}".rstrip(": ")
    if not option.safety.clearance_mm >= 0.0:
        return f"{option.safety.breach_direction} breach of {-option.safety.clearance_mm:.1f} mm".strip()
    return "" if chosen else "another cannula is recommended on this side, or none"


def tube(path_mm: np.ndarray, diameter_mm: float) -> Mesh:
    """The closed solid of a needle along a path, flat ends, outward normals.

    Args:
        path_mm: (k, 3) points, two for a cylinder.
    """
    import vtk
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    lines.InsertNextCell(len(path_mm))
    points.SetDataTypeToDouble()
    for point in path_mm:
        lines.InsertCellPoint(points.InsertNextPoint(*(float(number) for number in point)))
    course = vtk.vtkPolyData()
    course.SetPoints(points)
    course.SetLines(lines)
    sweep, triangles, clean = vtk.vtkTubeFilter(), vtk.vtkTriangleFilter(), vtk.vtkCleanPolyData()
    sweep.SetInputData(course)
    sweep.SetRadius(diameter_mm / 2)
    sweep.SetNumberOfSides(TUBE_SIDES)
    sweep.CappingOn()
    sweep.SetOutputPointsPrecision(vtk.vtkAlgorithm.DOUBLE_PRECISION)
    triangles.SetInputConnection(sweep.GetOutputPort())
    clean.SetInputConnection(triangles.GetOutputPort())
    clean.ToleranceIsAbsoluteOn()
    clean.SetAbsoluteTolerance(1e-6)
    clean.Update()
    data = clean.GetOutput()
    vertices = vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64)
    faces = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    return vertices, outward(vertices, faces)


def _write_table(path: Path, saved: SavedPlan, gauges_mm: Mapping[int, float]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for plan in saved.plans:
            common = {"notice": NOTICE, "case": saved.case_id, "level": plan.fitted.level,
                      "vertebra_status": plan.fitted.status.value}  # fmt: skip
            rows = list(_rows(plan, gauges_mm)) or [_no_cannula(plan.fitted)]
            writer.writerows({**common, **row} for row in rows)


def _no_cannula(fitted: FittedVertebra) -> dict[str, str]:
    """A vertebra without any cannula still stands in the table."""
    return {"recommended": "no", "why_not": f"no cannula: {fitted.reason or fitted.status.value}"}


def _rows(plan: Plan, gauges_mm: Mapping[int, float]) -> Iterator[dict[str, Any]]:
    for index, option in enumerate(file_stems(plan).values()):
        cannula, safety, risk = option.cannula, option.safety, option.risk
        why_not = why_not_recommended(plan.fitted, option, chosen=index < len(plan.cannulas))
        gauge = [str(name) for name, mm in gauges_mm.items() if math.isclose(mm, cannula.diameter_mm, abs_tol=0.005)]
        yield {
            "side": cannula.side,
            "name": cannula.name,
            "recommended": "no" if why_not else "yes",
            "why_not": why_not,
            "safety_status": safety.status,
            "straight": "yes" if cannula.via_mm is None else "no",
            "diameter_mm": _number(cannula.diameter_mm),
            "gauge": "".join(gauge),
            **_places(cannula),
            "clearance_mm": _number(safety.clearance_mm),
            "grade": safety.grade,
            "breach_direction": safety.breach_direction,
            "breach_probability": _number(risk.breach_probability) if risk else "",
            "checks_failed": " ".join(name for name, passed in safety.checks.items() if not passed),
        }


def _places(cannula: Cannula) -> dict[str, str]:
    """Where it goes, in both spaces."""
    path = cannula.path_mm
    steps = np.diff(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    # Entry and target at one point have no direction: a cell stays empty, it does not say nan.
    direction = steps[0] / lengths[0] if lengths[0] > 0 else np.full(3, np.nan)
    places: dict[str, str] = {}
    for space, signs in (("ras", np.ones(3)), ("lps", RAS_TO_LPS)):
        for index, axis in enumerate("xyz"):
            places[f"entry_{space}_{axis}_mm"] = _number((signs * path[0])[index])
            places[f"target_{space}_{axis}_mm"] = _number((signs * path[-1])[index])
            places[f"direction_{space}_{axis}"] = _number((signs * direction)[index], digits=8)
    places["length_mm"] = _number(lengths.sum())
    if cannula.via_mm is not None:
        places["path_ras_mm"] = "; ".join(" ".join(_number(number) for number in point) for point in path)
    return places


def _number(value: float, digits: int = 4) -> str:
    """A decimal point whatever the locale; nothing where there is no number, and no minus zero."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}" if math.isfinite(value) else ""


def _write_solids(folder: Path, plan: Plan) -> None:
    """Vertebra and cannulas; a solid has no room for words, so what nobody should work from says so in its name."""
    fitted = plan.fitted
    if plan.vertices_mm is not None and plan.faces is not None:
        name = fitted.level if fitted.status.usable else f"{fitted.level}_{fitted.status.value}"
        write_mesh(folder / f"{name}.stl", plan.vertices_mm, outward(plan.vertices_mm, plan.faces))
    for stem, option in file_stems(plan).items():
        name = f"{stem}_NOT_RECOMMENDED" if why_not_recommended(fitted, option) else stem
        if np.ptp(option.cannula.path_mm, axis=0).any():
            write_mesh(folder / f"{name}.stl", *tube(option.cannula.path_mm, option.cannula.diameter_mm))


def _contents(saved: SavedPlan, names: Collection[str]) -> dict[str, Any]:
    """``export.json``: the files, and each vertebra's status."""
    return {
        "format": FORMAT,
        "notice": NOTICE,
        "case_id": saved.case_id,
        "plan_version": saved.version,
        "version": __version__,
        "coordinates": "mm; meshes and markups RAS, the table both RAS and LPS by column",
        "files": [FILE_NAME, *names],
        "vertebrae": {
            plan.fitted.level: {"status": plan.fitted.status, "status_reason": plan.fitted.reason}
            for plan in saved.plans
        },
    }
