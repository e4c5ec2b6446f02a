"""Plans as text that gives them back to the last digit: NaN, arrays and all, for the scene to keep."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from io import BytesIO
from typing import Any

import numpy as np

from .. import planned, types
from ..types import Status

KIND, ARRAY, STATUS = "__kind__", "__array__", "__status__"

KINDS = {
    kind.__name__: kind
    for kind in (
        types.Plan, types.FittedVertebra, types.Vertebra, types.Quality, types.Posterior, planned.Cannula,
        planned.Safety, planned.Option, planned.Risk,
    )
}  # fmt: skip
"""Nothing else is made of a text."""


def to_text(value: object) -> str:
    """A plan, or a tuple of them, as JSON."""
    return json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Status):
        return {STATUS: value.value}
    if is_dataclass(value) and not isinstance(value, type):
        return {KIND: type(value).__name__} | {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return {ARRAY: _packed(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Enum) or not isinstance(value, (str, int, float, type(None))):
        raise TypeError(f"got {type(value).__name__}; a plan has no such part")
    return value


def _packed(array: np.ndarray) -> str:
    stream = BytesIO()
    np.savez_compressed(stream, allow_pickle=False, array=array)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def from_text(text: str) -> Any:
    """What ``to_text`` was given; lists come back as tuples.

    Raises:
        ValueError: not such a text.
    """
    try:
        return _made(json.loads(text))
    except (KeyError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"got a text that is no plan ({error})") from None


def _made(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_made(item) for item in value)
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        with np.load(BytesIO(base64.b64decode(value[ARRAY])), allow_pickle=False) as arrays:
            return arrays["array"]
    if STATUS in value:
        return Status(value[STATUS])
    made = {key: _made(item) for key, item in value.items() if key != KIND}
    return KINDS[value[KIND]](**made) if KIND in value else made
