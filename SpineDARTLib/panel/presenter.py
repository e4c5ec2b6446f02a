"""What a user can do: each event makes a new state and tells the listeners what has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from ..errors import InputError
from ..types import View
from . import exporting, keeping, reviewing
from .case_events import CaseEvents
from .loading import Loaded
from .review_events import ReviewEvents
from .state import PanelState, Refusal
from .words import plain_words

CONTINUED = "The review goes on where it stopped."

SCENE = Path("scene")
"""What complaints call a document that came with a scene."""


@final
class Presenter(CaseEvents, ReviewEvents):
    """The panel without its window.

    Nothing that a user does raises: what cannot be done becomes ``state.message``, with ``state.attention``. The window
    calls ``tick`` some thirty times a second and ``close`` at its end.

    Args:
        client: of the worker.
        work: a folder of the caller's, for what the worker reads and writes; removed by the caller.
        background: for what takes its time.
        now: seconds from any fixed moment.
    """

    # Export, keep

    def export(self, kind: str, path: Path | str) -> bool:
        """Write "plan", "table", "meshes" or "lines" into a folder, "grades" into a CSV file; whether it went."""
        write = {"plan": exporting.write_reviewed_plan, "grades": exporting.write_grades}.get(kind)

        def written() -> PanelState:
            words = write(self.state, Path(path)) if write else exporting.write_kind(self.state, kind, Path(path))
            return replace(self.state, message=words)

        return self._do(written)

    def files_for_report(self) -> tuple[Path, Path, Path] | None:
        """Plan folder, case folder and review file for ``spinedart report``, in the working folder; None if refused."""
        found: list[tuple[Path, Path, Path]] = []
        self._try(lambda: found.append(exporting.write_for_report(self.state, self._fitting.work / "report")))
        return found[0] if found else None

    def save(self) -> dict[str, Any]:
        """All that a scene has to carry beside its pictures; JSON's own kinds. While a scene is being read: what it
        had."""
        return keeping.to_document(self.state) if self._restoring is None else self._restoring

    def restore(self, document: Mapping[str, Any] | str, views: Sequence[View]) -> None:
        """Go on from what ``save`` gave, with the views that the scene has; plans follow from the background."""

        def restored() -> PanelState:
            root = _parsed(document)
            kept = keeping.from_document(root, views, SCENE)
            folders = keeping.unpack_all(kept, self._fitting.work / f"scene-{self._case_number}", SCENE)
            self._forget_case()
            self._restoring = root
            self._later(lambda: self._read(kept, folders), lambda loaded: self._restored(kept, loaded))
            return replace(kept.state, busy="reading the plans of the scene")

        self._do(restored)

    def _read(self, kept: keeping.Kept, folders: Mapping[int, Path]) -> list[Loaded | InputError]:
        """The scene's fits, each as a plan or as what is wrong with it: a damaged one does not cost the others."""
        found: list[Loaded | InputError] = []
        for number, folder in folders.items():
            try:
                found.append(self._fitting.load(number, folder, kept.fits[number][0]))
            except InputError as error:
                found.append(error)
        return found

    def _restored(self, kept: keeping.Kept, found: Sequence[Loaded | InputError]) -> None:
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
        words = f"A plan of the scene cannot be read; fit again. {broken[0]}" if broken else CONTINUED
        selected = chosen or state.selected
        self._become(replace(state, selected=selected, message=words, attention=bool(broken)))
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
