"""Cameras from geometry files (``io.foreign``), for the panel's X-rays; what such a file leaves open is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..geometry.known import KnownGeometry
from ..io.foreign import read_geometry_file
from ..io.posed import known_of_camera, known_of_picture, with_pose
from ..io.projections import GeometryFile
from ..types import View
from .acquired import MATRIX, doubts, spacing_said
from .posing import PICTURE, c_arm_of_view, replaced, with_known, with_view, xray_of
from .state import Asked, PanelState, Refusal, XRay

AXES_UNSAID = "coordinate_system"
"""In what is expected of a geometry file that does not say its axes (``io.projections``)."""


def with_matrix(
    state: PanelState, name: str, file: Path, camera: str = "", coordinate_system: str | None = None
) -> PanelState:
    """With a picture's geometry from a geometry file of any kind (``io.foreign``).

    What the file leaves open is asked for in ``XRay.asked``, and this called again.

    Args:
        camera: which one of a file with several; that of the picture's name where there is one.
        coordinate_system: "RAS" or "LPS", of a file that does not say it.

    Raises:
        InputError: names file and field.
        Refusal: no such camera.
    """
    xray = xray_of(state, name)
    before = xray.known or _known_of_image(xray)
    found, axes = _read(Path(file), before, coordinate_system)
    wanted = camera or (name if name in found.cameras else next(iter(found.cameras)) if len(found.cameras) == 1 else "")
    if axes or not wanted:
        choice = () if wanted else tuple(found.cameras)
        asked = [*["which of its cameras it is"] * bool(choice), *["whether its world is RAS or LPS"] * axes]
        words = f"{name}: say in its row {' and '.join(asked)} ({Path(file).name})."
        return replace(replaced(state, replace(xray, asked=Asked(Path(file), choice, axes))), message=words)
    if wanted not in found.cameras:
        raise Refusal(f"{Path(file).name} has no camera {wanted}. It has {', '.join(found.cameras)}.")
    of_matrix = known_of_camera(
        found.cameras[wanted], Path(file).name, before.shape, f"a geometry file ({found.kind})",
        mirrored=wanted in found.mirrored,
    )  # fmt: skip
    known = with_pose(before, replace(of_matrix, warnings=found.notes))
    state = with_known(state, replace(xray, known=before), known)
    kept = tuple(note for note in xray.notes if note not in doubts(xray.known))
    xray = replace(
        xray_of(state, name), source=MATRIX, frame=_frame_of(Path(file)), asked=None, notes=(*kept, *doubts(known))
    )
    view = View(name, xray.image, *found.cameras[wanted], xray.polarity)
    return with_view(state, replace(xray, c_arm=c_arm_of_view(view)), view)


def _read(file: Path, known: KnownGeometry, coordinate_system: str | None) -> tuple[GeometryFile, bool]:
    """A geometry file, and whether its axes are still to be said (they are taken for RAS until then)."""

    def read(axes: str | None) -> GeometryFile:
        distance = known.quantities.get("source_to_detector_mm")
        return read_geometry_file(
            file, known.shape, coordinate_system=axes, pixel_spacing_mm=spacing_said(known),
            source_to_detector_mm=distance.value[0] if distance else None, mirrored_ok=True,
        )  # fmt: skip

    try:
        return read(coordinate_system), False
    except InputError as error:
        if coordinate_system is not None or AXES_UNSAID not in error.expected:
            raise
    return read("RAS"), True


def _known_of_image(xray: XRay) -> KnownGeometry:
    height, width = xray.image.shape
    return known_of_picture(xray.file, PICTURE, (height, width))


def _frame_of(file: Path) -> str:
    """A text that the cameras of one file share; it goes into scenes, so it tells no path."""
    return f"geometry file: {hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
