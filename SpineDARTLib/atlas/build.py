"""Build the atlas: read real vertebrae, carry one template onto each, settle the correspondences, annotate, write.

    python -m SpineDARTLib.atlas.build FOLDER --out DIR

The same input gives the same output. Regions are data: one more is one more entry of ``REGIONS`` (and sources that have
its levels).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..types import LEVELS
from .annotate import Annotations, annotate, cannulas_on
from .files import Region, model_of, write_region
from .learn import Frame, Samples
from .mesh import Template, similarity
from .model import ShapeModel
from .refine import fit_model
from .register import Registered, Target, align, make_target, register
from .surfaces import CLOUTHIER_SUBJECT, Surface, read_clouthier, read_surfaces
from .template import make_template

log = logging.getLogger(__name__)

TEMPLATE_LEVEL = "L3"
TEMPLATE_VERTICES = 2600
ROUNDS = 1
CLOUTHIER_PEOPLE = 87
REGIONS: Mapping[str, Mapping[str, float]] = {
    "L1-L5": {"T12": 0.3, "L1": 1.0, "L2": 1.0, "L3": 1.0, "L4": 1.0, "L5": 1.0},
    "T9-T12": {"T9": 1.0, "T10": 1.0, "T11": 1.0, "T12": 1.0, "L1": 0.5, "L2": 0.5},
}
"""Region to its levels and what each counts for in the modes; those below 1 belong elsewhere and lend support."""
TARGET_MIDLINE_MM = {"L1-L5": 6.0, "T9-T12": 9.0}
"""Where a region's cannulas end beside the midline: thoracic pedicles run almost straight ahead (clinical morphometry:
their transverse angle falls from 15 degrees to none down to T12), and so must a line through them."""
LICENCES = (
    "VerSe masks: CC BY-SA 4.0 (Loeffler 2020, Sekuboyina 2021)",
    "Madsen L1 surfaces: Apache-2.0, made from VerSe, CC BY-SA 4.0",
    "Clouthier mean L2-L5: MIT (Clouthier 2023)",
)


@dataclass(frozen=True)
class Progress:
    """Where a build stands: which round and vertebra is done, of how many."""

    round: int
    rounds: int
    done: int
    total: int
    subject: str
    level: str
    distance_mm: float


def build(shared_folder: Path, out_folder: Path) -> Iterator[Progress]:
    """Build every region from the data folder; an iterator, so that a caller may show or stop it.

    Args:
        shared_folder: the folder with the sources (``verse-*``, ``madsen-L1-ssm``, ``clouthier-meanmesh``).
        out_folder: where the regions' files are written at the end; made when missing.

    Raises:
        InputError: a source is missing or unreadable.
    """
    template = build_template(shared_folder)
    surfaces = tuple(read_surfaces(shared_folder, _levels_used()))
    targets = [make_target(surface) for surface in surfaces]
    found: list[Registered] = []
    for surface, target in zip(surfaces, targets, strict=True):
        found.append(register(template, align(template.vertices, template.faces, target), target))
        yield _progress(0, len(found), surfaces, surface, found[-1])
    for number in range(1, ROUNDS + 1):
        models = [model_of(region) for region in make_regions(template, surfaces, found)]
        for done, (surface, target) in enumerate(zip(surfaces, targets, strict=True)):
            found[done] = improve(template, models, surface, target, found[done])
            yield _progress(number, done + 1, surfaces, surface, found[done])
    for region in make_regions(template, surfaces, found):
        write_region(region, out_folder)


def build_template(shared_folder: Path) -> Template:
    """The symmetric template from the mean L3, standing in the model's frame."""
    source = next(surface for surface in read_clouthier(shared_folder) if surface.level == TEMPLATE_LEVEL)
    template = make_template(source.vertices, source.faces, TEMPLATE_VERTICES)
    for _ in range(3):
        template = replace(template, vertices=frame_of(template).place(template.vertices))
    return template


def frame_of(template: Template) -> Frame:
    """The frame's definition by the template's own endplates."""
    regions = annotate(template).regions
    return Frame(regions["superior_endplate"], regions["inferior_endplate"], template.faces, template.partner)


def improve(
    template: Template, models: Sequence[ShapeModel], surface: Surface, target: Target, before: Registered
) -> Registered:
    """Match once more, from the nearest shape that the region's model can make: correspondences get consistent."""
    model = next(model for model in models if surface.level in model.levels)
    start = fit_model(model, surface.level, target, before.vertices[before.known], np.flatnonzero(before.known))
    return register(template, start.vertices, target, deform=False)


def make_regions(template: Template, surfaces: Sequence[Surface], found: Sequence[Registered]) -> tuple[Region, ...]:
    """The regions' content from all shapes so far."""
    notes = annotate(template)
    regions = []
    for name, shares in REGIONS.items():
        chosen = [i for i, surface in enumerate(surfaces) if surface.level in shares]
        shapes = np.stack([_into_frame(found[i], template) for i in chosen])
        people = [CLOUTHIER_PEOPLE if surfaces[i].subject == CLOUTHIER_SUBJECT else 1 for i in chosen]
        entries = [
            {
                "subject": surfaces[i].subject,
                "level": surfaces[i].level,
                "people": count,
                "share": shares[surfaces[i].level],
                "source": surfaces[i].source,
                "distance_mm": round(float(found[i].distance_mm[found[i].known].mean()), 3),
            }
            for i, count in zip(chosen, people, strict=True)
        ]
        samples = Samples(
            shapes=shapes,
            known=np.stack([found[i].known for i in chosen]),
            subjects=tuple(surfaces[i].subject for i in chosen),
            levels=tuple(surfaces[i].level for i in chosen),
            counts=np.array(people, dtype=np.float64),
            shares=np.array([shares[surfaces[i].level] for i in chosen]),
        )
        own = tuple(level for level in LEVELS if shares.get(level, 0.0) >= 1.0)
        header = {
            "licence": "CC BY-SA 4.0",
            "sources": list(LICENCES),
            "template": f"mean {TEMPLATE_LEVEL} of {CLOUTHIER_PEOPLE} patients (Clouthier 2023), made symmetric",
            "frame": FRAME,
            "samples": entries,
        }
        region = Region(name, own, template, samples, notes, header)
        regions.append(replace(region, annotations=_own_cannulas(region)))
    return tuple(regions)


def _own_cannulas(region: Region) -> Annotations:
    """The region's annotations with the cannulas laid through its own mean: a thoracic entry is not a lumbar one."""
    means = model_of(region).means
    mean = replace(region.template, vertices=np.mean([means[level] for level in region.levels], axis=0))
    notes = region.annotations
    return replace(notes, cannulas=cannulas_on(mean, notes.regions, notes.landmarks, TARGET_MIDLINE_MM[region.name]))


FRAME = (
    "x right, y anterior, z superior (mean of both endplates level); origin midway between the endplates' centres; mm"
)


def _into_frame(shape: Registered, template: Template) -> np.ndarray:
    """True size, turned and moved into the model's frame (roughly: learning aligns exactly)."""
    scale, rotation, move = similarity(shape.vertices[shape.known], template.vertices[shape.known])
    return shape.vertices @ rotation.T + move / scale


def _levels_used() -> tuple[str, ...]:
    used = {level for shares in REGIONS.values() for level in shares}
    return tuple(level for level in LEVELS if level in used)


def _progress(number: int, done: int, surfaces: Sequence[Surface], surface: Surface, result: Registered) -> Progress:
    distance = float(result.distance_mm[result.known].mean())
    return Progress(number, ROUNDS, done, len(surfaces), surface.subject, surface.level, distance)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m SpineDARTLib.atlas.build", description="Build the shape models.")
    parser.add_argument("folder", type=Path, help="folder with the sources")
    parser.add_argument("--out", type=Path, required=True, help="folder for the regions' files")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        for state in build(options.folder, options.out):
            log.info(
                "round %d of %d: %d of %d, %s %s, %.2f mm from its surface",
                *(state.round, state.rounds, state.done, state.total, state.subject, state.level, state.distance_mm),
            )
    except InputError as error:
        log.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
