"""What ``spinedart detect`` does. Imported when the command runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .commands import named
from .config import DetectorSettings, Settings
from .detect.nouns import MatchedVertebra
from .found_picture import draw_found
from .io.case import FILE_NAME as CASE_FILE
from .io.case import read_case
from .io.case_copy import copy_case
from .io.files import check_writable, new_folder
from .io.plan import write_json
from .located_json import clicks_of, document
from .locating import Located, locate
from .types import LEVELS, Case

DETECTIONS = "detections.json"
PICTURE = "found.png"


def detect(path: Path, out: Path, settings: DetectorSettings, corrected: Path | None) -> int:
    """Find, write, draw and show; 1 where nothing can be started from."""
    case = read_case(path)
    check_writable(out, DETECTIONS)
    if corrected is not None:
        check_writable(corrected, CASE_FILE)
    located = locate(case, Settings(detector=settings), everything=True)
    with new_folder(out, DETECTIONS, (DETECTIONS, PICTURE)) as target:
        draw_found(case, located, target / PICTURE)
        write_json(target / DETECTIONS, document(case, located))
    console = Console()
    console.print(found_table(case, located))
    for line in _remarks(located, settings):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if corrected is not None:
        write_found_case(path, corrected, case, located)
        console.print(f"Case with what was found written to {corrected}.", highlight=False, soft_wrap=True)
    console.print(f"Look at {out / PICTURE}. Not for clinical use.", highlight=False, soft_wrap=True)
    return 0 if located.seeds else 1


def write_found_case(source: Path, folder: Path, case: Case, located: Located) -> None:
    """The same case with a click in each view on every vertebra that can be started."""
    clicks = clicks_of(case, located)
    seeds = [replace(seed, clicks_px=clicks[seed.level]) for seed in located.seeds]
    copy_case(source, folder, seeds, case.views)


def found_table(case: Case, located: Located) -> Table:
    """One row a vertebra of the column, head to foot."""
    table = Table(title="Found (not for clinical use)", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("level", "sure", "score in each view", "centre RAS mm", "start"):
        table.add_column(heading, no_wrap=True)
    started = {seed.level for seed in located.seeds}
    for one in located.column.vertebrae if located.column else ():
        sure = one.level_probabilities[LEVELS.index(one.level)]
        table.add_row(
            one.level + (" ?" if one.level in located.notes else ""),
            f"{sure:.0%}",
            ", ".join(_scores(one, case, located)),
            " ".join(f"{value:.0f}" for value in one.centre_mm),
            "yes" if one.level in started else "no",
        )
    return table


def _scores(one: MatchedVertebra, case: Case, located: Located) -> Iterator[str]:
    """ "AP 0.92", "LAT clicked", "OBL -"."""
    for view in case.views:
        if view.name not in one.members:
            yield f"{view.name} -"
            continue
        found = located.detections[view.name][one.members[view.name]]
        yield f"{view.name} " + ("clicked" if found.clicked else f"{found.score:.2f}")


def _remarks(located: Located, settings: DetectorSettings) -> Iterator[str]:
    yield located.words
    if settings.shift:
        yield f"All labels of the detector were moved by {settings.shift:+d} by hand."
    yield from (named(level, note) for level, note in located.notes.items())
    yield from (named(level, why) for level, why in located.reasons.items())
