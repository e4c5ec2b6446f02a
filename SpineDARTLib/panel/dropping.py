"""Files that are dropped on the panel: which are cases, which plans, sessions or X-rays; and what to say of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..io.case import FORMAT as CASE
from ..io.image import DICOM_SUFFIXES, ITK_SUFFIXES, PILLOW_SUFFIXES
from ..io.plan import FORMAT as PLAN
from ..review.files import SESSION_FORMAT as SESSION

MOST_IMAGES = 12
"""A folder with more is a CT or a whole examination, not the X-rays of one plan. Our choice."""

KINDS = ("case", "plan", "session", "image")
"""In the order of ``Dropped``."""

EXPECTED = "X-rays (DICOM, PNG, TIFF, NIfTI, MHA, NRRD), a case folder, a plan folder or a grading session"
"""What may be dropped."""

SCENE = "a scene. Drop it on Slicer's own window: the review comes with it."


@dataclass(frozen=True)
class Dropped:
    """Files by what they are.

    Attributes:
        remarks: what cannot be taken and why, a sentence each.
    """

    cases: tuple[Path, ...] = ()
    plans: tuple[Path, ...] = ()
    sessions: tuple[Path, ...] = ()
    images: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()


def sorted_out(paths: Sequence[Path]) -> Dropped:
    """Look at files and folders; of folders that are neither case nor plan, at the X-rays in them."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    remarks = []
    for path in dict.fromkeys(map(Path, paths)):
        kind = kind_of(path)
        if kind in found:
            found[kind].append(path)
        elif kind == "folder":
            images = [file for file in sorted(path.iterdir()) if kind_of(file) == "image"]
            if 0 < len(images) <= MOST_IMAGES:
                found["image"] += images
            else:
                remarks.append(_folder_words(path.name, len(images)))
        else:
            words = SCENE if kind == "scene" else f"{kind or 'of a kind not known here'}. Needed: {EXPECTED}."
            remarks.append(f"{path.name}: {words}")
    kinds = (tuple(found[kind]) for kind in KINDS)
    return Dropped(*kinds, remarks=tuple(remarks))


def kind_of(path: Path) -> str:
    """ "case", "plan", "session", "image", "folder", "scene"; or what is wrong with it."""
    name = path.name.lower()
    if path.is_dir():
        marked = [kind for kind in ("case", "plan") if (path / f"{kind}.json").is_file()]
        return marked[0] if marked else "folder"
    if not path.is_file():
        return "no such file"
    if name.endswith((".mrb", ".mrml")):
        return "scene"
    if name.endswith(".json"):
        return {CASE: "case", PLAN: "plan", SESSION: "session"}.get(_format(path), "no JSON file of SpineDART")
    return "image" if name.endswith((*PILLOW_SUFFIXES, *ITK_SUFFIXES, *DICOM_SUFFIXES)) or _is_dicom(path) else ""


def _format(path: Path) -> str:
    try:
        root = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return ""
    return str(root.get("format")) if isinstance(root, dict) else ""


def _is_dicom(path: Path) -> bool:
    """Whether DICOM's magic word is there: such files often have no ending."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _folder_words(name: str, count: int) -> str:
    if count:
        return f"{name}: {count} pictures. Drop the X-rays of one plan, two or three files, not a whole examination."
    return f"{name}: no X-ray in this folder. Needed: {EXPECTED}."
