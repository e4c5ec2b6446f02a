"""SpineDART in 3D Slicer: plans vertebroplasty from two X-rays. Not for clinical use.

Wiring only: the panel's logic is ``SpineDARTLib.panel``, the scene's ``SpineDARTLib.scene``, the widgets are
``SpineDARTPanel``; the fits run in a process of their own (``spinedart worker``).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

HERE = Path(__file__).resolve().parent
if (HERE.parent / "SpineDARTLib").is_dir() and str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))  # a source tree; an installed extension has it beside this file

TICK_MS = 30
"""Between two looks at worker, background and scene."""


class SpineDART(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "SpineDART"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Planning")]
        parent.dependencies = ["Markups", "Models", "Sequences", "SubjectHierarchy", "Tables"]
        parent.contributors = ["The SpineDART authors"]
        parent.helpText = _(
            "Plans vertebroplasty from two X-rays: fits vertebrae, places and checks two cannulas each. "
            "Not for clinical use."
        )
        parent.acknowledgementText = _("After Spine-DART (arXiv 2512.05803).")
        slicer.app.connect("startupCompleted()", register_sample)


def register_sample() -> None:
    """The sample case in Slicer's Sample Data module: it opens here, with its geometry."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="SpineDART",
        sampleName="SpineDART sample",
        thumbnailFileName=str(HERE / "Resources" / "Icons" / "SpineDART.png"),
        customDownloader=open_sample,
    )


def open_sample(source: Any = None) -> None:
    """Go to the module and open the sample case there."""
    slicer.util.selectModule("SpineDART")
    slicer.util.getModuleWidget("SpineDART").logic.presenter.open_sample()


class SpineDARTFileReader:
    """Cases, plans and grading sessions that are dropped on Slicer's own window or opened by its Add data.

    Slicer finds it by its name; no node is loaded, the module opens the file.
    """

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def description(self) -> str:
        return _("SpineDART case, plan or grading session")

    def fileType(self) -> str:  # as Slicer spells it
        return "SpineDARTCase"

    def extensions(self) -> list[str]:
        return [_("SpineDART case, plan or grading session") + " (*.json)"]

    def canLoadFile(self, filePath: str) -> bool:  # as Slicer spells it
        from SpineDARTLib.panel.dropping import kind_of

        return kind_of(Path(filePath)) in ("case", "plan", "session")

    def load(self, properties: Any) -> bool:
        slicer.util.selectModule("SpineDART")
        presenter = slicer.util.getModuleWidget("SpineDART").logic.presenter
        presenter.drop([str(properties["fileName"])])
        self.parent.loadedNodes = []
        return not presenter.state.attention


@parameterNodeWrapper
class SpineDARTParameterNode:
    """What the module keeps of its own beside the review (``scene.store``)."""

    rater: str = ""
    gauge: int = 11


class SpineDARTLogic(ScriptedLoadableModuleLogic):
    """Presenter, worker and scene, without any widget."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self, parent)
        from SpineDARTPanel.process import QtProcess
        from SpineDARTPanel.worker import command

        from SpineDARTLib.panel.presenter import Presenter
        from SpineDARTLib.panel.worker_client import WorkerClient
        from SpineDARTLib.scene.follow import Follow

        self.work = Path(tempfile.mkdtemp(prefix="spinedart-"))
        self.presenter = Presenter(WorkerClient(QtProcess, command("worker")), self.work)
        self.link = Follow(slicer.mrmlScene, self.presenter)

    def getParameterNode(self) -> SpineDARTParameterNode:  # as Slicer spells it
        return SpineDARTParameterNode(super().getParameterNode())  # type: ignore[call-arg]

    def tick(self) -> None:
        """Let time pass."""
        self.presenter.tick()
        self.link.tick()

    def close(self) -> None:
        """No process and no file of ours is left."""
        self.link.stop()
        self.presenter.close()
        shutil.rmtree(self.work, ignore_errors=True)


class SpineDARTWidget(ScriptedLoadableModuleWidget):
    """The panel in Slicer's module panel."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.logic: Any = None  # there from setup on
        self._observed: list[int] = []
        self._changed: frozenset[str] = frozenset()
        self._panel_next = True

    def setup(self) -> None:
        """Once, when the module is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        from SpineDARTPanel.inspector import FitInspector
        from SpineDARTPanel.keys import Keys
        from SpineDARTPanel.panel import Panel
        from SpineDARTPanel.pictures import Pictures
        from SpineDARTPanel.reporting import Reporter
        from SpineDARTPanel.views import Views

        self.logic = logic = SpineDARTLogic()
        presenter = logic.presenter
        self.pictures = Pictures(presenter, logic.work, self._say, self._show_again)
        self.reporter = Reporter(presenter, self._say)
        resources = Path(self.resourcePath(""))
        inspector = FitInspector(logic.link.replay, presenter.model)
        self.panel = Panel(presenter, inspector, self.pictures, self.reporter.write, self._ready, resources)
        self.layout.addWidget(self.panel.whole)
        self.keys = Keys(presenter, self.panel.inspect.play, self.panel.toggle_help)
        self.views = Views(presenter, slicer.mrmlScene)
        presenter.listen(self._hear)
        self._timer = qt.QTimer()
        self._timer.interval = TICK_MS
        self._timer.connect("timeout()", self._tick)
        self._timer.start()
        self._observe_scene()
        node = logic.getParameterNode()
        presenter.set_rater(node.rater)
        if node.gauge != presenter.state.gauge:
            presenter.set_gauge(node.gauge)
        self._show_again()

    def cleanup(self) -> None:
        """Slicer closes, or the module is loaded anew."""
        self._timer.stop()
        self.exit()
        for tag in self._observed:
            slicer.mrmlScene.RemoveObserver(tag)
        self.pictures.forget()
        self.reporter.stop()
        if self.logic is not None:
            self.logic.close()

    def enter(self) -> None:
        """Each time the module is opened: keys and layout are ours."""
        self.keys.install(slicer.util.mainWindow())
        self.views.enter()

    def exit(self) -> None:
        """Each time it is left: keys and layout are the user's again."""
        self.keys.remove()
        self.views.exit()

    def _ready(self, what: str) -> bool:
        """Whether the packages to "find" or "fit" are there; asks, and installs them, where they are not."""
        from SpineDARTPanel.needs import ensure

        found = ensure(Path(self.resourcePath("requirements.txt")), what)
        if not found:
            self._say(_("Python packages are missing. Press the button again to install them."), True)
        return found

    def _hear(self, state: Any, changed: frozenset[str]) -> None:
        if "session" in changed and state.session is None:
            self.pictures.forget()
        node = self.logic.getParameterNode()
        if "rater" in changed:
            node.rater = state.rater
        if "gauge" in changed:
            node.gauge = state.gauge
        self._changed |= changed
        plan = state.plans.get(state.selected[0]) if state.selected else None
        if "selected" in changed and plan is not None and plan.vertices_mm is not None and state.dragged is None:
            self.views.look_at(plan.vertices_mm.mean(axis=0))

    def _tick(self) -> None:
        """Let time pass. Panel and scene take turns, so that neither holds up the window for both."""
        self.logic.presenter.tick()
        self._panel_next = bool(self._changed) and self._panel_next
        if self._panel_next:
            changed, self._changed = self._changed, frozenset()
            self.panel.show(self.logic.presenter.state, changed)
        else:
            self.logic.link.tick()
        self._panel_next = not self._panel_next

    def _show_again(self) -> None:
        self.panel.show(self.logic.presenter.state)

    def _say(self, words: str, attention: bool = False) -> None:
        self.panel.say(words, attention)

    def _observe_scene(self) -> None:
        scene, logic = slicer.mrmlScene, self.logic
        events = (
            (scene.StartCloseEvent, logic.link.forget),
            (scene.EndCloseEvent, logic.presenter.close_case),
            (scene.EndImportEvent, logic.link.resume),
        )
        for event, done in events:
            self._observed.append(scene.AddObserver(event, lambda caller, name, done=done: done()))


class SpineDARTTest(ScriptedLoadableModuleTest):
    """Slicer's self-test: sample case, one quick fit, a move, grades, and back from the scene."""

    def runTest(self) -> None:  # as Slicer spells it
        slicer.mrmlScene.Clear(0)
        self.test_whole_review()

    def test_whole_review(self) -> None:
        """The whole way with the real worker; some tens of seconds."""
        from SpineDARTPanel.self_test import whole_review

        self.delayDisplay("Starting the test")
        whole_review(SpineDARTLogic())
        self.delayDisplay("Test passed")
