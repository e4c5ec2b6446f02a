"""Many cases and shards: by several processes, resumable, one file or folder a step, the states told as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..atlas.workers import Workers
from ..errors import InputError
from ..io.case import FILE_NAME
from ..io.fields import load_json
from ..io.files import check_writable
from .case import asked_levels, write_simulated
from .draw import stream
from .imaging.projection import Projector
from .imaging.views import check_hits, draw_views
from .nouns import Picture
from .picture import take_picture
from .shards import made_by as shard_made_by
from .shards import write_shard
from .supply import Aimed, Supply
from .truths import truth_path, write_truths

ATTEMPTS = 4
"""A case none of whose vertebrae is whole in all pictures (blades, an edge) is taken again, so often."""

KIND_WORDS = {"ap-lat": "orthogonal", "random-pair": "random"}
"""What a truth calls the published protocols; the other kinds of views have their own names."""


@dataclass(frozen=True)
class Made:
    """One step of a batch.

    Attributes:
        path: of the case folder or shard.
        pictures: how many it holds; 0 where it was there already.
        vertebrae: labels in a shard, vertebrae asked for in a case.
        problem: why it could not be made, or "".
    """

    path: Path
    pictures: int = 0
    vertebrae: int = 0
    problem: str = ""


def make_shards(out: Path, supply: Supply, patients: int, pictures: int, workers: int = 1) -> Iterator[Made]:
    """Write ``shard-000000.npz`` ...: one patient each, pictures of kind "training". Whole ones of these settings stay.

    Args:
        out: folder, new or with shards in it.
        pictures: of each patient.

    Raises:
        InputError: the folder cannot be written.
    """
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    fingerprint = f"{supply.fingerprint} {pictures}"
    tasks = []
    for number in range(patients):
        path = out / f"shard-{number:06d}.npz"
        if shard_made_by(path) != fingerprint:
            tasks.append((path, supply, number, pictures, fingerprint))
        elif truth_path(path).is_file():
            yield Made(path)
        else:  # a shard of before there were truths
            tasks.append((path, supply, number, 0, fingerprint))
    yield from _run(_make_shard, tasks, workers)


def make_cases(out: Path, supply: Supply, kind: str, cases: int, workers: int = 1) -> Iterator[Made]:
    """Write case folders with truth, each of its own patient; whole ones of these settings stay.

    Args:
        out: folder, new or with cases in it.
        kind: of ``imaging.views.KINDS``, not "training".

    Raises:
        InputError: the folder cannot be written.
    """
    check_writable(out)
    fingerprint = f"{supply.fingerprint} {kind}"
    tasks = []
    for number in range(cases):
        path = out / f"{number:04d}-{kind}"
        if case_made_by(path) == fingerprint:
            yield Made(path)
        else:
            tasks.append((path, supply, number, kind, fingerprint))
    yield from _run(make_case, tasks, workers)


def _run(function, tasks: Sequence[tuple], workers: int) -> Iterator[Made]:
    """Each task's result, in order."""
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield function(*task)
        return
    with Workers(workers) as pool:
        yield from pool.map(function, tasks)


def _make_shard(path: Path, supply: Supply, number: int, pictures: int, made_by: str) -> Made:
    """One patient's pictures, and the truth; what is wrong with its source ends this one and no other. Without
    pictures only the truth is added."""
    try:
        if not pictures:
            write_truths(truth_path(path), *supply.truth(number), made_by)
            return Made(path)
        aimed = supply.patient(number)
        taken = take_all(supply, aimed, number, "training", pictures)
    except InputError as error:
        return Made(path, problem=str(error))
    shown = {label.level for picture in taken for label in picture.labels}
    truths = {level: one for level, one in aimed.patient.vertebrae.items() if level in shown}
    write_truths(truth_path(path), aimed.patient.subject, truths, made_by)
    write_shard(path, aimed.patient.subject, taken, made_by)
    return Made(path, len(taken), sum(len(picture.labels) for picture in taken))


def make_case(path: Path, supply: Supply, number: int, kind: str, made_by: str) -> Made:
    """One patient's case, with as many clicks and as much truth as its views show whole."""
    try:
        aimed = supply.patient(number)
        for attempt in range(ATTEMPTS):
            taken = take_all(supply, aimed, number, kind, None, attempt)
            if levels := asked_levels(aimed.patient, taken):
                break
        else:
            return Made(path, problem=f"{path.name}: no vertebra is whole in all views, {ATTEMPTS} times over")
    except InputError as error:
        return Made(path, problem=str(error))
    clicks = stream(supply.settings.seed, "clicks", number)
    views = KIND_WORDS.get(kind, kind)
    write_simulated(path, path.name, aimed.patient, taken, levels, clicks, made_by=made_by, kind=views)
    return Made(path, len(taken), len(levels))


def take_all(
    supply: Supply, aimed: Aimed, number: int, kind: str, count: int | None, attempt: int = 0, device: str = "cpu"
) -> tuple[Picture, ...]:
    """A set of pictures of one patient.

    Raises:
        InputError: a view that shows no vertebra; those of "training" may.
    """
    settings = supply.settings
    pairs = draw_views(kind, count, aimed.target_mm, settings.views, stream(settings.seed, "views", number, attempt))
    if kind != "training":
        for pair in pairs:
            check_hits(aimed.patient, pair.true)
    projector = Projector(aimed.patient, device)
    seeds = stream(settings.seed, "pictures", number, attempt).integers(0, 2**31, len(pairs))
    return tuple(
        take_picture(projector, pair, aimed.target_mm, settings.imaging, seed)
        for pair, seed in zip(pairs, seeds.tolist(), strict=True)
    )


def case_made_by(folder: Path) -> str | None:
    """What made a case, or None where there is no whole one."""
    if not (folder / FILE_NAME).is_file():
        return None
    try:
        return load_json(folder / "truth" / "truth.json").child("made_by").text()
    except InputError:
        return None
