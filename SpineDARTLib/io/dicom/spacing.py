"""Pixel spacing at the detector, and everything in a header that speaks for or against it."""

from __future__ import annotations

from ...geometry.known import Quantity, quantity_of
from .findings import Findings

DIFFERENT = 0.005
"""Relative difference of two stated spacings that is worth saying."""

ROUNDED = 0.02
"""The same for spacings computed from sizes, which are often whole centimetres."""

PROPERTIES = "FramePixelDataPropertiesSequence"
"""XA/XRF Frame Pixel Data Properties Macro, which holds the spacing of Enhanced objects (PS3.3 C.8.19.6.4)."""

MOBILE_DETECTOR_MM = 298.0
"""Side of the flat panel of a common mobile C-arm: 1536 x 0.194 mm (the paper's; clinical.md)."""

RULE = "ImagerPixelSpacing is measured at the detector"


def read_spacing(found: Findings) -> None:
    """ImagerPixelSpacing (0018,1164), disputed by what differs from it; proposals where it is missing."""
    spacing = found.measured("ImagerPixelSpacing", 0.01, 20.0, 2, PROPERTIES)
    if spacing:
        source = found.header.source("ImagerPixelSpacing", PROPERTIES)
        used = found.add("pixel_spacing_mm", spacing, source)
        others = [one for one in (_calibrated(found), *_from_sizes(found)) if one is not None and _differs(one, used)]
        found.dispute(used, others, RULE)
        return
    candidates = _from_sizes(found)
    others = [f"; {one.source} would give {one.numbers}" for one in candidates[1:] if _differs(one, candidates[0])]
    for candidate in candidates[:1]:
        why = "the size of the field divided by the pixels" + "".join(others)
        found.propose("pixel_spacing_mm", candidate.value, candidate.source, why)
    _propose_calibrated(found)
    side = MOBILE_DETECTOR_MM / max(found.shape)
    why = f"a common mobile C-arm's detector of {MOBILE_DETECTOR_MM:g} mm divided by the pixels"
    found.propose("pixel_spacing_mm", (side, side), "common mobile C-arm", why)


def _differs(one: Quantity, used: Quantity) -> bool:
    limit = ROUNDED if one.confidence == "derived" else DIFFERENT
    return any(abs(a / b - 1) > limit for a, b in zip(one.value, used.value, strict=True))


def _calibrated(found: Findings) -> Quantity | None:
    """PixelSpacing (0028,0030), which may be calibrated to a plane within the patient."""
    spacing = found.measured("PixelSpacing", 0.001, 20.0, 2, "PixelMeasuresSequence")
    if spacing is None:
        return None
    kind = found.header.text("PixelSpacingCalibrationType")
    known = kind if kind in ("GEOMETRY", "FIDUCIAL") else None
    source = found.header.source("PixelSpacing", "PixelMeasuresSequence") + (
        f", calibrated by {known}" if known else ""
    )
    return quantity_of("pixel_spacing_mm", spacing, source, "stated")


def _propose_calibrated(found: Findings) -> None:
    """From PixelSpacing alone: as it is, or brought to the detector where it is calibrated to the patient."""
    calibrated = _calibrated(found)
    if calibrated is None:
        return
    detector, isocentre = found.value("source_to_detector_mm"), found.value("source_to_isocentre_mm")
    if "calibrated by" not in calibrated.source:
        why = "PixelSpacing, if it was not calibrated to a plane within the patient"
        found.propose("pixel_spacing_mm", calibrated.value, calibrated.source, why)
    elif detector and isocentre:
        factor = detector[0] / isocentre[0]
        value = tuple(factor * number for number in calibrated.value)
        source = f"{calibrated.source} x {factor:.4g}"
        why = "PixelSpacing at the isocentre, brought to the detector by the distances"
        found.propose("pixel_spacing_mm", value, source, why)


def _from_sizes(found: Findings) -> list[Quantity]:
    """Field of view, image intensifier and detector, each divided by the pixels; the field first.

    The field of view is what the picture shows; eight runs of a static phantom (GE DL) confirm it against the
    intensifier's size to 0.1 %. Intensifier and detector may be larger than the picture, never smaller.
    """
    shown = _per_pixel(found, "FieldOfViewDimensionsInFloat", "FieldOfViewSequence")
    shown = shown or _per_pixel(found, "FieldOfViewDimensions")
    sizes = [shown] if shown else []
    reference = found.quantities.get("pixel_spacing_mm") or shown
    for keyword in ("IntensifierSize", "DetectorActiveDimensions", "PhysicalDetectorSize"):
        size = _per_pixel(found, keyword)
        # Far larger than the picture: the machine is zoomed in, which is no contradiction.
        if size and not (reference and min(size.value) > 1.1 * max(reference.value)):
            sizes.append(size)
    return sizes


def _per_pixel(found: Findings, keyword: str, inside: str = "") -> Quantity | None:
    """A size of one or two numbers divided by rows and columns, whichever way round gives square pixels."""
    numbers = list(found.header.numbers(keyword, inside=inside) or ())
    if not any(numbers):
        return None
    if len(numbers) > 2 or not all(10 <= number <= 2000 for number in numbers):
        found.header.doubt(keyword, "a size that no detector has")
        return None
    rows, columns = found.shape
    source = f"{found.header.source(keyword, inside)} / pixels"
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        rows = columns = max(rows, columns)
    ways = [(first / rows, last / columns), (last / rows, first / columns)]
    value = min(ways, key=lambda way: abs(way[0] / way[1] - 1))
    return quantity_of("pixel_spacing_mm", value, source, "derived")
