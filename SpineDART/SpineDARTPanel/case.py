"""1 Case: the X-rays and where they were taken from."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.geometry.turned import turned
from SpineDARTLib.geometry.words import describe, display
from SpineDARTLib.panel.casing import shared_words
from SpineDARTLib.panel.state import PanelState, XRay
from SpineDARTLib.panel.steps import Step
from SpineDARTLib.types import View

from . import ask, build
from .carm import CArmForm
from .fold import Fold
from .frames import Frames
from .section import Section, enable_all

POLARITIES = ("bone-dark", "bone-bright")


TURNED = _("Turned over when read: the file shows the patient from the detector's side, a plan from the source's.")


class CaseSection(Section):
    """Opens cases and shows a row for each X-ray."""

    reads = frozenset({"case", "xrays"})

    def __init__(self, presenter: Any) -> None:
        super().__init__(1, _("Case"), _("The X-rays and their geometry."))
        self._presenter, self._rows = presenter, []
        self._folder = folder = build.button(
            _("Open case…"),
            _("A folder with case.json and its X-rays; or drop it on this panel."),
            self._open,
            "primary",
        )
        images = build.button(
            _("Add X-ray…"),
            _("DICOM, PNG, TIFF, NIfTI, MHA or NRRD, one file or several; or drop them on this panel."),
            self._add,
        )
        sample = build.button(_("Sample case"), _("Two X-rays of a lumbar spine with a fracture."), self._sample)
        buttons = build.row(folder, images, sample)
        self.add(buttons, open=folder, add_view=images, sample=sample)
        self._list = self.add(build.column(spacing=4))
        self._sharing = self.add(build.label())
        self._sharing.setProperty("tone", "check")

    def show(self, state: PanelState) -> None:
        """A row an X-ray."""
        if [row.name for row in self._rows] != [xray.name for xray in state.xrays]:
            for row in self._rows:
                row.whole.hide()
                row.whole.deleteLater()
            self._rows = [ViewRow(self._presenter, xray) for xray in state.xrays]
            for row in self._rows:
                self._list.layout().addWidget(row.whole)
        build.tone(self._folder, "role", "" if state.xrays else "primary")
        views = {view.name: view for view in state.case.views} if state.case else {}
        for row, xray in zip(self._rows, state.xrays, strict=True):
            row.show(xray, views.get(xray.name))
        words = shared_words(state)[1]
        build.write(self._sharing, f"⚠ {words}")
        self._sharing.setVisible(bool(words))

    def show_step(self, step: Step) -> None:
        """Each X-ray's own controls too."""
        super().show_step(step)
        for row in self._rows:
            enable_all(row.controls, step)

    def _open(self) -> None:
        folder = ask.folder(_("Case folder"))
        if folder:
            self._presenter.open_case(folder)

    def _add(self) -> None:
        for file in ask.images(_("X-rays")):
            self._presenter.add_view(file)

    def _sample(self) -> None:
        self._presenter.open_sample()


class ViewRow:
    """One X-ray: name, file, angles; folded away, what can be changed of it."""

    def __init__(self, presenter: Any, xray: XRay) -> None:
        self.name, self._presenter = xray.name, presenter
        self._name = build.label(xray.name, "strong", wrap=False)
        self._name.setMinimumWidth(40)
        self._about = build.label("", "quiet")
        self._angles = build.label("", "", wrap=False)
        self._notes = build.label()
        self._notes.setProperty("tone", "check")
        self._polarity = build.helped(
            qt.QComboBox(), _("How this picture shows bone. Check by eye: ribs and endplates.")
        )
        self._polarity.addItems([_("bone is dark"), _("bone is bright")])
        self._polarity.connect("activated(int)", lambda at: presenter.set_polarity(self.name, POLARITIES[at]))
        mirror = build.button(_("Mirror"), _("Turn the picture over, left to right."), self._mirror, "small")
        matrix = build.button(
            _("Matrix…"), _("Geometry from a JSON file with a projection matrix."), self._matrix, "small"
        )
        remove = build.button(_("Remove"), _("Take this X-ray out of the case."), self._remove, "small")
        self._frames, self._form = Frames(presenter), CArmForm(presenter)
        self.controls = {"polarity": self._polarity, "mirror": mirror, "matrix": matrix, "remove_view": remove}
        self.controls |= {"geometry": self._form.controls, "frame": self._frames.controls}
        tools = build.row(self._polarity, mirror, matrix, remove, None)
        self._fold = Fold(
            _("Picture and geometry"),
            _("Polarity, mirrored view, which picture of a run, C-arm angles."),
            tools,
            self._frames.whole,
            self._form.whole,
        )
        top = build.row(self._name, self._about, self._angles)
        top.layout().setStretch(1, 1)
        self.whole = qt.QFrame()
        self.whole.setProperty("role", "well")
        layout = qt.QVBoxLayout(self.whole)
        layout.setContentsMargins(8, 5, 8, 3)
        layout.setSpacing(1)
        for part in (top, self._notes, self._fold.whole):
            layout.addWidget(part)

    def show(self, xray: XRay, view: View | None) -> None:
        """What is known of it."""
        mirrored = _(" · mirrored") if xray.mirrored else ""
        known = _("geometry: {source}").format(source=xray.source) if xray.source else _("no geometry yet")
        build.write(self._about, f"{xray.file or _('from the scene')} · {known}{mirrored}")
        build.write(self._angles, display(view) if view is not None else _("⚠ needs geometry"))
        build.tone(self._angles, "tone", "" if view is not None else "check")
        over = [TURNED] if xray.known is not None and turned(xray.known) is not xray.known else []
        self._angles.toolTip = "" if view is None else "\n".join([describe(view), *over])
        self._frames.show(xray)
        build.write(self._notes, "\n".join(f"⚠ {note}" for note in xray.notes))
        self._notes.setVisible(bool(xray.notes))
        self._polarity.setCurrentIndex(POLARITIES.index(xray.polarity))
        if not xray.source:
            self._fold.open(True)
        self._form.show(xray)

    def _mirror(self) -> None:
        self._presenter.mirror(self.name)

    def _matrix(self) -> None:
        file = ask.file(_("Geometry"), _("JSON (*.json)"))
        if file:
            self._presenter.set_matrix(self.name, file)

    def _remove(self) -> None:
        self._presenter.remove_view(self.name)
