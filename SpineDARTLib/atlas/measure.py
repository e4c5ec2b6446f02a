"""Named measurements of a vertebra as smooth functions of a few points that ride on the surface.

Every measure is a formula of anchors (weighted means of vertices): distances, the depth of an endplate, angles in the
vertebra's own frame. None changes when the vertebra is moved or turned; left and right enter alike. The anchors are
chosen once, by rules on a symmetric mean shape; extremes (a rim, a tip, a narrowest place) are stationary there, so
a shape of the same model whose extreme lies a little beside the anchor differs by little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from .anchors import surface_anchor
from .formulas import FORMULAS
from .mesh import vertex_areas, vertex_normals
from .model import Anchor
from .sections import section_loops

STEP = 1e-8
"""Imaginary step of the derivatives: exact to rounding, since the formulas are analytic (Squire and Trapp 1998)."""
PATCH_MM = 3.0
"""An anchor leans on the vertices this near to its place: a ring of neighbours, so that noise of one is averaged."""
SEAM_MM = 0.1
"""Vertices of the midsagittal plane; the template has a row of them."""
WHOLE_MM = 20.0
"""For places inside a pedicle: all of its wall around counts."""
AXIS_REACH_MM = 2.5
"""The pedicle's axis runs through its centres this far behind and ahead of the isthmus: the straight part."""
BODY_CENTRE_DEPTH = 0.57
"""Where the VID keypoints have the body's centre, between its posterior (0) and anterior wall (1): so that they and the
meshes agree in the mean of 12 vertebrae T9-L4 (verse004 and verse010, whose meshes share the keypoints' world)."""
PEDICLE_CENTRE_BEHIND_MM = 0.5
"""How far behind the isthmus the VID keypoints have the pedicle's centre: likewise, from their distance apart."""


@dataclass(frozen=True)
class Measure:
    """One measurement.

    Attributes:
        name: such as "pedicle_width"; ``define_measures`` has them all.
        unit: "mm" | "deg".
        kind: which formula, a key of ``FORMULAS``.
        anchors: its points, in the formula's order.
    """

    name: str
    unit: str
    kind: str
    anchors: tuple[Anchor, ...]

    def of(self, vertices: np.ndarray) -> float:
        """The value on (n, 3) corresponding vertices, mm, in any pose."""
        return float(FORMULAS[self.kind](self._points(vertices)[None])[0])

    def gradient(self, vertices: np.ndarray) -> np.ndarray:
        """(n, 3) the value's derivative by every coordinate, units per mm."""
        points = self._points(vertices)
        steps = 1j * STEP * np.eye(points.size).reshape(points.size, *points.shape)
        slopes = np.imag(FORMULAS[self.kind](points + steps)).reshape(points.shape) / STEP
        gradient = np.zeros(vertices.shape)
        for anchor, slope in zip(self.anchors, slopes, strict=True):
            np.add.at(gradient, anchor.indices, anchor.weights[:, None] * slope)
        return gradient

    def _points(self, vertices: np.ndarray) -> np.ndarray:
        return np.stack([anchor.on(vertices) for anchor in self.anchors])


@dataclass(frozen=True)
class _Shape:
    """The mean shape that the anchors are chosen on; ``partner`` (n,) is each vertex's mirror image."""

    vertices: np.ndarray
    faces: np.ndarray
    regions: Mapping[str, np.ndarray]
    landmarks: Mapping[str, Anchor]
    partner: np.ndarray

    def anchor(self, place: np.ndarray, among: np.ndarray, patch_mm: float = PATCH_MM) -> Anchor:
        """The anchor at a place, of the vertices near it."""
        return surface_anchor(self.vertices, place, among, patch_mm)

    def middle(self, place: np.ndarray, among: np.ndarray) -> Anchor:
        """The anchor at a place of the midsagittal plane, the same on either side."""
        one = self.anchor(place * np.array([0.0, 1.0, 1.0]), among)
        return _mean(one, self.mirrored(one))

    def mirrored(self, anchor: Anchor) -> Anchor:
        return Anchor(self.partner[anchor.indices], anchor.weights)

    def pair(self, left: Anchor) -> tuple[Anchor, Anchor]:
        return left, self.mirrored(left)


def _mean(*anchors: Anchor) -> Anchor:
    weights = np.concatenate([anchor.weights for anchor in anchors]) / len(anchors)
    return Anchor(np.concatenate([anchor.indices for anchor in anchors]), weights)


def define_measures(
    vertices: np.ndarray, faces: np.ndarray, regions: Mapping[str, np.ndarray], landmarks: Mapping[str, Anchor]
) -> Mapping[str, Measure]:
    """All measures of a template, by name, their anchors chosen on a symmetric shape in the model's frame.

    Args:
        vertices: (n, 3) mm, a region's mean; its own mirror image.
        faces: (f, 3), outward normals.
        regions: name to vertex indices, as ``annotate`` names them; ``left_isthmus`` is the ring.
        landmarks: the ten landmarks.

    Raises:
        ValueError: the shape is not its own mirror image.
    """
    apart, partner = KDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    if np.max(apart) > 0.01:
        raise ValueError(f"got vertices {np.max(apart):.2f} mm from their mirror images; expected a symmetric shape")
    shape = _Shape(vertices, faces, regions, landmarks, np.asarray(partner))
    body = _body_anchors(shape)
    frame = tuple(body[name] for name in ("anterior", "posterior", "left", "right"))
    measures = _body_measures(shape, body) + _pedicle_measures(shape, frame) + _process_measures(shape, frame)
    return {measure.name: measure for measure in measures}


def _body_anchors(shape: _Shape) -> dict[str, Anchor]:
    """Corners of the body in the midsagittal plane, its sides and the middles of its endplates."""
    vertices, body = shape.vertices, shape.regions["body"]
    seam = body[np.abs(vertices[body, 0]) < SEAM_MM]
    anchors = {}
    for plate, up in (("superior", 1.0), ("inferior", -1.0)):
        for wall, ahead in (("anterior", 1.0), ("posterior", -1.0)):
            # The corner of a lateral radiograph: farthest along a steep diagonal, on the crest of the rim.
            corner = seam[(vertices[seam] @ np.array([0.0, ahead, 2.0 * up])).argmax()]
            anchors[f"{plate}_{wall}"] = shape.middle(vertices[corner], body)
        front, back = (anchors[f"{plate}_{wall}"].on(vertices) for wall in ("anterior", "posterior"))
        centre, depth = (front + back) / 2, front[1] - back[1]
        near_rim = (np.abs(vertices[body, 2] - centre[2]) < 4.0) & (np.abs(vertices[body, 1] - centre[1]) < depth / 4)
        side = body[near_rim]
        anchors[f"{plate}_left"] = shape.anchor(vertices[side[vertices[side, 0].argmin()]], body)
        anchors[f"{plate}_right"] = shape.mirrored(anchors[f"{plate}_left"])
        surface = shape.regions[f"{plate}_endplate"]
        middle = surface[((vertices[surface, :2] - centre[:2]) ** 2).sum(1).argmin()]
        anchors[f"{plate}_middle"] = shape.middle(vertices[middle], surface)
    for name in ("anterior", "posterior", "left", "right"):
        anchors[name] = _mean(anchors[f"superior_{name}"], anchors[f"inferior_{name}"])
    return anchors


def _body_measures(shape: _Shape, body: Mapping[str, Anchor]) -> list[Measure]:
    def distance(name: str, first: str, second: str) -> Measure:
        return Measure(name, "mm", "distance", (body[first], body[second]))

    def concavity(plate: str, other: str) -> Measure:
        names = (f"{plate}_anterior", f"{plate}_posterior", f"{plate}_middle", f"{other}_middle")
        return Measure(f"{plate}_concavity", "mm", "concavity", tuple(body[name] for name in names))

    walls = (shape.landmarks["body_anterior"], shape.landmarks["body_posterior"])
    return [
        distance("body_width", "superior_left", "superior_right"),
        distance("lower_endplate_width", "inferior_left", "inferior_right"),
        Measure("body_depth", "mm", "distance", walls),
        distance("upper_endplate_depth", "superior_anterior", "superior_posterior"),
        distance("anterior_height", "superior_anterior", "inferior_anterior"),
        distance("middle_height", "superior_middle", "inferior_middle"),
        distance("posterior_height", "superior_posterior", "inferior_posterior"),
        concavity("superior", "inferior"),
        concavity("inferior", "superior"),
    ]


@dataclass(frozen=True)
class _Isthmus:
    """The left pedicle's isthmus: walls across it, and its axis forward."""

    medial: np.ndarray
    lateral: np.ndarray
    superior: np.ndarray
    inferior: np.ndarray
    axis: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Midway between the medial and the lateral wall."""
        return (self.medial + self.lateral) / 2


def _left_isthmus(shape: _Shape) -> _Isthmus:
    """Where the plane across the pedicle, through the middle of its ring, meets the four walls."""
    ring = shape.regions["left_isthmus"]
    points = shape.vertices[ring]
    wall = np.union1d(shape.regions["left_pedicle"], ring)
    normals = vertex_normals(shape.vertices, shape.faces)[wall]
    areas = vertex_areas(shape.vertices, shape.faces)[wall]
    # The direction that the walls' normals avoid, over the whole pedicle: a ring alone says little of it.
    axis = np.linalg.eigh((normals * areas[:, None]).T @ normals)[1][:, 0]
    axis = axis * np.sign(axis[1])
    medial = np.array([1.0, 0.0, 0.0]) - axis[0] * axis
    medial /= np.linalg.norm(medial)
    middle = (points.min(0) + points.max(0)) / 2
    loops = section_loops(shape.vertices, shape.faces, middle, axis)
    loop = min(loops, key=lambda points: float(np.linalg.norm((points.min(0) + points.max(0)) / 2 - middle)))
    flat = (loop - middle) @ np.stack([medial, np.cross(medial, axis)]).T
    flat = flat - (flat.min(0) + flat.max(0)) / 2

    def end(along: int, sign: float) -> np.ndarray:
        # Off the line through the middle, and on the right side of it.
        return loop[np.where(sign * flat[:, along] > 0, np.abs(flat[:, 1 - along]), np.inf).argmin()]

    return _Isthmus(end(0, 1.0), end(0, -1.0), end(1, 1.0), end(1, -1.0), axis)


def _pedicle_measures(shape: _Shape, frame: tuple[Anchor, ...]) -> list[Measure]:
    isthmus = _left_isthmus(shape)
    every = np.arange(len(shape.vertices))
    walls = {
        name: shape.pair(shape.anchor(getattr(isthmus, name), every))
        for name in ("medial", "lateral", "superior", "inferior")
    }
    pedicle = np.union1d(shape.regions["left_pedicle"], shape.regions["left_isthmus"])
    along = (shape.vertices[pedicle] - isthmus.centre) @ isthmus.axis
    ends = []
    for sign in (-1.0, 1.0):
        half = pedicle[sign * along > 0]
        ends.append(shape.pair(shape.anchor(isthmus.centre + sign * AXIS_REACH_MM * isthmus.axis, half, WHOLE_MM)))
    axes = (*frame, ends[0][0], ends[1][0], ends[0][1], ends[1][1])
    centres = shape.pair(shape.anchor(isthmus.centre - PEDICLE_CENTRE_BEHIND_MM * isthmus.axis, pedicle, WHOLE_MM))
    return [
        _across_both("pedicle_width", walls["medial"], walls["lateral"]),
        _across_both("pedicle_height", walls["superior"], walls["inferior"]),
        Measure("pedicle_transverse_angle", "deg", "convergence", axes),
        Measure("pedicle_sagittal_angle", "deg", "elevation", axes),
        Measure("canal_width", "mm", "distance", walls["medial"]),
        _canal_depth(shape),
        Measure("interpedicular_distance", "mm", "distance", centres),
        Measure("body_to_pedicle_distance", "mm", "distance", (_vid_body_centre(shape), _mean(*centres))),
    ]


def _across_both(name: str, one: tuple[Anchor, Anchor], other: tuple[Anchor, Anchor]) -> Measure:
    """The mean of a distance on the left and the same on the right."""
    return Measure(name, "mm", "distance", (one[0], other[0], one[1], other[1]))


def _canal_depth(shape: _Shape) -> Measure:
    """The shortest way from the body's posterior wall to the lamina, in the midsagittal plane."""
    vertices, canal = shape.vertices, shape.regions["canal"]
    seam = canal[np.abs(vertices[canal, 0]) < SEAM_MM]
    split = shape.landmarks["left_pedicle"].on(vertices)[1]
    front, back = seam[vertices[seam, 1] > split], seam[vertices[seam, 1] < split]
    reach, nearest = KDTree(vertices[back]).query(vertices[front])
    shortest = np.argmin(reach)
    ends = (front[shortest], back[np.asarray(nearest)[shortest]])
    return Measure("canal_depth", "mm", "distance", tuple(shape.middle(vertices[end], canal) for end in ends))


def _vid_body_centre(shape: _Shape) -> Anchor:
    front, back = shape.landmarks["body_anterior"], shape.landmarks["body_posterior"]
    weights = (BODY_CENTRE_DEPTH * front.weights, (1.0 - BODY_CENTRE_DEPTH) * back.weights)
    return Anchor(np.concatenate([front.indices, back.indices]), np.concatenate(weights))


def _process_measures(shape: _Shape, frame: tuple[Anchor, ...]) -> list[Measure]:
    vertices, arch = shape.vertices, shape.regions["posterior_elements"]
    tips = shape.pair(shape.anchor(vertices[arch[vertices[arch, 0].argmin()]], arch))
    roots = shape.landmarks["left_pedicle"], shape.landmarks["right_pedicle"]
    seam = arch[np.abs(vertices[arch, 0]) < SEAM_MM]
    spinous = shape.middle(vertices[seam[vertices[seam, 1].argmin()]], arch)
    lamina = shape.landmarks["spinolaminar_junction"]
    sideways = (*frame, roots[0], tips[0], roots[1], tips[1])
    return [
        Measure("transverse_process_span", "mm", "distance", tips),
        Measure("transverse_process_angle", "deg", "retroversion", sideways),
        Measure("spinous_process_length", "mm", "distance", (lamina, spinous)),
        Measure("spinous_process_angle", "deg", "descent", (*frame, lamina, spinous)),
    ]
