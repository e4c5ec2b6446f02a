"""Settings with some of them changed, as a JSON object says: the worker's requests, and reruns of a fit."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..errors import InputError
from .fields import Field

T = TypeVar("T")


def changed(settings: T, changes: Field) -> T:
    """A frozen settings object with what a JSON object names in place of its own.

    Args:
        settings: a dataclass, those in it among its fields.
        changes: {"plan": {"gauge": 13}}: names of fields, of the settings in them likewise.

    Raises:
        InputError: a name that is no setting, or a value of another kind.
    """
    kinds = get_type_hints(type(settings))
    names = [one.name for one in fields(settings)]  # type: ignore[arg-type]
    found = {}
    for name, change in changes.named().items():
        if name not in names:
            raise InputError(change.where, change.path, change.value, f"one of {', '.join(names)}")
        found[name] = _value(getattr(settings, name), kinds[name], change)
    return replace(settings, **found)  # type: ignore[type-var]


def _value(now: Any, kind: Any, change: Field) -> Any:
    """What a setting becomes."""
    if is_dataclass(now):
        return changed(now, change)
    if get_origin(kind) is Literal:
        return change.text(get_args(kind))
    if change.value is None and type(None) in get_args(kind):
        return None
    if isinstance(now, bool):
        return change.value if isinstance(change.value, bool) else change.fail("true or false")
    if isinstance(now, int):
        return _whole(change)
    if isinstance(now, tuple):
        several = bool(now) and is_dataclass(now[0])
        return _several(now, change) if several else tuple(float(number) for number in change.numbers(len(now)))
    if isinstance(now, float) or float in get_args(kind):
        return change.number()
    if isinstance(now, str) or str in get_args(kind):
        return change.text()
    raise InputError(change.where, change.path, change.value, f"nothing: {kind} cannot be given here")


def _whole(change: Field) -> int:
    """A whole number of either sign: levels are moved towards the head, too."""
    if isinstance(change.value, bool) or not isinstance(change.value, int):
        change.fail("a whole number")
    return change.value


def _several(now: tuple[Any, ...], change: Field) -> tuple[Any, ...]:
    """Stages and the like: as many as are given, each a change of the one in its place (the last one's, beyond)."""
    given = change.items()
    if not given:
        change.fail("at least one")
    return tuple(changed(now[min(place, len(now) - 1)], one) for place, one in enumerate(given))
