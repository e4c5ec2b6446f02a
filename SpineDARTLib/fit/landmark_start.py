"""A vertebra's pose and size from its landmarks in any number of views, each as sure as its covariance says.

Landmarks need not be seen in two views: every one seen pulls on the same vertebra, and where it should stand by the
curve of the spine pulls too. First a consensus among triangulated landmarks (RANSAC, Fischler and Bolles 1981, over
every triple there is), then the likeliest pose, size and shape by Gauss-Newton with weights of Geman and McClure (1985)
whose scale falls: what does not belong drops out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial.transform import Rotation

from ..atlas.model import ShapeModel
from ..types import Seed, View

TURN_SIGMA_RAD = np.deg2rad(9.0)
"""How far a vertebra may be turned against the curve through its neighbours."""

PLACE_SIGMA_MM = 5.0
"""How far its centre may be from where it was put before its landmarks were looked at, if nobody says."""

LOG_SCALE_SIGMA = 0.09
"""People differ by 7 % in size, vertebrae of one person by 5 %."""

SHAPES = 6
"""Modes that take part: the first hold most of what landmarks can tell."""

MODEL_SIGMA_MM = 1.2
"""What the modes leave open of where a landmark is on a vertebra."""

ROUNDS = ((100.0, 3), (36.0, 3), (16.0, 6))
"""Squared deviations at which a landmark's weight has fallen to a quarter, and steps taken with it."""

LEAST_TRIANGLE_MM = 5.0
"""Half the width or so of the thinnest triangle of landmarks that says how a vertebra is turned."""

TELLING = 3.0
"""Landmarks of one picture err together, for one crop is looked at for all of them: however many are seen there, they
tell as much as so many that err on their own."""

LEAST_OBSERVATIONS = 5
"""Landmarks, counted in each view, that must agree: each tells two numbers of seven."""


@dataclass(frozen=True)
class LandmarkStart:
    """The likeliest vertebra.

    Attributes:
        pose: (4, 4) model to RAS mm.
        scale: against the level's mean.
        coefficients: (modes,) of which the first ``SHAPES`` may differ from 0.
        covariance: (7, 7) of shift (RAS mm), turn about the vertebra's axes (rad) and log scale.
        used, seen: how many of the landmarks, counted in each view, agree, and of how many.
    """

    pose: np.ndarray
    scale: float
    coefficients: np.ndarray
    covariance: np.ndarray
    used: int
    seen: int


@dataclass(frozen=True)
class _Marks:
    """Landmarks as seen, one row for each view of each: which landmark (o,), projection (o, 3, 4), pixel (o, 2),
    whitening (o, 2, 2), share (o,) of what it would tell on its own; and on the model (n, 3) with the modes
    (k, n, 3)."""

    which: np.ndarray
    projections: np.ndarray
    pixels: np.ndarray
    whitening: np.ndarray
    shares: np.ndarray
    points: np.ndarray
    basis: np.ndarray


@dataclass(frozen=True)
class _State:
    """What Gauss-Newton moves."""

    rotation: np.ndarray
    translation: np.ndarray
    log_scale: float
    coefficients: np.ndarray

    def local(self, marks: _Marks) -> np.ndarray:
        """(n, 3) landmarks in the model's frame."""
        return marks.points + np.tensordot(self.coefficients, marks.basis, axes=1)

    def moved(self, change: np.ndarray) -> _State:
        turn = Rotation.from_rotvec(change[3:6]).as_matrix()
        return _State(
            self.rotation @ turn,
            self.translation + change[:3],
            self.log_scale + float(change[6]),
            self.coefficients + change[7:],
        )


def landmark_start(
    seed: Seed, views: Mapping[str, View], model: ShapeModel, nominal: np.ndarray
) -> LandmarkStart | None:
    """The likeliest pose, size and shape; None where fewer than ``LEAST_OBSERVATIONS`` landmarks agree.

    Args:
        seed: with landmarks; its ``place``, where there is one, says how sure the nominal place is.
        views: name to view.
        nominal: (4, 4) where the vertebra should stand by the curve of the spine.
    """
    marks = _marks(seed, views, model)
    if marks is None or len(marks.which) < LEAST_OBSERVATIONS:
        return None
    prior = _prior_precision(seed, len(marks.basis))
    first = _State(nominal[:3, :3], nominal[:3, 3], 0.0, np.zeros(len(marks.basis)))
    state = min([first, *_consensus(marks, first)], key=lambda one: _cost(one, marks, first, prior))
    precision, weights = prior, np.ones(len(marks.which))
    for squared, steps in ROUNDS:
        for _ in range(steps):
            change, precision, weights = _step(state, marks, first, prior, squared)
            state = state.moved(change)
    used = int((weights > 0.25).sum())
    if used < LEAST_OBSERVATIONS:
        return None
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = state.rotation, state.translation
    coefficients = np.zeros(model.rank)
    coefficients[: len(state.coefficients)] = state.coefficients
    covariance = np.linalg.inv(precision)[:7, :7]
    return LandmarkStart(pose, float(np.exp(state.log_scale)), coefficients, covariance, used, len(marks.which))


def _marks(seed: Seed, views: Mapping[str, View], model: ShapeModel) -> _Marks | None:
    """What the seed says, ready for Gauss-Newton; None where it says nothing."""
    names = list(model.landmarks)
    rows = []
    for view_name, seen in seed.landmarks_px.items():
        known = [name for name in seen if name in names and view_name in views]
        for name in known:
            u, v, sigma = seen[name]
            covariance = seed.covariance_px2(view_name, name, sigma) + model_px2(views[view_name])
            share = min(1.0, TELLING / len(known))
            rows.append((names.index(name), views[view_name].projection, (u, v), _white(covariance), share))
    if not rows:
        return None
    which, projections, pixels, whitening, shares = (np.array(part) for part in zip(*rows, strict=True))
    mean, count = model.means[seed.level], min(SHAPES, model.rank)
    points = np.array([anchor.on(mean) for anchor in model.landmarks.values()])
    basis = model.basis[:count]
    modes = np.stack([anchor.weights @ basis[:, anchor.indices] for anchor in model.landmarks.values()], axis=1)
    return _Marks(which, projections, pixels, whitening, shares, points, modes)


def model_px2(view: View) -> np.ndarray:
    """(2, 2) what the model leaves open, in pixels of a view at two thirds of the way to the detector."""
    px_per_mm = view.intrinsics[1, 1] / (0.65 * view.source_to_detector_mm)
    return (MODEL_SIGMA_MM * px_per_mm) ** 2 * np.eye(2)


def _white(covariance: np.ndarray) -> np.ndarray:
    return np.linalg.inv(np.linalg.cholesky(covariance))


def _prior_precision(seed: Seed, modes: int) -> np.ndarray:
    """(7 + modes, 7 + modes) of shift, turn, log scale, coefficients."""
    place = PLACE_SIGMA_MM**2 * np.eye(3) if seed.place is None else seed.place.covariance_mm2
    diagonal = np.r_[np.full(3, TURN_SIGMA_RAD**-2.0), LOG_SCALE_SIGMA**-2.0, np.ones(modes)]
    precision = np.zeros((7 + modes, 7 + modes))
    precision[:3, :3] = np.linalg.inv(place)
    precision[3:, 3:] = np.diag(diagonal)
    return precision


def _departure(state: _State, first: _State) -> np.ndarray:
    """(7 + modes,) from the prior's mean."""
    turn = Rotation.from_matrix(first.rotation.T @ state.rotation).as_rotvec()
    return np.r_[state.translation - first.translation, turn, state.log_scale, state.coefficients]


def _seen(state: _State, marks: _Marks) -> tuple[np.ndarray, np.ndarray]:
    """White residuals (o, 2), and what they change by for a shift of each point, (o, 2, 3)."""
    points = (np.exp(state.log_scale) * state.local(marks) @ state.rotation.T + state.translation)[marks.which]
    homogeneous = np.einsum("oij,oj->oi", marks.projections[:, :, :3], points) + marks.projections[:, :, 3]
    depth = homogeneous[:, 2, None]
    pixels = homogeneous[:, :2] / depth
    slope = (marks.projections[:, :2, :3] - pixels[..., None] * marks.projections[:, 2:, :3]) / depth[..., None]
    residual = np.einsum("oij,oj->oi", marks.whitening, pixels - marks.pixels)
    return residual, marks.whitening @ slope


def _step(
    state: _State, marks: _Marks, first: _State, prior: np.ndarray, squared: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gauss-Newton's change, the precision, and each observation's weight (Geman-McClure)."""
    residual, slope = _seen(state, marks)
    weights = (squared / (squared + (residual**2).sum(1))) ** 2
    size = np.exp(state.log_scale)
    local = state.local(marks)[marks.which]
    turned = size * local @ state.rotation.T
    by_turn = size * np.einsum("ij,okj->oik", state.rotation, np.cross(np.eye(3)[None], local[:, None]))
    by_shape = size * np.einsum("ij,kojn->okin", state.rotation, marks.basis[:, marks.which][..., None])[..., 0]
    motion = np.concatenate(
        [np.broadcast_to(np.eye(3), (len(local), 3, 3)), by_turn, turned[..., None], by_shape.transpose(0, 2, 1)],
        axis=2,
    )
    jacobian = slope @ motion
    counted = weights * marks.shares
    precision = prior + np.einsum("o,oia,oib->ab", counted, jacobian, jacobian)
    gradient = prior @ _departure(state, first) + np.einsum("o,oia,oi->a", counted, jacobian, residual)
    return -np.linalg.solve(precision, gradient), precision, weights


def _cost(state: _State, marks: _Marks, first: _State, prior: np.ndarray) -> float:
    """Truncated squares of what is seen, and the prior's."""
    departure = _departure(state, first)
    squared = np.minimum((_seen(state, marks)[0] ** 2).sum(1), 12.0)
    return float(marks.shares @ squared + departure @ prior @ departure)


def _consensus(marks: _Marks, first: _State) -> list[_State]:
    """A state from every three landmarks that two views or more show, where their triangle can be brought on the
    model's (Umeyama 1991)."""
    places = _triangulated(marks)
    triples = np.array(list(combinations(places, 3))).reshape(-1, 3)
    if not len(triples):
        return []
    source, target = marks.points[triples], np.array([[places[int(one)] for one in triple] for triple in triples])
    from_centre, to_centre = source.mean(1), target.mean(1)
    source, target = source - from_centre[:, None], target - to_centre[:, None]
    log_scale = 0.5 * np.log((target**2).sum((1, 2)) / (source**2).sum((1, 2)))
    u, _, vt = np.linalg.svd(target.transpose(0, 2, 1) @ source)
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    rotations = u @ vt
    translations = to_centre - np.exp(log_scale)[:, None] * np.einsum("tij,tj->ti", rotations, from_centre)
    thin = np.linalg.svd(source, compute_uv=False)[:, 1] < LEAST_TRIANGLE_MM
    kept = np.flatnonzero(~thin & (np.abs(log_scale) < 4 * LOG_SCALE_SIGMA))
    return [_State(rotations[one], translations[one], float(log_scale[one]), first.coefficients) for one in kept]


def _triangulated(marks: _Marks) -> dict[int, np.ndarray]:
    """Landmark to its point (3,) RAS mm, of those seen in two views or more."""
    places = {}
    for landmark in np.unique(marks.which):
        rows = np.flatnonzero(marks.which == landmark)
        if len(rows) > 1:
            seen = np.einsum("oij,ojk->oik", marks.whitening[rows], _equations(marks, rows)).reshape(-1, 4)
            places[int(landmark)] = np.linalg.lstsq(seen[:, :3], -seen[:, 3], rcond=None)[0]
    return places


def _equations(marks: _Marks, rows: np.ndarray) -> np.ndarray:
    """(rows, 2, 4) linear equations of a point that projects to each pixel (Hartley and Zisserman, 12.2)."""
    projections, pixels = marks.projections[rows], marks.pixels[rows]
    return pixels[..., None] * projections[:, 2:] - projections[:, :2]
