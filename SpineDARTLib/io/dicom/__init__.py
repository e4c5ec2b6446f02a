"""DICOM X-rays: XA, RF, DX, CR, Enhanced XA and Enhanced XRF, one frame at a time.

``opening`` reads a file and bounds what a hostile one may cost; ``pixels`` decodes a frame and tells its polarity;
``header`` looks values up, a frame's own before the shared ones. ``reading`` puts what ``angles``, ``spacing``,
``distances``, ``display`` and ``isocentre`` find into a ``KnownGeometry``; ``frames`` lists a run for a chooser.
Nothing here shows a patient's name, number or dates.
"""

from .frames import FrameInfo, frame_list
from .pixels import read_dicom_frame
from .polarity import dicom_polarity
from .reading import read_known

__all__ = ["FrameInfo", "dicom_polarity", "frame_list", "read_dicom_frame", "read_known"]
