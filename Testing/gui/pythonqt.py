"""``qt`` and ``ctk`` as PythonQt offers them in desktop Slicer, on PySide6: what Slicer has not, is refused here too.

Properties have no parentheses, for reading and for writing; signals connect by signature (``connect("clicked(bool)",
f)``) or by name (``clicked.connect(f)``), and a slot is given no more arguments than it takes. The rest of Slicer is in
``Testing.gui.slicer_app``.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

from . import ctk_widgets
from .inventory import Inventory, Offered

FAILURES: list[BaseException] = []
"""What slots raised: Qt swallows it, a test must not."""

RENAMED = {
    "currentIndexChanged(QString)": "currentTextChanged",
    "activated(QString)": "textActivated",
    "buttonClicked(int)": "idClicked",
    "error(QProcess::ProcessError)": "errorOccurred",
    "valueChanged(QString)": "textChanged",
}
"""Signals of Qt 5 that Qt 6 gave another name."""

if sys.version_info < (3, 12):
    # PySide 6.12 gives back a reference to None too many with every call that returns nothing; None is immortal only
    # from Python 3.12 on, and before that the interpreter ends when the last reference is gone.
    ctypes.c_ssize_t.from_address(id(None)).value += 1 << 40

OVERRIDABLE = ("eventFilter", "dragEnterEvent", "dropEvent", "keyPressEvent", "keyReleaseEvent", "closeEvent")
_alive: WeakValueDictionary[int, Proxy] = WeakValueDictionary()


class Offering(type):
    """Class members: enumerations and static functions."""

    _offered: Offered
    _qt: type

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in cls._offered.members:
            raise cls._offered.refuse(name)
        found = getattr(cls._qt, name)
        return _function(found) if callable(found) and not isinstance(found, type) else found


class Proxy(metaclass=Offering):
    """A Qt object behind Slicer's inventory."""

    _offered: ClassVar[Offered]
    _qt: ClassVar[type]

    def __init__(self, *arguments: Any, _real: Any = None) -> None:
        real = _real if _real is not None else _constructed(self, arguments)
        object.__setattr__(self, "_real", real)
        if isinstance(real, QtCore.QObject):
            _alive[shiboken6.getCppPointer(real)[0]] = self
            # Slots of a proxy that nobody keeps must live as long as its widget.
            real._proxy = self

    def __getattr__(self, name: str) -> Any:
        offered = self._offered
        if name in offered.properties:
            return wrap(_read(self._real, name))
        if name in offered.signal_names:
            return Signal(self, name)
        if name not in offered.members:
            raise offered.refuse(name)
        found = getattr(self._real, name)
        if isinstance(found, QtCore.SignalInstance):  # of a class whose signals the inventory does not list
            return Signal(self, name)
        return _function(found) if callable(found) else found

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._offered.properties:
            _write(self._real, name, unwrap(value), self._offered)
        elif type(self).__name__ != self._offered.name:  # Python's own subclass may keep what it likes
            object.__setattr__(self, name, value)
        else:
            raise self._offered.refuse(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and self._real == other._real

    def __hash__(self) -> int:
        return hash(id(self._real))

    def connect(self, signature: str, slot: Callable[..., Any]) -> bool:
        """``button.connect("clicked(bool)", f)``."""
        name, count = self._signal(signature)
        _slots(self._real)[signature, slot] = adapted = _adapted(slot, count)
        getattr(self._real, RENAMED.get(signature, name)).connect(adapted)
        return True

    def disconnect(self, signature: str, slot: Callable[..., Any]) -> bool:
        name, _ = self._signal(signature)
        adapted = _slots(self._real).pop((signature, slot))
        return bool(getattr(self._real, RENAMED.get(signature, name)).disconnect(adapted))

    def _signal(self, signature: str) -> tuple[str, int]:
        """A signature's name and number of arguments, if Slicer has it."""
        name, offered = signature.split("(")[0], self._offered
        known = signature in offered.signals or (not offered.signals and name in offered.members)
        if not known:
            raise AttributeError(f"{offered.name} has no signal {signature} in desktop Slicer's inventory")
        return name, _count(signature)


class Signal:
    """``button.clicked``: what connects by name, and emits when it is called."""

    def __init__(self, owner: Proxy, name: str) -> None:
        self._owner, self._name = owner, name

    def connect(self, slot: Callable[..., Any]) -> None:
        signatures = [one for one in self._owner._offered.signals if one.split("(")[0] == self._name]
        count = max((_count(one) for one in signatures), default=0)
        _slots(self._owner._real)[self._name, slot] = adapted = _adapted(slot, count)
        getattr(self._owner._real, self._name).connect(adapted)

    def disconnect(self, slot: Callable[..., Any]) -> None:
        getattr(self._owner._real, self._name).disconnect(_slots(self._owner._real).pop((self._name, slot)))

    def __call__(self, *arguments: Any) -> None:
        getattr(self._owner._real, self._name).emit(*map(unwrap, arguments))


def wrap(value: Any) -> Any:
    """A Qt object as a proxy of the nearest class that Slicer knows; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)(wrap(one) for one in value)
    if not isinstance(value, shiboken6.Object):
        return value
    if isinstance(value, QtCore.QObject):
        known = _alive.get(shiboken6.getCppPointer(value)[0])
        if known is not None and known._real is value:
            return known
    module = sys.modules["qt"]
    for base in type(value).__mro__:
        try:
            return getattr(module, base.__name__)(_real=value)
        except AttributeError:
            continue
    return value


def unwrap(value: Any) -> Any:
    """What PySide6 understands."""
    if isinstance(value, Proxy):
        return value._real
    return type(value)(unwrap(one) for one in value) if isinstance(value, (list, tuple)) else value


def _constructed(proxy: Proxy, arguments: tuple[Any, ...]) -> Any:
    """The real object; event handlers of a Python subclass are called back."""
    cls, handlers = type(proxy), {}
    for name in OVERRIDABLE:
        if any(name in vars(base) for base in cls.__mro__[: cls.__mro__.index(Proxy)]):
            handlers[name] = lambda _, *inside, name=name: getattr(proxy, name)(*map(wrap, inside))
    real_class = type(cls.__name__, (cls._qt,), handlers) if handlers else cls._qt
    return real_class(*map(unwrap, arguments))


def _function(found: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        return wrap(found(*map(unwrap, arguments), **{name: unwrap(value) for name, value in named.items()}))

    return call


def _count(signature: str) -> int:
    """Of the arguments in "finished(int,QProcess::ExitStatus)"."""
    inside = signature.split("(")[1].rstrip(")")
    return len(inside.split(",")) if inside else 0


def _adapted(slot: Callable[..., Any], count: int) -> Callable[..., None]:
    """A slot that takes what it takes, and whose errors are kept for the test."""
    parameters = inspect.signature(slot).parameters.values()
    takes = sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters)
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        takes = count

    def call(*arguments: Any) -> None:
        try:
            slot(*[wrap(one) for one in arguments[:takes]])
        except Exception as error:
            FAILURES.append(error)
            traceback.print_exc()

    # PySide counts a slot's arguments before it chooses how many to send.
    fixed = (lambda: call(), lambda a: call(a), lambda a, b: call(a, b), lambda a, b, c: call(a, b, c))
    return fixed[count] if count < len(fixed) else lambda a, b, c, d: call(a, b, c, d)


def _slots(real: Any) -> dict[tuple[str, Callable[..., Any]], Callable[..., None]]:
    if not hasattr(real, "_slots"):
        real._slots = {}
    return real._slots


def _read(real: Any, name: str) -> Any:
    value = real.property(name)
    if value is not None:
        return value
    getter = getattr(real, name, None) or getattr(real, f"is{name[0].upper()}{name[1:]}", None)
    return getter() if callable(getter) else getter


def _write(real: Any, name: str, value: Any, offered: Offered) -> None:
    setter = getattr(real, f"set{name[0].upper()}{name[1:]}", None)
    if setter is not None:
        setter(value)
    elif not real.setProperty(name, value):
        raise AttributeError(f"{offered.name}.{name} can only be read")


class QtModule(ModuleType):
    """``import qt``: classes of the inventory's part, made when first asked for."""

    def __init__(self, name: str, inventory: Inventory, part: str) -> None:
        super().__init__(name)
        self._inventory, self._part = inventory, part

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "Qt" and self._part == "qt":
            return Enumerations(self._inventory)
        if name not in self._inventory.raw[self._part]:
            raise AttributeError(f"{self.__name__}.{name} is not in desktop Slicer's inventory")
        places = (QtWidgets, QtGui, QtCore, ctk_widgets)
        real = next((getattr(place, name) for place in places if hasattr(place, name)), None)
        if real is None:
            raise NotImplementedError(f"{name} is in desktop Slicer, but this adapter has no stand-in for it")
        extra = EXTRA.get(name, {})
        made = Offering(name, (Proxy,), {"_offered": self._inventory.offered(name), "_qt": real, **extra})
        setattr(self, name, made)
        return made


class Enumerations:
    """``qt.Qt``."""

    def __init__(self, inventory: Inventory) -> None:
        self._names = inventory.names("Qt_enums")

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(f"qt.Qt.{name} is not in desktop Slicer's inventory")
        return getattr(QtCore.Qt, name)


def _first(function: Callable[..., tuple[Any, str]]) -> Any:
    """PythonQt's file dialogs give the file alone."""
    return staticmethod(lambda *arguments: function(*map(unwrap, arguments))[0])


EXTRA: dict[str, dict[str, Any]] = {
    "QFileDialog": {
        "getOpenFileName": _first(QtWidgets.QFileDialog.getOpenFileName),
        "getOpenFileNames": _first(QtWidgets.QFileDialog.getOpenFileNames),
        "getSaveFileName": _first(QtWidgets.QFileDialog.getSaveFileName),
    },
    "QByteArray": {"data": lambda self: bytes(self._real.data())},
}
"""Where PythonQt and PySide6 differ in what they return."""


def install(inventory: Inventory) -> None:
    """Make ``import qt`` and ``import ctk`` find the adapter."""
    sys.modules["qt"] = QtModule("qt", inventory, "qt")
    sys.modules["ctk"] = QtModule("ctk", inventory, "ctk")
