"""The rest of desktop Slicer that the module uses, for tests: ``slicer`` with its application, utilities and bases.

Classes of MRML are slicer-core's own, the scene is a real one; what only the application has is as thin as it can be.
A name that the inventory does not list is refused.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from PySide6 import QtWidgets

from . import pythonqt
from .inventory import Inventory


class Listed(ModuleType):
    """A module or object of Slicer: what the inventory lists and is given here; else what slicer-core has."""

    def __init__(self, name: str, listed: frozenset[str], given: dict[str, Any], below: Any = None) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._listed, self._below = listed, below
        self.__dict__.update(given)
        unknown = sorted(set(given) - listed) if listed else []
        if unknown:
            raise AttributeError(f"{name} has no {', '.join(unknown)} in desktop Slicer's inventory")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._listed and name not in self._listed:
            raise AttributeError(f"{self.__name__}.{name} is not in desktop Slicer's inventory")
        try:
            return getattr(self._below, name)
        except AttributeError:
            raise AttributeError(f"{self.__name__}.{name} is in desktop Slicer, but has no stand-in here") from None


class Application:
    """``slicer.app``: signals of Python's own, everything else by the inventory."""

    def __init__(self, inventory: Inventory, scene: Any) -> None:
        self._listed = inventory.names("slicer.app")
        self._slots: dict[str, list[Callable[..., Any]]] = {}
        self.mrmlScene = scene
        self.slicerHome = sys.prefix
        self.majorVersion, self.minorVersion = 5, 13
        self._layouts = LayoutManager(inventory, scene)

    def __getattr__(self, name: str) -> Any:
        if name in self._listed:
            return getattr(pythonqt.wrap(QtWidgets.QApplication.instance()), name)
        raise AttributeError(f"slicer.app.{name} is not in desktop Slicer's inventory")

    def connect(self, signature: str, slot: Callable[..., Any]) -> None:
        if signature.split("(")[0] not in self._listed:
            raise AttributeError(f"slicer.app has no signal {signature} in desktop Slicer's inventory")
        self._slots.setdefault(signature, []).append(slot)

    def emit(self, signature: str) -> None:
        """For tests: what Slicer does by itself."""
        for slot in self._slots.get(signature, ()):
            slot()

    def layoutManager(self) -> LayoutManager:  # as Qt spells it
        return self._layouts

    def installEventFilter(self, watcher: Any) -> None:
        QtWidgets.QApplication.instance().installEventFilter(pythonqt.unwrap(watcher))

    def removeEventFilter(self, watcher: Any) -> None:
        QtWidgets.QApplication.instance().removeEventFilter(pythonqt.unwrap(watcher))


class LayoutManager:
    """A layout node without views (``Testing/scene`` renders the scene itself)."""

    def __init__(self, inventory: Inventory, scene: Any) -> None:
        self._listed, self._scene = inventory.names("layoutManager"), scene
        self.threeDViewCount = 0

    def __getattr__(self, name: str) -> Any:
        if name in self._listed:
            return lambda *_: None
        raise AttributeError(f"layoutManager.{name} is not in desktop Slicer's inventory")

    def layoutLogic(self) -> Any:
        node = self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if node is None:
            node = self._scene.AddNewNodeByClass("vtkMRMLLayoutNode")
        return SimpleNamespace(GetLayoutNode=lambda: node)


class ModuleBase:
    """ScriptedLoadableModule."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class WidgetBase:
    """ScriptedLoadableModuleWidget."""

    def __init__(self, parent: Any = None) -> None:
        import qt

        self.parent = parent or qt.QWidget()
        self.layout = self.parent.layout() or qt.QVBoxLayout(self.parent)
        self.moduleName = "SpineDART"

    def setup(self) -> None: ...

    def resourcePath(self, filename: str) -> str:
        return str(Path(sys.modules["SpineDART"].__file__ or "").parent / "Resources" / filename)


class LogicBase:
    """ScriptedLoadableModuleLogic, with its parameter node in the scene."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = "SpineDART"

    def getParameterNode(self) -> Any:
        import slicer

        found = slicer.mrmlScene.GetSingletonNode("SpineDART", "vtkMRMLScriptedModuleNode")
        if found is None:
            made = slicer.vtkMRMLScriptedModuleNode()
            made.SetSingletonTag("SpineDART")
            found = slicer.mrmlScene.AddNode(made)
        return found


class CaseBase:
    """ScriptedLoadableModuleTest; the self-test itself runs in Slicer only."""

    def __init__(self, *_: Any) -> None: ...

    def delayDisplay(self, message: str, *_: Any) -> None: ...


def parameter_node_wrapper(cls: type) -> type:
    """A wrapper of text and numbers in the node's parameters."""

    def made(self: Any, node: Any) -> None:
        self.__dict__["_node"] = node

    def read(self: Any, name: str) -> Any:
        if name not in cls.__annotations__:
            raise AttributeError(name)
        text = self._node.GetParameter(name)
        default = getattr(cls, f"_default_{name}")
        return default if text == "" else (text == "True" if isinstance(default, bool) else type(default)(text))

    def write(self: Any, name: str, value: Any) -> None:
        if name not in cls.__annotations__:
            raise AttributeError(name)
        self._node.SetParameter(name, str(value))

    for name in cls.__annotations__:
        setattr(cls, f"_default_{name}", vars(cls)[name])
        delattr(cls, name)
    cls.__init__, cls.__getattr__, cls.__setattr__ = made, read, write  # type: ignore[assignment]
    return cls


@contextmanager
def error_display(message: str | None = None, show: bool = True, waitCursor: bool = False) -> Any:  # as in Slicer
    yield


def install(inventory: Inventory, scene: Any, window: Any) -> ModuleType:
    """Make ``import slicer`` find the stand-in, over slicer-core where it is installed; gives it."""
    real = sys.modules.get("_real_slicer") or importlib.import_module("slicer")
    sys.modules["_real_slicer"] = real
    util = {"mainWindow": lambda: window, "tryWithErrorDisplay": error_display, "settingsValue": lambda *a, **k: a[1]}
    util |= {"showStatusMessage": lambda *a, **k: None, "confirmOkCancelDisplay": lambda *a, **k: True}
    util |= {"selectModule": lambda *a: None, "plot": lambda *a, **k: None, "forceRenderAllViews": lambda: None}
    parts: dict[str, Any] = {
        "util": Listed("slicer.util", inventory.names("slicer.util"), util, real.util),
        "i18n": Listed("slicer.i18n", inventory.names("slicer.i18n"), {"tr": str, "translate": lambda _, text: text}),
        "packaging": Listed("slicer.packaging", inventory.names("slicer.packaging"), {"pip_check": lambda *a: True}),
        "ScriptedLoadableModule": Listed(
            "slicer.ScriptedLoadableModule",
            inventory.names("slicer.ScriptedLoadableModule"),
            {
                "ScriptedLoadableModule": ModuleBase,
                "ScriptedLoadableModuleWidget": WidgetBase,
                "ScriptedLoadableModuleLogic": LogicBase,
                "ScriptedLoadableModuleTest": CaseBase,
            },
        ),
        "parameterNodeWrapper": Listed(
            "slicer.parameterNodeWrapper",
            inventory.names("slicer.parameterNodeWrapper"),
            {"parameterNodeWrapper": parameter_node_wrapper},
        ),
    }
    sample_data = SimpleNamespace(SampleDataLogic=SimpleNamespace(registerCustomSampleDataSource=lambda **_: None))
    given = {"app": Application(inventory, scene), "mrmlScene": scene, "modules": SimpleNamespace(), **parts}
    slicer = Listed("slicer", frozenset(), given, real)
    sys.modules.update({f"slicer.{name}": part for name, part in parts.items()})
    sys.modules.update({"slicer": slicer, "SampleData": sample_data})  # type: ignore[dict-item]
    return slicer
