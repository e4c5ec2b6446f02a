"""Cannulas as 3D Slicer line markups (``.mrk.json``, markups schema 1.0.3, Slicer 5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Cannula

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)

COLOURS = {"left": (0.0, 0.447, 0.698), "right": (0.902, 0.624, 0.0)}
"""Blue and orange of Okabe and Ito, told apart by the colour-blind; red is kept for a breach."""


def cannula_markup(level: str, cannula: Cannula) -> dict[str, Any]:
    """A cannula as a locked two-point line from entry to target, RAS mm."""
    length_mm = float(np.linalg.norm(np.asarray(cannula.target_mm) - np.asarray(cannula.entry_mm)))
    points = [_point(1, "entry", cannula.entry_mm), _point(2, "target", cannula.target_mm)]
    line = {
        "type": "Line",
        "name": f"{level} {cannula.side}",
        "coordinateSystem": "RAS",
        "coordinateUnits": "mm",
        "locked": True,
        "fixedNumberOfControlPoints": True,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": 2,
        "controlPoints": points,
        "measurements": [
            {"name": "length", "enabled": True, "value": length_mm, "units": "mm", "printFormat": "%-#4.4g%s"}
        ],
        "display": _display(cannula.side),
    }
    return {"@schema": SCHEMA, "markups": [line]}


def _point(number: int, label: str, position_mm: np.ndarray) -> dict[str, Any]:
    return {
        "id": str(number),
        "label": label,
        "description": "",
        "associatedNodeID": "",
        "position": [float(value) for value in position_mm],
        "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "selected": True,
        "locked": False,
        "visibility": True,
        "positionStatus": "defined",
    }


def _display(side: str) -> dict[str, Any]:
    colour = list(COLOURS.get(side, (0.8, 0.8, 0.8)))
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
