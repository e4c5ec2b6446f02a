"""The picture of a geometry: patient, tubes and detectors to check by eye, and each X-ray with letters at its edges.

It should answer "is this how the machine stood?" in two seconds. The room is drawn as one sees it: from the patient's
feet and from the side, the patient lying as the files say. No colour is alone: each beam carries its view's name.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke
from scipy.interpolate import CubicSpline
from scipy.spatial import ConvexHull

from .geometry.patient import POSITIONS, orientation_of, table_to_patient
from .geometry.words import describe, display
from .types import View

COLOURS = ("#6CC4F5", "#F2A93B", "#8FF0C4", "#E58FD8", "#F5EA55", "#C8C8FF")
"""One a view, then from the start again; Okabe and Ito's (2008), lightened for a dark ground."""
GROUND, PAPER, SKIN, BONE, QUIET, TABLE = "#101010", "#1B1B1B", "#8D7B70", "#F3E9D2", "#A8A8A8", "#5A6570"

LETTERS = (("R", "L"), ("A", "P"), ("H", "F"))
"""Of the patient's right, left, front (anterior), back (posterior), head and feet: the ends of RAS."""
WORDS = {"R": "right", "L": "left", "A": "front", "P": "back", "H": "head", "F": "feet"}
FEW = 3
"""Views up to which everything is written out."""
LETTER_MM = 28.0
"""Kept free on the paper for each letter of a label at its rim."""
OPPOSITE = str.maketrans("RLAPHF", "LRPAFH")

# The mannequin, mm from the middle of a lumbar vertebra: 1.7 m tall, a trunk 330 mm wide and 210 mm deep.
TRUNK = [(165, 35), (150, 100), (90, 138), (0, 145), (-90, 138), (-150, 100), (-165, 35), (-140, -30), (-75, -68),
         (-25, -66), (0, -60), (25, -66), (75, -68), (140, -30)]  # fmt: skip
"""Right and front of the trunk's cross-section, the furrow of the spine behind."""
PROFILE = [(5, 650), (-78, 600), (-62, 500), (-45, 455), (-85, 390), (-105, 290), (-75, 110), (-64, 10), (-95, -80),
           (-120, -170), (-75, -330), (-62, -540), (-85, -690), (-55, -900), (-70, -1020), (-40, -1060), (60, -1052),
           (165, -1050), (150, -1010), (45, -970), (10, -760), (45, -540), (95, -300), (100, -130), (138, -10),
           (128, 150), (132, 300), (60, 410), (38, 455), (84, 478), (92, 520), (118, 548), (88, 575),
           (80, 630)]  # fmt: skip
"""Front and head of the silhouette seen from the side: a nose and toes say where the front is."""
FIGURE = [(0, 650), (62, 620), (72, 560), (50, 490), (45, 455), (120, 425), (195, 395), (225, 300), (255, 100),
          (290, -120), (270, -170), (235, -120), (205, 60), (170, 280), (150, 120), (140, 20), (175, -120),
          (170, -330), (120, -560), (110, -760), (85, -960), (110, -1050), (45, -1055), (40, -960), (30, -760),
          (40, -560), (20, -330), (0, -190)]  # fmt: skip
"""Right and head of half the silhouette seen from the front."""
VERTEBRA = [(22, 0), (16, 14), (0, 17), (-16, 14), (-22, 0), (-17, -13), (-40, -24), (-38, -30), (-10, -32),
            (-3, -62), (3, -62), (10, -32), (38, -30), (40, -24), (17, -13)]  # fmt: skip


@dataclass(frozen=True)
class _Look:
    """A way to look at the room: what is to the right and up on the paper, unit vectors in RAS."""

    right: np.ndarray
    up: np.ndarray
    centre: np.ndarray

    @property
    def towards(self) -> np.ndarray:
        """From the onlooker into the paper."""
        return np.cross(self.up, self.right)

    def __call__(self, points_mm: np.ndarray) -> np.ndarray:
        """(n, 3) RAS mm to (n, 2) mm on the paper."""
        return (np.atleast_2d(points_mm) - self.centre) @ np.stack([self.right, self.up], axis=1)


def draw_orientation(views: Sequence[View], path: Path | str, patient_position: str | None = None) -> None:
    """Draw views and the room, and write the picture (PNG).

    Args:
        views: one or more.
        patient_position: as DICOM has it ("HFS", "FFP", ...); None where nobody said: then the front is up, no table.

    Raises:
        ValueError: no view.
    """
    if not views:
        raise ValueError("got no view; expected one or more")
    figure = Figure(figsize=(12.0, 9.6), dpi=100, facecolor=GROUND)
    FigureCanvasAgg(figure)
    rows = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.2), left=0.02, right=0.98, top=0.92, bottom=0.05, hspace=0.1)
    lines = 1 if len(views) <= FEW else 2
    tiles = rows[0].subgridspec(lines, max(2, -(-len(views) // lines)), wspace=0.04, hspace=0.25)
    for index, view in enumerate(views):
        _draw_xray(figure.add_subplot(tiles[index]), view, COLOURS[index % len(COLOURS)], len(views))
    lying = patient_position if patient_position in POSITIONS else None
    up = table_to_patient(lying or "HFS")[:, 1]
    centre, head = meeting_point(views), np.array([0.0, 0.0, 1.0])
    feet_look, side_look = _Look(np.cross(head, up), up, centre), _Look(-head, up, centre)
    room = rows[1].subgridspec(1, 2, width_ratios=(1.0, 1.35), wspace=0.04)
    _draw_room(figure.add_subplot(room[0]), feet_look, views, lying, "Seen from the patient's feet")
    along = int(np.argmax(np.abs(side_look.towards)))
    side = WORDS[LETTERS[along][int(side_look.towards[along] > 0)]]
    _draw_room(figure.add_subplot(room[1]), side_look, views, lying, f"Seen from the side (the patient's {side})")
    place = f"Drawn {POSITIONS[lying]} ({lying})." if lying else "No file says how the patient lay: the front is up."
    words = (
        f"{place} X-rays as the tube sees them; letters: what the geometry says is at that edge. Not for clinical use."
    )
    figure.text(0.5, 0.018, words, color=QUIET, ha="center", fontsize=10)
    figure.savefig(path, format="png", facecolor=GROUND)


def meeting_point(views: Sequence[View]) -> np.ndarray:
    """(3,) RAS mm: the point nearest to all beams' axes; halfway to the detector where they are parallel."""
    across = [np.eye(3) - np.outer(view.axis, view.axis) for view in views]
    middles = [view.source_mm + 0.6 * view.source_to_detector_mm * view.axis for view in views]
    normal = sum(across) + 1e-3 * np.eye(3) * len(views)
    right = sum(plane @ view.source_mm for plane, view in zip(across, views, strict=True))
    return np.linalg.solve(normal, right + 1e-3 * np.sum(middles, axis=0))


def _draw_xray(axes: Axes, view: View, colour: str, count: int) -> None:
    """One X-ray, bone bright, its name and words above, letters at its four edges."""
    low, high = np.percentile(view.image, (1.0, 99.0))
    axes.imshow(view.image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
    right, below = orientation_of(view.world_to_camera)
    left, above = right.translate(OPPOSITE), below.translate(OPPOSITE)
    for (x, y), letters in {(0.03, 0.5): left, (0.97, 0.5): right, (0.5, 0.955): above, (0.5, 0.045): below}.items():
        axes.text(
            x, y, letters, transform=axes.transAxes, color="white", fontsize=17 if count <= FEW else 10, weight="bold",
            ha="left" if x < 0.1 else "right" if x > 0.9 else "center", va="center",
            path_effects=[withStroke(linewidth=3, foreground="black")],
        )  # fmt: skip
    if count <= FEW:
        _head(axes, 34.0, f"{view.name}   {display(view)}", colour, 14.0)
        _head(axes, 5.0, textwrap.fill(describe(view), 66 if count < FEW else 43), "white", 9.5)
    else:
        _head(axes, 3.0, f"{view.name}   {display(view)}", colour, 10.5)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2)


def _head(axes: Axes, points: float, words: str, colour: str, size: float) -> None:
    """Words this many points above the axes."""
    style = {"ha": "center", "va": "bottom", "fontsize": size, "weight": "bold" if size > 10 else "normal"}
    place = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(words, (0.5, 1.0), (0, points), color=colour, **place, **style)


def _draw_room(axes: Axes, look: _Look, views: Sequence[View], lying: str | None, title: str) -> None:
    axes.set_facecolor(PAPER)
    _draw_patient(axes, look)
    if lying:
        _draw_table(axes, look)
    for index, view in enumerate(views):
        _draw_beam(axes, look, view, COLOURS[index % len(COLOURS)], len(views) <= FEW)
    axes.margins(0.05)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(title, color="white", fontsize=12, loc="left")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_patient(axes: Axes, look: _Look) -> None:
    """The silhouette seen this way, the vertebra at its place, and a letter at each end of the paper's axes."""
    along = int(np.argmax(np.abs(look.towards)))
    outline = _smooth(_silhouette(along))
    axes.add_patch(Polygon(look(outline + look.centre), facecolor=SKIN, edgecolor="none", alpha=0.75, zorder=1))
    if along == 2:
        bone = 1.5 * np.c_[np.array(VERTEBRA), np.zeros(len(VERTEBRA))]  # larger than life: its spine points back
        axes.add_patch(Polygon(look(bone + look.centre), facecolor=BONE, edgecolor="none", zorder=2))
    else:
        column = np.c_[np.zeros((15, 2)), np.linspace(-70, 430, 15)]
        axes.plot(*look(column + look.centre).T, "s", color=BONE, markersize=4, zorder=2)
    for axis in {0, 1, 2} - {along}:
        unit = np.eye(3)[axis]
        for letter, sign in zip(LETTERS[axis], (1.0, -1.0), strict=True):
            edge = sign * unit * np.max(sign * outline[:, axis])
            if along != 2 and axis != 2:
                edge = _thigh(outline, axis, sign)
            _say(axes, look(edge + 75.0 * sign * unit + look.centre)[0], WORDS[letter], "white", 12.0)


def _thigh(outline: np.ndarray, axis: int, sign: float) -> np.ndarray:
    """The outline's point on one side of the thighs: the trunk's own is under the beams."""
    thighs = outline[np.abs(outline[:, 2] + 330) < 25]
    return thighs[np.argmax(sign * thighs[:, axis])]


def _say(axes: Axes, place: np.ndarray, words: str, colour: str, size: float, side: np.ndarray | None = None) -> None:
    """Words centred at a place, or beyond it on the side that ``side`` (2,) points to."""
    x, y = (0.0, 0.0) if side is None else side
    across = "left" if x > 0.5 else "right" if x < -0.5 else "center"
    upright = "bottom" if y > 0.8 else "top" if y < -0.8 else "center"
    outline = [withStroke(linewidth=3, foreground="black")]
    axes.text(
        place[0], place[1], words, color=colour, fontsize=size, ha=across, va=upright, zorder=6, path_effects=outline
    )
    room = LETTER_MM * max(len(line) for line in words.splitlines())
    axes.plot(place[0] + room * (x if abs(x) > 0.5 else 0.0), place[1] + 60.0 * y, alpha=0.0)


def _silhouette(along: int) -> np.ndarray:
    """(n, 3) mm in RAS around the vertebra, of the patient seen along an axis."""
    points = {0: PROFILE, 1: FIGURE + [(-x, z) for x, z in FIGURE[-2:0:-1]], 2: TRUNK}[along]
    return np.array([(*point[:along], 0.0, *point[along:]) for point in points])


def _smooth(outline: np.ndarray) -> np.ndarray:
    """A closed curve through the points, about ten times as many."""
    closed = np.vstack([outline, outline[:1]])
    steps = np.r_[0.0, np.cumsum(np.sqrt(np.linalg.norm(np.diff(closed, axis=0), axis=1)))]
    return CubicSpline(steps, closed, bc_type="periodic")(np.linspace(0, steps[-1], 10 * len(outline)))


def _draw_table(axes: Axes, look: _Look) -> None:
    """A slab under the mannequin, as wide as tables are (450 mm)."""
    along = int(np.argmax(np.abs(look.towards)))
    lowest = look(_smooth(_silhouette(along)) + look.centre)[:, 1].min()
    left, right = (-225, 225) if along == 2 else (-750, 1150)
    corners = [(left, lowest - 55), (right, lowest - 55), (right, lowest - 15), (left, lowest - 15)]
    axes.add_patch(Polygon(corners, facecolor=TABLE, edgecolor="none", zorder=0.5))


def _draw_beam(axes: Axes, look: _Look, view: View, colour: str, roomy: bool) -> None:
    """Tube, cone, detector and name; where it runs through the paper, whether it comes towards the onlooker."""
    source, panel = look(view.source_mm)[0], look(_detector(view))
    cone = np.vstack([source, panel])
    hull = cone[ConvexHull(cone).vertices]
    axes.add_patch(Polygon(hull, facecolor=colour, edgecolor=colour, alpha=0.16, zorder=3))
    axes.add_patch(Polygon(panel, facecolor=colour, edgecolor=colour, alpha=0.9, linewidth=5, fill=False, zorder=4))
    middle = panel.mean(axis=0)
    axes.plot(*np.stack([source, middle]).T, "--", color=colour, linewidth=1, zorder=4)
    axes.plot(*source, "o", color=colour, markersize=10, markeredgecolor="black", zorder=5)
    length = np.linalg.norm(middle - source)
    if length < 0.25 * view.source_to_detector_mm:
        words = "towards you" if view.axis @ look.towards < 0 else "away from you"
        top = np.array([middle[0], panel[:, 1].max() + 70.0])
        _say(axes, top, f"{view.name}: beam {words}", colour, 10.0)
        return
    step = (middle - source) / length
    beyond = ((panel - middle) @ step).max() + 30.0
    if not roomy:
        _say(axes, middle + beyond * step, view.name, colour, 10.0, step)
        return
    angles = f"\n{display(view)}" if abs(look.towards[2]) > 0.5 else ""
    _say(axes, middle + beyond * step, f"{view.name} detector{angles}", colour, 10.0, step)
    _say(axes, source - 40.0 * step, f"{view.name} tube", colour, 10.0, -step)


def _detector(view: View) -> np.ndarray:
    """(4, 3) RAS mm: the corners of the image where the detector stands."""
    height, width = view.image.shape
    pixels = np.array([(0, 0, 1), (width - 1, 0, 1), (width - 1, height - 1, 1), (0, height - 1, 1)], dtype=np.float64)
    in_camera = view.source_to_detector_mm * pixels @ np.linalg.inv(view.intrinsics).T
    return view.source_mm + in_camera @ view.world_to_camera[:3, :3]
