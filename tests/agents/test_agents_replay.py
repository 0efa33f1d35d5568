"""The replay against a plain one that keeps everything twice; on disk, against damage."""

import errno
import os
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from mwx.agents.replay import Replay
from mwx.errors import MwxError

B, O, A = 3, 4, 2
STORAGES = ("memory", "disk", "device")


def stream(count, seed=0, ends=0.2):
    """Vector steps of environments whose episodes end at random."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(B, O)).astype(np.float32)
    for _ in range(count):
        after = rng.normal(size=(B, O)).astype(np.float32)
        done = rng.random(B) < ends
        yield {"obs": obs, "next_obs": after, "action": rng.normal(size=(B, A)),
               "reward": rng.normal(size=B), "terminated": done & (rng.random(B) < 0.5),
               "done": done, "advice": rng.normal(size=(B, A)), "advised": rng.random(B) < 0.5}
        obs = np.where(done[:, None], rng.normal(size=(B, O)).astype(np.float32), after)


def windows(steps, rows, batch, horizon, rng):
    """What `Replay.sample` must give, by definition, from a list of all steps."""
    first = max(0, len(steps) - rows)
    start = first + rng.integers(0, len(steps) - first - horizon + 1, batch)
    env = rng.integers(0, B, batch)
    found = {name: np.array([[steps[t + k][name][e] for t, e in zip(start, env, strict=True)]
                             for k in range(horizon)], np.float32) for name in steps[0]}
    over = np.cumsum(found.pop("done"), 0)
    found["valid"] = np.concatenate([np.ones((1, batch)), over[:-1] == 0])
    found["obs"] = found["obs"][0]
    return found


def make(tmp_path=None, storage="memory", capacity=20 * B, **kind):
    folder = None if tmp_path is None else tmp_path / "replay"
    return Replay(capacity, B, O, A, storage=storage, folder=folder, **kind)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("count", [6, 21, 130])
def test_batches_are_those_of_a_replay_that_keeps_everything(tmp_path, storage, count):
    replay, steps = make(tmp_path, storage), list(stream(count))
    for step in steps:
        replay.add(**step)
    batch = replay.sample(200, 3, np.random.default_rng(1))
    for name, value in windows(steps, replay.rows, 200, 3, np.random.default_rng(1)).items():
        found = getattr(batch, name)
        assert found.dtype == torch.float32 and found.is_contiguous(), name
        assert np.array_equal(found.numpy(), value), name


def test_episodes_of_one_step_are_kept_too():
    replay, steps = make(), list(stream(200, ends=1.1))
    for step in steps:
        replay.add(**step)
    assert np.array_equal(replay.held()["next_obs"], [s["next_obs"] for s in steps[-20:]])
    assert len(replay.ends.rows) < 2 * replay.slots * B  # places are given back


def test_an_environment_that_jumps_is_believed():
    """Where the next observation is not what the step led to, both are kept, ended or not."""
    replay, steps = make(), list(stream(50))
    for step in steps:
        step["done"] = np.zeros(B, bool)
        replay.add(**step)
    assert np.array_equal(replay.held()["next_obs"], [s["next_obs"] for s in steps[-20:]])


def test_a_million_steps_take_less_than_600_megabytes():
    replay = Replay(1_000_000, 64, 51, 19)  # memory is taken when it is first written to
    worst = replay.steps.nbytes + 0.03 * 1_000_000 * 51 * 4  # episodes of 33 steps
    assert worst < 0.45e9
    assert Replay(1_000_000, 64, 51, 19, advised=False).steps.nbytes < 0.36e9


def test_too_few_steps_are_explained():
    replay = make()
    for step in stream(2):
        replay.add(**step)
    with pytest.raises(MwxError, match="seed_steps"):
        replay.sample(4, 3, np.random.default_rng(0))


def fill(replay, steps):
    for step in steps:
        replay.add(**step)


def checkpoint(replay):
    state = replay.archive.flush(replay)
    replay.archive.keep()
    return state, replay.following.copy(), replay.held()


def same(replay, held):
    return all(np.array_equal(value, held[name]) for name, value in replay.held().items())


@pytest.mark.parametrize("storage", STORAGES)
def test_what_follows_a_checkpoint_does_not_spoil_it_nor_the_one_before(tmp_path, storage):
    replay, steps, made = make(tmp_path, storage), iter(stream(1000)), []
    for pause in np.random.default_rng(0).integers(1, 9, 30):
        for step in steps:
            if replay.full or pause == 0:
                break
            replay.add(**step)
            pause -= 1
        made.append(checkpoint(replay))
    while not replay.full:
        replay.add(**next(steps))
    for n, (state, following, held) in enumerate(made[-2:]):
        shutil.copytree(tmp_path / "replay", tmp_path / str(n) / "replay")
        again = make(tmp_path / str(n), storage)
        again.archive.restore(again, state, following)
        assert same(again, held)


@pytest.mark.parametrize("storage", STORAGES)
def test_it_goes_on_as_if_it_had_never_stopped(tmp_path, storage):
    steps = list(stream(400))
    whole, cut = make(), make(tmp_path, storage)
    fill(whole, steps)
    for n, (first, last) in enumerate(pairwise([0, 4, 5, 90, 91, 200, 400])):
        fill(cut, steps[first:last])
        state, following, _ = checkpoint(cut)
        fill(cut, list(stream(2, seed=n)))  # lost
        cut = make(tmp_path, storage)
        cut.archive.restore(cut, state, following)
    assert same(cut, whole.held())
    one, other = (r.sample(64, 3, np.random.default_rng(3)) for r in (whole, cut))
    assert all(torch.equal(getattr(one, k), getattr(other, k)) for k in vars(one))


@pytest.mark.parametrize("file", ["steps.f32", "ends.f32"])
def test_a_flipped_bit_is_noticed(tmp_path, file):
    replay = make(tmp_path)
    fill(replay, stream(15))
    state, following, _ = checkpoint(replay)
    path = tmp_path / "replay" / file
    data = bytearray(path.read_bytes())
    data[9] ^= 4
    path.write_bytes(data)
    again = make(tmp_path)
    with pytest.raises(MwxError, match="damaged"):
        again.archive.restore(again, state, following)


@pytest.mark.parametrize("file", ["steps.f32", "ends.f32"])
def test_a_cut_file_is_noticed(tmp_path, file):
    replay = make(tmp_path)
    fill(replay, stream(15))
    state, following, _ = checkpoint(replay)
    os.truncate(tmp_path / "replay" / file, 40)
    again = make(tmp_path)
    with pytest.raises(MwxError, match="damaged"):
        again.archive.restore(again, state, following)


def test_another_layout_is_explained(tmp_path):
    replay = make(tmp_path)
    fill(replay, stream(15))
    state, following, _ = checkpoint(replay)
    again = make(tmp_path, capacity=40 * B)
    with pytest.raises(MwxError, match=r"20 rows.*40 rows"):
        again.archive.restore(again, state, following)


def test_a_disk_too_small_is_noticed_before_the_first_step(tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(MwxError, match=r"No space left.*loop\.capacity"):
        make(tmp_path)


def test_a_folder_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "replay").write_text("a file")
    with pytest.raises(MwxError, match="must be writable"):
        make(tmp_path)


def test_a_second_process_is_refused(tmp_path):
    replay = make(tmp_path)
    file = str(tmp_path / "replay" / "steps.f32")
    code = f"from mwx.agents.row_file import RowFile; RowFile({file!r}, 4)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "held by another process" in done.stderr and replay.size == 0
