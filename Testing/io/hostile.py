"""Reads one DICOM file in every way, and tells what that cost and what was said."""

from __future__ import annotations

import io
import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SpineDARTLib.errors import InputError
from SpineDARTLib.io.dicom import frame_list, read_dicom_frame, read_known

MARKERS = ("planted", "19010203", "19040506", "19070809")
"""Pieces of what ``damages.PLANTED`` plants, none of which may be seen in anything that reading says."""


@dataclass(frozen=True)
class Outcome:
    """What reading one file did.

    Attributes:
        kind: "refused", "said" (read, with something missing, doubtful or in conflict) or "plain".
        words: all that was said.
        seconds: of the processor's time, the slowest of its three readings.
    """

    kind: str
    words: str
    seconds: float


def read_everything(path: Path) -> Outcome:
    """Geometry, list of frames and picture of one file. Any error but ``InputError`` goes through."""
    heard, words, kind, seconds = io.StringIO(), [], "plain", 0.0
    handler, root = logging.StreamHandler(heard), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for read in (read_known, frame_list, read_dicom_frame):
                start = time.process_time()
                try:
                    said, answer = _said(read(path))
                except InputError as error:
                    said, answer = str(error), "refused"
                seconds = max(seconds, time.process_time() - start)
                words.append(said)
                kind = answer if kind == "plain" or answer == "refused" else kind
        words += [str(one.message) for one in caught]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return Outcome(kind, "\n".join([*words, heard.getvalue()]), seconds)


def _said(answer: Any) -> tuple[str, str]:
    found = getattr(answer, "missing", ()) or getattr(answer, "warnings", ()) or getattr(answer, "conflicts", ())
    return repr(answer), "said" if found else "plain"
