"""What a user can do: each event makes a new state and tells the listeners what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from ..errors import InputError
from ..types import View
from . import dropping, exporting, keeping, reviewing
from .case_events import CaseEvents
from .geometry_events import GeometryEvents
from .lacking import BLIND
from .loading import Loaded
from .review_events import ReviewEvents
from .state import PanelState, Refusal
from .steps import RUNNING
from .words import plain_words

CONTINUED = "The review goes on where it stopped."

SCENE = Path("scene")
"""What complaints call a document that came with a scene."""


@final
class Presenter(CaseEvents, GeometryEvents, ReviewEvents):
    """The panel without its window.

    Nothing that a user does raises: what cannot be done becomes ``state.message``, with ``state.attention``. The window
    calls ``tick`` some thirty times a second and ``close`` at its end.

    Args:
        client: of the worker.
        work: a folder of the caller's, for what the worker reads and writes; removed by the caller.
        background: for what takes its time.
        now: seconds from any fixed moment.
    """

    # Files that are dropped

    def drop(self, paths: Sequence[Path | str]) -> None:
        """Files and folders dropped on the panel: a case is opened, X-rays are added, plans and sessions opened.

        What is none of these is named, with what was expected; the rest is taken all the same.
        """
        found = dropping.sorted_out([Path(path) for path in paths])
        state = self.state
        if state.session is not None:
            self._refuse(BLIND)
        elif any(job.open for job in state.jobs.values()) and (found.images or found.cases):
            self._refuse(RUNNING)
        elif not paths:
            self._refuse(f"Only files of this computer can be opened: {dropping.EXPECTED}.")
        elif len(found.cases) > 1:
            self._refuse(f"{len(found.cases)} cases at once. Drop one; it takes the place of the one that is open.")
        else:
            self._take_dropped(found)

    def _take_dropped(self, found: dropping.Dropped) -> None:
        """One after the other; every complaint is kept for the end."""
        remarks, done = list(found.remarks), [self.open_case, self.add_view, self.open_plan, self.open_session]
        for each, files in zip(done, (found.cases, found.images, found.plans, found.sessions), strict=True):
            for file in files:
                each(file)
                if self.state.attention and self.state.message not in remarks:
                    remarks.append(self.state.message)
        if remarks:
            self._refuse(" ".join(remarks))

    # Export, keep

    def export(self, kind: str, path: Path | str) -> bool:
        """Write "plan", "table", "meshes" or "lines" into a folder, "grades" into a CSV file, in the background.

        The message says when it is done, or why it is not.

        Returns:
            Whether it was begun.
        """

        def begun() -> PanelState:
            write = exporting.writer(self.state, kind)
            self._background.submit(lambda: write(Path(path)), self._written, self._not_written)
            return replace(self.state, busy=f"writing {exporting.NAMES[kind]}")

        return self._do(begun)

    def _written(self, words: str) -> None:
        self._become(replace(self.state, busy="", message=words, attention=False))

    def _not_written(self, error: Exception) -> None:
        self._become(replace(self.state, busy="", message=plain_words(error), attention=True))

    def files_for_report(self, then: Callable[[Path, Path, Path], Any]) -> bool:
        """Write plan folder, case folder and review file for ``spinedart report`` in the background.

        Args:
            then: is given them, in a folder of their own.

        Returns:
            Whether it was begun.
        """

        def begun() -> PanelState:
            write = exporting.writer_for_report(self.state)
            self._reports += 1
            folder = self._fitting.work / f"report-{self._reports}"
            self._background.submit(lambda: write(folder), lambda found: then(*found), self._not_written)
            return self.state

        return self._do(begun)

    def save(self) -> dict[str, Any]:
        """All that a scene has to carry beside its pictures; JSON's own kinds. While a scene is being read: what it
        had."""
        return keeping.to_document(self.state) if self._restoring is None else self._restoring

    def restore(self, document: Mapping[str, Any] | str, views: Sequence[View], faults: Sequence[str] = ()) -> None:
        """Go on from what ``save`` gave, with the views that the scene has; plans follow from the background.

        Args:
            faults: what of the scene cannot be read, a sentence each; said when the rest is there.
        """

        def restored() -> PanelState:
            root = _parsed(document)
            kept = keeping.from_document(root, views, SCENE)
            folders = keeping.unpack_all(kept, self._fitting.work / f"scene-{self._case_number}", SCENE)
            self._forget_case()
            self._restoring = root
            self._later(lambda: self._read(kept, folders), lambda loaded: self._restored(kept, loaded, tuple(faults)))
            return replace(kept.state, busy="reading the plans of the scene")

        self._do(restored)

    def _read(self, kept: keeping.Kept, folders: Mapping[int, Path | InputError]) -> list[Loaded | InputError]:
        """The scene's fits, each as a plan or as what is wrong with it: a damaged one does not cost the others."""
        found: list[Loaded | InputError] = []
        for number, folder in folders.items():
            try:
                if isinstance(folder, InputError):
                    raise folder
                found.append(self._fitting.load(number, folder, kept.fits[number][0]))
            except InputError as error:
                found.append(error)
        return found

    def _restored(self, kept: keeping.Kept, found: Sequence[Loaded | InputError], faults: Sequence[str] = ()) -> None:
        """The plans are there: the review goes on where it stopped, without any new event in its record."""
        self._restoring = None
        loaded = [one for one in found if isinstance(one, Loaded)]
        broken = [plain_words(one) for one in found if isinstance(one, InputError)]
        state = replace(self.state, busy="")
        review, chosen = state.review, state.selected
        for one in loaded:
            show = [level for level, number in kept.shown.items() if number == one.fit.number]
            state = self._fitting.take(one, state, show)
        if review is not None:
            state = reviewing.with_review(state, review, self._fitting.tools_of(state.plans))
        worst = [f"A plan of the scene cannot be read; fit again. {broken[0]}"] if broken else []
        words = " ".join([*faults, *worst]) or CONTINUED
        selected = chosen or state.selected
        self._become(replace(state, selected=selected, message=words, attention=bool(faults or broken)))
        self._look_for_risk()


def _parsed(document: Mapping[str, Any] | str) -> dict[str, Any]:
    """A document of a scene, its arrays and all in JSON's own kinds."""
    try:
        root = json.loads(document if isinstance(document, str) else json.dumps(document))
    except json.JSONDecodeError:
        root = None
    if not isinstance(root, dict):
        raise Refusal("The scene's SpineDART data is damaged; its pictures and models are shown.")
    return root
