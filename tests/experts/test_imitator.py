"""The imitator's measures, regulator and judge against closed forms and dolls."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg

from mwx.errors import MwxError
from mwx.experts.imitator import features, metrics, regulator, scene
from mwx.experts.imitator.bank import Bank, Clip, prepare
from mwx.experts.imitator.config import ImitatorConfig, JudgeConfig
from mwx.experts.imitator.judge import attempt, judge, verdict
from mwx.experts.imitator.policy import Imitator
from mwx.experts.imitator.regulator import RegulatorConfig
from mwx.maths import rotations
from mwx.motion import generate
from mwx.robot import H1

ALONE = Imitator(ImitatorConfig())
QUICK = RegulatorConfig(rounds=1, strides=2)
SHORT = JudgeConfig(starts=3, seconds=1.0)


@pytest.fixture(scope="module")
def standing() -> Clip:
    stand = generate("stand")
    few = {n: getattr(stand, n)[:8] for n in ("qpos", "qvel", "ctrl", "contact")}
    return prepare("stand", dataclasses.replace(stand, **few), QUICK)


@pytest.fixture(scope="module")
def walking() -> Clip:
    walk = generate("walk")
    return prepare("walk", walk)


def moving(acceleration: float, speed: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(100)[:, None, None] / 50
    wanted = np.zeros((100, 4, 3))
    off = offset + speed * time + acceleration * time ** 2 / 2
    return wanted + off * np.array([1.0, 0, 0]), wanted


def test_errors_are_the_closed_forms_in_the_papers_units() -> None:
    still = metrics.errors(*moving(0, 0, 0.1), fps=50)
    assert np.allclose([still.global_mpjpe, still.mpjpe, still.velocity, still.acceleration],
                       [100, 0, 0, 0])
    assert metrics.errors(*moving(0, 0.6, 0), fps=50).velocity == pytest.approx(600 / 30)
    assert metrics.errors(*moving(1.8, 0, 0), fps=50).acceleration == pytest.approx(1800 / 900)
    actual, wanted = moving(0, 0, 0)
    actual[:, 1:] += [0, 0, 0.04]  # all but the pelvis
    assert metrics.errors(actual, wanted, 50).mpjpe == pytest.approx(30)


def test_success_is_never_above_half_a_metre() -> None:
    for worst, success in ((0.499, True), (0.501, False)):
        actual, wanted = moving(0, 0, 0)
        actual[40] += [0, worst, 0]
        assert metrics.errors(actual, wanted, 50).success is success


def test_points_follow_the_base() -> None:
    qpos = np.tile(H1.home_qpos, (2, 1))
    qpos[1, :3] += [0.3, -0.2, 0.1]
    first, second = metrics.points(qpos)
    assert len(first) == len(metrics.point_names()) == 23
    assert np.allclose(second - first, [0.3, -0.2, 0.1])
    assert first[list(metrics.point_names()).index("head"), 2] == pytest.approx(1.68, abs=0.02)


def test_a_robot_is_lost_by_distance_height_and_tilt_relative_to_its_reference() -> None:
    wanted = np.tile(H1.home_qpos, (6, 1))
    actual, distance = wanted.copy(), np.array([0, 0.51, 0, 0, 0, np.nan])
    actual[2, 2] -= 0.31
    actual[3, 3:7] = rotations.about("y", np.array(np.arcsin(0.7) + 0.02))
    actual[4, 3:7] = rotations.about("x", np.array(np.arcsin(0.7) - 0.02))
    assert features.lost(actual, wanted, distance).tolist() == \
        [False, True, True, True, False, True]
    sitting = wanted.copy()
    sitting[:, 2] -= 0.6
    sitting[:, 3:7] = rotations.about("y", np.full(6, 1.3))
    assert not features.lost(sitting, sitting, np.zeros(6)).any()


def test_the_recursion_ends_at_the_algebraic_riccati_equation() -> None:
    rng, frames = np.random.default_rng(0), 40
    a = np.eye(50) + 0.05 * rng.normal(size=(50, 50))
    b = rng.normal(size=(50, 19))
    walk = generate("walk")
    some = np.arange(frames) % walk.num_frames
    reference = dataclasses.replace(walk, **{n: getattr(walk, n)[some] for n in
                                             ("qpos", "qvel", "ctrl", "contact")},
                                    advance=np.zeros(3))
    reference = dataclasses.replace(reference, qpos=reference.qpos[:1].repeat(frames, 0),
                                    qvel=reference.qvel[:1].repeat(frames, 0))
    config = RegulatorConfig()
    path = regulator._Path(regulator.feed_forward(reference), 0.0,
                           reference.qpos[[*range(frames), 0]],
                           reference.qvel[[*range(frames), 0]], reference.ctrl,
                           np.zeros((frames, 25)), 0.0)
    feed, gain = regulator._riccati(np.tile(a, (frames, 1, 1)), np.tile(b, (frames, 1, 1)),
                                    np.zeros((frames, 50)), path, reference, config)
    cost, effort = np.diag(regulator._state_cost(config)), np.diag(config.effort * H1.kp ** 2)
    value = scipy.linalg.solve_discrete_are(a, b, cost, effort)
    expected = np.linalg.solve(effort + b.T @ value @ b, b.T @ value @ a)
    assert np.allclose(gain[0], expected, atol=1e-6 * np.abs(expected).max())
    assert np.allclose(feed, 0, atol=1e-9)


def test_a_loops_regulator_walks_on_with_the_loop(walking: Clip) -> None:
    rng, walk = np.random.default_rng(1), walking.reference
    track = dataclasses.replace(walking.track, gain=rng.normal(size=walking.track.gain.shape))
    qpos, qvel = walk.qpos[:5] + 0.01, walk.qvel[:5] + 0.1
    frame = np.arange(5)
    later = qpos.copy()
    later[:, :3] += 2 * walk.advance
    near = track.command(frame, qpos, qvel)
    assert np.allclose(near, track.command(frame + 2 * walk.num_frames, later, qvel))
    assert np.allclose(track.command(frame, walk.qpos[:5], walk.qvel[:5]), walk.ctrl[:5])
    bank = Bank([walking, dataclasses.replace(walking, track=track)])
    assert np.allclose(bank.command(np.ones(5, int), frame, qpos, qvel), near)
    ahead = bank.look(np.ones(5, int), frame + walk.num_frames)
    assert np.allclose(ahead.points - bank.look(np.ones(5, int), frame).points, walk.advance)


def test_the_wrench_leaves_a_robot_on_its_reference_alone(walking: Clip) -> None:
    walk = walking.reference
    assert np.allclose(regulator.wrench(walk.qpos, walk.qvel, walk.qpos, walk.qvel), 0, atol=1e-6)
    behind = walk.qpos.copy()
    behind[:, 0] -= 0.1
    pull = regulator.wrench(behind, walk.qvel, walk.qpos, walk.qvel)
    assert np.allclose(pull[:, 0], 50) and np.allclose(pull[:, 1:3], 0)


def test_a_perfect_tracker_scores_one(standing: Clip) -> None:
    trial = attempt(standing, ALONE, SHORT)
    said = verdict(standing, trial, "regulator")
    assert trial.success and said.passed and said.score == 1.0 and "regulator" in said.reason
    assert trial.errors.worst < 0.1 and trial.first.global_mpjpe < 30


def test_a_doll_is_rejected_with_the_frame(walking: Clip) -> None:
    frozen = dataclasses.replace(walking.track, ctrl=np.tile(H1.home_joints, (
        walking.reference.num_frames, 1)))
    clip = dataclasses.replace(walking, track=frozen)
    trial = attempt(clip, ALONE, dataclasses.replace(SHORT, seconds=4.0))
    said = verdict(clip, trial, "regulator")
    assert said.passed is False and said.score < 0.35 and said.scores["arrived"] == 0
    assert "frame" in said.reason and "assist" in said.reason
    assert all(np.isfinite(value) for value in said.scores.values())


def test_trials_depend_on_their_seed_alone(standing: Clip) -> None:
    first, again = (attempt(standing, ALONE, SHORT) for _ in range(2))
    other = attempt(standing, ALONE, dataclasses.replace(SHORT, seed=1))
    assert first.errors == again.errors != other.errors
    assert first.first == other.first  # the first start has no noise


def test_a_seat_stands_where_the_reference_sits(standing: Clip) -> None:
    down = generate("sit_down")
    middle, yaw = scene.seat(down)
    assert middle[2] + scene.THICKNESS / 2 == pytest.approx(0.475, abs=0.01)  # the chair it is for
    assert middle[0] + scene.DEPTH / 2 == pytest.approx(-0.04, abs=0.01)
    assert middle[1] == pytest.approx(0, abs=1e-3) and yaw == pytest.approx(0, abs=1e-6)
    assert scene.needs_seat(down) and not scene.needs_seat(standing.reference)
    assert scene.scene(down).ngeom == scene.scene(standing.reference).ngeom + 1


def test_what_cannot_be_followed_is_said(standing: Clip) -> None:
    still = standing.reference
    one = {n: getattr(still, n)[:1] for n in ("qpos", "qvel", "ctrl", "contact")}
    with pytest.raises(MwxError, match="one frame"):
        judge(dataclasses.replace(still, **one), ALONE)
    with pytest.raises(MwxError, match="50 Hz"):
        judge(dataclasses.replace(still, fps=30.0), ALONE)
