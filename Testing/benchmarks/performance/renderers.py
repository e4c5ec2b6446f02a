"""Our splats beside renderers that march rays, how they grow, and how near they are to what the machine could do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from SpineDARTLib.atlas import load_model
from SpineDARTLib.config import Renderer, RenderSettings
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.geometry.camera import c_arm_camera
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.render import Detectors, Gaussians
from SpineDARTLib.render.projection import project_gaussians
from SpineDARTLib.render.splatting import FOOTPRINTS, conics_and_radii
from SpineDARTLib.types import LEVELS, Vertebra, View
from Testing.benchmarks.renderer import DISTANCES_MM, LEVEL, Picture, cameras, measure, ray_renderer, splat_renderer

from .measuring import Clock, both_ways
from .outside import diffdrr_renderer

FIELD_MM = 160.0
"""What a picture shows of the patient, side, whatever its pixels."""
HEIGHT_MM = 32.0
"""Between two vertebrae of the column that is drawn."""

FORWARD_FLOP, BACKWARD_FLOP = 14, 13
"""For each pixel of each footprint: six multiplications and additions of the exponent (and of the moments), the
exponential counted as one, and the products with peak and gradient."""
FORWARD_BYTES, BACKWARD_BYTES = 24, 16
"""Likewise: the value written and read again, its place (eight bytes) written and read; the value, the gradient
gathered and their product. What fits into a cache costs less, so that this is an estimate."""


@dataclass(frozen=True)
class Problem:
    """What is drawn: ``vertebrae`` of a column in ``starts`` positions on ``views`` square pictures."""

    splats: int = 1500
    pixels: int = 128
    views: int = 2
    starts: int = 1
    vertebrae: int = 1


GROWTH: Mapping[str, tuple[int, ...]] = {
    "splats": (300, 600, 1500, 3000),
    "pixels": (64, 128, 256, 512),
    "views": (2, 4, 8),
    "starts": (1, 4, 16, 64, 256),
    "vertebrae": (1, 3, 5, 9),
}
STARTS_ARE = Problem(splats=600, pixels=80)
"""As the fit's first stage, the only one that has many starts."""
QUICK_GROWTH: Mapping[str, tuple[int, ...]] = {name: sizes[:2] for name, sizes in GROWTH.items()}


def backends(device: str) -> tuple[Renderer, ...]:
    """Ours that can draw there."""
    return ("torch", "gsplat") if device == "cuda" and find_spec("gsplat") else ("torch",)


def beside_others(clock: Clock, size: int, samples: int, repeats: int) -> dict[str, Any]:
    """One vertebra on two pictures, forward and backward to its pose, by each renderer that there is; in turns."""
    model = load_model(LEVEL)
    mesh = model.means[LEVEL], np.asarray(model.faces, dtype=np.int64)
    detectors = cameras(size, clock.device)
    pictures: dict[str, Picture] = {}
    missing: dict[str, str] = {}
    splats = 0
    for backend in backends(clock.device):
        pictures[f"splats-{backend}"], splats = splat_renderer(*mesh, detectors, backend)
    pictures["nanodrr"], volume = ray_renderer(*mesh, detectors, samples)
    for kind in ("trilinear", "siddon"):
        try:
            pictures[f"diffdrr-{kind}"] = diffdrr_renderer(*mesh, detectors, samples, kind)
        except ImportError as error:
            missing[f"diffdrr-{kind}"] = f"not measured: {error} (pip install diffdrr)"
    still = [torch.zeros(3, device=clock.device)] * 2
    with torch.no_grad():
        drawn = {name: picture(*still).flatten() for name, picture in pictures.items()}
    same = {name: torch.corrcoef(torch.stack([one, drawn["splats-torch"]]))[0, 1].item() for name, one in drawn.items()}
    rows = measure(pictures, detectors, repeats, clock)
    rows = {name: row | {"correlation": same[name]} for name, row in rows.items()}
    ours = rows["splats-torch"]["total_s"]
    ratios = {f"{name} / splats-torch": row["total_s"] / ours for name, row in rows.items() if name != "splats-torch"}
    told = {"size": size, "samples": samples, "splats": splats, "volume": [int(side) for side in volume]}
    return {**told, "renderers": rows, "missing": missing, "ratios": ratios}


def growth(clock: Clock, backend: Renderer, sizes: Mapping[str, tuple[int, ...]], repeats: int) -> dict[str, Any]:
    """Axis to seconds, memory and roofline at each size, and the power that seconds grow with from first to last."""
    found = {}
    for axis, values in sizes.items():
        base = STARTS_ARE if axis == "starts" else Problem()
        rows = [{"size": value, **drawn(replace(base, **{axis: value}), clock, backend, repeats)} for value in values]
        times = rows[-1]["total_s"] / rows[0]["total_s"]
        power = math.log(times) / math.log(rows[-1]["size"] / rows[0]["size"])
        found[axis] = {"rows": rows, "power": power, "times": times}
    return found


def drawn(problem: Problem, clock: Clock, backend: Renderer, repeats: int) -> dict[str, Any]:
    """Seconds both ways and memory of the fit's own scene, and how many footprint pixels it had."""
    levels = LEVELS[-problem.vertebrae - 1 : -1] if problem.vertebrae > 1 else (LEVEL,)
    models = load_models()
    scene = Scene(levels, models, RenderSettings(), device=clock.device)
    scene.gather(problem.splats)
    middle = (len(levels) - 1) / 2
    poses = [np.eye(4) for _ in levels]
    for place, pose in enumerate(poses):
        pose[2, 3] = HEIGHT_MM * (middle - place)
    ranks = np.zeros(8)
    column = [Vertebra(level, pose, 1.0, ranks) for level, pose in zip(levels, poses, strict=True)]
    one = parameters_of(column, len(ranks), device=clock.device)
    parameters = one.rebased(torch.zeros(problem.starts, len(levels), dtype=torch.long, device=clock.device))
    detectors = around(problem, clock.device)
    wanted = [part.requires_grad_() for part in parameters.tensors()[:4]]

    def picture() -> tuple[torch.Tensor, list[torch.Tensor]]:
        return scene.pictures(parameters, detectors, backend), wanted

    found = both_ways(picture, clock, repeats)
    with torch.no_grad():
        parts = [family.gaussians(one) for family in scene.families]
        pixels = problem.starts * sum(footprint_pixels(part, detectors) for part in parts)
    return {**found, "footprint_pixels": pixels}


def around(problem: Problem, device: str) -> Detectors:
    """Views spread evenly from AP to lateral and beyond, ``FIELD_MM`` wide at the patient."""
    size = problem.pixels
    spacing = (FIELD_MM / size * DISTANCES_MM[0] / DISTANCES_MM[1],) * 2
    blank = np.zeros((size, size), dtype=np.float32)
    angles = [180.0 * place / problem.views for place in range(problem.views)]
    poses = [c_arm_camera(angle, 3.0, *DISTANCES_MM, spacing, (size, size)) for angle in angles]
    views = [
        View(f"{angle:g}", blank, *pose, spacing, DISTANCES_MM[0]) for angle, pose in zip(angles, poses, strict=True)
    ]
    return Detectors.of(views, device=device)


def footprint_pixels(gaussians: Gaussians, detectors: Detectors) -> int:
    """Of all footprints that the torch backend adds up, one start, all members."""
    flat = Gaussians(gaussians.means.flatten(0, 1), gaussians.covariances.flatten(0, 1), gaussians.masses.flatten(0, 1))
    _, covariances, _ = project_gaussians(flat, detectors.intrinsics, detectors.world_to_camera, 0.5)
    _, radii = conics_and_radii(covariances.flatten(0, 1))
    sides = torch.tensor(FOOTPRINTS, dtype=radii.dtype, device=radii.device)
    smallest = torch.bucketize(2 * radii.clamp(max=FOOTPRINTS[-1] / 2 - 1).flatten() + 1, sides)
    return int(sides[smallest.clamp(max=len(FOOTPRINTS) - 1)].square().sum())


def roofline(row: Mapping[str, Any], peaks: Mapping[str, float]) -> dict[str, float]:
    """The least seconds that the machine's arithmetic and memory would need for the footprints, and our share of it."""
    pixels = row["footprint_pixels"]

    def least(flop: int, size: int) -> float:
        return pixels * max(flop / peaks["flop_per_s"], size / peaks["bytes_per_s"])

    forward, backward = least(FORWARD_FLOP, FORWARD_BYTES), least(BACKWARD_FLOP, BACKWARD_BYTES)
    reached = (forward + backward) / row["total_s"]
    return {"least_forward_s": forward, "least_backward_s": backward, "reached": reached}
