"""The module in a window of its own: adapter, a real scene, the real widgets; for tests and screenshots."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from PySide6 import QtCore, QtGui, QtWidgets

from . import pythonqt, slicer_app
from .inventory import Inventory, inventory_path

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 470
"""Of the module panel, pixels; Slicer's is some 450 to 550."""


def _nobody_answers(*_: object) -> None:
    """A dialog that a test did not answer would wait for ever."""
    raise RuntimeError("a file dialog was opened, and nobody is there")


class Session:
    """One module, opened.

    Args:
        python: the interpreter for the worker and other processes; it needs what the fits need.
        worker: a command line in place of ``spinedart worker``.
    """

    def __init__(self, python: str = sys.executable, dark: bool = False, worker: Sequence[str] = ()) -> None:
        self.app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
        self._closed = False
        self._loop = QtCore.QEventLoop()
        self.app.setStyle("Fusion")
        self.app.setPalette(_palette(dark))
        inventory = Inventory(inventory_path())
        pythonqt.install(inventory)
        pythonqt.FAILURES.clear()
        for name in ("getExistingDirectory", "getOpenFileName", "getOpenFileNames", "getSaveFileName"):
            setattr(QtWidgets.QFileDialog, name, staticmethod(_nobody_answers))
        import qt

        self.window = qt.QMainWindow()
        self.core = importlib.import_module("Testing.scene.rendering").Slicer()
        self.scene = self.core.scene
        self.slicer = slicer_app.install(inventory, self.scene, self.window)
        for name in [name for name in sys.modules if name.startswith("SpineDARTPanel")]:
            del sys.modules[name]
        sys.modules.pop("SpineDART", None)
        folder = str(ROOT / "SpineDART")
        if folder not in sys.path:
            sys.path.insert(0, folder)
        module = importlib.import_module("SpineDART")
        importlib.import_module("SpineDARTPanel.needs").missing = lambda _: []  # the worker's interpreter has them
        processes = importlib.import_module("SpineDARTPanel.worker")
        processes.python = lambda: python
        if worker:
            processes.command = lambda *arguments: tuple(worker)
        self._modules = {name: one for name, one in sys.modules.items() if name.startswith("SpineDARTPanel")}
        self.widget = module.SpineDARTWidget(qt.QWidget())
        self.widget.setup()
        self.widget.parent.setFixedWidth(WIDTH)
        self.window.setCentralWidget(self.widget.parent)
        self.window.show()
        self.process()

    def is_meant(self) -> None:
        """From now on the names of modules mean this session's: each has imported them anew."""
        sys.modules.update(self._modules)

    @property
    def presenter(self) -> Any:
        return self.widget.logic.presenter

    @property
    def panel(self) -> Any:
        return self.widget.panel

    def control(self, step: str, name: str) -> Any:
        """A section's widget, or the first of several, by the names of ``panel.steps``."""
        found = self.panel.sections[step].controls[name]
        return found[0] if isinstance(found, tuple) else found

    def press(self, step: str, name: str) -> None:
        """Click a button, as soon as it can be clicked."""
        button = self.control(step, name)
        self.wait(lambda: button.enabled, 2.0)
        button.click()
        self.process()

    def process(self, seconds: float = 0.0) -> None:
        """Let events, worker and scene go on; what a slot raised is raised."""
        end = time.monotonic() + seconds
        while True:
            self._loop.processEvents()
            if pythonqt.FAILURES:
                raise pythonqt.FAILURES.pop(0)
            if time.monotonic() >= end:
                return
            time.sleep(0.001)

    def wait(self, ready: Callable[[], bool], seconds: float = 120.0) -> None:
        """Until something is so."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {seconds:g} s; the panel says: {self.presenter.state.message}")
            self.process(0.01)

    def picture(self, file: Path) -> None:
        """The panel as it stands, as high as it needs."""
        self.process(0.08)
        whole = self.widget.parent._real
        whole.layout().activate()
        height = max(whole.layout().totalHeightForWidth(WIDTH), whole.sizeHint().height(), 200)
        whole.setMinimumHeight(height)
        self.window._real.resize(WIDTH, height)
        self.process(0.05)
        whole.grab().save(str(file))
        whole.setMinimumHeight(0)

    def close(self) -> None:
        """As Slicer does at its end; once is enough."""
        if self._closed:
            return
        self._closed = True
        ending = sys.modules["SpineDARTPanel.process"]._ENDING  # type: ignore[attr-defined]
        self.widget.cleanup()
        self.window.hide()
        self.wait(lambda: not ending, 10.0)
        self.core.close()
        self.process()


def _palette(dark: bool) -> QtGui.QPalette:
    """Slicer's own light and dark style, nearly."""
    palette = QtGui.QPalette()
    role = QtGui.QPalette.ColorRole
    colours = {role.Window: "#353535", role.WindowText: "#ffffff", role.Base: "#2a2a2a", role.Text: "#ffffff"}
    colours |= {role.Button: "#353535", role.ButtonText: "#ffffff"}
    if not dark:
        colours = {role.Window: "#f0f0f0", role.WindowText: "#000000", role.Base: "#ffffff", role.Text: "#000000"}
        colours |= {role.Button: "#f0f0f0", role.ButtonText: "#000000"}
    for one, colour in colours.items():
        palette.setColor(one, QtGui.QColor(colour))
    return palette
