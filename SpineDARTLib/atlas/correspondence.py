"""Corresponding shapes of many vertebrae, made in rounds: matched to the template, then to what others' shapes expect.

Every finished shape is kept in a folder under a name made from all that it depends on, so that a build that was
interrupted goes on where it was. The functions here run in worker processes.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..io.files import write_atomically
from .files import Region, model_of
from .manifest import Source
from .mesh import Template
from .model import ShapeModel
from .refine import fit_model
from .register import Drift, Registered, Target, align, make_target, register, surface_distance
from .surfaces import read_person


@dataclass(frozen=True)
class Vertebra:
    """One vertebra of one person (see ``surfaces.Surface``), ready to be matched."""

    subject: str
    level: str
    source: str
    people: int
    genant: int | None
    target: Target


class Store:
    """Finished shapes in a folder that is made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> Registered | None:
        """A finished shape; None when there is none, or a broken file."""
        try:
            # Opened here: from a broken file NumPy would leave its own handle open.
            with (self._folder / f"{key}.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return Registered(file["vertices"], file["known"], file["distance_mm"])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def write(self, key: str, shape: Registered) -> None:
        """Keep a finished shape, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        packed = io.BytesIO()
        np.savez(packed, vertices=shape.vertices, known=shape.known, distance_mm=shape.distance_mm)
        write_atomically(self._folder / f"{key}.npz", packed.getvalue())

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self._folder, ignore_errors=True)


def key_of(*parts: object) -> str:
    """A name for what is made from some values: arrays by content, others as they print; and by this version."""
    digest = hashlib.sha256(__version__.encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:32]


def target_key(target: Target) -> str:
    """The name of a target by its content."""
    return key_of(target.points, target.normals, target.cut)


def read_vertebrae(sources: Sequence[Source], levels: tuple[str, ...]) -> tuple[Vertebra, ...]:
    """One person's vertebrae.

    Raises:
        InputError: see ``surfaces.read_person``.
    """
    return tuple(
        Vertebra(one.subject, one.level, one.source, one.people, one.genant, make_target(one))
        for one in read_person(sources, levels)
    )


def match_template(template: Template, vertebra: Vertebra, drift: Drift, store: Store, key: str) -> Registered:
    """The template on a vertebra."""
    start = align(template.vertices, template.faces, vertebra.target)
    found = register(template, start, vertebra.target, drift)
    store.write(key, found)
    return found


def match_again(template: Template, vertebra: Vertebra, start: np.ndarray, store: Store, key: str) -> Registered:
    """The template on a vertebra from what a model expected there: correspondences get consistent."""
    found = register(template, start, vertebra.target)
    store.write(key, found)
    return found


@dataclass(frozen=True)
class Expected:
    """A model's likeliest shape for a vertebra: (n, 3) mm in the vertebra's frame, and its mean distance from it."""

    vertices: np.ndarray
    distance_mm: float


def expect(
    region: Region, without: tuple[str, ...], vertebrae: Sequence[Vertebra], before: Sequence[Registered]
) -> tuple[Expected, ...]:
    """Fit a region's model, learned without some people, to vertebrae of its own levels.

    Args:
        before: the vertebrae's shapes so far, of which the known part is where the fit begins.

    Raises:
        InputError: nobody is left to learn from.
    """
    model = model_of(region, without)
    return tuple(_expected(model, one, shape) for one, shape in zip(vertebrae, before, strict=True))


def _expected(model: ShapeModel, vertebra: Vertebra, before: Registered) -> Expected:
    known = np.flatnonzero(before.known)
    fit = fit_model(model, vertebra.level, vertebra.target, before.vertices[known], known)
    return Expected(fit.vertices, surface_distance(fit.vertices, model.faces, vertebra.target))
