"""The frames of a file, for a chooser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from .angles import read_angles
from .findings import Findings
from .header import Header
from .opening import check_picture, count_frames, open_dicom, quietly
from .pixels import default_frame

if TYPE_CHECKING:
    from pydicom import Dataset

MOVING = (
    "PerFrameFunctionalGroupsSequence", "PositionerPrimaryAngleIncrement", "PositionerSecondaryAngleIncrement",
)  # fmt: skip
"""Where angles of single frames would stand."""


@dataclass(frozen=True)
class FrameInfo:
    """One frame of a run.

    Attributes:
        index: from 0.
        time_ms: since the run's first frame, None where the file does not say.
        primary_deg, secondary_deg: the beam's angles, None where the file does not say.
        suggested: the one that is read when none is chosen.
        last_image_hold: the last frame of a fluoroscopy, which stays on the screen when the pedal is released.
    """

    index: int
    time_ms: float | None = None
    primary_deg: float | None = None
    secondary_deg: float | None = None
    suggested: bool = False
    last_image_hold: bool = False


def frame_list(path: Path) -> tuple[FrameInfo, ...]:
    """All frames of a file, without decoding one.

    Raises:
        InputError: no DICOM, no picture, or a number of frames that cannot be.
    """
    path = Path(path)
    with quietly():
        dataset = open_dicom(path, pixels=False)
        shape, count, suggested = (
            check_picture(path, dataset),
            count_frames(path, dataset),
            default_frame(path, dataset),
        )
        header = Header(dataset)
        # RadiationSetting (0018,1155): SC is low dose, fluoroscopy; GR is high dose, acquisition (PS3.3 C.8.7.2).
        fluoroscopy = header.text("RadiationSetting", anywhere=True) == "SC"
        times = _times(header, count)
        still = not any(keyword in dataset for keyword in MOVING)
        angles = [_angles(dataset, shape, index, count) for index in range(1 if still else count)]
        return tuple(
            FrameInfo(
                index, times[index], *angles[0 if still else index],
                suggested=index == suggested, last_image_hold=fluoroscopy and index == count - 1,
            )
            for index in range(count)
        )  # fmt: skip


def _angles(dataset: Dataset, shape: tuple[int, int], index: int, count: int) -> tuple[float | None, float | None]:
    """Primary and secondary angle of one frame."""
    found = Findings(Header(dataset, index), shape, index, count)
    read_angles(found)
    primary, secondary = found.value("primary_deg"), found.value("secondary_deg")
    return primary[0] if primary else None, secondary[0] if secondary else None


def _times(header: Header, count: int) -> list[float | None]:
    """From FrameTimeVector (0018,1065), the steps, or FrameTime (0018,1063), the step."""
    steps = header.numbers("FrameTimeVector")
    if steps and len(steps) == count:
        return [total - steps[0] for total in accumulate(steps)]
    step = header.number("FrameTime")
    return [None if step is None else step * index for index in range(count)]
