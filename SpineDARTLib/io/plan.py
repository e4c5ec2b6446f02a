"""Plan folders (format ``spinedart-plan/1``): ``plan.json``, meshes, Slicer lines, history, picture; written as one."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..errors import InputError
from ..types import LEVELS, Case, FittedVertebra, Option, Plan, Quality, Refinement, Status, Vertebra
from .cannulas import file_stems, number_or_nan, option_to_json, read_option, recommended
from .fields import Field, load_json
from .files import check_writable as check_folder
from .files import new_folder
from .markups import cannula_markup
from .mesh import outward, read_mesh, write_mesh

FORMAT = "spinedart-plan/1"
FILE_NAME = "plan.json"
OVERLAY = "overlay.png"
HISTORY = "history.npz"

Overlay = Path | Callable[[Path], object]
"""A picture to copy in, or what draws it to the path that it is given."""


@dataclass(frozen=True)
class SavedPlan:
    """What a plan folder holds."""

    case_id: str
    version: str
    settings: Mapping[str, Any]
    plans: tuple[Plan, ...]
    folder: Path
    not_started: Mapping[str, str] = field(default_factory=dict)
    """Level to the sentence that says why it, though seen or asked for, was not fitted."""


def check_writable(folder: Path | str) -> None:
    """Raise an InputError, before any work, if a plan cannot be written there."""
    check_folder(folder, FILE_NAME)


def write_plan(
    folder: Path | str,
    case: Case,
    plans: Sequence[Plan],
    settings: object = None,
    overlay: Overlay | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a plan folder, all of it or nothing.

    Args:
        folder: new, empty, or holding an earlier plan, whose files are replaced; others there are kept.
        plans: one a level, in the order asked for.
        settings: a dataclass or mapping.
        overlay: the picture of the fit, or what draws it.
        extra: further top-level fields of ``plan.json`` (device, provenance of the atlas, ...).

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    folder = Path(folder)
    check_writable(folder)
    with new_folder(folder, FILE_NAME, listed_files(folder / FILE_NAME)) as target:
        vertebrae = [_write_vertebra(target, plan) for plan in plans]
        refinement = next((plan.refinement for plan in plans if plan.refinement), None)
        _write_history(target, plans)
        if callable(overlay):
            overlay(target / OVERLAY)
        elif overlay is not None:
            shutil.copyfile(overlay, target / OVERLAY)
        document = {
            "format": FORMAT,
            "case_id": case.id,
            "version": __version__,
            **(extra or {}),
            **({"geometry_refinement": refinement} if refinement else {}),
            "settings": settings or {},
            "files": sorted([FILE_NAME, *(entry.name for entry in target.iterdir())]),
            "vertebrae": vertebrae,
        }
        write_json(target / FILE_NAME, document)


def write_json(path: Path, document: object) -> None:
    """Dataclasses, arrays, enums and paths as JSON; what is not finite becomes null."""
    text = json.dumps(plain(document), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """The value in JSON's own kinds; NaN and infinities, which JSON lacks, as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Collection):
        return [plain(item) for item in value]
    return str(value)


def listed_files(file: Path) -> tuple[str, ...]:
    """The names that the contents of an earlier folder of its kind list as its own; none where there is no such."""
    try:
        names = json.loads(file.read_text(encoding="utf-8"))["files"]
        return tuple(name for name in names if isinstance(name, str))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _write_vertebra(folder: Path, plan: Plan) -> dict[str, Any]:
    """One vertebra's files, and its entry in ``plan.json``."""
    fitted = plan.fitted
    vertebra, level, mesh = fitted.vertebra, fitted.level, None
    if plan.vertices_mm is not None and plan.faces is not None:
        mesh = f"{level}.stl"
        write_mesh(folder / mesh, plan.vertices_mm, outward(plan.vertices_mm, plan.faces))
    for stem, option in file_stems(plan).items():
        write_json(folder / f"{stem}.mrk.json", cannula_markup(fitted, option))
    return {
        "level": level,
        "status": fitted.status,
        "status_reason": fitted.reason,
        "start_from": plan.start or None,
        "level_note": plan.level_note or None,
        "pose": vertebra and vertebra.pose,
        "scale": vertebra and vertebra.scale,
        "coefficients": vertebra and vertebra.coefficients,
        "start": fitted.start and {key: getattr(fitted.start, key) for key in ("pose", "scale", "coefficients")},
        "mesh": mesh,
        "landmarks": {name: point for name, point in plan.landmarks_mm.items() if np.isfinite(point).all()},
        "pedicle_rims": plan.pedicle_rims_mm,
        "quality": fitted.quality,
        "cannulas": [option_to_json(option) for option in recommended(plan)],
        "options": [option_to_json(option) for option in plan.options],
    }


def _write_history(folder: Path, plans: Sequence[Plan]) -> None:
    """All levels' histories in one file, each array as "<level>/<name>"."""
    arrays = {f"{plan.fitted.level}/{name}": value for plan in plans for name, value in plan.fitted.history.items()}
    with (folder / HISTORY).open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=True, **arrays)


def read_plan(path: Path | str) -> SavedPlan:
    """Read a plan folder, or its ``plan.json``.

    Raises:
        InputError: names file, field, value and what was expected.
    """
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise InputError(file, "", "no such file", f"a plan folder with a {FILE_NAME} in it")
    root = load_json(file)
    root.child("format").text((FORMAT,))
    history = _read_history(file.parent / HISTORY)
    moved = root.optional("geometry_refinement")
    refinement = _read_refinement(moved) if moved else None
    plans = tuple(
        replace(_read_vertebra(entry, history), refinement=refinement) for entry in root.child("vertebrae").items()
    )
    settings = root.optional("settings")
    version = root.child("version").text()
    kept = settings.members() if settings else {}
    lost = root.optional("not_started")
    reasons = {level: one.text() for level, one in lost.named().items()} if lost else {}
    return SavedPlan(root.child("case_id").text(), version, kept, plans, file.parent, reasons)


def _read_refinement(entry: Field) -> Refinement:
    """How the cameras moved that the plan was made with (``geometry.refined`` gives them to a case)."""
    accepted = entry.child("accepted").value
    if not isinstance(accepted, bool):
        entry.child("accepted").fail("true or false")
    return Refinement(
        accepted,
        entry.child("words").text(),
        entry.child("anchor").text(),
        {
            name: tuple(map(tuple, one.numbers(4, 4).tolist()))
            for name, one in entry.child("world_to_camera").named().items()
        },
        {name: one.number() for name, one in entry.child("moved_mm").named().items()},
        {name: one.number() for name, one in entry.child("moved_deg").named().items()},
        entry.child("determined").index(),
        entry.child("sigma").number(),
    )


def _read_history(path: Path) -> dict[str, dict[str, np.ndarray]]:
    if not path.is_file():
        return {}
    history: dict[str, dict[str, np.ndarray]] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                level, _, name = key.partition("/")
                history.setdefault(level, {})[name] = arrays[key]
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise InputError(path, "", error, "a readable history") from None
    return history


def _read_vertebra(entry: Field, history: Mapping[str, Mapping[str, np.ndarray]]) -> Plan:
    level = entry.child("level").text(LEVELS)
    status = Status(entry.child("status").text([status.value for status in Status]))
    start, quality, mesh = (entry.optional(key) for key in ("start", "quality", "mesh"))
    fitted = FittedVertebra(
        level,
        status,
        str(entry.members().get("status_reason") or ""),
        _read_pose(entry, level),
        _read_pose(start, level) if start else None,
        _read_quality(quality) if quality else None,
        history.get(level, {}),
    )
    vertices, faces = read_mesh(entry.where.parent / mesh.text()) if mesh else (None, None)
    landmarks = entry.optional("landmarks")
    points = {name: point.numbers(3) for name, point in landmarks.named().items()} if landmarks else {}
    rims = entry.optional("pedicle_rims")
    ovals = {side: rim.numbers(len(rim.items()), 3) for side, rim in rims.named().items()} if rims else {}
    chosen, options = (_read_options(entry.optional(key)) for key in ("cannulas", "options"))
    cannulas, safety = tuple(one.cannula for one in chosen), tuple(one.safety for one in chosen)
    # "start" is the vertebra that the fit began with.
    start_from, note = (one.text() if (one := entry.optional(key)) else "" for key in ("start_from", "level_note"))
    return Plan(fitted, vertices, faces, points, cannulas, safety, ovals, options, start=start_from, level_note=note)


def _read_options(entry: Field | None) -> tuple[Option, ...]:
    return () if entry is None else tuple(read_option(item) for item in entry.items())


def _read_pose(entry: Field, level: str) -> Vertebra | None:
    if entry.optional("pose") is None:
        return None
    coefficients = entry.child("coefficients")
    values = coefficients.numbers(len(coefficients.items()))
    return Vertebra(level, entry.child("pose").numbers(4, 4), entry.child("scale").number(above=0.0), values)


def _read_quality(entry: Field) -> Quality:
    numbers = ("predicted_surface_distance_mm", "mahalanobis", "seconds", "spread_mm", "learned_mm")
    tables = ("reprojection_error_px", "silhouette_overlap", "similarity")
    known: dict[str, Any] = {name: number_or_nan(entry, name) for name in numbers}
    for name in tables:
        table = entry.optional(name)
        known[name] = {key: number_or_nan(table, key) for key in table.members()} if table else {}
    return Quality(**known, iterations=entry.child("iterations").index())
