"""Where the shipped files are: atlas, weights, samples; in a source tree, a wheel or an installed extension."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .errors import InputError

VARIABLE = "SPINEDART_RESOURCES"


def resource_folder(name: str) -> Path:
    """The folder ``name`` ("atlas", "weights", "sample") of the first place that has it.

    The environment variable SPINEDART_RESOURCES, when set, is the only place looked at; otherwise the folder
    ``Resources`` beside the package (source tree, extension), inside it, or under ``share/spinedart`` (wheel).

    Raises:
        InputError: no such folder; names the places looked at.
    """
    override = os.environ.get(VARIABLE)
    if override:
        places = (Path(override),)
    else:
        package = Path(__file__).resolve().parent
        shared = Path(sys.prefix) / "share" / "spinedart"
        places = (package.parent / "Resources", package / "Resources", shared / "Resources")
    for place in places:
        if (place / name).is_dir():
            return place / name
    where = VARIABLE if override else "Resources"
    tried = " or ".join(str(place / name) for place in places)
    raise InputError(where, name, override or "nothing", f"a folder {tried}")


def shipped_weights() -> Path:
    """Where the weights that come with the program should be, there or not."""
    try:
        return resource_folder("weights")
    except InputError:
        return Path("Resources") / "weights"
