"""Where patients come from, each by its number alone.

Drawn from the atlas, in a drawn body or in a real chest; or read from CT or a mask, and set in a drawn body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from .. import __version__
from ..atlas.model import ShapeModel
from ..errors import InputError
from ..types import LEVELS
from .draw import chance, stream
from .nouns import Patient, TrueVertebra, Volume
from .patient.body import draw_body
from .patient.bone import draw_quality, fill_bone, fill_vertebra, quality_like
from .patient.chest import Surroundings, place_in, read_centres, read_surroundings
from .patient.ct import Anatomy, make_patient, read_anatomy, read_mask_anatomy
from .patient.ct_files import CtPair, LoneMask, find_ct_pairs, find_masks
from .patient.curves import CurveStatistics, load_curves
from .patient.foreign import draw_foreign
from .patient.spine import Spine, draw_spine, models_of
from .settings import SimulationSettings

STUB_MM = 1.0
"""Voxel of the bones at the spine's ends: nobody looks for their trabeculae."""
FINE_MM, BESIDE_SCANNED_MM = 0.7, 1.0
"""Voxel of drawn vertebrae, alone and beside scanned ones, so that they are no sharper than a scan."""


@dataclass(frozen=True)
class Aimed:
    """A patient and where the machine looks.

    Attributes:
        target_mm: (3,) RAS, the body's centre of ``level``.
    """

    patient: Patient
    level: str
    target_mm: np.ndarray


@dataclass(frozen=True)
class Supply:
    """Patients by number; small enough to be sent to another process.

    Attributes:
        settings: what is drawn from what.
        ct_folder: CT scans with masks, or None.
        ct_share: of the patients that come from there.
        levels: what the machine may look at.
        masks_too: whether people in ``ct_folder`` of whom there is only a mask are patients too.
        chest: a chest CT that drawn spines are put in, or None.
        chest_centres: table of where its vertebrae are, see ``patient.chest.read_centres``.
        chest_share: of the drawn patients who get that chest.
        stretch_share: of the other drawn patients, of whom there is a stretch of the spine in soft tissue and no other
            bone: a phantom on a bench, or X-rays made from a segmented scan. Without ribs and sacrum a network has to
            tell the level by the vertebra.
        source: the one scan that all patients are, in place of any of ``ct_folder``.
    """

    settings: SimulationSettings
    ct_folder: Path | None = None
    ct_share: float = 1.0
    levels: tuple[str, ...] = LEVELS
    masks_too: bool = False
    chest: Path | None = None
    chest_centres: Path | None = None
    chest_share: float = 1.0
    stretch_share: float = field(default=0.0, repr=False)
    source: CtPair | LoneMask | None = field(default=None, repr=False)

    @property
    def fingerprint(self) -> str:
        """A short word that differs where version, settings or sources differ."""
        # Shards of before there were stretches are still theirs.
        stretches = f" {self.stretch_share}" if self.stretch_share else ""
        source = f" {self.source.subject} {self.source.mask.name}" if self.source else ""
        return hashlib.sha256(f"{__version__} {self!r}{stretches}{source}".encode()).hexdigest()[:16]

    def check(self) -> None:
        """Find out before any work whether there are scans.

        Raises:
            InputError: no such folder or file, no pair of CT and mask in the folder, none of the levels in the chest.
        """
        if self.ct_folder is not None:
            self._sources(self.ct_folder)
        if self.chest is not None:
            if not self.chest.is_file():
                raise InputError(self.chest, "", "no such file", "a CT of a chest (NIfTI, MHA or NRRD)")
            _levels_of(self.chest, read_centres(self.chest_centres), self.levels)

    def _sources(self, folder: Path) -> tuple[CtPair | LoneMask, ...]:
        return find_masks(folder) if self.masks_too else find_ct_pairs(folder)

    def patient(self, number: int) -> Aimed:
        """The patient of a number: the same one whenever it is asked for.

        Raises:
            InputError: a CT or mask that cannot be used, or none of the asked levels in it.
        """
        return self._patient(number)

    def _patient(self, number: int, unpainted: bool = False) -> Aimed:
        """``unpainted``: surfaces and where they are, with no bone in them and no body around."""
        if self.source is not None:
            return _scanned(number, self.source, self.levels, self.settings, unpainted)
        generator = stream(self.settings.seed, "patient", number)
        from_ct = chance(generator, self.ct_share)
        if self.ct_folder is not None and from_ct:
            found = self._sources(self.ct_folder)
            source = found[int(generator.integers(len(found)))]
            return _scanned(number, source, self.levels, self.settings, unpainted)
        subject = f"synthetic-{self.settings.seed}-{number}"
        if self.chest is not None and chance(stream(self.settings.seed, "chest", number), self.chest_share):
            chest = _chest(self.chest, self.chest_centres, self.settings)
            return _in_chest(subject, chest, self.levels, self.settings, unpainted)
        stretch = chance(stream(self.settings.seed, "stretch", number), self.stretch_share)
        return _drawn(subject, self.levels, self.settings, stretch, unpainted)

    def truth(self, number: int) -> tuple[str, Mapping[str, TrueVertebra]]:
        """Subject and true vertebrae of a patient of a number, without bone or body: seconds where a patient takes
        minutes. They are where ``patient`` has them, so that pictures taken earlier can be asked for their truth.

        Raises:
            InputError: as ``patient``.
        """
        patient = self._patient(number, unpainted=True).patient
        return patient.subject, patient.vertebrae


def _drawn(
    subject: str, levels: Sequence[str], settings: SimulationSettings, stretch: bool = False, unpainted: bool = False
) -> Aimed:
    """A patient drawn from the atlas, built as far as the pictures may reach; or only a stretch of the spine."""
    generator = stream(settings.seed, subject)
    spine = draw_spine(_models(), _curves(), settings.spine, generator, LEVELS, generator.uniform(-60.0, 60.0, 3))
    level, target = _aim(spine.vertebrae, levels, generator)
    there = _stretch(level, stream(settings.seed, subject, "stretch")) if stretch else LEVELS
    vertebrae = {name: one for name, one in spine.vertebrae.items() if name in there}
    if unpainted:
        return Aimed(Patient(subject, vertebrae, facing=spine.facing), level, target)
    fractured = any(one.fracture for one in spine.vertebrae.values())
    quality = draw_quality(settings.bone, generator, fractured)
    vertebrae = {
        name: replace(one, volume=fill_vertebra(one, quality, stream(settings.seed, subject, name)))
        if _reach(one.vertices, target) < settings.bone_reach_mm
        else one
        for name, one in vertebrae.items()
    }
    body = draw_body(spine, settings.body, generator, target, settings.reach_mm)
    stubs = tuple(
        fill_bone(vertices, faces, quality, generator, STUB_MM)
        for vertices, faces in spine.stubs
        if _reach(vertices, target) < settings.bone_reach_mm
    )
    around = tuple(one for one in body if one.material != "bone") if stretch else (*body, *stubs)
    patient = Patient(subject, vertebrae, around, facing=spine.facing)
    return Aimed(_with_foreign(patient, settings, generator), level, target)


def _stretch(level: str, generator: np.random.Generator) -> tuple[str, ...]:
    """Three to eight neighbours with a level somewhere among them."""
    count = int(generator.integers(3, 9))
    first = LEVELS.index(level) - int(generator.integers(count))
    return LEVELS[max(first, 0) : first + count]


def _scanned(
    number: int, source: CtPair | LoneMask, levels: Sequence[str], settings: SimulationSettings, unpainted: bool = False
) -> Aimed:
    """A patient from CT or a mask; what they lack is drawn."""
    anatomy = _anatomy(source, settings)
    asked = _levels_of(source.mask, anatomy.vertebrae, levels)
    generator = stream(settings.seed, source.subject, number)
    level, target = _aim(anatomy.vertebrae, asked, generator)
    drawn = draw_spine(_models(), _curves(), settings.spine, generator, LEVELS, target)
    return _completed(anatomy, drawn, level, target, settings, generator, unpainted)


def _in_chest(
    subject: str, chest: Surroundings, levels: Sequence[str], settings: SimulationSettings, unpainted: bool = False
) -> Aimed:
    """A patient drawn from the atlas in a real chest."""
    generator = stream(settings.seed, subject)
    drawn = draw_spine(_models(), _curves(), settings.spine, generator, LEVELS)
    anatomy = place_in(chest, subject, drawn, _models(), settings.ct, generator)
    level, target = _aim(anatomy.vertebrae, [one for one in chest.centres if one in levels], generator)
    return _completed(anatomy, drawn, level, target, settings, generator, unpainted)


def _completed(
    anatomy: Anatomy,
    drawn: Spine,
    level: str,
    target: np.ndarray,
    settings: SimulationSettings,
    generator: np.random.Generator,
    unpainted: bool = False,
) -> Aimed:
    """A patient with drawn bone, vertebrae and body wherever there are no real ones."""
    quality = quality_like(anatomy.vertebrae.values(), settings.bone, generator)
    scanned = any(one.volume is not None for one in anatomy.vertebrae.values())
    around, stubs, *own = generator.spawn(2 + len(LEVELS))
    streams = dict(zip(LEVELS, own, strict=True))

    def body(spine: Spine) -> tuple[Volume, ...]:
        return () if unpainted else draw_body(spine, settings.body, around, target, settings.reach_mm)

    def paint(vertices: np.ndarray, faces: np.ndarray, truth: TrueVertebra | None) -> Volume | None:
        if unpainted or _reach(vertices, target) >= settings.bone_reach_mm:
            return None
        if truth is None:
            return fill_bone(vertices, faces, quality, stubs, STUB_MM)
        return fill_vertebra(truth, quality, streams[truth.level], BESIDE_SCANNED_MM if scanned else FINE_MM)

    patient = make_patient(anatomy, settings.ct, drawn, body, paint)
    return Aimed(patient if unpainted else _with_foreign(patient, settings, generator), level, target)


def _levels_of(where: Path, found: Mapping[str, object], levels: Sequence[str]) -> list[str]:
    """Those of the asked levels that there are.

    Raises:
        InputError: none.
    """
    asked = [level for level in found if level in levels]
    if not asked:
        raise InputError(where, "levels", ", ".join(found), f"one of {', '.join(levels)} among them")
    return asked


def _aim(
    vertebrae: Mapping[str, TrueVertebra], levels: Sequence[str], generator: np.random.Generator
) -> tuple[str, np.ndarray]:
    """One of the levels and its body's centre."""
    level = str(generator.choice(sorted(levels, key=LEVELS.index)))
    return level, vertebrae[level].vertebra.pose[:3, 3]


def _reach(vertices: np.ndarray, target: np.ndarray) -> float:
    """How far along the body the nearest part of a surface is from a target, mm."""
    return float(np.abs(vertices[:, 2] - target[2]).min())


def _with_foreign(patient: Patient, settings: SimulationSettings, generator: np.random.Generator) -> Patient:
    """With metal and cement, in or near the vertebrae that are shown."""
    shown = {level: one for level, one in patient.vertebrae.items() if one.volume is not None}
    rods, volumes = draw_foreign(shown, settings.foreign, generator)
    return replace(patient, rods=(*patient.rods, *rods), volumes=(*patient.volumes, *volumes))


@lru_cache(maxsize=1)
def _models() -> dict[str, ShapeModel]:
    """Every level's shape model."""
    return models_of(LEVELS)


@lru_cache(maxsize=1)
def _curves() -> CurveStatistics:
    return load_curves()


@lru_cache(maxsize=4)
def _anatomy(source: CtPair | LoneMask, settings: SimulationSettings) -> Anatomy:
    """What is real of a scan: reading it takes longer than all that is drawn around it."""
    if isinstance(source, LoneMask):
        return read_mask_anatomy(source.mask, source.subject, _models(), settings.ct)
    return read_anatomy(source.ct, source.mask, source.subject, _models(), settings.ct)


@lru_cache(maxsize=1)
def _chest(ct: Path, centres: Path | None, settings: SimulationSettings) -> Surroundings:
    return read_surroundings(ct, read_centres(centres), _models(), ct.name.split(".")[0], settings.ct)
