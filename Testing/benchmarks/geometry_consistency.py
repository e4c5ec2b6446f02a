"""How well pictures and clicks alone tell that a given geometry is wrong, on cases whose geometry is known.

Each error is put into the second view of a case (of its geometry, or of its picture) and the verdicts are counted. The
last lines are about false alarms: true geometry, but pictures spoilt the way displays, collimators and noise do it, and
pictures of two different people, which must never be called consistent.

    python Testing/benchmarks/geometry_consistency.py ../shared/cases --out output/consistency
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineDARTLib.geometry.consistency import Consistency, click_consistency, image_consistency
from SpineDARTLib.geometry.epipolar import meeting_point
from SpineDARTLib.io.case import read_case
from SpineDARTLib.types import Case, View

Pair = tuple[View, View]
Change = Callable[[Pair], Pair]


def moved(mm: tuple[float, float, float], turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Change:
    """The second camera is elsewhere than it says: RAS mm, and a turn about where the beams meet."""

    def change(views: Pair) -> Pair:
        motion, pivot = np.eye(4), meeting_point(views)
        motion[:3, :3] = Rotation.from_rotvec(np.deg2rad(turn_deg)).as_matrix()
        motion[:3, 3] = pivot - motion[:3, :3] @ pivot + mm
        return views[0], replace(views[1], world_to_camera=views[1].world_to_camera @ motion)

    return change


def spaced(factor: float) -> Change:
    """The second view's pixel spacing is wrong by a factor."""

    def change(views: Pair) -> Pair:
        focal = np.diag([1 / factor, 1 / factor, 1.0])
        focal[:2, 2] = (1 - 1 / factor) * views[1].intrinsics[:2, 2]
        return views[0], replace(views[1], intrinsics=focal @ views[1].intrinsics)

    return change


def signed(axis: int) -> Change:
    """The second view's primary (axis 0) or secondary (2) angle has the wrong sign: its beam is reflected."""

    def change(views: Pair) -> Pair:
        first, second = views
        world, picture = np.eye(3), np.eye(3)
        world[axis, axis], picture[min(axis, 1), min(axis, 1)] = -1.0, -1.0
        pivot, pose = meeting_point(views), second.world_to_camera.copy()
        seen = pose[:3, :3] @ pivot + pose[:3, 3]
        pose[:3, :3] = picture @ pose[:3, :3] @ world
        pose[:3, 3] = seen - pose[:3, :3] @ pivot
        return first, replace(second, world_to_camera=pose)

    return change


def pictured(change_image: Callable[[np.ndarray], np.ndarray], both: bool = False) -> Change:
    """The second picture (or both) is another than it should be."""

    def change(views: Pair) -> Pair:
        first, second = (replace(view, image=change_image(view.image).astype(np.float32)) for view in views)
        return first if both else views[0], second

    return change


def swapped(views: Pair) -> Pair:
    first, second = views
    return replace(first, image=second.image), replace(second, image=first.image)


def displayed(image: np.ndarray) -> np.ndarray:
    """As a workstation shows it: equalised locally, edges enhanced, 8 bit."""
    local = image - ndimage.gaussian_filter(image, 60)
    local = local / np.sqrt(ndimage.gaussian_filter(local**2, 60) + 1e-9)
    return np.round(40 * np.tanh(local + 0.8 * (local - ndimage.gaussian_filter(local, 3))))


def collimated(image: np.ndarray) -> np.ndarray:
    """Blades over the borders and a letter of lead."""
    height, width = image.shape
    spoilt = np.full_like(image, image.max())
    inside = np.s_[height // 12 : -height // 14, width // 5 : -width // 6]
    spoilt[inside] = image[inside]
    spoilt[height // 6 : height // 6 + 24, width // 4 : width // 4 + 10] = image.max()
    return spoilt


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(image.shape)
    return image + 0.08 * np.ptp(np.percentile(image, [1, 99])) * noise


ERRORS: dict[str, Change] = {
    "true geometry": lambda views: views,
    "5 mm along the spine": moved((0, 0, 5)),
    "10 mm along the spine": moved((0, 0, 10)),
    "3 mm along the spine": moved((0, 0, 3)),
    "36 mm along the spine": moved((0, 0, 36)),
    "10 mm left-right": moved((10, 0, 0)),
    "2 deg about left-right": moved((0, 0, 0), (2, 0, 0)),
    "2 deg about front-back": moved((0, 0, 0), (0, 2, 0)),
    "2 deg about head-foot": moved((0, 0, 0), (0, 0, 2)),
    "5 deg about front-back": moved((0, 0, 0), (0, 5, 0)),
    "picture mirrored": pictured(lambda image: image[:, ::-1]),
    "picture turned by 180": pictured(lambda image: image[::-1, ::-1]),
    "primary angle's sign": signed(0),
    "secondary angle's sign": signed(2),
    "pictures swapped": swapped,
    "spacing x 1.3": spaced(1.3),
    "spacing x 1.1": spaced(1.1),
    "true, displayed": pictured(displayed, both=True),
    "true, second displayed": pictured(displayed),
    "true, collimated": pictured(collimated, both=True),
    "true, noisy": pictured(noisy, both=True),
}

PICTURE_ONLY = ("displayed", "collimated", "noisy")
VERDICTS = ("no", "cannot tell", "yes")


def clicks_of(case: Case, name: str) -> np.ndarray:
    """(points, 2, 2) the case's clicks, moved with what was done to the pictures."""
    views = case.views[:2]
    clicks = np.array([[seed.clicks_px[view.name] for view in views] for seed in case.seeds], dtype=np.float64)
    height, width = views[1].image.shape
    if name == "picture mirrored":
        clicks[:, 1, 0] = width - 1 - clicks[:, 1, 0]
    if name == "picture turned by 180":
        clicks[:, 1] = (width - 1, height - 1) - clicks[:, 1]
    return clicks[:, ::-1] if name == "pictures swapped" else clicks


def kind_of(case: Case) -> str:
    return "AP/LAT" if "aplat" in case.id else "oblique"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("output") / "consistency")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case")
    options = parser.parse_args()
    cases = [read_case(path) for path in sorted(options.folder.glob("*/case.json"))[:: options.every]]
    found: dict[tuple[str, str, str], list[Consistency]] = defaultdict(list)
    start = time.perf_counter()
    for case, other in zip(cases, cases[1:] + cases[:1], strict=True):
        pair = (case.views[0], case.views[1])
        for name, change in ERRORS.items():
            views = change(pair)
            found[name, kind_of(case), "pictures"].append(image_consistency(views))
            if not name.endswith(PICTURE_ONLY):
                found[name, kind_of(case), "clicks"].append(click_consistency(clicks_of(case, name), views))
        stranger = next((one for one in (other, *cases) if one.id[:8] != case.id[:8]), None)
        if stranger is None:
            continue
        views = (pair[0], replace(pair[1], image=stranger.views[1].image))
        found["another person's picture", kind_of(case), "pictures"].append(image_consistency(views))
    report(found, options.out, time.perf_counter() - start)


def report(found: dict[tuple[str, str, str], list[Consistency]], out: Path, seconds: float) -> None:
    """The table, and all verdicts with their words as JSON."""
    print(
        f"{'error':26}{'views':9}"
        + "".join(f"{what + ': no / cannot tell / yes':36}" for what in ("pictures", "clicks"))
    )
    document = {}
    for name, kind, what in found:
        document[f"{name}, {kind}, {what}"] = [
            {**vars(one), "offset_mm": one.offset_mm if np.isfinite(one.offset_mm) else None}
            for one in found[name, kind, what]
        ]
        if what == "clicks":
            continue
        columns = []
        for source in ("pictures", "clicks"):
            counts = Counter(one.consistent for one in found.get((name, kind, source), []))
            columns.append(" / ".join(f"{counts[verdict]:3d}" for verdict in VERDICTS) if counts else "")
        print(f"{name:26}{kind:9}" + "".join(f"{column:36}" for column in columns))
    out.mkdir(parents=True, exist_ok=True)
    (out / "consistency.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()
