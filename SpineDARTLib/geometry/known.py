"""What is known of one X-ray's geometry: every value with where it comes from and how far it may be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

CONFIDENCES = ("stated", "derived", "assumed", "given")
"""The file says it; computed from the file's other values; proposed, to be confirmed; the user said it."""

Numbers = float | int | Sequence[float | int]
"""One number or several, as people write them."""

UNITS: Mapping[str, tuple[int, str]] = {
    "primary_deg": (1, "deg"),
    "secondary_deg": (1, "deg"),
    "detector_rotation_deg": (1, "deg"),
    "source_to_detector_mm": (1, "mm"),
    "source_to_isocentre_mm": (1, "mm"),
    "pixel_spacing_mm": (2, "mm"),
    "principal_point_px": (2, "px"),
    "isocentre_mm": (3, "mm"),
    "image_flip_horizontal": (1, ""),
    "image_rotation_deg": (1, "deg"),
    "table_position_mm": (3, "mm"),
    "table_angles_deg": (3, "deg"),
    "world_to_camera": (16, "mm"),
}
"""Quantity to how many numbers it has and their unit.

Angles as in DICOM PS3.3 C.8.7.5 (primary positive to the patient's left, secondary towards the head). pixel_spacing_mm:
at the detector, between rows and between columns. principal_point_px: (column, row). isocentre_mm: world, RAS.
image_rotation_deg (clockwise) and then image_flip_horizontal (0 or 1): what makes the stored picture of what the source
sees (``geometry.turned`` undoes it); a DICOM picture is shown as one looks towards the source, so 1 is the rule.
table_position_mm: how far the table stands to the left of a patient who lies head first on his back, down, and towards
his head, from a zero of the machine's own. table_angles_deg: horizontal rotation, head tilt, cradle tilt.
world_to_camera: 4 x 4, row by row, of the picture that the source sees; where it stands it is the whole pose, and
angles, isocentre and the distance to it are for reading only.
"""

POSITIVE = ("source_to_detector_mm", "source_to_isocentre_mm", "pixel_spacing_mm")
"""Lengths that must be above zero."""

REQUIRED: Mapping[str, str] = {
    "primary_deg": "primary angle, positive with the detector at the patient's left (LAO)",
    "secondary_deg": "secondary angle, positive with the detector towards the head",
    "source_to_detector_mm": "distance from the source to the detector",
    "source_to_isocentre_mm": "distance from the source to the point that the C-arm turns about",
    "pixel_spacing_mm": "pixel spacing at the detector (between rows, between columns)",
}
"""What a camera cannot be made without, in words."""

POSE = ("primary_deg", "secondary_deg", "source_to_isocentre_mm")
"""Of these, what a world_to_camera makes unnecessary."""

READ_FROM_POSE = (*POSE, "detector_rotation_deg", "isocentre_mm", "image_flip_horizontal", "image_rotation_deg")
"""What world_to_camera was made from: it falls when one of these is changed."""


FLIPS: Mapping[tuple[float, ...], str] = {(0.0,): "0 (not mirrored)", (1.0,): "1 (mirrored)"}
"""What image_flip_horizontal means."""


@dataclass(frozen=True)
class Quantity:
    """One value of a geometry.

    Attributes:
        name: one of ``UNITS``.
        value: its numbers.
        unit: "deg", "mm", "px" or "".
        source: who says so, such as "ImagerPixelSpacing (0018,1164)".
        confidence: one of ``CONFIDENCES``.

    Raises:
        ValueError: a confidence that is none, or a number that is not finite.
    """

    name: str
    value: tuple[float, ...]
    unit: str
    source: str
    confidence: str

    def __post_init__(self) -> None:
        if self.confidence not in CONFIDENCES:
            raise ValueError(f'got confidence "{self.confidence}"; expected one of {", ".join(CONFIDENCES)}')
        if not all(isfinite(number) for number in self.value):
            raise ValueError(f"got {self.name} {self.numbers}; expected finite numbers")

    @property
    def numbers(self) -> str:
        """The value as a person writes it: "0.3 x 0.31 mm", "31.3 deg", "1 (mirrored)"."""
        if self.name == "image_flip_horizontal" and self.value in FLIPS:
            return FLIPS[self.value]
        separator = " x " if self.name == "pixel_spacing_mm" else ", "
        return f"{separator.join(f'{number:.6g}' for number in self.value)} {self.unit}".strip()


@dataclass(frozen=True)
class Conflict:
    """Values of one quantity that cannot all be true.

    Attributes:
        quantities: two or more, each with its source.
        used: which of them is used.
        rule: the sentence that decided.
    """

    name: str
    quantities: tuple[Quantity, ...]
    used: int
    rule: str

    @property
    def words(self) -> str:
        """One plain sentence with the values and their tags."""
        values = " against ".join(f"{quantity.numbers} ({quantity.source})" for quantity in self.quantities)
        return f"{spoken(self.name)}: {values}; {self.quantities[self.used].numbers} is used: {self.rule}."


@dataclass(frozen=True)
class Missing:
    """A value that the file does not say.

    Attributes:
        name: one of ``UNITS``.
        words: what is asked for.
        proposal: a sensible value, "assumed"; never used unless someone takes it.
        why: where the proposal comes from, or why there is none.
    """

    name: str
    words: str
    proposal: Quantity | None
    why: str


@dataclass(frozen=True)
class KnownGeometry:
    """What one frame of one file says of the camera that took it.

    Attributes:
        file: the file's name, without its folder.
        kind: "XA", "RF", "DX", "CR", "Enhanced XA", "Enhanced XRF" or the modality.
        shape: (rows, columns).
        frame: which of ``frames``, from 0.
        quantities: name to value.
        conflicts, missing, warnings: what is doubtful, what is to be asked for, and what else should be known.
        polarity: "bone-dark", "bone-bright" or None, as the file says.
        patient_position: how the patient lies, such as "HFS", or None.
        patient_orientation: towards which part of the patient rows and columns run, such as ("L", "F"), or None.
        view_position: "AP", "LL" and the like, or None.
        identities: which frame of reference, study and machine it is, each as a one-way code that only serves to
            compare two files; never shown.
    """

    file: str
    kind: str
    shape: tuple[int, int]
    frame: int = 0
    frames: int = 1
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    missing: tuple[Missing, ...] = ()
    warnings: tuple[str, ...] = ()
    polarity: str | None = None
    patient_position: str | None = None
    patient_orientation: tuple[str, str] | None = None
    view_position: str | None = None
    identities: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def complete(self) -> bool:
        """Whether a camera can be made of it without asking."""
        return not self.missing

    def overridden(self, **values: Numbers) -> KnownGeometry:
        """The same with what the user says; a spacing may be one number.

        Raises:
            ValueError: no such quantity, or not its kind of numbers.
        """
        changed = self
        for name, value in values.items():
            changed = changed._with(given(name, value))
        return changed

    def with_proposals(self) -> KnownGeometry:
        """The same with every proposal taken, as "assumed"; what has none stays missing."""
        changed = self
        for missing in self.missing:
            if missing.proposal is not None:
                changed = changed._with(missing.proposal)
        return changed

    def _with(self, quantity: Quantity) -> KnownGeometry:
        quantities = {**self.quantities, quantity.name: quantity}
        warnings = self.warnings
        if quantity.name in READ_FROM_POSE and quantities.pop("world_to_camera", None):
            warnings += (f"The pose that the file states is dropped, because {spoken(quantity.name)} was changed.",)
        proposals = {missing.name: missing for missing in self.missing}
        return replace(
            self,
            quantities=quantities,
            conflicts=tuple(_resolved(conflict, quantity) for conflict in self.conflicts),
            missing=missing_of(quantities, proposals),
            warnings=warnings,
        )


def given(name: str, value: Numbers, source: str = "given") -> Quantity:
    """A quantity that the user says.

    Raises:
        ValueError: no such quantity, or not its kind of numbers.
    """
    return quantity_of(name, value, source, "given")


def quantity_of(name: str, value: Numbers, source: str, confidence: str) -> Quantity:
    """A quantity with its unit, checked.

    Raises:
        ValueError: no such quantity, too many or too few numbers, not finite, or a length that is not above zero.
    """
    if name not in UNITS:
        raise ValueError(f'got a quantity "{name}"; expected one of {", ".join(UNITS)}')
    count, unit = UNITS[name]
    numbers = (float(value),) if isinstance(value, (int, float)) else tuple(float(number) for number in value)
    if name == "pixel_spacing_mm" and len(numbers) == 1:
        numbers *= 2
    if len(numbers) != count:
        raise ValueError(f"got {len(numbers)} numbers for {name}; expected {count}")
    quantity = Quantity(name, numbers, unit, source, confidence)
    if name in POSITIVE and min(numbers) <= 0:
        raise ValueError(f"got {name} {quantity.numbers}; expected more than 0")
    return quantity


def missing_of(
    quantities: Mapping[str, Quantity], proposals: Mapping[str, Missing] | None = None
) -> tuple[Missing, ...]:
    """What is still to be asked for, with the proposals where there are some."""
    asked = [name for name in REQUIRED if name not in quantities]
    if "world_to_camera" in quantities:
        asked = [name for name in asked if name not in POSE]
    found = proposals or {}
    return tuple(found.get(name) or Missing(name, REQUIRED[name], None, "nothing to propose") for name in asked)


def spoken(name: str) -> str:
    """A quantity's name without underscores and unit: "pixel spacing"."""
    return name.rsplit("_", 1)[0].replace("_", " ") if name.endswith(("_mm", "_deg", "_px")) else name.replace("_", " ")


def _resolved(conflict: Conflict, quantity: Quantity) -> Conflict:
    """A conflict with what was said since as its last word; others stay as they are."""
    if conflict.name != quantity.name:
        return conflict
    quantities = (*conflict.quantities, quantity)
    return replace(conflict, quantities=quantities, used=len(quantities) - 1, rule="it was said by the user")
