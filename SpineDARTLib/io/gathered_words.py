"""What was gathered, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from ..geometry.words import angle_words, describe, describe_pair, display
from .gathered import Gathered, GatheredView

NOT_CLINICAL = "Not for clinical use."
MANY = 4
"""Views beyond which not every pair is told."""


def remarks(one: GatheredView) -> Iterator[str]:
    """What the view is in words, then what is doubtful of it."""
    known = one.known
    if one.view is not None:
        yield f"{one.name} is {display(one.view)}: {describe(one.view)}."
    for conflict in known.conflicts:
        yield f"Conflict. {conflict.words}"
    for missing in known.missing:
        place = f"--set {one.name}.{missing.name}="
        if missing.proposal is None:
            yield f"Missing: {missing.words}; no proposal ({missing.why}). Give {place}..."
        else:
            source = missing.proposal.source
            why = missing.why if source in missing.why else f"{source}: {missing.why}"
            proposal = f"{missing.proposal.numbers} ({why})"
            yield f"Missing: {missing.words}. Proposal: {proposal}. Take it with --accept-proposals or give {place}..."
    assumed = [quantity for quantity in known.quantities.values() if quantity.confidence == "assumed"]
    if assumed:
        values = ", ".join(f"{quantity.name} {quantity.numbers}" for quantity in assumed)
        yield f"ASSUMED, NOT KNOWN: {values}. Confirm before you rely on anything made with it."
    if one.unanswered:
        yield f"TO BE ANSWERED. {one.unanswered}"
    yield from (f"Note. {words}" for words in (*known.warnings, *one.notes))
    if one.view is None and not known.missing:
        yield f"No camera. {one.why_not}"


def overall(gathered: Gathered) -> Iterator[str]:
    """What the views say together, a sentence a line."""
    yield from gathered.notes
    views = gathered.posed
    if gathered.shared_words:
        yield f"One frame: {_ANSWER[gathered.shared]}. {gathered.shared_words}"
    if len(views) > 1:
        yield f"{describe_pair(views) if len(views) <= MANY else angle_words(views)}."
    if gathered.recovered is not None:
        yield f"From the points: {gathered.recovered.words}"
    if gathered.impossible:
        yield f"IMPOSSIBLE. {gathered.impossible}"
    if gathered.advice is not None:
        yield f"View advice: {gathered.advice.words}"
        yield from (f"Warning. {words}" for words in gathered.advice.warnings)
    for what, found in (("pictures", gathered.consistency), ("clicks", gathered.clicks)):
        if found is not None:
            yield f"Can the geometry be true, by the {what}? {found.consistent.upper()}. {found.words}"


_ANSWER = {True: "yes", False: "NO", None: "not known"}
