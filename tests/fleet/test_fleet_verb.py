"""The verb: plans, mistakes, what is shown, exit codes."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mwx import cli
from mwx.fleet import Fleet, jobs, plan
from mwx.fleet.progress import Follower
from mwx.fleet.table import COLUMNS, draw
from mwx.runs import read_json

HERE = Path(__file__).parent


def test_a_plan_is_every_skill_with_every_seed(tmp_path):
    made = plan(["walk", "stand"], "tiny", [0, 3], tmp_path, cpus=2.5)
    assert [job.name for job in made] == ["walk-tiny-0", "stand-tiny-0", "walk-tiny-3",
                                          "stand-tiny-3"]
    words = made[2].command(resume=True)
    assert words[1:] == ["-m", "mwx.fleet.leash", "expert", "train", "walk", "--recipe", "tiny",
                         "--seed", "3", "--threads", "2", "--out", str(tmp_path / "walk-tiny-3"),
                         "--resume"]
    from mwx import recipes
    assert {job.skill for job in plan([], "cpu", [0], tmp_path)} == set(recipes.SKILLS)


@pytest.mark.parametrize(("words", "hint"), [
    (["wlak"], "did you mean 'walk'?"),
    (["walk", "--recipe", "papre"], "did you mean 'paper'?"),
    (["walk", "--engine", "rai"], "did you mean 'ray'?"),
    (["walk", "--seeds", "-1"], "from 0 to"),
    (["walk", "--cpus-per-job", "0"], "above 0"),
    (["walk", "--gpus-per-job", "1.5"], "a share of one GPU"),
    (["walk", "--cpus-per-job", "9", "--cpus", "2"], "more than the 2"),
    (["walk", "--retries", "-1"], "from 0 to"),
])
def test_mistakes_are_explained(words, hint, tmp_path, capsys):
    assert cli.main(["fleet", *words, "--out", str(tmp_path)]) == 2
    text = capsys.readouterr().err
    assert hint in text and "Traceback" not in text


@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_names_its_command(engine, module, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["fleet", "walk", "--engine", engine, "--out", str(tmp_path)]) == 2
    assert 'pip install "mwx[cluster]"' in capsys.readouterr().err


def test_the_verb_runs_reports_and_goes_on(tmp_path, monkeypatch, capsys):
    def planned(skills, recipe, seeds, out, **resources):
        program = (sys.executable, str(HERE / "standin.py"))
        return [replace(job, program=program, recipe="bad" if job.seed == 1 else "good")
                for job in plan(skills, recipe, seeds, out, **resources)]
    monkeypatch.setattr(jobs, "plan", planned)
    words = ["fleet", "stand", "--recipe", "tiny", "--seeds", "0", "1", "--retries", "0", "--out",
             str(tmp_path)]
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == f"results: {tmp_path / 'results.json'}\n"
    assert "stand-tiny-0: finished · best return 12.5" in captured.err
    assert "1 of 2 jobs failed" in captured.err and "it cannot be done" in captured.err
    assert cli.main(["fleet", "stand", "--recipe", "tiny", "--out", str(tmp_path)]) == 0
    assert len(read_json(tmp_path / "results.json")["jobs"]) == 2

    def interrupt(self, engine):
        raise KeyboardInterrupt
    monkeypatch.setattr(Fleet, "_work", interrupt)
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--seeds", "2"])
    assert stop.value.code == 130 and "the same command goes on" in capsys.readouterr().err


def test_the_table_has_a_row_for_every_job(standins, tmp_path):
    from rich.console import Console
    fleet = Fleet(standins("good", "bad"), tmp_path)
    path = fleet.states[0].job.path
    path.mkdir()
    (path / "config.json").write_text('{"agent": {"loop": {"steps": 9000}}, "teacher": '
                                      '{"steps": 500}}')
    (path / "metrics.jsonl").write_text('{"step": 3000, "steps_per_s": 50.0}\n'
                                        '{"step": 3000, "eval/task_return_mean": 812.4}\n{"st')
    fleet.states[0].status = "running"
    fleet.states[0].look()
    screen = io.StringIO()
    Console(file=screen, width=120).print(draw(fleet.states))
    lines = screen.getvalue().splitlines()
    assert all(name in lines[1] for name in COLUMNS)
    assert "3,000/9,000" in lines[3] and "2 min" in lines[3] and "812.4" in lines[3]
    assert "1 running, 1 waiting" in screen.getvalue()


def test_metrics_are_followed_as_they_grow_and_shrink(tmp_path):
    follower = Follower(tmp_path)
    assert follower.look().step == 0
    (tmp_path / "config.json").write_text('{"agent": {"loop": {"steps": 90}}, "teacher": '
                                          '{"steps": 500}}')
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 100, "teacher/reward": 1.0}\n{"step": 20, "steps_per_s": 5')
    at = follower.look()
    assert at.teaching and (at.step, at.total) == (100, 500)
    with open(file, "a") as stream:
        stream.write('.5}\n')
    at = follower.look()
    assert not at.teaching and (at.step, at.total, at.steps_per_s) == (20, 90, 5.5)
    file.write_text('{"step": 10}\n')
    assert follower.look().step == 10
