"""The fit itself: several starts as one batch, coarse to fine, one ``FitState`` a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..atlas.model import ShapeModel
from ..config import Settings, StageSettings
from ..similarity import Similarity, similarity_by_name
from ..similarity.learned.nouns import Estimate, Learned
from ..types import Evidence, FitState, Seed, Vertebra, View
from .cameras import Cameras
from .column import ColumnPrior
from .initialise import with_borrowed, with_neighbours
from .judging import Judged, Step, mixture_of
from .learned import LearnedTerm, Sampling
from .objective import LandmarkTerm, image_term, prior_terms
from .outline import DecompositionTerm, SilhouetteTerm, detected_terms
from .pictures import Pictures, crop_views
from .scene import Parameters, Scene, parameters_of, vertebrae_of
from .search import factors_of, prior_of, spread
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
    covariances: Mapping[str, np.ndarray] | None = None,
    learned: Learned | None = None,
) -> Iterator[FitState]:
    """Fit all started vertebrae of a case together.

    Args:
        views: two or more.
        starts: level to start (see ``initialise``); none gives no state.
        models: level to shape model, for the starts' levels and their neighbours.
        seeds: whose landmarks, silhouettes and projections, where there are any, pull on the fit.
        covariances: level to how sure its start is (``initialise.Starts``); a surer one is sought in a smaller space.
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
    every = with_neighbours(starts, models)
    run = Run(views, every, tuple(starts), models, settings, seeds, device, covariances, learned)
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
        covariances: Mapping[str, np.ndarray] | None = None,
        learned: Learned | None = None,
    ) -> None:
        self.mixture = mixture_of(settings)
        if self.mixture.learned and learned is None:
            raise ValueError(f'got similarity "{settings.similarity}" and no learned weights; expected both')
        # Whatever compares two pictures here does so with the analytic measure; the learned one is a term of its own.
        settings = replace(settings, similarity=self.mixture.analytic)
        self.seeds = seeds
        self.views, self.models, self.settings, self.device = views, models, settings, device
        self.levels = tuple(starts)
        self.wanted = [self.levels.index(level) for level in asked]
        self.points = np.concatenate([starts[level].place(models[level].means[level]) for level in asked])
        self.total = sum(stage.steps for stage in settings.fit.stages)
        rank = max(models[level].rank for level in self.levels)
        self.nominal = parameters_of(tuple(starts.values()), rank, device=device)
        like = self.nominal.translation_mm
        self.scene = Scene(self.levels, models, settings.render, device=device, asked=asked)
        known = [(covariances or {}).get(level) for level in self.levels]
        self.prior = prior_of(self.nominal, [level in asked for level in self.levels], known, settings.fit)
        self.factors = factors_of(self.nominal, known, settings.fit)
        self.column = ColumnPrior(self.levels, models, like)
        self.landmarks = LandmarkTerm(seeds, self.levels, models, views, like, settings.fit.posterior_weight)
        judged = [starts[level] for level in asked]
        network = learned if self.mixture.learned else None
        self.learned = None if network is None else LearnedTerm(network, views, judged, self.wanted)

    def states(self) -> Iterator[FitState]:
        """Every stage in turn; then what the run knows of itself."""
        done, spread_mm, recent = 0, np.full(len(self.levels), np.nan), []
        parameters = spread(self.nominal, self.settings.fit.stages[0].keep, self.settings, self.factors)
        steps: list[Step] = []
        for stage in self.settings.fit.stages:
            if steps:
                parameters = steps[-1].parameters.rebased(self.ranked(steps[-1], stage)[: stage.keep])
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

    def ranked(self, step: Step, stage: StageSettings) -> Tensor:
        """(starts, vertebrae) the starts from best to worst, as a stage takes them over; one that asks the learned
        similarity for the first time has it judge them all."""
        scores, share = step.scores, self.mixture.share(stage)
        if self.learned is not None and step.estimate is None and share > 0:
            estimate = self.judged(stage, step.parameters)
            scores = scores + self.learned.cost(estimate, scores, share * self.settings.fit.learned_weight)
        return scores.argsort(0)

    def judged(self, stage: StageSettings, parameters: Parameters) -> Estimate | None:
        """What the learned similarity says of states in a stage's pictures; None where there is none."""
        look = self.look(replace(stage, learned=1.0))
        with torch.no_grad():
            return self._estimate(look, self.drawn(look, parameters))

    def look(self, stage: StageSettings) -> Look:
        """The X-rays as a stage looks at them; from now on the vertebrae have the stage's splats."""
        self.scene.gather(stage.splats)
        judge = self.learned if self.mixture.share(stage) > 0 else None
        points = self.points if judge is None else np.concatenate([self.points, judge.corners_mm])
        pictures = crop_views(self.views, points, stage.pixel_mm, self.device)
        similarity = similarity_by_name(self.settings.similarity, pictures.images, self.settings.image)
        margin_px = MARGIN_MM / stage.pixel_mm
        silhouettes, decomposition = detected_terms(
            self.seeds, self.levels, self.views, pictures, stage.pixel_mm, margin_px, self.settings
        )
        sampling = None if judge is None else judge.sampling(pictures)
        return Look(stage, pictures, similarity, margin_px, silhouettes, decomposition, sampling)

    def objective(self, look: Look, parameters: Parameters, cameras: Cameras | None = None) -> Judged:
        """The terms, whose sum is minimised, and what they were made from."""
        options = self.settings.fit
        drawn = self.drawn(look, parameters, cameras)
        likeness = image_term(look.similarity, drawn, look.pictures.valid, look.margin_px)
        terms = {
            "image": self._image_share(look, likeness) * (1.0 - likeness.mean(-1)),
            **prior_terms(parameters, self.prior, options),
            "column": look.stage.column * options.column_weight * self.column(parameters),
            "landmarks": self.landmarks(parameters, options.landmark_weight),
            "silhouette": look.silhouettes(drawn, options.silhouette_weight),
            "decomposition": look.decomposition(drawn, options.decomposition_weight),
        }
        if cameras:
            share = self.settings.refinement.weight / len(self.levels)
            terms["cameras"] = (share * cameras.cost()).expand_as(terms["image"])
        estimate = self._estimate(look, drawn)
        if self.learned is not None:
            weight = self.mixture.share(look.stage) * options.learned_weight
            terms["learned"] = self.learned.cost(estimate, terms["image"], weight)
        return Judged(terms, likeness, estimate)

    def _estimate(self, look: Look, drawn: Tensor) -> Estimate | None:
        """What the learned similarity says of the asked vertebrae, where it has a say."""
        return None if self.learned is None or look.sampling is None else self.learned(drawn, look.sampling)

    def _image_share(self, look: Look, likeness: Tensor) -> Tensor:
        """(vertebrae,) weight of the analytic measure: all of it for neighbours, which no network judges."""
        share = likeness.new_ones(likeness.shape[1])
        if look.sampling is not None:
            share[self.wanted] = self.mixture.image
        return share

    def drawn(self, look: Look, parameters: Parameters, cameras: Cameras | None = None) -> Tensor:
        """(starts, vertebrae, views, height, width) each vertebra's own picture."""
        detectors = look.pictures.detectors
        detectors = cameras.applied(detectors) if cameras else detectors
        return self.scene.pictures(parameters, detectors, self.settings.renderer)

    def steps(self, stage: StageSettings, parameters: Parameters, cameras: Cameras | None = None) -> Iterator[Step]:
        """The steps of one stage, from given starts; ends early when nothing is gained any more. ``cameras``, where
        there are any, move with the vertebrae."""
        self.seen = look = self.look(stage)
        parameters = parameters.rebased()
        optimiser, schedule = optimiser_of(parameters, stage, self.settings, cameras)
        course: list[Tensor] = []
        for _ in range(stage.steps):
            optimiser.zero_grad()
            found = self.objective(look, parameters, cameras)
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
        with torch.no_grad():
            overlap = self.seen.silhouettes.overlap(self.drawn(self.seen, step.parameters))
        estimate = step.estimate
        if estimate is None and self.learned is not None:
            last = self.judged(self.seen.stage, step.parameters)
            estimate = None if last is None else (last.log_mm, last.log_sigma)
        evidence = {}
        for place, column in enumerate(self.wanted):
            level = self.levels[column]
            model = self.models[level]
            first, last = (
                one[place].place(model.instance(level, one[place].coefficients)) for one in (recent[0], recent[-1])
            )
            seen = step.likeness[best[column], column]
            said = () if estimate is None else (float(part[place, best[column]]) for part in estimate)
            evidence[level] = Evidence(
                {view.name: float(value) for view, value in zip(self.views, seen, strict=True)},
                float(spread_mm[column]),
                float(np.linalg.norm(last - first, axis=1).mean()),
                {v.name: float(value) for v, value in zip(self.views, overlap[best[column], column], strict=True)},
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


@dataclass(frozen=True)
class Look:
    """One stage's pictures and what is compared on them.

    Attributes:
        sampling: where the learned similarity looks; None where it has no say.
    """

    stage: StageSettings
    pictures: Pictures
    similarity: Similarity
    margin_px: float
    silhouettes: SilhouetteTerm
    decomposition: DecompositionTerm
    sampling: Sampling | None = None
