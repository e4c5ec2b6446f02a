"""What was gathered, as JSON (format ``spinedart-geometry/1``)."""

from __future__ import annotations

from typing import Any

from ..geometry.recovered import Recovered
from ..geometry.words import describe, display
from .gathered import Gathered, GatheredView
from .gathered_words import NOT_CLINICAL
from .plan import plain

FORMAT = "spinedart-geometry/1"


def to_json(gathered: Gathered) -> dict[str, Any]:
    """All of it in JSON's own kinds (format ``spinedart-geometry/1``)."""
    return {
        "format": FORMAT,
        "note": NOT_CLINICAL,
        "views": [_view_to_json(one) for one in gathered.views],
        "one_frame": {"shared": gathered.shared, "words": gathered.shared_words},
        "advice": plain(gathered.advice),
        "consistency": {"pictures": plain(gathered.consistency), "clicks": plain(gathered.clicks)},
        "impossible": gathered.impossible,
        "recovered": None if gathered.recovered is None else _recovered_to_json(gathered.recovered),
        "notes": list(gathered.notes),
    }


def _view_to_json(one: GatheredView) -> dict[str, Any]:
    known, view = one.known, one.view
    facts = ("file", "kind", "shape", "frame", "frames", "missing", "warnings", "patient_position",
             "patient_orientation", "view_position")  # fmt: skip
    return {
        "name": one.name,
        **{name: plain(getattr(known, name)) for name in facts},
        "polarity": one.polarity,
        "quantities": plain(dict(known.quantities)),
        "conflicts": [{**plain(conflict), "words": conflict.words} for conflict in known.conflicts],
        "notes": list(one.notes),
        "why_not": one.why_not,
        "unanswered": one.unanswered,
        "display": None if view is None else display(view),
        "words": None if view is None else describe(view),
        "projection_matrix": None if view is None else plain(view.projection),
    }


def _recovered_to_json(recovered: Recovered) -> dict[str, Any]:
    """Without views, whose matrices stand with theirs."""
    facts = ("points_mm", "moved_mm", "moved_deg", "residual_before_px", "residual_after_px", "inliers",
             "identifiable", "scale_sigma", "words")  # fmt: skip
    return {name: plain(getattr(recovered, name)) for name in facts}
