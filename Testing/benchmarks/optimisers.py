"""Optimisers at equal time on the same objective and starts: Adam, L-BFGS, Gauss-Newton (analytic terms), CMA-ES.

    python -m Testing.benchmarks.optimisers CASES --out DIR [--seconds 10] [--stage coarse|shape|fine] [--most N]

Each gets so many seconds of one stage of the fit, from the starts that clicks give (Adam once from eight around them,
too; CMA-ES: pose and size alone, as in the first stage; a vertebra's own population, all vertebrae at once). Kept: mean
score and mean ASSD against seconds, one file a case and method.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from SpineDARTLib.benchmark.inputs import find_cases
from SpineDARTLib.config import Settings, StageSettings
from SpineDARTLib.evaluate.metrics import compare_surfaces
from SpineDARTLib.fit.initialise import initialise, with_borrowed, with_neighbours
from SpineDARTLib.fit.objective import support
from SpineDARTLib.fit.optimise import Run
from SpineDARTLib.fit.scene import Parameters, vertebrae_of
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import Truth, read_subject, read_truth
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.similarity import GradientNCC
from SpineDARTLib.similarity.filters import blur, gradient, halve
from Testing.benchmarks.cma_es import Cloud, adapt

SHOWN = 8  # moments at which surfaces are measured
SPREAD = 5.0
"""Of several starts, in Adam's steps (0.6 mm, 0.8 degrees): about that of the fit's own."""


class Problem:
    """One stage of one case as a function of a table (vertebrae, numbers): steps in units of Adam's own step sizes."""

    def __init__(self, case: Path, stage: StageSettings) -> None:
        read, self.truth = read_case(case), read_truth(case)
        models = with_borrowed(load_models((read_subject(case),)))
        starts = initialise(read.seeds, read.views, models).vertebrae
        self.settings, self.stage = Settings(), stage
        self.run = Run(read.views, with_neighbours(starts, models), tuple(starts), models, self.settings, (), "cpu")
        self.look = self.run.look(stage)
        options, nominal = self.settings.fit, self.run.nominal
        self.base, self.rank = nominal, min(stage.rank, nominal.coefficients.shape[-1])
        turn = np.deg2rad(options.rotation_deg)
        units = [turn] * 3 + [options.translation_mm] * 3 + [options.log_scale] + [options.coefficient] * self.rank
        self.units = torch.tensor(units, dtype=torch.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Vertebrae and numbers of each."""
        return len(self.run.levels), len(self.units)

    def parameters(self, table: Tensor) -> Parameters:
        """Of tables (starts, vertebrae, numbers)."""
        moved, count = table * self.units, len(table)
        coefficients = self.base.coefficients.expand(count, -1, -1)
        own = coefficients[..., : self.rank] + moved[..., 7:]
        return Parameters(
            self.base.base_rotation.expand(count, -1, -1, -1),
            moved[..., :3],
            self.base.translation_mm + moved[..., 3:6],
            self.base.log_scale + moved[..., 6],
            torch.cat([own, coefficients[..., self.rank :]], dim=-1),
            self.base.presence.expand(count, -1),
        )

    def scores(self, table: Tensor) -> Tensor:
        """(starts, vertebrae)."""
        terms = self.run.objective(self.look, self.parameters(table)).terms
        return torch.stack(list(terms.values())).sum(0)

    def assd_mm(self, table: Tensor) -> float:
        """Mean over the vertebrae with a truth."""
        return measured(self.run, self.parameters(table[None]), self.truth)


def measured(run: Run, parameters: Parameters, truth: Truth) -> float:
    """Mean ASSD of the asked vertebrae."""
    found = []
    for column, one in enumerate(vertebrae_of(run.levels, parameters, 0)):
        if column in run.wanted and one.level in truth.surfaces:
            model = run.models[one.level]
            surface = one.place(model.instance(one.level, one.coefficients)), model.faces
            found.append(compare_surfaces(surface, truth.surfaces[one.level]).assd_mm)
    return float(np.mean(found))


def adam(problem: Problem, seconds: float, starts: int = 1) -> Iterator[Tensor]:
    """As in the fit; the step size falls to a tenth over the time that there is. Of several starts, spread as those of
    CMA-ES, each vertebra's best."""
    table = torch.zeros(starts, *problem.shape)
    draws = torch.randn((starts // 2, problem.shape[0], 7), generator=torch.Generator().manual_seed(0))
    table[1:, :, :7] = SPREAD * torch.stack([draws, -draws], dim=1).flatten(0, 1)[: starts - 1]
    table.requires_grad_(True)
    columns = torch.arange(problem.shape[0])
    optimiser = torch.optim.Adam([table], lr=1.0, betas=(0.8, 0.95))
    began = time.monotonic()
    while True:
        share = min((time.monotonic() - began) / seconds, 1.0)
        optimiser.param_groups[0]["lr"] = problem.stage.rate * (0.1 + 0.45 * (1 + np.cos(np.pi * share)))
        optimiser.zero_grad()
        scores = problem.scores(table)
        scores.sum().backward()
        yield table.detach()[scores.argmin(0), columns].clone()
        optimiser.step()


def lbfgs(problem: Problem, seconds: float) -> Iterator[Tensor]:
    """Limited-memory BFGS with a strong Wolfe line search."""
    table = torch.zeros(1, *problem.shape, requires_grad=True)
    optimiser = torch.optim.LBFGS([table], lr=1.0, max_iter=1, history_size=12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = problem.scores(table).sum()
        value.backward()
        return value

    while True:
        yield table.detach()[0].clone()
        optimiser.step(closure)


def residuals(problem: Problem, table: Tensor) -> Tensor:
    """(starts, vertebrae, pixels): half their squared length is the image term, one less gradient NCC."""
    look = problem.look
    drawn = problem.run.drawn(look, problem.parameters(table))
    regions = support(drawn[:1], look.pictures.valid, look.margin_px)[0]
    rendered, similarity, parts = drawn.sum(1), look.similarity, []
    assert isinstance(similarity, GradientNCC)
    for real in similarity.levels:
        slopes = gradient(blur(rendered, similarity.settings.blur_px))
        root = regions[..., None, :, :].sqrt()
        first, second = root * real, root * slopes[:, None]
        dims = (-1, -2, -3)
        first, second = (one * one.square().sum(dims, keepdim=True).clamp_min(1e-18).rsqrt() for one in (first, second))
        parts.append((second - first).flatten(2) / np.sqrt(len(similarity.levels) * len(look.pictures.views)))
        rendered, regions = halve(rendered), halve(regions)
    return torch.cat(parts, dim=-1)


def gauss_newton(problem: Problem, seconds: float) -> Iterator[Tensor]:
    """Levenberg and Marquardt's, a block for each vertebra: derivatives of the pictures by differences, all vertebrae's
    same number at once; the priors' curvature from differences of their own gradient's diagonal."""
    table, damping = torch.zeros(problem.shape), 1e-2
    numbers = problem.shape[1]
    best = problem.scores(table[None])[0].detach()
    while True:
        yield table.clone()
        with torch.no_grad():
            steps = torch.eye(numbers)[:, None, :].expand(-1, problem.shape[0], -1)
            found = residuals(problem, torch.cat([table[None], table + 0.5 * steps]))
            slopes = (found[1:] - found[:1]) / 0.5
            curvature = torch.einsum("kvp,lvp->vkl", slopes, slopes)
        moved = table[None].clone().requires_grad_(True)
        problem.scores(moved).sum().backward()
        assert moved.grad is not None
        diagonal = curvature.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
        for _ in range(4):
            ridge = (damping * diagonal + 1e-4)[..., None] * torch.eye(numbers)
            step = torch.linalg.solve(curvature + ridge, moved.grad[0])
            tried = table - step
            with torch.no_grad():
                scores = problem.scores(tried[None])[0]
            better = scores < best
            table = torch.where(better[:, None], tried, table)
            best = torch.where(better, scores, best)
            damping = max(damping / 3, 1e-4) if bool(better.any()) else min(damping * 5, 1e3)
            if bool(better.any()):
                break


def cma_es(problem: Problem, seconds: float, population: int = 12) -> Iterator[Tensor]:
    """Each vertebra's pose and size by its own CMA-ES, all at once; shape stays."""
    vertebrae, numbers = problem.shape
    n, generator = 7, np.random.default_rng(0)
    weights = np.log(population / 2 + 0.5) - np.log(np.arange(1, population // 2 + 1))
    weights /= weights.sum()
    mass = 1.0 / (weights**2).sum()
    clouds = [Cloud(np.zeros(n), np.eye(n), SPREAD, np.zeros(n), np.zeros(n)) for _ in range(vertebrae)]
    while True:
        drawn = np.stack([generator.multivariate_normal(np.zeros(n), one.covariance, population) for one in clouds], 1)
        tables = np.zeros((population, vertebrae, numbers))
        tables[..., :n] = np.stack([one.mean for one in clouds]) + drawn * np.array([[one.sigma] for one in clouds])
        with torch.no_grad():
            scores = problem.scores(torch.from_numpy(tables.astype(np.float32))).numpy()
        for column, cloud in enumerate(clouds):
            order = np.argsort(scores[:, column])[: len(weights)]
            adapt(cloud, drawn[order, column], weights, mass)
        middle = torch.zeros(problem.shape)
        middle[:, :n] = torch.from_numpy(np.stack([one.mean for one in clouds]))
        yield middle


METHODS: Mapping[str, Callable[[Problem, float], Iterator[Tensor]]] = {
    "adam": adam,
    "adam, 8 starts": partial(adam, starts=8),
    "l-bfgs": lbfgs,
    "gauss-newton": gauss_newton,
    "cma-es": cma_es,
}


def course(problem: Problem, method: str, seconds: float) -> list[dict[str, float]]:
    """Score and ASSD at some moments; measuring does not count."""
    spent, due, found = 0.0, 0.0, []
    states = METHODS[method](problem, seconds)
    while True:
        began = time.monotonic()
        table = next(states)
        spent += time.monotonic() - began
        if spent >= due or spent >= seconds:
            with torch.no_grad():
                score = float(problem.scores(table[None])[0, problem.run.wanted].mean())
            found.append({"seconds": spent, "score": score, "assd_mm": problem.assd_mm(table)})
            due += seconds / SHOWN
        if spent >= seconds:
            return found


def draw(kept: Mapping[str, list[list[dict[str, float]]]], path: Path) -> None:
    """Medians over the cases against seconds."""
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axis, name in zip(figure.subplots(1, 2), ("score", "assd_mm"), strict=True):
        for method, courses in kept.items():
            moments = range(min(len(one) for one in courses))
            seconds, values = (
                [np.median([one[k][key] for one in courses]) for k in moments] for key in ("seconds", name)
            )
            axis.plot(seconds, values, ".-", label=method)
        axis.set(xlabel="seconds", ylabel=name)
        axis.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--stage", choices=("coarse", "shape", "fine"), default="shape")
    parser.add_argument("--most", type=int, default=1000, help="cases")
    arguments = parser.parse_args()
    stage = next(one for one in Settings().fit.stages if one.name == arguments.stage)
    kept: dict[str, list[list[dict[str, float]]]] = {}
    for case in find_cases(arguments.cases)[: arguments.most]:
        problem = None
        for method in METHODS:
            path = arguments.out / arguments.stage / method / f"{case.name}.json"
            if not path.is_file():
                problem = problem or Problem(case, stage)
                path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps(course(problem, method, arguments.seconds), indent=1) + "\n"
                path.with_suffix(".partial").write_text(text, encoding="utf-8")
                path.with_suffix(".partial").rename(path)
            found = json.loads(path.read_text(encoding="utf-8"))
            kept.setdefault(method, []).append(found)
            print(case.name, method, f"score {found[-1]['score']:.4f} ASSD {found[-1]['assd_mm']:.2f} mm", flush=True)
    draw(kept, arguments.out / f"optimisers-{arguments.stage}.png")


if __name__ == "__main__":
    main()
