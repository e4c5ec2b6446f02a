"""The figures as rows of text, for a screen and for a page, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from ..evaluate.cannulas import NEEDLES, RECOMMENDED
from ..evaluate.compare import METRICS
from ..evaluate.success import share
from .bootstrap import value_of

Row = tuple[str, ...]

HEADINGS = ("method", "group", "n", "failed", "Dice before", "Dice", "NSD 1 mm", "HD95 mm", "ASSD mm", "s/vertebra")

PAPER_HEADINGS = (
    *("method", "vertebrae", "failed", "Dice, all", "NSD 1 mm, all"),
    *("Dice, reconstructed", "NSD 1 mm, reconstructed", "HD95 mm, reconstructed"),
)

PUBLISHED: Mapping[str, tuple[Row, ...]] = {
    "orthogonal": (
        ("published: ReVerteR (VerSe-small)", "", "", "", "", "0.769", "0.620", "6.31"),
        ("published: Spine-DART", "", "", "", "", "0.746", "0.608", "6.34"),
        ("published: NCC-driven", "", "", "", "", "0.650", "0.432", "9.24"),
    ),
    "random": (("published: Spine-DART", "", "", "", "", "0.726", "0.567", "7.33"),),
}
"""Of Inigo et al., arXiv 2512.05803, on other cases than these: for the size of things, not for a comparison."""


def table(found: Mapping[str, Any]) -> list[Row]:
    """Headings and one row a method and group; medians over all (Dice, NSD) and over the reconstructed (distances)."""
    rows: list[Row] = [HEADINGS]
    for method, one in found["methods"].items():
        for name, group in one["groups"].items():
            overall, good = group["all"], group["reconstructed"]
            rows.append(
                (
                    method,
                    name,
                    str(group["vertebrae"]),
                    str(group["failures"]),
                    shown(group["dice_before_median"]),
                    shown(overall["dice"]["median"]),
                    shown(overall["nsd_1mm"]["median"]),
                    *(shown(good[key]["median"] if good[key] else None, 2) for key in ("hd95_mm", "assd_mm")),
                    shown(group["seconds_median"], 1),
                )
            )
    return rows


def paper_table(found: Mapping[str, Any], protocol: str) -> list[Row]:
    """The published tables' rows, one a method: mean ± standard deviation (median), over all and the reconstructed."""
    rows: list[Row] = [PAPER_HEADINGS]
    for method, one in found["methods"].items():
        group = one["protocols"].get(protocol)
        if group is None:
            continue
        overall, good = group["all"], group["reconstructed"]
        cells = [(overall["dice"], 3), (overall["nsd_1mm"], 3), (good["dice"], 3), (good["nsd_1mm"], 3)]
        texts = [_spread(*cell) for cell in [*cells, (good["hd95_mm"], 2)]]
        rows.append((method, str(group["vertebrae"]), str(group["failures"]), *texts))
    return [*rows, *PUBLISHED.get(protocol, ())]


def protocols(found: Mapping[str, Any]) -> list[str]:
    """Every protocol that a method has figures of, in their order."""
    return list(dict.fromkeys(name for one in found["methods"].values() for name in one["protocols"]))


METRIC_WORDS = {
    "dice": ("Dice", 3), "nsd_1mm": ("NSD 1 mm", 3), "hd95_mm": ("HD95 mm", 2), "assd_mm": ("ASSD mm", 2),
}  # fmt: skip
"""Name and digits."""

LOWER_IS_BETTER = ("hd95_mm", "assd_mm")

DIFFERENCE_HEADINGS = ("compared", "figure", "vertebrae", "first", "second", "difference", "95 % interval", "verdict")


def difference_table(found: Mapping[str, Any]) -> list[Row]:
    """One row a pair of methods and figure; the verdict says which is better where the interval leaves zero out."""
    rows: list[Row] = [DIFFERENCE_HEADINGS]
    for one in found["differences"]:
        words, digits = metric_words(one["metric"])
        numbers = [shown(one[name], digits) for name in ("first_mean", "second_mean")]
        low, high = (signed(one[name], digits) for name in ("low", "high"))
        between = f"{low} to {high}" if one["low"] is not None else "-"
        pair = f"{one['first']} − {one['second']}"
        change = signed(one["mean"], digits)
        rows.append((pair, words, str(one["vertebrae"]), *numbers, change, between, verdict(one)))
    return rows


def metric_words(metric: str) -> tuple[str, int]:
    """ "dice" to "Dice" and its digits."""
    return METRIC_WORDS.get(metric) or (f"{metric} (share)", 2)


def verdict(one: Mapping[str, Any]) -> str:
    """Which of the two is better, as far as the interval says."""
    if one["low"] is None:
        return "too few"
    if one["low"] <= 0 <= one["high"]:
        return "no difference shown"
    first_is_better = (one["mean"] > 0) != (one["metric"] in LOWER_IS_BETTER)
    return f"{one['first'] if first_is_better else one['second']} better"


COST_HEADINGS = (
    *("method", "s a case, median", "s a case, slowest", "s a vertebra"),
    *("processor s a vertebra", "measuring it, processor s", "memory MB"),
)


def cost_table(found: Mapping[str, Any]) -> list[Row]:
    """Seconds and memory of every method, without measuring."""
    seconds = ("seconds_a_case", "slowest_case_seconds", "seconds_a_vertebra")
    computed = ("processor_seconds_a_vertebra", "measuring_seconds_a_vertebra")
    names = (*((name, 1) for name in (*seconds, *computed)), ("memory_mb", 0))
    costs = {method: one["cost"] for method, one in found["methods"].items()}
    cells = {method: [shown(cost[name], digits) for name, digits in names] for method, cost in costs.items()}
    return [COST_HEADINGS, *((method, *texts) for method, texts in cells.items())]


VERTEBRA_COLUMNS = (
    *("case", "subject", "kind", "level", "method", "status", "reconstructed", *METRICS, "dice_before"),
    *("pose_rotation_deg", "pose_translation_mm", "predicted_mm", "seconds", "seen", "trouble", "status_reason"),
)


def vertebrae_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """A line a vertebra and method: every figure, what was planned with success, the mean landmark error."""
    planned = [f"planned {needle}" for needle in NEEDLES]
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*VERTEBRA_COLUMNS, *(name.replace(" ", "_") for name in planned), "landmark_mean_mm"])
    for row in rows:
        errors = list((row.get("landmarks_mm") or {}).values())
        mean = sum(errors) / len(errors) if errors else None
        cells = [row.get(name) for name in VERTEBRA_COLUMNS] + [value_of(row, name) for name in planned] + [mean]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return stream.getvalue()


def summary_csv(found: Mapping[str, Any]) -> str:
    """A line a protocol, method, set of vertebrae and figure: mean, standard deviation, median."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["protocol", "method", "over", "vertebrae", "metric", "mean", "sd", "median"])
    for method, one in found["methods"].items():
        for protocol, group in one["protocols"].items():
            counts = {"all": group["vertebrae"], "reconstructed": group["vertebrae"] - group["failures"]}
            for over, number in counts.items():
                for metric, values in group[over].items():
                    if values is not None:
                        texts = [f"{values[name]:.6g}" for name in ("mean", "sd", "median")]
                        writer.writerow([protocol, method, over, number, metric, *texts])
    return stream.getvalue()


PLANNED_HEADINGS = (
    "method",
    "needle",
    "vertebrae",
    "no breach",
    "1 mm all round",
    "in body",
    "offered",
    "wrong of these",
)


def planned_table(found: Mapping[str, Any]) -> list[Row]:
    """A row a method and needle, recommended cannulas on both sides: shares of all vertebrae; of those that the plan
    calls free of breach, how many are not."""
    rows: list[Row] = [PLANNED_HEADINGS]
    for method, one in found["methods"].items():
        for needle in NEEDLES:
            counts = overall_planned(one, needle)
            if counts is not None:
                total, offered = counts["vertebrae"], counts["offered"]
                shares = [share(counts[key]["kept"], total) for key in ("no_breach", "margin", "in_body")]
                said = (str(offered), share(counts["unmarked"], offered)) if offered else ("-", "-")
                rows.append((method, needle, str(total), *shares, *said))
    return rows


def overall_planned(one: Mapping[str, Any], needle: str) -> Mapping[str, Any] | None:
    """Counts of a method's recommended cannulas for a needle; None where nothing could be judged."""
    needles = one["success"]["methods"].get(RECOMMENDED, {})
    return needles[needle]["overall"] if needle in needles else None


def columns(rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    """Headings and the rest."""
    return rows[0], list(rows[1:])


def shown(value: float | None, digits: int = 3) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A number with its sign, or a dash."""
    return "-" if value is None else f"{value:+.{digits}f}"


def _spread(values: Mapping[str, float] | None, digits: int) -> str:
    if values is None:
        return "-"
    return f"{values['mean']:.{digits}f} ± {values['sd']:.{digits}f} ({values['median']:.{digits}f})"
