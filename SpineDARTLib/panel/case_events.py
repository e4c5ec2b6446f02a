"""What a user can do with the case: X-rays and fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..atlas.model import ShapeModel
from ..resources import resource_folder
from . import casing
from .events import Events
from .loading import Loaded
from .state import PanelState, Refusal


class CaseEvents(Events):
    """Abstract: a part of ``presenter.Presenter``."""

    # Case

    def open_case(self, folder: Path | str) -> None:
        """A case folder or its ``case.json``."""

        def opened() -> PanelState:
            fresh = casing.opened(Path(folder), self.state.gauge)
            self._forget_case()
            return self._with_kept(fresh)

        if self._do(opened):
            self._fitting.warm()

    def open_sample(self) -> None:
        """The sample case that comes with SpineDART."""
        found: list[Path] = []
        if self._try(lambda: found.append(resource_folder("sample"))):
            self.open_case(found[0])

    def add_view(self, file: Path | str, name: str = "") -> None:
        """One picture; its geometry from DICOM, else to be given by ``set_c_arm`` or ``set_matrix``."""
        if self._do(lambda: casing.with_file(self.state, Path(file), name)):
            self._fitting.warm()

    def set_polarity(self, view: str, polarity: str) -> None:
        """ "bone-dark" or "bone-bright"."""
        self._do(lambda: casing.with_polarity(self.state, view, polarity))

    def remove_view(self, view: str) -> None:
        self._do(lambda: casing.without_view(self.state, view))

    def open_plan(self, folder: Path | str) -> None:
        """A plan folder of the open case, made earlier or elsewhere, to review it without fitting again."""

        def reading() -> PanelState:
            case = self.state.case
            if case is None:
                raise Refusal("Open the plan's case first.")
            self._later(lambda: self._fitting.load_of(case.id, Path(folder)), self._opened_plan)
            return replace(self.state, busy="reading the plan")

        self._do(reading)

    def _opened_plan(self, loaded: Loaded) -> None:
        state = self._fitting.take(loaded, replace(self.state, busy=""))
        words = f"The plan of {', '.join(loaded.fit.plans)} was opened."
        self._become(replace(state, message=words, attention=False))

    def close_case(self) -> None:
        """The scene was closed, or another case comes: fits are cancelled, the worker stays warm."""
        self._forget_case()
        self._become(self._with_kept(PanelState()))

    # Fit

    def fit(self, levels: Sequence[str] | None = None) -> None:
        """Fit these levels together, or all."""
        self._try(lambda: self._fitting.fit(levels or ()))

    def rerun(self, settings: Mapping[str, object], levels: Sequence[str] | None = None) -> None:
        """Fit again with other settings, as ``config.Settings`` names them; the selected level when none is named."""
        chosen = levels or ((self.state.selected[0],) if self.state.selected else ())
        self._try(lambda: self._fitting.fit(chosen, settings))

    def set_settings(self, settings: Mapping[str, object]) -> None:
        """Changes that every later fit gets."""
        self._become(replace(self.state, settings=dict(settings)))

    def use_fit(self, number: int, level: str) -> None:
        """Show an earlier fit's plan of a level."""
        self._do(lambda: self._fitting.use(number, level))

    def cancel(self, levels: Sequence[str] = ()) -> None:
        """All fits that wait or run, or those of these levels, within a second."""
        self._fitting.cancel(levels)

    def model(self, level: str) -> ShapeModel:
        """The shape model that a level is fitted with; it is there already while a fit of it is shown.

        Raises:
            InputError: no such.
        """
        return self._fitting.model(level)

    def _forget_case(self) -> None:
        self._case_number += 1
        self._restoring = None
        self._fitting.forget()
        self._finding.drop()
        self._by_shift = {}

    def _with_kept(self, state: PanelState) -> PanelState:
        """What belongs to the user and not to the case."""
        now = self.state
        return replace(
            state, rater=now.rater, gauge=now.gauge, settings=now.settings, detector_lacks=now.detector_lacks
        )
