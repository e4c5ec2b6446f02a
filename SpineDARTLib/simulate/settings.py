"""Everything that a simulation hangs on: one frozen value with a seed; the same one gives the same pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from .imaging.settings import ImagingSettings
from .imaging.view_settings import ViewSettings
from .patient.body import BodySettings
from .patient.bone import BoneSettings
from .patient.ct import CtSettings
from .patient.foreign import ForeignSettings
from .patient.spine import SpineSettings


@dataclass(frozen=True)
class SimulationSettings:
    """What is drawn at random, and between which limits; each part's own class says the sources.

    Attributes:
        seed: of everything random.
        reach_mm: how far above and below the aim the body is built: the widest detector sees 110 mm to either side at
            the isocentre, and rays tilted along the body leave that by some more.
        bone_reach_mm: how far the vertebrae are: they are near the isocentre.
    """

    seed: int = 0
    reach_mm: float = 165.0
    bone_reach_mm: float = 120.0
    spine: SpineSettings = field(default_factory=SpineSettings)
    bone: BoneSettings = field(default_factory=BoneSettings)
    body: BodySettings = field(default_factory=BodySettings)
    foreign: ForeignSettings = field(default_factory=ForeignSettings)
    ct: CtSettings = field(default_factory=CtSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    imaging: ImagingSettings = field(default_factory=ImagingSettings)
