"""`spinedart atlas report`: what an atlas can and cannot do, as one HTML file that needs nothing else.

    read the regions -> find (a model's quality, its random shapes) -> chapters -> one page, written at the end

Nothing in it depends on data outside of the atlas's folder: the stored shapes are in correspondence, so models without
one person are learned anew and tested on that person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..atlas.files import Region, read_region
from ..errors import InputError
from ..io.files import check_writable, write_atomically
from ..types import LEVELS
from .atlas_findings import Findings, find, steps_of
from .atlas_sections import anchor_of, reading, region_chapter, summary, together
from .pages import contents, heading, page, paragraph

FEWEST_SAMPLES = 10
"""Two a level of the region with most levels: below that there is no deviation to state."""
TITLE = "SpineDART atlas: report"


@dataclass(frozen=True)
class ReportProgress:
    """Where a report stands.

    Attributes:
        region: which region is looked into ("" while the whole is written).
        stage: what was done last, in words.
        done, total: steps of the whole report.
    """

    region: str
    stage: str
    done: int
    total: int


def write_report(atlas_folder: Path, out_file: Path, samples: int = 1000, seed: int = 0) -> Iterator[ReportProgress]:
    """Look into every region of an atlas and write the report; an iterator, so that a caller may show or stop it.

    Args:
        atlas_folder: folder of the regions' files.
        out_file: the HTML file; its folder is made when missing; complete or as it was.
        samples: random shapes a region, over all its levels.
        seed: of everything random: the same atlas and seed give the same report.

    Raises:
        InputError: no regions, an unreadable one, too few samples, or a file that cannot be written; all but the last
            before any work.
    """
    if samples < FEWEST_SAMPLES:
        raise InputError("samples", "", samples, f"{FEWEST_SAMPLES} or more")
    if out_file.is_dir():
        raise InputError(out_file, "", "a folder", "a file to write")
    check_writable(out_file.parent)
    regions = _read_regions(atlas_folder)
    total = sum(steps_of(region, samples) + 1 for region in regions) + 1
    done = 0
    all_found: list[Findings] = []
    chapters: list[str] = []
    for region in regions:
        for state in find(region, samples, seed):
            done += 1
            if isinstance(state, Findings):
                all_found.append(state)
                chapters += region_chapter(state)
            yield ReportProgress(region.name, state if isinstance(state, str) else "pictures", done, total)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out_file, _document(all_found, chapters, samples, seed).encode("utf-8"))
    yield ReportProgress("", "written", total, total)


def _read_regions(folder: Path) -> tuple[Region, ...]:
    """All regions in a folder, head to foot."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InputError(folder, "", "no region's file", "a folder with an atlas (<region>.json and <region>.npz)")
    return tuple(sorted((read_region(path) for path in paths), key=lambda region: LEVELS.index(region.levels[0])))


def _document(all_found: Sequence[Findings], chapters: Sequence[str], samples: int, seed: int) -> str:
    below = [("people", "people"), ("quality", "quality"), ("samples", "random shapes"), ("shapes", "shapes")]
    below.append(("measures", "measures"))
    entries = [("short", "In short", []), ("reading", "How to read this", [])]
    entries.append(("levels", "All levels", [("morphometry", "measures beside published ones")]))
    for found in all_found:
        name = anchor_of(found.model.region)
        entries.append((name, found.model.region, [(f"{name}-{part}", words) for part, words in below]))
    parts = [
        heading(1, TITLE),
        paragraph(f"SpineDART {__version__}; {samples:,} random shapes a region, seed {seed}.", "note"),
        paragraph("Not for clinical use.", "banner"),
        contents(entries),
        *summary(all_found),
        *reading(),
        *together(all_found),
        *chapters,
    ]
    return page(TITLE, "\n".join(parts))
