"""The whole story, as a user starts it."""

import json

import pytest

from mwx.demo import run_demo
from mwx.evaluation.report_run import report_run


@pytest.mark.slow
def test_the_demo_ends_with_a_report(tmp_path):
    lines: list[str] = []
    page = run_demo(tmp_path / "demo", say=lines.append)
    text = page.read_text()
    assert page.name == "report.html" and "http" not in text.split("</head>")[0]
    scores = json.loads((tmp_path / "demo" / "scores.json").read_text())
    best = max(s["task_return_mean"] for n, s in scores.items() if n != "routed")
    assert scores["routed"]["task_return_mean"] > best
    for part in ("What happened", "Human motion", "Experts", "Guidance", "Router", "Provenance"):
        assert part in text
    assert any("w_v" in line for line in lines)
    assert report_run(tmp_path / "demo", tmp_path / "again.html").is_file()
