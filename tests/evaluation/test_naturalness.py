"""Measures of naturalness: closed forms of sines, laws of mirrored, shifted and turned motion."""

from dataclasses import replace

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.evaluation import naturalness as n
from mwx.evaluation.recording import Recording, of_reference
from mwx.maths import rotations
from mwx.motion import generate, kinematics
from mwx.robot import H1, h1_numbers

DT = 0.02
TIME = np.arange(0, 10, DT)
J = {name: i for i, name in enumerate(H1.joint_names)}


def motion(angles=None, base=None, quat=None, torque=None, time=TIME):
    """The home pose with some joints moving: name -> angle(t) [rad], velocities by the formula."""
    qpos, qvel = np.tile(H1.home_qpos, (len(time), 1)), np.zeros((len(time), 25))
    for name, angle in (angles or {}).items():
        qpos[:, 7 + J[name]] = angle(time)
        qvel[:, 6 + J[name]] = (angle(time + 1e-5) - angle(time - 1e-5)) / 2e-5
    if base is not None:
        qpos[:, :3] = base
    if quat is not None:
        qpos[:, 3:7] = quat
    return Recording(qpos, qvel, torque)


def gait(period=1.1, swing=0.4, arm=0.3, lag=0.0, right=1.0):
    """A gait of sines: legs in antiphase, arms `lag` [rad] behind the opposite legs."""
    w = 2 * np.pi / period
    return motion({
        "left_hip_pitch": lambda t: swing * np.sin(w * t),
        "right_hip_pitch": lambda t: right * swing * np.sin(w * t + np.pi),
        "left_shoulder_pitch": lambda t: arm * np.sin(w * t + np.pi - lag),
        "right_shoulder_pitch": lambda t: arm * np.sin(w * t - lag)})


def test_jerk_of_a_sine_and_of_a_parabola():
    w, a = 3.0, 0.5
    jerk = n.joint_jerk(a * w * np.cos(w * TIME)[:, None], DT)
    assert jerk == pytest.approx(a * w ** 3 / np.sqrt(2), rel=0.02)
    assert n.joint_jerk((2 + 3 * TIME)[:, None], DT) == pytest.approx(0, abs=1e-8)
    place = np.stack([TIME ** 2, TIME, 0 * TIME], 1)
    assert n.place_jerk(place, DT) == pytest.approx(0, abs=1e-7)
    cubic = np.stack([TIME ** 3 / 6, 0 * TIME, -2 * TIME ** 3 / 6], 1)
    assert n.place_jerk(cubic, DT) == pytest.approx(np.sqrt(5), rel=1e-6)


def test_roughness_of_a_torque_that_switches_between_its_bounds():
    torque = np.where(np.arange(100)[:, None] % 2, 1, -1) * H1.force_limit
    assert n.torque_roughness(torque, DT) == pytest.approx(2 / DT)
    assert n.torque_roughness(np.tile(H1.force_limit, (50, 1)), DT) == 0


@pytest.mark.parametrize("period", [0.7, 1.0, 1.234])
def test_a_stride_is_found(period):
    assert n.stride_period(gait(period)) == pytest.approx(period, rel=2e-3)


def test_what_is_no_gait_has_no_stride():
    assert n.stride_period(motion()) is None
    assert n.stride_period(gait(swing=0.02)) is None
    rng = np.random.default_rng(0)
    noise = motion()
    noise.qpos[:, 7:] += 0.3 * rng.normal(size=(len(TIME), 19))
    assert n.stride_period(noise) is None


@pytest.mark.parametrize("lag", [0.0, 0.5, -1.2, np.pi - 0.01])
def test_arms_of_sines(lag):
    moving = gait(arm=0.3, lag=lag)
    assert n.arm_swing(moving) == pytest.approx(np.degrees(0.3), rel=0.02)
    assert n.arm_phase(moving, 1.1) == pytest.approx(-np.degrees(lag), abs=0.5)
    assert n.arm_phase(gait(arm=0.001), 1.1) is None


def test_lean_and_turning_of_a_body():
    angle = 0.1 * np.sin(2 * np.pi * TIME)
    rolling = rotations.to_matrix(rotations.about("x", angle))
    assert n.tilt(rolling) == pytest.approx(np.degrees(0.1 / np.sqrt(2)), rel=1e-3)
    assert n.spin(rolling, DT) == pytest.approx(0.1 * 2 * np.pi / np.sqrt(2), rel=5e-3)
    turning = rotations.to_matrix(rotations.about("z", 0.5 * TIME))
    assert n.tilt(turning) == pytest.approx(0, abs=1e-5)  # heading has no part in it
    assert n.spin(turning, DT) == pytest.approx(0, abs=1e-6)  # a steady turn is free
    leaning = rotations.to_matrix(rotations.about("y", np.full(len(TIME), 0.3)))
    assert n.tilt(leaning) == pytest.approx(0, abs=1e-5)


def test_soles_stand_on_the_ground_and_clearance_is_their_top():
    home = kinematics.forward(of_reference(generate("stand")).qpos)
    assert np.abs(n.sole_heights(home)).max() < 0.01
    heights = 0.05 * np.stack([np.maximum(0, np.sin(2 * np.pi * TIME)),
                               np.maximum(0, -np.sin(2 * np.pi * TIME))], 1)
    assert n.foot_clearance(heights, 1.0, DT) == pytest.approx(5.0, rel=5e-3)
    assert n.foot_clearance(heights, 11.0, DT) is None


def test_symmetry_is_a_shift_by_half_a_cycle():
    assert n.asymmetry(gait(1.1), 1.1) == pytest.approx(0, abs=0.1)
    assert n.asymmetry(gait(1.0), 1.0) == pytest.approx(0, abs=1e-6)
    limp = n.asymmetry(gait(1.0, arm=0.0, right=0.5), 1.0)  # amplitudes .4 and .2
    assert limp == pytest.approx(np.degrees(0.2 / np.sqrt(2) * np.sqrt(2 / 19)), rel=0.01)
    assert n.asymmetry(gait(1.0), None) > 5  # at the same instant a gait is not symmetric
    still = motion({"left_knee": lambda t: 0.2 + 0 * t})
    assert n.asymmetry(still, None) > 0.5 and n.asymmetry(motion(), None) == pytest.approx(0)


def test_distance_to_the_nearest_pose():
    reference = generate("walk").qpos[:, 7:]
    assert n.reference_distance(reference[::3], reference) == pytest.approx(0, abs=1e-5)
    off = reference.copy()
    off[:, J["torso"]] += 0.2
    assert n.reference_distance(off, reference) <= np.degrees(0.2 / np.sqrt(19)) + 1e-9


@pytest.fixture(scope="module")
def walking():
    reference = generate("walk")
    recording = of_reference(reference)
    rng = np.random.default_rng(3)
    noisy = recording.qpos.copy()
    noisy[:, 7:] += 0.02 * rng.normal(size=(len(noisy), 19))
    return reference, Recording(noisy, recording.qvel, rng.normal(size=(len(noisy), 19)),
                                recording.qpos[:, 7:])


def test_a_mirrored_motion_measures_the_same(walking):
    reference, moving = walking
    one = n.naturalness(moving, reference)
    other = n.naturalness(moving.mirrored(), reference.mirrored())
    assert set(one) == set(n.MEASURES)
    for name in n.MEASURES:
        assert other[name] == pytest.approx(one[name], rel=1e-6, abs=1e-6), name


def test_where_and_which_way_it_goes_does_not_matter(walking):
    reference, moving = walking
    turn = rotations.about("z", np.array(1.0))
    qpos = moving.qpos.copy()
    qpos[:, :3] = rotations.rotate(turn, qpos[:, :3]) + np.array([5, -3, 0])
    qpos[:, 3:7] = rotations.multiply(turn, qpos[:, 3:7])
    one = n.naturalness(moving, reference)
    other = n.naturalness(replace(moving, qpos=qpos), reference)
    for name in n.MEASURES:
        assert other[name] == pytest.approx(one[name], rel=1e-6, abs=1e-6), name


def test_the_reference_walks_like_a_person():
    values = n.naturalness(of_reference(generate("walk")), generate("walk"))
    assert values["stride_period"] == pytest.approx(generate("walk").duration_s, rel=5e-3)
    assert abs(values["arm_phase"]) < 45  # arms go with the opposite legs
    assert values["asymmetry"] < 0.5 and values["reference_distance"] < 0.5
    assert 2 < values["foot_clearance"] < 20
    assert values["torque_roughness"] is None and values["tracking_error"] is None


def test_noise_and_flailing_are_less_natural(walking):
    reference, _ = walking
    clean = of_reference(reference)
    rng = np.random.default_rng(5)
    qpos, qvel = clean.qpos.copy(), clean.qvel.copy()
    qpos[:, 7:] += 0.1 * rng.normal(size=(len(qpos), 19))
    qpos[:, :3] += 0.005 * rng.normal(size=(len(qpos), 3))
    qvel[:, 6:] += 0.5 * rng.normal(size=(len(qvel), 19))
    own = n.naturalness(clean, reference)
    wins = n.more_natural(own, n.naturalness(Recording(qpos, qvel), reference), own)
    assert wins["joint_jerk"] and wins["head_jerk"] and wins["reference_distance"]
    assert wins["asymmetry"] and wins["head_spin"] and wins["arm_swing"]
    assert "torque_roughness" not in wins and "stride_period" not in wins


def test_phases_are_compared_around_the_circle():
    wins = n.more_natural({"arm_phase": -179.0}, {"arm_phase": 90.0}, {"arm_phase": 179.0})
    assert wins == {"arm_phase": True}


def test_means_leave_out_what_was_not_measured():
    mean = n.mean_of([{"hip_tilt": 1.0, "arm_phase": None}, {"hip_tilt": 3.0, "arm_phase": 5.0}])
    assert mean["hip_tilt"] == 2 and mean["arm_phase"] == 5 and mean["asymmetry"] is None


def test_the_head_is_where_it_is_and_only_joints_have_joint_jerk():
    w, a, above_pelvis = 3.0, 0.05, 0.70  # [rad/s, rad, m]
    nod = motion(quat=rotations.about("y", a * np.sin(w * TIME)))
    measured = n.naturalness(nod)
    assert measured["head_jerk"] == pytest.approx(a * w ** 3 * above_pelvis / np.sqrt(2), rel=0.05)
    nod.qvel[:, :6] = np.random.default_rng(0).normal(size=(len(TIME), 6))
    assert n.naturalness(nod)["joint_jerk"] == 0
    assert n.naturalness(nod, symmetric=False)["asymmetry"] is None
    assert n.naturalness(nod)["asymmetry"] == pytest.approx(0, abs=1e-9)


def test_hips_and_chest_are_two_bodies():
    twist = motion({"torso": lambda t: 0.3 * np.sin(2 * np.pi * t)},
                   quat=rotations.about("y", np.array(0.2)))
    measured = n.naturalness(twist)
    assert measured["hip_spin"] == pytest.approx(0, abs=1e-6)
    assert measured["head_spin"] == pytest.approx(0.3 * 2 * np.pi / np.sqrt(2), rel=0.01)
    # a leaning robot's chest turns against its own lean
    assert measured["hip_tilt"] == pytest.approx(0, abs=1e-5) and measured["head_tilt"] > 1


def test_a_sideways_pose_is_its_own_mirror_image():
    wide = motion({"left_hip_roll": lambda t: 0.2 + 0 * t, "right_hip_roll": lambda t: 0 * t - 0.2})
    assert n.asymmetry(wide, None) == pytest.approx(0, abs=1e-9)
    lean = motion({"left_hip_roll": lambda t: 0.2 + 0 * t, "right_hip_roll": lambda t: 0.2 + 0 * t})
    assert n.asymmetry(lean, None) == pytest.approx(np.degrees(0.4 * np.sqrt(2 / 19)), rel=1e-6)


def test_a_sway_of_many_periods_is_no_gait():
    """Ten sines of one size, each of the amplitude of a gait: none explains a third of it."""
    rates = 2 * np.pi * np.linspace(0.5, 3.2, 10)
    sway = motion({f"{side}_hip_pitch": lambda t, sign=sign: sign * 0.1 * sum(
        np.sin(w * t + w) for w in rates) for side, sign in (("left", 1), ("right", -1))})
    assert n.stride_period(sway) is None


def test_tracking_error_is_in_degrees():
    still = motion()
    wanted = still.qpos[:, 7:] + np.radians(5.0)
    assert n.naturalness(replace(still, wanted=wanted))["tracking_error"] == pytest.approx(5.0)
    assert n.naturalness(still)["tracking_error"] is None


def test_a_sole_is_as_high_as_its_lower_edge():
    ankle, pitch = J["left_ankle"], np.array([0.0, 0.3, -0.3])
    qpos = np.tile(H1.home_qpos, (3, 1))
    qpos[:, 7 + ankle] += pitch
    pose = kinematics.forward(qpos)
    lean = np.arctan2(-pose.turns["left_ankle_link"][:, 2, 0],
                      pose.turns["left_ankle_link"][:, 2, 2])  # positive: toes down
    edges = [x * np.sin(lean) + h1_numbers.SOLE_HEIGHT * np.cos(lean) for x in h1_numbers.SOLE_X]
    expected = pose.places["left_ankle_link"][:, 2] - np.max(edges, axis=0)
    np.testing.assert_allclose(n.sole_heights(pose)[:, 0], expected, atol=1e-9)
    assert np.ptp(n.sole_heights(pose)[:, 1]) == 0


def test_an_arms_phase_survives_a_stride_that_is_a_little_slower():
    """Three strides at a time: over all of them at once the small swing would cancel."""
    assert n.arm_phase(gait(1.2, arm=0.03), 1.1) == pytest.approx(0, abs=3)


def test_mistakes_are_explained():
    with pytest.raises(MwxError, match="did the robot fall"):
        n.naturalness(motion(time=TIME[:20]))
    with pytest.raises(MwxError, match="torque has shape"):
        motion(torque=np.zeros((3, 19)))
