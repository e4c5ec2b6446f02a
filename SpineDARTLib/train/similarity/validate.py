"""How well a similarity does on people held back: figures by name, NaN where nothing was to be measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr

from ...similarity.learned.network import Similarity
from .examples import Example, Maker, Setup, collate
from .gradient import descent
from .losses import difference_losses, likelihood_loss, true_log_mm
from .states import HARD
from .training import on_device

TELLS = 0.1
"""Differences of log mm below this are not counted among those whose sign is to be told."""
GOOD_MM, BAD_MM = 1.5, 3.0


@torch.no_grad()
def validate(network: Similarity, examples: Sequence[Example], device: str, at_once: int = 8) -> dict[str, float]:
    """Figures over all examples.

    Returns:
        examples; likelihood, difference, the losses; error, root mean square of log mm; rank, Spearman's correlation of
        predicted and true mm; sign, share of the differences whose sign is told; inside_1, inside_2, shares within one
        and two of the said deviations (0.68 and 0.95 if they are right); taken_for_good, share of the states worse than
        3 mm that are said to be better than 1.5 mm; hard_mm_<kind>, predicted less true log mm of the hard negatives.
    """
    parts, logs, true, sigmas, signs, hard = [], [], [], [], [], []
    for start in range(0, len(examples), at_once):
        batch = on_device(collate(list(examples[start : start + at_once])), device)
        found = network(batch.images, batch.valid, batch.rays, batch.levels, batch.present, batch.drawn)
        wanted = true_log_mm(batch.distances_mm)
        sizes = difference_losses(found, batch.distances_mm)[0]
        parts.append([float(likelihood_loss(found, batch.distances_mm)), float(sizes)])
        change, said = wanted[:, 1:] - wanted[:, :1], found.log_mm[:, 1:] - found.log_mm[:, :1]
        signs.append((change.sign() == said.sign())[change.abs() > TELLS].float().cpu().numpy())
        logs.append(found.log_mm.flatten().cpu().numpy())
        sigmas.append(found.log_sigma.exp().flatten().cpu().numpy())
        true.append(wanted.flatten().cpu().numpy())
        first = torch.stack([batch.hard.float(), (found.log_mm - wanted)[:, 0]], 1)
        hard.append(first.cpu().numpy())
    if not examples:
        return {"examples": 0.0}
    means = np.mean(parts, axis=0)
    said, wanted = np.concatenate(logs), np.concatenate(true)
    figures = {"examples": float(len(examples)), "likelihood": float(means[0]), "difference": float(means[1])}
    return figures | _figures(said, wanted, np.concatenate(sigmas), np.concatenate(signs), np.concatenate(hard))


def _figures(
    said: np.ndarray, wanted: np.ndarray, sigma: np.ndarray, signs: np.ndarray, hard: np.ndarray
) -> dict[str, float]:
    off = np.abs(said - wanted) / sigma
    bad = wanted > np.log(BAD_MM)
    figures = {
        "error": float(np.sqrt(np.mean((said - wanted) ** 2))),
        "rank": float(np.asarray(spearmanr(said, wanted))[0]) if len(np.unique(said)) > 1 else float("nan"),
        "sign": float(signs.mean()) if len(signs) else float("nan"),
        "inside_1": float((off < 1).mean()),
        "inside_2": float((off < 2).mean()),
        "taken_for_good": float((said[bad] < np.log(GOOD_MM)).mean()) if bad.any() else float("nan"),
    }
    for number, kind in enumerate(HARD, 1):
        own = hard[hard[:, 0] == number, 1]
        figures[f"hard_{kind}"] = float(np.median(own)) if len(own) else float("nan")
    return figures


def validate_gradient(network: Similarity, maker: Maker, setups: Sequence[Setup]) -> dict[str, float]:
    """Where the gradient leads: cosine, median with the way to the truth; downhill, share of the states from which the
    way to the truth is said to go down; slope, median of the said slope over the true one. On the CPU."""
    found = [one for setup in setups if (one := descent(maker, network, setup)) is not None and one.true < -0.05]
    if not found:
        return {"cosine": float("nan"), "downhill": float("nan"), "slope": float("nan")}
    return {
        "cosine": float(np.median([one.cosine for one in found])),
        "downhill": float(np.mean([one.said < 0 for one in found])),
        "slope": float(np.median([one.said / one.true for one in found])),
    }
