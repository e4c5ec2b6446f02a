"""How well a detector does on pictures whose truth is known: figures by name, NaN where nothing was to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..detect.decode import Found, find_vertebrae
from ..detect.network import WIDEN, Network
from .batch import Batch, collate, on_device
from .samples import Sample
from .targets import CropTargets, crop_targets

WHOLE = 0.98
"""A vertebra of which so much is seen counts as wholly in the picture (``simulate.case.SEEN``)."""
PARTLY = 0.5
SCORE = 0.3
"""A vertebra counts as found above this score."""
NEAR = 0.3
"""Of the box's mean side: so near must its centre be."""
CHI_95 = 5.991
"""Squared distance, in standard deviations, within which 95 % of a normal distribution in the plane lie."""


def validate(network: Network, samples: Sequence[Sample], device: str, at_once: int = 8) -> dict[str, float]:
    """Figures over all pictures.

    Returns:
        pictures; vertebrae (whole ones); found and found_partly, shares of the vertebrae that are seen wholly or by
        half; false, wrong detections a picture; level and level_one, shares of the whole found ones whose likeliest
        level is right, or at most one off; centre_px, iou and projection, medians of the centre's error, of the masks'
        overlap and of the correlation; landmark_px, landmark_mm, medians; landmark_px_90; inside_95, share of the
        landmarks within the covariance's 95 % ellipse.
    """
    return validate_groups(network, samples, [""] * len(samples), device, at_once)[""]


def validate_groups(
    network: Network, samples: Sequence[Sample], groups: Sequence[str], device: str, at_once: int = 8
) -> dict[str, dict[str, float]]:
    """The figures of ``validate`` for all pictures, under "", and for those of each group under its name.

    Args:
        groups: one name a picture.
    """
    rows: list[dict[str, list[float]]] = []
    for start in range(0, len(samples), at_once):
        part = list(samples[start : start + at_once])
        batch = on_device(collate(part), device)
        for number, found in enumerate(find_vertebrae(network, batch.images, SCORE)):
            rows.append(_measure(found, batch, number, float(part[number].pixel_mm[0])))
    figures = {"": _summary(rows)}
    for name in sorted(set(groups)):
        figures[name] = _summary([row for row, group in zip(rows, groups, strict=True) if group == name])
    return figures


def pairs_of(centres: Tensor, batch: Batch, number: int) -> list[tuple[int, int]]:
    """(found, index in the batch): each found centre with the nearest true one that no nearer one has taken."""
    own = torch.where(batch.picture == number)[0]
    if not len(own) or not len(centres):
        return []
    sides = (batch.boxes[own, 2:] - batch.boxes[own, :2]).mean(1)
    apart = torch.cdist(centres.float(), batch.centres()[own]) / sides
    pairs = []
    for flat in apart.flatten().argsort().tolist():
        one, other = divmod(flat, len(own))
        if apart[one, other] > NEAR:
            break
        if all(one != a and other != b for a, b in pairs):
            pairs.append((one, other))
    return [(one, int(own[other])) for one, other in pairs]


def _measure(found: Found, batch: Batch, number: int, pixel_mm: float) -> dict[str, list[float]]:
    """What one picture adds to each list."""
    pairs = pairs_of(found.centres, batch, number)
    own = torch.where(batch.picture == number)[0]
    taken = {index for _, index in pairs}
    row: dict[str, list[float]] = {"false": [float(len(found.scores) - len(pairs))]}
    row["found"] = [float(int(i) in taken) for i in own if batch.shares[i] >= WHOLE]
    row["found_partly"] = [float(int(i) in taken) for i in own if batch.shares[i] >= PARTLY]
    whole = [(one, index) for one, index in pairs if batch.shares[index] >= WHOLE]
    for one, index in whole:
        off = abs(int(found.levels[one].argmax()) - int(batch.levels[index]))
        _add(row, level=float(off == 0), level_one=float(off <= 1))
        _add(row, centre_px=float((found.centres[one] - batch.centres()[index]).norm()))
    if whole:
        _measure_crops(row, found, batch, whole, pixel_mm)
    return row


def _add(row: dict[str, list[float]], **values: float) -> None:
    for name, value in values.items():
        row.setdefault(name, []).append(value)


def _measure_crops(
    row: dict[str, list[float]], found: Found, batch: Batch, pairs: Sequence[tuple[int, int]], pixel_mm: float
) -> None:
    """Masks, projections and landmarks in the boxes that were found."""
    side = found.crops.mask.shape[-1]
    for one, index in pairs:
        roi = found.rois[one]
        truth = _cut(batch, index, roi, side)
        chance = found.crops.mask[one].sigmoid()
        said, true = chance > 0.5, truth.mask[0] > 0.5
        _add(row, iou=float((said & true).sum() / (said | true).sum().clamp(min=1)))
        if float(truth.projection[0].std()) > 0:
            pair = torch.stack([(found.crops.projection[one] * chance).flatten(), truth.projection[0].flatten()])
            _add(row, projection=float(torch.corrcoef(pair)[0, 1]))
        seen = batch.visibility[index] == 2
        extent = roi[2:] - roi[:2]
        off = (found.crops.mean[one] - truth.places[0])[seen] * extent
        lower = found.crops.factor[one][seen]
        first = off[:, 0] / extent[0] / lower[:, 0]
        second = (off[:, 1] / extent[1] - lower[:, 1] * first) / lower[:, 2]
        for distance, squared in zip(off.norm(dim=1).tolist(), (first**2 + second**2).tolist(), strict=True):
            _add(row, landmark_px=distance, landmark_mm=distance * pixel_mm, inside_95=float(squared < CHI_95))


def _cut(batch: Batch, index: int, roi: Tensor, side: int) -> CropTargets:
    """The truth of one vertebra in a box (edges) that was found."""
    part = {
        name: getattr(batch, name)[index : index + 1]
        for name in ("picture", "boxes", "landmarks", "visibility", "levels", "shares", "crops", "kept_boxes")
    }
    box = (roi - 0.5)[None]
    # The box is cut as it is: what ``crop_targets`` widens is narrowed first.
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2 / WIDEN
    part["boxes"] = torch.cat([middle - half, middle + half], 1)
    part["shares"] = torch.ones_like(part["shares"])
    return crop_targets(replace(batch, **part), side, torch.zeros_like(box))


def _summary(rows: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    """Means of shares, medians of errors."""

    def all_of(name: str) -> np.ndarray:
        return np.array([value for row in rows for value in row.get(name, [])], dtype=np.float64)

    def figure(name: str, of=np.mean) -> float:
        values = all_of(name)
        return float(of(values)) if len(values) else float("nan")

    shares = {name: figure(name) for name in ("found", "found_partly", "false", "level", "level_one", "inside_95")}
    medians = {n: figure(n, np.median) for n in ("centre_px", "iou", "projection", "landmark_px", "landmark_mm")}
    tail = figure("landmark_px", lambda values: np.percentile(values, 90))
    counts = {"pictures": float(len(rows)), "vertebrae": float(len(all_of("found")))}
    return {**counts, **shares, **medians, "landmark_px_90": tail}
