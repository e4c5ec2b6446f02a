"""A fit replayed: its surfaces as a sequence with a browser (Slicer's own play button), its losses as a plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from slicer import vtkMRMLModelNode, vtkMRMLScene
from slicer.util import updateTableFromArray

from . import shapes
from .colours import BONES, turn
from .models import Look, dress
from .nodes import finish, joined, name_as, node_of, shown

INDEX = "step"
MOST_FRAMES = 30
"""Of a replay: an eye follows no more, and a scene on disk stays small."""

LOSS = "loss_"
COLOURS = (
    (0.0, 0.447, 0.698), (0.902, 0.624, 0.0), (0.0, 0.620, 0.451), (0.800, 0.475, 0.655), (0.337, 0.706, 0.914),
    (0.835, 0.369, 0.0), (0.5, 0.5, 0.5),
)  # fmt: skip
"""Okabe and Ito's."""


def frames_of(steps: int) -> np.ndarray:
    """Which of so many steps are kept for a replay: the first, the last, and what lies evenly between."""
    return np.unique(np.linspace(0, max(steps - 1, 0), min(steps, MOST_FRAMES)).round().astype(int))


def show_history(
    scene: vtkMRMLScene, level: str, frames: Iterable[tuple[int, np.ndarray]], faces: np.ndarray, case_id: str = ""
) -> Any:
    """Keep a level's fit as a sequence of surfaces, with a browser for Slicer's own player; gives the sequence.

    Args:
        frames: step and (n, 3) RAS mm vertices of it; ``frames_of`` says which steps are enough.
        faces: (f, 3).
    """
    finish(history_steps(scene, level, frames, faces, case_id))
    return node_of(scene, "history", level)


def history_steps(
    scene: vtkMRMLScene, level: str, frames: Iterable[tuple[int, np.ndarray]], faces: np.ndarray, case_id: str = ""
) -> Iterator[None]:
    """``show_history``, a few milliseconds a step; the browser, last, says that it is whole."""
    sequence = shown(scene, "history", level, f"{level} fit history", case_id=case_id)
    sequence.RemoveAllDataNodes()
    sequence.SetIndexName(INDEX)
    sequence.SetIndexUnit("")
    for step, vertices_mm in frames:
        frame = vtkMRMLModelNode()
        name_as(frame, "replay", level, f"{level} replay", case_id)  # whoever plays it becomes it, name and all
        frame.SetAndObservePolyData(shapes.surface(vertices_mm, faces))
        sequence.SetDataNodeAtValue(frame, str(step))
        yield
    _show_browser(scene, level, sequence, case_id)
    yield


def show_replay(scene: vtkMRMLScene, level: str, place: int) -> None:
    """Show one frame of a level's history, by its place in the sequence, in place of the final surface.

    Raises:
        ValueError: no history of this level, or no such frame.
    """
    sequence = node_of(scene, "history", level)
    count = 0 if sequence is None else sequence.GetNumberOfDataNodes()
    if sequence is None or not 0 <= place < count:
        raise ValueError(f"got frame {place} of {level}'s history; expected one of {count}")
    node = _replay(scene, level)
    node.SetAndObservePolyData(sequence.GetNthDataNode(place).GetPolyData())
    node.GetDisplayNode().SetVisibility(True)
    _final(scene, level, False)


def _replay(scene: vtkMRMLScene, level: str) -> Any:
    """The model that plays; hidden where it is new."""
    node = node_of(scene, "replay", level)
    if node is None:
        node = shown(scene, "replay", level, f"{level} replay")
        dress(node.GetDisplayNode(), Look(BONES[turn(level)], 0.9))
        node.GetDisplayNode().SetVisibility(False)
    return node


def hide_replay(scene: vtkMRMLScene, level: str) -> None:
    """Show the final surface again."""
    _replay(scene, level).GetDisplayNode().SetVisibility(False)
    _final(scene, level, True)


def _final(scene: vtkMRMLScene, level: str, visible: bool) -> None:
    node = node_of(scene, "vertebra", level)
    if node is not None:
        node.GetDisplayNode().SetVisibility(visible)


def _show_browser(scene: vtkMRMLScene, level: str, sequence: Any, case_id: str) -> None:
    """What plays a level's history."""
    browser = shown(scene, "browser", level, f"{level} replay browser", case_id=case_id)
    if not browser.IsSynchronizedSequenceNode(sequence, True):
        browser.AddProxyNode(_replay(scene, level), sequence, False)  # before it makes one of its own
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.SetPlaybackRateFps(10.0)
    browser.SetPlaybackLooped(False)


def read_history(scene: vtkMRMLScene, level: str) -> tuple[tuple[int, np.ndarray], ...]:
    """Step and (n, 3) RAS mm vertices of every frame kept; empty where there are none."""
    sequence = node_of(scene, "history", level)
    if sequence is None:
        return ()
    return tuple(
        (int(sequence.GetNthIndexValue(place)), shapes.points_of(sequence.GetNthDataNode(place).GetPolyData()))
        for place in range(sequence.GetNumberOfDataNodes())
    )


def show_losses(scene: vtkMRMLScene, level: str, history: Mapping[str, np.ndarray], case_id: str = "") -> Any:
    """Plot a level's loss terms (``FittedVertebra.history``: "loss_image", ..., (steps,) each); gives the chart."""
    terms = {name.removeprefix(LOSS): np.asarray(values) for name, values in history.items() if name.startswith(LOSS)}
    table = shown(scene, "losses", level, f"{level} loss terms", case_id=case_id)
    steps = len(next(iter(terms.values()), ()))
    columns = [np.arange(steps, dtype=np.float64), *terms.values()]
    updateTableFromArray(table, columns, [INDEX, *terms])
    chart = shown(scene, "loss chart", level, f"{level} loss", case_id=case_id)
    chart.RemoveAllPlotSeriesNodeIDs()
    for index, term in enumerate(terms):
        series = shown(scene, "loss series", joined(level, term), term, case_id=case_id)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(INDEX)
        series.SetYColumnName(term)
        series.SetPlotType(series.PlotTypeScatter)
        series.SetMarkerStyle(series.MarkerStyleNone)
        series.SetColor(*COLOURS[index % len(COLOURS)])
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetTitle(f"{level}: what the fit made smaller")
    chart.SetXAxisTitle("step")
    chart.SetYAxisTitle("loss")
    return chart
