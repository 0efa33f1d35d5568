"""Table IV and Fig. 9: numbers by hand, the paper's beside them, runs that cannot serve."""

import csv
import json

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import evaluate
from mwx.evaluation.adapted import adapted_table, read_adaptation, write_adapted
from mwx.evaluation.policies import load_policy
from mwx.evaluation.published import METHODS_IV, TABLE_IV
from mwx.experts.library import shipped_root
from mwx.router import TABLE_IV_SCHEDULES
from mwx.runs import write_json


def scores(mean, stderr=1.0):
    return {"task_return_mean": mean, "task_return_stderr": stderr, "length_mean": 1000.0}


@pytest.fixture
def run_folder(tmp_path):
    def build(name, task="door", adapted=250.0, seed=0, teacher=600, compare=True):
        path = tmp_path / name
        compared = {"its teacher": scores(240.0), "composite, not adapted": scores(200.0, 2.0),
                    "stand alone": scores(120.0), "walk alone": scores(150.0, 3.0),
                    "uniform mix": scores(20.0)} if compare else {}
        write_json(path / "adapted" / "card.json", {
            "task": f"h1-{task}", "seed": seed, "steps": 100, "teacher_steps": teacher,
            "acts_by": "policy prior", "commit": "abc", "evaluation": {"episodes": 10},
            "scores": scores(adapted, 5.0), "compared": compared})
        for file, steps in ((path / "metrics.jsonl", (50, 100)),
                            (path / "teacher" / "metrics.jsonl", (300, 600) if teacher else ())):
            file.parent.mkdir(exist_ok=True)
            file.write_text("".join(json.dumps({"step": s, "eval/task_return_mean": float(s)})
                                    + "\n" for s in steps))
        return path
    return build


def test_numbers_by_hand(run_folder):
    run = read_adaptation(run_folder("a"))
    assert run.curve is not None and run.teacher is not None
    assert run.curve.values.tolist() == [50, 100] and run.teacher.steps.tolist() == [300, 600]
    ((task, cells),) = adapted_table([run]).rows
    assert task == "door"
    assert cells == ("250.0 ± 5.0", "700", "200.0 ± 2.0", "150.0 ± 3.0 (walk)", "20.0 ± 1.0",
                     "470.0", "285.0 (TD-MPC2)")


def test_runs_of_a_task_are_put_together_and_tasks_in_the_papers_order(run_folder):
    runs = [read_adaptation(run_folder(*a)) for a in
            (("a", "package"), ("b", "door", 240.0, 0), ("c", "door", 260.0, 1), ("d", "maze"))]
    table = adapted_table(runs)
    assert [label for label, _ in table.rows] == ["door", "package", "maze"]
    assert table.rows[0][1][0] == "250.0 ± 10.0 (2 runs)"
    assert table.rows[2][1][-2:] == ("", "")  # the paper has no maze
    assert [r["task"] for r in table.records] == ["door", "door", "package", "maze"]


def test_the_printed_table_is_whole():
    assert set(TABLE_IV) == set(TABLE_IV_SCHEDULES)
    for row in TABLE_IV.values():
        assert tuple(row) == METHODS_IV
        assert max(row.values(), key=lambda cell: cell.mean) == row[METHODS_IV[-1]]


def test_files_are_written(run_folder, tmp_path):
    runs = [read_adaptation(run_folder("a")),
            read_adaptation(run_folder("b", "push", teacher=0))]
    paths = write_adapted(runs, tmp_path / "out")
    assert [p.name for p in paths] == ["table4.md", "table4.csv", "fig9_adaptation.png"]
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    with open(paths[1]) as file:
        rows = list(csv.DictReader(file))
    assert [r["best_single_return"] for r in rows] == ["150.0", "150.0"]
    assert "Table IV, after 2,000,000 steps" in paths[0].read_text()


def test_runs_that_cannot_serve_are_told(run_folder, tmp_path):
    with pytest.raises(MwxError, match="--no-compare"):
        adapted_table([read_adaptation(run_folder("a", compare=False))])
    with pytest.raises(MwxError, match="no such file"):
        read_adaptation(tmp_path / "nothing")
    with pytest.raises(MwxError, match="name runs"):
        write_adapted([], tmp_path)


def test_an_adapted_policy_has_an_alignment_return_too():
    """It is that of the experts that are mixed: at most 1 a step, and here most of that."""
    score = evaluate(load_policy(shipped_root() / "adapted" / "basketball"), "basketball", 2, 3,
                     threads=1)
    share = np.array(score.alignment_return) / np.array(score.length)
    assert (share > 0.2).all() and (share < 1).all()
