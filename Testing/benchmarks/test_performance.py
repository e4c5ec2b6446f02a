"""The performance suite, once, with its smallest sizes: what it writes, and what it says of two runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from Testing.benchmarks.performance import __main__ as suite
from Testing.benchmarks.performance.comparing import side_by_side
from Testing.benchmarks.performance.measuring import most_memory_mb
from Testing.benchmarks.performance.plans import worker
from Testing.benchmarks.performance.renderers import roofline

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "quit":
        break
    if asked["do"] == "hello":
        print(json.dumps({"id": asked["id"], "event": "hello"}), flush=True)
        continue
    sum(range(20_000_000 if asked["id"] == "cold" else 1_000_000))
    for event in ("queued", "started", "state", "done" if "case" in asked else "failed"):
        print(json.dumps({"id": asked["id"], "event": event, "message": "no case"}), flush=True)
"""
"""A worker that plans nothing, slowly at first."""


def echo(quick: bool, device: str) -> dict[str, float]:
    return worker(quick, device, (sys.executable, "-c", ECHO))


@pytest.mark.slow
def test_a_quick_run_is_complete_and_compares_with_itself(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(suite, "worker", echo)  # the real one is started in Testing/panel
    threads = torch.get_num_threads()
    try:
        found = suite.Performance(tmp_path / "first", quick=True).run()
    finally:
        torch.set_num_threads(threads)
    written = json.loads((tmp_path / "first" / "performance.json").read_text(encoding="utf-8"))
    assert written["ratios"] == pytest.approx(found["ratios"])
    said = capsys.readouterr().out
    for word in ("splats-torch", "nanodrr", "4 starts", "fit coarse", "second case"):
        assert word in said
    rows = found["beside_others"]["renderers"]
    assert rows["nanodrr"]["correlation"] > 0.9, rows
    assert set(found["growth"]["torch"]) == {"splats", "pixels", "views", "starts", "vertebrae"}
    assert found["stages"]["vertebrae"] == 3 and found["worker"]["warm_s"] < found["worker"]["cold_s"]
    assert side_by_side(written, written).count("\n") == len(found["ratios"])
    slower = json.loads(json.dumps(written))
    slower["ratios"]["a vertebra / yardstick"] *= 1.5
    assert "x 1.50" in side_by_side(written, slower)
    with pytest.raises(ValueError, match="quick: got True and False"):
        side_by_side(written, written | {"quick": False})


def test_memory_is_what_is_held_meanwhile():
    held = most_memory_mb(lambda: torch.ones(20_000_000).sum(), "cpu")
    if held == held:
        assert 60 < held < 200


def test_the_roofline_is_the_slower_of_arithmetic_and_memory():
    row = {"footprint_pixels": 1000, "total_s": 1.0}
    by_memory = roofline(row, {"flop_per_s": 1e12, "bytes_per_s": 40_000.0})
    assert by_memory["reached"] == pytest.approx(1.0)
    by_arithmetic = roofline(row, {"flop_per_s": 27_000.0, "bytes_per_s": 1e12})
    assert by_arithmetic["reached"] == pytest.approx(1.0)
