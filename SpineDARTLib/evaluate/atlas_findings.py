"""All that a report says of one region, found in the order in which it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..atlas.files import Region, model_of
from ..atlas.measure import Measure, define_measures
from ..atlas.model import ShapeModel
from ..atlas.population import Published, published
from .atlas_quality import Specificity, Unseen, compactness, own_shapes, specificity, unseen
from .atlas_samples import PORTION, Looked, Topology, look_over, topology


@dataclass(frozen=True)
class Spread:
    """A measure over the random shapes of a level, and what is published of it (None where nothing is)."""

    mean: float
    deviation: float
    published: Published | None


@dataclass(frozen=True)
class Findings:
    """One region.

    Attributes:
        region, model: as stored, and learned from everybody.
        shares: (modes,) see ``compactness``.
        unseen: see ``unseen``.
        specificity: see ``specificity``.
        topology: of every shape, since all have the template's triangles.
        looked: over the random shapes.
        measures: name to Measure.
        spreads: level to measure to Spread.
    """

    region: Region
    model: ShapeModel
    shares: np.ndarray
    unseen: tuple[Unseen, ...]
    specificity: Specificity
    topology: Topology
    looked: Looked
    measures: Mapping[str, Measure]
    spreads: Mapping[str, Mapping[str, Spread]]


def steps_of(region: Region, samples: int) -> int:
    """How many steps ``find`` takes."""
    return len(own_shapes(region)) + 2 + -(-samples // PORTION)


def find(region: Region, samples: int, seed: int) -> Iterator[str | Findings]:
    """Look into one region: what was done after each of ``steps_of`` steps, in words, and last the findings.

    Args:
        samples: random shapes, over all the region's levels.
        seed: of everything random: the same seed gives the same findings.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for row in unseen(region):
        rows.append(row)
        yield f"{row.subject} {row.level} as somebody unseen"
    model = model_of(region)
    shares = compactness(region)
    yield "compactness"
    nearness = specificity(region, model, generator)
    yield "specificity"
    middle = np.mean([model.means[level] for level in model.levels], axis=0)
    measures = define_measures(middle, model.faces, model.regions, model.landmarks)
    looked = yield from look_over(model, measures, samples, generator)
    spreads = spreads_of(model, looked)
    yield Findings(region, model, shares, tuple(rows), nearness, topology(model.faces), looked, measures, spreads)


def spreads_of(model: ShapeModel, looked: Looked) -> dict[str, dict[str, Spread]]:
    """Level to measure to its mean and deviation over the random shapes, beside what is published."""
    spreads: dict[str, dict[str, Spread]] = {}
    for level in model.levels:
        of_level, told = looked.levels == level, published(level)
        spreads[level] = {
            name: Spread(float(values[of_level].mean()), float(values[of_level].std(ddof=1)), told.get(name))
            for name, values in looked.measures.items()
        }
    return spreads
