"""A plan and its report by one command."""

from __future__ import annotations

from SpineDARTLib import review_commands
from SpineDARTLib.__main__ import main
from SpineDARTLib.pipeline import load_models
from Testing.posed import poses_for_fits


def test_a_plan_brings_its_report_where_one_is_named(sample, tmp_path, capsys, monkeypatch):
    poses_for_fits(monkeypatch, sample, load_models())
    monkeypatch.setattr("SpineDARTLib.detector_in_use.shipped_weights", lambda: tmp_path / "nowhere")
    monkeypatch.setattr(review_commands, "grading", lambda plans: {})
    out, page = tmp_path / "plan", tmp_path / "plan" / "report.html"
    asked = ["plan", str(sample), "--out", str(out), "--levels", "L3"]
    assert main([*asked, "--report", str(page)]) == 0
    assert f"Written to {page}: 1 vertebrae on 2 pages" in capsys.readouterr().out.replace("\n", " ")
    text = page.read_text(encoding="utf-8")
    assert "L3" in text and text.count("data:image/jpeg") == 2
    before = (out / "plan.json").stat().st_mtime_ns
    assert main([*asked, "--report", str(tmp_path / "nowhere" / "report.html")]) == 2
    assert "--report" in capsys.readouterr().err and (out / "plan.json").stat().st_mtime_ns == before
