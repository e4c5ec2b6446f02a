"""What only desktop Slicer can show: sets the lines in ``Docs/slicer_untested.md`` to where their code stands.

python -m Testing.gui.untested
"""

from __future__ import annotations

import re

from .inventory import ROOT

DOCUMENT = ROOT / "Docs" / "slicer_untested.md"

PLACE = re.compile(r"^\| `(?P<file>[^`:]+):\d+` \| `(?P<code>[^`]+)` \|", re.MULTILINE)
"""A row's beginning: file, line, and a piece of that line."""


def line_of(file: str, code: str) -> int:
    """Counted from 1.

    Raises:
        LookupError: the code is gone, or stands in more than one line.
    """
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [number for number, line in enumerate(lines, 1) if code in line]
    if len(found) != 1:
        raise LookupError(f"{file}: {code!r} stands in {len(found)} lines, not in one; correct {DOCUMENT.name}")
    return found[0]


def document() -> str:
    """The list with its lines as they are now.

    Raises:
        LookupError: as ``line_of``.
    """

    def found(row: re.Match[str]) -> str:
        return f"| `{row['file']}:{line_of(row['file'], row['code'])}` | `{row['code']}` |"

    return PLACE.sub(found, DOCUMENT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
