"""1 Case: the X-rays and where they were taken from."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.geometry.turned import turned
from SpineDARTLib.geometry.words import describe, display
from SpineDARTLib.panel.state import Asked, PanelState, XRay
from SpineDARTLib.panel.steps import Step
from SpineDARTLib.types import View

from . import ask, build
from .carm import CArmForm
from .fold import Fold
from .frames import Frames
from .relation import Relation
from .section import Section, enable_all

POLARITIES = ("bone-dark", "bone-bright")


GEOMETRY = _("Geometry (*.json *.txt *.csv *.npy *.npz *.xml *.h5 *.hdf5);;All files (*)")

TURNED = _("Turned over when read: the file shows the patient from the detector's side, a plan from the source's.")


class CaseSection(Section):
    """Opens cases and shows a row for each X-ray."""

    reads = frozenset({"case", "xrays", "same_frame", "marking", "judged"})

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
        self._relation = Relation(presenter)
        self.add(self._relation.whole, **self._relation.controls)

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
        self._relation.show(state)

    def show_step(self, step: Step) -> None:
        """Each X-ray's own controls too."""
        super().show_step(step)
        for row in self._rows:
            enable_all(row.controls, step)
            row.form.show_step(step)

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
            _("Geometry…"),
            _("From a file: projection matrices, or cameras of DeepDRR, DiffDRR, nanodrr, xreg, RTK, ASTRA."),
            self._matrix,
            "small",
        )
        remove = build.button(_("Remove"), _("Take this X-ray out of the case."), self._remove, "small")
        self._frames, self.form, self._question = Frames(presenter), CArmForm(presenter), Question(presenter)
        self.controls = {"polarity": self._polarity, "mirror": mirror, "matrix": matrix, "remove_view": remove}
        self.controls |= {"geometry": self.form.controls, "frame": self._frames.controls}
        tools = build.row(self._polarity, mirror, matrix, remove, None)
        self._fold = Fold(
            _("Picture and geometry"),
            _("Polarity, mirrored view, which picture of a run, C-arm angles."),
            tools,
            self._frames.whole,
            self.form.whole,
        )
        top = build.row(self._name, self._about, self._angles)
        top.layout().setStretch(1, 1)
        self.whole = qt.QFrame()
        self.whole.setProperty("role", "well")
        layout = qt.QVBoxLayout(self.whole)
        layout.setContentsMargins(8, 5, 8, 3)
        layout.setSpacing(1)
        for part in (top, self._notes, self._question.whole, self._fold.whole):
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
        self._question.show(xray.name, xray.asked)
        if not xray.source or xray.unanswered:
            self._fold.open(True)
        self.form.show(xray, view)

    def _mirror(self) -> None:
        self._presenter.mirror(self.name)

    def _matrix(self) -> None:
        file = ask.file(_("Geometry"), GEOMETRY)
        if file:
            self._presenter.set_matrix(self.name, file)

    def _remove(self) -> None:
        self._presenter.remove_view(self.name)


class Question:
    """What a geometry file leaves open, asked in the X-ray's row; out of sight where it leaves nothing open."""

    AXES = ("RAS", "LPS")

    def __init__(self, presenter: Any) -> None:
        self._presenter, self._name, self._asked = presenter, "", None
        self._words = build.label()
        self._words.setProperty("tone", "check")
        self.camera = build.helped(qt.QComboBox(), _("Which of the file's cameras took this X-ray."))
        self.axes = build.helped(
            qt.QComboBox(),
            _("Where x and y of the file's world point: right and front (RAS), left and back (LPS)."),
        )
        self.axes.addItems([_("choose axes…"), _("RAS (Slicer)"), _("LPS (DICOM, ITK)")])
        for box in (self.camera, self.axes):
            box.connect("activated(int)", self._answered)
        self.whole = build.column(self._words, build.row(self.camera, self.axes, None), spacing=2)

    def show(self, name: str, asked: Asked | None) -> None:
        """Another question, or none."""
        self._name = name
        self.whole.setVisible(asked is not None)
        if asked is None or asked is self._asked:
            self._asked = asked
            return
        self._asked = asked
        build.write(self._words, _("⚠ {file} leaves open:").format(file=asked.file.name))
        self.camera.clear()
        self.camera.addItems([_("choose camera…"), *asked.cameras])
        self.camera.setVisible(bool(asked.cameras))
        self.axes.setCurrentIndex(0)
        self.axes.setVisible(asked.axes)

    def _answered(self) -> None:
        """When all is answered."""
        asked, camera, axes = self._asked, self.camera.currentIndex, self.axes.currentIndex
        if asked is None or (asked.cameras and not camera) or (asked.axes and not axes):
            return
        chosen = asked.cameras[camera - 1] if asked.cameras else ""
        self._presenter.set_matrix(self._name, asked.file, chosen, self.AXES[axes - 1] if asked.axes else None)
