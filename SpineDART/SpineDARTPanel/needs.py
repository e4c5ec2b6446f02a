"""Python packages that the fits need, asked for where they are first needed and installed only with consent."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import slicer
from slicer.i18n import tr as _

TORCH = "torch"


def missing(requirements: Path) -> list[str]:
    """Names of the packages that are not there, torch among them; nothing is imported for that."""
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    names = [TORCH, *(line for line in lines if line)]
    return [name for name in names if importlib.util.find_spec(_module(name)) is None]


def ensure(requirements: Path) -> bool:
    """Install what is missing, if the user agrees; whether all is there now."""
    lacking = missing(requirements)
    if lacking and _agreed(lacking):
        others = [name for name in lacking if name != TORCH]
        if TORCH in lacking:
            _install_torch()
        if others:
            _install(others)
    return not missing(requirements)


def _agreed(lacking: list[str]) -> bool:
    text = _(
        "To fit vertebrae, SpineDART needs these Python packages in Slicer: {names}. Install them now? Torch is large."
    )
    return bool(slicer.util.confirmOkCancelDisplay(text.format(names=", ".join(lacking)), "SpineDART"))


def _install_torch() -> None:
    """By the PyTorch extension where it is installed: it chooses what suits the graphics card."""
    try:
        pytorch = importlib.import_module("PyTorchUtils")
    except ImportError:
        _install([TORCH])
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
