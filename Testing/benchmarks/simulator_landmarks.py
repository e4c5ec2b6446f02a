"""Landmarks of people whom the atlas knows, found by an atlas that does not know them, against the stored ones.

    python Testing/benchmarks/simulator_landmarks.py MASK [MASK ...] [--levels L1,L2]

MASKs are VerSe's (``sub-verse005_seg-vert_msk.nii.gz``); vertebrae whose correspondence is not stored are left out.
One vertebra takes about five seconds. Exits with 1 where a median is over 1 mm or a landmark over 2.5 mm off.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tyro.conf import Positional

from SpineDARTLib.atlas import load_model
from SpineDARTLib.atlas.manifest import Source
from SpineDARTLib.atlas.surfaces import Surface, read_source
from SpineDARTLib.simulate.patient.annotate import annotate_surface, stored_shapes
from SpineDARTLib.simulate.patient.ct_files import person_of

MEDIAN_MM, MOST_MM = 1.0, 2.5


def distances(surface: Surface) -> dict[str, float] | None:
    """Landmark to mm between the stored and the left-out correspondence; None where none is stored."""
    known = annotate_surface(surface, load_model(surface.level))
    if not known.stored:
        return None
    model = load_model(surface.level, without=(surface.subject,))
    found = annotate_surface(surface, model, look_up=False).vertebra.landmarks
    return {name: float(np.linalg.norm(point - found[name])) for name, point in known.vertebra.landmarks.items()}


def main(masks: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="MASK")], levels: str = "") -> int:
    """Print a line a vertebra."""
    good = True
    asked = set(levels.upper().split(",")) if levels else None
    for mask in masks:
        subject = person_of(mask)
        wanted = tuple(level for one, level in stored_shapes() if one == subject and (not asked or level in asked))
        for surface in read_source(Source(mask, mask.name, subject), wanted) if wanted else ():
            away = distances(surface)
            if away is None:
                continue
            worst = max(away, key=lambda name: away[name])
            median = float(np.median(list(away.values())))
            good &= median < MEDIAN_MM and away[worst] < MOST_MM
            sys.stdout.write(f"{subject} {surface.level}: median {median:.2f} mm, {worst} {away[worst]:.2f} mm\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
