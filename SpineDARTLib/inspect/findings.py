"""What stands out in a fit, as plain sentences with the next thing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..atlas.files import available_levels, load_model
from ..atlas.model import ShapeModel
from ..types import Case, Plan
from . import geometry_rules, image_rules, neighbour_rules, shape_rules
from .finding import Finding, Subject

__all__ = ["RULES", "Finding", "findings", "findings_by_level"]

RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    shape_rules.not_fitted,
    geometry_rules.too_little_parallax,
    geometry_rules.clicks_disagree,
    neighbour_rules.left_its_place,
    neighbour_rules.overlaps_or_skips,
    geometry_rules.wrong_scale,
    shape_rules.looks_like_another_level,
    shape_rules.outside_the_shape_model,
    image_rules.mirrored,
    image_rules.one_view_disagrees,
    image_rules.cut_by_the_edge,
    shape_rules.not_settled,
    shape_rules.low_confidence,
    image_rules.landmarks_off,
)
"""In this order they are told: what explains the most comes first."""


def findings(
    plan: Plan, case: Case | None = None, plans: Sequence[Plan] = (), model: ShapeModel | None = None
) -> tuple[Finding, ...]:
    """Everything that stands out in one vertebra's fit; nothing for a good one.

    Args:
        case: that it was fitted to; without it what needs the X-rays is not looked at.
        plans: of the whole column, this one among them or not.
        model: of this level; without it the shape is not compared with other levels'.
    """
    others = tuple(one for one in plans if one.fitted.level != plan.fitted.level)
    subject = Subject(plan, case, others, model)
    return tuple(finding for rule in RULES for finding in rule(subject))


def findings_by_level(
    plans: Sequence[Plan], case: Case | None = None, models: Mapping[str, ShapeModel] | None = None
) -> dict[str, tuple[Finding, ...]]:
    """The same for all vertebrae of a plan folder; models are the installed ones where none are given."""
    if models is None:
        known = set(available_levels())
        models = {level: load_model(level) for level in (one.fitted.level for one in plans) if level in known}
    return {one.fitted.level: findings(one, case, plans, models.get(one.fitted.level)) for one in plans}
