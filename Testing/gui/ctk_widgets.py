"""The few widgets of CTK that the panel uses, as thin ones of Qt with the same properties and signals."""

from __future__ import annotations

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QPushButton, QSlider, QWidget


class ctkSliderWidget(QWidget):
    """A slider and a spin box with one value."""

    valueChanged = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider, self._box = QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._moved)
        self._slider.valueChanged.connect(self._box.setValue)

    def _moved(self, value: float) -> None:
        self._slider.setValue(round(value))
        self.valueChanged.emit(value)

    def _range(self, low: float, high: float) -> None:
        self._slider.setRange(int(low), int(high))
        self._box.setRange(low, high)

    value = Property(float, lambda self: self._box.value(), lambda self, value: self._box.setValue(value))
    minimum = Property(
        float, lambda self: self._box.minimum(), lambda self, value: self._range(value, self._box.maximum())
    )
    maximum = Property(
        float, lambda self: self._box.maximum(), lambda self, value: self._range(self._box.minimum(), value)
    )
    decimals = Property(int, lambda self: self._box.decimals(), lambda self, value: self._box.setDecimals(value))
    singleStep = Property(
        float, lambda self: self._box.singleStep(), lambda self, value: self._box.setSingleStep(value)
    )
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, value: self._box.setSuffix(value))
    spinBoxVisible = Property(bool, lambda self: self._box.isVisible(), lambda self, value: self._box.setVisible(value))
    tracking = Property(
        bool, lambda self: self._slider.hasTracking(), lambda self, value: self._slider.setTracking(value)
    )


class ctkCollapsibleButton(QPushButton):
    """A heading that folds what is inside."""

    contentsCollapsed = Signal(bool)

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._collapsed = False
        self.clicked.connect(lambda: self._fold(not self._collapsed))

    def _fold(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        for child in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            child.setVisible(not collapsed)
        self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, lambda self: self._collapsed, _fold)
