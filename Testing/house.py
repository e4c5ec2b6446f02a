"""The floors of the house and a checker on the syntax tree: imports go down only.

A floor is a number; a module may import its own package and whatever stands on a lower floor. Packages on the same
floor never import each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = "SpineDARTLib"

FLOORS: dict[str, float] = {
    # 0: words that everybody uses
    "architectures": 0, "config": 0, "planned": 0, "seeded": 0, "types": 0.1, "errors": 0, "resources": 0.5,
    "geometry": 1,
    # 2: io stands just below atlas, which reads and writes through it
    "io": 2, "atlas": 2.5, "weights": 2.7,
    "render": 3, "similarity": 3, "detect": 3,
    "fit": 4, "plan": 4, "simulate": 4,
    "review": 5, "evaluate": 5, "train": 5, "inspect": 5.5,
    # 6: overlay draws what pipeline and scene hand on
    "overlay": 6, "drawn_overlay": 6.2, "orientation_picture": 6.2,
    "detector_in_use": 6.2, "locating": 6.3, "located_json": 6.4, "found_picture": 6.45,
    "pipeline": 6.5, "panel": 6.6, "scene": 6.7, "report": 6.8, "benchmark": 6.9,
    "worker": 7.3, "worker_jobs": 7.2, "doctor": 7, "commands": 7,
    "benchmark_commands": 7.1,
    "atlas_commands": 7, "simulate_commands": 7, "train_commands": 7,
    "plan_commands": 7.1, "detect_commands": 7.1, "review_commands": 7.1, "geometry_commands": 7.1,
    "arguments": 7.2, "cli": 7.5, "__main__": 7.9,
}  # fmt: skip

ONLY_IN = {"slicer": ("scene",), "qt": (), "ctk": ()}
"""Packages of Slicer and the parts of the library that may import them (the module SpineDART/ is not checked)."""


def module_name(path: Path, root: Path) -> str:
    """SpineDARTLib/io/case.py -> "SpineDARTLib.io.case"; a package's __init__ is the package."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of every import, wherever it stands: in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolve(node, module, is_package)
            # `from .. import fit` imports a module, `from ..types import View` a name: both are base + name here.
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node):
            yield node.lineno, str(node.args[0].value)  # type: ignore[attr-defined]


def _resolve(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """The absolute name that a `from ... import` starts from."""
    if node.level == 0:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _is_import_call(node: ast.Call) -> bool:
    """importlib.import_module("...") and __import__("...")."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    constant = bool(node.args) and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    return name in ("import_module", "__import__") and constant


def violations(root: Path) -> list[str]:
    """One line for each import under root/SpineDARTLib that goes up or sideways, or that Slicer alone may do."""
    found = []
    for path in sorted((root / LIBRARY).rglob("*.py")):
        module = module_name(path, root)
        for line, target in imported_modules(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"):
            problem = _problem(module, target)
            if problem:
                found.append(f"{path.relative_to(root)}:{line}: {problem}")
    return found


def _problem(module: str, target: str) -> str:
    """What is wrong with `module` importing `target`, or ""."""
    part, top = (module.split(".") + [""])[1], target.split(".")[0]
    if top in ONLY_IN and part not in ONLY_IN[top]:
        return f"{module} imports {top}; only {', '.join(ONLY_IN[top]) or 'the Slicer module'} may"
    if top != LIBRARY:
        return ""
    other = (target.split(".") + [""])[1]
    if part and part not in FLOORS:
        return f"{part} has no floor: add it to FLOORS"
    if other == part or other not in FLOORS:
        return ""  # its own package, or a name of SpineDARTLib/__init__.py such as __version__
    if not part:
        return f"{LIBRARY} itself imports {target}; expected it to import nothing"
    if FLOORS[other] >= FLOORS[part]:
        return f"{module} (floor {FLOORS[part]:g}) imports {target} (floor {FLOORS[other]:g}); imports go down only"
    return ""
