"""Whether the scene can be tested here at all, and what its package needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

REASON = "the scene is tested where slicer-core is installed: pip install slicer-core, with the VTK that it asks for"


def test_needs_nothing_that_slicer_lacks() -> None:
    pytest.importorskip("slicer", reason=REASON)
    heavy = "{'torch', 'matplotlib', 'rich', 'tyro', 'contourpy', 'qt', 'ctk'}"
    code = (
        f"import sys, SpineDARTLib.scene.follow, SpineDARTLib.scene.history; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
