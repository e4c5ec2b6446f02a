"""Named changes of a shape: so much more of a measure, with every other held; and compression fractures.

A morph is the likeliest change of shape for one unit of one measure (``modes``). Measures that are not linear are
reached in a few turns, so a pedicle asked to be 1 mm wider is 1 mm wider.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .measure import Measure, define_measures
from .model import ShapeModel
from .population import FRACTURES, GRADE_LOSS
from .prior import fracture_changes

TURNS = 6


def measures_of(model: ShapeModel) -> Mapping[str, Measure]:
    """The model's measures, their anchors chosen on the mean of its levels."""
    middle = np.mean([model.means[level] for level in model.levels], axis=0)
    return define_measures(middle, model.faces, model.regions, model.landmarks)


def morphed(model: ShapeModel, vertices: np.ndarray, changes: Mapping[str, float]) -> np.ndarray:
    """(n, 3) a shape in the model's frame with some measures changed by so much (mm, degrees) and no other.

    Args:
        vertices: (n, 3) in the model's frame.
        changes: measure to what is added to it.

    Raises:
        ValueError: there is no such measure.
    """
    unknown = sorted(set(changes) - set(model.morphs))
    if unknown:
        raise ValueError(f"got the measure {', '.join(unknown)}; expected some of {', '.join(model.morphs)}")
    measures = measures_of(model)
    names = list(model.morphs)
    fields = np.stack([model.morphs[name] for name in names])
    wanted = np.array([measures[name].of(vertices) + changes.get(name, 0.0) for name in names])
    shape = vertices
    for _ in range(TURNS):
        missing = wanted - np.array([measures[name].of(shape) for name in names])
        shape = shape + np.tensordot(missing, fields, axes=1)
    return shape


def fractured(model: ShapeModel, vertices: np.ndarray, kind: str, loss: float) -> np.ndarray:
    """(n, 3) a shape in the model's frame with a compression fracture.

    Args:
        vertices: (n, 3) the vertebra before it.
        kind: "wedge" | "biconcave" | "crush" (Genant 1993).
        loss: share of the height lost where most is, 0.2 to 0.25 for grade 1, to 0.4 for 2, to 0.6 for 3.

    Raises:
        ValueError: there is no such kind, or the loss is not between 0 and the most that grade 3 has.
    """
    if kind not in FRACTURES:
        raise ValueError(f"got the fracture {kind}; expected one of {', '.join(FRACTURES)}")
    most = max(high for _, high in GRADE_LOSS.values())
    if not 0 <= loss <= most:
        raise ValueError(f"got a loss of {loss:g}; expected 0 to {most:g} of the height")
    values = {name: measure.of(vertices) for name, measure in measures_of(model).items()}
    return morphed(model, vertices, fracture_changes(kind, loss, values))
