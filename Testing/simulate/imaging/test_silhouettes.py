"""Masks agree with rays cast at the mesh by VTK."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from SpineDARTLib.geometry.camera import project, rays
from SpineDARTLib.io.mesh import to_polydata
from SpineDARTLib.simulate.imaging.silhouettes import pixels_in_boxes, silhouette
from Testing.plan.tubes import rotation, tube_vertebra
from Testing.shapes import box
from Testing.simulate.imaging.cameras import ISOCENTRE_MM, POSES, camera


def cast(vertices: np.ndarray, faces: np.ndarray, view, pixels: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the ray of each pixel (u, v) meets the mesh."""
    locator = vtk.vtkStaticCellLocator()
    locator.SetDataSet(to_polydata(vertices, faces))
    locator.BuildLocator()
    source, along = rays(pixels.astype(float), view)
    scratch = (vtk.mutable(0.0), [0.0] * 3, [0.0] * 3, vtk.mutable(0), vtk.mutable(0))
    return np.array([bool(locator.IntersectWithLine(source, source + 2000 * one, 1e-9, *scratch)) for one in along])


@pytest.mark.parametrize("name", POSES)
def test_each_pixel_as_a_ray_finds_it(name):
    vertices, faces = tube_vertebra(1.0)
    vertices = vertices @ rotation((0.2, -0.3, 0.5)).T + ISOCENTRE_MM + [4.0, 6.0, -3.0]
    view = camera(name)
    found = silhouette(vertices, faces, view)
    height, width = found.mask.values.shape
    v, u = np.indices((height + 6, width + 6)) - 3
    pixels = np.stack([u.ravel() + found.mask.column, v.ravel() + found.mask.row], axis=1)
    wanted = cast(vertices, faces, view, pixels).reshape(height + 6, width + 6)
    ours = np.pad(found.mask.values, 3)
    assert 500 < found.area_px == ours.sum()
    assert (ours != wanted).sum() <= 1
    points = project(vertices, view)
    assert found.box_px == pytest.approx(np.concatenate([points.min(0), points.max(0)]))


def test_outside_the_picture_the_box_and_the_area_go_on():
    vertices, faces = box(ISOCENTRE_MM + [-10.0, -12.0, -8.0], (20.0, 14.0, 23.0))
    middle = silhouette(vertices, faces, camera("AP"))
    edge = camera("AP", isocentre_mm=ISOCENTRE_MM + [49.0, 0.0, 0.0])
    half = silhouette(vertices, faces, edge)
    assert half.area_px == pytest.approx(middle.area_px, rel=0.06)
    assert 0.2 * half.area_px < half.mask.values.sum() < 0.8 * half.area_px
    left, _, right, _ = half.box_px
    assert left < -5 or right > 196
    gone = silhouette(vertices, faces, camera("AP", isocentre_mm=ISOCENTRE_MM + [300.0, 0.0, 0.0]))
    assert gone.mask.values.size == 0 and gone.area_px > 0


def test_shared_edges_leave_no_holes():
    """A finely cut plate that faces the source: every pixel inside its outline is covered."""
    vertices, faces = tube_vertebra(0.5)
    view = camera("AP")
    mask = silhouette(vertices + ISOCENTRE_MM, faces, view).mask.values
    from scipy.ndimage import binary_fill_holes

    assert (binary_fill_holes(mask) == mask).all()


def test_behind_the_source_is_named():
    vertices, faces = box(ISOCENTRE_MM + [0.0, 900.0, 0.0], (9.0, 9.0, 9.0))
    with pytest.raises(ValueError, match=r'view "AP".*behind the source'):
        silhouette(vertices, faces, camera("AP"))


def test_pixels_of_boxes_in_order():
    item, column, row = pixels_in_boxes(np.array([[4, 7, 6, 9], [0, 0, 0, 5], [-1, 3, 2, 4]]))
    assert item.tolist() == [0, 0, 0, 0, 2, 2, 2]
    assert column.tolist() == [4, 5, 4, 5, -1, 0, 1]
    assert row.tolist() == [7, 7, 8, 8, 3, 3, 3]
