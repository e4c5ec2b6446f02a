"""Python packages for finding and fitting: asked for where they are first needed, installed only with consent."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import slicer
from slicer.i18n import tr as _

TORCH = ("torch", "torchvision")
FINDING = ("torchvision", "timm", "safetensors")
"""Needed by the detector alone: who clicks can fit without them."""


def missing(requirements: Path) -> list[str]:
    """Names of the packages that are not there, torch among them; nothing is imported for that."""
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    names = [*TORCH, *(line for line in lines if line)]
    return [name for name in names if importlib.util.find_spec(_module(name)) is None]


def ensure(requirements: Path, what: str = "find") -> bool:
    """Install what is missing to "find" or to "fit", if the user agrees; whether all that is needed is there now."""
    lacking = _needed(missing(requirements), what)
    if lacking and _agreed(lacking):
        torch = [name for name in lacking if _module(name) in TORCH]
        others = [name for name in lacking if name not in torch]
        if torch:
            _install_torch(torch)
        if others:
            _install(others)
    return not _needed(missing(requirements), what)


def _needed(names: list[str], what: str) -> list[str]:
    """What of it is needed; where torch is missing its torchvision comes with it, so that one suits the other."""
    spared = () if what == "find" else FINDING[TORCH[0] in names :]
    return [name for name in names if _module(name) not in spared]


def _agreed(lacking: list[str]) -> bool:
    text = _(
        "To find and fit vertebrae, SpineDART needs these Python packages in Slicer: {names}. Install them now? Torch "
        "is large."
    )
    return bool(slicer.util.confirmOkCancelDisplay(text.format(names=", ".join(lacking)), "SpineDART"))


def _install_torch(names: list[str]) -> None:
    """By the PyTorch extension where it is installed: it chooses what suits the graphics card, torchvision with it."""
    try:
        pytorch = importlib.import_module("PyTorchUtils")
    except ImportError:
        _install(names)
    else:
        pytorch.PyTorchUtilsLogic().installTorch(askConfirmation=False)


def _install(names: list[str]) -> None:
    """With Slicer's own installer: 5.11 and later shows what it does."""
    try:
        packaging = importlib.import_module("slicer.packaging")
    except ImportError:
        slicer.util.pip_install(" ".join(names))
    else:
        packaging.pip_ensure(names, requester="SpineDART", prompt_install=False, prompt_restart=False)


def _module(requirement: str) -> str:
    """ "nanodrr>=0.1.7" to "nanodrr"."""
    name = requirement
    for sign in "<>=!~[; ":
        name = name.split(sign)[0]
    return {"pillow": "PIL", "SimpleITK": "SimpleITK"}.get(name, name)
