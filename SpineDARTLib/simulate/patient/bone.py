"""A closed surface filled with bone: a cortex of varying thickness around spongiosa with its trabeculae."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.special import ndtr

from ..draw import Range, uniform
from ..nouns import TrueVertebra, Volume
from .grids import empty_volume, height_below, inside_mask

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
NOISE_MM, NOISE_SIZE = 0.55, 96
"""Voxel and side of the block of noise; its smallest grains are about a trabecula's spacing, 1 mm."""


@dataclass(frozen=True)
class BoneSettings:
    """How bones differ between people.

    Attributes:
        spongiosa_mg_per_cm3: mineral of the body's spongiosa by quantitative CT; below 80 is osteoporosis, above 120
            normal (American College of Radiology 2018), young adults reach 200 and more.
        fractured_mg_per_cm3: of people who have osteoporotic fractures.
        cortex_mm: of the body's wall at no density and at 200 mg/cm3; walls measure 0.2 to 0.5 mm, and up to 1 mm with
            the dense trabeculae below them, which no X-ray tells apart (Ritzel et al., J Bone Miner Res 1997; 12:89).
        posterior_factor: how much thicker the cortex of pedicles and arch is than the body's wall.
        roughness: deviation of the spongiosa's density from place to place, as a share of it, in dense and in
            osteoporotic bone.
        sclerosis: how much denser than usual the layer below the endplates may be.
    """

    spongiosa_mg_per_cm3: Range = (60.0, 230.0)
    fractured_mg_per_cm3: Range = (45.0, 125.0)
    cortex_mm: Range = (0.3, 0.75)
    posterior_factor: Range = (1.5, 2.3)
    roughness: Range = (0.18, 0.45)
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

    cortex_mm: float = 0.6
    posterior_factor: float = 1.9
    spongiosa: float = 0.11
    roughness: float = 0.3
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
    """

    axes: np.ndarray
    centre_mm: np.ndarray
    half_mm: np.ndarray
    impaction: float = 0.0


def draw_quality(settings: BoneSettings, generator: np.random.Generator, fractured: bool = False) -> BoneQuality:
    """One person's bone; who has little spongiosa has a thin cortex and only vertical trabeculae left."""
    mineral = uniform(generator, settings.spongiosa_mg_per_cm3)
    low, high = settings.fractured_mg_per_cm3
    mineral = float(np.interp(mineral, settings.spongiosa_mg_per_cm3, (low, high))) if fractured else mineral
    health = float(np.clip((mineral - 40.0) / 160.0 + 0.12 * generator.standard_normal(), 0.0, 1.0))
    return BoneQuality(
        cortex_mm=float(np.interp(health, (0, 1), settings.cortex_mm)),
        posterior_factor=uniform(generator, settings.posterior_factor),
        spongiosa=mineral / DENSE_MG_PER_CM3,
        roughness=float(np.interp(health, (0, 1), settings.roughness[::-1])),
        vertical=1.0 - health,
        sclerosis=uniform(generator, settings.sclerosis) ** 2,
    )


def fill_vertebra(
    vertebra: TrueVertebra, quality: BoneQuality, generator: np.random.Generator, spacing_mm: float = 0.7
) -> Volume:
    """The bone of a vertebra: thin walls, distinct endplates, a thick arch; see ``fill_bone``."""
    marks = vertebra.landmarks
    up = marks["body_superior"] - marks["body_inferior"]
    front = marks["body_anterior"] - marks["body_posterior"]
    centre = (marks["body_superior"] + marks["body_inferior"] + marks["body_anterior"] + marks["body_posterior"]) / 4
    half = np.array([np.linalg.norm(front), np.linalg.norm(up)]) / 2
    build = Build(vertebra.vertebra.pose[:3, :3].T, centre, half, vertebra.height_loss if vertebra.fracture else 0.0)
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
    pad = 3.0 * spacing_mm
    volume = empty_volume(vertices.min(0) - pad, vertices.max(0) + pad, spacing_mm, "bone")
    depth = signed_depth(vertices, faces, volume)
    inside = depth > -REACH * spacing_mm
    below = depth[inside]
    world = np.argwhere(inside).astype(np.float32) * np.float32(spacing_mm) + volume.voxel_to_world[:3, 3]
    axes = np.eye(3) if build is None else build.axes
    local = (world @ axes.T).astype(np.float32)
    stretch = np.array([1.0, 1.0, 1.0 + 2.5 * quality.vertical])
    fine, coarse = _noise(local / stretch, generator), _noise(local / 6.0, generator)
    if build is None:
        thickness, gain = np.full_like(below, quality.cortex_mm * quality.posterior_factor / 1.4), np.ones_like(below)
    else:
        upright = _upright(depth, build.axes[2], inside)
        thickness, gain = _built(local - build.axes @ build.centre_mm, upright, quality, build)
    thickness = np.minimum(thickness * np.clip(1.0 + 0.25 * coarse, 0.4, 1.8), CORTEX_MOST_MM)
    gain = gain * (1.0 + SUBCORTICAL_GAIN * np.exp(-np.maximum(below - thickness, 0.0) / SUBCORTICAL_MM))
    spongiosa = quality.spongiosa * gain * np.maximum(1.0 + quality.roughness * fine + 0.15 * coarse, 0.1)
    volume.values[inside] = _blended(below, thickness, spongiosa + MARROW_SHARE, spacing_mm)
    return volume


def _built(local: np.ndarray, upright: np.ndarray, quality: BoneQuality, build: Build) -> tuple[np.ndarray, np.ndarray]:
    """Thickness of the cortex (mm) and factor on the spongiosa, (n,) at points (n, 3) of the body's frame."""
    half_depth, half_height = build.half_mm
    arch = 1.0 / (1.0 + np.exp(np.clip((local[:, 1] + half_depth + 1.0) / 1.2, -30, 30)))
    endplate = np.clip((upright - 0.55) / 0.25, 0.0, 1.0) * (1.0 - arch)
    thickness = quality.cortex_mm * (1.0 + (quality.posterior_factor - 1.0) * arch)
    thickness += quality.cortex_mm * (0.6 + 1.0 * quality.sclerosis) * endplate
    # Under a broken endplate, the upper one as a rule, the spongiosa is pressed together.
    squeezed = np.exp(-(((half_height - local[:, 2] - 3.0) / 2.5) ** 2))
    squeezed = squeezed + 0.4 * np.exp(-(((half_height + local[:, 2] - 3.0) / 2.5) ** 2))
    height = np.clip(local[:, 2] / half_height, -1.0, 1.0)
    gain = (1.0 - arch) * (0.9 + 0.25 * height**2 + 6.0 * build.impaction * squeezed) + 1.6 * arch
    return thickness, gain


def _upright(depth: np.ndarray, up: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(n,) 1 where the nearest surface lies straight above or below, 0 where it lies aside, at the chosen voxels."""
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


@functools.cache
def _block() -> np.ndarray:
    """A cube of smooth noise of unit deviation, which goes on at its other side."""
    white = np.random.default_rng(20051).standard_normal((NOISE_SIZE,) * 3).astype(np.float32)
    smooth = gaussian_filter(white, 1.0, mode="wrap")
    return smooth / smooth.std()


def _noise(points_mm: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(n,) noise at points (n, 3): the block, somewhere in it and in one of its eight mirrorings."""
    offset = generator.uniform(0.0, NOISE_SIZE, 3)
    mirror = generator.choice([-1.0, 1.0], 3)
    places = (points_mm.T * (mirror / NOISE_MM)[:, None] + offset[:, None]).astype(np.float32)
    return map_coordinates(_block(), places, order=1, mode="grid-wrap", output=np.float32)
