"""Cannulas as 3D Slicer lines and curves (``.mrk.json``, markups schema 1.0.3, Slicer 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import FittedVertebra, Option

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)

COLOURS = {"left": (0.0, 0.447, 0.698), "right": (0.902, 0.624, 0.0)}
"""Blue and orange of Okabe and Ito, told apart by the colour-blind; red is kept for a breach."""

BREACH, DOUBTFUL = (0.9, 0.1, 0.1), (0.6, 0.6, 0.6)
NOTICE = "Not for clinical use."
"""Said in the description of every control point, which is what Slicer keeps of such words."""


def cannula_markup(fitted: FittedVertebra, option: Option) -> dict[str, Any]:
    """A cannula, RAS mm: a locked line from entry to target, or a curve through all points of a path that bends.

    Named after level and side, and after what it is where that is not the plain transferred one. What is not to be
    worked from says so in its name: a breach is red, what was not measured or stands in no usable fit is grey.
    """
    cannula, points_mm = option.cannula, option.cannula.path_mm
    length_mm = float(np.linalg.norm(np.diff(points_mm, axis=0), axis=1).sum())
    labels = ["entry", *[""] * (len(points_mm) - 2), "target"]
    doubt, colour = _doubt(fitted, option), COLOURS[cannula.side]
    if doubt:
        colour = BREACH if doubt == "BREACH" else DOUBTFUL
    name = "" if cannula.name == "transferred" else cannula.name
    return {
        "@schema": SCHEMA,
        "markups": [
            {
                "type": "Line" if cannula.via_mm is None else "Curve",
                "name": " ".join(word for word in (fitted.level, cannula.side, name, doubt) if word),
                "coordinateSystem": "RAS",
                "coordinateUnits": "mm",
                "locked": True,
                "fixedNumberOfControlPoints": True,
                "labelFormat": "%N-%d",
                "lastUsedControlPointNumber": len(points_mm),
                "controlPoints": [_point(i + 1, label, points_mm[i]) for i, label in enumerate(labels)],
                "measurements": [
                    {"name": "length", "enabled": True, "value": length_mm, "units": "mm", "printFormat": "%-#4.4g%s"}
                ],
                "display": _display(colour),
            }
        ],
    }


def _doubt(fitted: FittedVertebra, option: Option) -> str:
    """Why nobody should work from it, the worst first, or ""."""
    if option.safety.status != "measured":
        return "not measured"
    if not option.safety.clearance_mm >= 0.0:
        return "BREACH"
    return "" if fitted.status.usable else fitted.status.value.replace("_", " ")


def _point(number: int, label: str, position_mm: np.ndarray) -> dict[str, Any]:
    return {
        "id": str(number),
        "label": label,
        "description": NOTICE,
        "associatedNodeID": "",
        "position": [float(value) for value in position_mm],
        "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "selected": True,
        "locked": False,
        "visibility": True,
        "positionStatus": "defined",
    }


def _display(rgb: tuple[float, float, float]) -> dict[str, Any]:
    colour = list(rgb)
    return {
        "visibility": True,
        "opacity": 1.0,
        "color": colour,
        "selectedColor": colour,
        "activeColor": [0.4, 1.0, 0.0],
        "propertiesLabelVisibility": True,
        "pointLabelsVisibility": False,
        "textScale": 3.0,
        "glyphType": "Sphere3D",
        "glyphScale": 1.0,
        "glyphSize": 3.0,
        "useGlyphScale": True,
        "sliceProjection": False,
        "sliceProjectionUseFiducialColor": True,
        "sliceProjectionOutlinedBehindSlicePlane": False,
        "sliceProjectionColor": [1.0, 1.0, 1.0],
        "sliceProjectionOpacity": 0.6,
        "lineThickness": 0.5,
        "lineColorFadingStart": 1.0,
        "lineColorFadingEnd": 10.0,
        "lineColorFadingSaturation": 1.0,
        "lineColorFadingHueOffset": 0.0,
        "handlesInteractive": False,
        "translationHandleVisibility": True,
        "rotationHandleVisibility": True,
        "scaleHandleVisibility": False,
        "interactionHandleScale": 3.0,
        "snapMode": "toVisibleSurface",
    }
