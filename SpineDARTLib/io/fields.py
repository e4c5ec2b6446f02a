"""JSON fields that know where they stand, so that every complaint names the file, the field and the value."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Field:
    """One value of a JSON file.

    Attributes:
        where: the file.
        path: the way to the value, "views[1].geometry.projection_matrix"; "" for the whole file.
        value: what stands there.
    """

    where: Path
    path: str
    value: Any

    def fail(self, expected: str, value: object = ...) -> NoReturn:
        """Raise the InputError of this field; ``value`` where the field's own says too little."""
        raise InputError(self.where, self.path, self.value if value is ... else value, expected)

    def child(self, key: str) -> Field:
        """The member of that name.

        Raises:
            InputError: this is no object, or the member is missing.
        """
        found = self.optional(key)
        if found is None:
            raise InputError(self.where, self._join(key), "nothing", "this field to be there")
        return found

    def optional(self, key: str) -> Field | None:
        """The member of that name, None where it is missing or null."""
        value = self.members().get(key)
        return None if value is None else Field(self.where, self._join(key), value)

    def members(self) -> dict[str, Any]:
        """The value as an object."""
        if not isinstance(self.value, dict):
            self.fail("an object {...}")
        return self.value

    def named(self) -> dict[str, Field]:
        """The members of an object, each with its own path."""
        return {key: Field(self.where, self._join(key), value) for key, value in self.members().items()}

    def items(self) -> list[Field]:
        """The elements of an array, each with its own path."""
        if not isinstance(self.value, list):
            self.fail("an array [...]")
        return [Field(self.where, f"{self.path}[{index}]", value) for index, value in enumerate(self.value)]

    def text(self, choices: Collection[str] = ()) -> str:
        """The value as a text that is not blank, one of ``choices`` where there are any."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail("a text" if not choices else _one_of(choices))
        if choices and self.value not in choices:
            self.fail(_one_of(choices))
        return self.value

    def number(self, above: float = -math.inf) -> float:
        """The value as a finite number larger than ``above``."""
        if not _is_number(self.value) or not self.value > above:
            self.fail("a number" if math.isinf(above) else f"a number above {above:g}")
        return float(self.value)

    def index(self) -> int:
        """The value as a whole number from 0."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < 0:
            self.fail("a whole number from 0")
        return self.value

    def numbers(self, *shape: int) -> np.ndarray:
        """The value as nested arrays of finite numbers of exactly this shape, float64."""
        if not _has_shape(self.value, shape):
            rows = " rows of ".join(str(size) for size in shape)
            self.fail(f"{rows} finite numbers")
        return np.array(self.value, dtype=np.float64)

    def unknown(self, known: Collection[str]) -> tuple[str, ...]:
        """The members that are not known: a misspelt optional field would otherwise pass in silence."""
        return tuple(self._join(key) for key in self.members() if key not in known)

    def _join(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def load_json(path: Path) -> Field:
    """Read a JSON file whose top is an object.

    Raises:
        InputError: missing, unreadable, not UTF-8, not JSON (with line and column), NaN or Infinity inside, no object.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(path, "", "no such file", "a JSON file that exists") from None
    except OSError as error:
        raise InputError(path, "", error.strerror or error, "a file that can be read") from None
    except UnicodeDecodeError as error:
        raise InputError(path, "", f"bytes that are not UTF-8 at {error.start}", "JSON text in UTF-8") from None
    return parse_json(text, path)


def parse_json(text: str, path: Path) -> Field:
    """The same of a text.

    Args:
        path: what complaints call it.

    Raises:
        InputError: not JSON (with line and column), NaN or Infinity inside, no object.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        found = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise InputError(path, "", found, "valid JSON") from None
    except _NotFinite as error:
        raise InputError(path, "", f"the constant {error}", "finite numbers (JSON has no NaN or Infinity)") from None
    except RecursionError:
        raise InputError(path, "", "arrays nested too deeply", "valid JSON") from None
    root = Field(path, "", value)
    root.members()
    return root


class _NotFinite(Exception):
    """A constant that JSON does not have, though Python reads it."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFinite(name)


def _is_number(value: object) -> bool:
    # A huge integer overflows in float(); True and False are ints to Python, not to us.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 10**300


def _has_shape(value: object, shape: tuple[int, ...]) -> bool:
    if not shape:
        return _is_number(value)
    return isinstance(value, list) and len(value) == shape[0] and all(_has_shape(row, shape[1:]) for row in value)


def _one_of(choices: Collection[str]) -> str:
    quoted = [f'"{choice}"' for choice in choices]
    return quoted[0] if len(quoted) == 1 else "one of " + ", ".join(quoted)
