"""What a user can do with the geometry of X-rays: forms, files, one frame, recovery from points; and what is thought
of it, in the background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..geometry.camera_prior import CameraPrior
from ..io.gathered import Gathered
from ..io.gathering import judged
from ..types import View
from . import casing, geometry_file, marking, posing
from .events import Events
from .lacking import judgement, shared_words
from .state import CArm, PanelState, Refusal
from .steps import RUNNING
from .words import plain_words


class GeometryEvents(Events):
    """Abstract: a part of ``presenter.Presenter``."""

    _looked_at: tuple[View, ...] = ()
    _looking = False

    def tick(self) -> None:
        """Let time pass; new cameras are looked at in the background."""
        super().tick()
        self._judge()

    def set_c_arm(self, view: str, c_arm: CArm) -> None:
        """Geometry from the form."""
        self._do(lambda: posing.with_c_arm(self.state, view, c_arm))

    def set_display(self, view: str, text: str) -> None:
        """Angles as a C-arm's display shows them."""
        self._do(lambda: posing.with_display(self.state, view, text))

    def set_stored(self, view: str, quantity: str, value: float) -> None:
        """Which way round a picture is stored: "image_flip_horizontal" or "image_rotation_deg"."""
        self._do(lambda: posing.with_picture_said(self.state, view, quantity, value))

    def set_matrix(self, view: str, file: Path | str, camera: str = "", coordinate_system: str | None = None) -> None:
        """Geometry from a file of any known kind; what it leaves open stands in the X-ray's ``asked``."""
        self._do(lambda: geometry_file.with_matrix(self.state, view, Path(file), camera, coordinate_system))

    def mirror(self, view: str) -> None:
        """Turn a picture over, left to right."""
        self._do(lambda: posing.mirrored(self.state, view))

    def set_frame(self, view: str, frame: int) -> None:
        """Another picture of a file with several, from 0; not while a fit runs."""

        def chosen() -> PanelState:
            self._not_while_fitting()
            return casing.with_frame(self.state, view, frame)

        self._do(chosen)

    def vouch(self, same_frame: bool) -> None:
        """The user's word that neither patient nor C-arm moved between the X-rays, or that this is open."""
        self._do(lambda: posing.with_same_frame(self.state, same_frame))

    def start_marking(self) -> None:
        """Take corresponding points in the views."""
        self._do(lambda: marking.with_marking(self.state, True))

    def stop_marking(self) -> None:
        self._do(lambda: marking.with_marking(self.state, False))

    def undo_mark(self) -> None:
        """Take the last point, or the last recovery, back."""

        def undone() -> PanelState:
            self._not_while_fitting()
            return marking.mark_undone(self.state)

        self._do(undone)

    def clear_marks(self) -> None:
        self._do(lambda: marking.unmarked(self.state))

    def recover(self, moved_mm: float = CameraPrior.translation_mm) -> None:
        """Where the views stand to each other, from the points; the first one stays."""

        def recovered() -> PanelState:
            self._not_while_fitting()
            return marking.recovered(self.state, moved_mm)

        self._do(recovered)

    def _not_while_fitting(self) -> None:
        if any(job.open for job in self.state.jobs.values()):
            raise Refusal(RUNNING)

    def _judge(self) -> None:
        """View advice and consistency of views that have not been looked at; one after the other, as numbers change."""
        state = self.state
        views = state.case.views if state.case else ()
        if self._looking or views is self._looked_at or len(views) < 2 or shared_words(state)[0]:
            return
        self._looked_at = views
        if judgement(state) is None:
            gathered, self._looking = marking.gathered_of(state), True
            self._background.submit(lambda: judged(gathered), self._judged, self._not_judged)

    def _not_judged(self, error: Exception) -> None:
        self._looking = False
        self._refuse(plain_words(error))

    def _judged(self, found: Gathered) -> None:
        self._looking = False
        state = replace(self.state, judged=found)
        if judgement(state) is not None:  # of views that are still there
            self._become(state)
