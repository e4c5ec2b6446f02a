"""Pictures of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .benchmark import CaseResult

MARKERS = {"orthogonal": "o", "random": "^"}
COLOURS = {"lumbar": "#0072B2", "thoracic": "#D55E00"}  # Okabe and Ito 2008: told apart by the colour-blind


def draw_benchmark(results: Sequence[CaseResult], path: Path, method: str) -> None:
    """Left: Dice before and after, a line a vertebra. Right: expected against true surface distance."""
    rows = [row for result in results if result.method == method for row in result.rows if row["reconstructed"]]
    figure = Figure(figsize=(11, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for row in rows:
        part = "lumbar" if row["level"].startswith("L") else "thoracic"
        style = {"marker": MARKERS.get(row["kind"], "s"), "color": COLOURS[part], "alpha": 0.7, "markersize": 5}
        if "dice_before" in row:
            left.plot([0, 1], [row["dice_before"], row["dice"]], linewidth=0.7, **style)
        if row.get("predicted_mm") is not None:
            refused = row["status"] == "low_confidence"
            fill = {"markerfacecolor": "none"} if refused else {}
            right.plot(row["predicted_mm"], row["assd_mm"], linestyle="none", **style, **fill)
    left.set(xticks=[0, 1], xticklabels=["from the click", "after the fit"], ylabel="Dice", ylim=(0.3, 1.0))
    left.set_title(f"{method}: {len(rows)} vertebrae")
    highest = max([2.0, *(max(row["assd_mm"], row.get("predicted_mm") or 0) for row in rows)]) * 1.05
    right.plot([0, highest], [0, highest], color="0.6", linewidth=0.8)
    right.set(xlabel="expected mean surface distance, mm", ylabel="true mean surface distance, mm")
    right.set(xlim=(0, highest), ylim=(0, highest))
    for part, colour in COLOURS.items():
        right.plot([], [], "s", color=colour, label=part)
    for kind, marker in MARKERS.items():
        right.plot([], [], marker, color="0.3", label=kind)
    right.plot([], [], "o", color="0.3", markerfacecolor="none", label="refused: low confidence")
    right.legend(loc="upper left", fontsize=8)
    right.set_title("Confidence")
    figure.savefig(path, format="png")
