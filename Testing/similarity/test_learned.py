"""The learned similarity: what is cut where, and that absent views and grey scales do not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from SpineDARTLib.errors import InputError
from SpineDARTLib.geometry.camera import project
from SpineDARTLib.geometry.region import region_view
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.regions import cut_region, cut_regions, sampling_grid, token_rays
from SpineDARTLib.similarity.learned.weights import load_similarity, save_similarity

SIDE_MM, SIDE_PX = 96.0, 32


def start() -> np.ndarray:
    """L3 of the synthetic patient, tilted to the left."""
    angle = np.deg2rad(20.0)
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = [3.0, 0.0, -35.0]
    return pose


def test_a_region_stands_upright_around_its_vertebra(views):
    for view in views:
        region = cut_region(view, start(), SIDE_MM, SIDE_PX)
        ends = np.stack([start()[:3, 3], start()[:3, 3] + 15.0 * start()[:3, 2]])
        (u, v), (above_u, above_v) = project(ends, region.view)
        assert (u, v) == pytest.approx(((SIDE_PX - 1) / 2, (SIDE_PX - 1) / 2), abs=1e-6)
        assert above_u == pytest.approx(u, abs=0.2)
        assert above_v < v - 3.0
        there = region.to_image @ [*project(ends[1:], region.view)[0], 1.0]
        np.testing.assert_allclose(there[:2] / there[2], project(ends[1:], view)[0], atol=1e-6)


def test_a_mirrored_picture_gives_the_same_region(views):
    view = views[0]
    flip = np.array([[-1.0, 0, view.image.shape[1] - 1.0], [0, 1, 0], [0, 0, 1]])
    mirrored = replace(view, image=np.ascontiguousarray(view.image[:, ::-1]), intrinsics=flip @ view.intrinsics)
    first, second = (cut_region(one, start(), SIDE_MM, SIDE_PX) for one in (view, mirrored))
    np.testing.assert_allclose(first.view.image, second.view.image, atol=1e-4)
    np.testing.assert_allclose(first.view.projection, second.view.projection, atol=1e-9)


def test_another_crop_is_sampled_at_the_same_places(views):
    view = views[1]
    region = cut_region(view, start(), SIDE_MM, SIDE_PX)
    ramp = np.add.outer(1.0 * np.arange(view.image.shape[0]), 0.1 * np.arange(view.image.shape[1])).astype(np.float32)
    wide = replace(view, image=ramp)
    crop = region_view(wide, (55.0, 50.0), 1.0, (90, 110))[0]
    grid = torch.from_numpy(sampling_grid(region, crop))[None]
    found = grid_sample(torch.from_numpy(crop.image)[None, None], grid, align_corners=False)[0, 0].numpy()
    wanted = cut_region(wide, start(), SIDE_MM, SIDE_PX)
    inside = slice(8, 24)
    np.testing.assert_allclose(found[inside, inside], wanted.view.image[inside, inside], atol=0.02)


def test_rays_pass_the_start(views):
    region = cut_region(views[0], start(), SIDE_MM, SIDE_PX)
    rays = token_rays(region, start(), 8)
    assert rays.shape == (16, 9)
    np.testing.assert_allclose(np.linalg.norm(rays[:, :3], axis=1), 1.0, atol=1e-6)
    assert np.linalg.norm(rays[:, 3:6], axis=1).max() < 1.5
    np.testing.assert_allclose((rays[:, :3] * rays[:, 3:6]).sum(1), 0.0, atol=1e-6)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    network = Similarity(TINY).eval()
    torch.nn.init.normal_(network.head.weight)
    return network.requires_grad_(False)


def inputs(views, count):
    regions = cut_regions([*views, views[0]][:count], start(), SIDE_MM, SIDE_PX)
    images = torch.from_numpy(np.stack([region.view.image for region in regions]))[None]
    valid = torch.from_numpy(np.stack([region.valid for region in regions]).astype(np.float32))[None]
    rays = torch.from_numpy(np.stack([token_rays(region, start(), 8) for region in regions]))[None]
    generator = torch.Generator().manual_seed(0)
    drawn = 0.3 * torch.rand((1, 3, count, 2, SIDE_PX, SIDE_PX), generator=generator)
    return images, valid, rays, torch.tensor([14]), torch.ones(1, count, dtype=torch.bool), drawn


def test_absent_views_do_not_count(views, network):
    images, valid, rays, level, present, drawn = inputs(views, 3)
    present[:, 2] = False
    found = network(images, valid, rays, level, present, drawn)
    fewer = network(images[:, :2], valid[:, :2], rays[:, :2], level, present[:, :2], drawn[:, :, :2])
    torch.testing.assert_close(found.log_mm, fewer.log_mm)


def test_neither_grey_scale_nor_the_order_of_views_counts(views, network):
    images, valid, rays, level, present, drawn = inputs(views, 2)
    found = network(images, valid, rays, level, present, drawn)
    other = network(3.0 * images + 7.0, valid, rays, level, present, drawn)
    torch.testing.assert_close(found.log_mm, other.log_mm, atol=1e-3, rtol=1e-3)
    turned = network(images.flip(1), valid.flip(1), rays.flip(1), level, present, drawn.flip(2))
    torch.testing.assert_close(found.log_mm, turned.log_mm, atol=1e-4, rtol=1e-4)
    assert found.log_mm.std() > 1e-4


def test_weights_come_back(network, tmp_path):
    save_similarity(tmp_path, network, network.state_dict(), {"subjects": []})
    again = load_similarity(tmp_path)
    assert again.card["architecture"] == TINY.as_json()
    (tmp_path / "similarity.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="sha256"):
        load_similarity(tmp_path)
    with pytest.raises(InputError, match="gradient-ncc"):
        load_similarity(tmp_path / "none")
