"""The C-arm form: angles, distances and pixel spacing of one X-ray; the frustum in 3D follows every number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import CArm, XRay

from . import build


def _number(low: float, high: float, step: float, decimals: int, suffix: str, help_text: str) -> Any:
    made = build.helped(qt.QDoubleSpinBox(), help_text)
    made.decimals, made.minimum, made.maximum, made.singleStep, made.suffix = decimals, low, high, step, suffix
    made.setKeyboardTracking(False)
    return made


class CArmForm:
    """Five numbers that place one X-ray.

    Attributes:
        whole: the form.
        controls: its five numbers and the button that takes them.
    """

    def __init__(self, presenter: Any) -> None:
        self._presenter, self._name, self._shown = presenter, "", CArm()
        self._primary = _number(-180, 180, 1, 1, "°", _("Primary angle: LAO positive, RAO negative."))
        self._secondary = _number(-90, 90, 1, 1, "°", _("Secondary angle: cranial positive, caudal negative."))
        self._detector = _number(100, 3000, 10, 0, " mm", _("Distance from the X-ray source to the detector."))
        self._isocentre = _number(50, 2900, 10, 0, " mm", _("Distance from the X-ray source to the isocentre."))
        self._spacing = _number(0.01, 5, 0.01, 3, " mm", _("Size of a pixel on the detector (not at the patient)."))
        numbers = build.form(
            (
                (_("LAO (+) / RAO (−)"), self._primary),
                (_("CRA (+) / CAU (−)"), self._secondary),
                (_("Source to detector"), self._detector),
                (_("Source to isocentre"), self._isocentre),
                (_("Pixel on the detector"), self._spacing),
            )
        )
        use = build.button(_("Use these numbers"), _("Takes the numbers as they stand."), self._changed, "small")
        self.whole = build.column(numbers, build.row(use, None))
        self.fields = (self._primary, self._secondary, self._detector, self._isocentre, self._spacing)
        self.controls = (*self.fields, use)
        for field in self.fields:
            field.connect("valueChanged(double)", self._changed)

    def show(self, xray: XRay) -> None:
        """The form of one X-ray."""
        self._name, self._shown = xray.name, xray.c_arm
        arm = xray.c_arm
        values = (arm.primary_deg, arm.secondary_deg, arm.source_to_detector_mm, arm.source_to_isocentre_mm)
        for field, value in zip(self.fields, (*values, arm.pixel_spacing_mm[0]), strict=True):
            if abs(field.value - value) > 0.5 * 10**-field.decimals:
                field.blockSignals(True)
                field.value = value
                field.blockSignals(False)

    def _changed(self) -> None:
        spacing = (self._spacing.value, self._spacing.value)
        arm = replace(
            self._shown,
            primary_deg=self._primary.value,
            secondary_deg=self._secondary.value,
            source_to_detector_mm=self._detector.value,
            source_to_isocentre_mm=self._isocentre.value,
            pixel_spacing_mm=spacing if spacing[0] != round(self._shown.pixel_spacing_mm[0], 3)
            else self._shown.pixel_spacing_mm,
        )  # fmt: skip
        self._presenter.set_c_arm(self._name, arm)
