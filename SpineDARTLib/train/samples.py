"""What a training reads: pictures at the working size with small labels, made of shards once and kept beside them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import affine_transform

from ..detect.canonical import Frame, canonical_frame, move, move_box, resample
from ..detect.find import PROJECTION_FULL
from ..errors import InputError
from ..io.files import write_atomically
from ..simulate.nouns import Crop, Label, Picture
from ..simulate.shards import read_shard
from ..types import LEVELS, View
from .shard_files import new_files, patterns, why_nothing

CROP_PX = 96
"""Side of a kept mask and projection: the vertebra's box stretched to it."""
KEPT = (CROP_PX, CROP_PX)
GREY_PERCENTILES = (0.1, 99.9)
JPEG_QUALITY = 95
"""Of pictures in packs: a quarter of a shard's size, so that thousands fit on a wire to a machine that trains."""
PACK_FORMAT = "spinedart-pack/3"


@dataclass(frozen=True)
class Sample:
    """One picture as a training reads it; pixels of the working picture, integer at the pixel's centre.

    Attributes:
        image: (size, size) uint8, log-attenuation between its 0.1 and 99.9 percentiles, bone bright.
        boxes: (n, 4) left, top, right, bottom of whole vertebrae.
        landmarks: (n, 10, 2).
        visibility: (n, 10) as of a label.
        levels: (n,) index in ``LEVELS``.
        shares: (n,) in the exposed field.
        crops: (n, 2, 96, 96) uint8: silhouette, and projection (255 is ``PROJECTION_FULL``), the box stretched.
        field_px: (4,) left, top, right, bottom of the stored picture: beyond it nothing is known.
        pixel_mm: (1,) side of a pixel at the spine, for figures in mm.
        subject: whose anatomy.
    """

    image: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    visibility: np.ndarray
    levels: np.ndarray
    shares: np.ndarray
    crops: np.ndarray
    field_px: np.ndarray
    pixel_mm: np.ndarray
    subject: str = ""


ARRAYS = tuple(field.name for field in fields(Sample) if field.name != "subject")


def sample_of(picture: Picture, subject: str, size_px: int) -> Sample:
    """A simulated picture, held as the detector holds it."""
    magnification = picture.view.source_to_detector_mm / float(picture.conditions.get("source_to_isocentre_mm", 600.0))
    return sample_from(picture.view, picture.labels, subject, size_px, magnification)


def sample_from(view: View, labels: Iterable[Label], subject: str, size_px: int, magnification: float) -> Sample:
    """A view with its labels, held as the detector holds it; the magnification is the spine's."""
    frame = canonical_frame(view, size_px)
    height, width = view.image.shape
    labels = [label for label in labels if label.mask.values.size]
    scale = float(np.sqrt(abs(np.linalg.det(frame.to_working[:, :2]))))
    return Sample(
        image=_grey(resample(view.image, frame)),
        boxes=_stack([move_box(label.box_px, frame.to_working) for label in labels], (4,)),
        landmarks=_stack([move(label.landmarks_px, frame.to_working) for label in labels], (10, 2)),
        visibility=_stack([label.visibility for label in labels], (10,)).astype(np.int8),
        levels=np.array([LEVELS.index(label.level) for label in labels], dtype=np.int64),
        shares=np.array([label.share_seen for label in labels], dtype=np.float32),
        crops=_stack([_crops(label, frame) for label in labels], (2, CROP_PX, CROP_PX)).astype(np.uint8),
        field_px=move_box(np.array([-0.5, -0.5, width - 0.5, height - 0.5]), frame.to_working).astype(np.float32),
        pixel_mm=np.array([view.pixel_spacing_mm[0] / magnification / scale], dtype=np.float32),
        subject=subject,
    )


def _grey(image: np.ndarray) -> np.ndarray:
    """uint8: what a training needs of grey values, for it varies them anyway."""
    low, high = np.percentile(image, GREY_PERCENTILES)
    return np.clip(np.round(255.0 * (image - low) / max(high - low, 1e-6)), 0, 255).astype(np.uint8)


def _stack(values: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """(n, *shape) float32, also of none."""
    return np.stack(values).astype(np.float32) if values else np.zeros((0, *shape), dtype=np.float32)


def _crops(label: Label, frame: Frame) -> np.ndarray:
    """(2, 96, 96) uint8."""
    box = move_box(label.box_px, frame.to_working)
    stretch = (box[2:] - box[:2]) / CROP_PX
    to_box = frame.to_stored[:, :2] * stretch
    origin = move(box[:2] + 0.5 * stretch, frame.to_stored)

    def cut(crop: Crop) -> np.ndarray:
        # Rows and columns in place of u and v.
        linear, offset = to_box[::-1, ::-1], origin[::-1] - [crop.row, crop.column]
        values = crop.values.astype(np.float32)
        return affine_transform(values, linear, offset, KEPT, np.float32, 1, "grid-constant")  # pyright: ignore[reportArgumentType]

    return np.stack([255 * cut(label.mask), np.clip(cut(label.projection) * (255 / PROJECTION_FULL), 0, 255)])


def pack_shard(shard: Path, folder: Path, size_px: int) -> Path:
    """The pack of a shard, made now or before; a shard that was written anew gets a new one.

    Raises:
        InputError: the shard is not whole, or the folder cannot be written.
    """
    try:
        stamp = shard.stat()
    except OSError as error:
        raise InputError(shard, "", error.strerror or error, "a shard, or a link to one") from None
    word = hashlib.sha256(f"{shard.resolve()} {stamp.st_mtime_ns} {stamp.st_size}".encode()).hexdigest()[:12]
    path = folder / f"{shard.stem}-{word}-{size_px}-3.npz"
    if not path.is_file():
        subject, pictures = read_shard(shard)
        write_pack(path, [sample_of(picture, subject, size_px) for picture in pictures])
    return path


def write_pack(path: Path, samples: Iterable[Sample]) -> None:
    """Keep samples in one file; pictures as JPEG."""
    arrays: dict[str, np.ndarray] = {}
    subjects = []
    for number, sample in enumerate(samples):
        subjects.append(sample.subject)
        arrays |= {f"{number:03d}/{name}": getattr(sample, name) for name in ARRAYS}
        arrays[f"{number:03d}/image"] = _to_jpeg(sample.image)
    buffer = io.BytesIO()
    names = np.array(subjects, dtype=str)
    np.savez_compressed(buffer, allow_pickle=False, format=np.array(PACK_FORMAT), subjects=names, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def _to_jpeg(image: np.ndarray) -> np.ndarray:
    """(bytes,) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return np.frombuffer(buffer.getvalue(), dtype=np.uint8)


def _from_jpeg(data: np.ndarray) -> np.ndarray:
    """(size, size) uint8."""
    with Image.open(io.BytesIO(data.tobytes())) as image:
        return np.array(image)


def read_pack(path: Path) -> tuple[Sample, ...]:
    """The samples of a pack.

    Raises:
        InputError: missing, truncated, or no pack.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["format"]) != PACK_FORMAT:
                raise InputError(path, "format", arrays["format"], f'"{PACK_FORMAT}"')
            found = []
            for number, subject in enumerate(arrays["subjects"]):
                own = {name: arrays[f"{number:03d}/{name}"] for name in ARRAYS}
                found.append(Sample(**{**own, "image": _from_jpeg(own["image"]), "subject": str(subject)}))
            return tuple(found)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise InputError(path, "", f"{type(error).__name__}: {error}", f"a whole pack ({PACK_FORMAT})") from None


def held_back(subject: str, people: Iterable[str], every: int) -> bool:
    """Whether nobody learns from this person: named, or one drawn patient in ``every``."""
    if subject in people:
        return True
    word = int.from_bytes(hashlib.sha256(subject.encode("utf-8")).digest()[:4], "big")
    return subject.startswith("synthetic-") and word % every == 0


class Store:
    """All samples of growing folders, in memory: those to learn from, and those of people held back.

    Args:
        folders: with shards, at any depth and behind links, or packs of a simulation beside the training.
        cache: folder for packs of shards.
        people: held back by name.
        every: one drawn patient in so many is held back.
    """

    def __init__(
        self, folders: Iterable[Path], cache: Path, size_px: int, people: Iterable[str], every: int = 16
    ) -> None:
        self._folders, self._cache, self._size_px = tuple(folders), cache, size_px
        self._people, self._every = frozenset(people), every
        self._known: set[tuple[Path, int]] = set()
        self.train: list[Sample] = []
        self.validation: list[Sample] = []
        self.subjects: set[str] = set()
        self.broken: list[str] = []

    def grow(self, most_new: int = 1_000_000) -> int:
        """Read what is new, in the order of names; returns how many samples came."""
        came = 0
        for path, written in new_files(self._folders, patterns(self._size_px), self._cache, self._known):
            if came >= most_new:
                break
            self._known.add((path, written))
            came += self._take(path)
        return came

    def why_nothing(self) -> str:
        """What was looked for and found in place of pictures to learn from."""
        held = f"{len(self.validation)} pictures" if self.validation else ""
        return why_nothing(self._folders, patterns(self._size_px), len(self._known), held, self.broken)

    def _take(self, path: Path) -> int:
        try:
            pack = path if path.name.startswith("pack-") else pack_shard(path, self._cache, self._size_px)
            samples = read_pack(pack)
        except InputError as error:
            self.broken.append(str(error))
            return 0
        for sample in samples:
            back = held_back(sample.subject, self._people, self._every)
            (self.validation if back else self.train).append(sample)
            if not back:
                self.subjects.add(sample.subject)
        return len(samples)
