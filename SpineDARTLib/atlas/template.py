"""The template: one symmetric, evenly triangulated vertebra that every other is matched to.

Made from the mean L3 of 87 patients (Clouthier 2023): its symmetry plane is found, the halves are averaged as signed
distances, one half is re-triangulated by centroidal Voronoi clusters (Valette and Chassery 2004) and mirrored, so each
vertex has an exact partner on the other side.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import KDTree

from ..io.mesh import outward
from .mesh import MIRROR, Template, edges_of, vertex_areas, vertex_normals
from .surfaces import iso_surface

GRID_MM = 0.7


def make_template(vertices: np.ndarray, faces: np.ndarray, count: int) -> Template:
    """A symmetric template of about ``count`` vertices from one roughly RAS-aligned vertebra."""
    vertices = stand_upright(vertices, faces)
    field, origin = _symmetric_field(vertices, vertex_normals(vertices, faces))
    points, triangles = _left_half(field, origin)
    on_plane = points[:, 0] > -0.01  # the contour's points are float32
    half, half_faces, middle = _cluster(points, triangles, on_plane, count // 2)
    half = _relax(half, half_faces, middle, field, origin)
    return _mirror_and_weld(half, half_faces, middle)


def stand_upright(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Turn a vertebra: symmetry plane at x = 0, the mean of its endplates level, origin in the body."""
    normal, point = _symmetry_plane(vertices)
    forward = np.array([0.0, 1.0, 0.0]) - normal[1] * normal
    rotation = np.stack([normal, forward / np.linalg.norm(forward), np.zeros(3)])
    rotation[2] = np.cross(rotation[0], rotation[1])
    vertices = (vertices - point) @ rotation.T
    for _ in range(4):
        normals = vertex_normals(vertices, faces)
        angle, centre = _endplate_tilt(vertices, normals)
        cos, sin = np.cos(-angle), np.sin(-angle)
        vertices = (vertices - centre) @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T
    return vertices


def _symmetry_plane(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normal (towards +x) and a point of the plane that maps the vertices onto themselves best."""
    normal, point = np.array([1.0, 0.0, 0.0]), vertices.mean(0)
    tree = KDTree(vertices)
    for _ in range(30):
        reflected = vertices - 2 * ((vertices - point) @ normal)[:, None] * normal
        partner = vertices[tree.query(reflected)[1]]
        # The plane through the midpoints, perpendicular to what joins each vertex to its partner.
        joined = vertices - partner
        normal = np.linalg.svd(joined, full_matrices=False)[2][0]
        normal = normal * np.sign(normal[0])
        point = ((vertices + partner) / 2).mean(0)
    return normal, point


def _endplate_tilt(vertices: np.ndarray, normals: np.ndarray) -> tuple[float, np.ndarray]:
    """Sagittal angle (radians) of the mean of both endplates, and the body's centre, from the midsagittal slab."""
    slab = np.abs(vertices[:, 0]) < 8.0
    front = vertices[slab, 1].max()
    near = slab & (vertices[:, 1] > front - 30.0) & (vertices[:, 1] < front - 5.0)
    slopes, heights = [], []
    for sign in (1.0, -1.0):
        plate = vertices[near & (sign * normals[:, 2] > 0.8)]
        slope, offset = np.polyfit(plate[:, 1], plate[:, 2], 1)
        slopes.append(slope)
        heights.append(offset + slope * (front - 17.0))
    return float(np.arctan(np.mean(slopes))), np.array([0.0, front - 17.0, np.mean(heights)])


def _symmetric_field(vertices: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance (positive inside), averaged with its mirror image, on a grid over x <= 0; the grid's origin."""
    low = np.floor(vertices.min(0)) - 4
    high = np.ceil(vertices.max(0)) + 4
    reach = max(-low[0], high[0])
    axes = [np.arange(int(reach / GRID_MM), -1, -1) * -GRID_MM]
    axes += [np.arange(low[a], high[a], GRID_MM) for a in (1, 2)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    tree = KDTree(vertices)
    total = np.zeros(len(grid))
    for points in (grid, grid * MIRROR):
        nearest = tree.query(points, k=3)[1]
        total += np.einsum("ikj,ikj->ik", vertices[nearest] - points[:, None], normals[nearest]).mean(1) / 2
    field = total.reshape([len(a) for a in axes])
    doubled = np.concatenate([field, field[-2::-1]])  # smooth over the midline as one
    return ndimage.gaussian_filter(doubled, 1.0)[: len(field)], np.array([axes[0][0], axes[1][0], axes[2][0]])


def _left_half(field: np.ndarray, origin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The zero level over x <= 0, open along the midline: its largest connected part."""
    points, triangles = iso_surface(field, 0.0)
    points = points * GRID_MM + origin
    link = coo_matrix((np.ones(len(triangles) * 2), (triangles[:, [0, 1]].ravel("F"), triangles[:, [1, 2]].ravel("F"))))

    label = connected_components(link.tocsr(), directed=False)[1]
    keep = label == np.bincount(label).argmax()
    index = np.cumsum(keep) - 1
    return points[keep], index[triangles[keep[triangles[:, 0]]]]


def _cluster(
    points: np.ndarray, triangles: np.ndarray, on_plane: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroidal clusters by distance along the surface, and the triangles where three of them meet."""
    edges = edges_of(triangles)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = csr_matrix((np.r_[length, length], (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])))
    area = vertex_areas(points, triangles)
    seeds = _farthest(graph, count)
    owner = np.zeros(len(points), dtype=int)
    for _ in range(25):
        owner = dijkstra(graph, indices=seeds, min_only=True, return_predecessors=True)[2]
        owner = np.unique(owner, return_inverse=True)[1]
        weight = np.bincount(owner, area)
        centre = np.stack([np.bincount(owner, area * points[:, a]) / weight for a in range(3)], 1)
        # A cluster at the midline keeps its seed there, so that the seam is made of vertices.
        apart = np.linalg.norm(points - centre[owner], axis=1) + 0.5 * np.abs(points[:, 0]) * np.bincount(
            owner, on_plane
        )[owner].astype(bool)
        order = np.lexsort((apart, owner))
        seeds = order[np.searchsorted(owner[order], np.arange(owner.max() + 1))]
    corners = owner[triangles]
    distinct = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
    coarse = corners[distinct]
    coarse = coarse[np.unique(np.sort(coarse, axis=1), axis=0, return_index=True)[1]]
    middle = np.bincount(owner, on_plane, owner.max() + 1) > 0
    centre[middle, 0] = 0.0
    return centre, coarse, middle


def _farthest(graph: csr_matrix, count: int) -> np.ndarray:
    """``count`` vertices spread over the surface: each batch as far as can be from those before."""
    seeds = [0]
    distance = dijkstra(graph, indices=0)
    while len(seeds) < count:
        seeds.append(int(distance.argmax()))
        limit = distance.max()
        near = dijkstra(graph, indices=seeds[-1], limit=limit)
        distance = np.minimum(distance, near)
    return np.array(seeds)


def _relax(
    vertices: np.ndarray, faces: np.ndarray, middle: np.ndarray, field: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Even out the triangles by moving vertices along the zero level; midline vertices stay on the midline."""
    edges = edges_of(faces)
    both = np.vstack([edges, edges[:, ::-1]])
    along = np.vstack([both[~middle[both[:, 0]]], both[middle[both[:, 0]] & middle[both[:, 1]]]])
    gradient = np.array(np.gradient(field, GRID_MM))
    for step in range(30):
        degree = np.maximum(np.bincount(along[:, 0], minlength=len(vertices)), 1)
        mean = np.stack([np.bincount(along[:, 0], vertices[along[:, 1], a], len(vertices)) for a in range(3)], 1)
        if step < 20:
            vertices = vertices + 0.5 * (mean / degree[:, None] - vertices)
        for _ in range(2):
            place = ((vertices - origin) / GRID_MM).T
            value = ndimage.map_coordinates(field, place, order=1, mode="nearest")
            slope = np.stack([ndimage.map_coordinates(g, place, order=1, mode="nearest") for g in gradient], 1)
            slope[middle, 0] = 0.0
            size = np.maximum((slope**2).sum(1), 0.2)
            vertices = vertices - np.clip(value / size, -2, 2)[:, None] * slope
        vertices[middle, 0] = 0.0
        vertices[~middle, 0] = np.minimum(vertices[~middle, 0], -0.3)
    return vertices


def _mirror_and_weld(half: np.ndarray, faces: np.ndarray, middle: np.ndarray) -> Template:
    count = len(half)
    other = np.where(middle, np.arange(count), 0)
    other[~middle] = count + np.arange((~middle).sum())
    vertices = np.vstack([half, half[~middle] * MIRROR])
    faces = faces[~middle[faces].all(1)]  # a triangle that lies in the midline plane would meet its own mirror image
    faces = np.vstack([faces, other[faces][:, ::-1]])
    partner = np.empty(len(vertices), dtype=int)
    partner[:count] = other
    partner[other] = np.arange(count)
    used = np.bincount(faces.ravel(), minlength=len(vertices)) > 0
    index = np.cumsum(used) - 1
    vertices, faces = vertices[used], index[faces]
    return Template(vertices, outward(vertices, faces), index[partner[used]])
