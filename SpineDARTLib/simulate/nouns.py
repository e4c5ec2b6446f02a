"""What the simulator speaks of: patients made of volumes and rods, and pictures with everything true about them.

Frozen values; world is patient RAS, millimetres; nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..types import Vertebra, View

MATERIALS = ("soft", "bone", "cement", "titanium", "steel")
"""What a patient is made of; ``imaging.materials`` knows how each attenuates. "bone" is dense cortical bone."""


@dataclass(frozen=True)
class Volume:
    """How much of a material is where, on a grid; volumes of the same material add up.

    Whatever is not "soft" takes the place of soft tissue: a voxel with 0.3 of bone holds 0.7 of the soft tissue that
    another volume says is there. So what a volume of bone adds to a picture is its excess over soft tissue.

    Attributes:
        values: (x, y, z) float32 share of the voxel, along the first, second and third index; 0 is air (or nothing
            added), 1 the pure material; fat is about 0.87 of "soft", spongiosa about 0.1 of "bone".
        voxel_to_world: (4, 4) index to RAS mm of the voxel's centre.
        material: one of ``MATERIALS``.
    """

    values: np.ndarray
    voxel_to_world: np.ndarray
    material: str = "soft"


@dataclass(frozen=True)
class Rod:
    """A wire, needle, screw or lead: round, straight or bent, its projection computed exactly and not on a grid.

    Attributes:
        points_mm: (n, 2 or more; 3) RAS, its centre line.
        radius_mm: (n,) at each point; between two points it is the mean of theirs.
        material: one of ``MATERIALS``.
        bore_mm: radius of the hole along it (a cannula), 0 for none.
        name: what it is ("needle", "screw", "lead", "left cannula").
    """

    points_mm: np.ndarray
    radius_mm: np.ndarray
    material: str
    bore_mm: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class TrueVertebra:
    """A vertebra whose truth is known.

    Attributes:
        vertebra: level, pose, scale and coefficients in the atlas; of one from CT the best that the atlas can do.
        vertices: (n, 3) RAS mm, the true closed surface; need not be the atlas's mesh.
        faces: (f, 3) with outward normals.
        landmarks: the atlas's 10 landmarks, name to (3,) RAS mm.
        cannulas: "left" | "right" to (2, 3) entry and target RAS mm, as the atlas transfers them.
        volume: its bone; None when it was not asked for, and then no picture shows it.
        origin: "atlas" or "ct".
        fracture: "" or "wedge" | "biconcave" | "crush".
        height_loss: share of the body's height lost to the fracture.
        wear: how worn the discs above and below are, 0 to 1: bone beside them is dense.
    """

    vertebra: Vertebra
    vertices: np.ndarray
    faces: np.ndarray
    landmarks: Mapping[str, np.ndarray]
    cannulas: Mapping[str, np.ndarray]
    volume: Volume | None = None
    origin: str = "atlas"
    fracture: str = ""
    height_loss: float = 0.0
    wear: tuple[float, float] = (0.0, 0.0)

    @property
    def level(self) -> str:
        """ "T1" ... "L5"."""
        return self.vertebra.level


@dataclass(frozen=True)
class Patient:
    """A patient that X-rays can be taken of.

    Attributes:
        subject: whose anatomy this is ("verse005"); "synthetic-<seed>-<number>" when the atlas drew it.
        vertebrae: level to its truth, head to foot.
        volumes: everything else: soft tissue, ribs, sacrum, calcium, cement.
        rods: metal.
        facing: unit vector (3,) to the patient's front.
    """

    subject: str
    vertebrae: Mapping[str, TrueVertebra]
    volumes: tuple[Volume, ...] = ()
    rods: tuple[Rod, ...] = ()
    facing: np.ndarray = field(default_factory=lambda: np.array([0.0, 1.0, 0.0]))


@dataclass(frozen=True)
class Crop:
    """A part of a picture.

    Attributes:
        row, column: of its first pixel in the whole picture.
        values: (rows, columns).
    """

    row: int
    column: int
    values: np.ndarray


OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
"""Of a landmark, as COCO counts: 0 outside the exposed field, 1 in it but not to be seen (behind metal, in a clipped
region), 2 visible."""


@dataclass(frozen=True)
class Label:
    """What is true of one vertebra in one picture; pixels (u, v) = (column, row), integer at the pixel's centre.

    Attributes:
        level: "T1" ... "L5".
        box_px: (4,) left, top, right, bottom of the whole projection, also where it leaves the picture.
        mask: amodal: bool crop, the whole vertebra's projection, overlapped or not, as far as it is in the picture.
        projection: float32 crop of the same place and size: the line integral of this vertebra alone, as what it adds
            to soft tissue at 60 keV (no unit). The decomposition's target.
        landmarks_px: (10, 2) in the atlas's order of ``landmark_names``.
        visibility: (10,) int8, see ``VISIBLE``.
        cannulas_px: side to (2, 2): entry and target.
        share_seen: of the projection's area, how much lies in the exposed field (0 to 1).
    """

    level: str
    box_px: np.ndarray
    mask: Crop
    projection: Crop
    landmarks_px: np.ndarray
    visibility: np.ndarray
    cannulas_px: Mapping[str, np.ndarray]
    share_seen: float


@dataclass(frozen=True)
class Picture:
    """One X-ray as a file stores it, and everything true about it.

    Attributes:
        view: the true camera; its image is the log-attenuation that reading the file gives, bone bright.
        stored: (height, width) uint8 or uint16.
        bits: of the grey values that are used, 8 to 16.
        exposed: (height, width) bool, what the collimator leaves open.
        labels: of the vertebrae that are at least partly in the picture, head to foot.
        stated: the camera as the machine states it; differs from ``view`` by the calibration error, where one is asked
            for.
        conditions: how it was taken, name to number or word, for reports.
    """

    view: View
    stored: np.ndarray
    bits: int
    exposed: np.ndarray
    labels: tuple[Label, ...]
    stated: View
    conditions: Mapping[str, float | str] = field(default_factory=dict)
