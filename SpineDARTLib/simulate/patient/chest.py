"""A real chest around a drawn spine: real ribs, lungs and soft tissue about vertebrae whose truth is exact.

The real spine is taken out of a CT, known only by its bodies' centres, and a drawn one is laid along the same centres.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...atlas.model import ShapeModel
from ...errors import InputError
from ...resources import resource_folder
from ...types import LEVELS, Vertebra
from ..draw import chance, uniform
from ..nouns import TrueVertebra, Volume
from .completion import from_to, moved
from .ct import Anatomy
from .ct_files import read_scan
from .spine import Spine
from .surroundings import without_bones
from .tissue import CtSettings, tissues

SHIPPED_CENTRES = "lidc0314_centres.csv"
"""Of LIDC-IDRI-0314, found by eye on oblique planes: T1 is the level whose ribs close the uppermost ring."""
DISC_MM = 4.5
"""Of a thoracic disc, about (5 mm with its endplates: Busscher et al., Eur Spine J 2010; 19:1104)."""
SIZES = (0.8, 1.2)
"""Of a vertebra over its level's mean, as far as the centres' spacing is believed."""


@dataclass(frozen=True)
class Surroundings:
    """A chest without its spine.

    Attributes:
        subject: whose chest it is.
        soft, seen, others: as of ``ct.Anatomy``.
        centres: level to (3,) RAS mm, where the bodies' centres were; adjoining levels, head to foot.
    """

    subject: str
    soft: Volume
    seen: np.ndarray
    others: tuple[Volume, ...]
    centres: Mapping[str, np.ndarray]


def read_centres(path: Path | None = None) -> dict[str, np.ndarray]:
    """Bodies' centres from a table of level, x_mm, y_mm, z_mm (RAS, the CT's frame); the shipped one when absent.

    Raises:
        InputError: unreadable, not such a table, or levels that do not adjoin.
    """
    path = resource_folder("simulate") / SHIPPED_CENTRES if path is None else path
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        found = {row["level"]: np.array([float(row[f"{axis}_mm"]) for axis in "xyz"]) for row in rows}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, "", f"{type(error).__name__} {error}", "columns level, x_mm, y_mm, z_mm") from None
    _check_levels(path, found)
    return {level: found[level] for level in LEVELS if level in found}


def read_surroundings(
    ct: Path,
    centres: Mapping[str, np.ndarray],
    models: Mapping[str, ShapeModel],
    subject: str,
    settings: CtSettings | None = None,
) -> Surroundings:
    """Read a chest CT and take its spine out.

    Bone near the mean vertebra of each level, laid on the centre, becomes soft tissue; the ribs stay from a few
    millimetres beside their joints on.

    Raises:
        InputError: as ``ct_files.read_scan``; levels that do not adjoin, or centres outside the scan.
    """
    settings = settings or CtSettings()
    _check_levels(ct, centres)
    found = tissues(read_scan(ct), settings)
    index = np.array(list(centres.values())) - found.bone.voxel_to_world[:3, 3]
    index = index @ np.linalg.inv(found.bone.voxel_to_world[:3, :3]).T
    outside = ((index < 0) | (index >= found.bone.values.shape)).any(axis=1)
    if outside.any():
        level = list(centres)[int(outside.argmax())]
        raise InputError(ct, level, centres[level].tolist(), "a centre inside the scan (RAS mm, the file's frame)")
    places = _places(centres, models)
    column = [_filled(place, models[level]) for level, place in places.items()]
    bone = without_bones(
        found.bone, np.concatenate(column), settings.chest_take_out_mm, settings.chest_take_out_fade_mm
    )
    others = (bone,) if found.metal is None else (bone, found.metal)
    return Surroundings(subject, found.soft, found.seen, others, dict(centres))


def place_in(
    surroundings: Surroundings,
    subject: str,
    drawn: Spine,
    models: Mapping[str, ShapeModel],
    settings: CtSettings,
    generator: np.random.Generator,
) -> Anatomy:
    """A drawn spine in a real chest, which may be mirrored and is scaled a little; ``ct.make_patient`` goes on.

    Args:
        subject: of the patient, whose vertebrae are the atlas's.
        drawn: has all the levels of the chest.

    Returns:
        The chest's levels are its vertebrae, not yet filled with bone.

    Raises:
        ValueError: the drawn spine lacks a level of the chest.
    """
    mirror, scale = chance(generator, settings.chest_mirror), uniform(generator, settings.chest_scale)
    chest = _resized(surroundings, mirror, scale)
    if missing := [level for level in chest.centres if level not in drawn.vertebrae]:
        raise ValueError(f"got a drawn spine of {', '.join(drawn.vertebrae)}; expected {', '.join(missing)} in it too")
    places = _places(chest.centres, models)
    vertebrae = {level: _placed(drawn.vertebrae[level], place) for level, place in places.items()}
    return Anatomy(subject, vertebrae, chest.soft, chest.seen, chest.others)


def _placed(truth: TrueVertebra, place: Vertebra) -> TrueVertebra:
    """A drawn vertebra on a place: as large as its neighbours there leave room for."""
    return moved(truth, from_to(truth.vertebra, place))


def _places(centres: Mapping[str, np.ndarray], models: Mapping[str, ShapeModel]) -> dict[str, Vertebra]:
    """Level to the mean vertebra on its centre: along the line of centres, facing front, sized by its spacing."""
    points = np.array(list(centres.values()))
    along = -np.gradient(points, axis=0)
    places = {}
    for level, point, step in zip(centres, points, along, strict=True):
        model, up = models[level], step / np.linalg.norm(step)
        front = np.array([0.0, 1.0, 0.0]) - up[1] * up
        front /= np.linalg.norm(front)
        pose = np.eye(4)
        pose[:3] = np.column_stack([np.cross(front, up), front, up, point])
        superior, inferior = (
            model.means[level][model.regions[f"{name}_endplate"], 2].mean() for name in ("superior", "inferior")
        )
        scale = float(np.clip(np.linalg.norm(step) / (superior - inferior + DISC_MM), *SIZES))
        places[level] = Vertebra(level, pose, scale, np.zeros(model.rank))
    return places


def _filled(place: Vertebra, model: ShapeModel) -> np.ndarray:
    """(n, 3) points on and in the mean vertebra of a place."""
    shape = model.means[place.level]
    return place.place(np.concatenate([shape, 0.5 * shape[model.regions["body"]]]))


def _resized(chest: Surroundings, mirror: bool, scale: float) -> Surroundings:
    """The chest mirrored left to right and scaled, both about the middle of its centres."""
    middle = np.mean(list(chest.centres.values()), axis=0)
    transform = np.diag([-scale if mirror else scale, scale, scale, 1.0])
    transform[:3, 3] = middle - transform[:3, :3] @ middle

    def changed(volume: Volume) -> Volume:
        affine = transform @ volume.voxel_to_world
        if not mirror:
            return replace(volume, voxel_to_world=affine)
        # The first index runs the other way, so that the grid stays right-handed.
        affine[:3, 3] += affine[:3, 0] * (volume.values.shape[0] - 1)
        affine[:3, 0] *= -1.0
        return replace(volume, values=np.ascontiguousarray(volume.values[::-1]), voxel_to_world=affine)

    return replace(
        chest,
        soft=changed(chest.soft),
        seen=chest.seen[::-1] if mirror else chest.seen,
        others=tuple(changed(volume) for volume in chest.others),
        centres={level: transform[:3, :3] @ point + transform[:3, 3] for level, point in chest.centres.items()},
    )


def _check_levels(where: Path, centres: Mapping[str, np.ndarray]) -> None:
    levels = [level for level in LEVELS if level in centres]
    first = LEVELS.index(levels[0]) if levels else 0
    if len(levels) < 3 or list(centres) != list(LEVELS[first : first + len(levels)]):
        raise InputError(where, "levels", ", ".join(centres), "three or more adjoining ones, head to foot")
