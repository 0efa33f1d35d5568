"""A page about a run directory, made from what the run wrote."""

from pathlib import Path

import pytest

from mwx.errors import MwxError
from mwx.evaluation.report_run import report_run
from mwx.runs import Run, write_json


def test_a_run_becomes_a_page(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "walk-cpu-0", {"rate": 1e-3}, seed=3, tensorboard=False)
    for step in range(0, 5000, 500):
        run.log(step, **{"train/task_return": step / 10, "eval/task_return_mean": step / 9,
                         "eval/task_return_std": 1.0, "loss/value": float("nan")})
    write_json(run.path / "card.json", {"skill": "walk", "scores": {"task_return_mean": 745.5,
                                                                    "task_return_std": 4.0}})
    page = report_run(run.path, tmp_path / "page.html").read_text()
    for part in ("Learning curves", "745.5 ± 4.0", "walk-cpu-0", "Configuration", "Provenance"):
        assert part in page


def test_a_router_run_shows_its_losses(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "router", {}, tensorboard=False)
    for step in range(3):
        run.log(step, loss=1.0, loss_task=0.5, loss_demo=0.5, guidance_weight=0.9**step)
    assert "Distillation" in report_run(run.path, tmp_path / "page.html").read_text()


def test_a_run_that_has_logged_nothing_yet(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "new", {}, tensorboard=False)
    assert "Provenance" in report_run(run.path, tmp_path / "page.html").read_text()


def test_another_folder_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MwxError, match="not a run directory"):
        report_run(tmp_path / "empty", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
