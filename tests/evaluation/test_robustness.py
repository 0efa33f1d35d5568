"""Trials and disturbances: what a fall is, when pushes come, and that they do what they say."""

import importlib

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import load_policy
from mwx.evaluation.plain_policies import ConstantPolicy, plain_policy
from mwx.evaluation.robustness import (
    CONDITIONS,
    Condition,
    borne,
    pushes,
    robustness,
    try_condition,
)
from mwx.evaluation.trials import Delayed, Trials, altered, fallen, play_trials, trial_env
from mwx.maths import rotations
from mwx.robot import H1
from mwx.sim.tasks import get
from mwx.types import Obs

module = importlib.import_module("mwx.evaluation.robustness")  # not its function of that name


@pytest.fixture(scope="module")
def stand():
    return load_policy("stand")


def falling():
    """No torque to speak of: every servo asked for the middle of its range."""
    return plain_policy("middle", H1, get("stand"))


def test_the_conditions_are_those_of_the_card():
    assert [c.push for c in CONDITIONS if c.push] == [50, 100, 150]
    assert {c.mass for c in CONDITIONS} == {1, 1.1, 0.9} == {c.friction for c in CONDITIONS}
    assert sum(c.late for c in CONDITIONS) == 1 and len({c.name for c in CONDITIONS}) == 8


def test_pushes_last_a_fifth_of_a_second_and_come_from_all_around():
    force = np.stack([pushes(100, 10)(k) for k in range(1500)])  # (T, E, 3)
    on = np.linalg.norm(force, axis=-1)
    assert set(np.unique(on.round(9))) == {0, 100} and (force[..., 2] == 0).all()
    assert (on > 0).sum(0).tolist() == [50] * 10  # five pushes of ten control steps
    assert not on[:250].any() and on[250:260, 0].all() and not on[260:300, 0].any()
    first = np.stack([force[on[:, i] > 0, i][0] for i in range(10)]) / 100
    angles = np.sort(np.arctan2(first[:, 1], first[:, 0]) % (2 * np.pi))
    assert np.diff(angles) == pytest.approx(np.full(9, np.pi / 5))
    own = [np.arctan2(*force[250 + 250 * j, 0, 1::-1]) % (2 * np.pi) for j in range(5)]
    assert np.min(np.diff(np.sort(own))) > 0.5  # one trial's pushes differ in direction


def test_pushes_are_counted():
    # two trials: pushes at 5, 10, ... and at 5.5, 10.5, ... seconds
    def count(*fell_at, seconds=30.0):
        played = Trials(seconds, 0.0, np.array(fell_at), np.zeros(len(fell_at)))
        return tuple(borne(played).values())
    assert count(np.nan, np.nan) == (10, 10, 2)
    assert count(np.nan, 5.9) == (6, 5, 1)  # the second trial's first push
    assert count(np.nan, 12.0) == (7, 6, 2)  # its second one
    assert count(np.nan, 3.0) == (5, 5, 1)  # fell by itself: no push was given
    assert count(10.2, 10.2) == (3, 1, 1)  # a second push, and a first one that felled late
    assert count(np.nan, np.nan, seconds=4.0) == (0, 0, 0)
    assert [sum(pushes(1, 2)(k)[i].any() for k in range(1500)) for i in (0, 1)] == [50, 50]


def test_a_push_gives_the_momentum_that_it_says():
    env, free = (trial_env(falling(), "stand", 2, 1.0) for _ in range(2))
    qpos = np.tile(H1.home_qpos, (2, 1))
    qpos[:, 2] += 5  # in the air nothing else pushes
    for each, newton in ((env, 80.0), (free, 0.0)):
        each.set_robot_state(np.arange(2), qpos, np.zeros((2, 25)))
        for _ in range(10):
            each.physics.apply_wrench(newton * np.eye(3)[:2], np.zeros((2, 3)))
            each.step(np.zeros((2, 19)))
    gained = env.physics.com_velocity - free.physics.com_velocity
    expected = 80 * 0.198 / env.physics.model.body_mass.sum()  # the sensor is 2 ms older
    assert gained == pytest.approx(expected * np.eye(3)[:2], abs=0.01 * expected)


def test_mass_and_friction_are_scaled_and_nothing_else():
    plain, changed = H1.model(), altered(H1, 1.1, 0.9).model()
    assert changed.body_mass == pytest.approx(1.1 * plain.body_mass)
    assert changed.body_inertia == pytest.approx(1.1 * plain.body_inertia)
    assert changed.geom_friction[:, 0] == pytest.approx(0.9 * plain.geom_friction[:, 0])
    assert changed.geom_friction[:, 1:] == pytest.approx(plain.geom_friction[:, 1:])
    assert changed.body_ipos == pytest.approx(plain.body_ipos)
    assert changed.npair == plain.npair == 0
    same = altered(H1).model()
    for name in ("body_mass", "body_inertia", "geom_friction", "actuator_gainprm"):
        assert (getattr(same, name) == getattr(plain, name)).all()


def test_a_contact_feels_the_changed_friction():
    model = altered(H1, friction=0.9).model()
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    data.qpos[2] -= 0.005
    mujoco.mj_forward(model, data)
    normal = H1.model().geom("floor").friction[0]
    assert data.ncon and data.contact.friction[:, 0] == pytest.approx(0.9 * normal)


def test_a_late_action_is_the_one_of_the_step_before():
    class Counting(ConstantPolicy):
        def initial(self, num_envs):
            return 0

        def restart(self, carry, rows):
            return carry

        def __call__(self, obs, carry):
            return np.full((len(obs.proprio), self.act_dim), float(carry)), carry + 1

    late = Delayed(Counting(np.zeros(19)))
    obs = Obs(*np.zeros((4, 2, 51)))
    carry, seen = late.initial(2), []
    for k in range(5):
        if k == 3:
            carry = late.restart(carry, np.array([True, False]))
        action, carry = late(obs, carry)
        seen.append(action[:, 0].tolist())
    assert seen == [[0, 0], [0, 0], [1, 1], [3, 2], [3, 3]]


def test_each_condition_changes_what_it_says(monkeypatch):
    asked, played = [], []
    monkeypatch.setattr(module, "trial_env", lambda *a: asked.append(a[-1]))
    monkeypatch.setattr(module, "play_trials", lambda policy, env, seed, push=None, record=False:
                        played.append((policy, push)))
    acts = falling()
    for condition in (Condition("late", late=True), Condition("push", push=70.0),
                      Condition("other", mass=1.2, friction=0.7)):
        try_condition(acts, "stand", condition, trials=4)
    plain, changed = H1.model(), asked[2](H1).model()
    assert changed.body_mass == pytest.approx(1.2 * plain.body_mass)
    assert changed.geom_friction[:, 0] == pytest.approx(0.7 * plain.geom_friction[:, 0])
    assert asked[0](H1).model().body_mass == pytest.approx(plain.body_mass)
    (late, none), (_, push), (same, no_push) = played
    assert isinstance(late, Delayed) and same is acts and none is None is no_push
    assert np.linalg.norm(push(250)[0]) == pytest.approx(70)


def test_a_fall_is_seen_and_ends_the_trial():
    fell = play_trials(falling(), trial_env(falling(), "stand", 2, 4.0), 1, record=True)
    assert not fell.stood.any() and not fell.succeeded.any() and (fell.fell_at < 3).all()
    for recording, at in zip(fell.recordings, fell.fell_at, strict=True):
        assert len(recording) == round(at / 0.02)
        assert recording.qpos[-1, 2] < 0.6 <= recording.qpos[:-1, 2].min()
    assert fell.to_json()["no_fall"] == 0 and len(fell.to_json()["fell_at_s"]) == 2


@pytest.mark.parametrize(("axis", "angle", "height", "down"), [
    ("y", 1.43, 0.45, False), ("y", 0.0, 0.98, False),  # on all fours; standing, before it kneels
    ("y", -1.43, 0.45, True), ("x", 1.5, 0.45, True),  # on its back; on its side
    ("y", 1.43, 0.1, True),  # flat
])
def test_a_fall_on_all_fours(axis, angle, height, down):
    env = trial_env(falling(), "crawl", 1, 1.0)
    qpos = H1.home_qpos.copy()
    qpos[2], qpos[3:7] = height, rotations.about(axis, np.array(angle))
    env.set_robot_state(np.arange(1), qpos[None], np.zeros((1, 25)))
    assert fallen(env, np.zeros(1, bool)).tolist() == [down]


def test_an_expert_stands_and_is_recorded(stand):
    trials = try_condition(stand, "stand", Condition("undisturbed"), 2, 2.0, record=True)
    assert trials.stood.all() and trials.succeeded.all() and trials.seconds == 2
    assert trials.bar == pytest.approx(800 * 100 / 1000)
    recording = trials.recordings[0]
    assert len(recording) == 100 and recording.wanted is not None and recording.torque is not None
    assert np.abs(recording.qpos[-1, 7:] - recording.wanted[-1]).max() < 0.3


def test_conditions_start_alike_and_are_repeatable(stand):
    one, other, light = (try_condition(stand, "stand", c, 2, 0.4, record=True) for c in (
        Condition("a"), Condition("b"), Condition("mass", mass=0.9)))
    assert (one.task_return == other.task_return).all()
    assert one.recordings[0].qpos[0, 7:] == pytest.approx(light.recordings[0].qpos[0, 7:], abs=0.05)
    assert not np.allclose(one.recordings[0].qpos[-1], light.recordings[0].qpos[-1], atol=1e-6)


def test_figures_of_a_tiny_run(stand):
    figures = robustness(stand, "stand", [CONDITIONS[0], CONDITIONS[-1]], trials=2, seconds=0.4)
    assert set(figures["conditions"]) == {"push 50 N", "action 20 ms late"}
    assert figures["conditions"]["push 50 N"]["no_fall"] == 2 and figures["trials"] == 2


def test_a_push_of_many_newtons_fells(stand):
    hard = Condition("push 1500 N", push=1500)
    figures = robustness(stand, "stand", [hard], trials=2, seconds=8)
    assert figures["conditions"]["push 1500 N"]["no_fall"] == 0


def test_mistakes_are_explained(stand):
    with pytest.raises(MwxError, match="at least one trial"):
        trial_env(stand, "stand", 0)
    with pytest.raises(MwxError, match="did you mean 'stand'"):
        trial_env(stand, "stnd")
    with pytest.raises(MwxError, match="another robot"):
        trial_env(ConstantPolicy(np.zeros(7)), "walk", 1, 1.0)
