"""A made-up shape model: two closed straight tubes, the pedicles, of known radius, and what its modes do to them."""

from __future__ import annotations

import numpy as np

from SpineDARTLib.atlas.model import ShapeModel

# Everything differs from left to right, so that a mirrored answer is wrong.
OFFSET = {"left": -14.0, "right": 16.0}
HEIGHT = {"left": 3.0, "right": 2.0}
RADIUS = {"left": 4.0, "right": 5.0}
ALONG = np.linspace(-34.0, -8.0, 27)
AROUND = 40


def tube_model() -> ShapeModel:
    """Modes, for one standard deviation: the left tube is 1 mm thicker; both fronts go 1 mm up, their backs as much
    down."""
    rings, thicker, tilted, faces, regions = [], [], [], [], {}
    angles = 2 * np.pi * np.arange(AROUND) / AROUND
    circle = np.stack([np.cos(angles), np.zeros(AROUND), np.sin(angles)], axis=1)
    middle = ALONG.mean()
    for side in ("left", "right"):
        first = sum(len(part) for part in rings)
        centre = np.array([OFFSET[side], 0.0, HEIGHT[side]])
        tube = [centre + RADIUS[side] * circle + [0.0, y, 0.0] for y in ALONG]
        ends = np.stack([centre + [0.0, ALONG[0], 0.0], centre + [0.0, ALONG[-1], 0.0]])
        rings += [np.concatenate(tube), ends]
        share = np.concatenate([np.repeat(ALONG, AROUND), ALONG[[0, -1]]])
        tilted.append(np.stack([0 * share, 0 * share, (share - middle) / (ALONG[-1] - middle)], axis=1))
        outwards = np.vstack([np.tile(circle, (len(ALONG), 1)), np.zeros((2, 3))])
        thicker.append(outwards * (side == "left"))
        faces += _tube_faces(first)
        half = len(ALONG) // 2
        regions[f"{side}_pedicle"] = first + AROUND * 8 + np.arange(AROUND * (len(ALONG) - 16))
        regions[f"{side}_isthmus"] = first + AROUND * half + np.arange(AROUND)
    modes = np.stack([np.concatenate(thicker), np.concatenate(tilted)])
    deviations = np.linalg.norm(modes, axis=(1, 2))
    return ShapeModel(
        region="tubes",
        levels=("L3",),
        means={"L3": np.concatenate(rings)},
        modes=modes / deviations[:, None, None],
        deviations=deviations,
        log_scale_deviation=0.05,
        faces=np.array(faces),
        landmarks={},
        cannulas={},
        regions=regions,
    )


def _tube_faces(first: int) -> list[tuple[int, int, int]]:
    """Outward faces of one tube and of its two ends."""
    faces = []
    back, front = first + AROUND * len(ALONG), first + AROUND * len(ALONG) + 1
    last = first + AROUND * (len(ALONG) - 1)
    for i in range(AROUND):
        j = (i + 1) % AROUND
        for ring in range(len(ALONG) - 1):
            a, b = first + AROUND * ring + i, first + AROUND * ring + j
            faces += [(a, a + AROUND, b), (b, a + AROUND, b + AROUND)]
        faces += [(back, first + i, first + j), (front, last + j, last + i)]
    return faces
