"""Simulated people as a training holds them: small pictures, true surfaces as points, true parameters of the atlas."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...geometry.camera import project_with_depth
from ...geometry.region import region_view
from ...io.files import write_atomically
from ...simulate.nouns import Picture, TrueVertebra
from ...simulate.shards import describe_view, read_shard
from ...simulate.truths import read_truths, truth_path
from ...types import LEVELS, Vertebra, View
from ..samples import held_back
from ..shard_files import SHARDS, new_files, why_nothing
from .distance import Cloud, TrueSurface, cloud_of

PIXEL_MM = 1.0
"""Of a kept picture at the spine: a region's pixel is 1.5 mm, the finest stage of a fit looks at 1 mm."""
FORMAT = "spinedart-person/1"
PACKS = "person-*.npz"
"""Names of files with people."""
GREY_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class TrueFit:
    """What is true of one vertebra.

    Attributes:
        vertebra: the atlas's nearest.
        cloud: the true surface.
        seen: (pictures,) share of it in each picture's exposed field.
        fractured: whether it is.
    """

    vertebra: Vertebra
    cloud: Cloud
    seen: np.ndarray
    fractured: bool = False

    @cached_property
    def surface(self) -> TrueSurface:
        """To measure against; made when first asked for."""
        return TrueSurface(self.cloud)


@dataclass(frozen=True)
class Person:
    """A simulated person.

    Attributes:
        subject: whose anatomy.
        views: the pictures with true cameras; images are uint8, bone bright, and may be mirrored.
        truths: level to truth, head to foot.
    """

    subject: str
    views: tuple[View, ...]
    truths: Mapping[str, TrueFit]

    def view(self, number: int) -> View:
        """One of its X-rays as a fit reads it: float32, not mirrored."""
        return upright(self.views[number])


def upright(view: View) -> View:
    """A view whose focal lengths are positive; a mirrored picture is turned over, camera and all."""
    image, intrinsics = view.image.astype(np.float32), view.intrinsics
    if intrinsics[0, 0] < 0:
        flip = np.array([[-1.0, 0.0, image.shape[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        image, intrinsics = np.ascontiguousarray(image[:, ::-1]), flip @ intrinsics
    return replace(view, image=image, intrinsics=intrinsics)


def person_of(subject: str, pictures: Sequence[Picture], vertebrae: Mapping[str, TrueVertebra]) -> Person:
    """From a shard's pictures and truth."""
    shown = {label.level for picture in pictures for label in picture.labels}
    truths = {}
    for level in (level for level in LEVELS if level in shown and level in vertebrae):
        one = vertebrae[level]
        shares = [{label.level: label.share_seen for label in picture.labels}.get(level, 0.0) for picture in pictures]
        seen, fractured = np.array(shares, dtype=np.float32), bool(one.fracture)
        truths[level] = TrueFit(one.vertebra, cloud_of(one.vertices, one.faces), seen, fractured)
    middle = np.mean([truth.vertebra.pose[:3, 3] for truth in truths.values()], axis=0) if truths else np.zeros(3)
    return Person(subject, tuple(_small(picture.view, middle) for picture in pictures), truths)


def _small(view: View, middle: np.ndarray) -> View:
    """The whole picture at ``PIXEL_MM``, uint8."""
    depth = float(project_with_depth(middle[None], view)[1][0])
    step = max(PIXEL_MM * abs(view.intrinsics[0, 0]) / depth, 1.0)
    height, width = view.image.shape
    shape = (int(height // step), int(width // step))
    small = region_view(view, ((width - 1) / 2, (height - 1) / 2), step, shape)[0]
    low, high = np.percentile(small.image, GREY_PERCENTILES)
    grey = np.clip(np.round(255.0 * (small.image - low) / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return replace(small, image=grey)


def write_person(path: Path, person: Person) -> None:
    """Keep a person in one file.

    Raises:
        InputError: the folder cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    described = []
    for number, view in enumerate(person.views):
        arrays[f"image/{number:02d}"] = view.image
    for level, truth in person.truths.items():
        pose, cloud = truth.vertebra.pose, truth.cloud
        arrays[f"{level}/points"] = (cloud.points - pose[:3, 3]).astype(np.float16)
        arrays[f"{level}/normals"] = np.round(127 * cloud.normals).astype(np.int8)
        described.append(
            {
                "level": level,
                "pose": pose.tolist(),
                "scale": truth.vertebra.scale,
                "coefficients": truth.vertebra.coefficients.tolist(),
                "spacing_mm": cloud.spacing_mm,
                "seen": truth.seen.tolist(),
                "fractured": truth.fractured,
            }
        )
    views = [describe_view(view) for view in person.views]
    document = {"format": FORMAT, "subject": person.subject, "views": views, "truths": described}
    text = np.frombuffer(json.dumps(document).encode("utf-8"), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, document=text, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_person(path: Path) -> Person:
    """A kept person.

    Raises:
        InputError: missing, truncated, or no person.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            document = json.loads(arrays["document"].tobytes().decode("utf-8"))
            if document.get("format") != FORMAT:
                raise InputError(path, "format", document.get("format"), f'"{FORMAT}"')
            views = [_view(one, arrays[f"image/{number:02d}"]) for number, one in enumerate(document["views"])]
            truths = {one["level"]: _truth(one, arrays) for one in document["truths"]}
            return Person(document["subject"], tuple(views), truths)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError, TypeError) as error:
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"a whole person ({FORMAT})") from None


def _view(one: Mapping, image: np.ndarray) -> View:
    rows, columns = one["pixel_spacing_mm"]
    intrinsics, motion = np.array(one["intrinsics"]), np.array(one["world_to_camera"])
    distance = float(one["source_to_detector_mm"])
    return View(one["name"], image, intrinsics, motion, (rows, columns), distance, one["polarity"])


def _truth(one: Mapping, arrays: Mapping[str, np.ndarray]) -> TrueFit:
    level, pose = one["level"], np.array(one["pose"])
    points = arrays[f"{level}/points"].astype(np.float64) + pose[:3, 3]
    cloud = Cloud(points, arrays[f"{level}/normals"].astype(np.float64) / 127.0, float(one["spacing_mm"]))
    vertebra = Vertebra(level, pose, float(one["scale"]), np.array(one["coefficients"]))
    return TrueFit(vertebra, cloud, np.array(one["seen"]), bool(one["fractured"]))


class People:
    """All people of growing folders: those to learn from and those held back.

    Args:
        folders: with shards and truths at any depth and behind links, or persons that were packed before.
        cache: folder for persons packed from shards.
        named: held back by name. every: one drawn patient in so many is held back.
    """

    def __init__(self, folders: Sequence[Path], cache: Path, named: Sequence[str], every: int) -> None:
        self._folders, self._cache = tuple(folders), cache
        self._named, self._every = frozenset(named), every
        self._known: set[tuple[Path, int]] = set()
        self.train: list[Person] = []
        self.validation: list[Person] = []
        self.broken: list[str] = []

    @property
    def subjects(self) -> set[str]:
        """Whom one learns from."""
        return {person.subject for person in self.train}

    def grow(self, most_new: int = 1_000_000) -> int:
        """Read what is new, in the order of names; returns how many people came."""
        came = 0
        for path, written in new_files(self._folders, (SHARDS, PACKS), self._cache, self._known):
            if came >= most_new:
                break
            if path.name.startswith("person-") or truth_path(path).is_file():
                self._known.add((path, written))
                came += self._take(path)
        return came

    def why_nothing(self) -> str:
        """What was looked for and found in place of people to learn from."""
        held = f"{len(self.validation)} people" if self.validation else ""
        names = (f"{SHARDS} with its truth beside it", PACKS)
        return why_nothing(self._folders, names, len(self._known), held, self.broken)

    def _take(self, path: Path) -> int:
        try:
            person = read_person(path if path.name.startswith("person-") else pack_person(path, self._cache))
        except InputError as error:
            self.broken.append(str(error))
            return 0
        if person.truths:
            back = held_back(person.subject, self._named, self._every)
            (self.validation if back else self.train).append(person)
        return 1


def pack_person(shard: Path, folder: Path) -> Path:
    """The person of a shard, packed now or before; a shard that was written anew is packed anew.

    Raises:
        InputError: shard or truth is not whole, or they are of different people.
    """
    stamp = shard.stat()
    word = hashlib.sha256(f"{shard.resolve()} {stamp.st_mtime_ns} {stamp.st_size}".encode()).hexdigest()[:12]
    path = folder / f"person-{shard.stem[6:]}-{word}.npz"
    if not path.is_file():
        subject, pictures = read_shard(shard)
        owner, vertebrae = read_truths(truth_path(shard))
        if owner != subject:
            raise InputError(truth_path(shard), "subject", owner, f"{subject}, as {shard.name} says")
        write_person(path, person_of(subject, pictures, vertebrae))
    return path
