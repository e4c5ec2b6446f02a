"""HTML of reports: one page, everything inside it, nothing fetched from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; color: #1b1b1b;
  max-width: 62rem; margin: 0 auto; padding: 1.5rem; background: white; }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; } h2 { font-size: 1.4rem; margin-top: 2.6rem;
  border-bottom: 2px solid #00306b; padding-bottom: .2rem; } h3 { font-size: 1.1rem; margin-top: 1.6rem; }
.banner { border: 2px solid #d55e00; padding: .4rem .8rem; font-weight: 600; margin: .8rem 0; }
nav { background: #f3f5f8; padding: .6rem 1.2rem; } nav ul { margin: .2rem 0; padding-left: 1.2rem; }
.verdict p { margin: .35rem 0; } .verdict { background: #f3f5f8; padding: .5rem 1rem; border-left: 4px solid #00306b; }
.note { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-size: .86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .2rem 0; }
th, td { padding: .18rem .6rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; }
th { border-bottom: 1.5px solid #888; } td:first-child, th:first-child { text-align: left; }
td.text, th.text { text-align: left; } tr.sum td { border-top: 1.5px solid #888; font-weight: 600; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; } figcaption { color: #444; font-size: .88rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem 1rem; } .pair figure { margin: .3rem 0; }
.legend span { display: inline-block; margin-right: 1rem; white-space: nowrap; font-size: .86rem; }
.legend i { display: inline-block; width: .9em; height: .9em; border: 1px solid #777; margin-right: .35em;
  vertical-align: -.1em; }
@media print { body { font-size: 10.5pt; padding: 0; max-width: none; } h2 { break-before: page; }
  h2.together { break-before: auto; } figure, tr, .verdict { break-inside: avoid; }
  h3, caption, thead { break-after: avoid; }
  tbody tr:nth-child(-n+3) { break-before: avoid; }
  .scroll { overflow: visible; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
@page { size: A4; margin: 14mm; }
"""


def page(title: str, body: str) -> str:
    """A whole document around a body that is HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def heading(rank: int, text: str, anchor: str = "", together: bool = False) -> str:
    """A heading; ``together`` keeps it on the printed page where it is."""
    name = f' id="{escape(anchor, quote=True)}"' if anchor else ""
    return f"<h{rank}{name}{' class=together' if together else ''}>{escape(text)}</h{rank}>"


def contents(entries: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> str:
    """The table of contents from (anchor, title, entries below it)."""
    items = []
    for anchor, title, below in entries:
        inner = ", ".join(_link(*entry) for entry in below)
        items.append(f"<li>{_link(anchor, title)}{f': {inner}' if inner else ''}</li>")
    return f'<nav aria-label="Contents"><strong>Contents</strong><ul>{"".join(items)}</ul></nav>'


def _link(anchor: str, title: str) -> str:
    return f'<a href="#{escape(anchor, quote=True)}">{escape(title)}</a>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{f' class={kind}' if kind else ''}>{escape(text)}</p>"


def verdict_box(sentences: Sequence[str]) -> str:
    """Sentences, each with what stands before its first colon in bold."""
    lines = []
    for sentence in sentences:
        head, colon, rest = sentence.partition(":")
        lines.append(f"<p><strong>{escape(head)}{colon}</strong>{escape(rest)}</p>")
    return f'<div class="verdict">{"".join(lines)}</div>'


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", sums: int = 0, text: Sequence[int] = ()
) -> str:
    """A table of plain text.

    Args:
        head: the columns' headings; all empty: no row of headings.
        rows: as many cells each.
        sums: how many rows at the end sum up the others.
        text: columns that hold words, not numbers (the first always does).
    """
    kinds = [" class=text" if column in text else "" for column in range(len(head))]
    lines = []
    for place, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        lines.append(f"<tr{' class=sum' if place >= len(rows) - sums else ''}>{cells}</tr>")
    top = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for kind, name in zip(kinds, head, strict=True))
    top = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{named}{top}<tbody>{"".join(lines)}</tbody></table></div>'


def picture(content: bytes, words: str, caption: str = "", kind: str = "png") -> str:
    """A picture inside the page; ``words`` say what it shows to who cannot see it.

    Args:
        content: of a picture file.
        kind: "png" | "jpeg".
    """
    data = base64.b64encode(content).decode("ascii")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(words, quote=True)}" src="data:image/{kind};base64,{data}">{below}</figure>'


def side_by_side(parts: Sequence[str]) -> str:
    """Figures in two columns."""
    return f'<div class="pair">{"".join(parts)}</div>'


def colour_key(colours: Mapping[str, str]) -> str:
    """What colours stand for."""
    spans = (
        f'<span><i style="background:{escape(c, quote=True)}"></i>{escape(name)}</span>' for name, c in colours.items()
    )
    return f'<p class="legend">{"".join(spans)}</p>'


def number(value: float, digits: int = 2) -> str:
    """A number for a table; a dash where there is none."""
    return f"{value:.{digits}f}" if value == value else "–"


def percent(part: float | int, whole: float | int, digits: int = 1) -> str:
    """A share in percent; a dash of nothing."""
    return f"{100 * part / whole:.{digits}f}\u00a0%" if whole else "–"
