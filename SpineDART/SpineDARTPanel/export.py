"""7 Export: plan folder, report, tables, meshes, lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from SpineDARTLib.panel.state import PanelState

from . import ask, build
from .section import Section


class ExportSection(Section):
    """Asks where to, and writes nowhere else.

    Args:
        report: writes the report to a file.
    """

    def __init__(self, presenter: Any, report: Callable[[str], Any]) -> None:
        super().__init__(7, _("Export"), _("Files to take along; without names of patients."), "plan")
        self._presenter, self._report_to = presenter, report
        plan = build.button(
            _("Plan folder…"), _("Everything, as it stands now."), lambda: self._into("plan"), "primary"
        )
        page = build.button(_("Report…"), _("One page a vertebra, for reading and printing."), self._report)
        grades = build.button(_("Grades…"), _("All grades as a CSV table."), self._grades)
        self.add(build.row(plan, page, grades), plan=plan, report=page, grades=grades)
        table = build.button(_("Clearances…"), _("A row a cannula, as CSV."), lambda: self._into("table"))
        meshes = build.button(_("Meshes…"), _("The vertebrae as surfaces."), lambda: self._into("meshes"))
        lines = build.button(_("Cannulas…"), _("The cannulas as lines for Slicer."), lambda: self._into("lines"))
        self.add(build.row(table, meshes, lines), table=table, meshes=meshes, lines=lines)

    def show(self, state: PanelState) -> None:
        """Nothing of its own."""

    def _into(self, kind: str) -> None:
        folder = ask.folder(_("Folder to write into"))
        if folder:
            self._presenter.export(kind, folder)

    def _report(self) -> None:
        file = ask.new_file(_("Report"), "spinedart-report.html", _("Web page (*.html)"))
        if file:
            self._report_to(file)

    def _grades(self) -> None:
        file = ask.new_file(_("Grades"), "spinedart-grades.csv", _("Table (*.csv)"))
        if file:
            self._presenter.export("grades", file)
