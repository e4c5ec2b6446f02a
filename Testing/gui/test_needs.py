"""Python packages are installed with consent only, torch by its own extension where it is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "SpineDART"


class Fake:
    """A Slicer that remembers what was installed, and how."""

    def __init__(self, agree: bool, new: bool) -> None:
        self.asked: list[str] = []
        self.installed: list[tuple[str, Any]] = []
        self.agree = agree
        slicer = ModuleType("slicer")
        slicer.__path__ = []  # type: ignore[attr-defined]
        slicer.util = SimpleNamespace(confirmOkCancelDisplay=self._ask, pip_install=self._pip)  # type: ignore[attr-defined]
        i18n = ModuleType("slicer.i18n")
        i18n.tr = str  # type: ignore[attr-defined]
        self.modules: dict[str, Any] = {"slicer": slicer, "slicer.i18n": i18n, "slicer.packaging": None}
        if new:
            packaging = ModuleType("slicer.packaging")
            packaging.pip_ensure = lambda names, **_: self.installed.append(("pip_ensure", names))  # type: ignore[attr-defined]
            self.modules["slicer.packaging"] = packaging

    def _ask(self, text: str, title: str) -> bool:
        self.asked.append(text)
        return self.agree

    def _pip(self, names: str) -> None:
        self.installed.append(("pip_install", names.split()))


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module under a Slicer to be chosen."""

    def under(fake: Fake) -> Any:
        import importlib.util

        for name, module in fake.modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location("needs_alone", FOLDER / "SpineDARTPanel" / "needs.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module, "missing", lambda _: ["torch", "nosuchpackage>=1"])
        return module

    yield under


def test_nothing_is_installed_without_consent(needs: Any, tmp_path: Path) -> None:
    fake = Fake(agree=False, new=True)
    assert not needs(fake).ensure(tmp_path)
    assert "nosuchpackage" in fake.asked[0]
    assert fake.installed == []


def test_with_consent_by_slicers_own_installer(needs: Any, tmp_path: Path) -> None:
    fake = Fake(agree=True, new=True)
    needs(fake).ensure(tmp_path)
    assert fake.installed == [("pip_ensure", ["torch"]), ("pip_ensure", ["nosuchpackage>=1"])]


def test_before_5_11_by_pip_install(needs: Any, tmp_path: Path) -> None:
    fake = Fake(agree=True, new=False)
    needs(fake).ensure(tmp_path)
    assert fake.installed == [("pip_install", ["torch"]), ("pip_install", ["nosuchpackage>=1"])]


def test_torch_by_the_pytorch_extension(needs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(agree=True, new=True)
    logic = SimpleNamespace(
        installTorch=lambda askConfirmation: fake.installed.append(("PyTorchUtils", askConfirmation))
    )
    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
    needs(fake).ensure(tmp_path)
    assert fake.installed[0] == ("PyTorchUtils", False)


def test_requirements_are_real_and_torch_is_not_among_them() -> None:
    lines = [
        line.split("#")[0].strip()
        for line in (FOLDER / "Resources" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ]
    project = (FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8")
    for line in filter(None, lines):
        assert f'"{line}"' in project
        assert not line.startswith(("torch", "numpy", "scipy", "vtk", "SimpleITK", "pydicom"))
