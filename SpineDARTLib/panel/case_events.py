"""What a user can do with the case: X-rays, clicks, fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..atlas.model import ShapeModel
from ..resources import resource_folder
from . import casing, locating, marking
from .events import Events
from .loading import Loaded
from .state import PanelState, Refusal
from .steps import NO_DETECTOR


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

    # Locate

    def find(self) -> None:
        """Find the vertebrae; there is no detector yet."""
        self._refuse(NO_DETECTOR)

    def start_clicking(self, level: str = "") -> None:
        """Take clicks in the views, for a level."""
        self._do(lambda: locating.with_clicking(locating.with_level(self.state, level or self.state.level), True))

    def stop_clicking(self) -> None:
        self._do(lambda: locating.with_clicking(self.state, False))

    def choose_level(self, level: str) -> None:
        """That the next click is for."""
        self._do(lambda: locating.with_level(self.state, level))

    def click(self, view: str, u: float, v: float, level: str = "") -> None:
        """The centre of a vertebra's body in one view, pixel (u, v), of the chosen level when none is named; while
        points are marked, or where a point's number is named, that point."""
        if level in self.state.marking.points or (self.state.marking.next and not level):
            self._do(lambda: marking.marked(self.state, view, u, v, level))
        elif self.state.clicking and not level:
            self._do(lambda: locating.clicked_on(self.state, view, u, v))
        else:
            self._do(lambda: locating.clicked(self.state, view, u, v, level))

    def undo_click(self) -> None:
        """Take the last click, or the last removing of a level, back."""

        self._do(lambda: locating.click_undone(self.state))

    def hover(self, view: str, u: float, v: float) -> None:
        """Where the pointer is, while clicking: the other views show the line on which it lies there."""
        if self.state.clicking and not self.state.marking.next:  # while that line is what is sought, it would mislead
            self._become(replace(self.state, epipolar_px=locating.epipolar_lines(self.state, view, u, v)))

    def remove_level(self, level: str) -> None:
        self._do(lambda: locating.without_level(self.state, level))

    def shift_levels(self, by: int) -> None:
        """All clicks one level lower (+1) or higher (-1); shifting back brings back what was fitted."""
        self._do(lambda: self._shifted(by))

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
        self._by_shift, self._shift = {}, 0

    def _with_kept(self, state: PanelState) -> PanelState:
        """What belongs to the user and not to the case."""
        now = self.state
        return replace(
            state, rater=now.rater, gauge=now.gauge, settings=now.settings, detector_available=now.detector_available
        )

    def _shifted(self, by: int) -> PanelState:
        shifted = locating.shifted(self.state, by)
        self._fitting.drop()
        settled = {level: job for level, job in self.state.jobs.items() if not job.open}
        self._by_shift[self._shift] = replace(self.state, jobs=settled)
        self._shift += by
        was = self._by_shift.get(self._shift, PanelState())
        names = ("jobs", "fits", "plans", "review", "options", "selected")
        return replace(shifted, **{name: getattr(was, name) for name in names}, live_mm={}, dragged=None)
