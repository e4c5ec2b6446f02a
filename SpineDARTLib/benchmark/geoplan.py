"""2D-GeoPlan, the published baseline: the cannula is planned in each X-ray, and the lines are triangulated.

Whoever draws them, a clinician or a network, leaves a ``drawn.json`` in the case's folder (``io.drawn``). Without one a
simulated reader draws: the template's cannulas, laid into the true vertebra, seen from each camera, each end off by
chance. That reader knows the anatomy, so his plans are better than any that are made of the X-rays alone: an upper
bound, and said so in the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..config import BenchmarkSettings, PlanSettings
from ..evaluate.true_anatomy import true_anatomy
from ..geometry.camera import project_with_depth
from ..io.case import read_case
from ..io.drawn import DrawnCannula, read_drawn
from ..io.truth import read_truth
from ..plan.cannula import needle_diameter_mm, transfer
from ..plan.masks import of_drawn
from ..plan.two_view import Triangulated
from ..simulate.draw import stream
from ..types import SIDES, Cannula, Case, FittedVertebra, Plan, Status, View
from .nouns import Outcome

DRAWN = "drawn.json"


@dataclass(frozen=True)
class GeoPlan:
    """Cannulas from lines in the X-rays, without any surface.

    Attributes:
        plan: the needle.
        reader: how a simulated reader draws.
        seed: of his errors; the same case and seed give the same lines.
        keep: folder of what was worked out about true vertebrae.
    """

    plan: PlanSettings
    reader: BenchmarkSettings
    seed: int
    keep: Path | None = field(default=None, repr=False)
    name: str = "2d-geoplan"
    surfaces: bool = False
    accelerated: bool = False

    def __call__(self, case: Path, without: tuple[str, ...]) -> Outcome:
        read = read_case(case)
        file, thick = case / DRAWN, needle_diameter_mm(self.plan)
        drawn = read_drawn(file, read) if file.is_file() else tuple(self._read(case, read))
        found: dict[str, dict[str, Triangulated]] = {}
        for one in drawn:
            found.setdefault(one.level, {})[one.side] = of_drawn(one, read.views, thick)
        note = "" if file.is_file() else self._note()
        return Outcome(tuple(_plan(level, sides) for level, sides in found.items()), note=note)

    def _note(self) -> str:
        across, along = self.reader.reader_mm, self.reader.reader_mm * self.reader.reader_ends
        return (
            f"its lines are a simulated reader's, who knows the true anatomy and is off by {across:g} mm across a "
            f"cannula and {along:g} mm along it: an upper bound of planning in 2D."
        )

    def _read(self, folder: Path, case: Case) -> Iterator[DrawnCannula]:
        """What the simulated reader draws."""
        truth, thick = read_truth(folder), needle_diameter_mm(self.plan)
        asked = {seed.level for seed in case.seeds} or set(truth.surfaces)
        for level in truth.surfaces:
            true = true_anatomy(level, truth, self.keep) if level in asked else None
            for one in transfer(true.carried_mm, true.model, thick) if true is not None else ():
                generator = stream(self.seed, "reader", folder.name, level, one.side)
                yield DrawnCannula(level, one.side, thick, drawn_lines(one, case.views, self.reader, generator))


def drawn_lines(
    cannula: Cannula, views: Sequence[View], reader: BenchmarkSettings, generator: np.random.Generator
) -> Mapping[str, np.ndarray]:
    """View name to (2, 2) px of entry and target as a reader draws them."""
    lines = {}
    for view in views:
        line, depths = project_with_depth(cannula.path_mm, view)
        along = (line[1] - line[0]) / max(float(np.linalg.norm(line[1] - line[0])), 1e-9)
        sigma_px = reader.reader_mm * view.intrinsics[0, 0] / depths
        move = sigma_px[:, None] * generator.standard_normal((2, 2))
        lines[view.name] = line + move + (reader.reader_ends - 1.0) * np.outer(move @ along, along)
    return lines


def _plan(level: str, sides: Mapping[str, Triangulated]) -> Plan:
    """Planned with both sides, or the reason why not."""
    reasons = [
        f"{side}: {sides[side].reason if side in sides else 'not drawn'}."
        for side in SIDES
        if side not in sides or sides[side].cannula is None
    ]
    cannulas = tuple(one for side in SIDES if side in sides and (one := sides[side].cannula) is not None)
    status = Status.NOT_INITIALISED if reasons else Status.CONVERGED
    return Plan(FittedVertebra(level, status, " ".join(reasons)), cannulas=cannulas)
