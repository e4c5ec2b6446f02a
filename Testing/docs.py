"""What README and Docs/ show: the commands in their fenced blocks, their code, and their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "Docs").glob("*.md"))]
SHELL = ("", "bash", "sh", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block: of which page, from which line on, in which language."""

    page: str
    line: int
    language: str
    text: str


def blocks() -> Iterator[Block]:
    """All of all pages."""
    for page in PAGES:
        opened: tuple[int, str] | None = None
        lines: list[str] = []
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if not line.startswith("```"):
                lines.append(line)
            elif opened is None:
                opened, lines = (number, line[3:].strip()), []
            else:
                yield Block(page.name, *opened, "\n".join(lines))
                opened = None
        assert opened is None, f"{page.name}:{opened}: a block that does not end"


def commands() -> dict[tuple[str, ...], str]:
    """The words of every command line that is shown, without comments, and where it stands first."""
    found: dict[tuple[str, ...], str] = {}
    for block in blocks():
        if block.language in SHELL:
            for number, line in enumerate(block.text.splitlines(), block.line + 1):
                words = shlex.split(re.sub(r"(^|\s)#\s.*$", "", line))
                if words:
                    words[0] = words[0].removeprefix(".venv/bin/")
                    found.setdefault(tuple(words), f"{block.page}:{number}")
    return found


def links() -> Iterator[tuple[Path, str]]:
    """(page, target) of every link and picture that is not of the web; code is left out."""
    for page in PAGES:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target:
                yield page, target


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as they are linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
