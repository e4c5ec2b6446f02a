"""The panel: a heading, the last message, seven sections, and the grading page in their place while it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from SpineDARTLib.panel.state import PanelState
from SpineDARTLib.panel.steps import steps

from . import build
from .case import CaseSection
from .drop import DropZone
from .export import ExportSection
from .fit import FitSection
from .grade import GradeSection
from .grading import GradingPage
from .inspecting import Inspector, InspectSection
from .keys import HELP
from .locate import LocateSection
from .review import ReviewSection
from .style import DARK_BELOW, style_sheet


class Panel:
    """All widgets of the module.

    Args:
        resources: folder of icons and style sheet.
        pictures: of the grading page.
        report: writes the report to a file.
        ready: whether what is needed to "find" or to "fit" is installed; may ask the user.

    Attributes:
        whole: to be put into the module's layout.
        sections: by the names of ``panel.steps``.
    """

    def __init__(
        self,
        presenter: Any,
        inspector: Inspector,
        pictures: Callable[[PanelState], Mapping[str, Path]],
        report: Callable[[str], Any],
        ready: Callable[[str], bool],
        resources: Path,
    ) -> None:
        self.whole = qt.QWidget()
        self._said: tuple[str, str, bool] | None = None
        self.whole.objectName = "SpineDART"
        dark = self.whole.palette.color(qt.QPalette.Window).lightness() < DARK_BELOW
        self.inspect = InspectSection(presenter, inspector, dark)
        self.sections: dict[str, Any] = {
            "Case": CaseSection(presenter),
            "Locate": LocateSection(presenter, lambda: ready("find")),
            "Fit": FitSection(presenter, lambda: ready("fit")),
            "Review": ReviewSection(presenter, dark),
            "Grade": GradeSection(presenter),
            "Inspect": self.inspect,
            "Export": ExportSection(presenter, report),
        }
        self.grading = GradingPage(presenter, pictures)
        self._build(resources)
        self._drop = DropZone(self.whole, presenter.drop, self._files_over)
        template = (resources / "Styles" / "panel.qss").read_text(encoding="utf-8")
        self.whole.styleSheet = style_sheet(template, dark, (resources / "Icons").as_posix())

    def show(self, state: PanelState, changed: frozenset[str] | None = None) -> None:
        """How things stand now; only what these fields of the state concern, or everything."""
        said = (state.message, state.busy, state.attention)
        if said != self._said:
            self._said = said
            self._say_state(*said)
        grading = state.session is not None
        self._steps.setVisible(not grading)
        self.grading.whole.setVisible(grading)
        for step in steps(state):
            if step.name == "Grade":
                self.grading.show(state, step)
            if not grading:
                section = self.sections[step.name]
                if changed is None or changed & section.reads:
                    section.show(state)
                section.show_step(step)

    def _say_state(self, message: str, busy: str, attention: bool) -> None:
        self.say("  ".join(words for words in (message, f"◐ {busy}" if busy else "") if words), attention)

    def say(self, words: str, attention: bool = False) -> None:
        """The last thing worth saying; nobody has to press anything for it."""
        build.write(self._message, ("⚠ " if attention else "") + words)
        build.tone(self._message_frame, "tone", "check" if attention else "")

    def _files_over(self, over: bool) -> None:
        """While files hang over the panel it says what it takes; then again what it said before."""
        if over:
            self.say(_("Drop to open: X-rays, a case folder, a plan folder or a grading session."))
            build.tone(self._message_frame, "tone", "drop")
        elif self._said is not None:
            message, busy, attention = self._said
            self._say_state(message, busy, attention)

    def toggle_help(self) -> None:
        """Show or hide the list of keys."""
        self._help.setVisible(self._help.isHidden())

    def _build(self, resources: Path) -> None:
        icon = build.label("", "", wrap=False)
        icon.setPixmap(
            qt.QPixmap(str(resources / "Icons" / "SpineDART.png")).scaledToWidth(30, qt.Qt.SmoothTransformation)
        )
        pill = build.helped(
            build.label(_("Not for clinical use"), "pill", wrap=False), _("For research and teaching only.")
        )
        keys = build.button("?", _("The keys (?)."), self.toggle_help, "small")
        top = build.row(icon, build.label("SpineDART", "title", wrap=False), None, pill, keys)
        lines = "".join(f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{words}</td></tr>" for key, words in HELP)
        self._help = build.framed(build.label(f"<table>{lines}</table>"))
        self._help.setVisible(False)
        self._message = build.label()
        self._message_frame = build.framed(self._message, "message")
        self._steps = build.column(*(section.card for section in self.sections.values()), spacing=7)
        layout = qt.QVBoxLayout(self.whole)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        for part in (top, self._help, self._message_frame, self._steps, self.grading.whole):
            layout.addWidget(part)
        layout.addStretch(1)
