"""`mwx demos record`, `demos label`, `router train --recorded`, with toy experts on the door."""

from functools import partial

import numpy as np
import pytest
from router_toy import ConstantLibrary

from mwx import cli
from mwx.errors import MwxError
from mwx.motion import Reference
from mwx.robot import H1
from mwx.router import Demonstration, DistillConfig, load_demonstrations, save_demonstrations
from mwx.router.demos import agreement, labelled, restated

NAMES = ("stand", "walk", "reach")
HOME = H1.to_action(H1.commands(H1.home_joints))


def library(names=NAMES) -> ConstantLibrary:
    return ConstantLibrary(names, np.stack([0.9 * HOME + 0.1 * i for i in range(len(names))]))


@pytest.fixture(autouse=True)
def toy_experts(monkeypatch):
    known = {"names": NAMES}
    monkeypatch.setattr("mwx.experts.load_library",
                        lambda root=None, names=None: library(names or known["names"]))
    return known


def mwx(*words) -> int:
    return cli.main([str(word) for word in words])


def record(out, *more) -> int:
    return mwx("demos", "record", "door", "--count", 2, "--steps", 12, "--out", out, *more)


def test_the_script_is_recorded_with_exact_labels_and_printed(tmp_path, capsys):
    assert record(tmp_path / "d") == 0
    text = capsys.readouterr().out
    demos = load_demonstrations(tmp_path / "d")
    assert [p.name for p in sorted((tmp_path / "d").iterdir())] == ["demo-000.npz", "demo-001.npz"]
    for demo in demos:
        assert (demo.task, demo.experts, demo.source) == ("door", NAMES, "script door")
        assert len(demo) == 12 and demo.task_return > 0
        np.testing.assert_allclose(demo.actions, library().actions[demo.expert])
    assert not np.array_equal(demos[0].proprio, demos[1].proprio)
    for demo, line in zip(demos, text.splitlines(), strict=False):
        assert f"walk {demo.shares['walk']:.0%}" in line and "stand" not in line
        assert f"return {demo.task_return:7.1f}  success no     12 steps" in line


def test_seeds_repeat_and_differ(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert record(tmp_path / name, "--seed", seed) == 0
    a, b, c = (load_demonstrations(tmp_path / n)[1].proprio for n in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_nothing_is_overwritten(tmp_path, capsys):
    assert record(tmp_path / "d") == 0
    before = (tmp_path / "d" / "demo-000.npz").read_bytes()
    assert record(tmp_path / "d", "--seed", 5) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert (tmp_path / "d" / "demo-000.npz").read_bytes() == before
    (tmp_path / "file").write_text("")
    assert record(tmp_path / "file") == 2
    for labelled_twice in (0, 2):
        assert mwx("demos", "label", tmp_path / "d", "--by", "rules") == labelled_twice


def test_one_expert_and_the_even_mix(tmp_path):
    assert record(tmp_path / "one", "--by", "reach") == 0
    assert record(tmp_path / "even", "--by", "uniform") == 0
    one, even = (load_demonstrations(tmp_path / n)[0] for n in ("one", "even"))
    assert one.source == "expert reach" and (one.expert == 2).all() and one.led.all()
    np.testing.assert_allclose(even.labels, 1 / 3)
    np.testing.assert_allclose(even.actions, np.tile(library().actions.mean(0), (12, 1)))
    assert not even.led.any() and agreement(even, even) == 0


@pytest.mark.parametrize(("words", "hint"), [
    (["--by", "wakl"], "did you mean 'walk'"),
    (["--by", "missing.npz"], "no such file"),
    (["--count", "0"], "--count: expected a number from 1"),
    (["--steps", "0"], "--steps: expected a number from 1"),
])
def test_mistakes_of_recording_are_explained(tmp_path, capsys, words, hint):
    assert record(tmp_path / "d", *words) == 2
    assert hint in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_a_folder_without_a_router_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert record(tmp_path / "d", "--by", tmp_path / "empty") == 2
    assert "no policy there" in capsys.readouterr().err


def clip(steps=20, speed=1.0) -> Reference:
    qpos = np.tile(H1.home_qpos, (steps, 1))
    qpos[:, 0] = speed * np.arange(steps) / 50
    qvel = np.zeros((steps, 25))
    qvel[:, 0] = speed
    ctrl = np.tile(H1.to_ctrl(library().actions[1]), (steps, 1))
    return Reference("moved", qpos, qvel, ctrl, np.ones((steps, 2), bool))


def test_a_clip_is_played_kinematically_and_labelled_by_action_error(tmp_path, capsys):
    reference = clip()
    reference.save(tmp_path / "clip.npz")
    assert mwx("demos", "record", "door", "--by", tmp_path / "clip.npz", "--count", 2, "--out",
               tmp_path / "d") == 0
    assert capsys.readouterr().out.count("not simulated") == 2
    for demo in load_demonstrations(tmp_path / "d"):
        assert demo.source == "clip moved; labelled by action error"
        np.testing.assert_allclose(demo.proprio[:, :26], reference.qpos, atol=1e-9)
        np.testing.assert_allclose(demo.proprio[:, 26:], reference.qvel, atol=1e-9)
        np.testing.assert_allclose(demo.actions, H1.to_action(reference.ctrl))
        assert (demo.expert == 1).all() and not demo.success and demo.task_return == 0
        assert (np.diff(demo.progress) >= 0).all()  # the door's own progress, not the clock's


def test_a_clip_needs_the_h1(tmp_path, capsys):
    clip().save(tmp_path / "clip.npz")
    assert mwx("demos", "record", "h1hand-door", "--by", tmp_path / "clip.npz", "--out",
               tmp_path / "d") == 2
    assert "name the task as h1-door" in capsys.readouterr().err


def test_labelling_writes_a_new_folder_and_says_who(tmp_path, capsys):
    assert record(tmp_path / "d", "--by", "reach") == 0
    assert mwx("demos", "label", tmp_path / "d", "--by", "action") == 0
    text = capsys.readouterr().out
    assert "at 100% of 12 steps" in text and "100.0% of all steps" in text
    own, fresh = (load_demonstrations(tmp_path / n) for n in ("d", "d-action"))
    for one, other in zip(own, fresh, strict=True):
        assert one.source == "expert reach"
        assert other.source == "expert reach; labelled by action error"
        np.testing.assert_array_equal(one.actions, other.actions)


def test_agreement_is_the_share_of_steps(tmp_path, capsys):
    """A labelling that is wrong at 3 of 12 steps agrees at 75 %."""
    assert record(tmp_path / "d", "--by", "reach") == 0
    wrong = []
    for demo in load_demonstrations(tmp_path / "d"):
        labels = demo.labels.copy()
        labels[:3] = [1, 0, 0]
        wrong.append(labelled(demo, demo.experts, labels, "hand"))
    save_demonstrations(wrong, tmp_path / "w")
    assert mwx("demos", "label", tmp_path / "w", "--by", "action", "--out", tmp_path / "x") == 0
    assert "75.0% of all steps" in capsys.readouterr().out
    assert mwx("demos", "label", tmp_path / "w") == 0
    text = capsys.readouterr().out
    rows = [line.split() for line in text.splitlines() if line.startswith(("file ", "action "))]
    assert rows[0][:3] == ["file", "100.0%", "75.0%"] and rows[1][:3] == ["action", "75.0%",
                                                                         "100.0%"]
    assert "reach at every step would agree with the file's labels at 75.0%" in text
    assert mwx("demos", "label", tmp_path / "w", "--out", tmp_path / "y") == 2
    assert not (tmp_path / "y").exists()


def test_other_experts_can_be_labelled_again(tmp_path, toy_experts, capsys):
    assert record(tmp_path / "d", "--by", "reach") == 0
    toy_experts["names"] = ("walk", "reach")
    assert mwx("router", "train", "door", "--recorded", tmp_path / "d", "--out",
               tmp_path / "r") == 2
    assert "mwx demos label FOLDER --by action" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
    assert mwx("demos", "label", tmp_path / "d", "--by", "rules", "--out", tmp_path / "e") == 0
    assert load_demonstrations(tmp_path / "e")[0].experts == ("walk", "reach")


def test_labels_are_restated_by_name():
    demo = synthetic(labels=np.array([[[0.5, 0.5, 0]], [[1.0, 0, 0]]]))
    other = restated(demo, ("reach", "walk"))
    np.testing.assert_allclose(other.labels, [[[0, 1]], [[0.5, 0.5]]])
    assert list(other.led) == [True, False] and restated(demo, NAMES) is demo


def synthetic(labels, task="door") -> Demonstration:
    steps = len(labels)
    proprio = np.tile(np.concatenate([H1.home_qpos, np.zeros(25)]), (steps, 1))
    return Demonstration(task, NAMES, proprio, np.zeros((steps, 7)), np.full((steps, 3), np.nan),
                         np.full((steps, 3), np.nan), np.zeros(steps), labels,
                         np.zeros((steps, 19)), False, "made up")


@pytest.mark.parametrize(("change", "hint"), [
    ({"task": "push"}, "belongs to the task 'push', not to 'door'"),
    ({"task_state": np.zeros((2, 9))}, "recorded on another robot"),
    ({"proprio": np.zeros((2, 151))}, "recorded on another robot"),
    (None, "no such folder"),
])
def test_recordings_that_do_not_fit_are_refused(tmp_path, capsys, change, hint):
    if change is not None:
        good = vars(synthetic(np.full((2, 1, 3), 1 / 3)))
        save_demonstrations([Demonstration(**{**good, **change})], tmp_path / "d")
    assert mwx("router", "train", "door", "--recorded", tmp_path / "d", "--out",
               tmp_path / "r") == 2
    assert hint in capsys.readouterr().err


def test_a_router_learns_from_a_recording_and_is_recorded_itself(tmp_path, monkeypatch, capsys):
    quick = partial(DistillConfig, rounds=1, updates=3, rollout_steps=0, resets=1, num_envs=2)
    monkeypatch.setattr("mwx.router.DistillConfig", quick)
    monkeypatch.setattr("mwx.evaluation.policies.load_library",
                        lambda root=None, names=None: library(names or NAMES))
    assert record(tmp_path / "d", "--by", "reach") == 0
    assert mwx("router", "train", "door", "--recorded", tmp_path / "d", "--out",
               tmp_path / "run") == 0
    told = (tmp_path / "run" / "router" / "provenance.json").read_text()
    assert told.count("expert reach") == 2 and "script" not in told
    assert record(tmp_path / "e", "--by", tmp_path / "run") == 0
    demo = load_demonstrations(tmp_path / "e")[0]
    assert demo.source == "router run" and demo.experts == NAMES
    mixed = np.einsum("tk,ka->ta", demo.labels[:, 0], library().actions)
    np.testing.assert_allclose(demo.actions, mixed, atol=1e-6)
    assert "router run" in capsys.readouterr().out


def test_damage_in_a_folder_names_the_file(tmp_path):
    assert record(tmp_path / "d") == 0
    (tmp_path / "d" / "demo-001.npz").write_bytes(b"no")
    with pytest.raises(MwxError, match=r"demo-001\.npz"):
        load_demonstrations(tmp_path / "d")
