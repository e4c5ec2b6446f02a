"""Covariance matrix adaptation: how a distribution moves and changes its shape after the best of a generation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Cloud:
    """One vertebra's distribution (Hansen's tutorial, arXiv 1604.00772, with its default constants)."""

    mean: np.ndarray
    covariance: np.ndarray
    sigma: float
    path: np.ndarray
    sigma_path: np.ndarray


def adapt(cloud: Cloud, steps: np.ndarray, weights: np.ndarray, mass: float) -> None:
    """Move and reshape a distribution after the best of a generation."""
    n = len(cloud.mean)
    c_sigma = (mass + 2) / (n + mass + 5)
    damp = 1 + 2 * max(0.0, np.sqrt((mass - 1) / (n + 1)) - 1) + c_sigma
    c_path = (4 + mass / n) / (n + 4 + 2 * mass / n)
    c_one = 2 / ((n + 1.3) ** 2 + mass)
    c_mu = min(1 - c_one, 2 * (mass - 2 + 1 / mass) / ((n + 2) ** 2 + mass))
    step = weights @ steps
    values, vectors = np.linalg.eigh(cloud.covariance)
    white = vectors @ ((vectors.T @ step) / np.sqrt(np.maximum(values, 1e-12)))
    cloud.mean = cloud.mean + cloud.sigma * step
    cloud.sigma_path = (1 - c_sigma) * cloud.sigma_path + np.sqrt(c_sigma * (2 - c_sigma) * mass) * white
    cloud.path = (1 - c_path) * cloud.path + np.sqrt(c_path * (2 - c_path) * mass) * step
    spread = np.einsum("k,ki,kj->ij", weights, steps, steps)
    kept = (1 - c_one - c_mu) * cloud.covariance
    cloud.covariance = kept + c_one * np.outer(cloud.path, cloud.path) + c_mu * spread
    expected = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
    cloud.sigma *= float(np.exp((c_sigma / damp) * (np.linalg.norm(cloud.sigma_path) / expected - 1)))
