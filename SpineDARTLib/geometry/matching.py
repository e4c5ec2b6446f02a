"""How well two pictures agree plane by plane: profiles of their edges along the spine, slid over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..types import View
from .camera import crop_view
from .epipolar import Pencil, meeting_point, pencil_of, rectify

STEP_MM = 0.75
"""Between planes; endplates are 1-2 mm thick in a picture."""

REACH_MM = 110.0
"""Planes to both sides of the middle: a detector of 300 mm sees about 200 mm of the patient."""

COLUMN_STEP_MM = 2.5
"""Between directions within a plane, at the patient."""

WIDTH_MM = 120.0
"""To both sides within a plane."""

ENDPLATE_MM = 15.0
"""Edges are averaged over this along the planes: endplates are 30-45 mm wide, ribs and noise cross the planes."""

EDGE_MM = 1.0
"""Blur across the planes before the derivative."""

BODY_MM = 7.5
"""What changes more slowly than this across the planes is no edge."""

CONTRAST_MM = 9.0
"""Edges are judged against the strength of others this near, so that one strong edge does not decide alone."""

FLAT = 5e-4
"""Change from pixel to pixel, of the picture's range, below which nothing is shown there."""

SLOW_MM = 6.0
"""Slower changes of the profile say how much of the patient is in the picture, not where a vertebra ends."""

LARGEST_SHIFT_MM = 45.0
"""More than the height of a lumbar vertebra with its disc, lest a picture that is off by just that is called right."""

NEIGHBOUR_MM = 5.0
"""Shifts closer than this to the best one belong to the same peak."""

FEWEST_MM = 60.0
"""Less of the spine in common (two vertebrae) says nothing."""

DISTINCT = 0.75
"""The next peak of the correlation must be lower than this share of the best: spines repeat themselves."""

STRETCHES = np.concatenate([np.arange(0.70, 0.921, 0.02), np.arange(1.08, 1.441, 0.02)])
"""Scales of the second profile that are tried to explain a mismatch; smaller errors blur it as much as a turn does."""


SCALED_SHIFT_MM = 15.0
"""A wrong scale leaves the middle of the picture nearly where it is; what matches farther off is chance."""


@dataclass(frozen=True)
class Match:
    """Two profiles against each other.

    Attributes:
        here: their correlation as the geometry stands (best within 1.5 mm).
        best: the best correlation over all shifts.
        shift_mm: where that is; how far the second picture's contents lie from where the first one says, along
            ``Pencil.up``.
        rival: the best correlation at any other shift: a spine repeats itself.
    """

    here: float
    best: float
    shift_mm: float
    rival: float


def heights_mm() -> np.ndarray:
    """(planes,) heights at which profiles are taken."""
    return np.arange(-REACH_MM, REACH_MM + 1e-6, STEP_MM)


def profile(view: View, pencil: Pencil) -> np.ndarray:
    """How much edge across the planes there is in each of them, (planes,); NaN where the picture has too little.

    Grangeat (1991) and Aichert et al. (2015, epipolar consistency): derivatives across the planes of integrals along
    them are equal in both pictures. Those pictures are not truncated; here only what local edges say is kept.
    """
    along = np.arange(-WIDTH_MM, WIDTH_MM + 1e-6, COLUMN_STEP_MM)
    picture, inside, _ = rectify(view, pencil, heights_mm(), along)
    inside &= ~_flat(picture, inside)
    wide = (BODY_MM / STEP_MM, ENDPLATE_MM / COLUMN_STEP_MM)
    detail = np.where(inside, picture - _mean(picture, inside, wide), 0.0)
    edges = ndimage.gaussian_filter1d(detail, EDGE_MM / STEP_MM, axis=0, order=1)
    edges = ndimage.gaussian_filter1d(edges, ENDPLATE_MM / COLUMN_STEP_MM, axis=1)
    inner = ndimage.binary_erosion(inside, iterations=4)
    edges = np.where(inner, edges, 0.0)
    near = (CONTRAST_MM / STEP_MM, CONTRAST_MM / COLUMN_STEP_MM)
    strength = np.sqrt(_mean(edges**2, inner, near) + (edges**2).mean() + 1e-20)
    counts = inner.sum(axis=1)
    enough = counts * COLUMN_STEP_MM > 25.0
    values = np.where(enough, (edges / strength).sum(axis=1) / np.maximum(counts, 1), 0.0)
    values = values - _mean(values, enough, SLOW_MM / STEP_MM)
    return np.where(enough, values, np.nan)


def _flat(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(planes, columns) where the picture shows nothing: collimator blades, letters of lead, black borders; their edges
    are the strongest of the picture and mean nothing."""
    if not inside.any():
        return inside
    low, high = np.percentile(picture[inside], [1, 99])
    steps = np.hypot(*np.gradient(picture))
    empty = ndimage.uniform_filter(steps, 5) < FLAT * max(high - low, 1e-9)
    empty = ndimage.binary_opening(empty & inside, iterations=2)
    return ndimage.binary_dilation(empty, iterations=5)


def _mean(values: np.ndarray, known: np.ndarray, sigma: float | tuple[float, float]) -> np.ndarray:
    """Gaussian mean of what is known around each place."""
    weight = ndimage.gaussian_filter(known.astype(np.float64), sigma)
    return ndimage.gaussian_filter(np.where(known, values, 0.0), sigma) / np.maximum(weight, 1e-3)


def match(first: np.ndarray, second: np.ndarray) -> Match | None:
    """Two profiles slid over each other; None where they have too little in common."""
    most = round(LARGEST_SHIFT_MM / STEP_MM)
    shifts = np.arange(-most, most + 1)
    scores = np.array([_correlation(first, second, int(shift)) for shift in shifts])
    if np.isnan(scores[np.abs(shifts) * STEP_MM < NEIGHBOUR_MM]).any():
        return None
    best = int(np.nanargmax(scores))
    others = np.abs(shifts - shifts[best]) * STEP_MM > NEIGHBOUR_MM
    here = float(scores[np.abs(shifts) * STEP_MM <= 1.5].max())
    return Match(here, float(scores[best]), float(shifts[best] * STEP_MM), float(np.nanmax(scores[others])))


def _correlation(first: np.ndarray, second: np.ndarray, shift: int) -> float:
    """Normalised correlation of first[i] with second[i + shift], NaN where too little is known in both."""
    count = len(first)
    one = first[max(0, -shift) : count - max(0, shift)]
    other = second[max(0, shift) : count - max(0, -shift)]
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() * STEP_MM < FEWEST_MM:
        return float("nan")
    one, other = one[known] - one[known].mean(), other[known] - other[known].mean()
    return float(one @ other / np.sqrt((one @ one) * (other @ other) + 1e-12))


@dataclass(frozen=True)
class Compared:
    """Two views with their pencil, profiles (planes,) and match; None where the pictures have too little in common."""

    views: tuple[View, View]
    pencil: Pencil
    profiles: tuple[np.ndarray, np.ndarray]
    match: Match | None


def compare(first: View, second: View, centre_mm: np.ndarray | None = None) -> Compared:
    """What the pictures of two views say of their geometry.

    Raises:
        ValueError: see ``pencil_of``.
    """
    pencil = pencil_of(first, second, centre_mm)
    views = coarse(first, pencil), coarse(second, pencil)
    profiles = profile(views[0], pencil), profile(views[1], pencil)
    return Compared(views, pencil, profiles, match(*profiles))


def coarse(view: View, pencil: Pencil) -> View:
    """A large picture's view with pixels averaged in squares, still finer than the profile's steps."""
    patient_mm = float(np.linalg.norm(pencil.centre_mm - view.source_mm)) / view.intrinsics[1, 1]
    side = int(0.7 * STEP_MM / patient_mm)
    height, width = (length // side * side for length in view.image.shape) if side > 1 else view.image.shape
    if side < 2 or min(height, width) == 0:
        return view
    image = view.image[:height, :width].reshape(height // side, side, width // side, side).mean((1, 3))
    return crop_view(view, ((width - 1) / 2, (height - 1) / 2), float(side), image)


def stretch(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The scale of the second profile that fits the first best at some shift, and the correlation there."""
    places = np.arange(len(first)) - (len(first) - 1) / 2
    best = (1.0, 0.0)
    for scale in STRETCHES:
        scaled = np.interp(places * scale, places, second, left=np.nan, right=np.nan)
        found = match(first, scaled)
        if found is not None and abs(found.shift_mm) <= SCALED_SHIFT_MM and found.best > best[1]:
            best = (float(scale), found.best)
    return best


def explanations(compared: Compared, centre_mm: np.ndarray | None = None) -> list[tuple[float, str]]:
    """What people and machines get wrong, done to the views again: how well they match then, and what it is; best
    first. Peaks that repeat themselves are left out."""
    second = compared.views[1]
    scale, score = stretch(*compared.profiles)
    found = [(score, f"{second.name} showed everything {scale:.2f} times as large as it should (wrong pixel spacing?)")]
    tried = [*_pictures(compared), *_signs(compared, centre_mm)]
    found += [(one.here, words) for one, words in tried if one is not None and one.rival <= DISTINCT * one.best]
    return sorted(found, reverse=True)


def _pictures(compared: Compared) -> Iterator[tuple[Match | None, str]]:
    """Pictures turned over, turned, and swapped; the cameras stay."""
    first, second = compared.views
    for place, view in enumerate(compared.views):
        for words, image in (
            ("mirrored left to right", view.image[:, ::-1]),
            ("upside down", view.image[::-1]),
            ("turned by 180 degrees", view.image[::-1, ::-1]),
        ):
            profiles = list(compared.profiles)
            profiles[place] = profile(replace(view, image=image), compared.pencil)
            yield match(*profiles), f"the picture of {view.name} were {words}"
    if first.image.shape == second.image.shape:
        swapped = replace(first, image=second.image), replace(second, image=first.image)
        one, other = (profile(view, compared.pencil) for view in swapped)
        yield match(one, other), f"the pictures of {first.name} and {second.name} were swapped"


def _signs(compared: Compared, centre_mm: np.ndarray | None) -> Iterator[tuple[Match | None, str]]:
    """Angles with the other sign; the pictures stay."""
    for place, view in enumerate(compared.views):
        for name, axis in (("primary", 0), ("secondary", 2)):
            views = list(compared.views)
            views[place] = _reflected(view, compared.views, axis)
            try:
                yield (
                    compare(views[0], views[1], centre_mm).match,
                    f"the {name} angle of {view.name} had the wrong sign",
                )
            except ValueError:
                continue  # such a pair could not be compared, so it explains nothing


def _reflected(view: View, views: Sequence[View], axis: int) -> View:
    """The view with its primary (axis 0) or secondary (2) angle's sign changed, turned about where the beams meet.

    A C-arm at minus the angle is the mirror image of the C-arm, in the world and in the picture.
    """
    centre = meeting_point(views)
    world, picture = np.eye(3), np.eye(3)
    world[axis, axis] = -1.0
    picture[0 if axis == 0 else 1, 0 if axis == 0 else 1] = -1.0
    pose = view.world_to_camera.copy()
    seen = pose[:3, :3] @ centre + pose[:3, 3]
    pose[:3, :3] = picture @ pose[:3, :3] @ world
    pose[:3, 3] = seen - pose[:3, :3] @ centre
    return replace(view, world_to_camera=pose)
