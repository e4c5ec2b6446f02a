"""Two fits of one vertebra beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from ..types import Plan


@dataclass(frozen=True)
class Comparison:
    """How the second fit differs from the first.

    Attributes:
        surface_mm: mean and largest distance of its vertices to the first's nearest ones.
        shift_mm, turn_deg: of its body's centre and of its axes.
        size: its scale over the first's.
        shape: length of the change of its coefficients, standard deviations.
        expected_mm: what each is expected to be off.
        clearance_mm: side to the smallest clearance of the recommended cannula in each; NaN where there is none.
    """

    level: str
    surface_mm: tuple[float, float]
    shift_mm: float
    turn_deg: float
    size: float
    shape: float
    expected_mm: tuple[float, float]
    clearance_mm: Mapping[str, tuple[float, float]]

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """What differs and by how much, in words."""
        rooms = [(f"clearance {side}", f"{_mm(first)} before, {_mm(second)} now")
                 for side, (first, second) in self.clearance_mm.items()]  # fmt: skip
        return (
            ("surface", f"{self.surface_mm[0]:.1f} mm apart on average, {self.surface_mm[1]:.1f} at most"),
            ("place", f"moved {self.shift_mm:.1f} mm, turned {self.turn_deg:.1f}°"),
            ("size", f"{(self.size - 1) * 100:+.1f} %".replace("-", "−")),
            ("shape", f"changed by {self.shape:.1f} SD"),
            ("expected to be off", f"{_mm(self.expected_mm[0])} before, {_mm(self.expected_mm[1])} now"),
            *rooms,
        )


def compare(first: Plan, second: Plan) -> Comparison | None:
    """The differences; None where one of them has no fit.

    Raises:
        ValueError: plans of two levels.
    """
    if first.fitted.level != second.fitted.level:
        raise ValueError(f"got fits of {first.fitted.level} and {second.fitted.level}; expected one level")
    one, other = first.fitted.vertebra, second.fitted.vertebra
    if one is None or other is None or first.vertices_mm is None or second.vertices_mm is None:
        return None
    # Nearest vertices: files merge and reorder them.
    apart = KDTree(first.vertices_mm).query(second.vertices_mm)[0]
    turn = Rotation.from_matrix(other.pose[:3, :3] @ one.pose[:3, :3].T).magnitude()
    rank = max(len(one.coefficients), len(other.coefficients))
    shapes = [np.append(found.coefficients, np.zeros(rank - len(found.coefficients))) for found in (one, other)]
    return Comparison(
        first.fitted.level,
        (float(apart.mean()), float(apart.max())),
        float(np.linalg.norm(other.pose[:3, 3] - one.pose[:3, 3])),
        float(np.rad2deg(turn)),
        other.scale / one.scale,
        float(np.linalg.norm(shapes[1] - shapes[0])),
        (_expected(first), _expected(second)),
        _clearances(first, second),
    )


def _clearances(first: Plan, second: Plan) -> dict[str, tuple[float, float]]:
    rooms = [{one.side: safety.clearance_mm for one, safety in zip(plan.cannulas, plan.safety, strict=False)}
             for plan in (first, second)]  # fmt: skip
    sides = dict.fromkeys([*rooms[0], *rooms[1]])
    return {side: (rooms[0].get(side, float("nan")), rooms[1].get(side, float("nan"))) for side in sides}


def _expected(plan: Plan) -> float:
    quality = plan.fitted.quality
    return quality.predicted_surface_distance_mm if quality is not None else float("nan")


def _mm(value: float) -> str:
    return f"{value:.1f} mm".replace("-", "−") if np.isfinite(value) else "not known"
