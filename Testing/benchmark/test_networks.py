"""What a method's results hang on of trained networks, and what happens where these are missing or other ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from SpineDARTLib.arguments.fit import Similarity as Name
from SpineDARTLib.benchmark.methods import Fitted, fitted, methods_of, started
from SpineDARTLib.benchmark.networks import have_seen, weights_of
from SpineDARTLib.benchmark.nouns import Method, maker
from SpineDARTLib.benchmark.running import run_all
from SpineDARTLib.benchmark.work import Workplace
from SpineDARTLib.config import BenchmarkSettings, DetectorSettings, Settings
from SpineDARTLib.errors import InputError
from SpineDARTLib.similarity.learned.architecture import TINY
from SpineDARTLib.similarity.learned.network import Similarity
from SpineDARTLib.similarity.learned.weights import save_similarity
from Testing.benchmark.fakes import write_cases
from Testing.found import tiny_weights

CLICKS = Settings(renderer="torch", detector=DetectorSettings("off"))
NAMES = get_args(Name)


@pytest.fixture
def trained(tmp_path, monkeypatch) -> Callable[[int], None]:
    """Puts weights of a seed in place of those that are shipped; until then there are none."""
    where = [tmp_path / "nowhere"]
    monkeypatch.setattr("SpineDARTLib.pipeline.shipped_weights", lambda: where[0])

    def put(seed: int) -> None:
        torch.manual_seed(seed)
        network, where[0] = Similarity(TINY), tmp_path / f"weights-{seed}"
        save_similarity(where[0], network, network.state_dict(), {"subjects": [f"person-{seed}"]})

    return put


def makers(case: Path, settings: Settings = CLICKS) -> dict[str, str]:
    """Method to what its result for a case hangs on."""
    methods = methods_of(("all",), NAMES, settings, BenchmarkSettings(), None)
    assert all(isinstance(method, Method) for method in methods)
    return {method.name: maker(method, case) for method in methods}


def test_new_weights_count_for_methods_that_use_them(trained, tmp_path, views):
    (case,) = write_cases(tmp_path, views, 1)
    trained(1)
    first = makers(case)
    assert list(first) == [*NAMES, "start", "2d-geoplan"] and first == makers(case)
    trained(2)
    second = makers(case)
    assert {name for name in first if first[name] != second[name]} == {"learned", "hybrid"}


def test_what_is_tuned_to_weights_counts_for_the_same_methods(trained, tmp_path, views):
    (case,) = write_cases(tmp_path, views, 1)
    trained(1)
    first = makers(case)
    for change in ({"learned_weight": 0.3}, {"confidence_learned": (0.1, 1.0, 0.0, 0.0, 0.0, 0.0)}):
        second = makers(case, replace(CLICKS, fit=replace(CLICKS.fit, **change)))
        assert {name for name in first if first[name] != second[name]} == {"learned", "hybrid"}


def test_a_detector_counts_where_one_looks(trained, tmp_path, views):
    (case,) = write_cases(tmp_path, views, 1)
    trained(1)
    looking = DetectorSettings("auto", str(tmp_path / "detector"))
    without = makers(case, replace(CLICKS, detector=looking))
    tiny_weights(tmp_path / "detector")
    found = makers(case, replace(CLICKS, detector=looking))
    assert {name for name in found if found[name] == without[name]} == {"2d-geoplan"}


def test_what_lacks_weights_is_refused_by_name_and_left_out_of_all(trained, tmp_path, views, caplog):
    (case,) = write_cases(tmp_path, views, 1)
    for name in ("learned", "hybrid"):
        with pytest.raises(InputError, match=r"no weights of a learned similarity; expected .* gradient-ncc instead"):
            methods_of(("ncc", name), NAMES, CLICKS, BenchmarkSettings(), None)
    assert list(makers(case)) == ["gradient-ncc", "ncc", "start", "2d-geoplan"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "learned is left out",
        "hybrid is left out",
    ]


def test_other_weights_than_the_run_began_with_are_refused(trained, tmp_path, views):
    (case,) = write_cases(tmp_path, views, 1)
    trained(1)
    method = fitted("hybrid", CLICKS)
    trained(2)
    (result,) = run_all([case], [method], tmp_path / "out", BenchmarkSettings(), Workplace())
    # No method's failure: there are no rows.
    assert "restart workers" in result.error and not result.rows
    assert started(replace(CLICKS, similarity="hybrid")).weights == weights_of(CLICKS) == ""


def test_people_whom_a_network_has_seen(trained):
    trained(1)
    hybrid = replace(CLICKS, similarity="hybrid")
    assert have_seen(hybrid, ("person-1",)) and not have_seen(hybrid, ("person-2",))
    assert not have_seen(CLICKS, ("person-1",))


def test_what_a_network_said_is_kept(trained, sample, tmp_path):
    trained(1)
    stages = tuple(replace(stage, steps=1, keep=1, splats=200) for stage in CLICKS.fit.stages[1:2])
    method = fitted("hybrid", replace(CLICKS, fit=replace(CLICKS.fit, stages=stages)))
    assert isinstance(method, Fitted) and method.name == "hybrid"
    (result,) = run_all([sample], [method], tmp_path / "out", BenchmarkSettings(), Workplace())
    assert not result.error and len(result.rows) == 3
    assert all(row["learned_mm"] > 0 and row["predicted_mm"] > 0 and "dice_before" in row for row in result.rows)
