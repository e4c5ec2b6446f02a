"""How well detections of several views become starts: vertebrae started, at the right level, and how far off.

``python -m Testing.benchmarks.matching [--people 20] [--cases ../shared/cases]``: columns drawn with the atlas and with
measured statistics, seen in drawn pairs and triples of views; and the true vertebrae of case folders. Detections are
made from the truth (``Testing.detect.synthetic``), no network is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import tyro

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.atlas.surfaces import Surface
from SpineDARTLib.detect.matching import match
from SpineDARTLib.detect.seeds import seeds_of
from SpineDARTLib.fit.initialise import CLICK_POINT_MM, initialise
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.simulate.imaging.view_settings import ViewSettings
from SpineDARTLib.simulate.imaging.views import draw_views
from SpineDARTLib.simulate.patient.annotate import annotate_surface
from SpineDARTLib.simulate.patient.curves import load_curves
from SpineDARTLib.simulate.patient.spine import SpineSettings, draw_spine
from SpineDARTLib.types import LEVELS, Seed, View
from Testing.detect.synthetic import Noise, Truth, detect_in, visible

SCENARIOS: Mapping[str, Noise] = {
    "clean": Noise(0.3, 0.0, 0.0, 0.0, 0.4, (0.1, 0.0)),
    "usual": Noise(),
    "twice the noise": Noise(factor=2.0, missed=0.2, false=0.15),
    "unsure levels": Noise(blur=1.2, jitter=(0.5, 0.5)),
    "one view shifted": Noise(shifted={"FIRST": 1}),
    "one view shifted, unsure": Noise(shifted={"FIRST": 1}, blur=1.0),
    "neighbours swapped 10 %": Noise(swapped=0.1),
    "left and right swapped 10 %": Noise(mirrored=0.1),
}


@dataclass(frozen=True)
class Person:
    """A column with its pictures.

    Attributes:
        vertices: level to (n, 3) mm on the atlas's mesh.
        poses: level to (4, 4).
        subject: whom the atlas must not have learned from; "" for drawn ones, which flatter the atlas that drew them.
    """

    kind: str
    column: Sequence[Truth]
    views: Sequence[View]
    vertices: Mapping[str, np.ndarray]
    poses: Mapping[str, np.ndarray]
    subject: str = ""

    @property
    def models(self) -> dict[str, ShapeModel]:
        return load_models((self.subject,) if self.subject else ())


@dataclass
class Tally:
    """Counts and errors of one scenario."""

    visible: int = 0
    started: int = 0
    right: int = 0
    other: int = 0
    stray: int = 0
    sure: list[float] = field(default_factory=list)
    was_right: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: list[tuple[float, float, float]] = field(default_factory=list)
    clicked: list[tuple[float, float, float]] = field(default_factory=list)


def drawn_people(count: int, kinds: Sequence[str]) -> Iterator[Person]:
    """Columns of the atlas, each in one set of views of every kind."""
    models, curves = load_models(), load_curves()
    for number in range(count):
        generator = np.random.default_rng([8, number])
        spine = draw_spine(models, curves, SpineSettings(), generator)
        column = [
            Truth(level, one.vertebra.pose[:3, 3], one.landmarks, one.vertices[::7])
            for level, one in spine.vertebrae.items()
        ]
        vertices = {level: one.vertices for level, one in spine.vertebrae.items()}
        poses = {level: one.vertebra.pose for level, one in spine.vertebrae.items()}
        for kind in kinds:
            target = column[int(generator.integers(1, len(column) - 1))].origin
            views = [pair.true for pair in draw_views(kind, None, target, ViewSettings(), generator)]
            yield Person(kind, column, views, vertices, poses)


def people_of_cases(folder: Path) -> Iterator[Person]:
    """The true vertebrae of case folders, the atlas laid on them."""
    models = load_models()
    done: dict[tuple[str, str, float], tuple[Truth, np.ndarray, np.ndarray]] = {}
    for path in sorted(folder.glob("*/case.json")):
        case, truth = read_case(path.parent), read_truth(path.parent / "truth")
        found = {}
        for level, (vertices, faces) in truth.surfaces.items():
            key = (truth.subject, level, round(float(np.mean(vertices)), 2))
            if key not in done:
                done[key] = _annotated(Surface(truth.subject, level, vertices, faces, ""), models[level])
            found[level] = done[key]
        ordered = sorted(found, key=LEVELS.index)
        kind = "cases, AP/LAT" if "aplat" in path.parent.name else "cases, random"
        yield Person(
            kind,
            [found[level][0] for level in ordered],
            case.views,
            {level: found[level][1] for level in ordered},
            {level: found[level][2] for level in ordered},
            truth.subject,
        )


def _annotated(surface: Surface, model: ShapeModel) -> tuple[Truth, np.ndarray, np.ndarray]:
    """What is true of a real vertebra, its vertices and pose in the atlas's words."""
    one = annotate_surface(surface, model)
    pose, corners = one.vertebra.vertebra.pose, surface.vertices[:: max(len(surface.vertices) // 300, 1)]
    return Truth(surface.level, pose[:3, 3], one.vertebra.landmarks, corners), one.carried, pose


def measure(person: Person, noise: Noise, tally: Tally, generator: np.random.Generator) -> None:
    """One person's pictures through detection, matching and start."""
    if noise.shifted:
        noise = Noise(**{**vars(noise), "shifted": {person.views[0].name: generator.choice([-1, 1])}})
    seen = {view.name: detect_in(person.column, view, noise, generator) for view in person.views}
    detections = {name: one[0] for name, one in seen.items()}
    models = person.models
    begun = perf_counter()
    column = match(detections, person.views)
    proposal = seeds_of(column, detections, person.views)
    starts = initialise(proposal.seeds, person.views, models).vertebrae
    tally.seconds.append(perf_counter() - begun)
    whole = {one.level for one in person.column if sum(visible(one, view) for view in person.views) >= 2}
    true_level = {one.level: {seen[view][1][index] for view, index in one.members.items()} for one in column.vertebrae}
    sure = {one.level: float(one.level_probabilities[LEVELS.index(one.level)]) for one in column.vertebrae}
    started = {level: true_level[level] for level in starts}
    tally.visible += len(whole)
    tally.started += sum(any(level in names for names in started.values()) for level in whole)
    tally.right += sum(started.get(level) == {level} for level in whole)
    tally.other += sum(len(names) > 1 for names in started.values())
    tally.stray += sum(names == {""} for names in started.values())
    tally.sure += [sure[level] for level in started]
    tally.was_right += [names == {level} for level, names in started.items()]
    _poses(person, starts, [level for level in whole if started.get(level) == {level}], tally, generator)


def _poses(person: Person, starts, levels: Sequence[str], tally: Tally, generator: np.random.Generator) -> None:
    """Errors of the starts, and of starts from clicks on the same vertebrae."""
    models, seeds = person.models, []
    for level in levels:
        point = person.poses[level][:3, 3] + person.poses[level][:3, :3] @ CLICK_POINT_MM
        clicks = {v.name: tuple(project(point[None], v)[0] + generator.normal(0.0, 4.0, 2)) for v in person.views}
        seeds.append(Seed(level, clicks))
    clicked = initialise(seeds, person.views, models).vertebrae
    for found, errors in ((starts, tally.errors), (clicked, tally.clicked)):
        for level in levels:
            if level in found:
                errors.append(_error(found[level], person, level, models[level]))


def _error(start, person: Person, level: str, model) -> tuple[float, float, float]:
    """Body centre mm, turn deg, mean vertex mm."""
    pose = person.poses[level]
    turn = (np.trace(start.pose[:3, :3].T @ pose[:3, :3]) - 1) / 2
    vertices = start.place(model.instance(level, start.coefficients))
    off = np.linalg.norm(vertices - person.vertices[level], axis=1).mean()
    centre = np.linalg.norm(start.pose[:3, 3] - pose[:3, 3])
    return float(centre), float(np.rad2deg(np.arccos(np.clip(turn, -1, 1)))), float(off)


def _row(name: str, tally: Tally) -> str:
    share = 100.0 / max(tally.visible, 1)
    errors = np.array(tally.errors or [(np.nan,) * 3])
    clicked = np.array(tally.clicked or [(np.nan,) * 3])
    middle, bad, by_click = np.median(errors, 0), np.quantile(errors, 0.95, axis=0), np.median(clicked, 0)
    return (
        f"{name:44s} {tally.visible:5d} {tally.started * share:6.1f} {tally.right * share:6.1f} {tally.other:4d} "
        f"{tally.stray:4d}  {100 * np.mean(tally.sure or [0]):5.1f} {100 * np.mean(tally.was_right or [0]):5.1f}  "
        + "  ".join(f"{m:4.1f} {b:4.1f} {c:4.1f}" for m, b, c in zip(middle, bad, by_click, strict=True))
        + f"  {np.median(tally.seconds):5.2f}"
    )


def main(
    people: int = 20,
    cases: Path | None = None,
    kinds: tuple[str, ...] = ("ap-lat", "random-pair", "random-triple"),
    repeats: int = 2,
    scenarios: tuple[str, ...] = tuple(SCENARIOS),
) -> None:
    """Print one row a scenario and kind of views."""
    everyone = [*drawn_people(people, kinds), *(people_of_cases(cases) if cases else ())]
    print(f"{'':44s} {'':5s} {'% of visible':>13s} {'mixed':>4s} {'false':>4s} {'% label':>11s}  "
          "  centre mm       turn deg       vertices mm")  # fmt: skip
    print(f"{'scenario':44s} {'n':>5s} {'start':>6s} {'right':>6s} {'':4s} {'':4s}  {'said':>5s} {'is':>5s}  "
          + "  ".join(["med  p95  click"] * 3) + "   s")  # fmt: skip
    for name, noise in ((name, SCENARIOS[name]) for name in scenarios):
        for kind in dict.fromkeys(person.kind for person in everyone):
            tally, generator = Tally(), np.random.default_rng(0)
            for person in everyone:
                for _ in range(repeats if person.kind == kind else 0):
                    measure(person, noise, tally, generator)
            print(_row(f"{name}, {kind}", tally), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
