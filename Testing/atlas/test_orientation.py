"""Which wrong and mirrored orientations are seen, and that right ones are not suspected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from SpineDARTLib.atlas.orientation import check_orientation
from SpineDARTLib.errors import InputError
from SpineDARTLib.io.mesh import Mesh, outward
from Testing.atlas.spines import spine

FLIPS = {"x": np.diag([-1.0, 1.0, 1.0]), "y": np.diag([1.0, -1.0, 1.0]), "z": np.diag([1.0, 1.0, -1.0])}


def turned(matrix: np.ndarray, *levels: str) -> list[tuple[str, Mesh]]:
    """Levels of the spine, moved by a matrix, with outward normals in any case."""
    meshes = [(level, spine()[level]) for level in levels]
    return [(level, (vertices @ matrix.T, outward(vertices @ matrix.T, faces))) for level, (vertices, faces) in meshes]


@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize("angle", [-20.0, 20.0])
def test_a_tilted_patient_is_not_suspected(axis: str, angle: float):
    matrix = Rotation.from_euler(axis, angle, degrees=True).as_matrix()
    check_orientation(Path("a"), turned(matrix, "L1", "L2", "L3"))
    for level in spine():
        check_orientation(Path("a"), turned(matrix, level))


@pytest.mark.parametrize(
    ("flips", "said"),
    [
        ("y", "a spinous process that points forward"),
        ("xy", "a spinous process that points forward"),
        ("z", "L1 to L3 not from head to foot"),
        ("xz", "L1 to L3 not from head to foot"),
        ("yz", "L1 to L3 not from head to foot"),
        ("xyz", "L1 to L3 not from head to foot"),
    ],
)
def test_flipped_columns_are_named(flips: str, said: str):
    matrix = np.linalg.multi_dot([np.eye(3), *(FLIPS[axis] for axis in flips), np.eye(3)])
    with pytest.raises(InputError, match=f"a file: orientation: got {said}; expected vertebrae in RAS mm"):
        check_orientation(Path("a file"), turned(matrix, "L1", "L2", "L3"))


@pytest.mark.parametrize(
    ("level", "matrix", "said"),
    [
        ("L1", FLIPS["y"], "points forward"),
        ("L1", FLIPS["z"], "upside down"),
        ("L1", np.eye(3)[[1, 0, 2]], "points to a side"),
        ("L3", np.eye(3)[[0, 2, 1]], "points up or down"),
    ],
)
def test_a_single_vertebra_the_wrong_way_round_is_named(level: str, matrix: np.ndarray, said: str):
    with pytest.raises(InputError, match=said):
        check_orientation(Path("a"), turned(matrix, level))


def test_left_for_right_cannot_be_seen():
    check_orientation(Path("a"), turned(FLIPS["x"], "L1", "L2", "L3"))
    check_orientation(Path("a"), [])
