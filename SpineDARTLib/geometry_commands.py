"""What ``spinedart geometry`` does: gathers (``io.gathering``), prints, draws, writes. Imported when a command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .errors import InputError
from .geometry.conventions import CONVENTIONS
from .geometry.known import UNITS, Quantity
from .geometry.patient import POSITIONS
from .io.attenuation import POLARITIES
from .io.case import FILE_NAME
from .io.files import check_file, check_writable
from .io.gathered import Choices, Gathered, GatheredView
from .io.gathered_case import write_gathered
from .io.gathered_json import to_json
from .io.gathered_words import NOT_CLINICAL, overall, remarks
from .io.gathering import gather

WIDTH = 118
"""Of what goes to a file or a pipe."""
PICTURE = "orientation.png"
"""Beside every case that is written: axes that were taken for others (LPS for RAS) show nowhere else."""
LONG = 4
"""Quantities of more numbers than this (a whole pose) are not printed number by number."""


def geometry(
    files: Sequence[Path],
    choices: Choices,
    out: Path | None = None,
    picture: Path | None = None,
    as_json: bool = False,
    despite_pictures: bool = False,
) -> int:
    """Gather, say what was found, draw the picture and write the case, where they are asked for."""
    if out is not None:
        check_writable(out, FILE_NAME)
    if picture is not None:
        check_file("--picture", picture)
    gathered = gather(files, choices)
    if as_json:
        sys.stdout.write(json.dumps(to_json(gathered), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = WIDTH
    if not as_json:
        show(gathered, console)
    if picture is not None:
        draw(gathered, picture)
        left_out = [one.name for one in gathered.views if one.view is None]
        without = f" Without {' and '.join(left_out)}, of which too little is known." if left_out else ""
        _say(console, f"Look at {picture}: is this how the machine stood?{without}")
    if out is not None:
        case = write_gathered(out, gathered, despite_pictures)
        drawn = (out.parent if out.name == FILE_NAME else out) / PICTURE
        draw(gathered, drawn)
        _say(console, f"Written to {out}: {len(case.views)} views. {NOT_CLINICAL}")
        _say(console, f"Look at {drawn}: is this how the machine stood?")
        if gathered.consistency is not None and gathered.consistency.consistent == "no":
            _say(console, "WARNING. The pictures contradict this geometry (see above): do not plan on it unchecked.")
    return 0


def choices_of(
    names: str,
    each: Mapping[str, Sequence[str]],
    accept_proposals: bool = False,
    same_frame: bool = False,
    points: Path | None = None,
    coordinate_system: str | None = None,
    moved_mm: float = Choices.moved_mm,
) -> Choices:
    """The library's choices from what was typed.

    Args:
        names: "AP,LAT".
        each: field of ``Choices`` to texts "VIEW=value", or "value" for every view.

    Raises:
        InputError: a text that is not of this kind, or a value that is none.
    """
    frames = {view: _whole(text) for view, text in _by_view("--frame", each.get("frames", ()))}
    matrices = dict(_by_view("--matrix", each.get("matrices", ())))
    values: dict[str, dict[str, tuple[float, ...]]] = {}
    for text in each.get("values", ()):
        view, name, numbers = _value(text)
        values.setdefault(view, {})[name] = numbers
    if not 0 < moved_mm < 1000:
        raise InputError("--moved-mm", "", f"{moved_mm:g}", "a standard deviation above 0 and below 1000 mm")
    named = tuple(part.strip() for part in names.split(",") if part.strip())
    return Choices(
        named,
        frames,
        matrices,
        values,
        _chosen("--polarity", each.get("polarity", ()), POLARITIES),
        _chosen("--patient-position", each.get("patient_position", ()), tuple(POSITIONS)),
        _chosen("--convention", each.get("convention", ()), tuple(CONVENTIONS)),
        coordinate_system,
        accept_proposals,
        same_frame,
        points,
        moved_mm,
    )


def _by_view(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """ "AP=5" to ("AP", "5"), "5" to ("", "5")."""
    for text in texts:
        view, equals, value = text.partition("=")
        view, value = (view.strip(), value.strip()) if equals else ("", text.strip())
        if not value:
            raise InputError(option, "", text, "VIEW=value, or a value for every view")
        yield view, value


def _chosen(option: str, texts: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    found = dict(_by_view(option, texts))
    for value in found.values():
        if value not in known:
            raise InputError(option, "", value, ", ".join(known))
    return found


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InputError("--frame", "", text, "a whole number from 0")
    return int(text)


def _value(text: str) -> tuple[str, str, tuple[float, ...]]:
    """ "LAT.pixel_spacing_mm=0.2,0.2" to its parts; the view may be left out."""
    place, _, numbers = text.partition("=")
    view, _, name = place.strip().rpartition(".")
    if name not in UNITS:
        raise InputError("--set", "", text, f"VIEW.QUANTITY=VALUE, of {', '.join(UNITS)}")
    try:
        found = tuple(float(number) for number in numbers.split(","))
    except ValueError:
        raise InputError("--set", place.strip(), numbers or "nothing", "numbers, separated by commas") from None
    return view, name, found


def show(gathered: Gathered, console: Console) -> None:
    """Print all of it: a table a view with what is doubtful under it, then what the views say together."""
    for one in gathered.views:
        _say(console, _heading(one))
        console.print(_table(one))
        for line in remarks(one):
            _say(console, line)
        _say(console, "")
    for line in overall(gathered):
        _say(console, line)


def draw(gathered: Gathered, picture: Path) -> None:
    """Draw the views that have a camera.

    Raises:
        InputError: there is none, or the picture cannot be written.
    """
    from .orientation_picture import draw_orientation

    if not gathered.posed:
        raise InputError("--picture", "", "no view with a camera", gathered.views[0].why_not.rstrip("."))
    lying = {one.known.patient_position for one in gathered.views}
    try:
        draw_orientation(gathered.posed, picture, lying.pop() if len(lying) == 1 else None)
    except OSError as error:
        raise InputError(picture, "", error.strerror or error, "a file that can be written") from None


def _say(console: Console, words: str) -> None:
    console.print(words, highlight=False, soft_wrap=True, markup=False)


def _heading(one: GatheredView) -> str:
    """ "AP: ap.dcm, XA, 512 x 512, bone-dark, HFP. Not for clinical use."."""
    known = one.known
    parts = [known.file, known.kind, f"{known.shape[1]} x {known.shape[0]}", one.polarity]
    parts += [f"picture {known.frame} of 0 to {known.frames - 1} (--frame {one.name}=N)"] if known.frames > 1 else []
    parts += [known.patient_position] if known.patient_position else []
    return f"{one.name}: {', '.join(parts)}. {NOT_CLINICAL}"


def _table(one: GatheredView) -> Table:
    """A row a quantity, those that are missing last."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("quantity", "value"):
        table.add_column(heading, no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_column("", no_wrap=True)
    for name, quantity in one.known.quantities.items():
        table.add_row(name, _numbers(quantity), Text(quantity.source), quantity.confidence)
    for missing in one.known.missing:
        table.add_row(missing.name, "?", "", "MISSING")
    return table


def _numbers(quantity: Quantity) -> str:
    return quantity.numbers if len(quantity.value) <= LONG else f"{len(quantity.value)} numbers"
