"""How spines curve, T1 to L5: a Gaussian over people, learned from keypoints of 2,116 CT scans.

``python -m SpineDARTLib.simulate.patient.curves KEYPOINTS.csv.gz --out Resources/simulate/spine_curves.npz``

Source of the shipped statistics: github.com/ImFusionGmbH/VID-vertebra-identification-dataset, commit f19fd3c (CC BY-SA
4.0). The people lay supine, as for any CT, which flattens the lordosis a little; those of a vertebroplasty lie prone,
with curves much alike and a lordosis that hangs on the cushions.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...resources import resource_folder
from ...types import LEVELS

FILE_NAME = "spine_curves.npz"
GAPS = len(LEVELS) - 1
PARTS: Mapping[str, slice] = {
    "spacing": slice(0, GAPS),
    **{
        name: slice(GAPS + index * len(LEVELS), GAPS + (index + 1) * len(LEVELS))
        for index, name in enumerate(("lean", "side", "turn", "interpedicular"))
    },
}
"""Where the measures stand in a person's row; "spacing" and "interpedicular" as logarithms of mm, the rest radians."""
WIDTH = GAPS + 4 * len(LEVELS)
FACTORS = 14
"""Factors that are kept. More hold the keypoints' own noise of 1 to 2 mm, which would make a spine jagged."""
OUTLIER = 4.5
"""Robust deviations from a measure's median beyond which a level is mislabelled or a point misplaced."""
ROUNDS = 40
SHRINKAGE = 0.02
"""Part of the variance that is taken to be each measure's own: a level that few scans show keeps a sound covariance."""


@dataclass(frozen=True)
class SpineCurve:
    """One person's curve, T1 to L5 (17 levels), in the axes of RAS.

    Attributes:
        spacing_mm: (16,) from a body's centre to the next one's.
        lean_rad: (17,) how far the top of a vertebra leans back.
        side_rad: (17,) how far its top leans to the right.
        turn_rad: (17,) how far its right side is turned to the front.
        interpedicular_mm: (17,) between the pedicles' centres.
    """

    spacing_mm: np.ndarray
    lean_rad: np.ndarray
    side_rad: np.ndarray
    turn_rad: np.ndarray
    interpedicular_mm: np.ndarray


@dataclass(frozen=True)
class CurveStatistics:
    """The Gaussian: a row is mean + factors . standard normal; its places are named by ``PARTS``.

    Attributes:
        mean: (84,).
        factors: (84, k).
        scans: how many scans show each place (84,).
    """

    mean: np.ndarray
    factors: np.ndarray
    scans: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        """(84,) standard deviation between people."""
        return np.linalg.norm(self.factors, axis=1)

    def draw(self, generator: np.random.Generator, variation: float = 1.0) -> SpineCurve:
        """A person's curve; ``variation`` is a factor on the deviations (0: the mean person)."""
        # Beyond 2.5 deviations lie wrong labels and operated backs, which are not what we want to show.
        scores = np.clip(generator.standard_normal(self.factors.shape[1]), -2.5, 2.5)
        return as_curve(self.mean + variation * self.factors @ scores)


def as_curve(row: np.ndarray) -> SpineCurve:
    """(84,) a person's row as a curve."""
    spacing, lean, side, turn, interpedicular = (row[part] for part in PARTS.values())
    return SpineCurve(np.exp(spacing), lean, side, turn, np.exp(interpedicular))


def load_curves(path: Path | None = None) -> CurveStatistics:
    """The shipped statistics, or those in a file that ``learn`` has written.

    Raises:
        InputError: no such file, or not one of ours.
    """
    path = resource_folder("simulate") / FILE_NAME if path is None else Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            found = CurveStatistics(*(file[name].astype(np.float64) for name in ("mean", "factors", "scans")))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(path, "", error, "statistics of spinal curves") from error
    if found.mean.shape != (WIDTH,) or found.factors.ndim != 2 or len(found.factors) != WIDTH:
        raise InputError(path, "mean, factors", (found.mean.shape, found.factors.shape), f"({WIDTH},), ({WIDTH}, k)")
    return found


def save_curves(statistics: CurveStatistics, path: Path) -> None:
    """Write the statistics, complete or not at all."""
    from ...io.files import write_atomically

    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        mean=statistics.mean.astype(np.float32),
        factors=statistics.factors.astype(np.float32),
        scans=statistics.scans.astype(np.int32),
    )
    write_atomically(path, packed.getvalue())


def learn(path: Path) -> CurveStatistics:
    """The statistics of a gzipped table of keypoints.

    Args:
        path: with columns scan_id, level, keypoint ("body", "left" or "right"), x_mm, y_mm and z_mm (LPS).

    Raises:
        InputError: not such a table.
    """
    rows = np.array([person_row(points) for points in _read(path).values()])
    rows = without_outliers(rows)
    scans = np.isfinite(rows).sum(0)
    if scans.min() < 10:
        raise InputError(path, "scans", int(scans.min()), "at least 10 scans that show each level from T1 to L5")
    mean, covariance = gaussian_of(rows)
    scale = np.sqrt(np.diag(covariance))
    # Factors of the correlations, so that millimetres and radians weigh alike.
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = slice(-1, -FACTORS - 1, -1)
    return CurveStatistics(mean, scale[:, None] * vectors[:, kept] * np.sqrt(values[kept]), scans)


def _read(path: Path) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """Scan to (level, keypoint) to (3,) RAS mm."""
    scans: dict[str, dict[tuple[str, str], np.ndarray]] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                point = np.array([-float(row["x_mm"]), -float(row["y_mm"]), float(row["z_mm"])])  # LPS to RAS
                scans.setdefault(row["scan_id"], {})[row["level"], row["keypoint"]] = point
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(
            path, "", error, "a gzipped table of keypoints: scan_id,level,keypoint,x_mm,y_mm,z_mm"
        ) from error
    return scans


def person_row(points: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
    """(84,) one scan's measures, nan where it does not show them; points are (level, keypoint) to (3,) RAS mm."""
    unknown = np.full(3, np.nan)
    body, left, right = (
        np.array([points.get((level, name), unknown) for level in LEVELS]) for name in ("body", "left", "right")
    )
    along, across = body[:-1] - body[1:], right - left
    # The direction at a vertebra is the one from the vertebra below it to the one above: noise and wedged discs cancel.
    up = np.concatenate([along[:1], body[:-2] - body[2:], along[-1:]])
    forward = body - (left + right) / 2
    lean, pitch = np.arctan2(-up[:, 1], up[:, 2]), np.arctan2(forward[:, 2], forward[:, 1])
    # The ends have one neighbour, whose direction lies half a level off; pedicles tell how far the ends lean beyond it.
    lean[0], lean[-1] = lean[1] + pitch[0] - pitch[1], lean[-2] + pitch[-1] - pitch[-2]
    return np.concatenate(
        [
            np.log(np.linalg.norm(along, axis=1)),
            lean,
            np.arctan2(up[:, 0], up[:, 2]),
            np.arctan2(across[:, 1], across[:, 0]),
            np.log(np.linalg.norm(across, axis=1)),
        ]
    )


def without_outliers(rows: np.ndarray) -> np.ndarray:
    """(n, 84) rows with nan for whatever lies too far from its measure's median."""
    median = np.nanmedian(rows, axis=0)
    deviation = 1.4826 * np.nanmedian(np.abs(rows - median), axis=0)
    return np.where(np.abs(rows - median) <= OUTLIER * deviation, rows, np.nan)


def gaussian_of(rows: np.ndarray, rounds: int = ROUNDS) -> tuple[np.ndarray, np.ndarray]:
    """Mean (m,) and covariance (m, m) of rows (n, m) with gaps (nan), by expectation maximisation.

    Dempster, Laird and Rubin 1977; a little of each variance is kept apart from every covariance (``SHRINKAGE``).
    """
    rows = rows[np.isfinite(rows).any(axis=1)]
    centre, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    rows = (rows - centre) / scale
    patterns, member = np.unique(np.isfinite(rows), axis=0, return_inverse=True)
    groups = [(seen, rows[member.reshape(-1) == index]) for index, seen in enumerate(patterns)]
    mean, covariance = np.zeros(rows.shape[1]), np.eye(rows.shape[1])
    for _ in range(rounds):
        mean, covariance = _maximised(groups, mean, covariance, len(rows))
    return centre + scale * mean, covariance * np.outer(scale, scale)


def _maximised(
    groups: list[tuple[np.ndarray, np.ndarray]], mean: np.ndarray, covariance: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """One round: fill each group's gaps with what the present Gaussian expects, and take mean and covariance again."""
    total, square = np.zeros_like(mean), np.zeros_like(covariance)
    for seen, rows in groups:
        gap = ~seen
        filled = rows.copy()
        weights = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, gap)])
        filled[:, gap] = mean[gap] + (rows[:, seen] - mean[seen]) @ weights
        total += filled.sum(0)
        square += filled.T @ filled
        unsure = covariance[np.ix_(gap, gap)] - covariance[np.ix_(gap, seen)] @ weights
        square[np.ix_(gap, gap)] += len(rows) * unsure
    mean = total / count
    covariance = square / count - np.outer(mean, mean)
    own = np.diag(np.diag(covariance))
    return mean, (1 - SHRINKAGE) * covariance + SHRINKAGE * own


def main() -> None:
    """Command line."""
    import tyro

    def curves(keypoints: tyro.conf.Positional[Path], out: Path) -> None:
        """Learn the statistics of spinal curves from a table of keypoints and write them to OUT."""
        save_curves(learn(keypoints), out)

    tyro.cli(curves)


if __name__ == "__main__":
    main()
