"""Several vertebrae in several starts: parameters in, surfaces and pictures out, differentiable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from ..atlas.model import ShapeModel
from ..config import RenderSettings
from ..render import Detectors, Gaussians, render
from ..render.gaussians import concatenate, cortical, interior_points, trabecular, vertex_normals
from ..types import Vertebra

LIKELY = 1.0
"""Logit of the presence of a neighbour before the picture was looked at: it shows on three X-rays of four."""


@dataclass
class Parameters:
    """What the optimiser moves; one row a start, one column a vertebra.

    A pose is a rotation ``exp(rotation) @ base_rotation`` and a translation: steps are taken on the tangent space at
    the base, which ``rebased`` moves along.
    """

    base_rotation: Float[Tensor, "starts vertebrae 3 3"]
    rotation: Float[Tensor, "starts vertebrae 3"]
    translation_mm: Float[Tensor, "starts vertebrae 3"]
    log_scale: Float[Tensor, "starts vertebrae"]
    coefficients: Float[Tensor, "starts vertebrae modes"]
    presence: Float[Tensor, "starts vertebrae"]

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What has a gradient, in the order rotation, translation, log scale, coefficients, presence."""
        return self.rotation, self.translation_mm, self.log_scale, self.coefficients, self.presence

    def rotations(self) -> Tensor:
        """(starts, vertebrae, 3, 3)."""
        return roma.rotvec_to_rotmat(self.rotation) @ self.base_rotation

    def rebased(self, rows: Tensor | None = None) -> Parameters:
        """A copy without gradient history whose base is the present pose; ``rows`` (starts, vertebrae) picks, for each
        vertebra on its own, which old start each new one takes."""
        with torch.no_grad():
            rotations = self.rotations()
            if rows is None:
                rows = torch.arange(len(rotations), device=rotations.device)[:, None].expand(rotations.shape[:2])
            columns = torch.arange(rotations.shape[1], device=rotations.device)
            base = rotations[rows, columns]
            parts = [part[rows, columns].clone() for part in (*self.tensors()[1:],)]
            return Parameters(base, torch.zeros_like(parts[0]), *parts)


def parameters_of(
    vertebrae: Sequence[Vertebra], rank: int, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Parameters:
    """One start from vertebrae."""

    def stack(values: Sequence[np.ndarray | float]) -> Tensor:
        return torch.as_tensor(np.stack(values)[None], dtype=dtype, device=device)

    coefficients = [np.resize(np.append(v.coefficients, np.zeros(rank)), rank) for v in vertebrae]
    return Parameters(
        stack([v.pose[:3, :3] for v in vertebrae]),
        torch.zeros(1, len(vertebrae), 3, dtype=dtype, device=device),
        stack([v.pose[:3, 3] for v in vertebrae]),
        stack([np.log(v.scale) for v in vertebrae]),
        stack(coefficients),
        torch.full((1, len(vertebrae)), LIKELY, dtype=dtype, device=device),
    )


def joined(*parts: Parameters) -> Parameters:
    """The starts of all."""
    names = ("base_rotation", "rotation", "translation_mm", "log_scale", "coefficients", "presence")
    return Parameters(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def vertebrae_of(levels: Sequence[str], parameters: Parameters, start: int) -> tuple[Vertebra, ...]:
    """The vertebrae of one start."""
    with torch.no_grad():
        poses = np.tile(np.eye(4), (len(levels), 1, 1))
        # Orthonormal again in float64: float32 leaves 1e-7.
        rotations = roma.special_procrustes(parameters.rotations()[start].double())
        assert isinstance(rotations, Tensor)
        poses[:, :3, :3] = rotations.cpu().numpy()
        poses[:, :3, 3] = parameters.translation_mm[start].double().cpu().numpy()
        scales = parameters.log_scale[start].double().exp().cpu().numpy()
        coefficients = parameters.coefficients[start].double().cpu().numpy()
    return tuple(
        Vertebra(level, pose, float(scale), coefficient)
        for level, pose, scale, coefficient in zip(levels, poses, scales, coefficients, strict=True)
    )


class Family:
    """The vertebrae of a scene that share one shape model, as tensors, with their splats.

    Args:
        model: shape model.
        levels: which of its levels, in the scene's order.
        columns: their places among the scene's vertebrae.
    """

    def __init__(
        self,
        model: ShapeModel,
        levels: Sequence[str],
        columns: Sequence[int],
        settings: RenderSettings,
        dtype: torch.dtype,
        device: str,
    ) -> None:
        self.columns = list(columns)
        self.settings = settings
        self.means = torch.as_tensor(np.stack([model.means[level] for level in levels]), dtype=dtype, device=device)
        self.basis = torch.as_tensor(model.basis, dtype=dtype, device=device)
        self.faces = torch.as_tensor(np.asarray(model.faces, dtype=np.int64), device=device)
        self.mean = np.mean([model.means[level] for level in levels], axis=0)
        indices, weights = interior_points(self.mean, model.faces, settings.interior_spacing_mm)
        rows = np.repeat(np.arange(len(indices)), indices.shape[1])
        self.inside = torch.sparse_coo_tensor(
            torch.as_tensor(np.stack([rows, indices.ravel()]), device=device),
            torch.as_tensor(weights.ravel(), dtype=dtype, device=device),
            (len(indices), len(self.mean)),
            check_invariants=True,
        ).coalesce()
        self.gather(len(self.mean))

    def gather(self, splats: int) -> None:
        """From now on at most that many cortical splats a vertebra: its vertices are gathered into clusters."""
        self.clusters, self.sizes = _clusters(self.mean, splats, self.means.dtype, str(self.means.device))

    def vertices(self, parameters: Parameters) -> Float[Tensor, "starts members n 3"]:
        """RAS mm."""
        coefficients = parameters.coefficients[:, self.columns]
        rank = min(coefficients.shape[-1], len(self.basis))
        shape = self.means + torch.einsum("smk,knd->smnd", coefficients[..., :rank], self.basis[:rank])
        scale = parameters.log_scale[:, self.columns].exp()[..., None, None]
        rotated = shape @ parameters.rotations()[:, self.columns].transpose(-1, -2)
        return scale * rotated + parameters.translation_mm[:, self.columns, None]

    def gaussians(self, vertices: Float[Tensor, "starts members n 3"]) -> Gaussians:
        """Cortical and trabecular splats, (starts, members, splats, ...)."""
        areas = vertex_normals(vertices, self.faces)
        surface = vertices
        if self.clusters is not None:
            gathered = areas.new_zeros(*areas.shape[:2], len(self.sizes), 3)
            areas = gathered.index_add(2, self.clusters, areas)
            surface = gathered.index_add(2, self.clusters, vertices) / self.sizes[:, None]
        # One sparse product for all starts and members: vertices first, everything else in columns.
        columns = vertices.movedim(2, 0)
        inside = torch.sparse.mm(self.inside, columns.flatten(1)).view(-1, *columns.shape[1:]).movedim(0, 2)
        volumes = vertices.new_full(inside.shape[:-1], self.settings.interior_spacing_mm**3)
        return concatenate([cortical(surface, areas, self.settings), trabecular(inside, volumes, self.settings)])


def _clusters(mean: np.ndarray, most: int, dtype: torch.dtype, device: str) -> tuple[Tensor | None, Tensor]:
    """Cluster of each vertex (n,) and vertices in each cluster; None where there are few enough vertices.

    Centres by farthest-point sampling: spread evenly, and the same every time.
    """
    if len(mean) <= most:
        return None, torch.ones(len(mean), dtype=dtype, device=device)
    chosen = np.zeros(most, dtype=np.int64)
    distance = np.full(len(mean), np.inf)
    for place in range(1, most):
        distance = np.minimum(distance, ((mean - mean[chosen[place - 1]]) ** 2).sum(1))
        chosen[place] = distance.argmax()
    labels = KDTree(mean[chosen]).query(mean)[1]
    sizes = np.bincount(labels, minlength=most)
    return torch.as_tensor(labels, device=device), torch.as_tensor(sizes, dtype=dtype, device=device)


class Scene:
    """All vertebrae of a case, rendered one by one onto the same detectors.

    Args:
        levels: the vertebrae, head to foot.
        models: level to its model.
        asked: those that are surely there; all of them when None.
    """

    def __init__(
        self,
        levels: Sequence[str],
        models: Mapping[str, ShapeModel],
        settings: RenderSettings,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        asked: Collection[str] | None = None,
    ) -> None:
        self.levels = tuple(levels)
        self.asked = torch.as_tensor([asked is None or level in asked for level in levels], device=device)
        groups: dict[int, list[int]] = {}
        for column, level in enumerate(levels):
            groups.setdefault(id(models[level]), []).append(column)
        self.families = [
            Family(models[levels[columns[0]]], [levels[c] for c in columns], columns, settings, dtype, device)
            for columns in groups.values()
        ]

    def gather(self, splats: int) -> None:
        """From now on at most that many cortical splats a vertebra."""
        for family in self.families:
            family.gather(splats)

    def pictures(
        self, parameters: Parameters, detectors: Detectors, backend: str
    ) -> Float[Tensor, "starts vertebrae views height width"]:
        """Optical depth of each vertebra on its own."""
        parts, columns = [], []
        for family in self.families:
            splats = family.gaussians(family.vertices(parameters))
            starts, members = splats.masses.shape[:2]
            flat = Gaussians(splats.means.flatten(0, 1), splats.covariances.flatten(0, 1), splats.masses.flatten(0, 1))
            pictures = render(flat, detectors, backend)  # type: ignore[arg-type]
            parts.append(pictures.view(starts, members, *pictures.shape[1:]))
            columns += family.columns
        order = torch.argsort(torch.as_tensor(columns, device=parts[0].device))
        shown = torch.where(self.asked, 1.0, torch.sigmoid(parameters.presence))
        return torch.cat(parts, dim=1)[:, order] * shown[..., None, None, None]
