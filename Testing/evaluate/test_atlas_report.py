"""The atlas's report: its figures mean what they say, and its page holds everything and nothing of this machine."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas.files import Region, read_region, write_region
from SpineDARTLib.atlas.model import ShapeModel
from SpineDARTLib.errors import InputError
from SpineDARTLib.evaluate import atlas_report
from SpineDARTLib.evaluate.atlas_findings import Findings, find, steps_of
from SpineDARTLib.evaluate.atlas_quality import Unseen, own_shapes, projection_error, unseen
from SpineDARTLib.evaluate.atlas_report import write_report
from SpineDARTLib.evaluate.atlas_samples import LIMIT_SD, draw, topology
from SpineDARTLib.evaluate.atlas_words import inside_where_wide, listed, modes_needed, verdict
from SpineDARTLib.evaluate.pages import number, paragraph, percent, table
from SpineDARTLib.resources import resource_folder
from Testing.shapes import box, sphere

PEOPLE = ("verse004", "verse007", "verse009")
LEVELS = ("T11", "T12")
SAMPLES = 10
ROUNDS = [{"round": 0, "kept": True, "generalisation_mm": 1.25}, {"round": 1, "kept": False, "generalisation_mm": 1.27}]


def reduced(region: Region) -> Region:
    """Two levels of three people, one of them fractured."""
    samples = region.samples
    everybody = [
        samples.subjects[i] not in PEOPLE or samples.levels[i] not in LEVELS for i in range(len(samples.counts))
    ]
    keep = np.flatnonzero(~np.array(everybody))
    entries = region.header["samples"]
    assert isinstance(entries, list)
    chosen = [{**entries[i], "genant": 3 if entries[i]["subject"] == "verse009" else 0} for i in keep]
    few = {name: getattr(samples, name)[keep] for name in ("shapes", "known", "counts", "shares", "genant")}
    names = {name: tuple(getattr(samples, name)[i] for i in keep) for name in ("subjects", "levels")}
    return replace(
        region,
        levels=LEVELS,
        samples=replace(samples, **few, **names),
        header={**region.header, "levels": list(LEVELS), "samples": chosen, "rounds": ROUNDS},
    )


@pytest.fixture(scope="module")
def region() -> Region:
    return reduced(read_region(resource_folder("atlas") / "T9-T12.json"))


@pytest.fixture(scope="module")
def told(region: Region) -> list[str | Findings]:
    """What was said on the way, and what was found."""
    return list(find(region, SAMPLES, seed=4))


@pytest.fixture(scope="module")
def found(told: list[str | Findings]) -> Findings:
    assert isinstance(told[-1], Findings)
    return told[-1]


@pytest.fixture(scope="module")
def model(found: Findings) -> ShapeModel:
    return found.model


@pytest.fixture
def atlas(tmp_path: Path, region: Region) -> Path:
    return write_region(region, tmp_path / "atlas").parent


@pytest.fixture
def retold(monkeypatch: pytest.MonkeyPatch, told: list[str | Findings]) -> None:
    """Findings are not found again."""
    monkeypatch.setattr(atlas_report, "find", lambda region, samples, seed: iter(told))


def test_steps_are_counted(region: Region, told: list[str | Findings]):
    assert all(isinstance(state, str) for state in told[:-1])
    assert len(told) - 1 == steps_of(region, SAMPLES)


def test_unseen_people_are_unseen(region: Region, found: Findings):
    # Whatever the rest of that person looks like, the result for one vertebra is the same: none of it was learned.
    first = found.unseen[0]
    theirs = np.array(
        [
            s == first.subject and at != first.level
            for s, at in zip(region.samples.subjects, region.samples.levels, strict=True)
        ]
    )
    assert theirs.sum() == 1
    shapes = np.where(theirs[:, None, None], region.samples.shapes * (1.5, 1.0, 0.5), region.samples.shapes)
    again = next(unseen(replace(region, samples=replace(region.samples, shapes=shapes))))
    assert (again.subject, again.level, again.people) == (first.subject, first.level, 2)
    assert again.median_mm == first.median_mm and again.dice == first.dice
    assert (again.projected_mm == first.projected_mm).all()


def test_unseen_figures_are_plausible(found: Findings):
    assert len(found.unseen) == 6
    assert [row.fractured for row in found.unseen] == [row.subject == "verse009" for row in found.unseen]
    for row in found.unseen:
        assert 0.2 < row.median_mm < row.mean_mm < row.p95_mm < 8.0
        assert 0.75 < row.dice < 1.0
        assert (np.diff(row.projected_mm) < 0.01).all()


def test_a_shape_with_a_part_cut_off_is_no_truth(region: Region):
    known = region.samples.known.copy()
    known[own_shapes(region)[0], 5] = False
    assert len(own_shapes(replace(region, samples=replace(region.samples, known=known)))) == 5
    counts = region.samples.counts.copy()
    counts[own_shapes(region)[1]] = 87  # a published mean is no person
    assert len(own_shapes(replace(region, samples=replace(region.samples, counts=counts)))) == 5


def test_projection_error(model: ShapeModel):
    coefficients = np.zeros(model.rank)
    coefficients[[0, 3]] = 2.0, -1.5
    moved = 1.1 * model.instance("T12", coefficients) @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]) + (
        5.0,
        -3.0,
        40.0,
    )
    errors = projection_error(model, "T12", moved)
    assert len(errors) == model.rank + 1
    assert errors[0] > errors[1] == pytest.approx(errors[3], rel=0.2)
    assert errors[0] > 0.5 and errors[-1] < 0.05


def test_compactness_and_specificity(found: Findings):
    assert (np.diff(found.shares) > 0).all() and 0.9 < found.shares[-1] <= 1.0 + 1e-6
    assert found.shares[found.model.rank - 1] == pytest.approx(found.model.explained, abs=0.01)
    near = found.specificity
    assert near.modes[0] == 1 and near.modes[-1] == found.model.rank
    assert near.model_mm[-1] > near.model_mm[0] > 0.3
    assert (near.chance_mm > near.model_mm - 0.2).all() and 0.5 < near.real_mm < 6.0


def test_random_shapes(model: ShapeModel):
    shapes = list(draw(model, 40, np.random.default_rng(1)))
    assert [level for level, _ in shapes[:4]] == ["T11", "T12", "T11", "T12"]
    again = list(draw(model, 40, np.random.default_rng(1)))
    assert all((a == b).all() for (_, a), (_, b) in zip(shapes, again, strict=True))
    numbers = np.array([model.project(level, vertices) for level, vertices in shapes])
    # Size moves the projection a little; at one size no coefficient would pass the limit at all.
    assert np.quantile(np.abs(numbers), 0.9) < LIMIT_SD and 0.5 < numbers[:, 3:].std() < 1.3


def test_topology():
    _, ball = sphere((0, 0, 0), 10.0, rings=6)
    assert topology(ball) == topology(ball[::-1])
    assert (topology(ball).closed, topology(ball).parts, topology(ball).genus) == (True, 1, 0)
    assert not topology(ball[1:]).closed
    flipped = ball.copy()
    flipped[7] = flipped[7, ::-1]
    assert not topology(flipped).closed
    count = 5
    around = np.arange(count * count).reshape(count, count)
    ahead, beside, both = (np.roll(around, shift, axis=(0, 1)) for shift in ((-1, 0), (0, -1), (-1, -1)))
    torus = np.vstack(
        [np.stack([around, ahead, both], -1).reshape(-1, 3), np.stack([around, both, beside], -1).reshape(-1, 3)]
    )
    assert (topology(torus).closed, topology(torus).genus) == (True, 1)
    two = topology(np.vstack([ball, box((0, 0, 0), (1, 1, 1))[1] + ball.max() + 1]))
    assert (two.parts, two.genus, two.closed) == (2, 0, True)


def test_the_model_is_closed_with_one_hole(found: Findings):
    assert (found.topology.closed, found.topology.parts, found.topology.genus) == (True, 1, 1)


def test_what_was_looked_over(found: Findings):
    looked = found.looked
    assert looked.levels.tolist() == list(LEVELS) * 5
    assert (looked.crossing >= 0).all() and (looked.crossing_anywhere[:2] >= looked.crossing[:2]).all()
    assert (looked.crossing_anywhere[2:] == -1).all()
    assert ((looked.width_mm > 2) & (looked.width_mm < 20)).all()
    inside, wide = inside_where_wide(found, 3.05)
    assert 0 < inside <= wide <= 20 and inside_where_wide(found, 30.0) == (0, 0)
    spread = found.spreads["T12"]["pedicle_width"]
    assert spread.mean == pytest.approx(looked.measures["pedicle_width"][1::2].mean())
    assert spread.published is not None and abs(spread.mean - spread.published.mean) < 5.0


def rows(distances: dict[str, float], dice: float = 0.95, genant: int | None = 0) -> tuple[Unseen, ...]:
    return tuple(Unseen(f"p{i}", at, genant, 2, mm, mm, mm, dice) for i, (at, mm) in enumerate(distances.items()))


def test_plain_words(found: Findings):
    good = "\n".join(verdict(replace(found, unseen=rows({"T11": 0.5, "T12": 0.6}))))
    assert "6 vertebrae of 3 people (T11 of 3, T12 of 3)" in good
    assert "Good for: T11 and T12" in good and "Not to be relied on" not in good and "Fractured vertebrae: none" in good
    far = "\n".join(verdict(replace(found, unseen=rows({"T11": 0.5, "T12": 1.3}))))
    assert "Good for: T11 without" in far and "Not to be relied on: T12 (1.30 mm, Dice 0.950)." in far
    thin = "\n".join(verdict(replace(found, unseen=rows({"T11": 0.5, "T12": 0.5}, dice=0.8))))
    assert "Good for: nothing yet" in thin and "T11 (0.50 mm, Dice 0.800); T12" in thin
    broken = "\n".join(verdict(replace(found, unseen=rows({"T11": 0.5}) + rows({"T12": 0.9}, 0.85, genant=2))))
    assert "Fractured vertebrae (Genant 2 or 3): 0.90 mm, Dice 0.85 over 1 of 1 person" in broken
    assert "outside the goals" in broken and "T12 (nobody's to test it on)" in broken


def test_small_words():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert modes_needed(np.array([0.5, 0.94, 0.96])) == 3 and modes_needed(np.array([0.5])) is None
    assert (number(float("nan")), percent(1, 0), percent(1, 8)) == ("–", "–", "12.5\u00a0%")
    assert paragraph("<b>&") == "<p>&lt;b&gt;&amp;</p>" and "<script>" not in table(["<script>"], [["<script>"]])


def test_the_page(atlas: Path, tmp_path: Path, retold: None):
    out = tmp_path / "new" / "report.html"
    states = list(write_report(atlas, out, SAMPLES, seed=4))
    assert [state.done for state in states] == list(range(1, states[0].total + 1))
    assert {state.total for state in states} == {len(states)} and states[-1].stage == "written"
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    page = out.read_text(encoding="utf-8")
    assert "Not for clinical use" in page and "<script" not in page
    assert not re.search(r"https?://|//cdn|url\(|@import|<link", page)
    sources = re.findall(r'<img alt="[^"]+" src="([^"]{0,22})', page)
    assert len(sources) >= 8 and set(sources) == {"data:image/png;base64,"}
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert len(anchors) > 8 and all(f'id="{anchor}"' in page for anchor in anchors)
    assert str(tmp_path) not in page and str(Path.home()) not in page
    for words in ("verse007", "CC BY-SA 4.0", "Mode 4 of", "pedicle width", "10 random shapes", "genus 1"):
        assert words in page, words
    assert "round 0, kept, generalisation mm 1.25; round 1, not kept, generalisation mm 1.27" in page


def test_nothing_is_written_before_the_end(atlas: Path, tmp_path: Path, retold: None):
    out = tmp_path / "report.html"
    out.write_text("the old one", encoding="utf-8")
    states = write_report(atlas, out, SAMPLES)
    next(states)
    states.close()
    assert out.read_text(encoding="utf-8") == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["atlas", "report.html"]


def test_bad_input_is_named(atlas: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"samples.*3.*10 or more"):
        next(write_report(atlas, tmp_path / "report.html", samples=3))
    with pytest.raises(InputError, match=r"a folder.*a file to write"):
        next(write_report(atlas, atlas))
    with pytest.raises(InputError, match="no region's file"):
        next(write_report(tmp_path / "nothing", tmp_path / "report.html"))
    header = json.loads((atlas / "T9-T12.json").read_text(encoding="utf-8"))
    (atlas / "T9-T12.json").write_text(json.dumps({**header, "format": "other"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"T9-T12\.json.*format.*other"):
        next(write_report(atlas, tmp_path / "report.html"))
    assert not (tmp_path / "report.html").exists()
