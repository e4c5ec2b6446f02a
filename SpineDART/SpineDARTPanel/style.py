"""The panel's colours, light and dark, put into its style sheet.

Okabe and Ito's colours, which the colour-blind can tell apart (Color Universal Design, 2008), darkened or lightened
until words in them can be read (contrast 4.5 and more). Red means a breach and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#eef1f4", "surface": "#ffffff", "field": "#ffffff", "button": "#f5f7f9", "pressed": "#d6e6f2",
    "line": "#cdd5dc", "text": "#16222c", "quiet": "#566573", "faint": "#98a3ad", "selected": "#dcebf6",
    "primary": "#0067a6", "primaryhover": "#00578c", "onprimary": "#ffffff",
    "good": "#00704f", "attention": "#8f5a00", "breach": "#c4281c",
}  # fmt: skip

DARK: Mapping[str, str] = {
    "ground": "#171b20", "surface": "#20262d", "field": "#1a1f25", "button": "#2b333c", "pressed": "#1d4059",
    "line": "#3b4550", "text": "#e9eef2", "quiet": "#a3afba", "faint": "#6d7883", "selected": "#1d3a50",
    "primary": "#56b4e9", "primaryhover": "#7cc6f0", "onprimary": "#0b1620",
    "good": "#35c795", "attention": "#f0b23a", "breach": "#ff7468",
}  # fmt: skip

TONES = {"good": "good", "check": "attention", "breach": "breach", "none": "quiet", "running": "primary"}
"""Colour words of the panel's logic to colours here."""

DARK_BELOW = 128
"""Lightness (0 to 255) of a window's ground under which it counts as dark."""


def colours(dark: bool) -> Mapping[str, str]:
    """Name to "#rrggbb"."""
    return DARK if dark else LIGHT


def style_sheet(template: str, dark: bool, icons: str = "") -> str:
    """``panel.qss`` with its colours, and the folder of its icons, filled in.

    Raises:
        KeyError: a colour that there is not.
    """
    known = {**colours(dark), "icons": icons}
    return re.sub(r"@([a-z]+)\b", lambda found: known[found[1]], re.sub(r"/\*.*?\*/", "", template))
