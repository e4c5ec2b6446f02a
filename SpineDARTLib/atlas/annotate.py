"""Anatomy on the template, once: landmarks, named regions, pedicle rims and cannulas.

Everything is found by rules on the symmetric template itself (sections, extremes, directions of the surface) for the
left side and mirrored to the right; since all shapes share the template's vertices, it holds on every vertebra.
Left is the patient's left, -x. The rules are written for a vertebra in the model's frame (``template.stand_upright``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .mesh import Template, edges_of, vertex_areas, vertex_normals
from .model import Anchor
from .sections import loop_area, narrowest, section_loops

TARGET_DEPTH = 0.72
"""Where the tip of the cannula lies between posterior (0) and anterior wall (1): in the anterior third (AO)."""
TARGET_MIDLINE_MM = 6.0
"""How far the tip stays on its own side of the midline (close to but not across it), for lumbar bodies."""
PEDICLE_GROWTH = 1.45
"""The pedicle ends where its section has grown to so many times the isthmus's."""


@dataclass(frozen=True)
class Annotations:
    """What is known of the template by name (see ``model.ShapeModel``)."""

    landmarks: Mapping[str, Anchor]
    backup_landmarks: Mapping[str, Anchor]
    cannulas: Mapping[str, Mapping[str, Anchor]]
    regions: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Pedicle:
    """The left pedicle: its isthmus and the two planes that it lies between."""

    centre: np.ndarray
    axis: np.ndarray
    ring: np.ndarray
    front: float
    back: float


def annotate(template: Template) -> Annotations:
    """All annotations of a symmetric template in the model's frame."""
    normals = vertex_normals(template.vertices, template.faces)
    pedicle = _left_pedicle(template)
    regions = _regions(template, normals, pedicle)
    landmarks = _landmarks(template, regions)
    backup = _backup_landmarks(template, normals, regions)
    return Annotations(landmarks, backup, cannulas_on(template, regions, landmarks), regions)


def cannulas_on(
    template: Template,
    regions: Mapping[str, np.ndarray],
    landmarks: Mapping[str, Anchor],
    midline_mm: float = TARGET_MIDLINE_MM,
) -> dict[str, dict[str, Anchor]]:
    """Both cannulas for a symmetric shape of the template (its own, or a region's mean in its place).

    Through the isthmus's centre to the anterior third of the body, ``midline_mm`` short of the midline; the entry is
    where that line leaves the bone behind.
    """
    left = _left_cannula(template, regions, landmarks, midline_mm)
    return {"left": left, "right": {name: _mirrored(anchor, template) for name, anchor in left.items()}}


def _left_pedicle(template: Template) -> _Pedicle:
    vertices, faces = template.vertices, template.faces
    wall = _midline_posterior_wall(template)
    # Transverse angles around the textbook's 10-18 degrees for L1-L4 (clinical.md), sagittal ones around level.
    angles = np.deg2rad([(t, s) for t in range(0, 40, 5) for s in range(-10, 20, 5)])
    axes = np.column_stack(
        [np.sin(angles[:, 0]) * np.cos(angles[:, 1]), np.cos(angles[:, 0]) * np.cos(angles[:, 1]), np.sin(angles[:, 1])]
    )
    loops = section_loops(vertices, faces, np.array([0.0, wall - 3.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    start = min((loop for loop in loops if loop[:, 0].mean() < -5), key=lambda loop: abs(loop[:, 0].mean() + 16))
    area, centre, axis, _ = narrowest(vertices, faces, loop_area(start)[1], axes, np.arange(-4.0, 5.0))
    ends = []
    for direction in (1.0, -1.0):
        reach = 0.0
        while (
            reach < 8.0 and _area_at(template, centre + direction * (reach + 0.5) * axis, axis) < PEDICLE_GROWTH * area
        ):
            reach += 0.5
        ends.append(direction * reach)
    return _Pedicle(centre, axis, _ring(template, centre, axis), ends[0], ends[1])


def _area_at(template: Template, point: np.ndarray, axis: np.ndarray) -> float:
    areas = [loop_area(loop) for loop in section_loops(template.vertices, template.faces, point, axis)]
    return min(areas, key=lambda entry: float(np.linalg.norm(entry[1] - point)))[0]


def _midline_posterior_wall(template: Template) -> float:
    """y of the body's posterior wall in the midsagittal plane, at mid-height."""
    loops = section_loops(template.vertices, template.faces, np.array([-0.01, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    body = max(loops, key=lambda loop: loop[:, 1].max())
    middle = body[np.abs(body[:, 2] - body[:, 2].mean()) < 5.0]
    return float(middle[middle[:, 1] < body[:, 1].mean(), 1].mean())


def _ring(template: Template, centre: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Vertices next to a plane, in order around the corridor; neighbours in the list are neighbours on the mesh."""
    loops = section_loops(template.vertices, template.faces, centre, axis)
    loop = min(loops, key=lambda points: float(np.linalg.norm(points.mean(0) - centre)))
    edges = edges_of(template.faces)
    height = (template.vertices - centre) @ axis
    crossing = edges[height[edges[:, 0]] * height[edges[:, 1]] < 0]
    share = height[crossing[:, 0]] / (height[crossing[:, 0]] - height[crossing[:, 1]])
    cuts = template.vertices[crossing[:, 0]] * (1 - share)[:, None] + template.vertices[crossing[:, 1]] * share[:, None]
    order = [int(np.linalg.norm(cuts - point, axis=1).argmin()) for point in loop]
    nearer = crossing[order, (share[order] > 0.5).astype(int)].tolist()
    walk: list[int] = []
    for vertex in nearer:
        if vertex in walk[-2:]:
            del walk[walk.index(vertex, len(walk) - min(2, len(walk))) + 1 :]
        else:
            walk.append(vertex)
    while len(walk) > 3 and walk[-1] == walk[0]:
        walk.pop()
    return np.array(walk)


def _regions(template: Template, normals: np.ndarray, pedicle: _Pedicle) -> dict[str, np.ndarray]:
    vertices = template.vertices
    along = (vertices - pedicle.centre) @ pedicle.axis
    near = np.linalg.norm(vertices - pedicle.centre - along[:, None] * pedicle.axis, axis=1) < 14.0
    left = near & (along <= pedicle.front) & (along >= pedicle.back) & (vertices[:, 0] < -3.0)
    right = left[template.partner]
    wall = _midline_posterior_wall(template)
    ahead = along > 0
    front = np.where(vertices[:, 0] <= 0, ahead, ahead[template.partner])
    body = front & ~left & ~right & (vertices[:, 1] > wall - 6.0)
    posterior = ~body & ~left & ~right
    bounds = vertices[body]
    middle = (bounds[:, 2].max() + bounds[:, 2].min()) / 2
    up, down = normals[:, 2] > 0.7, normals[:, 2] < -0.7
    superior = body & up & (vertices[:, 2] > middle + 5.0)
    inferior = body & down & (vertices[:, 2] < middle - 5.0)
    side = body & ~superior & ~inferior & (np.abs(vertices[:, 2] - middle) < 13.0)
    central = np.abs(vertices[:, 0]) < 16.0
    toward = np.array([0.0, wall - 8.0]) - vertices[:, :2]
    facing = np.einsum("ij,ij->i", toward, normals[:, :2]) > 0.6 * np.linalg.norm(toward, axis=1)
    canal = facing & (np.linalg.norm(toward, axis=1) < 15.0) & (np.abs(vertices[:, 2]) < 22.0)
    masks = {
        "body": body,
        "posterior_elements": posterior,
        "left_pedicle": left,
        "right_pedicle": right,
        "superior_endplate": superior,
        "inferior_endplate": inferior,
        "anterior_wall": side & (normals[:, 1] > 0.5),
        "posterior_wall": side & (normals[:, 1] < -0.4) & central & (vertices[:, 1] < wall + 6.0),
        "canal": canal | canal[template.partner],
    }
    found = {name: np.flatnonzero(mask) for name, mask in masks.items()}
    found["left_isthmus"] = pedicle.ring
    found["right_isthmus"] = template.partner[pedicle.ring][::-1]
    return found


def _weighted(template: Template, indices: np.ndarray) -> Anchor:
    """The centre of a patch of surface."""
    areas = vertex_areas(template.vertices, template.faces)[indices]
    return Anchor(indices, areas / areas.sum())


def _around(template: Template, point: np.ndarray, among: np.ndarray, radius_mm: float = 4.0) -> Anchor:
    """The place of a point on a surface patch: its neighbours, weighted so that their mean is the point, nearly."""
    squared = ((template.vertices[among] - point) ** 2).sum(1)
    near = among[squared < max(squared.min() * 1.01, radius_mm**2)]
    weights = np.exp(-squared[squared < max(squared.min() * 1.01, radius_mm**2)] / (2 * (radius_mm / 2) ** 2))
    arms = template.vertices[near] - point
    # Least change of the weights that makes their mean come to the point.
    rows = np.vstack([np.ones(len(near)), arms.T])
    wanted = np.array([1.0, 0.0, 0.0, 0.0])
    weights = weights / weights.sum()
    weights = weights + np.diag(weights) @ rows.T @ np.linalg.pinv(rows @ np.diag(weights) @ rows.T, rcond=1e-3) @ (
        wanted - rows @ weights
    )
    return Anchor(near, weights / weights.sum())


def _ring_centre(template: Template, ring: np.ndarray) -> Anchor:
    points = template.vertices[ring]
    arcs = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)
    weights = arcs + np.roll(arcs, 1)
    return Anchor(ring, weights / weights.sum())


def _mirrored(anchor: Anchor, template: Template) -> Anchor:
    return Anchor(template.partner[anchor.indices], anchor.weights)


def _landmarks(template: Template, regions: Mapping[str, np.ndarray]) -> dict[str, Anchor]:
    """The ten landmarks: four on the body, both pedicles, both transverse processes, two on the spinous process."""
    vertices = template.vertices
    posterior = regions["posterior_elements"]
    back = posterior[np.abs(vertices[posterior, 0]) < 3.0]
    spinous = vertices[back[vertices[back, 1].argmin()]]
    outer = vertices[posterior[vertices[posterior, 0].argmin()]]
    canal = regions["canal"]
    roof = canal[(np.abs(vertices[canal, 0]) < 2.0) & (vertices[canal, 1] < _midline_posterior_wall(template) - 8.0)]
    left_transverse = _weighted(template, _within(vertices, outer, posterior, 5.0))
    return {
        "body_superior": _weighted(template, _central(template, regions["superior_endplate"])),
        "body_inferior": _weighted(template, _central(template, regions["inferior_endplate"])),
        "body_anterior": _weighted(template, _waist(template, regions["anterior_wall"])),
        "body_posterior": _weighted(template, _waist(template, regions["posterior_wall"])),
        "left_pedicle": _ring_centre(template, regions["left_isthmus"]),
        "right_pedicle": _ring_centre(template, regions["right_isthmus"]),
        "left_transverse_process": left_transverse,
        "right_transverse_process": _mirrored(left_transverse, template),
        "spinous_process": _weighted(template, _within(vertices, spinous, posterior, 5.0)),
        "spinolaminar_junction": _weighted(template, roof),
    }


def _within(vertices: np.ndarray, point: np.ndarray, among: np.ndarray, radius_mm: float) -> np.ndarray:
    return among[np.linalg.norm(vertices[among] - point, axis=1) < radius_mm]


def _central(template: Template, patch: np.ndarray) -> np.ndarray:
    """The middle of an endplate."""
    centre = template.vertices[patch].mean(0)
    return _within(template.vertices, centre, patch, 7.0)


def _waist(template: Template, patch: np.ndarray) -> np.ndarray:
    """The middle of a wall, at mid-height in the midsagittal plane."""
    vertices = template.vertices
    middle = (vertices[patch, 2].max() + vertices[patch, 2].min()) / 2
    return patch[(np.abs(vertices[patch, 0]) < 4.0) & (np.abs(vertices[patch, 2] - middle) < 4.0)]


def _backup_landmarks(template: Template, normals: np.ndarray, regions: Mapping[str, np.ndarray]) -> dict[str, Anchor]:
    """The paper's sparse set, all of the body: its centre and the middles of four faces."""
    vertices, body = template.vertices, regions["body"]
    superior = _weighted(template, regions["superior_endplate"])
    inferior = _weighted(template, regions["inferior_endplate"])
    middle = (superior.on(vertices) + inferior.on(vertices)) / 2
    lateral = body[(normals[body, 0] < -0.7) & (np.abs(vertices[body, 2] - middle[2]) < 6.0)]
    left = _weighted(template, lateral[np.abs(vertices[lateral, 1] - middle[1]) < 8.0])
    centroid = Anchor(np.r_[superior.indices, inferior.indices], np.r_[superior.weights, inferior.weights] / 2)
    return {
        "centroid": centroid,
        "superior": superior,
        "inferior": inferior,
        "left": left,
        "right": _mirrored(left, template),
    }


def _left_cannula(
    template: Template, regions: Mapping[str, np.ndarray], landmarks: Mapping[str, Anchor], midline_mm: float
) -> dict[str, Anchor]:
    vertices = template.vertices
    back, front = landmarks["body_posterior"].on(vertices), landmarks["body_anterior"].on(vertices)
    depth = back[1] + TARGET_DEPTH * (front[1] - back[1])
    plates = []
    for name in ("superior_endplate", "inferior_endplate"):
        plate = regions[name]
        flat = ((vertices[plate, :2] - (-midline_mm, depth)) ** 2).sum(1)
        plates.append(_around(template, vertices[plate[flat.argmin()]], plate, 5.0))
    # Midway between the endplates, so that it stays at mid-height in a collapsed body.
    target = Anchor(np.r_[plates[0].indices, plates[1].indices], np.r_[plates[0].weights, plates[1].weights] / 2)
    isthmus = _ring_centre(template, regions["left_isthmus"])
    direction = isthmus.on(vertices) - target.on(vertices)
    entry = _exit_point(template, isthmus.on(vertices), direction)
    facing = vertex_normals(vertices, template.faces) @ direction > 0.0
    return {"entry": _around(template, entry, np.flatnonzero(facing)), "isthmus": isthmus, "target": target}


def _exit_point(template: Template, start: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where a ray from inside first leaves the surface (Moeller and Trumbore 1997)."""
    corners = template.vertices[template.faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, second)
    determinant = np.einsum("ij,ij->i", first, across)
    arm = start - corners[:, 0]
    u = np.einsum("ij,ij->i", arm, across) / determinant
    other = np.cross(arm, first)
    v = other @ direction / determinant
    reach = np.einsum("ij,ij->i", second, other) / determinant
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (reach > 1e-6)
    return start + reach[hit].min() * direction
