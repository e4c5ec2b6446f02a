"""The ratios of a run, and two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMAT = "spinedart-performance/1"

NOTABLE = 1.2
"""Times that a ratio must have grown or shrunk to be marked; the same code differs by a tenth from run to run."""


def ratios(found: Mapping[str, Any]) -> dict[str, float]:
    """Everything of a run that does not hang on how fast its machine is; but for other renderers, less is better."""
    yardstick = found["machine"]["yardstick_s"]
    flat = {f"renderer: {name}": ratio for name, ratio in found["beside_others"]["ratios"].items()}
    for backend, axes in found["growth"].items():
        for axis, one in axes.items():
            flat[f"{backend}, {axis}: power of growth"] = one["power"]
            flat[f"{backend}, {axis}: largest / smallest"] = one["times"]
        base = axes["starts"]["rows"][0]
        flat[f"{backend}: one start of the first stage / yardstick"] = base["total_s"] / yardstick
        flat[f"{backend}: backward / forward"] = base["backward_s"] / base["forward_s"]
    plan = found["stages"]
    flat |= {f"stage {name} / yardstick": seconds / yardstick for name, seconds in plan["seconds"].items()}
    flat |= {f"command: {name} / yardstick": seconds / yardstick for name, seconds in found["commands"].items()}
    flat["a vertebra / yardstick"] = plan["vertebra_s"] / yardstick
    worker = found["worker"]
    flat["worker: first case / second"] = worker["cold_processor_s"] / worker["warm_processor_s"]
    flat["worker: hello / second case"] = worker["hello_processor_s"] / worker["warm_processor_s"]
    return {name: ratio for name, ratio in flat.items() if ratio == ratio}


def require_one_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Before anything is measured: ratios of other sizes mean other things.

    Raises:
        ValueError: names what differs.
    """
    for name in ("format", "quick", "device"):
        if old.get(name) != new.get(name):
            raise ValueError(f"{name}: got {old.get(name)} and {new.get(name)}; expected runs of one kind")


def side_by_side(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """A line a ratio: before, now, and a mark where it changed notably.

    Raises:
        ValueError: runs of different sizes, whose ratios mean different things.
    """
    require_one_kind(old, new)
    lines = [f"{'ratio':58}{'before':>10}{'now':>10}"]
    before, now = old["ratios"], new["ratios"]
    for name in [*now, *(one for one in before if one not in now)]:
        cells = [f"{side[name]:10.3g}" if name in side else f"{'-':>10}" for side in (before, now)]
        lines.append(f"{name:58}{''.join(cells)}{_mark(before.get(name), now.get(name))}")
    return "\n".join(lines)


def _mark(before: float | None, now: float | None) -> str:
    if before is None or now is None or before <= 0 or now <= 0:
        return ""
    change = now / before
    return f"  x {change:.2f}" if not 1 / NOTABLE < change < NOTABLE else ""
