"""Exact resume: whatever fails at whatever moment, what was saved goes on bit for bit."""

import errno
import os
import shutil
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch
from point_mass import PointMass
from test_agents_loop import build

from mwx.agents import checkpoint as agents_checkpoint
from mwx.agents.replay import Replay
from mwx.errors import MwxError
from mwx.runs import Run

STEPS = {"steps": 240, "capacity": 80, "seed_steps": 160, "log_every": 80}  # the ring wraps twice
UPDATES = 30  # one schedule of the learning rate, however far a training goes


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A training that nothing happened to: its last checkpoint."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("alone")
    build(path, **STEPS).train()
    return Run(path).restore()


def same(path, alone):
    _, arrays, _ = Run(path).restore()
    return arrays.keys() == alone[1].keys() and all(
        np.array_equal(v, alone[1][k], equal_nan=True) for k, v in arrays.items())


class Crash(BaseException):
    """The end of the process: nobody catches it."""


def crash_at(monkeypatch, count, error=Crash):
    """Let the process end before the count-th call that changes the disk."""
    calls = {"made": 0}

    def failing(real):
        def call(*args, **kwargs):
            calls["made"] += 1
            if calls["made"] == count:
                raise error()
            return real(*args, **kwargs)
        return call

    for place, name in ((os, "pwrite"), (os, "fsync"), (os, "replace"), (shutil, "rmtree")):
        monkeypatch.setattr(place, name, failing(getattr(place, name)))


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_crash_before_any_change_of_the_disk_is_survived(tmp_path, alone, storage):
    """Through the second checkpoint and into the third, one call after the other."""
    for count in range(17, 33, 1 if storage == "memory" else 5):
        path = tmp_path / str(count)
        with pytest.MonkeyPatch.context() as patch:
            crash_at(patch, count)
            with pytest.raises(Crash):
                build(path, storage=storage, checkpoint_minutes=0.0, **STEPS).train()
        assert Run(path).checkpoints()
        again = build(path, storage=storage, **STEPS)
        again.train(resume=again.run.resumable)
        assert same(path, alone), count


def full_disk():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("count", [19, 25])
def test_a_full_disk_is_explained_and_costs_nothing_saved(tmp_path, monkeypatch, alone, count):
    with monkeypatch.context() as patch:
        crash_at(patch, count, full_disk)
        with pytest.raises(MwxError, match=r"No space left"):
            build(tmp_path, checkpoint_minutes=0.0, **STEPS).train()
    assert Run(tmp_path).checkpoints()
    build(tmp_path, **STEPS).train(resume=True)
    assert same(tmp_path, alone)


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of one megabyte, where the system lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_real_full_disk(small_disk, alone):
    path = small_disk / "run"
    first = build(path, **STEPS | {"steps": 176})
    first.learner.total_updates = UPDATES
    first.train()
    kept = Run(path).checkpoints()
    room = os.statvfs(path)
    (path / "other").write_bytes(bytes(room.f_bavail * room.f_bsize - 4096))
    with pytest.raises(MwxError, match="No space left"):
        build(path, **STEPS).train(resume=True)
    assert Run(path).checkpoints() == kept
    (path / "other").unlink()
    build(path, **STEPS).train(resume=True)
    assert same(path, alone)


def test_a_disk_without_room_for_the_replay_is_noticed_at_the_start(small_disk):
    with pytest.raises(MwxError, match=r"No space left.*loop\.capacity"):
        build(small_disk / "run", **STEPS | {"capacity": 200_000})


def test_missing_rights_are_explained(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    loop = build(tmp_path, **STEPS)
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(MwxError, match=r"Permission denied.*writable"):
        Replay(80, 8, 2, 1, folder=loop.run.path / "replay")


def halfway(path):
    """A run with two checkpoints, at 160 and 200 steps."""
    for steps in (160, 200):
        loop = build(path, **STEPS | {"steps": steps})
        loop.learner.total_updates = UPDATES
        loop.train(resume=loop.run.resumable)
    assert Run(path).checkpoints() == [160, 200]


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "sums.json"])
@pytest.mark.parametrize("how", ["cut", "flip", "gone"])
def test_a_damaged_checkpoint_names_the_one_before(tmp_path, name, how):
    for step in (1, 2):
        Run(tmp_path).save(step, {"x": np.arange(100.0) + step}, {"y": [1, 2, 3], "z": 0.5})
    file = tmp_path / "checkpoints" / f"{2:09d}" / name
    data = bytearray(file.read_bytes())
    if how == "gone":
        file.unlink()
    else:
        data[len(data) // 2] ^= 1
        file.write_bytes(data[:-7] if how == "cut" else data)
    with pytest.raises(MwxError, match=rf"damaged.*at step 1: rm -r {file.parent}"):
        Run(tmp_path).restore()
    shutil.rmtree(file.parent)
    step, arrays, state = Run(tmp_path).restore()
    assert (step, arrays["x"][0], state) == (1, 1.0, {"y": [1, 2, 3], "z": 0.5})


def test_the_checkpoint_before_goes_on_to_the_same_end(tmp_path, alone):
    halfway(tmp_path)
    newest = tmp_path / "checkpoints" / f"{200:09d}"
    (newest / "state.json").write_text("{}")
    with pytest.raises(MwxError, match="at step 160"):
        build(tmp_path, **STEPS).train(resume=True)
    shutil.rmtree(newest)
    build(tmp_path, **STEPS).train(resume=True)
    assert same(tmp_path, alone)


def test_a_damaged_replay_is_explained(tmp_path):
    build(tmp_path, **STEPS).train()
    file = tmp_path / "replay" / "steps.f32"
    data = bytearray(file.read_bytes())
    data[::100] = bytes(b ^ 1 for b in data[::100])
    file.write_bytes(data)
    with pytest.raises(MwxError, match=r"steps\.f32 is damaged"):
        build(tmp_path, **STEPS | {"steps": 320}).train(resume=True)


class Wide(PointMass):
    """A point mass that sees one number more."""

    obs_dim = 3

    def _obs(self):
        obs = super()._obs()
        more = np.concatenate([obs.vector, obs.vector[:, :1]], 1)
        return type(obs)(more, obs.proprio, obs.task, obs.target)


@pytest.mark.parametrize(("change", "match"), [
    ({"env": Wide()}, "obs_dim 2 there, 3 here"), ({"capacity": 800}, "capacity 80 there, 800"),
    ({"env": PointMass(4)}, "num_envs 8 there, 4 here")])
def test_a_foreign_checkpoint_says_what_differs(tmp_path, change, match):
    build(tmp_path, **STEPS | {"steps": 160}).train()
    with pytest.raises(MwxError, match=match):
        build(tmp_path, **STEPS | change).train(resume=True)
    build(tmp_path, **STEPS).train(resume=True)  # it still serves what it was made for


def test_a_run_is_not_written_over(tmp_path):
    build(tmp_path, **STEPS | {"steps": 160}).train()
    with pytest.raises(MwxError, match="--resume"):
        build(tmp_path, **STEPS).train()


def test_a_resumed_run_logs_no_step_twice(tmp_path):
    build(Path(tmp_path), **STEPS).train()
    loop = build(tmp_path, **STEPS | {"steps": 400})
    loop.run.log(1_000, lost=1.0)  # after the checkpoint, before the kill
    loop.train(resume=True)
    steps = [row["step"] for row in loop.run.metrics()]
    assert steps == sorted(set(steps)) and steps[-1] == 400


def test_every_part_of_a_loop_is_as_it_was_after_a_restore(tmp_path):
    """Each with values of its own: who is driven, plans, what the watch saw, and the rest."""
    loop = build(tmp_path, **STEPS | {"steps": 176})
    loop.train()
    loop.driven = np.arange(8) % 3 == 0
    loop.plans = torch.randn(loop.plans.shape)
    loop.debt, loop.owed = 0.375, 5
    loop.watch.largest, loop.watch.streaks = 17.5, {"value": 3, "gradient": 41}
    loop.finished = {"return": deque([3.5, -2.5], maxlen=64)}
    loop.returns["return"] += np.arange(8)
    loop.moments.add(np.random.default_rng(0).normal(2, 3, (8, 2)))
    loop.learner.log_entropy, loop.learner.updates = -1.75, 29
    loop.learner.scale.fill_(6.5)
    loop.step = 184
    loop.save()
    other = build(tmp_path, **STEPS, seed=5)
    agents_checkpoint.restore(other)
    assert np.array_equal(other.driven, loop.driven) and torch.equal(other.plans, loop.plans)
    assert (other.step, other.debt, other.owed) == (184, 0.375, 5)
    assert other.watch.get_state() == loop.watch.get_state() and not other.watch.well
    assert other.finished == loop.finished and other.finished["return"].maxlen == 64
    for name, value in loop.returns.items():
        assert np.array_equal(other.returns[name], value)
    for name, value in loop.moments.get_state().items():
        assert np.array_equal(other.moments.get_state()[name], value)
    assert np.array_equal(other.obs.vector, loop.obs.vector)
    assert torch.equal(other.noise.get_state(), loop.noise.get_state())
    assert other.rng.bit_generator.state == loop.rng.bit_generator.state
    ours, theirs = loop.learner.get_state(), other.learner.get_state()
    assert ours[1] == theirs[1] == {"updates": 29, "log_entropy": -1.75}
    assert ours[0].keys() == theirs[0].keys() and float(other.learner.scale) == 6.5
    for name, value in ours[0].items():
        assert np.array_equal(theirs[0][name], value), name
