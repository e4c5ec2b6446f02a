"""The cameras of a plan that was made with refined ones: whatever is drawn of a plan must be drawn with these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..types import Case, Plan, Refinement, View


def refined_case(case: Case, plans: Sequence[Plan]) -> Case:
    """The case with the cameras that its plans were made with; again and again is the same as once."""
    found = next((plan.refinement for plan in plans if plan.refinement is not None), None)
    return case if found is None else replace(case, views=refined_views(case.views, found))


def refined_views(views: Sequence[View], refinement: Refinement) -> tuple[View, ...]:
    """The views with the cameras of a refinement; as they are, where it was refused.

    Raises:
        ValueError: it moved a view that is not there.
    """
    missing = set(refinement.world_to_camera) - {view.name for view in views}
    if missing:
        raise ValueError(f"got a refinement of {', '.join(sorted(missing))}; expected views of the case")
    return tuple(
        replace(view, world_to_camera=np.array(refinement.world_to_camera[view.name]))
        if view.name in refinement.world_to_camera
        else view
        for view in views
    )
