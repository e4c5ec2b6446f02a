"""Grey values of simulated X-rays beside X-rays made from CT: gradients, power spectrum, contrast of bone edges.

    python Testing/benchmarks/simulator_statistics.py SIMULATED CT_MADE --out FIGURE.png

Both are folders of case folders with ``truth/``. All pictures are read as a fit reads them (log-attenuation, bone
bright) and brought to one scale: the median and the interquartile range of their exposed field.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy import ndimage
from tyro.conf import Positional

from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.simulate.imaging.silhouettes import silhouette
from SpineDARTLib.types import View

SIDE_MM = 1.0
"""From a silhouette's edge to where inside and outside are read, at the vertebra."""
BAND = (0.02, 0.25)
"""Cycles a pixel between which the power spectrum's slope is fitted."""
FREQUENCIES = np.geomspace(0.006, 0.5, 26)
GRADIENTS = np.geomspace(1e-4, 1.0, 60)


@dataclass(frozen=True)
class Statistics:
    """Of one picture: histogram of gradients (density over log), power by frequency, its slope, contrast of edges."""

    gradients: np.ndarray
    power: np.ndarray
    slope: float
    contrast: float
    noise: float


def exposed(view: View) -> np.ndarray:
    """(height, width) bool: neither behind blades nor saturated, away from both by some pixels."""
    flat = ndimage.maximum_filter(view.image, 5) - ndimage.minimum_filter(view.image, 5) < 1e-6
    return np.logical_not(ndimage.binary_dilation(flat, iterations=6))


def statistics(view: View, surfaces: Sequence[tuple[np.ndarray, np.ndarray]]) -> Statistics | None:
    """Of one picture; None where less than a third of it is exposed."""
    field = exposed(view)
    if field.mean() < 1 / 3:
        return None
    low, middle, high = np.percentile(view.image[field], [25, 50, 75])
    image = (view.image - middle) / max(high - low, 1e-6)
    down, right = np.gradient(ndimage.gaussian_filter(image, 1.0))
    slopes = np.hypot(down, right)[field]
    histogram = np.histogram(slopes, GRADIENTS)[0] / len(slopes)
    power, slope = _spectrum(np.where(field, image, 0.0))
    noise = np.median(np.abs((image - ndimage.gaussian_filter(image, 1.0))[field])) / 0.6745
    return Statistics(histogram, power, slope, _edges(view, image, field, surfaces), float(noise))


def _spectrum(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Power by frequency (mean over directions) and the slope of its logarithm."""
    height, width = image.shape
    windowed = image * np.hanning(height)[:, None] * np.hanning(width)[None]
    power = np.abs(np.fft.fft2(windowed)) ** 2 / image.size
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    bins = np.digitize(radius.ravel(), FREQUENCIES)
    total = np.bincount(bins, power.ravel(), len(FREQUENCIES) + 1)
    mean = (total / np.maximum(np.bincount(bins, minlength=len(FREQUENCIES) + 1), 1))[1:-1]
    middles = np.sqrt(FREQUENCIES[1:] * FREQUENCIES[:-1])
    used = (middles > BAND[0]) & (middles < BAND[1]) & (mean > 0)
    return mean, float(np.polyfit(np.log(middles[used]), np.log(mean[used]), 1)[0])


def _edges(
    view: View, image: np.ndarray, field: np.ndarray, surfaces: Sequence[tuple[np.ndarray, np.ndarray]]
) -> float:
    """Median over the silhouettes' edges of inside minus outside."""
    differences = []
    step = SIDE_MM * 1.9 / view.pixel_spacing_mm[0]
    for vertices, faces in surfaces:
        crop = silhouette(vertices, faces, view).mask
        whole = np.zeros(image.shape, dtype=bool)
        rows, columns = crop.values.shape
        whole[crop.row : crop.row + rows, crop.column : crop.column + columns] = crop.values
        if not whole.any() or whole.all():
            continue
        depth = np.asarray(ndimage.distance_transform_edt(whole)) - np.asarray(ndimage.distance_transform_edt(~whole))
        edge = np.argwhere((np.abs(depth) <= 1.0) & whole & field)
        down, right = np.gradient(ndimage.gaussian_filter(depth, 2.0))
        normal = np.stack([down, right], axis=-1)[tuple(edge.T)]
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        inside, outside = (
            ndimage.map_coordinates(image, (edge + sign * step * normal).T, order=1, mode="nearest") for sign in (1, -1)
        )
        differences.append(inside - outside)
    return float(np.median(np.concatenate(differences))) if differences else np.nan


def of_folder(folder: Path) -> list[Statistics]:
    """Of every picture of every case in a folder whose name has no trailing p (bone painted from a mask)."""
    found = []
    for case_file in sorted(folder.glob("*/case.json")):
        name = case_file.parent.name.split("-")[0]
        if name.startswith("verse") and "p" in name:
            continue
        case, truth = read_case(case_file.parent), read_truth(case_file.parent)
        found += [statistics(view, list(truth.surfaces.values())) for view in case.views]
    return [one for one in found if one is not None]


def draw(groups: dict[str, list[Statistics]], out: Path) -> None:
    """Three panels: gradients, spectra, contrast."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.5), constrained_layout=True)
    middles = np.sqrt(FREQUENCIES[1:] * FREQUENCIES[:-1])
    places = np.sqrt(GRADIENTS[1:] * GRADIENTS[:-1])
    for (name, found), colour in zip(groups.items(), ("tab:blue", "tab:orange"), strict=True):
        for axis, x, values in (
            (axes[0], places, [one.gradients for one in found]),
            (axes[1], middles, [one.power for one in found]),
        ):
            low, middle, high = np.percentile(values, [10, 50, 90], axis=0)
            axis.plot(x, middle, color=colour, label=f"{name} ({len(found)})")
            axis.fill_between(x, np.maximum(low, 1e-12), high, color=colour, alpha=0.2)
    axes[0].set(xscale="log", xlabel="gradient (interquartile ranges a pixel, blur 1 px)", ylabel="share of pixels")
    axes[1].set(xscale="log", yscale="log", xlabel="cycles a pixel", ylabel="power")
    names = list(groups)
    axes[2].boxplot([[o.contrast for o in groups[name] if np.isfinite(o.contrast)] for name in names])
    axes[2].set_xticks([1, 2], names)
    axes[2].set(ylabel=f"bone edge: {SIDE_MM:g} mm inside minus outside (interquartile ranges)")
    for axis in axes[:2]:
        axis.legend()
    figure.suptitle("Simulated X-rays beside X-rays made from CT: median and 10-90 % of pictures")
    figure.savefig(out, dpi=110)
    plt.close(figure)


def summary(found: Sequence[Statistics]) -> dict[str, list[float]]:
    """10th, 50th and 90th percentile of the scalars."""
    middle = np.sqrt(GRADIENTS[1:] * GRADIENTS[:-1])
    scalars = {
        "power_slope": [one.slope for one in found],
        "edge_contrast": [one.contrast for one in found],
        "noise": [one.noise for one in found],
        "median_gradient": [float(middle[np.searchsorted(np.cumsum(o.gradients), 0.5)]) for o in found],
    }
    return {name: np.round(np.nanpercentile(values, [10, 50, 90]), 4).tolist() for name, values in scalars.items()}


def main() -> None:
    """Command line."""

    def run(simulated: Positional[Path], ct_made: tyro.conf.Positional[Path], out: Path) -> None:
        """Compare two folders of cases and draw the figure."""
        groups = {"simulated": of_folder(simulated), "made from CT": of_folder(ct_made)}
        draw(groups, out)
        sys.stdout.write(json.dumps({name: summary(found) for name, found in groups.items()}, indent=1) + "\n")

    tyro.cli(run)


if __name__ == "__main__":
    main()
