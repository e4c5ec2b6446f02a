"""The fit itself: several starts as one batch, coarse to fine, one ``FitState`` a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..atlas.model import ShapeModel
from ..config import Settings, StageSettings
from ..similarity import Similarity, similarity_by_name
from ..similarity.learned.nouns import Learned
from ..types import Evidence, FitState, Seed, Vertebra, View
from .cameras import Cameras
from .column import ColumnPrior
from .initialise import with_borrowed, with_neighbours
from .judging import Judged, Step, mixture_of
from .learned import LearnedTerm, Sampling
from .objective import LandmarkTerm, Prior, image_term, prior_terms
from .pictures import Pictures, crop_views
from .scene import Parameters, Scene, parameters_of, vertebrae_of
from .stepping import keep_numbers, optimiser_of, settled

MARGIN_MM = 4.0
"""Soft margin around a vertebra's shadow within which its image term looks: wide enough to see the edge it should move
to, too narrow to reach past a disc (lumbar discs are 8-12 mm high)."""


def fit(
    views: Sequence[View],
    starts: Mapping[str, Vertebra],
    models: Mapping[str, ShapeModel],
    settings: Settings,
    device: str = "cpu",
    seeds: Sequence[Seed] = (),
    learned: Learned | None = None,
) -> Iterator[FitState]:
    """Fit all started vertebrae of a case together.

    Args:
        views: two or more.
        starts: level to start (see ``initialise``); none gives no state.
        models: level to shape model, for the starts' levels and their neighbours.
        seeds: whose landmarks, where there are any, pull on the fit.
        learned: the learned similarity, which "learned" and "hybrid" need.

    Raises:
        ValueError: a similarity that needs ``learned``, without it.

    Yields:
        the state after every step; a caller may stop at any. The last one of a whole run has ``stage`` "done" and
        carries what is needed to judge the fit in ``evidence``.
    """
    if not starts:
        return
    models = with_borrowed(models)
    run = Run(views, with_neighbours(starts, models), tuple(starts), models, settings, seeds, device, learned)
    yield from run.states()


class Run:
    """One call of ``fit``: what stays the same over its stages."""

    def __init__(
        self,
        views: Sequence[View],
        starts: Mapping[str, Vertebra],
        asked: Sequence[str],
        models: Mapping[str, ShapeModel],
        settings: Settings,
        seeds: Sequence[Seed],
        device: str,
        learned: Learned | None = None,
    ) -> None:
        self.views, self.models, self.settings, self.device = views, models, settings, device
        self.levels = tuple(starts)
        self.wanted = [self.levels.index(level) for level in asked]
        self.points = np.concatenate([starts[level].place(models[level].means[level]) for level in asked])
        self.total = sum(stage.steps for stage in settings.fit.stages)
        rank = max(models[level].rank for level in self.levels)
        self.nominal = parameters_of(tuple(starts.values()), rank, device=device)
        like = self.nominal.translation_mm
        self.scene = Scene(self.levels, models, settings.render, device=device, asked=asked)
        self.prior = _prior(self.nominal, [level in asked for level in self.levels])
        self.column = ColumnPrior(self.levels, models, like)
        self.landmarks = LandmarkTerm(seeds, self.levels, models, views, like, settings.fit.posterior_weight)
        self.mixture = mixture_of(settings)
        if self.mixture.learned and learned is None:
            raise ValueError(f'got similarity "{settings.similarity}" and no learned weights; expected both')
        asked_for = learned if self.mixture.learned else None
        judged = [starts[level] for level in asked]
        self.learned = LearnedTerm(asked_for, views, judged, self.wanted) if asked_for is not None else None

    def states(self) -> Iterator[FitState]:
        """Every stage in turn; then what the run knows of itself."""
        done, spread_mm, recent = 0, np.full(len(self.levels), np.nan), []
        parameters = spread(self.nominal, self.settings.fit.stages[0].keep, self.settings)
        steps: list[Step] = []
        for stage in self.settings.fit.stages:
            if steps:
                parameters = steps[-1].parameters.rebased(steps[-1].scores.argsort(0)[: stage.keep])
            for step in self.steps(stage, parameters):
                done += 1
                steps = [step]
                state = self.state(stage.name, done, step)
                recent = [*recent[-max(self.total // 10, 1) :], state.vertebrae]
                yield state
            if stage.keep > 1 and steps:
                spread_mm = _spread_mm(self.scene, steps[-1])
        if steps:
            last = self.state("done", done, steps[-1])
            yield replace(last, evidence=self._evidence(steps[-1], spread_mm, recent))

    def pictures(self, stage: StageSettings) -> tuple[Pictures, Similarity]:
        """The X-rays as a stage looks at them; from now on the vertebrae have the stage's splats."""
        self.scene.gather(stage.splats)
        shown = self.points
        if self.learned is not None and self.mixture.share(stage) > 0:
            shown = np.concatenate([shown, self.learned.corners_mm])
        pictures = crop_views(self.views, shown, stage.pixel_mm, self.device)
        return pictures, similarity_by_name(self.mixture.analytic, pictures.images, self.settings.image)

    def objective(
        self,
        stage: StageSettings,
        pictures: Pictures,
        similarity: Similarity,
        parameters: Parameters,
        cameras: Cameras | None = None,
        sampling: Sampling | None = None,
    ) -> Judged:
        """The terms and what they were made from; ``sampling`` where the learned similarity has a say."""
        options = self.settings.fit
        detectors = cameras.applied(pictures.detectors) if cameras else pictures.detectors
        drawn = self.scene.pictures(parameters, detectors, self.settings.renderer)
        likeness = image_term(similarity, drawn, pictures.valid, MARGIN_MM / stage.pixel_mm)
        terms = {
            "image": self._image_share(stage, likeness) * (1.0 - likeness.mean(-1)),
            **prior_terms(parameters, self.prior, options),
            "column": stage.column * options.column_weight * self.column(parameters),
            "landmarks": self.landmarks(self.scene, parameters, options.landmark_weight),
        }
        if cameras:
            share = self.settings.refinement.weight / len(self.levels)
            terms["cameras"] = (share * cameras.cost()).expand_as(terms["image"])
        estimate = None
        if self.learned is not None and sampling is not None:
            estimate = self.learned(drawn, sampling)
            weight = self.mixture.share(stage) * options.learned_weight
            where = torch.as_tensor(self.wanted, device=likeness.device)
            said = torch.zeros_like(terms["image"]).index_copy(1, where, weight * estimate.log_mm.T)
            terms["learned"] = said
        return Judged(terms, likeness, estimate)

    def _image_share(self, stage: StageSettings, likeness: Tensor) -> Tensor:
        """(vertebrae,) weight of the analytic term: all of it for neighbours, which no network judges."""
        share = torch.ones(likeness.shape[1], device=likeness.device)
        if self.learned is not None and self.mixture.share(stage) > 0:
            share[self.wanted] = self.mixture.image
        return share

    def steps(self, stage: StageSettings, parameters: Parameters, cameras: Cameras | None = None) -> Iterator[Step]:
        """The steps of one stage, from given starts; ends early when nothing is gained any more. ``cameras``, where
        there are any, move with the vertebrae."""
        pictures, similarity = self.pictures(stage)
        parameters = parameters.rebased()
        optimiser, schedule = optimiser_of(parameters, stage, self.settings, cameras)
        judged = self.learned is not None and self.mixture.share(stage) > 0
        sampling = self.learned.sampling(pictures) if self.learned is not None and judged else None
        course: list[Tensor] = []
        for _ in range(stage.steps):
            optimiser.zero_grad()
            found = self.objective(stage, pictures, similarity, parameters, cameras, sampling)
            total = torch.stack(list(found.terms.values())).sum(0)
            total.sum().backward()
            keep_numbers(parameters, stage.rank)
            scores = total.detach().nan_to_num(1e9, 1e9, 1e9)
            yield found.step(parameters.rebased(), scores)
            course.append(scores.min(0).values)
            if settled(course, self.settings.fit.settled):
                return
            optimiser.step()
            schedule.step()

    def state(self, name: str, done: int, step: Step) -> FitState:
        """Each vertebra's own best start, of those that were asked for."""
        best = step.scores.argmin(0)
        columns = torch.arange(len(self.levels), device=best.device)
        values = {term: value[best, columns] for term, value in step.terms.items()}
        by_level = {self.levels[c]: {term: float(value[c]) for term, value in values.items()} for c in self.wanted}
        fitted = vertebrae_of(self.levels, step.parameters.rebased(best[None]), 0)
        mean = {term: float(value[self.wanted].mean()) for term, value in values.items()}
        return FitState(name, done, self.total, mean, tuple(fitted[c] for c in self.wanted), by_level)

    def _evidence(self, step: Step, spread_mm: np.ndarray, recent: list) -> dict[str, Evidence]:
        best = step.scores.argmin(0)
        evidence = {}
        for place, column in enumerate(self.wanted):
            level = self.levels[column]
            model = self.models[level]
            first, last = (
                one[place].place(model.instance(level, one[place].coefficients)) for one in (recent[0], recent[-1])
            )
            seen = step.likeness[best[column], column]
            said = (float("nan"), float("nan"))
            if step.estimate is not None:
                said = tuple(float(part[place, best[column]]) for part in step.estimate)
            evidence[level] = Evidence(
                {view.name: float(value) for view, value in zip(self.views, seen, strict=True)},
                float(spread_mm[column]),
                float(np.linalg.norm(last - first, axis=1).mean()),
                *said,
            )
        return evidence


def _spread_mm(scene: Scene, step: Step) -> np.ndarray:
    """(vertebrae,) mean vertex distance of the other starts to the best one."""
    result = np.full(len(scene.levels), np.nan)
    with torch.no_grad():
        for family in scene.families:
            vertices = family.vertices(step.parameters)
            best = step.scores[:, family.columns].argmin(0)
            chosen = vertices[best, torch.arange(len(family.columns), device=best.device)]
            distance = (vertices - chosen).norm(dim=-1).mean(-1).sum(0) / (len(vertices) - 1)
            result[family.columns] = distance.cpu().numpy()
    return result


def _prior(nominal: Parameters, asked: Sequence[bool]) -> Prior:
    """Clicks are good to some mm; an unasked neighbour's place is a guess."""
    known = torch.as_tensor(list(asked), device=nominal.translation_mm.device)
    return Prior(
        nominal.translation_mm[0],
        nominal.base_rotation[0],
        torch.where(known, 3.0, 6.0),
        torch.where(known, math.radians(8.0), math.radians(12.0)),
        (0.08, 0.03),
    )


def spread(nominal: Parameters, count: int, settings: Settings) -> Parameters:
    """The nominal start and ``count - 1`` others around it, independent for every vertebra, in opposite pairs."""
    generator = torch.Generator().manual_seed(settings.seed)
    vertebrae = nominal.log_scale.shape[1]
    draws = torch.randn(((count + 1) // 2, vertebrae, 7), generator=generator).to(nominal.log_scale)
    draws = torch.cat([torch.zeros_like(draws[:1]), torch.stack([draws, -draws], dim=1).flatten(0, 1)])[:count]
    options = settings.fit
    own = draws[..., :3] * torch.as_tensor(options.start_translation_mm).to(draws)
    turn = draws[..., 3:6] * torch.as_tensor(options.start_rotation_deg).to(draws).deg2rad()
    base = nominal.base_rotation.expand(count, -1, -1, -1)
    return Parameters(
        base.clone(),
        (base @ turn[..., None])[..., 0],
        nominal.translation_mm + (base @ own[..., None])[..., 0],
        nominal.log_scale + options.start_log_scale * draws[..., 6],
        nominal.coefficients.repeat(count, 1, 1),
        nominal.presence.repeat(count, 1),
    ).rebased()
