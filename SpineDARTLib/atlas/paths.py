"""Ways through the pedicle on a symmetric shape: both straight cannulas and a curved kyphoplasty path a side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .anchors import interior_anchor, mirrored, surface_anchor
from .mesh import Template, vertex_normals
from .model import Anchor
from .pedicle import Pedicle
from .sections import first_exit

TARGET_DEPTH = 0.75
"""Where the tip of the cannula lies between posterior (0) and anterior wall (1): well within the anterior third, so
that it stays there (AO) on shapes other than the mean."""
TARGET_MIDLINE_MM = 6.0
"""How far the tip stays on its own side of the midline: close to but not across it."""
CURVE_DEPTH = 0.65
"""Where a curved path ends between posterior and anterior wall: where the middle third meets the anterior one."""
CURVE_BEYOND_MM = 2.0
"""How far a curved path goes beyond the midline, so that one side alone serves the whole body.

Our choice, as is the curve: a circular arc that goes on from the straight way through the pedicle, with a radius of 25
to 50 mm and a bend of 30 to 50 degrees on the regions' means, gentler than the 90 degrees of steerable needles.
"""
CURVE_POINTS = 10
"""Points along the arc."""
INTERIOR_MM = 10.0
"""How far beyond the nearest wall the walls are taken that carry a point inside the body."""


def cannulas(
    template: Template, regions: Mapping[str, np.ndarray], landmarks: Mapping[str, Anchor], pedicle: Pedicle
) -> dict[str, dict[str, Anchor]]:
    """Side to "entry", "isthmus" and "target": through the isthmus's centre into the anterior third of the body.

    The entry is where that line leaves the bone behind.
    """
    vertices = template.vertices
    target = _target(template, regions, landmarks)
    backward = pedicle.centre - target.on(vertices)
    entry = first_exit(vertices, template.faces, pedicle.centre, backward)
    if entry is None:
        raise ValueError("got no bone behind the pedicle; expected a closed surface with outward normals")
    facing = np.flatnonzero(vertex_normals(vertices, template.faces) @ backward > 0.0)
    left = {
        "entry": surface_anchor(vertices, entry, facing, 4.0),
        "isthmus": landmarks["left_pedicle"],
        "target": target,
    }
    return {"left": left, "right": {name: mirrored(anchor, template) for name, anchor in left.items()}}


def curved_paths(
    template: Template,
    landmarks: Mapping[str, Anchor],
    pedicle: Pedicle,
    straight: Mapping[str, Mapping[str, Anchor]],
) -> dict[str, tuple[Anchor, ...]]:
    """ "kyphoplasty_left" and "kyphoplasty_right": from the straight cannula's entry to a tip beyond the midline."""
    vertices = template.vertices
    entry, target = (straight["left"][name].on(vertices) for name in ("entry", "target"))
    forward = (target - pedicle.centre) / np.linalg.norm(target - pedicle.centre)
    bend = pedicle.centre + pedicle.front * forward
    tip = np.array([CURVE_BEYOND_MM, _depth(vertices, landmarks, CURVE_DEPTH), target[2]])
    inside = [bend, *_arc(bend, forward, tip)]
    middle = (entry + pedicle.centre) / 2
    path = (
        straight["left"]["entry"],
        interior_anchor(vertices, middle, INTERIOR_MM),
        straight["left"]["isthmus"],
        *(interior_anchor(vertices, point, INTERIOR_MM) for point in inside),
    )
    return {"kyphoplasty_left": path, "kyphoplasty_right": tuple(mirrored(point, template) for point in path)}


def _target(template: Template, regions: Mapping[str, np.ndarray], landmarks: Mapping[str, Anchor]) -> Anchor:
    """The left target: midway between the endplates, so that it stays at mid-height in a collapsed body."""
    vertices = template.vertices
    depth = _depth(vertices, landmarks, TARGET_DEPTH)
    plates = []
    for name in ("superior_endplate", "inferior_endplate"):
        plate = regions[name]
        under = plate[((vertices[plate, :2] - (-TARGET_MIDLINE_MM, depth)) ** 2).sum(1).argmin()]
        plates.append(surface_anchor(vertices, np.array([-TARGET_MIDLINE_MM, depth, vertices[under, 2]]), plate, 5.0))
    return Anchor(np.r_[plates[0].indices, plates[1].indices], np.r_[plates[0].weights, plates[1].weights] / 2)


def _depth(vertices: np.ndarray, landmarks: Mapping[str, Anchor], share: float) -> float:
    """y mm at a share of the way from the posterior to the anterior wall."""
    back, front = (landmarks[f"body_{wall}"].on(vertices)[1] for wall in ("posterior", "anterior"))
    return float(back + share * (front - back))


def _arc(start: np.ndarray, forward: np.ndarray, tip: np.ndarray) -> list[np.ndarray]:
    """Points after ``start`` on the circle that leaves it along ``forward`` (unit) and goes through ``tip``."""
    ahead = (tip - start) @ forward
    aside = tip - start - ahead * forward
    offset = float(np.linalg.norm(aside))
    radius = float((tip - start) @ (tip - start)) / (2 * offset)
    whole = 2 * np.arctan2(offset, ahead)
    turns = np.linspace(0.0, whole, CURVE_POINTS + 1)[1:]
    return [start + radius * (np.sin(turn) * forward + (1 - np.cos(turn)) * aside / offset) for turn in turns]
