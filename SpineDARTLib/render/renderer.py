"""One function that renders, whatever the backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import Renderer
from ..errors import InputError
from ..types import View
from .gaussians import Gaussians
from .projection import project_gaussians
from .splatting import conics_and_radii, splat_sum


@dataclass(frozen=True)
class Detectors:
    """The cameras and picture size of several views as tensors: what rendering needs, and no image.

    Attributes:
        intrinsics: (views, 3, 3) px.
        world_to_camera: (views, 4, 4) mm.
        height, width: of every picture, px.
    """

    intrinsics: Float[Tensor, "views 3 3"]
    world_to_camera: Float[Tensor, "views 4 4"]
    height: int
    width: int

    @classmethod
    def of(cls, views: Sequence[View], dtype: torch.dtype = torch.float32, device: str = "cpu") -> Detectors:
        """From views that all have pictures of the same size.

        Raises:
            ValueError: pictures of different sizes (crop them to one size first).
        """
        shapes = {view.image.shape for view in views}
        if len(shapes) != 1:
            raise ValueError(f"got pictures of the sizes {sorted(shapes)}; expected one size for all views")
        height, width = shapes.pop()
        intrinsics = torch.stack([torch.as_tensor(view.intrinsics, dtype=dtype, device=device) for view in views])
        motions = torch.stack([torch.as_tensor(view.world_to_camera, dtype=dtype, device=device) for view in views])
        return cls(intrinsics, motions, height, width)


def choose_backend(name: Renderer, device: torch.device) -> str:
    """ "torch" or "gsplat": by itself gsplat only where the Gaussians are on CUDA and the package is installed.

    Raises:
        InputError: gsplat was asked for and cannot be had; says what is missing.
    """
    if name == "torch" or (name == "auto" and device.type != "cuda"):
        return "torch"
    installed = find_spec("gsplat") is not None
    if name == "auto":
        return "gsplat" if installed else "torch"
    missing = f"it needs CUDA, and this runs on {device.type}" if device.type != "cuda" else ""
    missing = missing or ("" if installed else "it is not installed (pip install spinedart[cuda])")
    if missing:
        raise InputError("--renderer", "", "gsplat", f"torch or auto: gsplat cannot be had, {missing}")
    return "gsplat"


def render(
    gaussians: Gaussians, detectors: Detectors, backend: Renderer = "auto", blur_px: float = 0.5
) -> Float[Tensor, "*starts views height width"]:
    """Optical depth of the Gaussians on every detector: transmission would be exp(-picture).

    Args:
        gaussians: (n, ...) or (starts, n, ...).
        detectors: the cameras and the picture size.
        backend: "auto", "torch" (the reference) or "gsplat" (CUDA).
        blur_px: standard deviation of detector and focal-spot blur, pixels.

    Raises:
        InputError: gsplat was asked for where it cannot be had.
    """
    single = gaussians.means.ndim == 2
    if single:
        gaussians = Gaussians(gaussians.means[None], gaussians.covariances[None], gaussians.masses[None])
    centres, covariances, peaks = project_gaussians(gaussians, detectors.intrinsics, detectors.world_to_camera, blur_px)
    if choose_backend(backend, gaussians.means.device) == "gsplat":
        from .gsplat_backend import gsplat_sum as add_up
    else:
        add_up = torch_sum
    starts, views, splats = peaks.shape
    picture = add_up(
        centres.reshape(starts * views, splats, 2),
        covariances.reshape(starts * views, splats, 3),
        peaks.reshape(starts * views, splats),
        detectors.height,
        detectors.width,
    ).view(starts, views, detectors.height, detectors.width)
    return picture[0] if single else picture


def torch_sum(centres: Tensor, covariances: Tensor, peaks: Tensor, height: int, width: int) -> Tensor:
    """The reference: invert the covariances and add the footprints up."""
    conics, radii = conics_and_radii(covariances)
    return splat_sum(centres, conics, peaks, radii, height, width)
