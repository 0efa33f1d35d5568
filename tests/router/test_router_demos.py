"""Features, demonstrations and the three readings of P_demo."""

import numpy as np
import pytest
from router_toy import ToyEnv, at_corner, corner_library
from scipy.spatial.transform import Rotation

from mwx.errors import MwxError
from mwx.experts import load_library
from mwx.robot import H1
from mwx.router import (
    DESCRIPTIONS,
    Demonstration,
    PriorConfig,
    ScriptStage,
    fit_prior,
    relabel,
    script_for,
    scripted_demonstrations,
)
from mwx.router.demos import agreement, labels_by_action_error
from mwx.router.features import (
    body_features,
    feature_groups,
    features,
    gravity_b,
    heading,
    target_features,
)
from mwx.router.policies import ScriptedSwitch
from mwx.router.scripts import SCRIPTS
from mwx.types import Obs

SCRIPT = (ScriptStage("right", at_corner), ScriptStage("up"))


@pytest.fixture(scope="module")
def demos():
    return scripted_demonstrations(ToyEnv(), corner_library(), SCRIPT, 6, seed=3)


def random_proprio(rng, batch=20):
    proprio = rng.normal(size=(batch, 51))
    proprio[:, 3:7] = Rotation.random(batch, rng=rng).as_quat(scalar_first=True)
    return proprio


def test_features_do_not_depend_on_where_or_which_way():
    """Moving and turning robot, velocities and target together changes the heading alone."""
    rng = np.random.default_rng(0)
    proprio, target = random_proprio(rng), rng.normal(size=(20, 3))
    turned = Rotation.from_euler("z", 0.7)
    shift = np.array([3.0, -2, 0])
    other = proprio.copy()
    other[:, :3] = turned.apply(proprio[:, :3]) + shift
    other[:, 3:7] = (turned * Rotation.from_quat(proprio[:, 3:7], scalar_first=True)).as_quat(
        scalar_first=True)
    other[:, 26:29] = turned.apply(proprio[:, 26:29])
    one, two = body_features(proprio), body_features(other)
    np.testing.assert_allclose(np.delete(one, (1, 2), 1), np.delete(two, (1, 2), 1), atol=1e-12)
    assert np.abs(one[:, 1:3] - two[:, 1:3]).max() > 0.1
    np.testing.assert_allclose(target_features(proprio, target),
                               target_features(other, turned.apply(target) + shift), atol=1e-12)


def test_gravity_and_heading_against_scipy():
    rng = np.random.default_rng(1)
    rotation = Rotation.random(50, rng=rng)
    quat = rotation.as_quat(scalar_first=True)
    expected = rotation.inv().apply([0, 0, -1])
    np.testing.assert_allclose(gravity_b(1.01 * quat), expected, atol=1e-12)
    np.testing.assert_allclose(heading(quat), rotation.as_euler("ZYX")[:, 0], atol=1e-9)


def test_feature_groups_cover_the_features_and_a_missing_target_is_told():
    rng = np.random.default_rng(2)
    target = np.full((3, 3), np.nan)
    obs = Obs(np.zeros((3, 0)), random_proprio(rng, 3), np.ones((3, 7)), target)
    x = features(obs)
    groups = feature_groups(51, 7)
    assert x.shape[1] == groups["task"].stop == sum(g.stop - g.start for g in groups.values())
    assert np.isfinite(x).all() and (x[:, groups["target"]] == 0).all()
    assert (x[:, groups["task"]] == 1).all()
    assert (x[:, groups["right_target"]] == 0).all()
    known = features(Obs(obs.vector, obs.proprio, obs.task, np.zeros((3, 3))))
    assert (known[:, groups["target"].stop - 1] == 1).all()
    right = features(Obs(obs.vector, obs.proprio, obs.task, target, np.zeros((3, 3))))
    assert (right[:, groups["target"]] == 0).all()
    np.testing.assert_array_equal(right[:, groups["right_target"]], known[:, groups["target"]])


def test_demonstrations_are_exact_and_repeatable(demos):
    again = scripted_demonstrations(ToyEnv(), corner_library(), SCRIPT, 6, seed=3)
    for one, other in zip(demos, again, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.actions, corner_library().actions[one.expert])
        assert one.success and one.task_return == pytest.approx(2, abs=0.25)
    assert len({d.proprio[0, 0] for d in demos}) == 6  # every episode starts elsewhere


def test_a_demonstration_survives_its_file(demos, tmp_path):
    demos[0].save(tmp_path / "d.npz")
    again = Demonstration.load(tmp_path / "d.npz")
    for name, value in vars(demos[0]).items():
        np.testing.assert_array_equal(value, getattr(again, name), err_msg=name)


def test_what_cannot_be_written_leaves_what_was_there(demos, tmp_path, monkeypatch):
    path = tmp_path / "d.npz"
    demos[0].save(path)
    whole = path.read_bytes()

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(MwxError, match=r"cannot write .*d\.npz: No space left"):
        demos[1].save(path)
    assert path.read_bytes() == whole and [p.name for p in tmp_path.iterdir()] == ["d.npz"]
    with pytest.raises(MwxError, match="cannot write"):
        demos[0].save(path / "below" / "a" / "file.npz")


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "absent", "other"])
def test_damaged_demonstrations_are_refused(demos, tmp_path, damage):
    path = tmp_path / "d.npz"
    demos[0].save(path)
    whole = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "other":
        np.savez(path, x=np.zeros(3))
    else:
        path.write_bytes({"cut": whole[:len(whole) // 2], "text": b"hello", "empty": b""}[damage])
    with pytest.raises(MwxError, match=r"d\.npz"):
        Demonstration.load(path)


def test_a_demonstration_checks_itself(demos):
    good = vars(demos[0])
    for change in ({"labels": np.ones((60, 1, 3))}, {"labels": np.ones((60, 1, 2)) / 2},
                   {"progress": np.zeros(3)}, {"proprio": np.full((60, 51), np.nan)}):
        with pytest.raises(MwxError):
            Demonstration(**{**good, **change})


def test_labels_by_action_error_agree_with_the_script(demos):
    guessed = relabel(demos[0], corner_library())
    assert agreement(demos[0], guessed) == 1.0
    assert guessed.source == "script corner; labelled by action error"
    assert relabel(guessed, corner_library()).source == guessed.source
    proposals = np.array([[[0.0, 0], [1, 1]]])
    near = labels_by_action_error(np.array([[0.5, 0.5]]), proposals)
    np.testing.assert_allclose(near[0, 0], [0.5, 0.5])
    with pytest.raises(MwxError, match="same trajectory"):
        agreement(demos[0], Demonstration(**{**vars(guessed), "experts": ("a", "b", "c")}))


@pytest.mark.parametrize("kind", ["constant", "progress", "state"])
@pytest.mark.parametrize("groups", [1, 4])
def test_priors_lie_on_the_floored_simplex(demos, kind, groups):
    prior = fit_prior(demos, groups, PriorConfig(kind=kind))
    rng = np.random.default_rng(0)
    x = np.concatenate([features(demos[0].obs), rng.normal(0, 50, (40, 60)).astype(np.float32)])
    p = prior(x, rng.uniform(size=len(x)))
    assert p.shape == (100, groups, 3) and np.allclose(p.sum(-1), 1)
    assert p.min() >= 0.02 / 3 - 1e-9


def test_constant_is_the_usage_and_state_and_progress_follow_the_stage(demos):
    labels = np.concatenate([d.labels[:, 0] for d in demos])
    constant = fit_prior(demos, 1, PriorConfig(kind="constant", floor=0.0, alpha=0.0))
    np.testing.assert_allclose(constant(np.zeros((1, 56)), np.zeros(1))[0, 0], labels.mean(0))
    demo = scripted_demonstrations(ToyEnv(), corner_library(), SCRIPT, 1, seed=99)[0]
    for kind, least in (("state", 0.95), ("progress", 0.85)):
        p = fit_prior(demos, 1, PriorConfig(kind=kind))(features(demo.obs), demo.progress)
        assert (p[:, 0].argmax(-1) == demo.expert).mean() >= least, kind


def test_far_from_every_demonstration_the_state_prior_is_the_usage(demos):
    state = fit_prior(demos, 1, PriorConfig(kind="state"))
    usage = fit_prior(demos, 1, PriorConfig(kind="constant"))
    far = np.full((1, 60), 1e3, np.float32)
    np.testing.assert_allclose(state(far, np.ones(1)), usage(far, np.ones(1)), atol=0.05)


def test_scripts_exist_for_tasks_and_say_what_they_need():
    for task in SCRIPTS:
        assert script_for(task, DESCRIPTIONS)
    with pytest.raises(MwxError, match="needs the experts reach"):
        script_for("door", ("stand", "walk"))
    with pytest.raises(MwxError, match="unknown task with a script 'dor': did you mean 'door'"):
        script_for("dor", DESCRIPTIONS)


ALL = tuple(DESCRIPTIONS)


def test_the_door_script_steps_up_reaches_and_walks_through():
    step, reach, through = script_for("door", ALL)
    assert (step.expert, reach.expert, through.expert) == ("step", "reach", "walk")
    proprio = np.zeros((2, 51))
    proprio[:, :26] = H1.home_qpos
    proprio[1, 0] = 0.5
    target = np.tile([0.7, 0.4, 1.2], (2, 1))
    shut, ajar = np.zeros((2, 7)), np.tile([1.0, 0.1, 0, 0, 0, 0, 0], (2, 1))
    assert step.until and reach.until and through.until is None
    assert list(step.until(Obs(shut, proprio, shut, target))) == [False, True]
    assert not reach.until(Obs(shut, proprio, shut, target)).any()
    assert reach.until(Obs(ajar, proprio, ajar, target)).all()


def test_the_push_script_takes_the_right_hand_to_goals_on_the_left():
    """The left hand pushes after a few steps, the right one after a walk; nobody does both."""
    script = script_for("push", ALL)
    assert [s.expert for s in script] == ["step", "walk", "reach_two_hands", "reach"]
    switch = ScriptedSwitch(load_library(), script)
    right = np.array([[np.nan] * 3, [0.6, -0.1, 1.0]])

    def at(x):
        proprio = np.zeros((2, 51))
        proprio[:, 0] = x
        return Obs(proprio, proprio, proprio[:, :9], np.zeros((2, 3)), right)
    stage, time_s, led = np.zeros(2, int), np.zeros(2), []
    for x in (0.0, 0.05, 0.1, 0.15, 0.25):
        stage, time_s = switch.advance(at(x), stage, time_s)
        led.append([script[i].expert for i in stage])
    assert led == [["step", "walk"], ["step", "walk"], ["step", "reach_two_hands"],
                   ["step", "reach_two_hands"], ["reach", "reach_two_hands"]]


def test_the_package_script_goes_to_a_parcel_ahead_only():
    step, reach = script_for("package", ALL)
    assert (step.expert, reach.expert) == ("step", "reach") and step.until
    proprio = np.zeros((4, 51))
    proprio[:, 3] = 1.0  # facing along x
    parcel = np.array([[1.5, 0.2, 0.35], [0.8, 0.0, 0.35], [0.3, 1.5, 0.35], [-1.5, 0, 0.35]])
    seen = Obs(proprio, proprio, np.zeros((4, 12)), parcel)
    assert list(step.until(seen)) == [False, True, True, True]


def test_without_step_a_script_walks_or_stands():
    few = tuple(name for name in ALL if name != "step")
    assert [s.expert for s in script_for("door", few)] == ["walk", "reach", "walk"]
    walk, *hands = script_for("push", few)
    assert walk.expert == "walk" and walk.until
    assert tuple(hands) == script_for("push", ALL)[2:]
    proprio = np.zeros((2, 51))
    proprio[:, 0] = 0.05  # near enough for the left hand, not for the right one
    right = np.array([[np.nan] * 3, [0.6, -0.1, 1.0]])
    seen = Obs(proprio, proprio, proprio[:, :9], np.zeros((2, 3)), right)
    assert list(walk.until(seen)) == [True, False]
    for task in ("truck", "package"):
        assert [s.expert for s in script_for(task, few)] == ["stand"]


def test_a_stage_ends_by_the_clock():
    library = corner_library()
    names = library.names
    switch = ScriptedSwitch(library, (ScriptStage(names[0], seconds=0.04), ScriptStage(names[1])),
                            act_dim=2)
    env = ToyEnv()
    obs, carry = env.reset(0), switch.initial(env.num_envs)
    seen = []
    for _ in range(4):
        _, carry = switch(obs, carry)
        seen.append(int(carry.stage[0]))
    assert seen == [0, 0, 1, 1]
    fresh = switch.restart(carry, np.ones(env.num_envs, bool))
    assert not fresh.stage_s.any() and not fresh.stage.any()
