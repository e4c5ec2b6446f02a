"""Do simulated labels agree with an independent projection of the truth meshes? Prints pixels, per view and in all.

    python Testing/benchmarks/simulator_agreement.py CASE [CASE ...]

Each CASE is a simulated case folder with ``truth/``. Nothing of the simulator's geometry is used: cameras are the
matrices as the files hold them, meshes are read by VTK and asked by its ray casts, landmarks are a matrix product.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vtk

SEARCH_PX = 4
"""How far from a mask's edge the mesh's own edge is looked for."""
RISE = 0.4
"""An isolated projection's edge is where it has risen to this share of its greatest value within ``SEARCH_PX`` of the
mask's: about half way up the cortex, which the bone's grid blurs. Blur moves opposite edges apart alike, so their mean
is what geometry may shift (and a cortex that is thinner on one side, which no mesh knows of)."""
FEWEST_EDGES = 12
"""On each side, or the shift is not told."""


@dataclass(frozen=True)
class Agreement:
    """Differences in px of one vertebra in one view.

    Attributes:
        landmarks: (n,) distances.
        mask: (k,) from the mask's edge (midway between a pixel in it and its neighbour outside) to the mesh's edge
            along rows and columns; half a pixel is what a mask of whole pixels may be off.
        shift: (2,) u, v by which the isolated projection's edges lie beside the mesh's, in the mean of opposite edges.
        growth: how far they lie outside it, the median.
    """

    landmarks: np.ndarray
    mask: np.ndarray
    shift: np.ndarray
    growth: float


class Caster:
    """Asks by VTK whether the ray through a pixel meets a mesh.

    Args:
        data: vtkPolyData, RAS mm.
        matrix: (3, 4) RAS mm to pixels, any scale and sign.
    """

    def __init__(self, data: vtk.vtkPolyData, matrix: np.ndarray) -> None:
        self._tree = vtk.vtkOBBTree()
        self._tree.SetDataSet(data)
        self._tree.BuildLocator()
        self._inverse = np.linalg.inv(matrix[:, :3])
        self._source = -self._inverse @ matrix[:, 3]
        middle = np.array(data.GetCenter()) - self._source
        self._sign = np.sign(matrix[2, :3] @ middle)

    def hits(self, u: float, v: float) -> bool:
        """Whether the ray of a pixel does."""
        along = self._sign * (self._inverse @ [u, v, 1.0])
        end = self._source + 5000.0 * along / np.linalg.norm(along)
        return self._tree.IntersectWithLine(self._source.tolist(), end.tolist(), None, None) != 0

    def edge(self, inside: np.ndarray, step: np.ndarray) -> float:
        """How many pixels beyond ``inside`` (u, v) along a unit step the mesh ends, -SEARCH_PX to SEARCH_PX."""
        low = next((-back for back in range(SEARCH_PX + 1) if self.hits(*(inside - back * step))), None)
        if low is None:
            return -float(SEARCH_PX)
        low = float(low) if low < 0 else float(_last(lambda far: self.hits(*(inside + far * step))))
        high = low + 1.0
        for _ in range(7):
            middle = (low + high) / 2
            low, high = (middle, high) if self.hits(*(inside + middle * step)) else (low, middle)
        return (low + high) / 2


def _last(holds) -> int:
    """The last of 0, 1, ... SEARCH_PX up to which something holds."""
    return next((far - 1 for far in range(1, SEARCH_PX + 1) if not holds(far)), SEARCH_PX)


def borders(mask: np.ndarray, every: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pixels (u, v) in a mask whose neighbour is not, and the unit step to it; not at the mask's own rim, which may
    be the picture's."""
    found = []
    for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        inner = mask[1:-1, 1:-1] & ~np.roll(mask, (-step[1], -step[0]), axis=(0, 1))[1:-1, 1:-1]
        found += [(np.array([u + 1, v + 1]), np.array(step)) for v, u in np.argwhere(inner)[::every]]
    return found


def rise(profile: np.ndarray) -> float:
    """Where, from outside (first) to inside, a profile first reaches ``RISE`` of its greatest value; in samples."""
    level = RISE * profile.max()
    index = int(np.argmax(profile >= level))
    if index == 0:
        return 0.0
    below, above = profile[index - 1], profile[index]
    return index - 1 + float((level - below) / (above - below))


def label_agreement(
    data: vtk.vtkPolyData, matrix: np.ndarray, landmarks_mm: np.ndarray, label, every: int = 1
) -> Agreement:
    """Compare one label with the mesh and the landmarks (n, 3) RAS mm that it is of, in the label's order.

    Args:
        label: ``simulate.nouns.Label``.
        every: only one in so many pixels of the mask's border is asked.
    """
    homogeneous = np.c_[landmarks_mm, np.ones(len(landmarks_mm))] @ matrix.T
    distances = np.linalg.norm(homogeneous[:, :2] / homogeneous[:, 2:] - label.landmarks_px, axis=1)
    caster, corner = Caster(data, matrix), np.array([label.mask.column, label.mask.row])
    mask, picture = label.mask.values, np.asarray(label.projection.values, dtype=float)
    off, edges = [], []
    for inside, step in borders(mask, every):
        true = caster.edge(corner + inside, step.astype(float))
        off.append(abs(true - 0.5))
        # From two pixels outside to SEARCH_PX inside; only where that is all mask, not a thin process.
        places = inside + np.arange(2, -SEARCH_PX - 1, -1)[:, None] * step
        u, v = places.T
        if (places >= 0).all() and (u < mask.shape[1]).all() and (v < mask.shape[0]).all() and mask[v[2:], u[2:]].all():
            edges.append((*step, 2.0 - rise(picture[v, u]) - true))
    shift, growth = _shift(np.array(edges).reshape(-1, 3))
    return Agreement(distances, np.array(off), shift, growth)


def _shift(edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Shift (u, v) and growth from edges (step u, step v, px outwards)."""
    sides = [(edges[edges[:, axis] > 0, 2], edges[edges[:, axis] < 0, 2]) for axis in (0, 1)]
    shift = [(np.median(a) - np.median(b)) / 2 if min(len(a), len(b)) >= FEWEST_EDGES else np.nan for a, b in sides]
    return np.array(shift), float(np.median(edges[:, 2])) if len(edges) else float("nan")


def case_agreement(folder: Path | str, every: int = 3) -> dict[tuple[str, str], Agreement]:
    """(view, level) to its agreement, of a written case.

    The camera is the truth's own where the case states one with a calibration error, else ``case.json``'s.
    """
    from SpineDARTLib.simulate.case import read_labels

    folder = Path(folder)
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    truth = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
    matrices = {view["name"]: view["geometry"]["projection_matrix"] for view in case["views"]}
    matrices |= truth.get("true_projections", {})
    found = {}
    for level, entry in truth["vertebrae"].items():
        reader = vtk.vtkSTLReader()
        reader.SetFileName(str(folder / "truth" / entry["mesh"]))
        reader.Update()
        landmarks = np.array(list(truth["details"][level]["landmarks"].values()))
        for name, labels in read_labels(folder).items():
            for label in labels:
                if label.level == level:
                    matrix = np.array(matrices[name], dtype=float)
                    found[name, level] = label_agreement(reader.GetOutput(), matrix, landmarks, label, every)
    return found


def summary(found: Mapping[tuple[str, str], Agreement]) -> str:
    """One line a label, and the greatest of all."""
    lines = [f"{'view':>6} {'level':>5} {'landmarks':>10} {'mask':>12} {'isolated projection':>28}"]
    lines.append(f"{'':>12} {'max px':>10} {'med / max':>12} {'shift u, v; growth, px':>28}")
    for (name, level), one in found.items():
        edges = f"{np.median(one.mask):5.2f} /{one.mask.max():5.2f}" if len(one.mask) else "-"
        shift = f"{one.shift[0]:+.2f}, {one.shift[1]:+.2f}; {one.growth:+.2f}"
        lines.append(f"{name:>6} {level:>5} {one.landmarks.max():10.4f} {edges:>12} {shift:>28}")
    masks = np.concatenate([one.mask for one in found.values()])
    shifts = np.abs(np.array([one.shift for one in found.values()]))
    lines.append(
        f"greatest: landmarks {max(one.landmarks.max() for one in found.values()):.4f}, mask edges {masks.max():.2f} "
        f"(median {np.median(masks):.2f}), "
        f"projection's shift {np.nanmax(shifts):.2f} (median {np.nanmedian(shifts):.2f}) px"
    )
    return "\n".join(lines)


def main(folders: Sequence[str]) -> None:
    """Print a table for each case."""
    for folder in folders:
        print(folder)
        print(summary(case_agreement(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
