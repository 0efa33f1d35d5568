"""A page about a run directory, made from what the run wrote."""

from pathlib import Path

import pytest

from mwx.errors import MwxError
from mwx.evaluation.report_run import report_run
from mwx.runs import Run, write_json

CARD = {"skill": "walk", "task": "walk", "command": "mwx expert train walk", "commit": "abc",
        "seed": 3, "steps": 5000, "wall_time_s": 60, "versions": {"mwx": "0.1.0"},
        "scores": {"task_return_mean": 745.5, "task_return_std": 4.0, "task_return_stderr": 1.3,
                   "alignment_return_mean": 640.0, "alignment_return_std": 2.0,
                   "alignment_return_stderr": 0.6, "length_mean": 1000.0, "episodes": 10.0,
                   "success_rate": 1.0}}


def expert_run(path: Path) -> Run:
    run = Run.create(path, {"skill": "walk", "task": "walk"}, seed=3, tensorboard=False)
    for step in range(0, 5000, 500):
        run.log(step, **{"train/task_return": step / 10, "eval/task_return_mean": step / 9,
                         "eval/task_return_std": 1.0, "loss/value": float("nan")})
    write_json(run.path / "card.json", CARD)
    return run


def test_an_experts_run_becomes_a_page(tmp_path: Path) -> None:
    run = expert_run(tmp_path / "walk-cpu-0")
    page = report_run(run.path, tmp_path / "page.html").read_text()
    for part in ("Expert: walk", "745.5", "Provenance", "<svg"):
        assert part in page


def test_a_finished_expert_has_its_provenance_on_the_card(tmp_path: Path) -> None:
    run = expert_run(tmp_path / "walk")
    (run.path / "provenance.json").unlink()
    page = report_run(run.path, tmp_path / "page.html").read_text()
    assert "mwx expert train walk" in page and "mwx 0.1.0" in page


def test_a_router_run_shows_its_losses(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "router-door-0", {"kind": "router"}, tensorboard=False)
    for step in range(3):
        run.log(step, loss=1.0, loss_task=0.5, loss_demo=0.5, guidance_weight=0.9**step)
    assert "L_demo (11)" in report_run(run.path, tmp_path / "page.html").read_text()


def test_another_folder_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MwxError, match="not a run directory"):
        report_run(tmp_path / "empty", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
