"""Learn what fits are off by, and say how well a cannula's risk of breach is told from that.

    python Testing/benchmarks/calibrate_risk.py FOLDER... --fits DIR --out DIR

FOLDER: cases with a truth; DIR: their fits as ``planning_on_fits.py`` keeps them (made without the case's person; what
is not there is left out). Cannulas planned on each fit, and some moved by millimetres so that there are breaches
enough, are followed in the true vertebra. Every person's risks are told from the other people's errors; simulated
people share nobody's anatomy and count as one person. Writes calibration.txt, reliability.png, and prints the
constants of ``fit.posterior``.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from planning_on_fits import kept_fit, models_without

from SpineDARTLib.atlas.mesh import similarity
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.config import PlanSettings
from SpineDARTLib.evaluate.cannulas import NEEDLES
from SpineDARTLib.evaluate.true_anatomy import true_anatomy
from SpineDARTLib.fit.posterior import COEFFICIENT, EVEN, ODD, WALL_MM
from SpineDARTLib.io.plan import read_plan
from SpineDARTLib.io.truth import Truth, read_truth
from SpineDARTLib.plan.anatomy import anatomy_of
from SpineDARTLib.plan.cannula import transfer
from SpineDARTLib.plan.corridor import clearances
from SpineDARTLib.plan.risk import MARGIN_MM, RiskModel
from SpineDARTLib.plan.safest import safest
from SpineDARTLib.plan.surface import PreparedSurface, prepare
from SpineDARTLib.types import Cannula, FittedVertebra, Posterior, Vertebra

MOVED, MOVED_MM = 2, 1.6
"""Cannulas a side whose two ends are moved across by a normal distribution of this deviation."""

BINS = np.linspace(0.0, 1.0, 11)
SIMULATED = "synthetic"


@dataclass(frozen=True)
class Fit:
    """One fitted vertebra, what it was off by, and cannulas with the room that they have in truth.

    Attributes:
        error: (7 + modes,) truth minus fit, in ``Posterior``'s parameters.
        room_mm: (cannulas,) of their axes in the true pedicle.
    """

    person: str
    name: str
    vertebra: Vertebra
    model: ShapeModel
    predicted_mm: float
    spread_mm: float
    error: np.ndarray
    cannulas: tuple[Cannula, ...]
    room_mm: np.ndarray


def fits_of(case: Path, fits: Path, keep: Path) -> Iterator[Fit]:
    """The fits of a case that can be judged."""
    truth = read_truth(case)
    for saved in read_plan(kept_fit(case, fits)).plans:
        fitted = saved.fitted
        model = models_without(truth.subject).get(fitted.level)
        if fitted.vertebra is None or model is None or fitted.level not in truth.surfaces:
            continue
        found = _fit(case.name, fitted, fitted.vertebra, model, truth, keep)
        if found is not None:
            yield found


def _fit(
    case: str, fitted: FittedVertebra, vertebra: Vertebra, model: ShapeModel, truth: Truth, keep: Path
) -> Fit | None:
    anatomy, quality = true_anatomy(fitted.level, truth, keep), fitted.quality
    if anatomy is None or quality is None:
        return None
    true = prepare(*truth.surfaces[fitted.level], anatomy.anatomy)
    seed = zlib.crc32(f"{case} {fitted.level}".encode())
    cannulas = _cannulas(vertebra, model, np.random.default_rng(seed))
    room = np.array([clearances(one, [true])[0] + one.diameter_mm / 2 for one in cannulas])
    measured = np.isfinite(room)
    return Fit(
        SIMULATED if truth.subject.startswith(SIMULATED) else truth.subject,
        f"{case} {fitted.level}",
        vertebra,
        model,
        quality.predicted_surface_distance_mm,
        quality.spread_mm,
        error_of(vertebra, model, anatomy.carried_mm),
        tuple(one for one, known in zip(cannulas, measured, strict=True) if known),
        room[measured],
    )


def _cannulas(vertebra: Vertebra, model: ShapeModel, generator: np.random.Generator) -> list[Cannula]:
    """Transferred, safest and moved ones, of both sides."""
    vertices = vertebra.place(model.instance(vertebra.level, vertebra.coefficients))
    surface: PreparedSurface = prepare(vertices, model.faces, anatomy_of(vertices, model, vertebra.pose))
    cannulas = []
    for one in transfer(vertices, model, NEEDLES["11G"]):
        cannulas += [one, safest(one, surface, PlanSettings(), NEEDLES["11G"]).cannula]
        across = surface.anatomy.across(one.target_mm - one.entry_mm, one.side)[:2]
        for _ in range(MOVED):
            entry, target = generator.normal(0.0, MOVED_MM, (2, 2)) @ across
            cannulas.append(replace(one, entry_mm=one.entry_mm + entry, target_mm=one.target_mm + target, name="moved"))
    return cannulas


def error_of(fitted: Vertebra, model: ShapeModel, true_vertices: np.ndarray) -> np.ndarray:
    """(7 + modes,) of the model's instance nearest to (n, 3) true vertices, less the fit's."""
    coefficients, scale, turn, move = fitted.coefficients, 1.0, np.eye(3), np.zeros(3)
    for _ in range(4):
        scale, turn, move = similarity(model.instance(fitted.level, coefficients), true_vertices)
        coefficients = model.project(fitted.level, (true_vertices - move) @ turn / scale)
    own = fitted.pose[:3, :3]
    turned = Rotation.from_matrix(own.T @ turn).as_rotvec()
    shape = coefficients[: len(fitted.coefficients)] - fitted.coefficients
    return np.concatenate([own.T @ (move - fitted.pose[:3, 3]), turned, [np.log(scale / fitted.scale)], shape])


def expected(fit: Fit) -> float:
    return fit.predicted_mm


def always_alike(fit: Fit) -> float:
    return 1.0


def root(fit: Fit) -> float:
    return float(np.sqrt(fit.predicted_mm))


def starts(fit: Fit) -> float:
    """The spread of the several starts, which may be 0."""
    return max(fit.spread_mm, 0.05)


Size = Callable[[Fit], float]
CHOSEN = "root of the expected distance"
SIZES: Mapping[str, Size] = {
    CHOSEN: root,
    "expected distance": expected,
    "nothing": always_alike,
    "spread of the starts": starts,
}
"""What the errors may grow with."""


def learned(fits: Sequence[Fit], size: Size) -> np.ndarray:
    """(7, 7) mean products of the errors of pose and scale, relative to ``size``; a mirror must leave them alone."""
    errors = np.stack([fit.error[:7] / size(fit) for fit in fits])
    covariance = np.zeros((7, 7))
    for group in (EVEN, ODD):
        covariance[np.ix_(group, group)] = errors[:, list(group)].T @ errors[:, list(group)] / len(fits)
    return covariance


def told(fits: Sequence[Fit], others: Sequence[Fit], size: Size) -> np.ndarray:
    """(cannulas, needles, 2) probability of a breach, and of less than a millimetre."""
    covariance = learned(others, size)
    typical = float(np.median([root(fit) / size(fit) for fit in others]))
    found = []
    for fit in fits:
        count = len(fit.error)
        whole = (COEFFICIENT * typical) ** 2 * np.eye(count)
        whole[:7, :7] = covariance
        uncertain = Posterior(np.zeros(count), size(fit) ** 2 * whole, size(fit) * typical * WALL_MM)
        drawn = RiskModel(fit.vertebra, fit.model, uncertain)
        for cannula in fit.cannulas:
            risks = [drawn.of(replace(cannula, diameter_mm=diameter)) for diameter in NEEDLES.values()]
            found.append([(one.breach_probability, 1 - one.margin_probability) if one else (1, 1) for one in risks])
    return np.array(found, dtype=float)


def truths(fits: Sequence[Fit]) -> np.ndarray:
    """(cannulas, needles, 2) what was so."""
    clearance = np.concatenate([fit.room_mm for fit in fits])[:, None] - np.array(list(NEEDLES.values())) / 2
    return np.stack([clearance < 0.0, clearance < MARGIN_MM], axis=2).astype(float)


def scores(probability: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Logarithmic and Brier score, lower is better; no probability is believed beyond 1 in 200."""
    sure = np.clip(probability, 0.005, 0.995)
    log = -(truth * np.log(sure) + (1 - truth) * np.log(1 - sure)).mean()
    return float(log), float(((probability - truth) ** 2).mean())


def bins(probability: np.ndarray, truth: np.ndarray) -> list[tuple[float, float, float, float, int]]:
    """For each tenth: mean told, share observed, its 95 % interval (Wilson 1927), and how many."""
    rows = []
    place = np.clip(np.digitize(probability, BINS) - 1, 0, 9)
    for index in range(10):
        mine = place == index
        count = int(mine.sum())
        if count:
            share, z = truth[mine].mean(), 1.96
            middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
            half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
            rows.append((probability[mine].mean(), share, max(middle - half, 0.0), min(middle + half, 1.0), count))
    return rows


def draw(panels: Mapping[str, Sequence[tuple[float, float, float, float, int]]], path: Path) -> None:
    """Told against observed, a panel each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(panels), 4.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, rows) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        mean, share, low, high, counts = map(np.array, zip(*rows, strict=True))
        axes.errorbar(mean, share, [share - low, high - share], fmt="o", markersize=4, capsize=2)
        for x, y, count in zip(mean, high, counts, strict=True):
            axes.annotate(str(count), (x, min(y + 0.01, 0.97)), ha="center", fontsize=7, color="0.4")
        axes.set(xlabel="told", ylabel="observed", title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--fits", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    cases = [case for folder in options.folders for case in find_cases(folder)]
    cases = [case for case in cases if (kept_fit(case, options.fits) / "plan.json").is_file()]
    fits = [fit for case in cases for fit in fits_of(case, options.fits, options.out / "truths")]
    people = sorted({fit.person for fit in fits})
    groups = [[fit for fit in fits if fit.person == person] for person in people]
    ordered = [fit for group in groups for fit in group]
    truth = truths(ordered)
    lines = [f"{len(cases)} cases, {len(fits)} fits of {len(people)} people, {len(truth)} cannulas x {len(NEEDLES)}"]
    base = np.broadcast_to(truth.mean(axis=0), truth.shape)
    lines.append("what the errors grow with       log score  Brier score")
    lines.append(f"{'(the overall shares)':<30}  {scores(base, truth)[0]:9.4f}  {scores(base, truth)[1]:11.4f}")
    every = {}
    for name, size in SIZES.items():
        others = [[fit for fit in fits if fit.person != person] for person in people]
        every[name] = np.concatenate([told(mine, rest, size) for mine, rest in zip(groups, others, strict=True)])
        log, brier = scores(every[name], truth)
        lines.append(f"{name:<30}  {log:9.4f}  {brier:11.4f}")
    best = every[CHOSEN]
    kinds = np.array([cannula.name for fit in ordered for cannula in fit.cannulas])
    panels = {}
    for title, chosen in {"all": kinds != "", "planned": kinds != "moved"}.items():
        for column, what in enumerate(("breach", "less than 1 mm")):
            rows = bins(best[chosen][:, :, column].ravel(), truth[chosen][:, :, column].ravel())
            panels[f"{what}, {title}"] = rows
            lines.append(f"{what}, {title}: told, observed (95 %), cannulas")
            lines += [f"  {a:5.2f}  {b:5.2f} ({c:.2f}-{d:.2f})  {n}" for a, b, c, d, n in rows]
    covariance = learned(fits, root)
    lines.append(f"EVEN_COVARIANCE = {covariance[np.ix_(EVEN, EVEN)].round(6).tolist()}")
    lines.append(f"ODD_COVARIANCE = {covariance[np.ix_(ODD, ODD)].round(6).tolist()}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "calibration.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(panels, options.out / "reliability.png")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
