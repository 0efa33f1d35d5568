"""Robot-sized targets and whole retargets of people who do not just walk ahead."""

import numpy as np
import pytest

from mwx.maths import rotations
from mwx.motion import (
    MotionClip,
    RetargetConfig,
    kinematics,
    leg_ik,
    retarget_clip,
    skeleton_fit,
)
from mwx.motion.contacts import ContactConfig, runs
from mwx.motion.human import human_walk
from mwx.motion.reference import mirror_qpos
from mwx.motion.skeleton_fit import fit
from mwx.robot import H1


def moved(clip: MotionClip, yaw: np.ndarray) -> MotionClip:
    """Return a clip turned about the world's z axis by an angle (T,) [rad] at each frame."""
    turn = rotations.about("z", yaw)[:, None]
    return MotionClip(clip.names, clip.parents, rotations.rotate(turn, clip.positions_w), clip.fps)


def on_the_spot(clip: MotionClip) -> MotionClip:
    root = clip.positions_w[:, :1] * np.array([1, 0, 0])
    return MotionClip(clip.names, clip.parents, clip.positions_w - root, clip.fps)


def standing(clip: MotionClip, frames: int) -> MotionClip:
    rows = np.repeat(clip.positions_w[:1], frames, axis=0)
    return MotionClip(clip.names, clip.parents, rows, clip.fps)


CLIP = human_walk(strides=1, fps=50.0)
FRAMES = len(CLIP.positions_w)
VARIANTS = {
    "two frames": standing(CLIP, 2), "standing still": standing(CLIP, 30),
    "facing backwards": moved(CLIP, np.full(FRAMES, np.pi)),
    "turning": moved(on_the_spot(CLIP), np.linspace(0, np.pi, FRAMES)),
    "on the spot": on_the_spot(CLIP)}


@pytest.mark.parametrize("name", VARIANTS)
def test_odd_clips_stay_inside_the_limits(name: str) -> None:
    reference = retarget_clip(VARIANTS[name], label="walk")
    joints = reference.qpos[:, 7:]
    assert (joints >= H1.low).all() and (joints <= H1.high).all()
    assert (np.abs(np.diff(joints, axis=0)) * 50 <= H1.speed_limit).all()
    assert reference.num_frames == len(VARIANTS[name].positions_w)
    if name != "turning":
        assert np.abs(rotations.heading(reference.qpos[:, 3:7])).max() < 0.5
    else:
        yaw = np.unwrap(rotations.heading(reference.qpos[:, 3:7]))
        assert yaw[-1] - yaw[0] > 2.0


def test_a_standing_foot_has_one_place_on_the_floor_within_reach_and_a_swinging_one_clears_it(
        ) -> None:
    targets = fit(human_walk(strides=2, fps=50.0), ContactConfig())
    sole = np.array([skeleton_fit.TIP, 0, -leg_ik.SOLE])
    for i, side in enumerate(leg_ik.SIDES):
        turn = rotations.multiply(rotations.about("z", targets.foot_yaw[side]),
                                  rotations.about("y", targets.foot_pitch[side]))
        ankle = targets.points[f"{side}_ankle"]
        tip = ankle + rotations.rotate(turn, np.broadcast_to(sole, ankle.shape))
        stances = runs(targets.contact[:, i])
        assert len(stances) >= 2
        for start, end in stances:
            assert np.ptp(tip[start:end], axis=0).max() < 1e-9  # one place each stance
            assert abs(tip[start, 2]) < 1e-9
            hip = targets.points["pelvis"][start:end] + rotations.rotate(
                targets.base[start:end], leg_ik.HIP * [1, leg_ik.SIDES[side], 1])
            reach = np.linalg.norm(hip - ankle[start:end], axis=1)
            assert reach.max() < leg_ik.THIGH + leg_ik.SHANK + 0.1
            assert np.ptp(targets.foot_yaw[side][start:end]) < 1e-9
        for start, end in runs(~targets.contact[:, i]):
            part = (np.arange(start, end) - start + 1) / (end - start + 1)
            assert (tip[start:end, 2] >= 0.12 * part * (1 - part) - 1e-9).all()
    lengths = [np.linalg.norm(targets.points[f"left_{a}"] - targets.points[f"left_{b}"], axis=1)
               for a, b in (("hip", "knee"), ("shoulder", "elbow"), ("elbow", "wrist"))]
    for length, own in zip(lengths, (leg_ik.THIGH, 0.333, 0.310), strict=True):
        np.testing.assert_allclose(length, own, atol=0.03)  # H1's, whatever the person's are


def test_a_standing_foot_keeps_its_heading_while_the_body_turns() -> None:
    slow = moved(standing(CLIP, 100), np.linspace(0, 0.3, 100))
    targets = fit(slow, ContactConfig())
    assert targets.contact.all()
    for side in leg_ik.SIDES:
        assert np.ptp(targets.foot_yaw[side]) < 1e-9


def test_marker_noise_goes_and_gait_stays() -> None:
    time = np.arange(0, 4, 1 / 120)
    pelvis = np.stack([0 * time, 0.05 * np.sin(2 * np.pi * 1.0 * time),
                       0.01 * np.sin(2 * np.pi * 15.0 * time)], axis=1)
    out = skeleton_fit._at_fps({"pelvis": pelvis}, 120.0)["pelvis"][25:-25]
    now = np.arange(0, 4, 1 / 50)[25:25 + len(out)]
    np.testing.assert_allclose(out[:, 1], 0.05 * np.sin(2 * np.pi * now), atol=5e-4)
    assert np.abs(out[:, 2]).max() < 2e-4


def test_held_rows_are_the_mean_of_their_stance_and_join_smoothly() -> None:
    rows = np.linspace(0, 1, 50)[:, None]
    on = np.zeros(50, bool)
    on[10:20] = on[35:40] = True
    out = skeleton_fit._held(rows, on)
    assert np.ptp(out[10:20]) == 0 and out[10, 0] == pytest.approx(rows[10:20].mean())
    assert np.ptp(out[35:40]) == 0 and out[35, 0] == pytest.approx(rows[35:40].mean())
    assert np.abs(np.diff(out[:, 0])).max() < 2 * (rows[1, 0] - rows[0, 0])


def test_the_world_heading_of_a_clip_does_not_matter() -> None:
    one = fit(CLIP, ContactConfig())
    other = fit(VARIANTS["facing backwards"], ContactConfig())
    for part in one.points:
        np.testing.assert_allclose(one.points[part], other.points[part], atol=1e-9)


def test_a_mirrored_clip_gives_the_mirrored_robot() -> None:
    swap = {"L": "R", "R": "L"}
    order = [CLIP.names.index(swap[n[0]] + n[1:] if n[:2] in ("L_", "R_") else n)
             for n in CLIP.names]
    rows = CLIP.positions_w[:, order] * np.array([1, -1, 1])
    config = RetargetConfig()
    plain = retarget_clip(CLIP, config)
    other = retarget_clip(MotionClip(CLIP.names, CLIP.parents, rows, CLIP.fps), config)
    np.testing.assert_allclose(other.qpos, mirror_qpos(plain.qpos), atol=1e-5)
    assert (other.contact == plain.contact[:, ::-1]).all()


def test_feet_without_toes_stand_when_feet_with_toes_do() -> None:
    clip = human_walk(strides=2, fps=50.0)
    kept = [i for i, name in enumerate(clip.names) if not name.endswith("Foot")]
    bare = MotionClip(tuple(clip.names[i] for i in kept), (-1,) * len(kept),
                      clip.positions_w[:, kept], clip.fps)
    with_toes, without = (fit(c, ContactConfig()).contact for c in (clip, bare))
    assert (with_toes == without).mean() > 0.85


def test_a_tilted_floor_is_levelled_and_a_hill_stays() -> None:
    clip = human_walk(strides=2, fps=50.0)

    def height(slope: float) -> float:
        rows = clip.positions_w + slope * clip.positions_w[..., :1] * [0, 0, 1]
        pelvis = fit(MotionClip(clip.names, clip.parents, rows, clip.fps),
                     ContactConfig()).points["pelvis"]
        return float(np.polyfit(pelvis[:, 0], pelvis[:, 2], 1)[0])

    assert abs(height(0.015) - height(0.0)) < 0.004
    assert height(0.08) - height(0.0) > 0.02


@pytest.mark.parametrize("side", leg_ik.SIDES)
def test_hips_and_knees_are_aimed_where_the_legs_have_them(side: str) -> None:
    rng = np.random.default_rng(0)
    qpos = np.tile(H1.home_qpos, (10, 1))
    columns = 7 + leg_ik.LEG_JOINTS[side]
    qpos[:, columns] += rng.uniform(-0.2, 0.2, (10, 5))
    pose = kinematics.forward(qpos)
    hip, knee = leg_ik.leg_points(side, qpos[:, :7], pose.places[f"{side}_ankle_link"],
                                  qpos[:, columns[0]])
    np.testing.assert_allclose(hip, pose.places[f"{side}_hip_pitch_link"], atol=1e-9)
    np.testing.assert_allclose(knee, pose.places[f"{side}_knee_link"], atol=1e-9)
