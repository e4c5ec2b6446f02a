"""How bone shows in a DICOM X-ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .header import Header
from .opening import quietly

if TYPE_CHECKING:
    from pydicom import Dataset

RADIOGRAPHY = ("DX", "CR", "DR", "MG", "IO", "PX")
"""Modalities whose display convention is white bone; angiography and fluoroscopy show it dark."""


def dicom_polarity(dataset: Dataset, frame: int = 0) -> str | None:
    """How bone shows in the values that ``read_dicom_frame`` returns, None where the file does not say.

    In this order: Pixel Intensity Relationship Sign (0028,1041), which speaks of the stored values themselves; for
    radiography what the display convention (white bone) makes of Presentation LUT Shape (2050,0020) or Photometric
    Interpretation (0028,0004); Pixel Intensity Relationship (0028,1040) LIN or LOG, which PS3.3 C.8.7.1.1.2 relates to
    the X-ray beam's intensity.

    Args:
        frame: from 0; it matters in Enhanced objects only.
    """
    with quietly():
        return _polarity(Header(dataset, frame))


def relationship(header: Header) -> str | None:
    """Pixel Intensity Relationship (0028,1040): how the stored values follow the beam's intensity."""
    return header.text("PixelIntensityRelationship", anywhere=True)


def _polarity(header: Header) -> str | None:
    flipped = (header.number("RescaleSlope", anywhere=True) or 1.0) < 0
    sign = header.number("PixelIntensityRelationshipSign", anywhere=True)
    if sign in (1, -1):
        return _word(bright=(sign == -1) != flipped)
    if header.text("Modality") in RADIOGRAPHY:
        shape = header.text("PresentationLUTShape")
        inverse = shape == "INVERSE" if shape else header.text("PhotometricInterpretation") == "MONOCHROME1"
        return _word(bright=inverse == flipped)
    if relationship(header) in ("LIN", "LOG"):
        return _word(bright=flipped)
    return None


def _word(bright: bool) -> str:
    return "bone-bright" if bright else "bone-dark"
