"""Run directories: atomic files, two checkpoints, metrics that a kill or a NaN does not spoil."""

import errno
import itertools
import math
import os

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.runs import Run, read_json, read_metrics, write_json, write_text


def create(path, **kind):
    return Run.create(path, {"a": 1}, seed=3, **kind)


def test_a_run_says_how_it_was_made(tmp_path):
    create(tmp_path / "run")
    assert read_json(tmp_path / "run" / "config.json") == {"a": 1}
    made = read_json(tmp_path / "run" / "provenance.json")
    assert made["seed"] == 3 and made["versions"]["mwx"] and made["machine"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    write_text(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MwxError, match="No space left"):
            write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": math.nan})
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(MwxError, match=r"b\.json: not JSON"):
        read_json(tmp_path / "b.json")
    with pytest.raises(MwxError, match="no such file"):
        read_json(tmp_path / "c.json")


def test_the_newest_two_checkpoints_are_kept_and_rests_of_kills_removed(tmp_path):
    run = create(tmp_path / "run")
    assert not run.resumable
    for step in (10, 20, 30):
        (run.path / "checkpoints" / f".{step:09d}.77.tmp").mkdir(parents=True)
        run.save(step, {"x": np.full(3, step), "empty": np.zeros((2, 0), np.float32)}, {"y": step})
    assert run.checkpoints() == [20, 30]
    assert len(list((run.path / "checkpoints").iterdir())) == 2
    step, arrays, state = run.restore()
    assert step == 30 and arrays["x"].tolist() == [30] * 3 and state == {"y": 30}
    assert arrays["empty"].shape == (2, 0)


def test_a_checkpoint_that_is_safe_is_not_written_again(tmp_path):
    run = create(tmp_path / "run")
    run.save(10, {"x": np.zeros(1)}, {})
    run.save(10, {"x": np.ones(1)}, {})
    assert run.restore()[1]["x"] == 0
    (run.path / "checkpoints" / f"{10:09d}" / "arrays.safetensors").write_bytes(b"damaged")
    run.save(10, {"x": np.ones(1)}, {})
    assert run.restore()[1]["x"] == 1


def test_numbers_that_are_not_finite_become_null_and_a_cut_line_is_left_out(tmp_path):
    run = create(tmp_path / "run", tensorboard=False)
    run.log(1, loss=math.nan, reward=1 / 3)
    run.log(2, loss=0.5)
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"step": 3, "lo')
    rows = run.metrics()
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["loss"] is None and rows[0]["reward"] == pytest.approx(1 / 3, rel=1e-5)
    run.trim_metrics(1)
    run.log(2, loss=0.25)
    assert [row.get("loss") for row in run.metrics()] == [None, 0.25]
    assert read_metrics(tmp_path / "nowhere.jsonl") == []


def test_metrics_that_cannot_be_written_are_explained(tmp_path):
    run = create(tmp_path / "run", tensorboard=False)
    (run.path / "metrics.jsonl").mkdir()
    with pytest.raises(MwxError, match=r"metrics\.jsonl: a folder"):
        run.log(1, loss=0.5)


def test_tensorboard_shows_the_same_and_forgets_what_was_lost(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.summary.writer import event_file_writer
    # the writer's own counter, about to reach a name that sorts before the last one's
    monkeypatch.setattr(event_file_writer._global_uid, "get", itertools.count(9).__next__)
    run = create(tmp_path / "run")
    for step in (1, 2, 3):
        run.log(step, loss=float(step))
    run.close()
    again = Run(run.path)  # killed after step 3, goes on from a checkpoint at step 1
    again.trim_metrics(1)
    again.log(2, loss=20.0)
    again.close()
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    shown = [(e.step, e.value) for e in events.Scalars("loss")]
    assert shown == [(1, 1.0), (2, 20.0)] == [(r["step"], r["loss"]) for r in again.metrics()]
