"""Rounds of correspondence: when a region stops, and what is kept of an unfinished build."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from SpineDARTLib.atlas import rounds
from SpineDARTLib.atlas.annotate import Annotations
from SpineDARTLib.atlas.correspondence import Expected, Store, Vertebra, key_of
from SpineDARTLib.atlas.files import Region
from SpineDARTLib.atlas.learn import Samples
from SpineDARTLib.atlas.mesh import Template
from SpineDARTLib.atlas.register import Drift, Registered, Target
from SpineDARTLib.atlas.rounds import Settings
from SpineDARTLib.atlas.workers import Workers


def test_another_input_seed_or_template_is_another_name():
    points = np.arange(12.0).reshape(4, 3)
    names = {
        key_of(points, Settings(rounds=1)),
        key_of(points + 1e-9, Settings(rounds=1)),
        key_of(points.reshape(3, 4), Settings(rounds=1)),
        key_of(points),
    }
    names |= {key_of(points, Settings(drift=Drift(seed=1))), key_of(points, Settings())}
    assert len(names) == 6
    assert key_of(points.copy(), Settings()) in names


def test_a_broken_file_in_the_store_counts_as_none(tmp_path: Path):
    store = Store(tmp_path / "store")
    assert store.read("a") is None
    shape = Registered(np.ones((4, 3)), np.array([True, True, False, True]), np.zeros(4))
    store.write("a", shape)
    found = store.read("a")
    assert found is not None and (found.known == shape.known).all() and found.vertices.dtype == np.float64
    (tmp_path / "store" / "a.npz").write_bytes(b"PK\x03\x04 half of it")
    assert store.read("a") is None
    store.remove()
    assert not (tmp_path / "store").exists()


ERRORS_MM = {"L1-L5": (4.0, 2.0, 2.5), "T9-T12": (4.0, 3.0, 2.0, 1.5, 1.49)}
"""Of the rounds: lumbar errors fall by half and then rise, thoracic ones fall on and on; nobody can judge T2."""
REGION_OF = {"L2": "L1-L5", "T9": "T9-T12", "T2": "T1-T4"}


class Pretended(Workers):
    """Does the tasks at once: a shape's coordinates count how often it has been matched again."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def map(self, function, tasks):
        return (self.expected(*task) if function is rounds.expect else self.matched(*task) for task in tasks)

    def expected(self, region: Region, without: tuple[str, ...], those: list[Vertebra], before: list[Registered]):
        assert without == ((those[0].subject,) if region.name in ERRORS_MM else ())
        turn = self.asked.count((region.name, without))
        self.asked.append((region.name, without))
        error = ERRORS_MM[region.name][turn] if without else 9.0
        return tuple(Expected(one.vertices, error) for one in before)

    @staticmethod
    def matched(_template: Template, _one: Vertebra, start: object, *_others: object) -> Registered:
        times = start[0, 0] + 1 if isinstance(start, np.ndarray) else 0.0
        return Registered(np.full((4, 3), times), np.ones(4, dtype=bool), np.zeros(4))


def test_a_region_stops_by_itself_when_a_round_does_not_help(tmp_path: Path):
    target = Target(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((0, 4)))
    who = (("anna", "L2"), ("anna", "T9"), ("anna", "T2"), ("ben", "L2"), ("ben", "T9"))
    vertebrae = [Vertebra(subject, level, "", 1, None, target) for subject, level in who]
    shapes, known = np.zeros((1, 4, 3)), np.ones((1, 4), dtype=bool)
    samples = Samples(shapes, known, ("anna",), ("L2",), np.ones(1), np.ones(1), np.full(1, -1))
    template = Template(np.zeros((4, 3)), np.zeros((1, 3), dtype=int), np.arange(4))
    nothing = Annotations({}, {}, {}, {})
    header = {"samples": [{"level": level, "distance_mm": 0.1} for level in REGION_OF]}
    regions = [Region(name, (level,), template, samples, nothing, header) for level, name in REGION_OF.items()]
    settings = Settings(rounds=6)
    steps = rounds.settle(Pretended(), Store(tmp_path), "key", template, vertebrae, lambda _: regions, settings)
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
    settled, came = end.value.value
    # How often each was matched again: lumbar twice, of which one helped; thoracic four times; T2 as long as any.
    assert [shape.vertices[0, 0] for shape in settled] == [1, 4, 4, 1, 4]
    assert [one.dropped for one in came] == [frozenset(), frozenset(), {"L1-L5"}, frozenset(), frozenset()]
    assert [set(one.errors_mm) for one in came][3:] == [{"T9-T12", "T1-T4"}] * 2
    assert came[0].of_region("T1-T4")["generalisation_mm"] is None
    assert came[2].of_region("L1-L5") == {"round": 2, "generalisation_mm": 2.5, "surface_mm": 0.1, "used": False}
