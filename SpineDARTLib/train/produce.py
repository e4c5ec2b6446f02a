"""A simulation beside the training: another process takes pictures for ever and leaves them where it looks."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..simulate.feed import feed
from ..simulate.supply import Supply
from .samples import Sample, sample_of, write_pack

PICTURES = 32
"""In one pack."""
PATIENTS, PICTURES_EACH = 6, 24
"""Ready at a time, and taken of each: neighbouring pictures are of different people."""
ENDING_SECONDS = 30.0


@runtime_checkable
class Stop(Protocol):
    """What says that it is enough: an event that two processes share."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...


@contextmanager
def simulation(supply: Supply, folder: Path, size_px: int, device: str, workers: int) -> Iterator[None]:
    """While the block lasts, packs come into a folder; with no workers none do.

    Args:
        folder: of packs; those that an earlier run left stay, and this one draws other patients than they did.
        device: that marches the rays.
        workers: processes that build patients.
    """
    if workers == 0:
        yield
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    made = context.Process(target=produce, args=(supply, folder, size_px, device, workers, stop, os.getpid()))
    made.start()
    try:
        yield
    finally:
        stop.set()
        made.join(ENDING_SECONDS)
        if made.is_alive():
            made.terminate()
            made.join()


def produce(supply: Supply, folder: Path, size_px: int, device: str, workers: int, stop: Stop, parent: int) -> None:
    """Write packs until told to stop, or until nobody is there who could."""
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob(f"pack-*-{size_px}.npz")))
    own = replace(supply, settings=replace(supply.settings, seed=supply.settings.seed + 7919 * (number + 1)))
    samples: list[Sample] = []
    pictures = feed(own, device, workers if workers > 1 else 0, PATIENTS, PICTURES_EACH)
    try:
        for subject, picture in pictures:
            samples.append(sample_of(picture, subject, size_px))
            if len(samples) == PICTURES:
                write_pack(folder / f"pack-{number:06d}-{size_px}.npz", samples)
                number, samples = number + 1, []
            if stop.is_set() or os.getppid() != parent:
                return
    finally:
        pictures.close()  # type: ignore[attr-defined]  # a generator: its workers end with it
