"""The fit itself: several starts as one batch, coarse to fine, one ``FitState`` a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..atlas.model import ShapeModel
from ..config import Settings, StageSettings
from ..geometry.camera import project
from ..geometry.region import region_view
from ..render import Detectors
from ..similarity import similarity_by_name
from ..types import FitState, Vertebra, View
from .initialise import with_neighbours
from .objective import Prior, image_term, prior_terms
from .scene import Parameters, Scene, parameters_of, vertebrae_of

MARGIN_MM = 4.0
"""Soft margin around a vertebra's shadow within which its image term looks: wide enough to see the edge it should move
to, too narrow to reach past a disc (lumbar discs are 8-12 mm high)."""


@dataclass(frozen=True)
class Pictures:
    """The X-rays of one stage: crops of one size around the spine, with their similarity."""

    detectors: Detectors
    images: Tensor
    valid: Tensor
    views: tuple[View, ...]


def crop_views(views: Sequence[View], points_mm: np.ndarray, pixel_mm: float, device: str) -> Pictures:
    """Crops of all views that hold all points, pixels of about ``pixel_mm`` at the spine.

    Args:
        points_mm: (n, 3) RAS mm.
    """
    boxes = []
    for view in views:
        pixels = project(points_mm, view)
        low, high = pixels.min(0), pixels.max(0)
        depth = float((points_mm @ view.axis).mean() - view.source_mm @ view.axis)
        step = pixel_mm * view.intrinsics[0, 0] / depth
        boxes.append(((low + high) / 2, step, (high - low) / step))
    # Multiples of 8 so that the pyramid halves evenly.
    width, height = (8 * math.ceil((max(box[2][axis] for box in boxes) + 8) / 8) for axis in (0, 1))
    crops, masks = zip(
        *(region_view(view, box[0], box[1], (height, width)) for view, box in zip(views, boxes, strict=True)),
        strict=True,
    )
    images = torch.as_tensor(np.stack([crop.image for crop in crops]), device=device)
    valid = torch.as_tensor(np.stack(masks).astype(np.float32), device=device)
    return Pictures(Detectors.of(crops, device=device), images, valid, crops)


def fit(
    views: Sequence[View],
    starts: Mapping[str, Vertebra],
    models: Mapping[str, ShapeModel],
    settings: Settings,
    device: str = "cpu",
) -> Iterator[FitState]:
    """Fit all started vertebrae of a case together.

    Args:
        views: two or more.
        starts: level to start (see ``initialise``); none gives no state.
        models: level to shape model, for the starts' levels and their neighbours.

    Yields:
        the state after every step; a caller may stop at any. The last one of a whole run has ``stage`` "done" and carries
        what is needed to judge the fit in ``evidence``.
    """
    if not starts:
        return
    torch.manual_seed(settings.seed)
    scene_starts = with_neighbours(starts, models)
    levels = tuple(scene_starts)
    wanted = [levels.index(level) for level in starts]
    rank = max(models[level].rank for level in levels)
    nominal = parameters_of(tuple(scene_starts.values()), rank, device=device)
    prior = _prior(nominal, [level in starts for level in levels])
    parameters = spread(nominal, settings.fit.stages[0].keep, settings)
    points = np.concatenate([scene_starts[level].place(models[level].means[level]) for level in starts])
    total = sum(stage.steps for stage in settings.fit.stages)
    done = 0
    scores = None
    for stage in settings.fit.stages:
        pictures = crop_views(views, points, stage.pixel_mm, device)
        scene = Scene(levels, models, stage.splats, settings.render, device=device)
        parameters = _best(parameters, scores, stage.keep)
        for parameters, scores, losses in _run(scene, pictures, parameters, prior, stage, settings):
            done += 1
            best = int(scores[:, wanted].sum(1).argmin())
            fitted = vertebrae_of(levels, parameters, best)
            terms = {name: float(value[best, wanted].mean()) for name, value in losses.items()}
            yield FitState(stage.name, done, total, terms, tuple(fitted[column] for column in wanted))
    assert scores is not None
    final = _best(parameters, scores, 1)
    fitted = vertebrae_of(levels, final, 0)
    yield FitState("done", done, total, terms, tuple(fitted[column] for column in wanted))


def _prior(nominal: Parameters, asked: Sequence[bool]) -> Prior:
    """Clicks are good to some mm; an unasked neighbour's place is a guess."""
    known = torch.as_tensor(list(asked), device=nominal.translation_mm.device)
    return Prior(
        nominal.translation_mm[0],
        nominal.base_rotation[0],
        torch.where(known, 4.0, 6.0),
        torch.where(known, math.radians(10.0), math.radians(12.0)),
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
    ).rebased()


def _best(parameters: Parameters, scores: Tensor | None, keep: int) -> Parameters:
    """The best ``keep`` starts, chosen for each vertebra on its own; all of them before the first stage."""
    if scores is None:
        return parameters
    return parameters.rebased(scores.argsort(0)[:keep])


def _run(
    scene: Scene, pictures: Pictures, parameters: Parameters, prior: Prior, stage: StageSettings, settings: Settings
) -> Iterator[tuple[Parameters, Tensor, dict[str, Tensor]]]:
    """The steps of one stage: parameters, scores (starts, vertebrae; lower is better) and terms (starts, vertebrae)."""
    similarity = similarity_by_name(settings.similarity, pictures.images, settings.image)
    options = settings.fit
    for tensor in parameters.tensors():
        tensor.requires_grad_(True)
    rotation, translation, log_scale, coefficients = parameters.tensors()
    rates = (math.radians(options.rotation_deg), options.translation_mm, options.log_scale, options.coefficient)
    groups = [
        {"params": [tensor], "lr": stage.rate * rate}
        for tensor, rate in zip((rotation, translation, log_scale, coefficients), rates, strict=True)
    ]
    optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / max(stage.steps, 1)))
    )
    frozen = torch.arange(coefficients.shape[-1], device=coefficients.device) >= stage.rank
    for _ in range(stage.steps):
        optimiser.zero_grad()
        drawn = scene.pictures(parameters, pictures.detectors, settings.renderer)
        likeness = image_term(similarity, drawn, pictures.valid, MARGIN_MM / stage.pixel_mm)
        terms = {"image": 1.0 - likeness.mean(-1), **prior_terms(parameters, prior, options)}
        scores = torch.stack(list(terms.values())).sum(0)
        scores.sum().backward()
        coefficients.grad[..., frozen] = 0.0
        before = replace(parameters)
        _discard_nonfinite(parameters, scores)
        yield before.rebased(), scores.detach(), {name: value.detach() for name, value in terms.items()}
        optimiser.step()
        schedule.step()


def _discard_nonfinite(parameters: Parameters, scores: Tensor) -> None:
    """A start that has left the numbers gets no gradient, and the worst score."""
    for tensor in parameters.tensors():
        tensor.grad.nan_to_num_(0.0, 0.0, 0.0)
    scores.data.nan_to_num_(1e9, 1e9, 1e9)
