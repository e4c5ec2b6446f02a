"""DiffDRR's renderer in the cameras of ours, where it is installed (``pip install diffdrr``)."""

from __future__ import annotations

import numpy as np
import roma
import torch
from torch import Tensor

from SpineDARTLib.render import Detectors
from Testing.benchmarks.renderer import DISTANCES_MM, Picture, paint


def diffdrr_renderer(
    vertices: np.ndarray, faces: np.ndarray, detectors: Detectors, samples: int, kind: str = "trilinear"
) -> Picture:
    """A picture of the volume that is painted from the mesh.

    Args:
        samples: along each ray; "siddon" takes as many as there are voxels on its way.
        kind: "trilinear" or "siddon".

    Raises:
        ImportError: DiffDRR is not installed.
    """
    from diffdrr.drr import DRR  # pyright: ignore[reportMissingImports]
    from diffdrr.pose import RigidTransform  # pyright: ignore[reportMissingImports]
    from torchio import ScalarImage, Subject

    device = detectors.intrinsics.device
    painted, origin = paint(vertices, faces)
    affine = np.eye(4)
    affine[:3, 3] = origin
    volume = ScalarImage(tensor=torch.as_tensor(painted, dtype=torch.float32)[None], affine=affine)
    subject = Subject(volume=volume, density=volume, mask=None, reorient=torch.eye(4), fiducials=None)
    spacing = DISTANCES_MM[0] / float(detectors.intrinsics[0, 0, 0])
    drr = DRR(subject, DISTANCES_MM[0], detectors.height, spacing, detectors.width, renderer=kind).to(device)
    turned = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0], device=device))  # its rows and columns run the other way
    more = {"n_points": samples} if kind == "trilinear" else {}

    def picture(rotation: Tensor, translation: Tensor) -> Tensor:
        pose = torch.cat([roma.rotvec_to_rotmat(rotation), translation[:, None]], dim=1)
        pose = torch.cat([pose, pose.new_tensor([[0.0, 0.0, 0.0, 1.0]])])
        camera_to_model = (detectors.world_to_camera @ pose).inverse() @ turned
        return drr(RigidTransform(camera_to_model), **more)[:, 0]

    return picture
