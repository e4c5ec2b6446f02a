"""Small errors of the cameras, sought together with the vertebrae.

After an ordinary fit, cameras, poses and shapes move together for one more stage, the cameras under a prior. What two
X-rays tell of their own geometry is little: mostly how far one is shifted across the plane of both beams, where every
edge of every vertebra shows twice. So the curvature of the score, the vertebrae following, is measured, and the cameras
move only along those directions in which it says clearly more than the prior; along the others they stay as given. The
first view is the anchor: it stays, and the world with it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..atlas.model import ShapeModel
from ..config import Settings, StageSettings
from ..geometry.bundle import correction
from ..types import FitState, Refinement, Vertebra, View
from .cameras import Cameras
from .initialise import with_borrowed, with_neighbours
from .judging import mixture_of
from .optimise import Run
from .scene import Parameters

LEAST_VERTEBRAE = 2
"""One vertebra's own shape can explain what a shifted camera does to it."""

DETERMINED = 3.0
"""Information of the images over the prior's, above which a direction counts as determined: its standard deviation
falls to half."""

SIGNIFICANT = 2.0
"""Standard deviations that a correction must reach to be made."""

TOO_FAR = 3.0
"""Standard deviations of the prior beyond which an error is not a small one."""

WORSE = 0.002
"""Loss of mean similarity by which the second fit must not be worse than the first."""

PROBE = 0.1
"""Step of the differences that measure the curvature, in the units of ``_shifted``."""

POSE_UNITS = (0.035, 0.035, 0.035, 1.0, 1.0, 1.0, 0.03)
"""Of a vertebra's turn (rad), shift (mm) and log scale in those differences."""


@dataclass(frozen=True)
class CameraEvidence:
    """What a joint fit says of the cameras, all in the prior's standard deviations.

    Attributes:
        moved: (n,) where the cameras went.
        information: (n, n) of the images, the vertebrae following; the prior's would be the identity.
    """

    moved: np.ndarray
    information: np.ndarray

    def directions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The determined directions (k, n), how far the cameras went along each, and its standard deviation."""
        values, vectors = np.linalg.eigh(self.information)
        known = values > DETERMINED
        directions = vectors.T[known]
        return directions, directions @ self.moved, 1.0 / np.sqrt(1.0 + values[known])


def refine(
    views: Sequence[View],
    vertebrae: Mapping[str, Vertebra],
    models: Mapping[str, ShapeModel],
    settings: Settings,
    device: str = "cpu",
) -> Generator[FitState, None, Refinement]:
    """Seek small errors of the cameras, from a finished fit.

    Args:
        views: of the case; the first stays.
        vertebrae: level to the fitted vertebra.
        models: level to shape model.

    Yields:
        the state after every step, its ``stage`` "cameras".

    Returns:
        what was found; ``geometry.refined`` applies it.
    """
    if len(vertebrae) < LEAST_VERTEBRAE:
        return _kept(views, "one vertebra cannot tell a shifted camera from its own shape")
    models = with_borrowed(models)
    # Where the first fit put the vertebrae, it put them with the cameras as given: that must not hold the cameras.
    settings = replace(settings, fit=replace(settings.fit, pose_weight=0.0))
    # A learned similarity's regions hang on the cameras: cameras are sought by the analytic one alone.
    settings = replace(settings, similarity=mixture_of(settings).analytic)
    run = Run(views, with_neighbours(vertebrae, models), tuple(vertebrae), models, settings, (), device)
    pivot_mm = np.mean([one.pose[:3, 3] for one in vertebrae.values()], axis=0)
    cameras = Cameras.as_given(len(views), pivot_mm, settings.refinement, run.nominal.translation_mm)
    stage, parameters = settings.refinement.stage, run.nominal
    for done, step in enumerate(run.steps(stage, run.nominal, cameras), start=1):
        parameters = step.parameters
        state = run.state(stage.name, done, step)
        yield FitState(state.stage, done, stage.steps, state.losses, state.vertebrae, state.losses_by_level)
    moved = cameras.moved.detach().cpu().double().numpy().ravel()
    return decide(views, CameraEvidence(moved, _information(run, parameters, cameras)), pivot_mm, settings)


def decide(views: Sequence[View], evidence: CameraEvidence, pivot_mm: np.ndarray, settings: Settings) -> Refinement:
    """The correction along the directions that the images determine, or why there is none."""
    options = settings.refinement
    if not (np.isfinite(evidence.moved).all() and np.isfinite(evidence.information).all()):
        return _kept(views, "the joint fit left the numbers")
    directions, went, sigmas = evidence.directions()
    if not len(directions):
        return _kept(views, "the X-rays say no more of the cameras than was known")
    if np.abs(went).max() > TOO_FAR:
        expected = f"{options.translation_mm:g} mm, {options.rotation_deg:g}°"
        return _kept(views, f"they are off by more than {TOO_FAR:g} times what may be ({expected}): check the geometry")
    made = np.abs(went) > SIGNIFICANT * sigmas
    if not made.any():
        error_mm = SIGNIFICANT * sigmas.max() * options.translation_mm
        return _kept(views, f"along the {len(went)} of {evidence.moved.size} directions that the X-rays tell, no error "
                     f"beyond {error_mm:.1f} mm shows")  # fmt: skip
    units = np.array([options.translation_mm] * 3 + [np.deg2rad(options.rotation_deg)] * 3)
    moved = (went[made] @ directions[made]).reshape(-1, 6) * units
    names = [view.name for view in views[1:]]
    shifts = dict(zip(names, np.linalg.norm(moved[:, :3], axis=1).tolist(), strict=True))
    turns = dict(zip(names, np.rad2deg(np.linalg.norm(moved[:, 3:], axis=1)).tolist(), strict=True))
    words = ", ".join(f"{name} by {shifts[name]:.1f} mm and {turns[name]:.1f}°" for name in names)
    return Refinement(
        accepted=True,
        words=f"{views[0].name} stays; moved: {words}, along {made.sum()} of {moved.size} directions; the X-rays do "
        "not tell the others, which stay as given.",
        anchor=views[0].name,
        world_to_camera={
            view.name: tuple(map(tuple, (view.world_to_camera @ correction(row, pivot_mm)).tolist()))
            for view, row in zip(views[1:], moved, strict=True)
        },
        moved_mm=shifts,
        moved_deg=turns,
        determined=int(made.sum()),
        sigma=float(sigmas[made].max()),
    )


def compared(views: Sequence[View], refinement: Refinement, before: float, after: float | None) -> Refinement:
    """The refinement, or that it was of no use.

    Args:
        before, after: mean image similarity of the fits with the cameras as given and as refined; None where not all
            vertebrae could be started.
    """
    if after is None:
        return _kept(views, "with them moved, not all vertebrae can be started from their clicks")
    if after > before - WORSE:
        return refinement
    return _kept(views, f"the fit would look worse with them moved (similarity {before:.3f} to {after:.3f})")


def _kept(views: Sequence[View], why: str) -> Refinement:
    """The cameras stay as given."""
    return Refinement(False, f"The cameras stay as given: {why}.", views[0].name)


def _information(run: Run, parameters: Parameters, cameras: Cameras) -> np.ndarray:
    """(n, n) curvature of the images' score over the prior's, by differences of gradients, profiled over the
    vertebrae's poses and sizes."""
    options = run.settings.refinement
    stage = StageSettings(options.stage.name, options.information_pixel_mm, 0, options.stage.rank, 1, 600)
    look = run.look(stage)
    count = cameras.moved.numel()
    total = count + len(POSE_UNITS) * len(run.levels)

    def gradient(step: np.ndarray) -> np.ndarray:
        offset = torch.as_tensor(step).to(cameras.moved).requires_grad_(True)
        there = _shifted(parameters, offset[count:])
        moved = Cameras(cameras.pivot_mm, cameras.units, cameras.moved.detach() + offset[:count].view_as(cameras.moved))
        terms = run.objective(look, there, moved).terms
        score = torch.stack([term.sum() for name, term in terms.items() if name != "cameras"]).sum()
        return torch.autograd.grad(score, offset)[0].cpu().double().numpy()

    here = gradient(np.zeros(total))
    rows = [(gradient(PROBE * row) - here) / PROBE for row in np.eye(total)]
    curvature = 0.5 * (np.stack(rows) + np.stack(rows).T)
    values, vectors = np.linalg.eigh(curvature[count:, count:])
    # A pose that nothing holds (an unseen neighbour's) follows nothing either.
    inverse = vectors @ np.diag(1.0 / np.maximum(values, 1e-3)) @ vectors.T
    across = curvature[:count, count:]
    return (curvature[:count, :count] - across @ inverse @ across.T) / options.weight


def _shifted(parameters: Parameters, offset: torch.Tensor) -> Parameters:
    """The vertebrae moved by (vertebrae x 7,) ``POSE_UNITS``."""
    step = offset.view(1, -1, len(POSE_UNITS)) * offset.new_tensor(POSE_UNITS)
    return Parameters(
        parameters.base_rotation,
        parameters.rotation.detach() + step[..., :3],
        parameters.translation_mm.detach() + step[..., 3:6],
        parameters.log_scale.detach() + step[..., 6],
        parameters.coefficients.detach(),
        parameters.presence.detach(),
    )
