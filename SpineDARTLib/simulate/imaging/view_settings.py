"""What views are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from ..draw import Range


@dataclass(frozen=True)
class ViewSettings:
    """What views are drawn from; angles are DICOM's.

    Attributes:
        size_px: pictures are square.
        mobile_share: of the machines that are mobile C-arms, the others are fixed suites.
        mobile_source_to_detector_mm, mobile_source_to_isocentre_mm, mobile_detector_mm: around clinical.md's 1020, 530
            and 298 mm.
        fixed_source_to_detector_mm: clinical.md.
        fixed_source_to_isocentre_mm: from 720 (GE Innova) over 785 (Siemens Artis) to 810 mm (Philips Allura), from
            their DICOM conformance statements' usual values.
        fixed_detector_mm: side of the flat panel in use, 20 to 40 cm.
        zoom: a smaller field of the detector read out in the same number of pixels, per view.
        prone_share: patients who lie prone, as for vertebroplasty: an AP is then near 180 degrees.
        aim_deg, tilt_deg: how far AP and lateral are off the patient's axes (primary), and how far along the body they
            are tilted, as one does to face an endplate (secondary).
        oblique_deg: primary of an oblique from AP, either side ("Scotty dog" views: 30 to 45).
        random_tilt_deg: secondary of a random view.
        random_between_deg: primary between the two views of a random pair; a triple's steps are half of it at most.
        roll_deg: standard deviation of the detector's rotation in its plane.
        any_roll_share: training pictures turned by any angle at all.
        off_centre_px: standard deviation of the principal point from the picture's middle, at 512 pixels.
        isocentre_mm: standard deviation of the isocentre from the target, per set.
        shift_across, shift_along: further, per view of a training set: half the range of the isocentre's place across
            and along the body, shares of the field's side at the isocentre (so zoomed views shift less).
        off_centre_share, off_centre_across: training pictures that miss the spine's middle, and by how much more.
        mirrored_share: training pictures stored mirrored. Their cameras have a negative ``intrinsics[0, 0]``, which
            ``geometry.camera.project`` takes, but a case.json cannot say: its matrix may have any sign, so a mirror
            is lost. So this is for kind "training" only, and 0 switches it off.
        rotation_error_deg, translation_error_mm, distance_error_mm, principal_error_px: standard deviations, per axis,
            of what the machine states (``CameraPair.stated``) from the truth.
    """

    size_px: int = 512
    mobile_share: float = 0.6
    mobile_source_to_detector_mm: Range = (980.0, 1040.0)
    mobile_source_to_isocentre_mm: Range = (510.0, 610.0)
    mobile_detector_mm: Range = (280.0, 310.0)
    fixed_source_to_detector_mm: Range = (900.0, 1200.0)
    fixed_source_to_isocentre_mm: Range = (720.0, 810.0)
    fixed_detector_mm: Range = (200.0, 400.0)
    zoom: Range = (1.0, 1.4)
    prone_share: float = 0.7
    aim_deg: float = 6.0
    tilt_deg: float = 12.0
    oblique_deg: Range = (20.0, 50.0)
    random_tilt_deg: float = 25.0
    random_between_deg: Range = (40.0, 140.0)
    roll_deg: float = 3.0
    any_roll_share: float = 0.08
    off_centre_px: float = 12.0
    isocentre_mm: float = 12.0
    shift_across: float = 0.08
    shift_along: float = 0.22
    off_centre_share: float = 0.03
    off_centre_across: float = 0.2
    mirrored_share: float = 0.15
    rotation_error_deg: float = 0.0
    translation_error_mm: float = 0.0
    distance_error_mm: float = 0.0
    principal_error_px: float = 0.0
