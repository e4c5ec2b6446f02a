"""Shards of patients small enough for tests."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from SpineDARTLib.simulate.batch import take_all
from SpineDARTLib.simulate.nouns import Picture
from SpineDARTLib.simulate.shards import write_shard
from Testing.simulate.tiny import supply

MOST = 4


def make_shards(folder: Path, patients: int = 3, pictures: int = MOST) -> Path:
    """``folder`` with a shard of each patient, named "tiny-0" ..., of at most four pictures each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(patients):
        subject, taken = _taken(number)
        write_shard(folder / f"shard-{number:06d}.npz", subject, taken[:pictures])
    return folder


@lru_cache
def _taken(number: int) -> tuple[str, tuple[Picture, ...]]:
    """A patient's pictures: taken once for all tests."""
    source = supply(size_px=96)
    aimed = source.patient(number)
    return aimed.patient.subject, tuple(take_all(source, aimed, number, "training", MOST))
