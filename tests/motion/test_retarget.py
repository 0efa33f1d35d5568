"""Forward kinematics and back, and the whole pipeline on real clips where they are at hand."""

import dataclasses
from pathlib import Path

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import (
    MotionClip,
    RetargetConfig,
    bodies,
    ik_seed,
    kinematics,
    leg_ik,
    quality_sheet,
    read_clip,
    retarget,
    retarget_clip,
    tangent,
)
from mwx.motion.skeleton_fit import Targets
from mwx.rng import generator
from mwx.robot import H1

MOCAP = Path(__file__).parents[3] / "shared" / "mocap"
FRAMES = 40


def smooth_motion() -> np.ndarray:
    """Return a smooth random H1 motion (40, 26) well inside the joint limits."""
    rng = generator(0, "motion")
    time = np.arange(FRAMES) / 50
    share = 0.5 + 0.35 * np.sin(2 * np.pi * (rng.uniform(0.3, 0.8, 19) * time[:, None]
                                            + rng.uniform(0, 1, 19)))
    low, high = np.maximum(H1.low, -1.0), np.minimum(H1.high, 1.5)
    qpos = np.tile(H1.home_qpos, (FRAMES, 1))
    qpos[:, 7:] = low + share * (high - low)
    knees = [7 + H1.joint(f"{s}_knee") for s in ("left", "right")]
    qpos[:, knees] = 0.4 + 0.8 * share[:, [3, 8]]
    qpos[:, 0], qpos[:, 3:7] = time, rotations.about("z", 0.3 * np.sin(2 * time))
    return qpos


def targets_of(qpos: np.ndarray) -> Targets:
    """Return the targets that a motion meets exactly."""
    model = H1.model()
    data = mujoco.MjData(model)
    points = {part: np.zeros((len(qpos), 3)) for part in ik_seed.LINKS}
    turns = {s: np.zeros((len(qpos), 4)) for s in ("left", "right")}
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for part, link in ik_seed.LINKS.items():
            points[part][t] = data.body(link).xpos
        for side in turns:
            turns[side][t] = data.body(f"{side}_ankle_link").xquat
    forward = {s: rotations.rotate(q, np.array([1.0, 0, 0])) for s, q in turns.items()}
    none = np.zeros((len(qpos), 2), bool)
    return Targets(
        points, qpos[:, 3:7], qpos[:, 7 + H1.joint("torso")],
        {s: np.arctan2(v[:, 1], v[:, 0]) for s, v in forward.items()},
        {s: -np.arcsin(v[:, 2]) for s, v in forward.items()}, none, none, {})


def test_inverse_kinematics_gives_the_key_points_back() -> None:
    qpos = smooth_motion()
    targets = targets_of(qpos)
    config = ik_seed.SeedConfig(posture=0.0, foot_pitch=0.0, foot_yaw=0.0, steps=40,
                                first_steps=300, every=1)
    again = targets_of(ik_seed.seed(targets, config))
    worst = max(np.linalg.norm(again.points[p] - targets.points[p], axis=1).max()
                for p in ik_seed.LINKS)
    assert worst < 1e-3


def test_without_velocity_term_the_seed_is_returned() -> None:
    qpos = smooth_motion()
    config = RetargetConfig(gamma=0.0)
    np.testing.assert_allclose(retarget.whole_clip(qpos, targets_of(qpos), config), qpos, atol=1e-9)


def test_limits_hold_on_a_seed_that_breaks_them() -> None:
    qpos = smooth_motion()
    qpos[:, 7 + H1.joint("left_knee")] += 1.2  # beyond 2.05 rad
    qpos[20:, 7 + H1.joint("right_ankle")] -= 0.3  # 15 rad/s, the limit is 9
    qpos[20:, 7 + H1.joint("torso")] += 0.2
    config = RetargetConfig()
    solved = retarget.whole_clip(qpos, targets_of(qpos), config)
    joints = solved[:, 7:]
    assert (joints >= H1.low + config.margin - 1e-9).all()
    assert (joints <= H1.high - config.margin + 1e-9).all()
    speed = np.abs(np.diff(joints, axis=0)) * 50
    assert (speed <= H1.speed_limit).all()
    assert (np.abs(np.diff(qpos[:, 7:], axis=0)) * 50 > H1.speed_limit).any()


def test_a_step_takes_as_long_as_the_speed_limits_say() -> None:
    qpos = np.tile(H1.home_qpos, (FRAMES, 1))
    joints = [7 + H1.joint(name) for name in ("torso", "left_shoulder_pitch", "right_elbow")]
    qpos[20:, joints] += np.array([0.9, -1.5, 1.2])
    config = RetargetConfig(gamma=0.0)  # nothing else slows it
    solved = retarget.whole_clip(qpos, targets_of(qpos), config)
    speed = np.abs(np.diff(solved[:, joints], axis=0)) * 50
    limit = config.speed_margin * H1.speed_limit[np.array(joints) - 7]
    assert (speed <= limit + 1e-4).all()
    np.testing.assert_allclose(speed.max(0), limit, rtol=1e-3)  # and no slower than that


def test_the_metric_is_the_weighted_square_of_what_a_small_move_does() -> None:
    """x' W x, by moving the robot: swinging key points, standing feet, soles, supports, joints."""
    qpos = smooth_motion()[:4]
    contact = np.array([[False, False], [True, False], [False, True], [True, True]])
    supports = {"left_wrist": np.array([False, False, True, True])}
    targets = dataclasses.replace(targets_of(qpos), contact=contact, supports=supports)
    config = RetargetConfig(key_points=2.0, standing_feet=700.0, sole=30.0, base=0.3, joints=0.2)
    weight = retarget.metric(qpos, targets, config)
    move = 1e-5 * generator(1, "move").normal(size=(4, 25))
    before, after = (kinematics.forward(tangent.integrate(qpos, sign * move))
                     for sign in (-0.5, 0.5))
    expected = 0.3 * (move[:, :6] ** 2).sum(1) + 0.2 * (move[:, 6:] ** 2).sum(1)
    for part, link in ik_seed.LINKS.items():
        on = contact[:, retarget.FEET.index(part)] if part in retarget.FEET \
            else supports.get(part, np.zeros(4, bool))
        point = bodies.SOLE_TIP if part in retarget.FEET else np.zeros(3)
        at = [p.places[link] + np.einsum("tij,tj->ti", p.turns[link], on[:, None] * point)
              for p in (before, after)]
        turned = rotations.from_matrix(before.turns[link].swapaxes(-1, -2) @ after.turns[link])
        expected += np.where(on, 700.0, 2.0) * ((at[1] - at[0]) ** 2).sum(1)
        if part in retarget.FEET:
            expected += 30.0 * on * (rotations.log(turned) ** 2).sum(1)
    found = np.einsum("ti,tij,tj->t", move, weight, move)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_wanted_velocity_leaves_a_standing_foot_at_rest() -> None:
    qpos = smooth_motion()
    contact = np.zeros((FRAMES, 2), bool)
    contact[10:30, 0] = True
    targets = dataclasses.replace(targets_of(qpos), contact=contact, flat=contact)
    wanted = tangent.velocity(qpos, 50.0, None, RetargetConfig().velocity_smoothing)[:-1]
    out = retarget.standing_still(wanted, qpos, targets)

    def rates(velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Speeds (T - 1,) of the left sole's tip [m/s] and of its turning [rad/s]."""
        before, after = (kinematics.forward(tangent.integrate(qpos[:-1], sign * 1e-4 * velocity))
                         for sign in (-0.5, 0.5))
        link = "left_ankle_link"
        tips = [p.places[link] + p.turns[link] @ bodies.SOLE_TIP for p in (before, after)]
        turn = rotations.from_matrix(before.turns[link].swapaxes(-1, -2) @ after.turns[link])
        return (np.linalg.norm(tips[1] - tips[0], axis=1) / 1e-4,
                np.abs(rotations.log(turn)[:, 1]) / 1e-4)

    stands = slice(10, 29)
    (moved, turned), (rests, flat) = rates(wanted), rates(out)
    assert rests[stands].max() < 0.05 * moved[stands].min() and moved[stands].min() > 0.02
    assert flat[stands].mean() < 0.3 * turned[stands].mean()
    left = 6 + leg_ik.LEG_JOINTS["left"]
    kept = np.ones(25, bool)
    kept[left] = False
    np.testing.assert_array_equal(out[:, kept], wanted[:, kept])
    np.testing.assert_array_equal(out[30:], wanted[30:])


def test_velocities_agree_with_mujoco_and_with_known_truth() -> None:
    qpos = smooth_motion()
    model = H1.model()
    theirs = np.zeros(model.nv)
    mujoco.mj_differentiatePos(model, theirs, 1.0, qpos[3], qpos[4])
    np.testing.assert_allclose(tangent.difference(qpos[3], qpos[4]), theirs, atol=1e-12)
    np.testing.assert_allclose(tangent.integrate(qpos[3], theirs), qpos[4], atol=1e-12)
    time = np.arange(100) / 50
    wave = np.tile(H1.home_qpos, (100, 1))
    wave[:, 10] = 0.5 * np.sin(2 * np.pi * time)
    noise = generator(3, "noise").normal(size=100) * np.radians(0.05)
    wave[:, 10] += noise
    truth = np.pi * np.cos(2 * np.pi * time)
    error = tangent.velocity(wave, 50.0, None, tangent.CAPTURED)[:, 9] - truth
    assert np.sqrt(np.mean(error ** 2)) / np.sqrt(np.mean(truth ** 2)) < 0.03


def test_a_clip_without_a_body_part_teaches() -> None:
    clip = MotionClip(("pelvis", "head"), (-1, 0), np.zeros((5, 2, 3)), 50.0, source="two.npz")
    with pytest.raises(MwxError, match=r"no point plays left_hip, .*it has pelvis, head. Say"):
        retarget_clip(clip)


@pytest.mark.parametrize("name", ["cmu_02_01.amc", "amp_cmu_walk.npz"])
def test_captured_walks_meet_the_targets_that_matter(name: str) -> None:
    if not (MOCAP / name).exists():
        pytest.skip(f"the clip {name} is not distributed with the project")
    clip = read_clip(MOCAP / name)
    reference = retarget_clip(clip, label="walk")
    sheet = quality_sheet(reference)
    for quantity in ("key_error_mean", "skate_p95", "sole_height", "inside_limits",
                     "inside_speed_limits", "joint_jump", "self_collision"):
        assert sheet.passes(quantity), (quantity, sheet.values[quantity])
    assert reference.source_sha256 == clip.source_sha256 and not reference.generated
    assert abs(reference.num_frames / 50 - clip.duration_s) < 0.05
    assert reference.qpos[-1, 0] > 1.0 and abs(reference.qpos[-1, 1]) < 0.2


def test_config_variants_are_values() -> None:
    assert dataclasses.replace(RetargetConfig(), gamma=0.1) != RetargetConfig()
