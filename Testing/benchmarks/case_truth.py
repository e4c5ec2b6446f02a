"""What is true in case folders, for who measures a detector on them: the atlas laid on each true mesh, and everything
that this says about each picture.

A folder's truth names the vertebrae that are to be planned; of a person who is in several folders all vertebrae are
known everywhere, so that a detection of a neighbour is no false one. Meshes of ``spinedart simulate cases`` come with
pose, shape and landmarks; others get them as the simulator's scanned people do (``simulate.patient.annotate``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.atlas.surfaces import Surface
from SpineDARTLib.detect.find import LANDMARK_NAMES
from SpineDARTLib.geometry.camera import project, project_with_depth
from SpineDARTLib.io.case import read_case
from SpineDARTLib.io.files import write_atomically
from SpineDARTLib.io.truth import read_truth
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.simulate.case import LABELS_NAME, SEEN, read_labels
from SpineDARTLib.simulate.imaging.silhouettes import Silhouette, silhouette
from SpineDARTLib.simulate.nouns import VISIBLE, Label
from SpineDARTLib.simulate.patient.annotate import annotate_surface
from SpineDARTLib.types import LEVELS, Case, Vertebra, View


@dataclass(frozen=True)
class TrueOne:
    """A vertebra: its mesh, the atlas on it.

    Attributes:
        level: "T1" ... "L5".
        vertices, faces: (n, 3) RAS mm, (f, 3); the true surface.
        pose: (4, 4) of the atlas's frame: its origin is the body's centre.
        carried: (m, 3) RAS mm, the atlas's vertices on it.
        landmarks: (10, 3) RAS mm, in the order of ``LANDMARK_NAMES``.
    """

    level: str
    vertices: np.ndarray
    faces: np.ndarray
    pose: np.ndarray
    carried: np.ndarray
    landmarks: np.ndarray


@dataclass(frozen=True)
class Shown:
    """A true vertebra in one picture; pixels of the stored picture.

    Attributes:
        level: its level.
        centre_px: (2,) the atlas's origin; what a detector calls its centre may be another point of the body.
        body_px: (2,) mean of the four landmarks around the body, which is what ``find.detect`` calls its centre.
        box_px: (4,) of all of it, also outside the picture.
        outline: its silhouette, as far as it is in the picture.
        share: of the silhouette inside the picture.
        landmarks_px: (10, 2).
        seen: (10,) bool: which of them are to be seen.
        mm_per_px: size of a pixel there.
    """

    level: str
    centre_px: np.ndarray
    body_px: np.ndarray
    box_px: np.ndarray
    outline: Silhouette
    share: float
    landmarks_px: np.ndarray
    seen: np.ndarray
    mm_per_px: float


@dataclass(frozen=True)
class TrueCase:
    """A case with what is true of its person.

    Attributes:
        name: of its folder.
        kind: "AP/LAT" or "random".
        known: level to vertebra, of all that is known of the person, head to foot.
        labels: view name to labels, where a simulation says of others, too, where they are in the picture.
    """

    name: str
    kind: str
    subject: str
    case: Case
    known: Mapping[str, TrueOne]
    labels: Mapping[str, tuple[Label, ...]]

    @cached_property
    def shown(self) -> Mapping[str, Mapping[str, Shown]]:
        """View name to level to what is seen there of every known vertebra that reaches into the picture."""
        found = {}
        for view in self.case.views:
            every = [shown_in(one, view) for one in self.known.values()]
            size = float(np.mean([one.mm_per_px for one in every])) if every else float("nan")
            every += [_labelled(x, size) for x in self.labels.get(view.name, ()) if x.level not in self.known]
            found[view.name] = {one.level: one for one in every if one.share > 0}
        return found

    @property
    def whole(self) -> tuple[str, ...]:
        """The levels that are wholly in every picture."""
        seen = self.shown.values()
        return tuple(x for x in self.known if all(x in each and each[x].share >= SEEN for each in seen))


def shown_in(one: TrueOne, view: View) -> Shown:
    """A true vertebra as a view shows it."""
    outline = silhouette(one.vertices, one.faces, view)
    share = float(outline.mask.values.sum()) / max(outline.area_px, 1)
    centre, depth = project_with_depth(one.pose[None, :3, 3], view)
    landmarks = project(one.landmarks, view)
    size = float(depth[0] / abs(view.intrinsics[1, 1]))
    last = np.array(view.image.shape[::-1]) - 1.0
    inside = np.all((landmarks >= 0) & (landmarks <= last), axis=1)
    return Shown(one.level, centre[0], landmarks[:4].mean(0), outline.box_px, outline, share, landmarks, inside, size)


def _labelled(label: Label, mm_per_px: float) -> Shown:
    """The same of a vertebra of which there is a label only; its size of a pixel is about that of the others."""
    area = int(label.mask.values.sum() / label.share_seen) if label.share_seen > 0 else 0
    outline = Silhouette(label.box_px, label.mask, area)
    body = label.landmarks_px[:4].mean(0)
    seen, share = label.visibility == VISIBLE, label.share_seen
    return Shown(label.level, body, body, label.box_px, outline, share, label.landmarks_px, seen, mm_per_px)


def true_cases(folder: Path, cache: Path) -> Iterator[TrueCase]:
    """Every case with truth in a folder, by name.

    Args:
        cache: folder where the atlas's places on meshes are kept, for the next time.
    """
    models, people = load_models(), {}
    paths = [file.parent for file in sorted(folder.glob("*/case.json")) if (file.parent / "truth").is_dir()]
    for path in paths:
        subject, own = _vertebrae(path, models, cache)
        people.setdefault(subject, {}).update(own)
    for path in paths:
        truth = json.loads((path / "truth" / "truth.json").read_text(encoding="utf-8"))
        known = people[truth["subject"]]
        ordered = {level: known[level] for level in sorted(known, key=LEVELS.index)}
        told = f"{truth.get('kind', '')} {truth.get('made_by', '')}"
        named = "AP/LAT" if "orthogonal" in told or "ap-lat" in told else "random"
        labels = read_labels(path) if (path / "truth" / LABELS_NAME).is_file() else {}
        yield TrueCase(path.name, named, truth["subject"], read_case(path), ordered, labels)


def _vertebrae(path: Path, models: Mapping[str, ShapeModel], cache: Path) -> tuple[str, dict[str, TrueOne]]:
    """Whose, and level to vertebra of one folder."""
    truth = read_truth(path)
    details = json.loads((path / "truth" / "truth.json").read_text(encoding="utf-8")).get("details", {})
    found = {}
    for level, (vertices, faces) in truth.surfaces.items():
        if level in details:
            found[level] = _told(level, vertices, faces, truth.poses[level], details[level], models[level])
        else:
            found[level] = _laid(Surface(truth.subject, level, vertices, faces, ""), models[level], cache)
    return truth.subject, found


def _told(level: str, vertices: np.ndarray, faces: np.ndarray, pose: np.ndarray, details, model) -> TrueOne:
    """A simulated vertebra: its truth says it all."""
    instance = model.instance(level, np.array(details["coefficients"]))
    carried = Vertebra(level, pose, details["scale"], np.array(details["coefficients"])).place(instance)
    landmarks = np.array([details["landmarks"][name] for name in LANDMARK_NAMES])
    return TrueOne(level, vertices, faces, pose, carried, landmarks)


def _laid(surface: Surface, model: ShapeModel, cache: Path) -> TrueOne:
    """A mesh of which nothing else is known."""
    word = hashlib.sha256(surface.vertices.tobytes() + surface.level.encode()).hexdigest()[:16]
    file = cache / f"{surface.subject}-{surface.level}-{word}.json"
    if not file.is_file():
        one = annotate_surface(surface, model)
        landmarks = [one.vertebra.landmarks[name].tolist() for name in LANDMARK_NAMES]
        pose, carried = one.vertebra.vertebra.pose.tolist(), np.round(one.carried, 3).tolist()
        kept = {"pose": pose, "carried": carried, "landmarks": landmarks, "residual_mm": one.residual_mm}
        cache.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(kept).encode())
    kept = json.loads(file.read_text(encoding="utf-8"))
    pose, carried, landmarks = (np.array(kept[name]) for name in ("pose", "carried", "landmarks"))
    return TrueOne(surface.level, surface.vertices, surface.faces, pose, carried, landmarks)
