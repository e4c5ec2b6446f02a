"""The trained networks behind a fit: what its results hang on, and whom they have learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..config import Settings
from ..detector_in_use import detector_in_use
from ..errors import InputError
from ..fit.judging import mixture_of
from ..pipeline import load_learned


def weights_of(settings: Settings) -> str:
    """Hashes of the weights that fits with these settings use; "" where they use none.

    Raises:
        InputError: weights that must be there are not; says what to do instead.
    """
    return " ".join(str(card["sha256"])[:12] for card in _cards(settings))


def told_apart(settings: Settings) -> Settings:
    """The same fits by settings in which the numbers that belong to a learned similarity are none where it has no say:
    what is tuned to new weights makes no other method run again."""
    if mixture_of(settings).learned:
        return settings
    return replace(settings, fit=replace(settings.fit, learned_weight=0.0, confidence_learned=()))


def check_weights(settings: Settings, weights: str) -> None:
    """Refuse to compute by other weights than those that a result is to be kept under.

    Raises:
        InputError: this process has other ones: another machine's, or of before there were new ones.
    """
    here = weights_of(settings)
    if here != weights:
        raise InputError("weights", "", here or "none", f"{weights or 'none'}, as the run began with; restart workers")


def have_seen(settings: Settings, people: Sequence[str]) -> bool:
    """Whether a network has learned from one of these people, and is used for their fits nevertheless."""
    return any(set(card.get("subjects", ())) & set(people) for card in _cards(settings, people))


def _cards(settings: Settings, without: Sequence[str] = ()) -> list[Mapping[str, Any]]:
    """Of the networks in use; loaded on the CPU, where they are in nobody's way."""
    learned = load_learned(settings, "cpu")
    detector = detector_in_use(settings.detector, "cpu", without)
    cards: list[Mapping[str, Any]] = [] if learned is None else [learned.card]
    return cards if isinstance(detector, str) else [*cards, detector.card]
