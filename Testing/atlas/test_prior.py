"""Published morphometry in a model's means and spread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.files import _find, load_model, read_region
from SpineDARTLib.atlas.learn import Frame, learn
from SpineDARTLib.atlas.measure import Measure
from SpineDARTLib.atlas.morphs import measures_of
from SpineDARTLib.atlas.population import FRACTURES, Published
from SpineDARTLib.atlas.prior import Population, fracture_changes
from SpineDARTLib.resources import resource_folder
from SpineDARTLib.types import LEVELS


class Told(Population):
    """A population of which we say what is published: the same of every level."""

    def __init__(self, template: Population, told: Mapping[str, Published]) -> None:
        super().__init__(template.faces, template.regions, template.landmarks)
        object.__setattr__(self, "told", told)

    def published(self, level: str) -> Mapping[str, Published]:
        return self.told  # type: ignore[attr-defined]


def learned(told: Mapping[str, Published] | None, rank: int = 300):
    """Means and modes of L1-L5 with what is published, and the measures of its middle."""
    region = read_region(_find("L1-L5", resource_folder("atlas")))
    regions, template = region.annotations.regions, region.template
    frame = Frame(regions["superior_endplate"], regions["inferior_endplate"], template.faces, template.partner)
    population = Population(template.faces, regions, region.annotations.landmarks)
    given = None if told is None else Told(population, told)
    found = learn(region.samples, region.levels, LEVELS, frame, template.vertices, rank, given)
    return found, population.measures(np.mean([found.means[level] for level in region.levels], axis=0))


def say(measure: str, mean: float, deviation: float, doubt: float) -> dict[str, Published]:
    return {measure: Published(measure, "L3", mean, deviation, doubt, 10**7)}


@pytest.fixture(scope="module")
def silent():
    return learned({})


def test_nothing_published_moves_nothing(silent):
    alone, _ = learned(None)
    for level, mean in alone.means.items():
        assert silent[0].means[level] == pytest.approx(mean, abs=1e-6)


def value(found, measures: Mapping[str, Measure], level: str, name: str) -> float:
    return measures[name].of(found.means[level])


def test_a_mean_goes_to_what_is_published_by_as_much_as_people_leave_it_open(silent):
    before, measures = silent
    old = {level: value(before, measures, level, "pedicle_width") for level in ("L1", "L5")}
    sure, _ = learned(say("pedicle_width", 14.0, 2.0, 0.05), rank=5)
    vague, _ = learned(say("pedicle_width", 14.0, 2.0, 20.0), rank=5)
    for level in old:
        assert value(sure, measures, level, "pedicle_width") == pytest.approx(14.0, abs=0.6)
        assert abs(value(vague, measures, level, "pedicle_width") - old[level]) < 0.2
    # L1 has three times the people of L5: with the same doubt it moves a smaller part of its way.
    between, _ = learned(say("pedicle_width", 14.0, 2.0, 1.0), rank=5)
    way = {
        level: (value(between, measures, level, "pedicle_width") - old[level]) / (14.0 - old[level]) for level in old
    }
    assert 0 < way["L1"] < way["L5"] < 1


def test_a_measure_spreads_as_published(silent):
    told, measures = learned(say("canal_depth", value(*silent, "L3", "canal_depth"), 4.0, 5.0))
    gradient = measures["canal_depth"].gradient(np.mean(list(told.means.values()), axis=0))
    shape = np.sqrt((np.einsum("nk,dnk->d", gradient, told.modes.vectors) ** 2) @ told.modes.deviations**2)
    size = told.log_scale_deviation * value(told, measures, "L3", "canal_depth")
    assert np.hypot(shape, size) == pytest.approx(4.0, rel=0.1)


def test_means_stay_symmetric_and_in_the_frame():
    for level in ("L1", "T10"):
        model = load_model(level)
        mean = model.means[level]
        assert mean[model.partner] * (-1, 1, 1) == pytest.approx(mean, abs=1e-6)
        plates = [mean[model.regions[f"{side}_endplate"]].mean(axis=0) for side in ("superior", "inferior")]
        assert sum(plates) / 2 == pytest.approx(np.zeros(3), abs=0.3)


def test_the_header_says_what_came_of_what():
    model = load_model("L3")
    shares = model.header["shares"]
    assert isinstance(shares, dict)
    assert set(shares) == {"own levels", "other levels", "morphometry", "fractures"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= 0 and shares["own levels"] > shares["other levels"]


@pytest.mark.parametrize("kind", list(FRACTURES))
def test_a_fracture_takes_heights_and_nothing_else(kind: str):
    model = load_model("L1")
    values = {name: measure.of(model.means["L1"]) for name, measure in measures_of(model).items()}
    changes = fracture_changes(kind, 0.3, values)
    assert changes["anterior_height"] == pytest.approx(-0.3 * FRACTURES[kind][0] * values["anterior_height"])
    assert set(changes) <= set(model.morphs)
    rims = (changes["anterior_height"] + changes["posterior_height"]) / 2
    middle = rims - changes["superior_concavity"] - changes["inferior_concavity"]
    assert middle == pytest.approx(-0.3 * FRACTURES[kind][1] * values["middle_height"])


def test_a_folder_of_its_own_has_the_published_numbers_too(tmp_path: Path):
    for file in resource_folder("atlas").glob("L1-L5.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert (load_model("L2", directory=tmp_path).modes == load_model("L2").modes).all()
