"""``spinedart geometry``: what is known of how X-rays were taken, and a case made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

from ..geometry.camera_prior import CameraPrior
from .common import Common

Repeated = Annotated[tuple[str, ...], UseAppendAction]


@dataclass(frozen=True)
class Geometry(Common):
    """Say what is known of each X-ray's geometry, from which tag, and what conflicts or is missing; write a case.

    Views are called AP, LAT, A, B, ... unless --name says otherwise. Options with VIEW= hold for that view alone,
    without it for every view; they may be repeated.
    """

    files: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILES")] = field(kw_only=True)
    """X-rays (DICOM, PNG, TIFF, NIfTI, MHA, NRRD), case folders, folders of DICOM."""
    out: Annotated[Path | None, arg(metavar="CASE")] = None
    """Case folder to write, for spinedart plan; refused while something is missing."""
    name: Annotated[str, arg(metavar="AP,LAT")] = ""
    """Names of the views, in the order of the files."""
    matrix: Annotated[Repeated, arg(metavar="VIEW=FILE")] = ()
    """Geometry file: a projection matrix, intrinsics and extrinsics, LoopX, DeepDRR, DiffDRR, xreg, RTK
    (FILE#KEY for one camera of several)."""
    coordinate_system: Literal["RAS", "LPS"] | None = None
    """Of geometry files that do not say theirs."""
    values: Annotated[Repeated, arg(name="set", metavar="VIEW.QUANTITY=VALUE")] = ()
    """A value in place of what the file says, such as LAT.source_to_isocentre_mm=530 or pixel_spacing_mm=0.2,0.2."""
    accept_proposals: bool = False
    """Take the proposal for everything that is missing; they are marked as assumed."""
    frame: Annotated[Repeated, arg(metavar="VIEW=N")] = ()
    """Which picture of a run, from 0."""
    convention: Annotated[Repeated, arg(metavar="VIEW=NAME")] = ()
    """How angles are counted: dicom, deepdrr, table, mobile, ... (an unknown one lists all)."""
    patient_position: Annotated[Repeated, arg(metavar="VIEW=HFP")] = ()
    """How the patient lay: HFS, HFP, HFDL, HFDR, FFS, FFP, FFDL, FFDR."""
    polarity: Annotated[Repeated, arg(metavar="VIEW=bone-dark")] = ()
    """How the file shows bone: bone-dark or bone-bright."""
    points: Annotated[Path | None, arg(metavar="FILE")] = None
    """Corresponding points (CSV: point,view,u,v; or JSON), from which the views are brought into one frame."""
    moved_mm: float = CameraPrior.translation_mm
    """With --points: how far table or C-arm may have moved between the pictures (standard deviation)."""
    same_frame: bool = False
    """You know that neither the patient on the table nor the C-arm's foot moved between the pictures."""
    despite_pictures: bool = False
    """Write the case although its pictures contradict the geometry."""
    picture: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """Draw patient, tubes and detectors, to check by eye."""
    json: bool = False
    """Everything as JSON to standard output."""

    def run(self) -> int:
        from ..geometry_commands import choices_of, geometry

        each = {
            "frames": self.frame,
            "matrices": self.matrix,
            "values": self.values,
            "polarity": self.polarity,
            "patient_position": self.patient_position,
            "convention": self.convention,
        }
        taken = (self.accept_proposals, self.same_frame)
        choices = choices_of(self.name, each, *taken, self.points, self.coordinate_system, self.moved_mm)
        return geometry(self.files, choices, self.out, self.picture, self.json, self.despite_pictures)
