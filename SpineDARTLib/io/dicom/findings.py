"""What the parts of the reader have found so far of one frame's geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...geometry.known import REQUIRED, Conflict, Missing, Numbers, Quantity, quantity_of
from .header import Header


@dataclass
class Findings:
    """Collects quantities, conflicts, proposals and warnings; ``reading`` freezes them into a ``KnownGeometry``."""

    header: Header
    shape: tuple[int, int]
    frame: int = 0
    frames: int = 1
    kind: str = ""
    patient_position: str | None = None
    patient_orientation: tuple[str, str] | None = None
    quantities: dict[str, Quantity] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    proposals: dict[str, Missing] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def value(self, name: str) -> tuple[float, ...] | None:
        """The numbers of a quantity, None where it is not known."""
        return self.quantities[name].value if name in self.quantities else None

    def add(self, name: str, value: Numbers, source: str, confidence: str = "stated") -> Quantity:
        """Take a value; the last one of a name stands."""
        self.quantities[name] = quantity_of(name, value, source, confidence)
        return self.quantities[name]

    def dispute(self, used: Quantity, others: Sequence[Quantity], rule: str) -> None:
        """Report that values of one quantity differ, and which is used."""
        if others:
            self.conflicts.append(Conflict(used.name, (used, *others), 0, rule))

    def propose(self, name: str, value: Numbers, source: str, why: str) -> None:
        """What to ask the user to confirm, unless something better is proposed already."""
        if name not in self.proposals and name not in self.quantities:
            proposal = quantity_of(name, value, source, "assumed")
            self.proposals[name] = Missing(name, REQUIRED[name], proposal, why)

    def nothing_to_propose(self, name: str, why: str) -> None:
        """Ask without a proposal, and say why there is none."""
        if name not in self.proposals and name not in self.quantities:
            self.proposals[name] = Missing(name, REQUIRED[name], None, why)

    def measured(
        self, keyword: str, low: float, high: float, count: int = 1, inside: str = ""
    ) -> tuple[float, ...] | None:
        """Numbers within what a machine can have; others are noted as doubtful and left out. Zero means "not known"."""
        numbers = self.header.numbers(keyword, count, inside)
        if numbers is None or (low > 0 and not any(numbers)):
            return None
        wrong = [number for number in numbers if not low <= number <= high]
        if wrong:
            self.header.doubt(keyword, f"{wrong[0]:g}, which is not {low:g} to {high:g}")
            return None
        return numbers
