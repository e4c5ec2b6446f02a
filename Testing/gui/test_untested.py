"""The list of what only desktop Slicer can show is true to the code."""

from __future__ import annotations

import pytest

from .untested import DOCUMENT, PLACE, document, line_of


def test_every_line_of_the_list_is_where_it_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert len(PLACE.findall(text)) == text.count("| `SpineDART") > 30
    assert text == document(), "set the lines anew: python -m Testing.gui.untested"


def test_code_that_is_gone_is_noticed() -> None:
    for code, count in (("no such code", "0"), ("def ", r"\d\d")):
        with pytest.raises(LookupError, match=f"stands in {count} lines"):
            line_of("SpineDART/SpineDART.py", code)
