"""A simulated case on disk: X-rays, geometry, noisy clicks and the truth, all or nothing.

``truth/`` holds what contract.md asks for (``truth.json``, one mesh a level) and, for whoever trains or judges on it,
``labels.json`` with ``labels.npz``: everything true about each vertebra in each picture, in the shards' words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry.camera import project
from ..io.case import FILE_NAME, fill_case
from ..io.fields import load_json
from ..io.files import new_folder
from ..io.truth import Truth, fill_truth
from ..types import Case, Seed
from .nouns import Label, Patient, Picture, TrueVertebra
from .shards import describe_label, read_label

LABELS_FORMAT = "spinedart-labels/1"
LABELS_NAME = "labels.json"
SEEN = 0.98
"""A vertebra is asked for where this share of it can be seen in every picture; so much of a long process may be cut."""


def asked_levels(patient: Patient, pictures: Sequence[Picture]) -> tuple[str, ...]:
    """The levels that can be planned from these pictures: whole in all of them; of a scanned patient the real ones."""
    seen = [{label.level for label in one.labels if label.share_seen >= SEEN} for one in pictures]
    real = {level for level, one in patient.vertebrae.items() if one.origin == "ct"} or set(patient.vertebrae)
    return tuple(level for level in patient.vertebrae if level in real and all(level in each for each in seen))


def write_simulated(
    folder: Path | str,
    identifier: str,
    patient: Patient,
    pictures: Sequence[Picture],
    levels: Sequence[str],
    generator: np.random.Generator,
    click_px: float = 4.0,
    made_by: str = "",
    kind: str = "",
) -> Case:
    """Write X-rays of a patient as a case with ``truth/``.

    Args:
        folder: new, empty, or an earlier case.
        pictures: of two or more views, none mirrored (a case's matrix cannot say that one is).
        levels: asked for, with a click in each view and a truth.
        click_px: standard deviation of a click from the body's projected centre.
        made_by: what the pictures hang on, kept in ``truth.json``.
        kind: which directions the views have, kept there too: a benchmark reports by it.

    Raises:
        InputError: the folder cannot be written.
        ValueError: a mirrored picture.
    """
    for picture in pictures:
        if picture.view.intrinsics[0, 0] < 0:
            raise ValueError(f"got the mirrored picture {picture.view.name}; expected none: a case cannot say so")
    seeds = tuple(Seed(level, _clicks(patient.vertebrae[level], pictures, generator, click_px)) for level in levels)
    case = Case(identifier, tuple(picture.stated for picture in pictures), seeds, Path(folder))
    chosen = {level: patient.vertebrae[level] for level in levels}
    truth = Truth(
        patient.subject,
        {level: (one.vertices, one.faces) for level, one in chosen.items()},
        {level: one.vertebra.pose for level, one in chosen.items()},
    )
    extra = {
        **({"kind": kind} if kind else {}),
        "made_by": made_by,
        "details": {level: _details(one) for level, one in chosen.items()},
        "conditions": {picture.view.name: dict(picture.conditions) for picture in pictures},
        "true_projections": {picture.view.name: picture.view.projection.tolist() for picture in pictures},
    }
    with new_folder(Path(folder), FILE_NAME, owned=("truth",)) as target:
        fill_case(target, case, {picture.view.name: picture.stored for picture in pictures})
        (target / "truth").mkdir()
        fill_truth(target / "truth", truth, extra)
        _fill_labels(target / "truth", pictures)
    return case


def _details(one: TrueVertebra) -> dict[str, Any]:
    """What else is true of a vertebra."""
    return {
        "origin": one.origin,
        "scale": one.vertebra.scale,
        "coefficients": one.vertebra.coefficients.tolist(),
        "landmarks": {name: np.asarray(place).tolist() for name, place in one.landmarks.items()},
        "cannulas": {side: np.asarray(ends).tolist() for side, ends in one.cannulas.items()},
        "fracture": one.fracture,
        "height_loss": one.height_loss,
    }


def _clicks(
    one: TrueVertebra, pictures: Sequence[Picture], generator: np.random.Generator, click_px: float
) -> dict[str, tuple[float, float]]:
    """A click near the body's centre in each view, inside the picture, to a tenth of a pixel."""
    clicks = {}
    for picture in pictures:
        height, width = picture.stored.shape
        place = project(one.vertebra.pose[None, :3, 3], picture.view)[0] + generator.normal(0.0, click_px, 2)
        u, v = np.round(np.clip(place, 0.0, [width - 1.0, height - 1.0]), 1).tolist()
        clicks[picture.view.name] = (u, v)
    return clicks


def _fill_labels(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write the labels of all pictures."""
    arrays, views = {}, {}
    for picture in pictures:
        views[picture.view.name] = [describe_label(label) for label in picture.labels]
        for label in picture.labels:
            key = f"{picture.view.name}/{label.level}"
            arrays[f"{key}/mask"] = np.packbits(label.mask.values)
            arrays[f"{key}/projection"] = label.projection.values.astype(np.float16)
    document = {"format": LABELS_FORMAT, "views": views}
    (folder / LABELS_NAME).write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")
    np.savez_compressed(folder / "labels.npz", **arrays)


def read_labels(folder: Path | str) -> dict[str, tuple[Label, ...]]:
    """View name to its labels, from a case folder or its ``truth``.

    Raises:
        InputError: there are none, or they are not whole.
    """
    folder = Path(folder)
    file = next((path for path in (folder / "truth" / LABELS_NAME, folder / LABELS_NAME) if path.is_file()), None)
    if file is None:
        raise InputError(folder, "", "no labels", f"a simulated case with truth/{LABELS_NAME}")
    root = load_json(file)
    root.child("format").text((LABELS_FORMAT,))
    document = json.loads(file.read_text(encoding="utf-8"))
    try:
        with (file.parent / "labels.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {
                name: tuple(read_label(one, arrays, f"{name}/{one['level']}") for one in labels)
                for name, labels in document["views"].items()
            }
    except Exception as error:
        raise InputError(file, "", f"{type(error).__name__}: {error}", "labels with their labels.npz") from None
