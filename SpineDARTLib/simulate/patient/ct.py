"""Patients from a CT and a mask of its vertebrae: real bones and tissue, their true surfaces, and what the scan lacks.

``read_anatomy`` reads and measures, always with the same result; ``make_patient`` adds what is drawn (vertebrae beyond
the scan, the body around it), so that many patients can be made of one scan. ``read_ct_patient`` does both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...atlas.label_volumes import LabelVolume, read_labels
from ...atlas.manifest import Source
from ...atlas.model import ShapeModel
from ...atlas.surfaces import read_source
from ...errors import InputError
from ...types import LEVELS
from ..nouns import Patient, TrueVertebra, Volume
from .annotate import annotate_surface
from .completion import completed
from .ct_files import read_pair
from .spine import Spine
from .surroundings import set_in, trimmed, without_bones
from .tissue import CtSettings, claims, part_of, tissues

__all__ = [
    "Anatomy",
    "CtSettings",
    "make_patient",
    "read_anatomy",
    "read_ct_patient",
    "read_mask_anatomy",
    "read_mask_patient",
]

log = logging.getLogger(__name__)

DrawBody = Callable[[Spine], Sequence[Volume]]
"""The body around a whole spine, e.g. ``body.draw_body`` with its settings and generator."""
PaintBone = Callable[[np.ndarray, np.ndarray, TrueVertebra | None], Volume | None]
"""Vertices (n, 3) and faces (f, 3) to a volume of bone, e.g. ``bone.fill_bone`` with its quality and generator, with
the vertebra that they are of (``bone.fill_vertebra``; None for a stub); None for one that no picture needs to show."""


@dataclass(frozen=True)
class Anatomy:
    """What is real of a patient.

    Attributes:
        subject: whose it is.
        vertebrae: level to truth; with its bone from a CT, without (None) from a mask alone.
        soft: soft tissue on the scan's box; None from a mask alone.
        seen: bool on the same grid: what of the box is really scanned.
        others: bone that belongs to no true vertebra, metal.
        residual_mm: level to how well the atlas lies on the true surface (root mean square).
    """

    subject: str
    vertebrae: Mapping[str, TrueVertebra]
    soft: Volume | None = None
    seen: np.ndarray | None = None
    others: tuple[Volume, ...] = ()
    residual_mm: Mapping[str, float] = field(default_factory=dict)


def read_ct_patient(
    ct: Path,
    mask: Path,
    subject: str,
    models: Mapping[str, ShapeModel],
    settings: CtSettings | None = None,
    levels: Sequence[str] | None = None,
    drawn: Spine | None = None,
    body: DrawBody | None = None,
    paint: PaintBone | None = None,
) -> Patient:
    """A patient from a CT and its mask; see ``read_anatomy`` and ``make_patient``."""
    settings = settings or CtSettings()
    return make_patient(read_anatomy(ct, mask, subject, models, settings, levels), settings, drawn, body, paint)


def read_mask_patient(
    mask: Path,
    subject: str,
    models: Mapping[str, ShapeModel],
    paint: PaintBone,
    settings: CtSettings | None = None,
    levels: Sequence[str] | None = None,
    drawn: Spine | None = None,
    body: DrawBody | None = None,
) -> Patient:
    """A patient from a mask alone: true surfaces, their bone painted, everything else drawn."""
    settings = settings or CtSettings()
    return make_patient(read_mask_anatomy(mask, subject, models, settings, levels), settings, drawn, body, paint)


def read_mask_anatomy(
    mask: Path,
    subject: str,
    models: Mapping[str, ShapeModel],
    settings: CtSettings,
    levels: Sequence[str] | None = None,
) -> Anatomy:
    """Read a mask alone: true surfaces without bone; arguments and errors as of ``read_anatomy``."""
    vertebrae, residual = _true_vertebrae(read_labels(mask), subject, models, settings, levels)
    return Anatomy(subject, vertebrae, residual_mm=residual)


def read_anatomy(
    ct: Path,
    mask: Path,
    subject: str,
    models: Mapping[str, ShapeModel],
    settings: CtSettings,
    levels: Sequence[str] | None = None,
) -> Anatomy:
    """Read a CT with its mask.

    Args:
        subject: "verse005"; where the atlas knows this person, the stored correspondence gives the landmarks.
        models: level to its model.
        levels: asked for; when absent all that are whole in the scan and have a model.

    Raises:
        InputError: a file is missing or broken, the mask does not fit the CT, the CT is none, a level asked for is not
            in the mask or has no model, or nothing is left.
    """
    scan, labels = read_pair(ct, mask)
    vertebrae, residual = _true_vertebrae(labels, subject, models, settings, levels)
    found = tissues(scan, settings)
    bone, claimed = found.bone, claims(labels, found.bone, settings.rim_mm)
    total = np.zeros(bone.values.shape, dtype=np.float32)
    for box, claim in claimed.values():
        total[box] += claim
    left, filled = bone.values * (1.0 - np.minimum(total, 1.0)), {}
    for level, (box, claim) in claimed.items():
        part = bone.values[box] * claim / np.maximum(total[box], 1.0)
        if level in vertebrae:
            filled[level] = replace(vertebrae[level], volume=part_of(bone, box, part))
        else:
            left[box] += part
    others = (trimmed(replace(bone, values=left)), found.metal)
    in_order = {level: filled[level] for level in vertebrae}
    kept = tuple(volume for volume in others if volume is not None)
    return Anatomy(subject, in_order, found.soft, found.seen, kept, residual)


def make_patient(
    anatomy: Anatomy,
    settings: CtSettings,
    drawn: Spine | None = None,
    body: DrawBody | None = None,
    paint: PaintBone | None = None,
) -> Patient:
    """A patient from what is real and what is drawn.

    Args:
        drawn: a whole spine; what the scan lacks of it is placed at the ends of the real one and painted.
        body: called with the whole spine; the scan is set into what it gives. When absent nothing lies beyond the scan.
        paint: fills vertebrae and stubs that have no bone of their own with bone.

    Raises:
        ValueError: a body without a drawn spine, or a drawn spine without paint.
    """
    if drawn is None:
        if body is not None:
            raise ValueError("got a body and no drawn spine; expected both: a body is drawn around a spine")
        vertebrae = {level: _painted(truth, paint) for level, truth in anatomy.vertebrae.items()}
        soft = () if anatomy.soft is None else (anatomy.soft,)
        return Patient(anatomy.subject, vertebrae, (*soft, *anatomy.others))
    if paint is None:
        raise ValueError("got a drawn spine and no paint; expected both: drawn bones have to be filled")
    spine = completed(anatomy.vertebrae, drawn)
    near = _near(spine, anatomy.vertebrae, settings.neighbours)
    vertebrae = {level: _painted(spine.vertebrae[level], paint) for level in near}
    stubs = [stub for stub, level in zip(spine.stubs, stub_levels(drawn), strict=True) if level in near]
    added = [vertebrae[level].vertices for level in near if level not in anatomy.vertebrae]
    added += [vertices for vertices, _ in stubs]
    others = anatomy.others
    if added:
        points = np.concatenate(added)
        others = tuple(
            without_bones(volume, points, settings.take_out_mm, settings.take_out_fade_mm) for volume in others
        )
    volumes = surrounded(replace(anatomy, others=others), () if body is None else body(spine), settings)
    bones = tuple(bone for stub in stubs if (bone := paint(*stub, None)) is not None)
    return Patient(anatomy.subject, vertebrae, (*volumes, *bones), facing=spine.facing)


def surrounded(anatomy: Anatomy, body: Sequence[Volume], settings: CtSettings) -> tuple[Volume, ...]:
    """What is real besides the vertebrae, set into a body; either may be missing."""
    if anatomy.soft is None or anatomy.seen is None:
        return (*body, *anatomy.others)
    if not body:
        return (anatomy.soft, *anatomy.others)
    reach = settings.fade_mm, settings.carry_mm
    return set_in(anatomy.soft, anatomy.seen, anatomy.others, body, *reach, settings.soft_spacing_mm)


def stub_levels(drawn: Spine) -> tuple[str, ...]:
    """The level that each stub lies next to: "T1" (C7) and "L5" (the sacrum), as far as they were drawn."""
    ends = [level for level in ("T1", "L5") if level in drawn.vertebrae]
    if len(ends) != len(drawn.stubs):
        raise ValueError(
            f"got {len(drawn.stubs)} stubs of a spine with {', '.join(ends) or 'no end'}; expected one each"
        )
    return tuple(ends)


def _near(spine: Spine, real: Mapping[str, TrueVertebra], neighbours: int) -> list[str]:
    """The real levels and so many drawn ones beyond, head to foot."""
    places = [LEVELS.index(level) for level in real]
    first, last = min(places) - neighbours, max(places) + neighbours
    return [level for level in spine.vertebrae if first <= LEVELS.index(level) <= last]


def _painted(truth: TrueVertebra, paint: PaintBone | None) -> TrueVertebra:
    if truth.volume is not None or paint is None:
        return truth
    return replace(truth, volume=paint(truth.vertices, truth.faces, truth))


def _true_vertebrae(
    labels: LabelVolume,
    subject: str,
    models: Mapping[str, ShapeModel],
    settings: CtSettings,
    asked: Sequence[str] | None,
) -> tuple[dict[str, TrueVertebra], dict[str, float]]:
    """Level to truth and to the residual, of a mask's vertebrae that are whole (or of those asked for)."""
    present = tuple(labels.boxes)
    for level in asked or ():
        if level not in present:
            raise InputError(labels.path, "level", level, f"one that is in the mask ({', '.join(present) or 'none'})")
        if level not in models:
            raise InputError(labels.path, "level", level, f"one that has a model ({', '.join(models)})")
    wanted = tuple(level for level in present if level in models and level in (asked or present))
    if unknown := [level for level in present if level not in models]:
        log.warning("%s: %s without a model, left as bone without a label", labels.path.name, ", ".join(unknown))
    vertebrae, residual = {}, {}
    for surface in read_source(Source(labels.path, labels.path.name, subject), wanted) if wanted else ():
        if len(surface.cut) and not settings.keep_cut:
            log.warning("%s: %s is cut by the scan's border, left without truth", labels.path.name, surface.level)
            continue
        found = annotate_surface(surface, models[surface.level])
        vertebrae[surface.level], residual[surface.level] = found.vertebra, found.residual_mm
    if missing := [level for level in asked or () if level not in vertebrae]:
        raise InputError(labels.path, "level", ", ".join(missing), "vertebrae that are whole in the scan")
    if not vertebrae:
        raise InputError(labels.path, "labels", ", ".join(present), "at least one whole vertebra that has a model")
    return vertebrae, residual
