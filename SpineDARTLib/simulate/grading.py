"""Grading DRRs: AP and lateral of a vertebra's own axes with its cannulas as metal, as the paper's clinician saw them.

Clean on purpose: no scatter, no noise, no soft tissue. Bone is bright, metal brightest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..geometry.camera import c_arm_camera
from ..io.plan import read_plan
from ..types import Cannula, Plan, View
from .draw import stream
from .imaging.materials import excess_per_mm
from .imaging.projection import Projector
from .nouns import Patient, Rod, Volume
from .patient.bone import BoneQuality, fill_bone

PRIMARY_DEG = {"ap": 0.0, "lat": 90.0}
"""Beams in the vertebra's own frame: along its sagittal axis seen from behind, the patient's left on the left, as a
prone patient is graded (clinical.md); along its transverse axis, anterior on the right."""
SIDE_LETTERS = {"ap": ("L", "R"), "lat": ("P", "A")}
SCALE_MM = 20.0
"""Of the scale bar, true at the vertebra's centre."""


@dataclass(frozen=True)
class GradingSettings:
    """How a grading DRR is made.

    Attributes:
        size_px: pictures are square.
        side_mm: what they show at the vertebra.
        source_mm: from the source to the vertebra: so far that its two sides are magnified alike within some per
            cent. The detector lies a fifth farther.
        neighbour: how much the other vertebrae are dimmed.
        shaft_mm: how far a cannula shows before its entry.
        wall_mm: of a cannula; an 11G vertebroplasty needle's is 0.33 mm (3.05 outer, 2.39 inner). A stylet in it makes
            it solid: 0 for that.
        spacing_mm: of the grids that meshes are filled on.
        seed: of the bone's texture.
    """

    size_px: int = 512
    side_mm: float = 130.0
    source_mm: float = 1500.0
    neighbour: float = 0.6
    shaft_mm: float = 30.0
    wall_mm: float = 0.35
    spacing_mm: float = 0.6
    seed: int = 4


def drawable(bone: Volume) -> Projector:
    """Bone made ready once for all pictures it shows in: its own and its neighbours'.

    Args:
        bone: of a vertebra, or of a whole CT (share of bone).
    """
    return Projector(Patient("grading", {}, (bone,)))


def grading_pictures(
    bone: Projector,
    cannulas: Sequence[Cannula],
    pose: np.ndarray,
    neighbours: Sequence[Projector] = (),
    settings: GradingSettings | None = None,
) -> dict[str, np.ndarray]:
    """Draw one vertebra.

    Args:
        bone: of it (``drawable``, ``filled``).
        cannulas: shown as hollow steel.
        pose: (4, 4) rigid, the vertebra's frame (x right, y anterior, z superior, at its body's centre) to RAS mm.
        neighbours: bone that is shown dimmed.

    Returns:
        "ap" and "lat" to (size, size) uint8.

    Raises:
        ValueError: a pose that is not rigid.
    """
    settings = settings or GradingSettings()
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (4, 4) or not np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-3):
        raise ValueError(f"got a pose of shape {pose.shape}; expected a rigid (4, 4)")
    needles = Projector(Patient("grading", {}, (), tuple(_needle(cannula, settings) for cannula in cannulas)))
    pictures = {}
    for name in PRIMARY_DEG:
        view = grading_view(name, pose, settings)
        shown = _path(bone, view, "bone") + settings.neighbour * sum(_path(one, view, "bone") for one in neighbours)
        metal = _path(needles, view, "steel")
        pictures[name] = _display(excess_per_mm("bone") * shown, excess_per_mm("steel") * metal)
    return pictures


def grading_view(name: str, pose: np.ndarray, settings: GradingSettings) -> View:
    """The camera of "ap" or "lat"; its image is empty."""
    shape = (settings.size_px, settings.size_px)
    to_detector = 1.2 * settings.source_mm
    side = 1.2 * settings.side_mm / settings.size_px
    intrinsics, camera = c_arm_camera(
        PRIMARY_DEG[name], 0.0, to_detector, settings.source_mm, (side, side), shape, (0.0, -15.0, 0.0)
    )  # aimed between body and spinous process
    blank = np.zeros(shape, dtype=np.float32)
    return View(name, blank, intrinsics, camera @ np.linalg.inv(pose), (side, side), to_detector)


def _needle(cannula: Cannula, settings: GradingSettings) -> Rod:
    path = cannula.path_mm
    along = (path[1] - path[0]) / np.linalg.norm(path[1] - path[0])
    radius = cannula.diameter_mm / 2
    bore = radius - settings.wall_mm if 0 < settings.wall_mm < radius else 0.0
    points = np.vstack([path[0] - settings.shaft_mm * along, path[1:]])
    return Rod(points, np.full(len(points), radius), "steel", bore, f"{cannula.side} cannula")


def _path(shown: Projector, view: View, material: str) -> np.ndarray:
    """(height, width) mm of a material that each ray passes through."""
    found = shown.project(view).materials.get(material)
    return np.zeros(view.image.shape, dtype=np.float32) if found is None else found.numpy()


def _display(bone: np.ndarray, metal: np.ndarray) -> np.ndarray:
    """(height, width) uint8 of excess over soft tissue at 60 keV: bone over three quarters of the grey values, metal
    over the rest: its wall shows, and the bone through it."""
    scale = max(float(np.percentile(bone[bone > 0], 99.7)) if (bone > 0).any() else 0.0, 1e-6)
    shown = 0.72 * np.clip(bone / scale, 0.0, 1.1) ** 0.65
    opaque = 1.0 - np.exp(-0.7 * metal)
    return np.round(255 * np.clip(shown + opaque * (1.0 - shown) * 0.95, 0.0, 1.0)).astype(np.uint8)


def save_grading(plan_folder: Path | str, out: Path | str, settings: GradingSettings | None = None) -> tuple[Path, ...]:
    """Write ``grading_<level>_ap.png`` and ``..._lat.png`` for each vertebra of a plan that has a surface.

    Args:
        plan_folder: or its ``plan.json``.
        out: made where it does not exist.

    Returns:
        The files, in the plan's order.

    Raises:
        InputError: the plan cannot be read or has no vertebra with a surface.
    """
    from PIL import Image

    settings = settings or GradingSettings()
    saved = read_plan(plan_folder)
    bones = {
        plan.fitted.level: filled(plan.fitted.level, plan.vertices_mm, plan.faces, settings)
        for plan in saved.plans
        if plan.vertices_mm is not None and plan.faces is not None
    }
    if not bones:
        raise InputError(saved.folder, "vertebrae", "none with a mesh", "at least one vertebra that was reconstructed")
    Path(out).mkdir(parents=True, exist_ok=True)
    written = []
    for plan in saved.plans:
        level, vertebra = plan.fitted.level, plan.fitted.vertebra
        if level not in bones or vertebra is None:
            continue
        others = [bone for other, bone in bones.items() if other != level]
        pictures = grading_pictures(bones[level], plan.cannulas, vertebra.pose, others, settings)
        for name, picture in pictures.items():
            path = Path(out) / f"grading_{level}_{name}.png"
            words = f"{level}  {name.upper()}   {_gauges(plan)}   {saved.case_id}"
            Image.fromarray(titled(picture, words, name, settings)).save(path)
            written.append(path)
    return tuple(written)


def filled(level: str, vertices: np.ndarray, faces: np.ndarray, settings: GradingSettings) -> Projector:
    """Bone of an average person in a fitted surface; its texture hangs on the level alone."""
    generator = stream(settings.seed, level)
    return drawable(fill_bone(vertices, faces, BoneQuality(roughness=0.1), generator, settings.spacing_mm))


def _gauges(plan: Plan) -> str:
    """ "cannulas 3.05 mm"."""
    widths = sorted({f"{cannula.diameter_mm:g}" for cannula in plan.cannulas})
    return f"cannulas {' and '.join(widths)} mm" if widths else "no cannula"


def titled(picture: np.ndarray, words: str, name: str, settings: GradingSettings) -> np.ndarray:
    """(height + 24, width) uint8: the picture below a strip with words, with its sides' letters and a scale.

    Args:
        name: "ap" or "lat".
    """
    from matplotlib import font_manager
    from PIL import Image, ImageDraw, ImageFont

    strip = Image.new("L", (picture.shape[1], 24), 0)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 14)
    ImageDraw.Draw(strip).text((8, 4), words, fill=230, font=font)
    image = Image.fromarray(picture)
    pen, (width, height) = ImageDraw.Draw(image), image.size
    pen.text((8, 6), SIDE_LETTERS[name][0], fill=230, font=font)
    pen.text((width - 8, 6), SIDE_LETTERS[name][1], fill=230, font=font, anchor="ra")
    length = SCALE_MM * width / settings.side_mm
    pen.line((width - 8 - length, height - 10, width - 8, height - 10), fill=230, width=2)
    pen.text((width - 8, height - 14), f"{SCALE_MM:g} mm", fill=230, font=font, anchor="rd")
    return np.vstack([np.asarray(strip), np.asarray(image)])
