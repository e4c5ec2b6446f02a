"""Pictures without end."""

from __future__ import annotations

from itertools import islice

import numpy as np

from SpineDARTLib.simulate.feed import feed
from Testing.simulate import tiny


def test_patients_change_and_the_order_hangs_on_the_seed():
    def some(seed: int) -> list:
        return list(islice(feed(tiny.supply(seed, 64), patients=2, pictures_each=2), 7))

    found, again, other = some(4), some(4), some(5)
    # Two at a time; the first leaves after one picture, then each after two.
    assert [subject for subject, _ in found] == ["tiny-0", "tiny-1", "tiny-2", "tiny-1", "tiny-2", "tiny-3", "tiny-4"]
    for (_, ours), (_, theirs) in zip(found, again, strict=True):
        assert np.array_equal(ours.stored, theirs.stored)
    assert any(not np.array_equal(one[1].stored, two[1].stored) for one, two in zip(found, other, strict=True))


def test_validation_draws_from_other_patients():
    found = list(islice(feed(tiny.supply(4, 64), patients=1, pictures_each=1, first=100), 2))
    assert [subject for subject, _ in found] == ["tiny-100", "tiny-101"]
