"""What eight X-rays of one static phantom say of their machine's tags: points picked by eye, triangulated as read.

The eight angiographic runs (GE, DICOM XA) show tubes filled with contrast. Points that can be told in several views
were picked by hand in the stored pictures, magnified nine times, to about half a pixel. Each is triangulated with the
geometry as the reader gives it, then cameras and points are refined together; the change of the reprojection error
says what of the tags is true. The picture shows picks and reprojections. Last, what the pictures alone say of the same
geometries (the consistency check on real X-rays).

    python Testing/benchmarks/geometry_phantom.py ../shared/data/xa-dicom/arso-phantom --out output/phantom
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from SpineDARTLib.geometry.bundle import CameraPrior
from SpineDARTLib.geometry.c_arm import camera_of
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.consistency import image_consistency
from SpineDARTLib.geometry.known import KnownGeometry
from SpineDARTLib.geometry.relative_pose import recover
from SpineDARTLib.geometry.sharing import together
from SpineDARTLib.geometry.triangulate import triangulate
from SpineDARTLib.geometry.turned import turn_image, turn_pixels
from SpineDARTLib.io.attenuation import to_attenuation
from SpineDARTLib.io.dicom import read_dicom_frame, read_known
from SpineDARTLib.types import View

SEEN_NOWHERE = (np.nan, np.nan)


@dataclass(frozen=True)
class Feature:
    """A point of the phantom: what it is, and (column, row) in the stored pictures of IM1 to IM8."""

    name: str
    words: str
    pixels: tuple[tuple[float, float], ...]


FEATURES = (
    Feature(
        "thick tube's end", "Middle of the flat upper end of the thick dark tube, of which IM4, 7, 8 see an ellipse.",
        ((192.5, 284.0), (388.1, 286.6), (304.3, 204.9), (305.1, 384.8), (417.2, 166.3), (176.9, 285.6), (409.5, 383.7),
         (195.3, 359.6)),
    ),
    Feature(
        "arch's end", "Middle of the cut-off end of the contrast in the arch at the left.",
        ((147.2, 118.4), (171.1, 129.3), (141.4, 116.9), (144.3, 148.3), (189.7, 69.5), (95.7, 201.9), (169.7, 193.7),
         (146.7, 99.7)),
    ),
    Feature(
        "branch's end", "Middle of the end of the contrast in the branch that rises from the left junction; IM3 looks "
        "along it, in IM5 it is drawn out.",
        ((232.0, 130.0), (167.0, 137.0), SEEN_NOWHERE, (186.8, 111.0), SEEN_NOWHERE, (176.7, 236.6), (161.6, 158.9),
         (236.2, 86.8)),
    ),
    Feature(
        "left end", "Middle of the end of the dark tube at the far left; IM3 looks along it.",
        ((117.7, 202.7), (116.8, 211.2), SEEN_NOWHERE, (91.0, 209.3), (133.6, 150.1), (61.2, 302.7), (111.6, 272.6),
         (113.2, 158.0)),
    ),
    Feature(
        "disc", "Middle of the thin free disc of contrast in the pale left tube; hidden by other tubes in IM1 and 3.",
        (SEEN_NOWHERE, (102.0, 190.2), SEEN_NOWHERE, (93.5, 170.0), (117.4, 150.0), (78.0, 293.3), (93.8, 237.0),
         (136.7, 122.8)),
    ),
    Feature(
        "slug", "Middle of the dark lower end of the slug of contrast above the disc; hidden in IM3.",
        ((156.1, 153.4), (92.4, 165.5), SEEN_NOWHERE, (97.2, 134.2), (107.0, 142.3), (92.1, 276.4), (83.0, 203.0),
         (155.5, 88.9)),
    ),
    Feature(
        "side tube's junction", "Where the axis of the long side tube meets the left main tube's; overlaid in IM5.",
        ((151.0, 211.1), (332.9, 212.0), (248.0, 135.4), (247.7, 307.5), SEEN_NOWHERE, (127.7, 221.2), (347.7, 315.7),
         (150.8, 269.9)),
    ),
    Feature(
        "left junction", "Where the rising branch's axis meets the left main tube's; overlaid in IM1, 6 and 8.",
        (SEEN_NOWHERE, (232.3, 186.7), (166.6, 134.6), (164.9, 250.3), (252.3, 81.4), SEEN_NOWHERE, (237.1, 282.1),
         SEEN_NOWHERE),
    ),
    Feature(
        "upper right end", "Middle of the end of the contrast in the upper right tube; overlaid in IM2 and 3.",
        ((407.5, 179.0), SEEN_NOWHERE, SEEN_NOWHERE, (399.2, 146.1), (385.3, 230.7), (374.3, 256.8), (347.7, 145.7),
         (424.6, 173.7)),
    ),
    Feature(
        "right junction", "Where the lower right tube's axis meets the right main tube's; overlaid in IM2, 3 and 5.",
        ((194.2, 182.6), SEEN_NOWHERE, SEEN_NOWHERE, (281.0, 268.6), SEEN_NOWHERE, (172.5, 200.5), (363.0, 268.5),
         (196.3, 238.3)),
    ),
)  # fmt: skip

SIGMA_PX = 0.7
"""Of a pick."""

PRIOR = CameraPrior(translation_mm=3.0, rotation_deg=0.5, source_to_detector_mm=3.0, principal_point_px=2.0)
"""How well such a machine's tags may be known."""


def read(folder: Path) -> tuple[KnownGeometry, ...]:
    """What the files say, proposals taken for what they do not, as ``spinedart geometry`` would."""
    return tuple(read_known(folder / f"IM{number}").with_proposals() for number in range(1, 9))


def views_of(geometries: Sequence[KnownGeometry]) -> tuple[View, ...]:
    """Views without pictures."""
    blank = np.zeros((2, 2), dtype=np.float32)
    return tuple(View(known.file, blank, *camera_of(known)) for known in geometries)


def picks(geometries: Sequence[KnownGeometry]) -> np.ndarray:
    """(features, views, 2) as the source sees them."""
    stored = np.array([feature.pixels for feature in FEATURES])
    return np.stack([turn_pixels(stored[:, place], known) for place, known in enumerate(geometries)], axis=1)


def errors_px(pixels: np.ndarray, views: Sequence[View]) -> np.ndarray:
    """(features, views) distance between pick and reprojection; NaN where not seen or in fewer than three views."""
    found = np.full(pixels.shape[:2], np.nan)
    for row, pick in enumerate(pixels):
        seen = np.isfinite(pick[:, 0])
        if seen.sum() >= 3:
            found[row, seen] = triangulate(
                pick[seen], [view for view, is_seen in zip(views, seen, strict=True) if is_seen]
            )[2]
    return found


def rms(errors: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.sqrt(np.nanmean(errors**2, axis=axis))


def left_out_px(pixels: np.ndarray, views: Sequence[View], prior: CameraPrior) -> np.ndarray:
    """(features, views) errors of each point in cameras that were refined without it."""
    rows = []
    for out in range(len(pixels)):
        kept = np.delete(pixels, out, axis=0)
        rows.append(errors_px(pixels[out : out + 1], recover(kept, views, prior, SIGMA_PX).views)[0])
    return np.array(rows)


def changed(geometries: Sequence[KnownGeometry], **values: object) -> tuple[KnownGeometry, ...]:
    return tuple(known.overridden(**values) for known in geometries)  # type: ignore[arg-type]


def without_table(geometries: Sequence[KnownGeometry]) -> tuple[KnownGeometry, ...]:
    """As if no tag said where the table was."""
    dropped = ("isocentre_mm", "table_position_mm")
    return tuple(
        replace(known, quantities={name: value for name, value in known.quantities.items() if name not in dropped})
        for known in geometries
    )


def intensifier(geometries: Sequence[KnownGeometry]) -> tuple[KnownGeometry, ...]:
    """The first four, whose spacing is missing, with the intensifier's size over the columns."""
    return tuple(known.overridden(pixel_spacing_mm=204.8 / 512) if place < 4 else known
                 for place, known in enumerate(geometries))  # fmt: skip


def pictured(folder: Path, geometries: Sequence[KnownGeometry], views: Sequence[View]) -> tuple[View, ...]:
    """The views with their pictures, contrast bright."""
    images = [
        turn_image(to_attenuation(read_dicom_frame(folder / known.file, None)[0], "bone-dark"), known)
        for known in geometries
    ]
    return tuple(replace(view, image=image) for view, image in zip(views, images, strict=True))


def pictures_say(label: str, views: Sequence[View], centre_mm: np.ndarray) -> None:
    """What the pictures alone say of the geometry, pair by pair."""
    found = [image_consistency(pair, centre_mm) for pair in combinations(views, 2)]
    counts = Counter(one.consistent for one in found)
    offsets = [abs(one.offset_mm) for one in found if np.isfinite(one.offset_mm)]
    middle = f"{np.median(offsets):.1f}" if offsets else "-"
    verdicts = " ".join(f"{counts[verdict]:11d}" for verdict in ("no", "cannot tell", "yes"))
    print(f"{label:34}{verdicts}   {middle:>6}")


def draw(folder: Path, geometries: Sequence[KnownGeometry], pixels: np.ndarray, before: Sequence[View],
         after: Sequence[View], path: Path) -> None:  # fmt: skip
    """Eight pictures as the source sees them: picks, and reprojections before and after refinement."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(20, 10.6), layout="constrained")
    for place, (panel, known) in enumerate(zip(axes.flat, geometries, strict=True)):
        image = turn_image(read_dicom_frame(folder / known.file, None)[0], known)
        low, high = np.percentile(image, [1, 99])
        panel.imshow(image, cmap="gray", vmin=low, vmax=high)
        for views, colour, label in ((before, "tab:orange", "as read"), (after, "tab:cyan", "refined")):
            points = [_reprojected(pick, views, place) for pick in pixels]
            panel.scatter(*np.array(points).T, s=60, facecolors="none", edgecolors=colour, label=label)
        panel.scatter(*pixels[:, place].T, marker="+", color="red", s=40, linewidths=0.9, label="picked")
        panel.set(title=f"{known.file}, as the source sees it", xticks=[], yticks=[])
    axes.flat[0].legend(loc="lower right")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _reprojected(pick: np.ndarray, views: Sequence[View], place: int) -> np.ndarray:
    """Where a point triangulated from all views that see it falls in one of them; NaN where it was not picked there."""
    seen = np.isfinite(pick[:, 0])
    if not seen[place]:
        return np.full(2, np.nan)
    point = triangulate(pick[seen], [view for view, is_seen in zip(views, seen, strict=True) if is_seen])[0]
    return project(point[None], views[place])[0]


def row(label: str, errors: np.ndarray) -> None:
    each = " ".join(f"{value:6.2f}" for value in rms(errors, axis=0))
    print(f"{label:34}{each}   {rms(errors):6.2f}  {np.nanmedian(errors):6.2f}  {np.nanmax(errors):6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("output") / "phantom")
    options = parser.parse_args()
    geometries = read(options.folder)
    as_read = together(geometries)
    pixels, views = picks(as_read), views_of(as_read)
    print(f"{len(FEATURES)} points, {int(np.isfinite(pixels[..., 0]).sum())} picks; reprojection error, px rms")
    print(f"{'':34}" + " ".join(f"{known.file:>6}" for known in geometries) + "      all  median     max")
    unturned = changed(as_read, image_flip_horizontal=0)
    row("picture taken as seen from source", errors_px(picks(unturned), views_of(unturned)))
    row("without the table's place", errors_px(pixels, views_of(without_table(geometries))))
    row("as read", errors_px(pixels, views))
    row("  spacing of 1-4 by intensifier", errors_px(pixels, views_of(intensifier(as_read))))
    recovered = recover(pixels, views, PRIOR, SIGMA_PX)
    row("refined", errors_px(pixels, recovered.views))
    row("refined, each point left out", left_out_px(pixels, views, PRIOR))
    moves = [
        f"{name} {recovered.moved_mm[name]:.1f} mm {recovered.moved_deg[name]:.2f}°" for name in recovered.moved_mm
    ]
    print("\nmoved by refinement (IM1 stays): " + ", ".join(moves))
    focal = [
        100 * (new.intrinsics[0, 0] / old.intrinsics[0, 0] - 1) for new, old in zip(recovered.views, views, strict=True)
    ]
    print("focal length in pixels changed by %: " + " ".join(f"{value:.2f}" for value in focal))
    print(recovered.words)
    centre = np.nanmean(recovered.points_mm, axis=0)
    heading = " ".join(f"{verdict:>11}" for verdict in ("no", "cannot tell", "yes"))
    print(f"\n{'pairs of pictures, no points':34}{heading}   offset mm (median)")
    for label, known, cameras in (
        ("picture taken as seen from source", unturned, views_of(unturned)),
        ("without the table's place", as_read, views_of(without_table(geometries))),
        ("as read", as_read, views),
        ("refined on the points", as_read, recovered.views),
    ):
        pictures_say(label, pictured(options.folder, known, cameras), centre)
    options.out.mkdir(parents=True, exist_ok=True)
    draw(options.folder, as_read, pixels, views, recovered.views, options.out / "phantom.png")


if __name__ == "__main__":
    main()
