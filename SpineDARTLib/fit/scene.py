"""Several vertebrae in several starts: parameters in, surfaces and pictures out, differentiable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Float
from scipy.sparse import csr_array, vstack
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
        self.inside = csr_array((weights.ravel(), (rows, indices.ravel())), shape=(len(indices), len(self.mean)))
        self.gather(len(self.mean))

    def gather(self, splats: int) -> None:
        """From now on at most that many cortical splats a vertebra: its vertices are gathered into clusters.

        Every splat's place is a weighted mean of vertices, so it has a mean and modes of its own.
        """
        labels = _clusters(self.mean, splats)
        self.clusters = torch.as_tensor(labels, device=self.means.device)
        self.splats = int(labels.max()) + 1
        surface = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
        rides = vstack([surface / np.bincount(labels)[:, None], self.inside]).tocsr()
        self.places, self.modes = (
            torch.stack([torch.as_tensor(rides @ one) for one in whole.double().cpu().numpy()]).to(whole)
            for whole in (self.means, self.basis)
        )
        self._shaped: tuple[Tensor, Tensor, Tensor] | None = None

    def vertices(self, parameters: Parameters) -> Float[Tensor, "starts members n 3"]:
        """RAS mm."""
        coefficients = parameters.coefficients[:, self.columns]
        rank = min(coefficients.shape[-1], len(self.basis))
        shape = self.means + torch.einsum("smk,knd->smnd", coefficients[..., :rank], self.basis[:rank])
        scale = parameters.log_scale[:, self.columns].exp()[..., None, None]
        rotated = shape @ parameters.rotations()[:, self.columns].transpose(-1, -2)
        return scale * rotated + parameters.translation_mm[:, self.columns, None]

    def gaussians(self, parameters: Parameters) -> Gaussians:
        """Cortical and trabecular splats, (starts, members, splats, ...)."""
        places, areas = self._shape(parameters.coefficients[:, self.columns])
        scale = parameters.log_scale[:, self.columns].exp()[..., None, None]
        turn = scale * parameters.rotations()[:, self.columns].transpose(-1, -2)
        places = places @ turn + parameters.translation_mm[:, self.columns, None]
        surface, inside = places[:, :, : self.splats], places[:, :, self.splats :]
        volumes = places.new_full(inside.shape[:-1], self.settings.interior_spacing_mm**3)
        shell = cortical(surface, areas @ (scale * turn), self.settings)
        return concatenate([shell, trabecular(inside, volumes, self.settings)])

    def _shape(self, coefficients: Float[Tensor, "starts members modes"]) -> tuple[Tensor, Tensor]:
        """Where splats are, cortical ones first, and the cortical ones' area vectors, in the model's frame; kept from
        one step to the next where no shape moves."""
        if self._shaped and not coefficients.requires_grad and torch.equal(self._shaped[0], coefficients):
            return self._shaped[1:]
        rank = min(coefficients.shape[-1], len(self.basis))
        vertices, places = (
            mean + torch.einsum("smk,knd->smnd", coefficients[..., :rank], modes[:rank])
            for mean, modes in ((self.means, self.basis), (self.places, self.modes))
        )
        areas = vertex_normals(vertices, self.faces)
        areas = areas.new_zeros(*areas.shape[:2], self.splats, 3).index_add(2, self.clusters, areas)
        self._shaped = None if coefficients.requires_grad else (coefficients, places, areas)
        return places, areas


def _clusters(mean: np.ndarray, most: int) -> np.ndarray:
    """(n,) cluster of each vertex; each its own where there are few enough.

    Centres by farthest-point sampling: spread evenly, and the same every time.
    """
    if len(mean) <= most:
        return np.arange(len(mean))
    chosen = np.zeros(most, dtype=np.int64)
    distance = np.full(len(mean), np.inf)
    for place in range(1, most):
        distance = np.minimum(distance, ((mean - mean[chosen[place - 1]]) ** 2).sum(1))
        chosen[place] = distance.argmax()
    return np.asarray(KDTree(mean[chosen]).query(mean)[1])


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
            splats = family.gaussians(parameters)
            starts, members = splats.masses.shape[:2]
            flat = Gaussians(splats.means.flatten(0, 1), splats.covariances.flatten(0, 1), splats.masses.flatten(0, 1))
            pictures = render(flat, detectors, backend)  # type: ignore[arg-type]
            parts.append(pictures.view(starts, members, *pictures.shape[1:]))
            columns += family.columns
        order = torch.argsort(torch.as_tensor(columns, device=parts[0].device))
        shown = torch.where(self.asked, 1.0, torch.sigmoid(parameters.presence))
        return torch.cat(parts, dim=1)[:, order] * shown[..., None, None, None]
