"""Where the files of a training are: shards and packs in folders, also behind symbolic links."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from ..errors import InputError

SHARDS = "shard-*.npz"


def patterns(size_px: int) -> tuple[str, str]:
    """Names of shards, and of packs at a working size."""
    return SHARDS, f"pack-*-{size_px}.npz"


def check_folders(folders: Iterable[Path]) -> None:
    """Raise an InputError for data that is no folder."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError("--data", "", folder, "a folder with shards (spinedart simulate shards)")


def data_files(folder: Path, names: Sequence[str], cache: Path) -> list[Path]:
    """Files of such names (``patterns``) at any depth in the order of their paths, but for those in ``cache``.

    Links are followed, to folders and to files (``Path.rglob`` follows neither kind of folder link before Python
    3.13); each folder is entered once, so that a link to its own parent does no harm.
    """
    found: list[Path] = []
    entered = {cache.resolve()}
    for root, inner, files in os.walk(folder, followlinks=True):
        here = Path(root).resolve()
        if here in entered:
            inner.clear()
            continue
        entered.add(here)
        inner.sort()
        found += [Path(root) / name for name in files if any(fnmatch(name, one) for one in names)]
    return sorted(found)


def new_files(
    folders: Iterable[Path], names: Sequence[str], cache: Path, known: Collection[tuple[Path, int]]
) -> Iterator[tuple[Path, int]]:
    """Files that are not known as they are now, with the time that each was written, ns; one that cannot be looked at
    counts as written at no time."""
    for folder in folders:
        for path in data_files(folder, names, cache):
            try:
                written = path.stat().st_mtime_ns
            except OSError:  # a link to nothing, or just deleted: reading it says so
                written = 0
            if (path, written) not in known:
                yield path, written


def why_nothing(
    folders: Iterable[Path], names: Sequence[str], files: int, held_back: str, broken: Iterable[str]
) -> str:
    """One sentence: what was looked for, and what was there instead of something to learn from.

    Args:
        names: of the files that were looked for.
        files: that were there.
        held_back: what was in them of people held back, "" for nothing.
        broken: what was wrong with files that could not be read.
    """
    where = ", ".join(map(str, folders))
    reasons = list(broken)
    if not files:
        return f"there is no file named {' or '.join(names)} in {where}, at any depth and behind links"
    if held_back:
        return f"there are {files} files with {held_back} in {where}, all of people who are held back"
    return f"there are {files} files in {where}, none of which can be read" + (f" ({reasons[0]})" if reasons else "")
