"""Begin, resume or refuse a run: one kind a folder, no contradiction, no dead end, no doubles."""

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from mwx import runs
from mwx.errors import MwxError
from mwx.opening import Options, check_collection, check_new, interruptible, open_run
from mwx.runs import Run, read_json, read_metrics, write_json


@dataclass(frozen=True)
class Inner:
    steps: int = 100
    checkpoint_minutes: float = 4.0


@dataclass(frozen=True)
class Middle:
    loop: Inner = field(default_factory=Inner)
    width: int = 32


@dataclass(frozen=True)
class Config:
    task: str = "h1-stand"
    seed: int = 0
    threads: int = 1
    agent: Middle = field(default_factory=Middle)


DEFAULTS = {"recipe": "cpu", "seed": 0, "threads": 1}


def asked(**given):
    return Options({"task": None, "recipe": None, "seed": None, "threads": None,
                    "agent.loop.steps": None, **given}, DEFAULTS)


def begin(path, kept=True, config=None, **given):
    config, run = open_run(path, "agent", config or Config(), options=asked(**given))
    if kept:
        run.log(10, loss=1.0)
        run.save(10, {"x": np.zeros(1)}, {})
    return run


def test_a_run_keeps_its_kind_and_the_options_it_was_begun_with(tmp_path):
    begin(tmp_path / "run", task="h1-stand", seed=0)
    made = read_json(tmp_path / "run" / "provenance.json")
    assert made["kind"] == "agent" and made["seed"] == 0
    assert made["asked"] == {"task": "h1-stand", "recipe": "cpu", "seed": 0}


@pytest.mark.parametrize(("given", "both"), [
    ({"task": "h1-walk"}, "task h1-stand, not h1-walk"), ({"seed": 7}, "seed 0, not 7"),
    ({"recipe": "tiny"}, "recipe cpu, not tiny")])
def test_an_option_that_contradicts_the_run_is_an_error_that_names_both(tmp_path, given, both):
    begin(tmp_path, task="h1-stand")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    with pytest.raises(MwxError, match=both):
        open_run(tmp_path, "agent", Config(), True, asked(**given))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_options_that_are_not_given_are_the_runs_own(tmp_path):
    begun = replace(Config(), seed=3, agent=Middle(width=64))
    begin(tmp_path, config=begun, task="h1-stand", seed=3, recipe="wide")
    kept, run = open_run(tmp_path, "agent", Config(), True, asked(task="h1-stand"))
    assert kept == begun and run.resumable


def test_a_run_goes_on_for_more_steps_and_keeps_them(tmp_path):
    begin(tmp_path)
    config, _ = open_run(tmp_path, "agent", Config(), True,
                         asked(**{"agent.loop.steps": 300, "threads": 2}))
    assert (config.agent.loop.steps, config.threads) == (300, 2)
    again, _ = open_run(tmp_path, "agent", Config(), True, asked())
    assert again == config
    behind, _ = open_run(tmp_path, "agent", Config(), True, asked(**{"agent.loop.steps": 1}))
    assert behind.agent.loop.steps == 10  # made already


def test_a_call_from_python_compares_the_whole_config(tmp_path):
    begin(tmp_path)
    with pytest.raises(MwxError, match=r"agent\.width 32, not 48"):
        open_run(tmp_path, "agent", Config(agent=Middle(width=48)), True)
    more = Config(agent=Middle(loop=Inner(steps=200)))
    assert open_run(tmp_path, "agent", more, True)[0] == more


def old(path, config):
    """A run of a version that kept neither kind nor options."""
    run = Run.create(path, config, 0, tensorboard=False)
    run.save(10, {"x": np.zeros(1)}, {})
    return run


@dataclass(frozen=True)
class Agent(Config):
    obs_dim: int = 51


def test_runs_of_older_versions_resume_and_are_compared_by_their_config(tmp_path):
    old(tmp_path, json.loads(json.dumps({"task": "h1-stand", "obs_dim": 51, "seed": 4})))
    kept, _ = open_run(tmp_path, "agent", Agent(), True, asked(task="h1-stand"))
    assert kept == Agent(seed=4)
    with pytest.raises(MwxError, match="seed 4, not 7"):
        open_run(tmp_path, "agent", Agent(), True, asked(seed=7))
    with pytest.raises(MwxError, match=r"agent\.width 32, not 8"):  # the recipe is not known
        open_run(tmp_path, "agent", Agent(seed=4, agent=Middle(width=8)), True,
                 asked(seed=4, recipe="small"))
    with pytest.raises(MwxError, match="another kind"):
        open_run(tmp_path, "expert", Agent(), True)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_a_folder_holds_one_kind_of_run(tmp_path, kept, resume):
    begin(tmp_path / "run", kept)
    for kind in ("router", "demo", "expert"):
        with pytest.raises(MwxError, match=rf"another kind \(agent, not {kind}\)"):
            open_run(tmp_path / "run", kind, Config(), resume, again=kind == "demo")
    assert read_json(tmp_path / "run" / "provenance.json")["kind"] == "agent"


@pytest.mark.parametrize("name", ["weights.safetensors", "notes.txt", "results.json", "clips"])
@pytest.mark.parametrize("config", [False, True])
def test_a_folder_of_other_files_is_left_alone(tmp_path, name, config):
    if config:  # like a shipped expert: a config, weights, no checkpoints
        write_json(tmp_path / "config.json", {"obs_dim": 3})
    (tmp_path / name).write_text("precious")
    with pytest.raises(MwxError, match=f"other files.*{name}"):
        open_run(tmp_path, "agent", Config())
    assert (tmp_path / name).read_text() == "precious"
    assert (tmp_path / "config.json").exists() == config


def test_a_file_is_no_folder_and_nothing_cannot_be_resumed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MwxError, match="is a file"):
        open_run(tmp_path / "file", "agent", Config())
    with pytest.raises(MwxError, match="no run to resume"):
        open_run(tmp_path / "nowhere", "agent", Config(), True)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("what", ["checkpoint", "teacher", "teacher.safetensors", "card"])
def test_what_is_worth_keeping_is_not_begun_anew(tmp_path, what):
    begin(tmp_path, kept=what == "checkpoint")
    if what == "teacher":
        Run(tmp_path / "teacher").save(5, {"x": np.zeros(1)}, {})
    elif what == "teacher.safetensors":
        (tmp_path / what).touch()
    elif what == "card":
        write_json(tmp_path / "agent" / "card.json", {})
    with pytest.raises(MwxError, match="--resume"):
        open_run(tmp_path, "agent", Config())
    with pytest.raises(MwxError, match="holds a run already"):
        check_new(tmp_path, "agent")


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("stage", ["empty", "provenance", "config", "log", "mixture"])
def test_a_start_that_was_cut_short_is_no_dead_end_and_leaves_no_row(tmp_path, stage, resume):
    """Killed anywhere before the first checkpoint, a run begins anew with or without --resume."""
    path = tmp_path / "run"
    path.mkdir()
    if stage != "empty":
        begin(path, kept=False)
    if stage == "provenance":
        (path / "config.json").unlink()
    if stage in ("log", "mixture"):
        run = Run(path)
        run.log(8, loss=1.0)
        run.close()
        with open(path / "metrics.jsonl", "a") as file:
            file.write('{"step": 16, "lo')
        write_json(path / "weights" / "scores.json", {"score": 1e9})
    if stage == "mixture":
        write_json(path / "mixture" / "provenance.json", {})
    config, run = open_run(path, "agent", Config(seed=0 if resume else 5), resume)
    for step in (8, 16):
        run.log(step, loss=2.0)
    run.close()
    assert [(row["step"], row["loss"]) for row in read_metrics(path / "metrics.jsonl")] == [
        (8, 2.0), (16, 2.0)]
    assert shown(path) == [(8, 2.0), (16, 2.0)]
    assert not (path / "weights").exists(), "the best weights of steps that are made again"
    assert read_json(path / "config.json")["seed"] == config.seed == (0 if resume else 5)
    assert (path / "mixture").exists() == (stage == "mixture" and resume)


def shown(path, name="loss"):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(path / "tensorboard"))
    events.Reload()
    return [(e.step, e.value) for e in events.Scalars(name)]


def test_a_finished_run_of_its_own_kind_is_written_over_only_where_that_is_said(tmp_path):
    run = Run(tmp_path)
    for _ in range(2):
        _, run = open_run(tmp_path, "demo", {"kind": "demo", "seed": 1}, again=True)
        run.log(1, loss=0.5)
        run.close()
        write_json(tmp_path / "router" / "provenance.json", {})
    assert len(run.metrics()) == 1 and read_json(tmp_path / "provenance.json")["seed"] == 1


@pytest.mark.parametrize("there", ["config.json", "results.json", "manifest.jsonl"])
def test_a_collection_of_runs_has_a_folder_of_its_own(tmp_path, there):
    check_collection(tmp_path / "nowhere", "ablation.json")
    (tmp_path / there).write_text("{}")
    with pytest.raises(MwxError, match=there):
        check_collection(tmp_path, "ablation.json")


def test_a_cut_line_hides_no_row_after_it_and_swallows_none(tmp_path):
    run = Run.create(tmp_path, {}, tensorboard=False)
    run.log(1, loss=0.5)
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 2, "lo')
    run.log(3, loss=0.25)
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'\x00\xff\n"no row"\n')
    run.log(4, loss=0.125)
    assert [row["step"] for row in run.metrics()] == [1, 3, 4]
    run.trim_metrics(3)
    assert [json.loads(line)["step"] for line in
            (run.path / "metrics.jsonl").read_text().splitlines()] == [1, 3]


def test_tensorboard_misses_nothing_that_a_kill_kept_from_it(tmp_path):
    run = Run.create(tmp_path / "run", {})
    run.log(1, loss=1.0)
    run.log(2, loss=2.0)
    run.close()
    shutil.rmtree(run.path / "tensorboard")  # as if it had not been flushed
    again = Run(run.path)
    again.trim_metrics(1)
    again.log(2, loss=3.0)
    again.close()
    again.log(3, loss=4.0)  # closed in between, as after a training
    again.close()
    assert shown(run.path) == [(1, 1.0), (2, 3.0), (3, 4.0)]


def test_durations_are_told_by_a_clock_that_is_never_set_back(tmp_path, monkeypatch):
    now, wall = [100.0], [5000.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(runs.time, "time", lambda: wall[0])
    run = Run.create(tmp_path, {}, tensorboard=False)
    now[0], wall[0] = now[0] + 60, wall[0] - 20_000
    run.log(1, loss=1.0)
    now[0] += 5
    assert run.spent_s() == pytest.approx(65)
    now[0], wall[0] = 3.0, wall[0] + 1e6  # another process, another day
    again = Run(tmp_path)
    again.trim_metrics(0)  # time that was lost has been spent all the same
    now[0] += 10
    assert again.spent_s() == pytest.approx(70)
    again.log(1, loss=1.0)
    assert Run(tmp_path).spent_s() == pytest.approx(70)


def test_logs_of_older_versions_tell_the_time_too(tmp_path):
    rows = [{"step": 1, "time": 50.0}, {"step": 2, "time": 70.0}, {"step": 3, "time": 10.0},
            {"step": 4, "time": 12.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert Run(tmp_path).spent_s() == pytest.approx(22, abs=1)


def test_a_teachers_time_counts_once(tmp_path):
    for place, spent in ((tmp_path, 12.0), (tmp_path / "teacher", 10.0)):
        place.mkdir(exist_ok=True)
        (place / "metrics.jsonl").write_text(json.dumps({"step": 1, "time_spent_s": spent}) + "\n")
    assert Run(tmp_path).spent_s() == pytest.approx(12, abs=1)
    (tmp_path / "metrics.jsonl").unlink()
    assert Run(tmp_path).spent_s() == pytest.approx(10, abs=1)


def test_who_is_interrupted_is_told_what_there_is_to_resume(tmp_path):
    def interrupted(run):
        with pytest.raises(KeyboardInterrupt) as told, interruptible(run):
            raise KeyboardInterrupt
        return str(told.value)
    run = begin(tmp_path / "run", kept=False)
    assert "nothing to resume" in interrupted(run) and "--resume" not in interrupted(run)
    Run(run.path / "teacher").save(3072, {"x": np.zeros(1)}, {})
    assert "the teacher's step 3,072" in interrupted(run)
    run.save(64, {"x": np.zeros(1)}, {})
    assert "step 64" in interrupted(run) and "--resume" in interrupted(run)


def test_no_duration_is_measured_by_the_clock_on_the_wall():
    """time.time() is for stamps: rows, names and records of when; a difference of two is wrong."""
    package = Path(runs.__file__).parent
    lines = [f"{p.name}: {line.strip()}" for p in package.rglob("*.py")
             for line in p.read_text().splitlines() if "time.time()" in line]
    assert lines and not [line for line in lines if "round(time.time(), 2)" not in line]
