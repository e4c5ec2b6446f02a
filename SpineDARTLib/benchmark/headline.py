"""What a researcher wants to know first, in sentences; each with what it is about before its colon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .bootstrap import FEWEST_PEOPLE
from .failures import TROUBLES
from .tables import metric_words, overall_planned, shown, signed, verdict

NEEDLE = "11G"
SAID = ("dice", "hd95_mm", f"planned {NEEDLE}")
"""Figures whose differences the headline says; the table has all."""


def headline(found: Mapping[str, Any]) -> list[str]:
    """The sentences, the most important first.

    Args:
        found: what ``figures.report`` returned.
    """
    return [*_surfaces(found), *_gains(found), *_planning(found), *_trust(found), *_failures(found), *_cautions(found)]


def _surfaces(found: Mapping[str, Any]) -> Iterator[str]:
    ranked = sorted(
        ((name, one["overall"]) for name, one in found["methods"].items() if one["overall"]),
        key=lambda pair: -pair[1]["all"]["dice"]["median"],
    )
    for place, (name, overall) in enumerate(ranked):
        dice, distance = overall["all"]["dice"]["median"], overall["reconstructed"]["hd95_mm"]
        words = f"median Dice {dice:.3f}, HD95 {shown(distance and distance['median'], 1)} mm"
        lost = f"{overall['failures']} of {overall['vertebrae']} vertebrae without a surface"
        yield f"{'Best surfaces' if place == 0 else 'Then'}: {name}, {words} ({lost})."


def _gains(found: Mapping[str, Any]) -> Iterator[str]:
    said = [one for one in found["differences"] if one["metric"] in SAID and one["low"] is not None]
    for other in dict.fromkeys(one["second"] for one in said):
        several = [one for one in said if one["second"] == other]
        changes = "; ".join(_change(one) for one in several)
        yield f"{several[0]['first']} against {other}: {changes}."


def _change(one: Mapping[str, Any]) -> str:
    """ "Dice +0.051 (95 % +0.032 to +0.070), ncc better"."""
    words, digits = metric_words(one["metric"])
    between = f"95 % {signed(one['low'], digits)} to {signed(one['high'], digits)}"
    return f"{words} {signed(one['mean'], digits)} ({between}), {verdict(one)}"


def _planning(found: Mapping[str, Any]) -> Iterator[str]:
    shares = []
    for name, one in found["methods"].items():
        counts = overall_planned(one, NEEDLE)
        if counts is not None and counts["vertebrae"]:
            kept = counts["no_breach"]["kept"]
            shares.append(f"{name} {100 * kept / counts['vertebrae']:.0f} % ({kept} of {counts['vertebrae']})")
    if shares:
        yield f"Planned on both sides without breach, {NEEDLE}, in the true bone: {', '.join(shares)}."
    for one in found.get("grades", ()):
        yield (
            f"Graded by {one['rater']}: {one['method']}, both sides optimal in {one['both_optimal']} and neither "
            f"refused in {one['neither_refused']} of {one['vertebrae']} vertebrae."
        )


def _trust(found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found["methods"].items():
        trust = one["confidence"]
        if trust is None or trust["spearman"] is None:
            continue
        caught = f"among them {trust['bad_and_refused']} of the {trust['bad']}" if trust["bad"] else "none"
        yield (
            f"Does {name} know when it is wrong: rank correlation {trust['spearman']:.2f} of expected and true "
            f"distance; it refused {trust['refused']} of {trust['vertebrae']}; "
            f"{caught} that {'are' if trust['bad'] != 1 else 'is'} farther off than twice the median."
        )


def _failures(found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found["methods"].items():
        if one["troubles"]:
            counts = ", ".join(f"{one['troubles'][kind]} {kind}" for kind in TROUBLES if kind in one["troubles"])
            yield f"What went wrong with {name}: {counts}, of {one['vertebrae']}."
    broken = {error["case"] for error in found["errors"]}
    if broken:
        yield f"Could not be run: {len(broken)} case{'s' * (len(broken) != 1)}, listed below."
    if found["unmade"]:
        yield f"Could not be simulated: {len(found['unmade'])}, listed below."


def _cautions(found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found["methods"].items():
        for note in one["notes"]:
            yield f"Note: of {name}, {note}"
    seen = {name: one["overall"]["seen"] for name, one in found["methods"].items() if one["overall"]}
    for name, count in seen.items():
        if count:
            yield f"Caution: in {count} vertebrae of {name} a model has learned from the very person (seen)."
    if found["people"] < FEWEST_PEOPLE:
        yield (
            f"Caution: {found['people']} {'person' if found['people'] == 1 else 'people'} only, so intervals are drawn "
            f"over vertebrae and are too narrow."
        )
