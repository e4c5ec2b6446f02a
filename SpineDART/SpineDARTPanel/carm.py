"""The C-arm form: angles, distances, pixel spacing and way round of one X-ray; its frustum follows every number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.geometry.conventions import CONVENTIONS
from SpineDARTLib.geometry.patient import POSITIONS
from SpineDARTLib.geometry.words import describe, display
from SpineDARTLib.panel.state import CArm, XRay
from SpineDARTLib.panel.steps import Step
from SpineDARTLib.types import View

from . import build
from .fold import Fold
from .section import enable

FLIP, TURN = "image_flip_horizontal", "image_rotation_deg"
CHOOSE, AS_SAID = _("choose…"), _("as its file says")
SIDES = (CHOOSE, _("the tube"), _("the detector (cath labs)"))
TURNS = (0, 90, 180, 270)
COUNTINGS = tuple(CONVENTIONS)
LYING = ("", *POSITIONS)
FIELDS = ("primary_deg", "secondary_deg", "source_to_detector_mm", "source_to_isocentre_mm", "pixel_spacing_mm",
          "detector_rotation_deg", "convention", "patient_position")  # fmt: skip
"""Of ``CArm``, as the form has them: six numbers and two choices."""
ANSWERED = _("Its case or geometry file has answered this; Mirror turns the picture over all the same.")


def _number(low: float, high: float, step: float, decimals: int, suffix: str, help_text: str) -> Any:
    made = build.helped(qt.QDoubleSpinBox(), help_text)
    made.decimals, made.minimum, made.maximum, made.singleStep, made.suffix = decimals, low, high, step, suffix
    made.setKeyboardTracking(False)
    return made


def _choice(words: tuple[str, ...], help_text: str, chosen: Any) -> Any:
    made = build.helped(qt.QComboBox(), help_text)
    made.addItems(list(words))
    made.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(14)
    made.connect("activated(int)", chosen)
    return made


def _numbers_of(arm: CArm) -> tuple[float, ...]:
    """What the fields show."""
    return tuple(one[0] if isinstance(one, tuple) else one for one in (getattr(arm, name) for name in FIELDS[:6]))


def _said(field: Any, shown: float) -> float:
    """A field's number; what was shown in it where it shows that still, but for its decimals."""
    return shown if abs(field.value - shown) <= 0.5 * 10**-field.decimals else field.value


class CArmForm:
    """What places one X-ray, and what that comes to in words.

    Attributes:
        whole: the form.
        controls: its fields and the button that takes them.
    """

    def __init__(self, presenter: Any) -> None:
        self._presenter, self._name, self._shown, self._answered = presenter, "", CArm(), ""
        self._display = build.field("LAO 30 CRA 10", _("Both angles as the C-arm's display shows them."))
        self._display.connect("editingFinished()", self._read)
        self._primary = _number(-180, 180, 1, 1, "°", _("Primary angle: LAO positive, RAO negative."))
        self._secondary = _number(-90, 90, 1, 1, "°", _("Secondary angle: cranial positive, caudal negative."))
        self._detector = _number(100, 3000, 10, 0, " mm", _("Distance from the X-ray source to the detector."))
        self._isocentre = _number(
            50,
            2900,
            10,
            0,
            " mm",
            _("Distance from the X-ray source to the isocentre, the point that the C-arm turns about."),
        )
        self._spacing = _number(0.01, 5, 0.01, 3, " mm", _("Size of a pixel on the detector (not at the patient)."))
        self._side = _choice(
            SIDES,
            _("Cath labs show the patient as one looks towards the tube. Check the marker and the spinous processes."),
            self._sided,
        )
        use = build.button(_("Use these numbers"), _("Takes the numbers as they stand."), self._changed, "small")
        self._words = build.label("", "quiet")
        self.fields = (self._primary, self._secondary, self._detector, self._isocentre, self._spacing)
        numbers = build.form(
            (
                (_("Display"), self._display),
                (_("LAO +, CRA +"), build.row(self._primary, self._secondary)),
                (_("To detector, centre"), build.row(self._detector, self._isocentre)),
                (_("Pixel on the detector"), self._spacing),
                (_("Stored as seen from"), self._side),
            )
        )
        self.fold = self._seldom()
        self.whole = build.column(numbers, self.fold.whole, self._words, build.row(use, None))
        self.controls = (*self.fields, self._rotation, self._counting, self._lies, self._display, use)
        for field in (*self.fields, self._rotation):
            field.connect("valueChanged(double)", self._changed)

    def _seldom(self) -> Fold:
        """What is seldom asked for."""
        self._rotation = _number(-180, 180, 1, 1, "°", _("About the beam, clockwise as the tube sees it."))
        words = [_("as DICOM: LAO and CRA positive")]
        words += [f"{name}: {CONVENTIONS[name].words}{'' if CONVENTIONS[name].verified else _(' (not verified)')}"
                  for name in COUNTINGS[1:]]  # fmt: skip
        self._counting = _choice(
            tuple(words),
            _("How the angles are counted. What is not verified: look at where tube and detector come to stand."),
            self._changed,
        )
        lying = (_("not said"), *(f"{words} ({name})" for name, words in POSITIONS.items()))
        self._lies = _choice(lying, _("For angles that are counted from the table."), self._changed)
        self._turn = _choice(
            tuple(f"{turn}°" for turn in TURNS), _("How far the picture was turned, clockwise, before it was stored."),
            self._turned,
        )  # fmt: skip
        rows = (
            (_("Angles counted"), self._counting), (_("Patient lies"), self._lies),
            (_("Detector turned"), self._rotation), (_("Picture turned"), self._turn),
        )  # fmt: skip
        return Fold(_("Seldom needed"), _("Convention, patient's position, turns."), build.form(rows))

    def show(self, xray: XRay, view: View | None) -> None:
        """The form of one X-ray, and what its camera is in words."""
        self._name, self._shown = xray.name, xray.c_arm
        arm = xray.c_arm
        for field, value in zip((*self.fields, self._rotation), _numbers_of(arm), strict=True):
            if _said(field, value) != value:
                field.blockSignals(True)
                field.value = value
                field.blockSignals(False)
        self._counting.setCurrentIndex(COUNTINGS.index(arm.convention))
        self._lies.setCurrentIndex(LYING.index(arm.patient_position))
        if not self._display.modified:
            self._display.text = display(view) if view is not None else ""
        self._show_stored(xray)
        build.write(self._words, f"{display(view)}: {describe(view)}." if view is not None else "")
        self._words.setVisible(view is not None)

    def _show_stored(self, xray: XRay) -> None:
        """Which way round its picture is stored; what a file has answered is not asked."""
        found = xray.known.quantities if xray.known is not None else {}
        flip, turn = (found[name].value[0] if name in found else None for name in (FLIP, TURN))
        self._answered = ANSWERED if xray.known is None or "world_to_camera" in found else ""
        self._side.setCurrentIndex(0 if self._answered or xray.unanswered or flip is None else 2 if flip else 1)
        self._turn.setCurrentIndex(TURNS.index(round(turn or 0.0) % 360))
        self._side.setItemText(0, AS_SAID if self._answered else CHOOSE)
        build.tone(self._side, "tone", "check" if xray.unanswered else "")

    def show_step(self, step: Step) -> None:
        """What a file has answered cannot be said otherwise."""
        control = step.controls["geometry"]
        for field in (self._side, self._turn):
            enable(field, control.enabled and not self._answered, control.why or self._answered)

    def _changed(self) -> None:
        """Only what differs from what was shown is said: other fields may not have been drawn again yet."""
        numbers = _numbers_of(self._shown)
        shown = (*numbers, self._shown.convention, self._shown.patient_position)
        typed = (_said(field, old) for field, old in zip((*self.fields, self._rotation), numbers, strict=True))
        said = (*typed, COUNTINGS[self._counting.currentIndex], LYING[self._lies.currentIndex])
        differ: dict[str, Any] = {name: new for name, new, old in zip(FIELDS, said, shown, strict=True) if new != old}
        if "pixel_spacing_mm" in differ:
            differ["pixel_spacing_mm"] = (differ["pixel_spacing_mm"],) * 2
        now = next(one.c_arm for one in self._presenter.state.xrays if one.name == self._name)
        self._presenter.set_c_arm(self._name, replace(now, **differ))

    def _read(self) -> None:
        if self._display.modified:
            self._display.modified = False
            self._presenter.set_display(self._name, self._display.text)

    def _sided(self, at: int) -> None:
        if at:
            self._presenter.set_stored(self._name, FLIP, float(at - 1))

    def _turned(self, at: int) -> None:
        self._presenter.set_stored(self._name, TURN, float(TURNS[at]))
