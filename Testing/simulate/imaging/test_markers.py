"""Words, lead letters and graphics."""

import numpy as np
import pytest

from SpineDARTLib.simulate.imaging.markers import Marks, Text, burn, draw_marks, lead
from SpineDARTLib.simulate.imaging.settings import ImagingSettings
from SpineDARTLib.simulate.imaging.vendors import VENDORS

SHAPE = (200, 260)


def test_words_stand_where_they_are_put():
    written = burn(np.full(SHAPE, 0.4, dtype=np.float32), Marks(texts=(Text("74 kV", 0.6, 0.1, 0.06),)))
    rows, columns = np.nonzero(written > 0.8)
    assert columns.min() >= 0.6 * 260 - 2
    assert 0.1 * 200 - 2 <= rows.min() < rows.max() < 0.1 * 200 + 0.06 * 200 * 1.5
    assert (written[100:] == np.float32(0.4)).all()


def test_box_is_of_the_opposite_grey():
    written = burn(np.full(SHAPE, 0.4), Marks(texts=(Text("12", 0.5, 0.5, 0.1),), grey=1.0, boxed=True))
    assert (written == 0.0).sum() > 50
    assert written.max() == pytest.approx(1.0)


def test_lead_letter_takes_the_beam_and_is_no_mirror_image():
    through = lead(Marks(letters=(Text("L", 0.2, 0.3, 0.2),)), SHAPE)
    assert through.min() == pytest.approx(0.03, abs=1e-6)
    dark = through < 0.5
    columns = np.flatnonzero(dark.any(0))
    left, right = dark[:, columns.min() : columns.min() + 5].sum(), dark[:, columns.max() - 4 : columns.max() + 1].sum()
    assert left > 2 * right  # the stem is on the left


def test_ruler_and_ring():
    for marks in (Marks(ruler="left"), Marks(ruler="bottom"), Marks(ring=0.2)):
        changed = burn(np.zeros(SHAPE), marks) > 0
        assert 20 < changed.sum() < 2000


def test_nothing_is_changed_without_marks():
    grey = np.random.default_rng(0).random(SHAPE)
    np.testing.assert_array_equal(burn(grey, Marks()), grey)
    assert (lead(Marks(), SHAPE) == 1).all()


def test_drawn_marks_leave_the_middle_free_of_words():
    settings = ImagingSettings()
    drawn = [
        draw_marks(settings, vendor, np.random.default_rng(seed), (-12.0, 3.0))
        for seed in range(12)
        for vendor in VENDORS
    ]
    with_layout = sum(bool(vendor.layout) for vendor in VENDORS) * 12
    assert 0.4 * with_layout < sum(bool(marks.texts) for marks in drawn) < 0.8 * with_layout
    assert all(not 0.3 < text.x < 0.7 for marks in drawn for text in (*marks.texts, *marks.letters))
    for marks in drawn:
        # Neither over another nor over the middle, once written.
        covers = [burn(np.zeros((400, 400), np.float32), Marks(texts=(text,))) > 0.1 for text in marks.texts]
        assert sum(cover.astype(int) for cover in covers).max(initial=0) <= 1 if covers else True
        assert not any(cover[130:270, 130:270].any() for cover in covers)


def test_what_is_written_is_what_was():
    vendor = next(one for one in VENDORS if any("{angles}" in line for _, lines in one.layout for line in lines))
    settings = ImagingSettings(text_chance=1.0)
    words = [
        [text.words for text in draw_marks(settings, vendor, np.random.default_rng(seed), angles).at(71.6).texts]
        for seed in range(5)
        for angles in ((-20.4, 11.0), (170.0, -5.0))
    ]
    assert all("72 kV" in lines and "RAO 20 CRA 11" in lines for lines in words[::2])
    # From below it is the same picture for the machine: 170 degrees are -10.
    assert all("RAO 10 CAU 5" in lines for lines in words[1::2])
    nameless = draw_marks(settings, vendor, np.random.default_rng(0)).texts
    assert not any("RAO" in text.words or "LAO" in text.words for text in nameless)
    # Days and months there are; month 00 is none.
    dated = [line for lines in words for line in lines if line[2:3] == "." and line[5:6] == "."]
    assert dated and all(1 <= int(line[:2]) <= 31 and 1 <= int(line[3:5]) <= 12 for line in dated)
