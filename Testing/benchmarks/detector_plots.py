"""Tables and pictures of what a detector finds (``detector_on_cases``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from SpineDARTLib.types import LEVELS

WHOLE = 0.98
"""Share of a vertebra that is to be in the picture for it to count as wholly there."""

CHI = {"2d": {0.5: 1.386, 0.95: 5.991}, "3d": {0.5: 2.366, 0.95: 7.815}}
"""Squared distance in deviations within which so many of a normal distribution lie."""

Rows = Sequence[Mapping[str, Any]]

GROUPS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "all": lambda row: True,
    "AP/LAT": lambda row: row["kind"] == "AP/LAT",
    "random": lambda row: row["kind"] == "random",
    "lumbar": lambda row: row.get("level", "").startswith("L"),
    "thoracic": lambda row: row.get("level", "").startswith("T"),
    "people learned from": lambda row: row["learned"],
    "people never seen": lambda row: not row["learned"],
}


def _share(values: Sequence[Any]) -> str:
    return f"{100 * np.mean(values):.1f}" if len(values) else "-"


def _median(values: Sequence[float], digits: int = 2) -> str:
    return f"{np.median(values):.{digits}f}" if len(values) else "-"


def figures(rows: Rows, spatial: Rows) -> list[str]:
    """One group's cells of the table."""
    whole = [row for row in rows if row.get("share", 0.0) >= WHOLE]
    seen = [row for row in whole if row["found"]]
    off = [LEVELS.index(row["said"]) - LEVELS.index(row["level"]) for row in seen]
    marks = [mark for row in seen for mark in row["landmarks"]]
    pictures = [row for row in rows if row.get("picture")]
    return [
        str(len(whole)),
        _share([row["found"] for row in whole]),
        f"{np.mean([row['false'] for row in pictures]):.2f}" if pictures else "-",
        _share([one == 0 for one in off]),
        _share([abs(one) <= 1 for one in off]),
        _median([row["iou"] for row in seen]),
        _median([row["centre_mm"] for row in seen]),
        _median([mark["off_mm"] for mark in marks]),
        _median([row["off_mm"] for row in spatial]),
        _share([mark["squared"] < CHI["2d"][0.95] for mark in marks]),
        _share([row["squared"] < CHI["3d"][0.95] for row in spatial]),
    ]


HEAD = (
    "", "vertebrae", "found %", "false a picture", "level %", "± 1 %", "IoU", "centre mm", "landmark mm",
    "in space mm", "in 95 % ellipse", "ellipsoid",
)  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """Markdown: a row a group, then levels a case, landmarks by name and by confidence."""
    lines = ["| " + " | ".join(HEAD) + " |", "| --- " + "| ---: " * (len(HEAD) - 1) + "|"]
    for name, belongs in GROUPS.items():
        rows, spatial = [[row for row in found[key] if belongs(row)] for key in ("rows", "spatial")]
        if name in ("lumbar", "thoracic"):
            rows = [row for row in rows if not row.get("picture")]
        lines.append("| " + " | ".join([name, *figures(rows, spatial)]) + " |")
    lines += ["", f"{found['seconds']:.2f} s a picture (median). {_shifts(found['rows'])}", "", *_by_name(found)]
    return "\n".join([*lines, "", *_by_confidence(found)]) + "\n"


def _shifts(rows: Rows) -> str:
    """How the levels of whole pictures are off."""
    by_picture: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        if row.get("found"):
            off = LEVELS.index(row["said"]) - LEVELS.index(row["level"])
            by_picture.setdefault((row["case"], row["view"]), []).append(off)
    middle = np.array([int(np.round(np.median(one))) for one in by_picture.values()])
    counts = {by: int((middle == by).sum()) for by in np.unique(middle).tolist()}
    same = np.mean([np.mean(np.array(one) == np.round(np.median(one))) for one in by_picture.values()])
    told = ", ".join(f"{by:+d} in {count}" for by, count in counts.items())
    return f"Levels off by (median of a picture): {told}; {100 * same:.0f} % of a picture's vertebrae are off alike."


def _by_name(found: Mapping[str, Any]) -> list[str]:
    marks = [
        mark for row in found["rows"] if row.get("share", 0) >= WHOLE and row["found"] for mark in row["landmarks"]
    ]
    lines = ["| landmark | mm | 90 % | in space mm | confidence |", "| --- | ---: | ---: | ---: | ---: |"]
    for name in dict.fromkeys(mark["name"] for mark in marks):
        own = [mark for mark in marks if mark["name"] == name]
        spatial = [row["off_mm"] for row in found["spatial"] if row["name"] == name]
        off = [mark["off_mm"] for mark in own]
        sure = np.mean([mark["confidence"] for mark in own])
        cells = (_median(off), f"{np.percentile(off, 90):.1f}", _median(spatial), f"{sure:.2f}")
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return lines


def _by_confidence(found: Mapping[str, Any]) -> list[str]:
    """What is left, and how good it is, of landmarks more confident than a threshold; and by what they say of
    themselves: deviations."""
    lines = ["| confidence from | kept % | mm | in space: kept % | mm |", "| --- | ---: | ---: | ---: | ---: |"]
    marks, spatial = flat(found)
    for least in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9):
        cells = []
        for rows in (marks, spatial):
            kept = [row["off_mm"] for row in rows if row["confidence"] >= least]
            cells += [_share([row["confidence"] >= least for row in rows]), _median(kept)]
        lines.append(f"| {least:.1f} | " + " | ".join(cells) + " |")
    for name, rows, freedom in (("2d", marks, 2), ("3d", spatial, 3)):
        squared = np.array([row["squared"] for row in rows])
        if len(squared):
            inside = ", ".join(f"{100 * np.mean(squared < at):.0f} % in {100 * p:.0f} %" for p, at in CHI[name].items())
            factor = np.median(squared) / CHI[name][0.5]
            lines += ["", f"Covariances in {freedom}D: {inside}; they should be {factor:.2f} times as large (median)."]
    return lines


def flat(found: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The landmarks of vertebrae that are wholly in a picture, and those in space."""
    rows = [row for row in found["rows"] if row.get("share", 0.0) >= WHOLE and row["found"]]
    return [mark for row in rows for mark in row["landmarks"]], list(found["spatial"])


def strange_lines(rows: Rows) -> str:
    """Markdown of what was said of strange pictures."""
    lines = ["| picture | highest scores | started |", "| --- | --- | --- |"]
    for row in rows:
        best = ", ".join(f"{score:.2f}" for score in row["best"].values())
        lines.append(f"| {row['name']} | {best} | {', '.join(row['started']) or 'nothing'} |")
    return "\n".join(lines) + "\n"


def draw(found: Mapping[str, Any], file: Path) -> None:
    """Error against confidence and against the stated deviation, share kept, and calibration."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5))
    marks, spatial = flat(found)
    for rows, name, colour in ((marks, "in one picture", "C0"), (spatial, "in space, two views", "C1")):
        if rows:
            _error_curve(axes[0], rows, name, colour)
            _binned(axes[1], rows, name, colour)
            _calibration(axes[2], rows, 2 if rows is marks else 3, name, colour)
    axes[0].set(xlabel="least confidence", ylabel="median error (mm); dashed: share kept x 10", ylim=(0, None))
    axes[1].set(xlabel="stated deviation (mm)", ylabel="error (mm), root mean square an axis")
    axes[2].set(xlabel="share expected in the ellipse", ylabel="share in it")
    axes[2].plot([0, 1], [0, 1], "k:", linewidth=1)
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=90)


def _error_curve(axis: Any, rows: Rows, name: str, colour: str) -> None:
    sure, off = (np.array([row[key] for row in rows]) for key in ("confidence", "off_mm"))
    least = np.linspace(0.0, 0.98, 50)
    kept = [(sure >= one) for one in least]
    enough = [one.sum() >= 20 for one in kept]
    middle = [np.median(off[one]) if good else np.nan for one, good in zip(kept, enough, strict=True)]
    axis.plot(least, middle, color=colour, label=name)
    axis.plot(least, [10 * one.mean() for one in kept], "--", color=colour, linewidth=1)


def _binned(axis: Any, rows: Rows, name: str, colour: str) -> None:
    sigma, off = (np.array([row[key] for row in rows]) for key in ("sigma_mm", "off_mm"))
    edges = np.quantile(sigma, np.linspace(0, 1, 11))
    bins = np.clip(np.digitize(sigma, edges) - 1, 0, 9)
    freedom = 2 if "picture" in name else 3
    used = [one for one in range(10) if (bins == one).any()]
    stated = [sigma[bins == one].mean() for one in used]
    axis.plot(
        stated, [np.sqrt(np.mean(off[bins == one] ** 2) / freedom) for one in used], "o-", color=colour, label=name
    )
    axis.plot(stated, stated, "k:", linewidth=1)


def _calibration(axis: Any, rows: Rows, freedom: int, name: str, colour: str) -> None:
    from scipy.stats import chi2

    squared = np.array([row["squared"] for row in rows])
    shares = np.linspace(0.02, 0.98, 49)
    axis.plot(shares, [np.mean(squared < chi2.ppf(one, freedom)) for one in shares], color=colour, label=name)
