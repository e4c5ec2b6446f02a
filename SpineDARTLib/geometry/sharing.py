"""Whether two files speak of the same world: the patient lay still, and how table and beam moved is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .known import KnownGeometry, Quantity, quantity_of

TABLE_TOLERANCE_MM = 1.0
TABLE_TOLERANCE_DEG = 0.5
"""How exactly machines write where their table is."""

RECOVER = "mark the same points in both views to recover how they stand to each other"


def share_frame(first: KnownGeometry, second: KnownGeometry) -> tuple[bool | None, str]:
    """Whether the cameras of two files may be put into one world as they are.

    Returns:
        True, False, or None where the tags do not say; and one sentence why.
    """
    studies, frames, machines = (_compare(first, second, name) for name in ("study", "frame_of_reference", "equipment"))
    if studies is False:
        return False, f"The two files are of different examinations; {RECOVER}."
    if machines is False:
        return False, f"The two files come from different machines; {RECOVER}."
    if frames is False:
        return False, f"The two files name different frames of reference; {RECOVER}."
    lying = {known.patient_position for known in (first, second) if known.patient_position}
    if len(lying) > 1:
        return False, f"The patient was turned between the two ({' and '.join(sorted(lying))}); {RECOVER}."
    if all("world_to_camera" in known.quantities for known in (first, second)):
        if frames or studies or machines:
            return (
                True,
                "Both files state table and beam (isocentre reference system); the patient must not have moved.",
            )
        return None, f"Both files state table and beam, but not that they are one machine and examination; {RECOVER}."
    if all("table_position_mm" in known.quantities for known in (first, second)):
        return _by_table(first, second, same_machine=bool(frames or studies or machines))
    return None, f"The tags do not say whether table or C-arm were moved between the two; if so, {RECOVER}."


def together(geometries: Sequence[KnownGeometry]) -> tuple[KnownGeometry, ...]:
    """The geometries with isocentres that may stand in one world.

    Where every file says where the isocentre lies, isocentres are counted from the first one's, so that numbers stay
    small; where one file does not, all that are derived from a table are dropped: a single one would only mislead.
    Files with a whole pose, and isocentres that the user gave, are left as they are.
    """
    if any("world_to_camera" in known.quantities for known in geometries):
        return tuple(geometries)
    centres = [known.quantities.get("isocentre_mm") for known in geometries]
    shared = all(share_frame(geometries[0], known)[0] for known in geometries[1:])
    if all(centre and centre.confidence == "derived" for centre in centres) and shared:
        return tuple(_with_isocentre(known, _from(centres[0], known)) for known in geometries)
    return tuple(
        known if centre is None or centre.confidence != "derived" else _with_isocentre(known, None)
        for known, centre in zip(geometries, centres, strict=True)
    )


def _from(origin: Quantity | None, known: KnownGeometry) -> Quantity:
    """A file's isocentre, counted from another's."""
    centre = known.quantities["isocentre_mm"]
    assert origin is not None
    shifted = [a - b for a, b in zip(centre.value, origin.value, strict=True)]
    return quantity_of("isocentre_mm", shifted, f"{centre.source}, from the first view's isocentre", "derived")


def _with_isocentre(known: KnownGeometry, centre: Quantity | None) -> KnownGeometry:
    quantities = {name: quantity for name, quantity in known.quantities.items() if name != "isocentre_mm"}
    return replace(known, quantities=quantities if centre is None else {**quantities, "isocentre_mm": centre})


def _by_table(first: KnownGeometry, second: KnownGeometry, same_machine: bool) -> tuple[bool | None, str]:
    """The verdict where both files say where the table was."""
    shift, turn = (_difference(first, second, name) for name in ("table_position_mm", "table_angles_deg"))
    if turn is not None and turn > TABLE_TOLERANCE_DEG:
        return False, f"The table was turned by {turn:.1f} degrees between the two; {RECOVER}."
    if not same_machine:
        return None, f"Both files say where the table was, but not that it is one machine; {RECOVER}."
    if not all("isocentre_mm" in known.quantities for known in (first, second)):
        return None, f"The files say where the table was, but not how that moved the patient; {RECOVER}."
    moved = (
        f"was moved by {shift:.0f} mm (taken into account)" if shift and shift > TABLE_TOLERANCE_MM else "stood still"
    )
    return True, f"The table {moved} between the two; patient and C-arm's foot must not have moved."


def _compare(first: KnownGeometry, second: KnownGeometry, name: str) -> bool | None:
    """Whether both say the same; None where one does not say it."""
    mine, theirs = first.identities.get(name), second.identities.get(name)
    return None if mine is None or theirs is None else mine == theirs


def _difference(first: KnownGeometry, second: KnownGeometry, name: str) -> float | None:
    """The largest difference of a quantity's numbers, None where one file does not say it."""
    if not all(name in known.quantities for known in (first, second)):
        return None
    mine, theirs = first.quantities[name].value, second.quantities[name].value
    return max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
