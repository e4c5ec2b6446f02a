"""How good a shape model is by itself: compactness, generalisation, specificity (Styner 2003), from the stored shapes.

- Compactness: how much of the variance the first modes hold.
- Generalisation: how near the model comes to somebody whom it has not learned from (leave one *person* out).
- Specificity: how near a random shape is to the nearest real one; read beside a shape changed at random by as much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from ..atlas.files import RANK, Region, model_of
from ..atlas.mesh import similarity, vertex_normals
from ..atlas.model import ShapeModel
from ..atlas.refine import fit_model
from ..atlas.register import NORMAL_MM, Matcher, Target, make_target
from ..atlas.surfaces import Surface
from ..errors import InputError
from .metrics import compare_surfaces

CURVE_MODES = 60
"""So far the curve of compactness is drawn: beyond what a model keeps, to show what it leaves."""
FRACTURED = 2
"""Genant grade from which a vertebra counts as fractured: moderate, more than a quarter of a height lost."""
POSING = 3
"""Turns of posing a shape and finding its nearest instance."""
SPECIFIC_SHAPES = 100
CHANCE_WIDTH_MM = 25.0
"""Width of the Gaussian kernel of a deformation at random: smooth like bone, but of no vertebra in particular."""


def compactness(region: Region) -> np.ndarray:
    """(modes,) share of the whole variance, 0 to 1, that the first 1, 2, ... modes hold together."""
    model = model_of(region, rank=CURVE_MODES)
    return np.cumsum(model.deviations**2) / model.total_variance


@dataclass(frozen=True)
class Unseen:
    """One person's vertebra, represented by a model that has learned nothing from this person.

    Attributes:
        subject, level: whose and which.
        genant: fracture grade 0 to 3, None when not graded.
        people: how many others taught that model this very level; 0 means that it rests on other levels alone.
        median_mm, mean_mm, p95_mm: distance between the surfaces, both ways; nan where no model could be learned.
        dice: of the two volumes at 1 mm; nan likewise.
        projected_mm: (rank + 1,) mean distance of corresponding vertices with the first 0, 1, ... modes.
    """

    subject: str
    level: str
    genant: int | None
    people: int
    median_mm: float = float("nan")
    mean_mm: float = float("nan")
    p95_mm: float = float("nan")
    dice: float = float("nan")
    projected_mm: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def fractured(self) -> bool:
        """Whether the vertebra is known to be fractured."""
        return self.genant is not None and self.genant >= FRACTURED

    @property
    def measured(self) -> bool:
        """Whether there was anybody else to learn the level from."""
        return bool(np.isfinite(self.median_mm))


def own_shapes(region: Region) -> tuple[int, ...]:
    """Indices of the stored shapes that say how well the region's model does.

    Single people's vertebrae of the region's own levels, complete ones: where a scan had cut a process off, the rest
    of the stored shape is an extrapolation and no truth.
    """
    samples = region.samples
    whole = samples.known.all(axis=1) & (samples.counts == 1)
    return tuple(i for i in np.flatnonzero(whole).tolist() if samples.levels[i] in region.levels)


def unseen(region: Region) -> Iterator[Unseen]:
    """Every own shape of the region by the model without its person, one at a time, people in turn."""
    samples = region.samples
    entries: Sequence[dict] = region.header["samples"]  # pyright: ignore[reportAssignmentType]
    model, taught_without = None, ""
    for i in sorted(own_shapes(region), key=lambda i: samples.subjects[i]):
        subject, level = samples.subjects[i], samples.levels[i]
        if subject != taught_without:
            model, taught_without = _model_without(region, subject), subject
        others = {s for s, at in zip(samples.subjects, samples.levels, strict=True) if at == level and s != subject}
        graded = Unseen(subject, level, entries[i].get("genant"), len(others))
        yield graded if model is None else _measure(graded, model, samples.shapes[i])


def _model_without(region: Region, subject: str) -> ShapeModel | None:
    """None where nobody else has one of the region's levels."""
    try:
        return model_of(region, without=(subject,), rank=RANK)
    except InputError:
        return None


def _measure(graded: Unseen, model: ShapeModel, shape: np.ndarray) -> Unseen:
    target = make_target(Surface(graded.subject, graded.level, shape, model.faces, ""))
    fit = fit_model(model, graded.level, target)
    distances = surface_distances(fit.vertices, model.faces, target)
    return Unseen(
        graded.subject,
        graded.level,
        graded.genant,
        graded.people,
        median_mm=float(np.median(distances)),
        mean_mm=float(distances.mean()),
        p95_mm=float(np.percentile(distances, 95)),
        dice=compare_surfaces((fit.vertices, model.faces), (shape, model.faces)).dice,
        projected_mm=projection_error(model, graded.level, shape),
    )


def surface_distances(vertices: np.ndarray, faces: np.ndarray, target: Target) -> np.ndarray:
    """Both ways, mm, without what the scan has cut off: each vertex to the target, each target point to the surface."""
    match = Matcher(target, NORMAL_MM / 2).forward(vertices, vertex_normals(vertices, faces))
    corners = vertices[faces]
    dense = np.vstack([vertices, corners.mean(1), (corners + np.roll(corners, 1, axis=1)).reshape(-1, 3) / 2])
    back = KDTree(dense).query(target.points)[0]
    return np.concatenate([match.distance[~target.beyond_cut(vertices)], back])


def projection_error(model: ShapeModel, level: str, shape: np.ndarray) -> np.ndarray:
    """(rank + 1,) mean distance mm of (n, 3) vertices to the nearest instance with 0, 1, ... modes, posed and sized."""
    errors = []
    nearest = model.means[level]
    for count in range(model.rank + 1):
        some = model.truncate(count)
        for _ in range(POSING):
            scale, rotation, move = similarity(shape, nearest)
            posed = scale * shape @ rotation.T + move
            nearest = some.instance(level, some.project(level, posed))
        errors.append(np.linalg.norm(posed - nearest, axis=1).mean() / scale)
    return np.array(errors)


@dataclass(frozen=True)
class Specificity:
    """Distance to the nearest real shape, mean over corresponding vertices after pose and size, mm.

    Attributes:
        modes: (k,) how many modes random shapes were made with.
        model_mm: (k,) mean over random shapes of the model.
        chance_mm: (k,) the same for its means deformed smoothly at random, by as much as those modes do.
        real_mm: the same for a real shape and those of other people.

    All nan where a region has no complete shape of its own; ``real_mm`` where there is only one person.
    """

    modes: np.ndarray
    model_mm: np.ndarray
    chance_mm: np.ndarray
    real_mm: float


def specificity(region: Region, model: ShapeModel, generator: np.random.Generator) -> Specificity:
    """Random shapes of all the region's levels in turn against all its own stored shapes."""
    chosen = own_shapes(region)
    modes = np.unique(np.round(np.geomspace(1, model.rank, 6)).astype(int))
    if not chosen:
        nothing = np.full(len(modes), np.nan)
        return Specificity(modes, nothing, nothing, float("nan"))
    levels = [region.samples.levels[i] for i in chosen]
    real = np.stack([_posed(region.samples.shapes[i], model.means[at]) for i, at in zip(chosen, levels, strict=True)])
    people = np.array([region.samples.subjects[i] for i in chosen])
    others = [
        _nearest(shape, real[people != who]) for shape, who in zip(real, people, strict=True) if _has_other(people)
    ]
    found = [_random_distances(model, int(count), real, generator) for count in modes]
    mine, chance = np.array(found).T
    return Specificity(modes, mine, chance, float(np.mean(others)) if others else float("nan"))


def _has_other(people: np.ndarray) -> bool:
    return len(np.unique(people)) > 1


def _random_distances(
    model: ShapeModel, count: int, real: np.ndarray, generator: np.random.Generator
) -> tuple[float, float]:
    """Mean distance to the nearest real shape: of the model's random shapes, of shapes changed at random."""
    fields = _Fields(model.means[model.levels[0]], generator)
    strength = np.sqrt((model.deviations[:count] ** 2).sum())
    mine, chance = [], []
    for number in range(SPECIFIC_SHAPES):
        level = model.levels[number % len(model.levels)]
        mine.append(_nearest(model.instance(level, generator.standard_normal(count)), real))
        change = fields.draw(model.means[level])
        # The same root mean square of change as those modes give; each shape its own, as the model's have.
        size = strength * np.sqrt(generator.chisquare(count) / count)
        chance.append(_nearest(model.means[level] + size * change / np.linalg.norm(change), real))
    return float(np.mean(mine)), float(np.mean(chance))


class _Fields:
    """Smooth displacements at random."""

    def __init__(self, vertices: np.ndarray, generator: np.random.Generator) -> None:
        self._generator = generator
        few = vertices[:: max(1, len(vertices) // 250)]
        inner, outer = (
            np.exp(-cdist(points, few, "sqeuclidean") / (2 * CHANCE_WIDTH_MM**2)) for points in (few, vertices)
        )
        values, vectors = np.linalg.eigh(inner)
        kept = values > 1e-6 * values.max()
        self._roots = outer @ vectors[:, kept] / np.sqrt(values[kept])

    def draw(self, mean: np.ndarray) -> np.ndarray:
        """(n, 3) a displacement of a mean without change of pose or size (to first order)."""
        change = self._roots @ self._generator.standard_normal((self._roots.shape[1], 3))
        change = change / np.linalg.norm(change, axis=1).mean()
        return _posed(mean + change, mean) - mean


def _posed(shape: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """A shape in a mean's pose and size."""
    scale, rotation, move = similarity(shape, mean)
    return scale * shape @ rotation.T + move


def _nearest(shape: np.ndarray, real: np.ndarray) -> float:
    """mm to the nearest of (m, n, 3)."""
    return float(np.linalg.norm(real - shape, axis=2).mean(axis=1).min())
