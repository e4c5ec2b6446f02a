"""A closed surface filled with bone: a cortex of varying thickness around spongiosa with its trabeculae."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation
from scipy.special import ndtr

from ..draw import Range, uniform
from ..nouns import TrueVertebra, Volume
from .grids import empty_volume, height_below, inside_mask
from .noise import GRAIN_MM, noise

DENSE_MG_PER_CM3 = 1250.0
"""Mineral by quantitative CT that adds as much as dense bone does in soft tissue's place: 3.1e-5 per mm and mg/cm3 of
hydroxyapatite at 60 keV, against 0.0387 per mm (XCOM; ICRU-44 cortical bone and soft tissue)."""
MARROW_SHARE = -0.028
"""What no mineral at all reads: quantitative CT counts from water, and soft tissue is denser (0.0206 and 0.0217 per mm
at 60 keV, NIST)."""
SUBCORTICAL_MM, SUBCORTICAL_GAIN = 1.8, 0.8
"""Trabeculae are denser towards the cortex: how deep that reaches and how much more there is at it, about."""
EDGE_VOXELS, REACH = 0.65, 1.7
"""Standard deviation of the blur of an edge and how far it is followed, in voxels."""
CORTEX_MOST_MM = 1.8
"""No cortex is thicker; so deep the surface's place is known exactly."""
PATCH_MM, LUMP_MM = 3.0, 7.0
"""Over which trabeculae are lost together, and over which walls get thicker and thinner."""
TURN = Rotation.from_euler("zxy", [23.0, 27.0, 19.0], degrees=True).as_matrix()
"""From a vertebra's axes to its grid's: walls and endplates that lie almost along a grid show contour lines."""
SCLEROSIS_MM = 3.5
"""How deep the dense bone beside a worn disc reaches."""
FORAMEN_MM = np.array([7.0, 4.0, 4.5])
"""Half width, depth and height of the gap where the basivertebral veins leave the back wall."""


@dataclass(frozen=True)
class BoneSettings:
    """How bones differ between people.

    Attributes:
        spongiosa_mg_per_cm3: mineral of the body's spongiosa by quantitative CT; below 80 is osteoporosis, above 120
            normal (American College of Radiology 2018), young adults reach 200 and more.
        fractured_mg_per_cm3: of people who have osteoporotic fractures.
        cortex_mm: of the body's wall at no density and at 200 mg/cm3; walls measure 0.2 to 0.5 mm, and up to 1 mm with
            the dense trabeculae below them, which no X-ray tells apart (Ritzel et al., J Bone Miner Res 1997; 12:89).
        posterior_factor: how much thicker the cortex of pedicles and arch is than the body's wall; it is lost later, so
            a quarter more in the emptiest bone and a fifth less in the densest.
        roughness: deviation of the spongiosa's density from place to place, as a share of it, in dense and in
            osteoporotic bone.
        sclerosis: how much denser than usual the layer below the endplates may be.
    """

    spongiosa_mg_per_cm3: Range = (60.0, 230.0)
    fractured_mg_per_cm3: Range = (45.0, 125.0)
    cortex_mm: Range = (0.24, 0.52)
    posterior_factor: Range = (2.1, 3.3)
    roughness: Range = (0.35, 0.7)
    sclerosis: Range = (0.0, 1.0)


@dataclass(frozen=True)
class BoneQuality:
    """One person's bone.

    Attributes:
        cortex_mm: thickness of the body's wall.
        posterior_factor: the cortex of pedicles and arch over that.
        spongiosa: mineral of the body's spongiosa on average, as a share of dense bone's.
        roughness: its deviation from place to place, as a share of it.
        vertical: 0 for trabeculae alike in all directions, 1 where only the vertical ones are left (osteoporosis).
        sclerosis: 0 for endplates as thin as the wall, 1 for thick and dense ones.
    """

    cortex_mm: float = 0.4
    posterior_factor: float = 2.6
    spongiosa: float = 0.11
    roughness: float = 0.5
    vertical: float = 0.5
    sclerosis: float = 0.3


@dataclass(frozen=True)
class Build:
    """What of a vertebra's build its filling follows.

    Attributes:
        axes: (3, 3) rows: to the right, to the front and up along the trabeculae, in the world.
        centre_mm: (3,) RAS, of the body.
        half_mm: (2,) half depth and half height of the body.
        impaction: 0 to 0.6, the height lost: compacted spongiosa lies under the endplates.
        wear: 0 to 1, of the discs above and below: bone beside them thickens.
    """

    axes: np.ndarray
    centre_mm: np.ndarray
    half_mm: np.ndarray
    impaction: float = 0.0
    wear: tuple[float, float] = (0.0, 0.0)


def draw_quality(settings: BoneSettings, generator: np.random.Generator, fractured: bool = False) -> BoneQuality:
    """One person's bone; who has little spongiosa has a thin cortex and only vertical trabeculae left."""
    mineral = uniform(generator, settings.spongiosa_mg_per_cm3)
    low, high = settings.fractured_mg_per_cm3
    mineral = float(np.interp(mineral, settings.spongiosa_mg_per_cm3, (low, high))) if fractured else mineral
    return _quality_of(mineral, settings, generator)


def quality_like(
    vertebrae: Iterable[TrueVertebra], settings: BoneSettings, generator: np.random.Generator
) -> BoneQuality:
    """Bone as dense as that of vertebrae which have their volume, for neighbours that a scan lacks; drawn if none has.

    Scans are counted from 70 HU on, so of the emptiest bone a little is missed.
    """
    known = tuple(vertebrae)
    shares = [_core_share(one, one.volume) for one in known if one.volume is not None]
    if not shares:
        return draw_quality(settings, generator, any(one.fracture for one in known))
    return _quality_of(DENSE_MG_PER_CM3 * (float(np.mean(shares)) - MARROW_SHARE), settings, generator)


def _quality_of(mineral: float, settings: BoneSettings, generator: np.random.Generator) -> BoneQuality:
    health = float(np.clip((mineral - 40.0) / 160.0 + 0.12 * generator.standard_normal(), 0.0, 1.0))
    return BoneQuality(
        cortex_mm=float(np.interp(health, (0, 1), settings.cortex_mm)),
        posterior_factor=uniform(generator, settings.posterior_factor) * (1.25 - 0.45 * health),
        spongiosa=mineral / DENSE_MG_PER_CM3,
        roughness=float(np.interp(health, (0, 1), settings.roughness[::-1])),
        vertical=1.0 - health,
        sclerosis=uniform(generator, settings.sclerosis) ** 2,
    )


def _core_share(vertebra: TrueVertebra, volume: Volume) -> float:
    """Mean share of bone in the middle of the body, where only spongiosa is."""
    marks = vertebra.landmarks
    ends = [[marks["body_inferior"], marks["body_superior"]], [marks["body_posterior"], marks["body_anterior"]]]
    up, front = (np.subtract(*pair[::-1]) for pair in ends)
    right = np.cross(front, up) / np.linalg.norm(up)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-0.25, 0.25, 9)], indexing="ij"), -1).reshape(-1, 3)
    world = np.mean(ends, axis=(0, 1)) + grid @ np.array([right, front, up])
    to_index = np.linalg.inv(volume.voxel_to_world)
    places = world @ to_index[:3, :3].T + to_index[:3, 3]
    return float(map_coordinates(volume.values, places.T, order=1).mean())


def fill_vertebra(
    vertebra: TrueVertebra, quality: BoneQuality, generator: np.random.Generator, spacing_mm: float = 0.7
) -> Volume:
    """The bone of a vertebra: thin walls, distinct endplates, a thick arch; see ``fill_bone``."""
    marks = vertebra.landmarks
    up = marks["body_superior"] - marks["body_inferior"]
    front = marks["body_anterior"] - marks["body_posterior"]
    centre = (marks["body_superior"] + marks["body_inferior"] + marks["body_anterior"] + marks["body_posterior"]) / 4
    half = np.array([np.linalg.norm(front), np.linalg.norm(up)]) / 2
    build = Build(
        vertebra.vertebra.pose[:3, :3].T,
        centre,
        half,
        vertebra.height_loss if vertebra.fracture else 0.0,
        vertebra.wear,
    )
    return fill_bone(vertebra.vertices, vertebra.faces, quality, generator, spacing_mm, build)


def fill_bone(
    vertices: np.ndarray,
    faces: np.ndarray,
    quality: BoneQuality,
    generator: np.random.Generator,
    spacing_mm: float = 0.7,
    build: Build | None = None,
) -> Volume:
    """Fill a closed surface with bone: the share of dense cortical bone, voxel by voxel.

    Edges are blurred by two thirds of a voxel, so that no staircase shows in a projection.

    Args:
        vertices: (n, 3) RAS mm.
        faces: (f, 3), closed.
        build: of a vertebra; other bones (a sacrum) do without and have one cortex all over.

    Raises:
        ValueError: the surface holds not one voxel.
    """
    axes = np.eye(3) if build is None else build.axes
    to_grid, pad = TURN @ axes, 3.0 * spacing_mm
    turned = vertices @ to_grid.T
    volume = empty_volume(turned.min(0) - pad, turned.max(0) + pad, spacing_mm, "bone")
    depth = signed_depth(turned, faces, volume)
    inside = depth > -REACH * spacing_mm
    below = depth[inside]
    grid = np.argwhere(inside).astype(np.float32) * np.float32(spacing_mm) + volume.voxel_to_world[:3, 3]
    local = (grid @ TURN).astype(np.float32)
    stretch = np.array([1.0, 1.0, 1.0 + 2.5 * quality.vertical])
    fine, patch = noise(local / stretch, generator), noise(local * (GRAIN_MM / PATCH_MM) / stretch, generator)
    lump = noise(local * (GRAIN_MM / LUMP_MM), generator)
    if build is None:
        thickness, gain = np.full_like(below, quality.cortex_mm * quality.posterior_factor / 1.9), np.ones_like(below)
    else:
        upright = _upright(depth, TURN[:, 2], inside)
        thickness, gain = _built(local - build.axes @ build.centre_mm, upright, quality, build)
    thickness = np.minimum(thickness * np.exp(0.3 * lump + 0.3 * patch - 0.09), CORTEX_MOST_MM)
    gain = gain * (1.0 + SUBCORTICAL_GAIN * np.exp(-np.maximum(below - thickness, 0.0) / SUBCORTICAL_MM))
    spongiosa = quality.spongiosa * gain * _pattern(fine, patch, lump, quality.roughness)
    volume.values[inside] = _blended(below, thickness, spongiosa + MARROW_SHARE, spacing_mm)
    volume.voxel_to_world[:3] = to_grid.T @ volume.voxel_to_world[:3]
    return volume


def _pattern(fine: np.ndarray, patch: np.ndarray, lump: np.ndarray, roughness: float) -> np.ndarray:
    """(n,) factor on the spongiosa, 1 on average: struts and, where bone is lost, patches without."""
    parts = ((fine, roughness), (patch, 0.6 * roughness), (lump, 0.12))
    return np.exp(sum(np.float32(size) * part - np.float32(size**2 / 2) for part, size in parts))


def _built(local: np.ndarray, upright: np.ndarray, quality: BoneQuality, build: Build) -> tuple[np.ndarray, np.ndarray]:
    """Thickness of the cortex (mm) and factor on the spongiosa, (n,) at points (n, 3) of the body's frame."""
    half_depth, half_height = build.half_mm
    arch = 1.0 / (1.0 + np.exp(np.clip((local[:, 1] + half_depth + 1.0) / 1.2, -30, 30)))
    endplate = np.clip((upright - 0.55) / 0.25, 0.0, 1.0) * (1.0 - arch)
    wear = np.where(local[:, 2] > 0, *build.wear)
    # The back wall is open where the basivertebral veins leave it.
    veins = np.exp(-(((local + [0.0, half_depth, 0.0]) / FORAMEN_MM) ** 2).sum(1))
    thickness = quality.cortex_mm * (1.0 + (quality.posterior_factor - 1.0) * arch) * (1.0 - 0.8 * veins)
    thickness += quality.cortex_mm * (1.5 + 1.0 * quality.sclerosis + 1.0 * wear) * endplate
    # Under a broken endplate, the upper one as a rule, spongiosa is pressed together; beside a worn disc it thickens.
    top, bottom = half_height - local[:, 2], half_height + local[:, 2]
    squeezed = np.exp(-(((top - 3.0) / 2.5) ** 2)) + 0.4 * np.exp(-(((bottom - 3.0) / 2.5) ** 2))
    sclerotic = wear**2 * np.exp(-np.maximum(np.minimum(top, bottom), 0.0) / SCLEROSIS_MM)
    height = np.clip(local[:, 2] / half_height, -1.0, 1.0)
    body = 0.9 + 0.25 * height**2 + 6.0 * build.impaction * squeezed + 2.5 * sclerotic - 0.3 * veins
    return thickness, (1.0 - arch) * body + 2.0 * arch


def _upright(depth: np.ndarray, up: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(n,) 1 where the nearest surface lies straight above or below (``up`` on the grid), 0 where it lies aside."""
    slopes = [slope[inside] for slope in np.gradient(depth)]
    along = sum(part * np.float32(share) for part, share in zip(slopes, up, strict=True))
    return np.abs(along) / np.maximum(np.sqrt(sum(part**2 for part in slopes)), 1e-6)


def _blended(below: np.ndarray, thickness: np.ndarray, spongiosa: np.ndarray, spacing: float) -> np.ndarray:
    """Each voxel's share of bone: how much of it is cortex, and how much spongiosa."""
    inside, deep = _step(below / spacing), _step((below - thickness) / spacing)
    return (inside - deep + spongiosa * deep).astype(np.float32)


def _step(voxels: np.ndarray) -> np.ndarray:
    """From 0 to 1 across a surface, a Gaussian's integral.

    A voxel's own box leaves contour lines on an endplate that lies aslant to the grid and that the beam grazes.
    """
    return ndtr(voxels / EDGE_VOXELS)


def signed_depth(vertices: np.ndarray, faces: np.ndarray, volume: Volume) -> np.ndarray:
    """(x, y, z) float32 mm below a closed surface on a volume's grid, negative outside; to about 0.05 mm near it.

    Raises:
        ValueError: no voxel is inside.
    """
    spacing, origin = float(volume.voxel_to_world[0, 0]), volume.voxel_to_world[:3, 3]
    mask = inside_mask(vertices, faces, origin, volume.values.shape, spacing)
    if not mask.any():
        raise ValueError(f"got a surface that holds no voxel of {spacing:g} mm; expected one that holds some")
    inner = np.asarray(distance_transform_edt(mask), dtype=np.float32)
    outer = np.asarray(distance_transform_edt(~mask), dtype=np.float32)
    depth = gaussian_filter(np.where(mask, inner - 0.5, 0.5 - outer) * np.float32(spacing), 0.8)
    # Voxels know the surface to a tenth of a millimetre, in steps; a thin cortex made of that shows contour lines.
    near = (depth > -(REACH + 0.3) * spacing) & (depth < CORTEX_MOST_MM + REACH * spacing)
    exact = height_below(np.argwhere(near) * spacing + origin, vertices, faces)
    depth[near] = np.where(np.abs(exact - depth[near]) < 0.5, exact, depth[near])
    return depth
