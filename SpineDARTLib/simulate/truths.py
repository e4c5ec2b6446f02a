"""The true vertebrae of a shard's patient, beside the shard: ``truth-000003.npz`` for ``shard-000003.npz``.

Pictures alone do not say how far a fit in space is from the truth. The truth is asked for by the patient's number, so
that shards written before there were truths get theirs, too.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..io.files import write_atomically
from ..types import Vertebra
from .nouns import TrueVertebra

FORMAT = "spinedart-truths/1"


def truth_path(shard: Path) -> Path:
    """Where the truth of a shard is kept."""
    return shard.with_name(shard.name.replace("shard-", "truth-", 1))


def write_truths(path: Path, subject: str, vertebrae: Mapping[str, TrueVertebra], made_by: str = "") -> None:
    """Write surfaces and the atlas's parameters of vertebrae, all of it or nothing.

    Args:
        subject: whose they are. made_by: as the shard's.

    Raises:
        InputError: the folder cannot be written.
    """
    arrays, described = {}, []
    for level, one in vertebrae.items():
        arrays[f"{level}/vertices"] = one.vertices.astype(np.float32)
        arrays[f"{level}/faces"] = one.faces.astype(np.int32)
        vertebra = one.vertebra
        described.append(
            {
                "level": level,
                "pose": np.asarray(vertebra.pose).tolist(),
                "scale": float(vertebra.scale),
                "coefficients": np.asarray(vertebra.coefficients).tolist(),
                "origin": one.origin,
                "fracture": one.fracture,
                "height_loss": float(one.height_loss),
            }
        )
    document = {"format": FORMAT, "subject": subject, "made_by": made_by, "vertebrae": described}
    text = np.frombuffer(json.dumps(document, allow_nan=False).encode("utf-8"), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, document=text, **arrays)
    write_atomically(path, buffer.getvalue())


def read_truths(path: Path) -> tuple[str, dict[str, TrueVertebra]]:
    """Subject and level to truth, without bone, landmarks and cannulas.

    Raises:
        InputError: missing, truncated, or no truths.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            document = json.loads(arrays["document"].tobytes().decode("utf-8"))
            if document.get("format") != FORMAT:
                raise InputError(path, "format", document.get("format"), f'"{FORMAT}"')
            return document["subject"], {one["level"]: _truth(one, arrays) for one in document["vertebrae"]}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"whole truths ({FORMAT})") from None


def _truth(described: Mapping, arrays: Mapping[str, np.ndarray]) -> TrueVertebra:
    level = described["level"]
    vertebra = Vertebra(
        level, np.array(described["pose"]), float(described["scale"]), np.array(described["coefficients"])
    )
    return TrueVertebra(
        vertebra,
        arrays[f"{level}/vertices"].astype(np.float64),
        arrays[f"{level}/faces"].astype(np.int64),
        {},
        {},
        origin=described["origin"],
        fracture=described["fracture"],
        height_loss=float(described["height_loss"]),
    )
