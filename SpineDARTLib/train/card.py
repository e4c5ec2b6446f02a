"""The model card: what weights learned from, how, how well they do, and what they are not for.

Once for programs (``detector.json``, see ``detect.weights``), once for people (``README.md`` beside it). What every
training's card says is in ``origin_of``.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..detect.architecture import CPU
from .samples import Sample
from .settings import DetectorTraining, LoopSettings

LIMITS = (
    "Trained on simulated X-rays alone. Levels are proposals: a column may be shifted by one. Not for clinical use. "
    "Few real people: everything scanned comes from a handful of CT scans, and drawn patients come from a shape model "
    "made of the same few. The people held back are no pictures to learn from, but vertebrae of theirs may be among "
    "those that the shape model was made of, so figures on them flatter. Strong deformities, transitional vertebrae "
    "(T13, L6), children and implants other than those that the simulator draws were not seen. Figures on pictures of "
    "a real C-arm are missing."
)
DRAWN = "synthetic-"
"""So begin the names of patients whom the atlas drew."""


@dataclass(frozen=True)
class Source:
    """Where pictures or anatomy come from.

    Attributes:
        name: in full.
        licence: of what we use.
        cite: the publication, or where to get it.
    """

    name: str
    licence: str
    cite: str


SOURCES = {
    "verse": Source(
        "VerSe'19 and VerSe'20, CT with masks",
        "CC BY-SA 4.0",
        "Loeffler et al., Radiology: Artificial Intelligence 2020; 2(4): e190138. "
        "Sekuboyina et al., Medical Image Analysis 2021; 73: 102166",
    ),
    "synthetic": Source(
        "patients drawn from this project's shape models and spine curves",
        "CC BY-SA 4.0",
        "Resources/NOTICE.md, which names what those were made of",
    ),
    "lidc": Source(
        "LIDC-IDRI-0314, a chest CT without its spine, around drawn spines",
        "CC BY 3.0",
        "Armato III et al., Medical Physics 2011; 38: 915; doi:10.7937/K9/TCIA.2015.LO9QL9SX",
    ),
}


def source_of(name: str) -> Source:
    """Of a person or of a source by name ("verse005", "lidc"); an unknown one says so."""
    for key, source in SOURCES.items():
        if name.lower().startswith(key):
            return source
    return Source(name, "not known to this program", "not known to this program")


def group_of_person(subject: str) -> str:
    """ "drawn" or "scanned"."""
    return "drawn" if subject.startswith(DRAWN) else "scanned"


def learned_or_unseen(subject: str, learned: Iterable[str]) -> str:
    """ "learned" of a person the network learned from, else "unseen"."""
    return "learned" if subject in learned else "unseen"


def card_of(
    settings: DetectorTraining,
    learned: Iterable[str],
    entry: Mapping[str, Any],
    pictures: Sequence[Sample],
    held: Sequence[Sample],
    cases: Sequence[Sample],
) -> dict[str, Any]:
    """What the weights' card says of where they come from.

    Args:
        learned: subjects whom the network learned from.
        entry: of the last validation (``running.Validated``).
        pictures, held: to learn from, and of people held back; ``cases`` to judge by.
    """
    everybody, counts = set(learned), Counter(group_of_person(one.subject) for one in pictures)
    return {
        **origin_of(settings, command_of(settings), everybody, entry),
        "pictures": len(pictures),
        "pictures_scanned": counts["scanned"],
        "pictures_drawn": counts["drawn"],
        "held_back_pictures": len(held),
        "metrics": {name: figures for name, figures in entry.items() if name.split("_")[0] in ("validation", "cases")},
        "case_subjects_learned_from": sorted({one.subject for one in cases} & everybody),
        "case_subjects_unseen": sorted({one.subject for one in cases} - everybody),
        "limits": LIMITS,
    }


def origin_of(settings: LoopSettings, command: str, learned: Iterable[str], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the card of any training says: by which program, how, from whom, for how long.

    Args:
        command: what to type for the same training.
        learned: subjects whom the network learned from.
        entry: of the last validation.
    """
    everybody = set(learned)
    people = sorted(one for one in everybody if group_of_person(one) == "scanned")
    return {
        "software": __version__,
        "commit": commit(),
        "command": command,
        "device": device_of(settings),
        "torch": torch.__version__,
        "minutes": entry["minutes"],
        "steps": entry["step"],
        "steps_skipped": entry.get("skipped", 0),
        "subjects": people,
        "drawn_subjects": len(everybody) - len(people),
        "held_back": list(settings.held_back),
        "held_back_every": settings.held_back_every,
        "sources": sources_of([*everybody, *settings.sources]),
        "seed": settings.seed,
        "batch": settings.batch,
        "parts": settings.parts,
        "rate": settings.rate,
    }


def sources_of(names: Iterable[str]) -> list[dict[str, str]]:
    """Every source once, with its licence."""
    found = {source_of(name) for name in names}
    return [
        {"name": one.name, "licence": one.licence, "cite": one.cite} for one in sorted(found, key=lambda one: one.name)
    ]


def command_of(settings: DetectorTraining) -> str:
    """What to type for the same training; folders by what is in them, for nobody else has ours."""
    cases = ["--cases CASES"] if settings.cases is not None else []
    return command_words("detector", settings, settings.architecture == CPU, cases)


def command_words(network: str, settings: LoopSettings, small: bool, own: Sequence[str]) -> str:
    """The command of any training.

    Args:
        network: what it is called there. small: whether the budget is that for a processor.
        own: what only this training's command has.
    """
    words = [f"spinedart train {network} --data DATA --out DIR", f"--budget {'cpu' if small else 'gpu'}", *own]
    length = f"--steps {settings.steps}" if settings.steps is not None else f"--minutes {settings.minutes:g}"
    words += [length, f"--held-back {','.join(settings.held_back)}", f"--seed {settings.seed}"]
    words += [f"--parts {settings.parts}"] if settings.parts > 1 else []
    words += [f"--sources {','.join(settings.sources)}"] if settings.sources else []
    return " ".join(words)


def device_of(settings: LoopSettings) -> str:
    """What computed, in words."""
    world = os.environ.get("WORLD_SIZE", "1")
    if settings.device.startswith("cuda"):
        return f"{world} x {torch.cuda.get_device_name(settings.device)}"
    return f"{world} x {settings.device} ({platform.machine()}, {torch.get_num_threads()} threads)"


def commit() -> str | None:
    """Of the program, where it runs from a checkout; "-dirty" where files differ from it."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None
