"""Where the files of a training are: shards and packs in folders, also behind symbolic links."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path


def patterns(size_px: int) -> tuple[str, str]:
    """Names of shards, and of packs at a working size."""
    return "shard-*.npz", f"pack-*-{size_px}.npz"


def data_files(folder: Path, size_px: int, cache: Path) -> list[Path]:
    """Shards and packs at any depth in the order of their names, but for those in ``cache``.

    Links are followed, to folders and to files (``Path.rglob`` follows neither kind of folder link before Python
    3.13); each folder is entered once, so that a link to its own parent does no harm.
    """
    found: list[Path] = []
    entered = {cache.resolve()}
    for root, inner, names in os.walk(folder, followlinks=True):
        here = Path(root).resolve()
        if here in entered:
            inner.clear()
            continue
        entered.add(here)
        inner.sort()
        found += [Path(root) / name for name in names if any(fnmatch(name, one) for one in patterns(size_px))]
    return sorted(found)


def why_nothing(folders: Iterable[Path], size_px: int, files: int, held_back: int, broken: Iterable[str]) -> str:
    """One sentence: what was looked for, and what was there instead of pictures to learn from.

    Args:
        files: shards and packs that were there.
        held_back: pictures of people held back that were in them.
        broken: what was wrong with files that could not be read.
    """
    where = ", ".join(map(str, folders))
    looked = " or ".join(patterns(size_px))
    reasons = list(broken)
    if not files:
        return f"there is no file named {looked} in {where}, at any depth and behind links"
    if held_back:
        return f"there are {files} files with {held_back} pictures in {where}, all of people who are held back"
    return f"there are {files} files in {where}, none of which can be read" + (f" ({reasons[0]})" if reasons else "")
