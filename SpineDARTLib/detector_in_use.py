"""The detector that this machine uses: where its weights are, loaded once, or why there is none.

Torch is imported when a detector is loaded, not with this module.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from .config import DetectorSettings, Device
from .detect.architecture import FORMAT, NAME
from .errors import InputError
from .io.fields import load_json
from .resources import shipped_weights

if TYPE_CHECKING:
    from .detect.weights import Detector

CLICK_INSTEAD = "Click each vertebral body's centre in two views"

log = logging.getLogger(__name__)


def weights_folder(settings: DetectorSettings) -> Path:
    """Where a detector's weights should be, there or not."""
    return shipped_weights() if settings.weights is None else Path(settings.weights)


def detector_in_use(settings: DetectorSettings, device: Device, without: Sequence[str]) -> Detector | str:
    """The detector, or the sentence that says why none is used.

    Args:
        without: people whom it must not have learned from; "on" takes one that has.

    Raises:
        InputError: one is to be there ("on") and cannot be loaded.
    """
    if settings.use == "off":
        return f"The detector is off; vertebrae are started from clicks. {CLICK_INSTEAD}."
    try:
        detector = load_kept(settings, device)
    except InputError as error:
        if settings.use == "on":
            raise
        if weights_folder(settings).is_dir() and any(weights_folder(settings).iterdir()):
            log.warning("the detector cannot be used: %s", error)
            return f"The detector cannot be used: {error}. Vertebrae are started from clicks."
        return f"There are no weights of a detector; vertebrae are started from clicks. {CLICK_INSTEAD}."
    known = sorted({str(one) for one in detector.card.get("subjects", ())} & set(without))
    if known and settings.use == "auto":
        return f"The detector has learned from {', '.join(known)} and is not used; vertebrae are started from clicks."
    return detector


def lacking(settings: DetectorSettings) -> str:
    """What is wrong with the weights, a sentence; "" where they seem to be there. Imports no torch; a file that was
    changed is noticed when it is loaded."""
    folder = weights_folder(settings)
    card, path = folder / f"{NAME}.json", folder / f"{NAME}.safetensors"
    if not (card.is_file() and path.is_file()):
        return f"There are no weights of a detector in {folder}. {CLICK_INSTEAD}."
    try:
        found = load_json(card)
        found.child("format").text((FORMAT,))
        size = found.child("bytes").index()
    except InputError as error:
        return f"The detector's card cannot be used: {error}. {CLICK_INSTEAD}."
    there = path.stat().st_size
    return "" if there == size else f"{path} has {there} bytes of {size}. {CLICK_INSTEAD}."


def load_kept(settings: DetectorSettings, device: Device = "cpu") -> Detector:
    """The detector, loaded when it is first asked for and whenever its file has changed since.

    Raises:
        InputError: there are no weights, they are not what their card says, or a package that runs them is missing.
    """
    folder = weights_folder(settings)
    stamps = tuple(_stamp(folder / f"{NAME}{suffix}") for suffix in (".json", ".safetensors"))
    try:
        from .render.device import choose_device

        chosen = choose_device(device)
        # RoIAlign is not there for Apple's GPUs; on a CPU a picture takes less than a second.
        return _kept(folder, stamps, "cpu" if chosen == "mps" else chosen)
    except ImportError as error:
        raise InputError("detector", "", str(error), "torch, torchvision, timm and safetensors") from None


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=2)
def _kept(folder: Path, stamps: tuple[int, ...], device: str) -> Detector:
    from .detect.weights import load_detector

    return load_detector(folder, device)
