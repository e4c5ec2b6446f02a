"""What is in use on this machine, and why: the first thing to ask for when something is odd."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import __version__
from .config import DetectorSettings
from .detect.architecture import NAME
from .detector_in_use import load_kept, weights_folder
from .errors import InputError
from .resources import VARIABLE, resource_folder, shipped_weights

PACKAGES = (
    "numpy", "scipy", "vtk", "SimpleITK", "pydicom", "roma", "matplotlib", "nanodrr", "torchvision", "timm",
    "safetensors",
)  # fmt: skip


def report() -> int:
    """Print one line a part; 0 when a case can be planned here, 1 when something needed is missing."""
    table = Table(show_header=False, box=None, pad_edge=False)
    fine = True
    for name, find in PARTS.items():
        try:
            found, why = find()
        except Exception as error:
            fine = False
            found, why = "broken", " ".join(f"{type(error).__name__}: {error}".split())
        table.add_row(f"[bold]{name}[/]", found, f"[dim]{why}[/]")
    console = Console()
    console.print(table)
    if not fine:
        console.print("Something needed is missing: see the lines marked broken.")
    return 0 if fine else 1


def _spinedart() -> tuple[str, str]:
    return __version__, str(Path(__file__).resolve().parent)


def _python() -> tuple[str, str]:
    return platform.python_version(), f"{sys.executable} on {platform.platform()}"


def _packages() -> tuple[str, str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} MISSING")
    return ", ".join(found), ""


def _torch() -> tuple[str, str]:
    import torch

    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built for the CPU only"
    return torch.__version__, f"{built}; {torch.get_num_threads()} threads"


def _device() -> tuple[str, str]:
    import torch

    from .render.device import choose_device

    chosen = choose_device("auto")
    if chosen == "cuda":
        return chosen, f"{torch.cuda.get_device_name()}; asked for with --device auto"
    reason = "torch is built without CUDA" if torch.version.cuda is None else "torch finds no CUDA device"
    return chosen, f"{reason}; MPS is taken only when asked for"


def _renderer() -> tuple[str, str]:
    import torch

    from .render.device import choose_device
    from .render.renderer import choose_backend

    device = torch.device(choose_device("auto"))
    chosen = choose_backend("auto", device)
    there = find_spec("gsplat") is not None
    why = "gsplat needs CUDA" if device.type != "cuda" else "gsplat is " + ("installed" if there else "not installed")
    return chosen, why


def _atlas() -> tuple[str, str]:
    from .atlas.files import available_levels, load_model

    folder = resource_folder("atlas")
    regions: dict[str, str] = {}
    for level in available_levels():
        if not any(level in levels for levels in regions.values()):
            model = load_model(level)
            people = f"{len(model.subjects)} subjects, {model.rank} modes, {' '.join(model.levels)}"
            regions[model.region] = people
    if not regions:
        raise InputError(folder, "", "no region", "a shape model in it")
    words = "; ".join(f"{region} ({people})" for region, people in regions.items())
    chosen = f"{VARIABLE} is set" if os.environ.get(VARIABLE) else "found beside or inside the package"
    return words, f"{folder}; {chosen}"


def _weights() -> tuple[str, str]:
    """The detector's; a file that is not what its card says is broken, none at all is not."""
    settings = DetectorSettings()
    folder = weights_folder(settings)
    if not any((folder / f"{NAME}{suffix}").exists() for suffix in (".safetensors", ".json")):
        return "none", "vertebrae are located by clicks"
    card = load_kept(settings).card
    return f"detector {str(card['sha256'])[:12]}", f"{_learned(card)}; {_figures(card)}; {folder}"


def _similarity() -> tuple[str, str]:
    """The learned similarity's; as the detector's."""
    from .similarity.learned.weights import NAME as KEPT
    from .similarity.learned.weights import load_similarity

    folder = shipped_weights()
    if not any((folder / f"{KEPT}{suffix}").exists() for suffix in (".safetensors", ".json")):
        return "none", "X-rays are compared by gradient-ncc, which needs none"
    card = load_similarity(folder).card
    return f"similarity {str(card['sha256'])[:12]}", f"{_learned(card)}; for --similarity learned or hybrid; {folder}"


def _learned(card: Mapping[str, Any]) -> str:
    """What it was made of."""
    people = f"{len(card.get('subjects', ()))} scanned and {card.get('drawn_subjects', 0)} drawn people"
    return f"trained for {card.get('minutes', 0):.0f} minutes on {people}"


def _figures(card: Mapping[str, Any]) -> str:
    """What it does on people that it has not learned from, as its card says; on the test cases where that is all."""
    metrics = card.get("metrics", {})
    name = next((one for one in ("validation", "cases") if metrics.get(one)), None)
    if name is None:
        return "its card has no figures"
    words = {"found": "found", "level": "level right", "level_one": "level within one"}
    told = [f"{what} {metrics[name][key]:.0%}" for key, what in words.items() if metrics[name].get(key) is not None]
    where = "vertebrae of people held back" if name == "validation" else "vertebrae of test cases"
    return f"{', '.join(told)} of {where}"


def _sample() -> tuple[str, str]:
    return "found", str(resource_folder("sample"))


PARTS: dict[str, Callable[[], tuple[str, str]]] = {
    "SpineDART": _spinedart,
    "Python": _python,
    "packages": _packages,
    "torch": _torch,
    "device": _device,
    "renderer": _renderer,
    "atlas": _atlas,
    "weights": _weights,
    "learned similarity": _similarity,
    "sample": _sample,
}
