"""A case as it was given, with other seeds: for a person to correct what was found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..types import Seed, View
from .case import FILE_NAME, case_file, flipped_views
from .fields import load_json
from .files import new_folder

HEADERS = (".mhd", ".nhdr")
"""Images whose pixels are in another file, which these name."""
DATA = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)\s*([^\r\n]+)", re.MULTILINE | re.IGNORECASE)


def copy_case(source: Path | str, folder: Path | str, seeds: Sequence[Seed], views: Sequence[View]) -> None:
    """Write a case folder with the images and the geometry of another, all of it or nothing.

    Args:
        source: the case folder or its ``case.json``, which can be read (``read_case``).
        folder: new, empty, or holding an earlier case.
        seeds: whose clicks are pixels of the views as they were read.
        views: as they were read.

    Raises:
        InputError: the folder cannot be written, or holds something else.
    """
    file = case_file(Path(source))
    root = load_json(file)
    turned = flipped_views(root.child("views"))
    widths = {view.name: view.image.shape[1] for view in views if view.name in turned}
    document = dict(root.members())
    with new_folder(Path(folder), marker=FILE_NAME) as target:
        entries = [dict(entry) for entry in document["views"]]
        for number, entry in enumerate(entries):
            entry["image"] = _copy_image(file.parent / entry["image"], target, number)
        document |= {"views": entries, "vertebrae": [_entry(seed, widths) for seed in seeds]}
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
        (target / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def _copy_image(image: Path, target: Path, number: int) -> str:
    """Copy an image, and what it names; the name that it has now."""
    taken = (target / image.name).exists() or image.name == FILE_NAME
    place = target / f"view{number}" if taken else target
    place.mkdir(exist_ok=True)
    for one in (image, *_pixels_of(image)):
        shutil.copyfile(one, place / one.name)
    return (place / image.name).relative_to(target).as_posix()


def _pixels_of(image: Path) -> Iterator[Path]:
    """The file beside a header that holds its pixels."""
    if image.suffix.lower() in HEADERS:
        named = DATA.search(image.read_bytes())
        if named and (pixels := image.parent / named.group(1).decode("utf-8", "replace").strip()).is_file():
            yield pixels


def _entry(seed: Seed, widths: dict[str, int]) -> dict[str, object]:
    """A seed as ``case.json`` has it: clicks of pictures that were turned over when they were read, turned back."""
    clicks = {name: [widths[name] - 1 - u if name in widths else u, v] for name, (u, v) in seed.clicks_px.items()}
    return {"level": seed.level, "seeds": clicks} if clicks else {"level": seed.level}
