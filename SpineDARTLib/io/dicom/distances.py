"""Distances along the beam: source to detector, source to isocentre."""

from __future__ import annotations

from ...geometry.known import quantity_of
from .findings import Findings

GEOMETRY = "XRayGeometrySequence"
"""X-Ray Geometry Macro of the Enhanced objects (PS3.3 C.8.19.6.14)."""

DIFFERENT = 0.01
"""Relative difference of magnifications that is worth saying; the factor is written as an estimate."""

MOBILE = (1020.0, 530.0)
"""Source to detector and to isocentre, mm, of a common mobile C-arm (the paper's; clinical.md)."""

SUITES_MM = {"GE": 720.0, "PHILIPS": 810.0}
"""Source to isocentre of fixed suites, as files of these manufacturers state it (a GE DL, an AlluraXper).
GE OEC makes mobile C-arms."""

SUITE_DETECTOR_MM = 1000.0
"""Fixed suites keep the detector at 900 to 1200 mm (clinical.md)."""


def read_distances(found: Findings) -> None:
    """SID and SOD, checked against each other and against the magnification factor."""
    detector = found.measured("DistanceSourceToDetector", 100.0, 5000.0, inside=GEOMETRY)
    if detector:
        found.add("source_to_detector_mm", detector, found.header.source("DistanceSourceToDetector", GEOMETRY))
    for keyword in ("DistanceSourceToIsocenter", "DistanceSourceToPatient"):
        distance = found.measured(keyword, 50.0, 5000.0, inside=GEOMETRY)
        if distance and detector and distance[0] >= detector[0]:
            words = f"{distance[0]:g} mm, which is not before the detector at {detector[0]:g} mm"
            found.header.doubt(keyword, words)
        elif distance:
            found.add("source_to_isocentre_mm", distance, found.header.source(keyword, GEOMETRY))
            break
    _check_entrance(found)
    _against_magnification(found)
    _propose(found)


def _against_magnification(found: Findings) -> None:
    """EstimatedRadiographicMagnificationFactor is SID / SOD."""
    keyword = "EstimatedRadiographicMagnificationFactor"
    factor = found.measured(keyword, 1.0, 20.0)
    detector, stated = found.value("source_to_detector_mm"), found.quantities.get("source_to_isocentre_mm")
    if not factor or not detector or factor[0] <= 1:
        return
    source = f"source-detector distance / {found.header.source(keyword)}"
    distance = detector[0] / factor[0]
    if stated is None:
        why = f"{detector[0]:g} mm divided by the file's magnification factor {factor[0]:g}"
        found.propose("source_to_isocentre_mm", distance, source, why)
    elif abs(stated.value[0] / distance - 1) > DIFFERENT:
        other = quantity_of("source_to_isocentre_mm", distance, source, "derived")
        found.dispute(stated, [other], "the stated distance is measured, the magnification factor an estimate")


def _check_entrance(found: Findings) -> None:
    """The skin lies before the isocentre."""
    entrance, isocentre = (
        found.measured("DistanceSourceToEntrance", 50.0, 5000.0),
        found.value("source_to_isocentre_mm"),
    )
    if entrance and isocentre and entrance[0] >= isocentre[0]:
        found.warnings.append(
            f"The patient's skin is said to be {entrance[0]:g} mm from the source, beyond the isocentre at "
            f"{isocentre[0]:g} mm: the patient lies off the isocentre, or a distance is wrong."
        )


def _propose(found: Findings) -> None:
    maker = (found.header.text("Manufacturer") or "").split()
    suite = None if "OEC" in maker else SUITES_MM.get(maker[0] if maker else "")
    mobile = f"a common mobile C-arm ({MOBILE[0]:g} mm, isocentre at {MOBILE[1]:g} mm)"
    if suite:
        why = f"fixed suites have 900 to 1200 mm, files of this manufacturer state the isocentre at {suite:g} mm"
        found.propose("source_to_detector_mm", SUITE_DETECTOR_MM, "common fixed suite", why)
        isocentre, source = suite, "common fixed suite"
    else:
        found.propose("source_to_detector_mm", MOBILE[0], "common mobile C-arm", f"that of {mobile}")
        isocentre, source, why = MOBILE[1], "common mobile C-arm", f"that of {mobile}"
    detector = found.value("source_to_detector_mm")
    if detector and isocentre >= detector[0]:
        found.nothing_to_propose("source_to_isocentre_mm", "no common system has its detector this near")
    else:
        found.propose("source_to_isocentre_mm", isocentre, source, why)
