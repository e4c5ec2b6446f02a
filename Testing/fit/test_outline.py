"""Detected silhouettes and projections as terms of the fit: where they pull, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from SpineDARTLib.atlas.files import RANK
from SpineDARTLib.config import FitSettings, RenderSettings, Settings, StageSettings
from SpineDARTLib.fit.detected import Grid, Window, on_region, outline_of, same_size
from SpineDARTLib.fit.optimise import fit
from SpineDARTLib.fit.outline import SilhouetteTerm, detected_terms
from SpineDARTLib.fit.pictures import crop_views
from SpineDARTLib.fit.scene import Scene, parameters_of
from SpineDARTLib.pipeline import load_models
from SpineDARTLib.render import Detectors
from SpineDARTLib.simulate.imaging.silhouettes import silhouette
from SpineDARTLib.types import Crop, Seed
from Testing.fit.column import vertebra_at, views_of

LEVELS_SEEN = ("L2", "L3")
STAGE = StageSettings("coarse", pixel_mm=2.5, steps=12, rank=0, keep=1, splats=400, rate=2.0)
ONE_STAGE = Settings(fit=replace(FitSettings(), stages=(STAGE,)))


@pytest.fixture(scope="module")
def models():
    return load_models()


@pytest.fixture(scope="module")
def truth(models):
    return {level: replace(vertebra_at(level, models), scale=1.03) for level in LEVELS_SEEN}


@pytest.fixture(scope="module")
def scene(truth, models):
    made = Scene(tuple(truth), models, RenderSettings())
    made.gather(STAGE.splats)
    return made


@pytest.fixture(scope="module")
def seen(truth, scene):
    views = views_of(160)
    drawn = scene.pictures(parameters_of(tuple(truth.values()), RANK), Detectors.of(views), "torch")[0].numpy()
    return tuple(replace(view, image=image) for view, image in zip(views, drawn.sum(0), strict=True))


@pytest.fixture(scope="module")
def seeds(truth, models, scene, seen):
    """What a perfect detector would say, a little blurred."""
    alone = scene.pictures(parameters_of(tuple(truth.values()), RANK), Detectors.of(seen), "torch")[0].numpy()
    found = []
    for number, (level, vertebra) in enumerate(truth.items()):
        surface = vertebra.place(models[level].instance(level, vertebra.coefficients))
        masks, projections = {}, {}
        for view, picture in zip(seen, alone[number], strict=True):
            exact = silhouette(surface, models[level].faces, view).mask
            soft = ndimage.gaussian_filter(np.pad(exact.values.astype(np.float32), 6), 1.0)
            row, column = exact.row - 6, exact.column - 6
            masks[view.name] = Crop(float(row), float(column), soft)
            part = np.pad(picture, 6)[
                exact.row : exact.row + soft.shape[0], exact.column : exact.column + soft.shape[1]
            ]
            projections[view.name] = Crop(float(row), float(column), part * soft)
        found.append(Seed(level, masks=masks, projections=projections, scores=dict.fromkeys(masks, 0.9)))
    return tuple(found)


def terms(seeds, seen, truth, models, settings=ONE_STAGE):
    points = np.concatenate([one.place(models[level].means[level]) for level, one in truth.items()])
    pictures = crop_views(seen, points, STAGE.pixel_mm, "cpu")
    return pictures, detected_terms(seeds, tuple(truth), seen, pictures, STAGE.pixel_mm, 4.0 / STAGE.pixel_mm, settings)


def moved(truth, scene, pictures, shift_mm):
    """Parameters of the column, shifted, and the drawn pictures."""
    parameters = parameters_of(tuple(truth.values()), RANK)
    parameters = replace(parameters, translation_mm=parameters.translation_mm + torch.tensor(shift_mm))
    parameters.translation_mm.requires_grad_(True)
    return parameters, scene.pictures(parameters, pictures.detectors, "torch")


@pytest.mark.parametrize("which", [0, 1], ids=["silhouette", "decomposition"])
@pytest.mark.parametrize("shift", [(4.0, 0, 0), (-4.0, 0, 0), (0, 5.0, 0), (0, -5.0, 0), (0, 0, 3.5), (0, 0, -3.5)])
def test_a_shadow_that_is_off_is_pulled_back(which, shift, seeds, seen, truth, models, scene):
    pictures, both = terms(seeds, seen, truth, models)
    parameters, drawn = moved(truth, scene, pictures, shift)
    there = both[which](drawn, 1.0)
    pull = torch.autograd.grad(there.sum(), parameters.translation_mm)[0][0]
    at_truth = both[which](moved(truth, scene, pictures, (0.0, 0.0, 0.0))[1], 1.0)
    assert (there > at_truth + 0.01).all()
    # Down the slope is back, for either vertebra, and nearly straight.
    along = (pull @ torch.tensor(shift)) / np.linalg.norm(shift)
    assert (along > 0.7 * pull.norm(dim=-1)).all() and (along > 1e-3).all()


def test_the_distance_is_about_that_of_the_outlines(seeds, seen, truth, models, scene):
    pictures, (silhouettes, _) = terms(seeds, seen, truth, models)
    squared = [
        silhouettes.squared_mm2(1.0 - torch.exp2(-moved(truth, scene, pictures, (0.0, 0.0, up))[1] / 0.04)).detach()
        for up in (0.0, 4.0)
    ]
    # 4 mm up: 16 mm2 times the mean square of the cosine between the shift and the outline's normal.
    gained = squared[1] - squared[0]
    assert (squared[0] > -0.5).all() and (gained > 5.0).all() and (gained < 16.0).all()


def test_overlap_is_high_at_the_truth_and_not_said_without_a_mask(seeds, seen, truth, models, scene):
    pictures, (silhouettes, _) = terms(seeds, seen, truth, models)
    at_truth = silhouettes.overlap(moved(truth, scene, pictures, (0.0, 0.0, 0.0))[1])
    away = silhouettes.overlap(moved(truth, scene, pictures, (0.0, 0.0, 8.0))[1])
    assert (at_truth > 0.85).all() and (away < at_truth - 0.1).all()
    _, (none, _) = terms((), seen, truth, models)
    assert np.isnan(none.overlap(moved(truth, scene, pictures, (0.0, 0.0, 0.0))[1])).all()


def test_views_and_vertebrae_without_detection_cost_nothing(seeds, seen, truth, models, scene):
    first = seen[0].name
    lone = replace(seeds[1], masks={first: seeds[1].masks[first]}, projections={})
    odd = replace(seeds[0], masks={"OBL": seeds[0].masks[first], first: Crop(0.0, 0.0, np.zeros((0, 0), np.float32))})
    pictures, (silhouettes, decomposition) = terms((odd, lone), seen, truth, models)
    parameters, drawn = moved(truth, scene, pictures, (0.0, 0.0, 4.0))
    cost = silhouettes(drawn, 1.0)
    assert cost[0, 0] == 0 and cost[0, 1] > 0.01 and (decomposition(drawn, 1.0) == 0).all()
    slope = torch.autograd.grad(cost.sum(), parameters.translation_mm)[0]
    assert (slope[0, 0] == 0).all()
    # A single view does not move a vertebra along its own rays.
    axis = torch.as_tensor(seen[0].axis, dtype=torch.float32)
    assert abs(float(slope[0, 1] @ axis)) < 0.15 * float(slope[0, 1].norm())


def test_three_views_count_alike(seeds, seen, truth, models, scene):
    third = replace(seen[1], name="OBL")
    three = tuple(
        replace(
            one,
            masks={**one.masks, "OBL": one.masks[seen[1].name]},
            projections={**one.projections, "OBL": one.projections[seen[1].name]},
            scores={**one.scores, "OBL": 0.9},
        )
        for one in seeds
    )
    for which in (0, 1):
        pictures, both = terms(three, (*seen, third), truth, models)
        drawn = moved(truth, scene, pictures, (0.0, 0.0, 4.0))[1]
        drawn = drawn.detach()
        costs = [float(both[which](part, 1.0).sum()) for part in (drawn, drawn[:, :, [0, 2, 1]])]
        pair = float(terms(seeds, seen, truth, models)[1][which](drawn[:, :, :2], 1.0).sum())
        # The third is the second again: what it costs comes on top, and the mean is over three.
        assert costs[0] == pytest.approx(costs[1], rel=1e-4) and pair < 1.5 * costs[0] < 2 * pair


def test_a_mask_counts_as_far_as_it_is_sure(seeds, seen, truth, models, scene):
    def cost(change):
        pictures, (silhouettes, _) = terms([change(one) for one in seeds], seen, truth, models)
        return silhouettes(moved(truth, scene, pictures, (0.0, 0.0, 4.0))[1], 1.0).detach()

    sure = cost(lambda one: one)
    unlikely = cost(lambda one: replace(one, scores=dict.fromkeys(one.masks, 0.3)))
    torch.testing.assert_close(unlikely, sure / 3)

    def blurred(one):
        return replace(one, masks={name: soft(crop) for name, crop in one.masks.items()})

    def soft(crop):
        return replace(crop, values=ndimage.gaussian_filter(crop.values, 3.0))

    assert (cost(blurred) < 0.6 * sure).all()


def test_a_mask_that_ends_at_a_cut_says_nothing_beyond(seeds, seen, truth, models):
    points = np.concatenate([one.place(models[level].means[level]) for level, one in truth.items()])
    pictures = crop_views(seen, points, STAGE.pixel_mm, "cpu")
    grid = Grid(seen, pictures.views, pictures.valid.numpy(), STAGE.pixel_mm)
    whole = seeds[1].masks[seen[0].name]
    half = replace(whole, values=whole.values[:, : whole.values.shape[1] // 2])
    outline = outline_of(half, (1, 0), grid)
    complete = outline_of(whole, (1, 0), grid)
    assert outline is not None and complete is not None
    _, inside = on_region(half, seen[0], pictures.views[0])
    beyond = (complete.probability > 0.6) & ~inside
    assert beyond.sum() > 20 and (outline.distance[beyond] == 0).all()
    assert outline.length_mm < 0.75 * complete.length_mm
    np.testing.assert_allclose(outline.distance[inside & (complete.distance > 0)].min(), 1.0, atol=1.5)


def test_what_shows_no_outline_is_passed_over(seen):
    grid = Grid(seen, seen, np.ones((2, 160, 160), np.float32), 1.2)
    for values in (np.zeros((9, 9)), np.ones((160, 160)), np.zeros((0, 0)), np.ones((1, 5))):
        assert outline_of(Crop(40.0, 40.0, values.astype(np.float32)), (0, 0), grid) is None


def test_a_crop_lands_where_its_pixels_are(seen, truth, models):
    """A crop that holds its own coordinates, coarser than the picture, on the grid of a region."""
    points = truth["L3"].place(models["L3"].means["L3"])
    region = crop_views(seen, points, 3.0, "cpu").views[0]
    rows, columns = np.mgrid[:70, :60]
    crop = Crop(20.5, 15.0, (20.5 + 2.0 * rows) + 1000.0 * (15.0 + 2.0 * columns), step_px=2.0)
    values, inside = on_region(crop, seen[0], region)
    step = seen[0].intrinsics[0, 0] / region.intrinsics[0, 0]
    point = np.argwhere(inside)[len(np.argwhere(inside)) // 2]
    full = np.linalg.inv(region.intrinsics) @ np.array([point[1], point[0], 1.0])
    u, v, _ = seen[0].intrinsics @ full
    assert step > 1.5 and values[tuple(point)] == pytest.approx(v + 1000.0 * u, rel=1e-6)


def test_windows_are_of_one_size_and_hold_their_regions():
    region = np.zeros((30, 41), np.float32)
    regions = [region.copy() for _ in range(2)]
    regions[0][3:11, 30:41], regions[1][20:30, 1:4] = 1.0, 0.5
    picture = np.arange(30 * 41, dtype=np.float32).reshape(30, 41)
    cut = same_size([Window(n, 0, 0, 0, picture, one, 1.0) for n, one in enumerate(regions)], 4)
    for window, whole in zip(cut, regions, strict=True):
        assert window.picture.shape == window.region.shape == (12, 12)
        assert window.region.sum() == whole.sum() and window.picture[0, 0] == picture[window.row, window.column]
    assert same_size([], 4) == []


def states(seen, truth, models, seeds, options=None, count=21):
    settings = replace(ONE_STAGE, fit=replace(ONE_STAGE.fit, **(options or {})))
    course = fit(seen, dict(list(truth.items())[-1:]), models, settings, seeds=seeds)
    return [state for state, _ in zip(course, range(count), strict=False)]


def test_without_weight_the_fit_is_what_it_was(seeds, seen, truth, models):
    off = {"silhouette_weight": 0.0, "decomposition_weight": 0.0}
    plain = states(seen, truth, models, (), count=4)
    switched = states(seen, truth, models, seeds, off, count=4)
    used = states(seen, truth, models, seeds, count=2)
    for one, other in zip(plain, switched, strict=True):
        assert one.losses == other.losses and other.losses["silhouette"] == other.losses["decomposition"] == 0.0
        for before, after in zip(one.vertebrae, other.vertebrae, strict=True):
            np.testing.assert_array_equal(before.pose, after.pose)
    assert used[0].losses["silhouette"] > 0 and used[0].losses["decomposition"] > 0
    assert not np.array_equal(used[1].vertebrae[0].pose, plain[1].vertebrae[0].pose)


def test_a_wrong_mask_is_outweighed(seeds, seen, truth, models):
    """One view's mask and projection are of the disc below: the picture and the other view still find the vertebra."""

    def wrong(crops):
        return {**crops, "LAT": replace(crops["LAT"], row=crops["LAT"].row + 9.0)}

    spoiled = [replace(one, masks=wrong(one.masks), projections=wrong(one.projections)) for one in seeds]
    last = states(seen, truth, models, spoiled)[-1]
    (found,) = last.vertebrae
    assert np.linalg.norm(found.pose[:3, 3] - truth["L3"].pose[:3, 3]) < 2.5


def test_what_left_the_numbers_does_not_spoil_the_rest(seeds, seen, truth, models, scene):
    def holed(crop):
        values = crop.values.copy()
        values[:3] = np.nan
        return replace(crop, values=values)

    broken = [
        replace(one, projections={name: holed(crop) for name, crop in one.projections.items()},
                masks={name: holed(crop) for name, crop in one.masks.items()})
        for one in seeds
    ]  # fmt: skip
    pictures, both = terms(broken, seen, truth, models)
    parameters, drawn = moved(truth, scene, pictures, (0.0, 0.0, 4.0))
    for term in both:
        slope = torch.autograd.grad(term(drawn, 1.0).sum(), parameters.translation_mm, retain_graph=True)[0]
        assert torch.isfinite(slope).all() and (slope != 0).any()


def test_a_term_without_outlines_is_zero():
    like = torch.zeros(1)
    term = SilhouetteTerm([], (2, 1, 8, 8), 2.0, like)
    assert term(torch.rand(3, 2, 1, 8, 8), 1.0).shape == (3, 2) and (term(torch.rand(3, 2, 1, 8, 8), 1.0) == 0).all()
