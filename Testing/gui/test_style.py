"""The panel's colours."""

from __future__ import annotations

from pathlib import Path


def test_words_can_be_read_in_light_and_dark() -> None:
    """Words against their ground: contrast of 4.5 and more (WCAG 2.1), in both sets of colours."""
    import importlib.util

    path = Path(__file__).resolve().parents[2] / "SpineDART" / "SpineDARTPanel" / "style.py"
    spec = importlib.util.spec_from_file_location("style_of_the_panel", path)
    assert spec is not None and spec.loader is not None
    style = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(style)
    for palette in (style.LIGHT, style.DARK):
        for ink in ("text", "quiet", "good", "attention", "breach", "primary"):
            for ground in ("ground", "surface", "field", "selected"):
                assert contrast(palette[ink], palette[ground]) > 4.4, f"{ink} on {ground}"
        assert contrast(palette["onprimary"], palette["primary"]) > 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, 1.4.3."""

    def luminance(colour: str) -> float:
        values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_the_style_sheet_is_known() -> None:
    import importlib.util

    folder = Path(__file__).resolve().parents[2] / "SpineDART"
    spec = importlib.util.spec_from_file_location("style_of_the_panel", folder / "SpineDARTPanel" / "style.py")
    assert spec is not None and spec.loader is not None
    style = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(style)
    template = (folder / "Resources" / "Styles" / "panel.qss").read_text(encoding="utf-8")
    for dark in (False, True):
        sheet = style.style_sheet(template, dark, "/with a space")
        assert "@" not in sheet
        assert 'url("/with a space/down.svg")' in sheet
