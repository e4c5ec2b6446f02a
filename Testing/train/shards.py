"""Shards of patients small enough for tests."""

from __future__ import annotations

from pathlib import Path

from SpineDARTLib.simulate.batch import take_all
from SpineDARTLib.simulate.shards import write_shard
from Testing.simulate.tiny import supply


def make_shards(folder: Path, patients: int = 3, pictures: int = 4) -> Path:
    """``folder`` with a shard of each patient, named "tiny-0" ..."""
    source = supply(size_px=96)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(patients):
        aimed = source.patient(number)
        taken = take_all(source, aimed, number, "training", pictures)
        write_shard(folder / f"shard-{number:06d}.npz", aimed.patient.subject, taken)
    return folder
