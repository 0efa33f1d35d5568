"""Generated motions: symmetry, feet, limits, balance."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import Reference, generate, generators, quality_sheet, tangent
from mwx.motion.feedforward import WEIGHT, feed_forward
from mwx.motion.reach import ReachConfig
from mwx.motion.reference import mirror_qpos
from mwx.motion.stand import StandConfig
from mwx.motion.walk import WalkConfig
from mwx.robot import H1


@pytest.fixture(scope="module", params=[0.6, 1.05, 1.6])
def walk(request: pytest.FixtureRequest) -> Reference:
    return generate("walk", speed=request.param)


def test_half_a_stride_later_the_walk_is_its_mirror_image(walk: Reference) -> None:
    half = walk.num_frames // 2
    later = walk.qpos[half:].copy()
    later[:, 0] -= walk.advance[0] / 2
    np.testing.assert_allclose(mirror_qpos(walk.qpos[:half]), later, atol=1e-9)
    np.testing.assert_allclose(walk.mirrored().ctrl[:half], walk.ctrl[half:], atol=1e-9)
    assert np.array_equal(walk.contact[:half, ::-1], walk.contact[half:])


def test_the_walk_goes_at_its_speed_and_closes(walk: Reference) -> None:
    np.testing.assert_allclose(walk.advance[0] / walk.duration_s, walk.metrics["speed"])
    np.testing.assert_allclose(walk.qvel[:, 0].mean(), walk.metrics["speed"], atol=1e-6)
    steps = tangent.difference(walk.qpos[:-1], walk.qpos[1:])
    closing = walk.qpos[:1].copy()
    closing[:, :3] += walk.advance
    last = tangent.difference(walk.qpos[-1:], closing)
    assert (np.abs(last) <= np.abs(steps).max(axis=0) + 1e-3).all()


def test_the_walk_is_feasible(walk: Reference) -> None:
    sheet = quality_sheet(walk)
    for name in ("skate_p95", "sole_height", "penetration", "inside_limits",
                 "inside_speed_limits", "joint_jump", "self_collision", "unexplained_p95"):
        assert sheet.passes(name), (name, sheet.values[name])
    assert sheet.values["foot_tilt"] < 3.5  # slow walks sway more than the 3 deg of the target


def test_swinging_feet_clear_the_floor(walk: Reference) -> None:
    model = H1.model()
    data = mujoco.MjData(model)
    highest = np.zeros(2)
    for row in walk.qpos:
        data.qpos[:] = row
        mujoco.mj_forward(model, data)
        soles = [data.site(f"{s}_foot").xpos[2] - 0.02 for s in ("left", "right")]
        highest = np.maximum(highest, soles)
    assert (highest > 0.07).all()


def test_stand_balances_its_weight() -> None:
    stand = generate("stand")
    forward = feed_forward(stand.qpos, stand.contact, 50.0, np.zeros(3))
    np.testing.assert_allclose(forward.ground_force[0].sum(axis=0), [0, 0, WEIGHT], atol=0.5)
    assert forward.unexplained.max() < 1e-3
    ankles = [H1.joint(f"{s}_ankle") for s in ("left", "right")]
    quiet = generators.stand(config=StandConfig())  # over its ankles
    assert quiet.metrics["small_control"] > 0.96 and stand.metrics["small_control"] > 0.956
    rest = feed_forward(quiet.qpos, quiet.contact, 50.0, np.zeros(3))
    assert np.abs(rest.torque[0, ankles]).max() < 2 and rest.unexplained.max() < 1e-3
    held = np.abs(forward.torque[0, ankles]).sum()
    assert held == pytest.approx(generators.AHEAD * WEIGHT, rel=0.05)


def test_the_stand_command_is_an_equilibrium() -> None:
    stand = generate("stand")
    model = H1.model()
    data = mujoco.MjData(model)
    data.qpos[:], data.ctrl[:] = stand.qpos[0], stand.ctrl[0]
    for _ in range(50):
        mujoco.mj_step(model, data)
    assert np.abs(data.qpos[7:] - stand.qpos[0, 7:]).max() < 0.03
    assert abs(data.qpos[2] - stand.qpos[0, 2]) < 0.01


@pytest.mark.parametrize(("hand", "target"), [("right", (0.45, -0.2, 1.25)),
                                              ("left", (0.3, 0.4, 1.5))])
def test_the_hand_arrives_and_the_body_balances(hand: str, target: tuple) -> None:
    reach = generate("reach", config=ReachConfig(hand=hand, target=target))
    model = H1.model()
    data = mujoco.MjData(model)
    data.qpos[:] = reach.qpos[-1]
    mujoco.mj_kinematics(model, data)
    np.testing.assert_allclose(data.body(f"{hand}_hand").xpos, target, atol=5e-3)
    sheet = quality_sheet(reach)
    for name in sheet.values:
        assert sheet.passes(name), (name, sheet.values[name])


def test_unknown_skills_and_speeds_teach() -> None:
    with pytest.raises(MwxError, match="did you mean 'walk'"):
        generate("walks")
    with pytest.raises(MwxError, match=r"tables hold for 0\.6 to 1\.6"):
        generate("walk", speed=3.0)
    with pytest.raises(MwxError, match="leave speed out"):
        generate("stand", speed=1.0)
    with pytest.raises(MwxError, match="choose a target nearer"):
        generate("reach", config=ReachConfig(target=(0.9, 0.0, 1.0)))
    with pytest.raises(MwxError, match="lower the pelvis or shorten steps"):
        generate("walk", config=dataclasses.replace(WalkConfig(), stance_less=-0.2, bob=0.08))
