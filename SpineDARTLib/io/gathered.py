"""What files say together about how X-rays were taken: the nouns of ``gathering``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..geometry.advice import Advice
from ..geometry.camera_prior import CameraPrior
from ..geometry.consistency import Consistency
from ..geometry.known import KnownGeometry
from ..geometry.recovered import Recovered
from ..types import Seed, View


@dataclass(frozen=True)
class Choices:
    """What the user says beside the files. Keys are names of views; "" is every view.

    Attributes:
        names: of the views, in their order.
        frames: which picture of a file with several, from 0.
        matrices: geometry files (``io.foreign``), "FILE#KEY" for one camera of several.
        coordinate_system: "RAS" or "LPS", of geometry files that do not say it.
        values: quantity to numbers (``geometry.known.UNITS``).
        polarity, patient_position: in place of what the files say.
        convention: how angles are counted (``geometry.conventions``), DICOM's where nothing is said.
        accept_proposals: take the proposal of everything that is missing.
        same_frame: the user vouches that neither the patient on the table nor the C-arm's foot moved between the
            pictures; the table's own movement is taken in where every file states it.
        moved_mm: with points, how far table or C-arm may have moved (standard deviation along each axis).
        points: file of corresponding points, from which the views' relative pose is recovered.
    """

    names: tuple[str, ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    matrices: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    polarity: Mapping[str, str] = field(default_factory=dict)
    patient_position: Mapping[str, str] = field(default_factory=dict)
    convention: Mapping[str, str] = field(default_factory=dict)
    coordinate_system: str | None = None
    accept_proposals: bool = False
    same_frame: bool = False
    points: Path | None = None
    moved_mm: float = CameraPrior.translation_mm


@dataclass(frozen=True)
class GatheredView:
    """One X-ray and all that is known of how it was taken.

    Attributes:
        known: its geometry, value by value.
        stored: (height, width) grey values as the source of the X-rays sees the picture.
        view: picture and camera; None while something is missing or cannot be.
        why_not: why there is no camera, a sentence; "" where there is one.
        unanswered: what must be said before a case is made of it, a sentence; "" where there is nothing.
        notes: what was done to the picture, a sentence each.
        frame: which frame its pose is in, where a file says so: equal texts share one.
    """

    name: str
    known: KnownGeometry
    stored: np.ndarray
    polarity: str
    view: View | None
    why_not: str = ""
    unanswered: str = ""
    notes: tuple[str, ...] = ()
    frame: str = ""


@dataclass(frozen=True)
class Gathered:
    """All that the files say together.

    Attributes:
        shared: whether the views are in one frame of reference; None where nothing tells.
        shared_words: why, in a sentence; "" for one view.
        advice, consistency: of the views that have a camera, where there are two; by their pictures.
        clicks: consistency by the case's clicks on the same vertebrae.
        impossible: why these cameras cannot have taken one patient, a sentence; "" where they can.
        recovered: what the points said, where there were some.
        seeds: of a case folder among the files.
        notes: files that were refused, and the like.
    """

    views: tuple[GatheredView, ...]
    shared: bool | None
    shared_words: str
    advice: Advice | None = None
    consistency: Consistency | None = None
    clicks: Consistency | None = None
    impossible: str = ""
    recovered: Recovered | None = None
    seeds: tuple[Seed, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def posed(self) -> tuple[View, ...]:
        """Those that have a camera."""
        return tuple(one.view for one in self.views if one.view is not None)
