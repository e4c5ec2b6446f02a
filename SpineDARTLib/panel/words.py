"""Numbers and errors as sentences."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import InputError

NO_SPACE = "the disk is full"


def seconds_words(seconds: float) -> str:
    """ "6 s", "2 min 5 s"."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def progress_words(share: float, seconds_left: float) -> str:
    """ "61 %, 4 s left"; after the fit's last step the cannulas are looked for."""
    if share >= 1.0:
        return "placing cannulas"
    left = f", {seconds_words(seconds_left)} left" if seconds_left == seconds_left else ""
    return f"{share * 100:.0f} %{left}"


def plain_words(error: Exception) -> str:
    """What went wrong, for the user, with the next thing to do; without the folders on the way to a file."""
    if isinstance(error, InputError):
        where = Path(error.where).name or error.where
        place = f"{where}, {error.field}" if error.field else where
        if "can be written" in error.expected:
            return _not_written(where, str(error.value))
        return f"{place}: {error.value}. Needed: {error.expected}."
    if isinstance(error, OSError):
        words = NO_SPACE if error.errno == errno.ENOSPC else error.strerror or str(error)
        return _not_written(Path(error.filename).name if isinstance(error.filename, str) else "", words)
    if isinstance(error, ValueError):
        return str(error)
    return f"This should not have happened: {type(error).__name__}: {error}. Save the scene and report it."


def _not_written(name: str, words: str) -> str:
    place = f" {name}" if name else ""
    return f"The folder{place} cannot be written: {words[:1].lower()}{words[1:]}. Choose another one."
