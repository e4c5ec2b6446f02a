"""The iliac wings on both sides of the sacrum: thin bent plates with a thick crest."""

from __future__ import annotations

import numpy as np

from ..draw import uniform
from ..nouns import Volume
from .stamp import resampled, splat_plate
from .trunk import BodySettings, Trunk

CREST = np.array(
    [
        # from the middle, in front of L5's body, below the crest's top; from the spine behind to the one in front
        [36.0, -66.0, 52.0],
        [43.0, -63.0, 34.0],
        [56.0, -54.0, 18.0],
        [76.0, -38.0, 5.0],
        [98.0, -12.0, 0.0],
        [120.0, 20.0, 6.0],
        [133.0, 52.0, 24.0],
        [131.0, 78.0, 52.0],
        [123.0, 87.0, 80.0],
    ]
)
FOOT = np.array(
    [
        [37.0, -56.0, 96.0],
        [40.0, -44.0, 88.0],
        [46.0, -28.0, 82.0],
        [54.0, -10.0, 88.0],
        [62.0, 6.0, 102.0],
        [71.0, 24.0, 118.0],
        [84.0, 40.0, 128.0],
        [98.0, 56.0, 128.0],
        [110.0, 72.0, 114.0],
    ]
)
"""A mean adult's iliac crest and the line from the sacroiliac joint along the arcuate line to the roof of the socket;
mm, read off pelvic CT (vhm-pelvis-ct and the totalsegmentator example) by eye."""
CREST_LEVEL = 15.6
"""The crests' line runs through L4's lower part or L4-L5 (Chakraverty 2007), which is 15.5 when T1 is 0."""


def add_pelvis(bone: Volume, trunk: Trunk, settings: BodySettings, generator: np.random.Generator) -> None:
    """Stamp both wings into a volume of bone, in place, as far as it reaches."""
    cortex, spongiosa = uniform(generator, settings.pelvis_cortex_mm), uniform(generator, settings.pelvis_spongiosa)
    top = float(trunk.height(CREST_LEVEL + 0.35 * generator.normal()))
    size = 1.0 + 0.05 * generator.normal()
    tilt = np.deg2rad(7.0 * generator.normal())
    for side in (1.0, -1.0):
        odd = generator.normal(0.0, 1.0, (2, len(CREST), 3))
        height = top + 2.5 * float(odd[0, 0, 0])
        crest = _placed(CREST, odd[0], side, height, size, tilt, trunk)
        foot = _placed(FOOT, odd[1], side, height, size, tilt, trunk)
        _stamp(bone, crest, foot, side, cortex, spongiosa, generator.spawn(1)[0])


def _placed(
    points: np.ndarray, noise: np.ndarray, side: float, top: float, size: float, tilt: float, trunk: Trunk
) -> np.ndarray:
    """(n, 3) RAS mm of a line of one wing, with its own small unevenness, tilted about the joint."""
    right, front, down = (size * (points + 1.2 * noise)).T
    middle = float(trunk.height(16.0))
    turned_front = np.cos(tilt) * front - np.sin(tilt) * (down - 60.0)
    turned_down = np.sin(tilt) * front + np.cos(tilt) * (down - 60.0) + 60.0
    x, y = float(trunk.at("x_mm", middle)), float(trunk.at("y_mm", middle))
    return np.stack([x + side * right, y + turned_front, top - turned_down], axis=1)


def _stamp(
    bone: Volume,
    crest: np.ndarray,
    foot: np.ndarray,
    side: float,
    cortex_mm: float,
    spongiosa: float,
    generator: np.random.Generator,
) -> None:
    """One wing: two sheets of cortex and spongiosa between them."""
    upper = resampled(crest, 300)
    lower = resampled(foot, 300)
    down = np.linspace(0.0, 1.0, 170)[:, None, None]
    # The wing is hollow towards the belly: its middle lies further out and back than a flat plate.
    bulge = 4.0 * down * (1.0 - down) * np.array([side * 5.0, -6.0, 0.0])
    middle = upper * (1.0 - down) + lower * down + bulge
    share = down[..., 0]
    behind = np.linspace(1.0, 0.0, 300)[None]
    half = 2.2 + 4.2 * np.exp(-((share / 0.07) ** 2)) + 7.0 * share**4 + 6.0 * np.clip(behind - 0.68, 0.0, 1.0) / 0.32
    half = half * (1.0 + 0.05 * generator.standard_normal())
    half = half * np.sqrt(np.clip(share / 0.03, 0.15, 1.0))
    splat_plate(bone, middle, half, cortex_mm, spongiosa, generator)
