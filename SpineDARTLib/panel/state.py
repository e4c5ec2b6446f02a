"""All that the panel knows at one moment: frozen values, of which every event makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..geometry.known import KnownGeometry
from ..geometry.recovered import Recovered
from ..io.asked import question_of
from ..io.gathered import Gathered
from ..review.record import Key, Review
from ..review.session import Session
from ..types import Cannula, Case, Option, Plan, Safety, Seed
from .found import Earlier, Found


class Refusal(ValueError):
    """Something cannot be done now; its text says why and what to do next, for the user to read."""


@dataclass(frozen=True)
class CArm:
    """A C-arm's geometry as its form has it; the defaults are a mobile C-arm's (clinical.md), mm and degrees as named.

    Attributes:
        primary_deg: LAO positive.
        secondary_deg: cranial positive.
        pixel_spacing_mm: on the detector, (between rows, between columns).
        isocentre_mm, principal_point_px: not in the form, kept as they were; as ``geometry.c_arm`` has them.
        convention: how the angles are counted (``geometry.conventions``).
        detector_rotation_deg: clockwise, seen from the source.
        patient_position: one of ``geometry.patient.POSITIONS``, "" where nobody said.
    """

    primary_deg: float = 0.0
    secondary_deg: float = 0.0
    source_to_detector_mm: float = 1020.0
    source_to_isocentre_mm: float = 530.0
    pixel_spacing_mm: tuple[float, float] = (0.194, 0.194)
    isocentre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    convention: str = "dicom"
    detector_rotation_deg: float = 0.0
    principal_point_px: tuple[float, float] | None = None
    patient_position: str = ""


@dataclass(frozen=True)
class Asked:
    """What a geometry file leaves open.

    Attributes:
        cameras: of which one is to be chosen; empty where that is clear.
        axes: whether nothing says that its world is RAS or LPS.
    """

    file: Path
    cameras: tuple[str, ...]
    axes: bool


@dataclass(frozen=True)
class XRay:
    """One picture of the case, a row of the first section.

    Attributes:
        name: of its view.
        file: the name of its file, without the folder.
        image: (height, width) float32, bone bright, as ``View.image``: what the source sees.
        polarity: how its file shows bone.
        source: where its geometry is from: "case file", "matrix", "DICOM", "C-arm form", "scene", or "" while it has
            none, and no view either.
        c_arm: what its form shows.
        mirrored: whether it was turned over, left to right, since it was read.
        notes: what is doubtful, a sentence each.
        path: the file, to read another of its pictures; None where it is not known any more.
        known: what is known of the stored picture, by tags, form or geometry file; None where only a camera is.
        holds: whether its last picture is a fluoroscopy's last-image hold.
        frame: which frame its pose is in, where a file says so: equal texts share one (``io.gathered``).
        asked: what a geometry file for it leaves open.
    """

    name: str
    file: str
    image: np.ndarray
    polarity: str
    source: str = ""
    c_arm: CArm = field(default_factory=CArm)
    mirrored: bool = False
    notes: tuple[str, ...] = ()
    path: Path | None = field(default=None, repr=False)
    known: KnownGeometry | None = field(default=None, repr=False)
    holds: bool = False
    frame: str = ""
    asked: Asked | None = field(default=None, repr=False)

    @property
    def question(self) -> str:
        """What must be said of it before anything is fitted: "mirrored", "table", "up" (``io.asked``), or ""."""
        if self.known is None or "world_to_camera" in self.known.quantities:
            return ""
        found = question_of(self.known, None)
        # Who has gone through the form has seen how the patient lies and how angles are counted.
        return found if found == "mirrored" or self.source == "DICOM" else ""

    @property
    def unanswered(self) -> bool:
        """Whether nobody has said which way round its picture is stored."""
        return self.question == "mirrored"

    @property
    def frames(self) -> int:
        """How many pictures its file has, 1 where no other one can be chosen."""
        return self.known.frames if self.known is not None and self.path is not None else 1


JOB_STATES = ("waiting", "running", "done", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """A fit of one or more vertebrae.

    Attributes:
        number: counts up.
        levels: that it fits together.
        state: one of ``JOB_STATES``.
        stage: of the fit.
        share: done, 0 to 1.
        seconds: since its start.
        seconds_left: NaN while nobody can say.
        words: what the row shows: "61 %, 4 s left", "done in 6 s", or why it failed and what to do.
        losses: (step, loss) pairs so far, for the plot.
    """

    number: int
    levels: tuple[str, ...]
    state: str = "waiting"
    stage: str = ""
    share: float = 0.0
    seconds: float = 0.0
    seconds_left: float = float("nan")
    words: str = "waiting"
    losses: tuple[tuple[int, float], ...] = ()

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


@dataclass(frozen=True)
class Fit:
    """A finished fit, kept so that two can be compared.

    Attributes:
        number: of its job.
        plans: level to plan.
        settings: what was changed for it ("{}" for the defaults).
        folder: its plan folder, with history and pictures.
        archive: the same folder packed (base64 of a zip), for a scene file to carry.
    """

    number: int
    plans: Mapping[str, Plan]
    settings: Mapping[str, object]
    folder: Path
    archive: str = field(default="", repr=False)


@dataclass(frozen=True)
class Live:
    """A cannula while it is being dragged.

    Attributes:
        key: level and side.
        nearest: which wall is nearest: "medial", "superior", "lateral", "inferior" or "".
        words: "1.3 mm free, A".
    """

    key: Key
    cannula: Cannula
    safety: Safety
    nearest: str
    words: str


Points = Mapping[str, Mapping[str, tuple[float, float]]]
"""Number of a point ("1") to view name to pixel (u, v), in pictures as the source sees them."""


@dataclass(frozen=True)
class Marking:
    """Corresponding points, from which the views' position is recovered.

    Attributes:
        points: as they were clicked.
        next: number of the point that the next click is for; "" while none is taken.
        recovered: what the points said last.
        earlier: before each click that can be taken back, and before each recovery, the last last: points, and of a
            recovery the case and X-rays.
    """

    points: Points = field(default_factory=dict)
    next: str = ""
    recovered: Recovered | None = field(default=None, repr=False)
    earlier: tuple[tuple[Points, Case | None, tuple[XRay, ...]], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class PanelState:
    """Everything.

    Attributes:
        case: views whose geometry is known (perhaps fewer than two yet) and an id; its seeds are in ``seeds``.
        case_folder: that it was read from, None for one put together here or changed here.
        xrays: a row each; those without geometry too.
        same_frame: the user vouches that neither patient nor C-arm moved between the pictures.
        marking: corresponding points.
        judged: view advice and consistency of views, perhaps of earlier ones (``lacking.judgement`` knows).
        seeds: level to clicks.
        level: that the next click is for.
        clicking: whether clicks in the views are taken.
        found: by the detector; of these X-rays where ``locating.found_in`` says so.
        finding: while the detector looks; its levels are those of which a single click is to be completed.
        shift: by how many levels the user has moved all names towards the feet since the case was opened.
        earlier_clicks: before each click, shift or find that can be taken back, the last last.
        later_clicks: what was taken back, the last last.
        epipolar_px: view name to (2, 2) u, v of both ends of the line on which the last click lies there.
        jobs: level to its last fit's progress.
        live_mm: level to (n, 3) RAS mm vertices of the fit that runs.
        fits: all that ended well, the first first.
        plans: level to the plan that is shown: of the latest fit, unless another was chosen.
        review: all that was done to cannulas, None before there are any.
        options: level and side to the cannula as it stands, with its safety, risk and words.
        dragged: while a cannula is being dragged.
        selected: level and side; the side is "" when a vertebra without cannulas is selected.
        gauge: of the next plan, and shown for the selected cannula.
        settings: changes that the next fit gets, as ``config.Settings`` names them.
        rater: who grades.
        session: a grading session that is going on.
        session_paused: its clock stands.
        detector_lacks: why vertebrae cannot be found by themselves, ""; also while nobody knows yet.
        busy: what is being computed, in words; "" mostly.
        message: the last thing worth saying, in words, with the next thing to do.
        attention: whether that is a problem.
        hidden: whether all overlays are hidden, while a key is held.
    """

    case: Case | None = None
    case_folder: Path | None = None
    xrays: tuple[XRay, ...] = ()
    same_frame: bool = False
    marking: Marking = field(default_factory=Marking)
    judged: Gathered | None = None
    seeds: Mapping[str, Seed] = field(default_factory=dict)
    level: str = "L3"
    clicking: bool = False
    found: Found | None = None
    finding: Job | None = None
    shift: int = 0
    earlier_clicks: tuple[Earlier, ...] = ()
    later_clicks: tuple[Earlier, ...] = ()
    epipolar_px: Mapping[str, np.ndarray] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    live_mm: Mapping[str, np.ndarray] = field(default_factory=dict)
    fits: tuple[Fit, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    review: Review | None = None
    options: Mapping[Key, Option] = field(default_factory=dict)
    dragged: Live | None = None
    selected: Key | None = None
    gauge: int = 11
    settings: Mapping[str, object] = field(default_factory=dict)
    rater: str = ""
    session: Session | None = None
    session_paused: bool = False
    detector_lacks: str = ""
    busy: str = ""
    message: str = "Open a case folder, add two X-rays, or take the sample case."
    attention: bool = False
    hidden: bool = False

    @property
    def view_names(self) -> tuple[str, ...]:
        """Names of the views whose geometry is known."""
        return tuple(view.name for view in self.case.views) if self.case else ()
