"""Packed pictures for training: one file a patient, everything true about its pictures in it.

A shard is a compressed ``.npz``: for picture 3 the arrays ``03/stored`` (as a file stores it) and ``03/exposed``
(bits), for the vertebra L2 in it ``03/L2/mask`` (bits) and ``03/L2/projection`` (float16), and one JSON document under
``document`` with everything that is numbers and words. ``read_shard`` gives the same ``Picture``s that went in, but for
float16.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..io.attenuation import to_attenuation
from ..io.files import write_atomically
from ..types import View
from .nouns import Crop, Label, Picture

FORMAT = "spinedart-shard/1"


def write_shard(path: Path, subject: str, pictures: Sequence[Picture], made_by: str = "") -> None:
    """Write one shard, all of it or nothing.

    Args:
        subject: whose anatomy it shows; nobody is tested by what has learned from them.
        made_by: what the pictures hang on (``SimulationSettings.fingerprint``); a resumed run looks at it.

    Raises:
        InputError: the folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    described = []
    for number, picture in enumerate(pictures):
        key = f"{number:02d}"
        arrays[f"{key}/stored"] = picture.stored
        arrays[f"{key}/exposed"] = np.packbits(picture.exposed)
        for label in picture.labels:
            arrays[f"{key}/{label.level}/mask"] = np.packbits(label.mask.values)
            arrays[f"{key}/{label.level}/projection"] = label.projection.values.astype(np.float16)
        described.append(_describe(picture))
    document = {"format": FORMAT, "subject": subject, "made_by": made_by, "pictures": described}
    text = json.dumps(document, allow_nan=False).encode("utf-8")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, document=np.frombuffer(text, dtype=np.uint8), **arrays)
    write_atomically(path, buffer.getvalue())


def read_shard(path: Path) -> tuple[str, tuple[Picture, ...]]:
    """The subject and the pictures of a shard.

    Raises:
        InputError: missing, truncated, or no shard.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            document = _document(arrays, path)
            pictures = document["pictures"]
            return document["subject"], tuple(
                _picture(one, arrays, f"{number:02d}") for number, one in enumerate(pictures)
            )
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"a whole shard ({FORMAT})") from None


def made_by(path: Path) -> str | None:
    """What made a shard, or None where there is no whole shard (an interrupted run's next step is then to make it)."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return str(_document(arrays, path)["made_by"])
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError):
        return None


def _document(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, Any]:
    document = json.loads(arrays["document"].tobytes().decode("utf-8"))
    if document.get("format") != FORMAT:
        raise InputError(path, "format", document.get("format"), f'"{FORMAT}"')
    return document


def _describe(picture: Picture) -> dict[str, Any]:
    """What of a picture is numbers and words."""
    return {
        "view": describe_view(picture.view),
        "stated": describe_view(picture.stated),
        "bits": picture.bits,
        "conditions": dict(picture.conditions),
        "labels": [describe_label(label) for label in picture.labels],
    }


def describe_view(view: View) -> dict[str, Any]:
    """A camera as JSON, without its image."""
    return {
        "name": view.name,
        "intrinsics": view.intrinsics.tolist(),
        "world_to_camera": view.world_to_camera.tolist(),
        "pixel_spacing_mm": list(view.pixel_spacing_mm),
        "source_to_detector_mm": view.source_to_detector_mm,
        "polarity": view.polarity,
    }


def describe_label(label: Label) -> dict[str, Any]:
    """A label as JSON, without its arrays of pixels."""
    return {
        "level": label.level,
        "box_px": label.box_px.tolist(),
        "row": label.mask.row,
        "column": label.mask.column,
        "shape": list(label.mask.values.shape),
        "landmarks_px": label.landmarks_px.tolist(),
        "visibility": label.visibility.tolist(),
        "cannulas_px": {side: np.asarray(points).tolist() for side, points in label.cannulas_px.items()},
        "share_seen": label.share_seen,
    }


def _picture(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray], key: str) -> Picture:
    stored = arrays[f"{key}/stored"]
    view = _view(described["view"], to_attenuation(stored, described["view"]["polarity"]))
    return Picture(
        view=view,
        stored=stored,
        bits=int(described["bits"]),
        exposed=_unpack(arrays[f"{key}/exposed"], stored.shape),
        labels=tuple(read_label(one, arrays, f"{key}/{one['level']}") for one in described["labels"]),
        stated=_view(described["stated"], view.image),
        conditions=described["conditions"],
    )


def _view(described: Mapping[str, Any], image: np.ndarray) -> View:
    rows, columns = described["pixel_spacing_mm"]
    return View(
        described["name"],
        image,
        np.array(described["intrinsics"], dtype=np.float64),
        np.array(described["world_to_camera"], dtype=np.float64),
        (float(rows), float(columns)),
        float(described["source_to_detector_mm"]),
        described["polarity"],
    )


def read_label(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray], key: str) -> Label:
    """A label from its description and its arrays ``<key>/mask`` and ``<key>/projection``."""
    row, column, shape = int(described["row"]), int(described["column"]), tuple(described["shape"])
    return Label(
        level=described["level"],
        box_px=np.array(described["box_px"], dtype=np.float64),
        mask=Crop(row, column, _unpack(arrays[f"{key}/mask"], shape)),
        projection=Crop(row, column, arrays[f"{key}/projection"].astype(np.float32)),
        landmarks_px=np.array(described["landmarks_px"], dtype=np.float64),
        visibility=np.array(described["visibility"], dtype=np.int8),
        cannulas_px={side: np.array(points) for side, points in described["cannulas_px"].items()},
        share_seen=float(described["share_seen"]),
    )


def _unpack(bits: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bits to a bool array of a shape."""
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
