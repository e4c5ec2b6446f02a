"""What goes to the worker and comes back: a case to read, settings to differ, plan folders as text for a scene."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.plan import OVERLAY
from ..types import Case, Seed
from .locating import found_in, located, proposals, what_seed_lacks
from .state import PanelState

RESIDUALS = "inspect"
"""The folder in a plan folder with pictures of what the fit leaves over (``inspect.residuals``)."""


def merged(*settings: Mapping[str, object]) -> dict[str, Any]:
    """Changes of settings on top of each other, those within them likewise."""
    together: dict[str, Any] = {}
    for one in settings:
        for name, value in one.items():
            both = isinstance(value, Mapping) and isinstance(together.get(name), Mapping)
            together[name] = merged(together[name], value) if both else value  # type: ignore[arg-type]
    return together


def settings_of_found(state: PanelState) -> dict[str, Any]:
    """Settings by which a fit's own look at the X-rays gives every vertebra the name that it has here."""
    found = found_in(state)
    return {"detector": {"shift": found.shift}} if found else {}


def case_with_seeds(state: PanelState, levels: Collection[str] = ()) -> Case:
    """The case with all that is clicked, as it is now, and with what is found, without clicks: a fit looks for that
    anew. A lone click is left out; of these levels only if any are named."""
    assert state.case is not None
    clicks = {level: seed.clicks_px if level in state.seeds else {} for level, seed in located(state).items()
              if not levels or level in levels}  # fmt: skip
    seeds = tuple(Seed(level, places if len(places) > 1 else {}) for level, places in clicks.items())
    return replace(state.case, seeds=seeds)


def case_to_fit(state: PanelState, levels: Collection[str]) -> Case:
    """The case that a fit of these levels reads. Where vertebrae are found, all the others are in it as well: what is
    clicked tells the detector which level its neighbours are."""
    if proposals(state):
        levels = [level for level in located(state) if not what_seed_lacks(state, level)]
    return case_with_seeds(state, levels)


def packed(folder: Path) -> str:
    """A plan folder as base64 of a zip, with its residual pictures and without the picture of the fit."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted([*folder.iterdir(), *folder.glob(f"{RESIDUALS}/*.png")]):
            if path.is_file() and path.name != OVERLAY:
                # Without times: the same folder gives the same text, and a scene is not changed by reading it.
                name = path.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def unpacked(text: str, folder: Path, where: Path) -> None:
    """The reverse, into a folder that may be new.

    Args:
        where: what complaints call the text.

    Raises:
        InputError: it is damaged, or names files outside of the folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text, validate=True))) as archive:
            names = [name.removeprefix(f"{RESIDUALS}/") for name in archive.namelist()]
            if any(Path(name).name != name for name in names):
                raise InputError(where, "fits", "a file outside of its folder", "a plan folder as SpineDART packs it")
            folder.mkdir(parents=True, exist_ok=True)
            archive.extractall(folder)
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(where, "fits", "damaged data", "a plan folder as SpineDART packs it") from None
