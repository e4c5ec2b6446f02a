"""A contact sheet: simulated X-rays on the left; X-rays made from CT by others and real frames on the right.

    python Testing/benchmarks/simulator_sheet.py SHARDS --cases ../shared/cases --frames ../shared/data/xa-dicom \
        --out sheet.png [--marked marked.png]

SHARDS is a folder of ``spinedart simulate shards``. ``--marked`` draws the simulated ones again with their labels.
Frames that cannot be decoded without further packages (JPEG lossless) are left out and named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tyro
from tyro.conf import Positional

from SpineDARTLib.simulate.nouns import VISIBLE, Picture
from SpineDARTLib.simulate.shards import read_shard

COLUMNS, ROWS = 6, 4
Tile = tuple[str, np.ndarray]


def simulated(folder: Path, seed: int) -> list[tuple[str, Picture]]:
    """24 pictures drawn from all shards, as many patients as there are."""
    shards = sorted(folder.glob("shard-*.npz"))
    generator = np.random.default_rng(seed)
    generator.shuffle(shards)  # type: ignore[arg-type]
    every = [[(subject, one) for one in pictures] for subject, pictures in map(read_shard, shards[: COLUMNS * ROWS])]
    found = []
    while len(found) < COLUMNS * ROWS:
        for pictures in every:
            found.append(pictures.pop(int(generator.integers(len(pictures)))))
    return found[: COLUMNS * ROWS]


def made_from_ct(folder: Path, count: int) -> list[Tile]:
    """Views of cases made from CT (no trailing p in the name), evenly over the folder."""
    from PIL import Image

    files = sorted(folder.glob("*/[ab].png"))
    files = [path for path in files if path.parent.name.split("-")[0].removeprefix("verse")[3:4] != "p"]
    chosen = [files[int(place)] for place in np.linspace(0, len(files) - 1, count)]
    return [(f"{path.parent.name} {path.stem}", np.asarray(Image.open(path))) for path in chosen]


def real_frames(folder: Path, count: int) -> list[Tile]:
    """The middle frame of each DICOM file."""
    import pydicom

    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix == ".txt":
            continue
        try:
            data = pydicom.dcmread(path)
            frames = data.pixel_array
        except Exception as error:
            sys.stderr.write(f"left out: {path.name}: {' '.join(str(error).split())[:90]}\n")
            continue
        frame = frames[len(frames) // 2] if frames.ndim == 3 else frames
        found.append(
            (path.stem[:24], frame.max() - frame if data.PhotometricInterpretation == "MONOCHROME1" else frame)
        )
    return found[:count]


def draw(left: list[tuple[str, Picture]], right: list[Tile], out: Path) -> None:
    """Both halves, each as its file shows it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(ROWS, 2 * COLUMNS, figsize=(2 * COLUMNS * 1.75, ROWS * 1.85))
    tiles = [(subject, picture.stored) for subject, picture in left]
    for row in range(ROWS):
        for half, group in enumerate((tiles, right)):
            for column in range(COLUMNS):
                axis = axes[row, half * COLUMNS + column]
                axis.axis("off")
                place = row * COLUMNS + column
                if place < len(group):
                    axis.imshow(group[place][1], cmap="gray")
                    axis.set_title(group[place][0], fontsize=5, pad=1)
    figure.subplots_adjust(0, 0, 1, 0.965, 0.02, 0.07)
    figure.suptitle("simulated | made from CT by others, and real frames", fontsize=8, y=0.995)
    figure.savefig(out, dpi=125)
    plt.close(figure)


def draw_marked(pictures: list[tuple[str, Picture]], out: Path) -> None:
    """Outlines, landmarks (filled where visible) and cannulas on the log-attenuation."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(COLUMNS * 3.2, ROWS * 3.2))
    for axis, (subject, picture) in zip(axes.flat, pictures, strict=True):
        axis.imshow(picture.view.image, cmap="gray", vmin=-0.1, vmax=1.1)
        height, width = picture.stored.shape
        for number, label in enumerate(picture.labels):
            colour = f"C{number % 10}"
            rows, columns = label.mask.values.shape
            if min(rows, columns) > 2:
                u, v = np.arange(columns) + label.mask.column, np.arange(rows) + label.mask.row
                axis.contour(u, v, label.mask.values, [0.5], colors=[colour], linewidths=0.6)
            seen = label.visibility == VISIBLE
            axis.scatter(*label.landmarks_px[seen].T, s=4, color=colour)
            axis.scatter(*label.landmarks_px[~seen].T, s=4, facecolors="none", edgecolors=colour, linewidths=0.4)
            for ends in label.cannulas_px.values():
                axis.plot(*ends.T, color=colour, linewidth=0.6)
            axis.text(*np.clip(label.box_px[:2], 0, width), label.level, color=colour, fontsize=6)
        axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axis.axis("off")
        primary, secondary = (picture.conditions[f"{name}_deg"] for name in ("primary", "secondary"))
        axis.set_title(f"{subject} {primary:.0f}/{secondary:.0f}", fontsize=6, pad=1)
    figure.subplots_adjust(0, 0, 1, 0.98, 0.02, 0.05)
    figure.savefig(out, dpi=100)
    plt.close(figure)


def main() -> None:
    """Command line."""

    def sheet(
        shards: Positional[Path],
        cases: Path,
        frames: Path,
        out: Path,
        marked: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Draw the sheet."""
        left = simulated(shards, seed)
        real = real_frames(frames, COLUMNS * ROWS // 2)
        draw(left, made_from_ct(cases, COLUMNS * ROWS - len(real)) + real, out)
        if marked is not None:
            draw_marked(left, marked)

    tyro.cli(sheet)


if __name__ == "__main__":
    main()
