"""Pictures without end and without a disk: what a training draws from while it runs, on CPU or CUDA.

Patients take seconds to build and a picture of one takes milliseconds on CUDA; so several patients are kept on the
device at a time, each is photographed many times, and other processes build the next ones meanwhile. The order, and
with it every picture, hangs on the seed alone, however many processes there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

from ..atlas.workers import Workers
from .draw import stream
from .imaging.projection import Projector
from .imaging.views import draw_views
from .nouns import Picture
from .picture import take_picture
from .supply import Aimed, Supply


def feed(
    supply: Supply, device: str = "cpu", workers: int = 0, patients: int = 4, pictures_each: int = 64, first: int = 0
) -> Iterator[tuple[str, Picture]]:
    """Subject and picture, for ever.

    Args:
        supply: of the patients.
        device: "cpu", or a CUDA device of torch's: there the rays are marched and the physics computed.
        workers: processes that build patients; 0 builds them here, when they are needed.
        patients: kept ready at a time; neighbouring pictures are of different ones.
        pictures_each: of one patient before the next one takes its place.
        first: number of the first patient (validation draws from other numbers than training).

    Raises:
        InputError: a CT or mask that cannot be used.
    """
    with ExitStack() as stack:
        coming = _patients(supply, workers, first, stack)
        ready: list[Iterator[tuple[str, Picture]]] = []
        # The first ones leave early, each at another time, so that later only one is exchanged at a time.
        for place in range(patients):
            number, aimed = next(coming)
            ready.append(_pictures_of(supply, aimed, number, device, pictures_each * (place + 1) // patients))
        while True:
            for place in range(patients):
                found = next(ready[place], None)
                while found is None:
                    number, aimed = next(coming)
                    ready[place] = _pictures_of(supply, aimed, number, device, pictures_each)
                    found = next(ready[place], None)
                yield found


def _patients(supply: Supply, workers: int, first: int, stack: ExitStack) -> Iterator[tuple[int, Aimed]]:
    """Numbers and patients, in order."""
    if workers == 0:
        return ((number, supply.patient(number)) for number in count(first))
    pool = stack.enter_context(Workers(workers))
    made = pool.map(supply.patient, ((number,) for number in count(first)))
    return zip(count(first), made, strict=False)


def _pictures_of(
    supply: Supply, aimed: Aimed, number: int, device: str, pictures: int
) -> Iterator[tuple[str, Picture]]:
    """A patient's pictures, taken when they are asked for."""
    views = stream(supply.settings.seed, "feed", number)
    pairs = draw_views("training", pictures, aimed.target_mm, supply.settings.views, views)
    seeds = views.integers(0, 2**31, len(pairs)).tolist()
    projector = Projector(aimed.patient, device)
    for pair, seed in zip(pairs, seeds, strict=True):
        yield aimed.patient.subject, take_picture(projector, pair, aimed.target_mm, supply.settings.imaging, seed)
