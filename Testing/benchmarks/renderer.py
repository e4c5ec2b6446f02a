"""How fast two X-rays of a vertebra are rendered, forward and backward to its pose: our splats against nanodrr's rays.

    python Testing/benchmarks/renderer.py [--size 160] [--threads 1] [--samples 500] [--out renderer.json]

Both draw the atlas' mean L3 with the same cameras and picture size in the same process and number of threads: ours from
its surface and interior splats, nanodrr (torch backend) from a volume of 1 mm voxels painted from the same mesh.
Medians of wall-clock seconds after a warm-up, taken in turns. Exits with 1 where ours is less than ``--at-least`` times
faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before torch is there. Threads that wait by spinning take the core from the one that they wait for on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import roma
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineDARTLib.atlas import load_model
from SpineDARTLib.config import Renderer, RenderSettings
from SpineDARTLib.geometry.camera import c_arm_camera
from SpineDARTLib.render import Detectors, render
from SpineDARTLib.render.gaussians import concatenate, cortical, interior_points, trabecular, vertex_normals
from SpineDARTLib.types import View

LEVEL = "L3"
SETTINGS = RenderSettings()
DISTANCES_MM = (1020.0, 600.0)
PIXEL_MM = 1.0
MARGIN_MM = 10.0
"""Of the volume around the vertebra."""

Picture = Callable[[Tensor, Tensor], Tensor]
"""From a rotation vector and a translation (3,), mm, to (views, height, width)."""


def cameras(size: int, device: str = "cpu") -> Detectors:
    """Near AP and near lateral, ``PIXEL_MM`` a pixel at the vertebra."""
    spacing = (PIXEL_MM * DISTANCES_MM[0] / DISTANCES_MM[1],) * 2
    blank = np.zeros((size, size), dtype=np.float32)
    angles = {"AP": (4.0, 3.0), "LAT": (88.0, -4.0)}
    both = {name: c_arm_camera(*angle, *DISTANCES_MM, spacing, (size, size)) for name, angle in angles.items()}
    views = [View(name, blank, *camera, spacing, DISTANCES_MM[0]) for name, camera in both.items()]
    return Detectors.of(views, device=device)


def splat_renderer(
    vertices: np.ndarray, faces: np.ndarray, detectors: Detectors, backend: Renderer = "torch"
) -> tuple[Picture, int]:
    """Ours, and how many splats it has."""
    device = detectors.intrinsics.device
    points = torch.as_tensor(vertices, dtype=torch.float32, device=device)
    triangles = torch.as_tensor(faces, device=device)
    spacing = SETTINGS.interior_spacing_mm
    indices, weights = interior_points(vertices, faces, spacing)
    inside = (points[indices] * torch.as_tensor(weights, dtype=torch.float32, device=device)[..., None]).sum(1)
    volumes = torch.full((len(inside),), spacing**3, device=device)

    def picture(rotation: Tensor, translation: Tensor) -> Tensor:
        turn = roma.rotvec_to_rotmat(rotation).T
        moved, within = points @ turn + translation, inside @ turn + translation
        shell = cortical(moved, vertex_normals(moved, triangles), SETTINGS)
        return render(concatenate([shell, trabecular(within, volumes, SETTINGS)]), detectors, backend)

    return picture, len(points) + len(inside)


def ray_renderer(vertices: np.ndarray, faces: np.ndarray, detectors: Detectors, samples: int) -> tuple[Picture, tuple]:
    """nanodrr's torch backend on a painted volume, and the volume's shape."""
    from nanodrr.data import Subject
    from nanodrr.drr import render as nanodrr_render
    from torchio import ScalarImage

    device = detectors.intrinsics.device
    volume, origin = paint(vertices, faces)
    affine = np.eye(4)
    affine[:3, 3] = origin
    image = ScalarImage(tensor=torch.as_tensor(volume, dtype=torch.float32)[None], affine=affine)
    subject = Subject.from_images(image, convert_to_mu=False).to(device)
    intrinsics = detectors.intrinsics.clone()
    intrinsics[:, :2, 2] += 0.5  # nanodrr's pixel centres are at halves
    inverse, to_camera = intrinsics.inverse(), detectors.world_to_camera
    distances = torch.full((len(intrinsics),), DISTANCES_MM[0], device=device)

    def picture(rotation: Tensor, translation: Tensor) -> Tensor:
        pose = torch.cat([roma.rotvec_to_rotmat(rotation), translation[:, None]], dim=1)
        pose = torch.cat([pose, pose.new_tensor([[0.0, 0.0, 0.0, 1.0]])])
        size = (detectors.height, detectors.width)
        camera_to_model = (to_camera @ pose).inverse()
        return nanodrr_render(subject, inverse, camera_to_model, distances, *size, samples, backend="torch")[:, 0]

    return picture, volume.shape


def paint(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attenuation (x, y, z) in 1 mm voxels and the first voxel's centre: the shell's and the spongy bone's, as ours."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

    surface, points, cells = vtk.vtkPolyData(), vtk.vtkPoints(), vtk.vtkCellArray()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(vertices, dtype=np.float64), deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(np.ascontiguousarray(faces, dtype=np.int64).ravel(), deep=True))
    surface.SetPoints(points)
    surface.SetPolys(cells)
    distance = vtk.vtkImplicitPolyDataDistance()
    distance.SetInput(surface)
    origin = np.floor(vertices.min(0) - MARGIN_MM)
    shape = tuple(np.ceil(vertices.max(0) + MARGIN_MM - origin).astype(int) + 1)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3) + origin
    signed = vtk.vtkDoubleArray()
    distance.FunctionValue(numpy_to_vtk(np.ascontiguousarray(grid), deep=True), signed)
    depth = -vtk_to_numpy(signed).reshape(shape)  # positive inside
    # Over one voxel's width a surface passes from empty to full.
    bone, marrow = (np.clip(depth - inset + 0.5, 0.0, 1.0) for inset in (0.0, SETTINGS.cortical_thickness_mm))
    cortex = SETTINGS.cortical_attenuation_per_mm * (bone - marrow)
    return cortex + SETTINGS.trabecular_attenuation_per_mm * bone, origin


def measure(
    pictures: dict[str, Picture], detectors: Detectors, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, dict[str, float]]:
    """Name to median seconds forward and backward; the methods take turns, so that the machine is the same for both."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in pictures}
    device = detectors.intrinsics.device
    weights = torch.randn(2, detectors.height, detectors.width, generator=torch.Generator().manual_seed(0)).to(device)
    for turn in range(repeats + 1):
        for name, picture in pictures.items():
            pose = [torch.full((3,), value, device=device, requires_grad=True) for value in (0.01, 0.0)]
            start = clock()
            loss = (weights * picture(*pose)).sum()
            between = clock()
            loss.backward()
            if turn:  # the first is the warm-up
                times[name].append((between - start, clock() - between))
    medians = {name: [statistics.median(part) for part in zip(*rows, strict=True)] for name, rows in times.items()}
    return {name: {"forward_s": a, "backward_s": b, "total_s": a + b} for name, (a, b) in medians.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--samples", type=int, default=500, help="of nanodrr along each ray; 500 is its default")
    parser.add_argument("--at-least", type=float, default=15.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(LEVEL)
    mesh = model.means[LEVEL], np.asarray(model.faces, dtype=np.int64)
    detectors = cameras(options.size)
    ours, splats = splat_renderer(*mesh, detectors)
    theirs, shape = ray_renderer(*mesh, detectors, options.samples)
    still = torch.zeros(3), torch.zeros(3)
    agreement = torch.corrcoef(torch.stack([ours(*still).flatten(), theirs(*still).flatten()]))[0, 1].item()
    rows = measure({"splats": ours, "nanodrr": theirs}, detectors, options.repeats)
    ratio = rows["nanodrr"]["total_s"] / rows["splats"]["total_s"]
    print(f"{'':10}{'forward ms':>12}{'backward ms':>13}{'together ms':>13}")
    for name, row in rows.items():
        print(f"{name:10}{1e3 * row['forward_s']:12.1f}{1e3 * row['backward_s']:13.1f}{1e3 * row['total_s']:13.1f}")
    volume = " x ".join(str(side) for side in shape)
    print(f"{splats} splats; {volume} voxels, {options.samples} samples a ray; {options.threads} threads")
    print(f"correlation of the two pictures {agreement:.3f}")
    print(f"splats are {ratio:.1f} times faster (at least {options.at_least:g} wanted)")
    if options.out:
        result = {"splats": splats, "volume": [int(n) for n in shape], "samples": options.samples, "size": options.size}
        result |= {"threads": options.threads, "ncc": agreement, "ratio": ratio, "times": rows}
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if ratio >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
