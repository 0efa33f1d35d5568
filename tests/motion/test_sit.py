"""Sitting down, sitting, standing up: the chair, limits, balance, and real physics."""

import dataclasses

import mujoco
import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.motion import Reference, sit
from mwx.motion.bodies import centre_of_mass
from mwx.motion.feedforward import feed_forward
from mwx.motion.quality import self_collisions
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.sim.tasks import props
from mwx.sim.tasks import sit as task

SKILLS = ("sit_down", "sit", "stand_up")
CONFIG = sit.SitConfig()


@pytest.fixture(scope="module")
def references() -> dict[str, Reference]:
    return {skill: sit.sitting(skill) for skill in SKILLS}


@pytest.fixture(scope="module")
def chair() -> mujoco.MjModel:
    spec = H1.spec()
    spec.compiler.discardvisual = True
    body = spec.worldbody.add_body(name="chair", pos=task.CHAIR_PLACE)
    for name, (size, pos) in zip(("back", "seat"), props.CHAIR_SOLIDS, strict=True):
        body.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=size, pos=pos)
    return spec.compile()


def _gaps(model: mujoco.MjModel, qpos: np.ndarray) -> np.ndarray:
    """Return the distance (T,) [m] of hips and thighs from the seat."""
    data = mujoco.MjData(model)
    seat = model.geom("seat").id
    owners = [model.body(f"{s}_{n}").id for s in ("left", "right")
              for n in ("hip_yaw_link", "hip_roll_link", "hip_pitch_link")]
    geoms = [g for g in range(model.ngeom) if model.geom_bodyid[g] in owners]
    out = np.zeros(len(qpos))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        out[t] = min(mujoco.mj_geomDistance(model, data, g, seat, 1.0, None) for g in geoms)
    return out


def test_the_seat_is_that_of_the_sit_tasks() -> None:
    half, middle = props.CHAIR_SOLIDS[1]
    assert sit.SEAT_FRONT == pytest.approx(task.CHAIR_PLACE[0] + middle[0] + half[0])
    assert sit.SEAT_HEIGHT == task.SEAT_HEIGHT == pytest.approx(middle[2] + half[2])


@pytest.mark.parametrize("skill", SKILLS)
def test_limits_and_forces(references: dict[str, Reference], skill: str) -> None:
    reference = references[skill]
    joints = reference.qpos[:, 7:]
    assert ((joints >= H1.low) & (joints <= H1.high)).all()
    assert joints[:, H1.joint("left_knee")].max() <= 2.0
    assert (np.abs(reference.qvel[:, 6:]) <= H1.speed_limit).all()
    assert not self_collisions(reference.qpos[::5]).any()
    forward = feed_forward(reference.qpos, reference.contact, 50.0,
                           reference.advance if reference.loop else None,
                           supports=reference.bearing)
    assert np.percentile(forward.unexplained, 95) < 0.02
    assert forward.unexplained_moment.max() < 15
    ankles = [H1.joint(f"{s}_ankle") for s in ("left", "right")]
    assert np.abs(forward.torque[:, ankles]).max() < 20
    assert forward.utilisation.max() < 0.5


@pytest.mark.parametrize("skill", SKILLS)
def test_the_seat_is_touched_where_it_carries_and_never_entered(
        references: dict[str, Reference], chair: mujoco.MjModel, skill: str) -> None:
    reference = references[skill]
    gaps = _gaps(chair, reference.qpos[::2])
    assert gaps.min() > -0.002
    assert gaps[reference.bearing["pelvis"][::2]].max() < 0.003


@pytest.mark.parametrize("skill", ["sit_down", "stand_up"])
def test_off_the_seat_the_centre_of_mass_is_over_the_feet(references: dict[str, Reference],
                                                          skill: str) -> None:
    reference = references[skill]
    ahead = centre_of_mass(reference.qpos)[:, 0] - CONFIG.ankle
    free = ~reference.bearing["pelvis"]
    assert -0.05 < ahead[free].min() and ahead[free].max() < 0.05
    speed = np.gradient(centre_of_mass(reference.qpos)[:, 2], 0.02)
    assert 0.3 < np.abs(speed).max() < 0.6  # people: .45 to .6 m/s


def test_phases_are_those_of_people(references: dict[str, Reference]) -> None:
    seat = references["stand_up"].bearing["pelvis"]
    off = (seat.sum() / 50 - CONFIG.settle_s) / CONFIG.rise_s
    assert 0.33 <= off <= 0.38
    assert 1.7 <= CONFIG.rise_s <= 2.3
    assert 1.15 <= CONFIG.sit_s / CONFIG.rise_s <= 1.25


def test_motions_join(references: dict[str, Reference]) -> None:
    down, seated, up = (references[s].qpos for s in SKILLS)
    np.testing.assert_allclose(down[-1], seated[0], atol=1e-9)
    np.testing.assert_allclose(seated[-1], up[0], atol=1e-9)
    np.testing.assert_allclose(up[-1], down[0], atol=1e-9)


def _played(model: mujoco.MjModel, reference: Reference, seconds: float) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = reference.qpos[0], reference.qvel[0]
    for k in range(round(seconds * 50)):
        data.ctrl[:] = reference.frame(k / 50).ctrl
        mujoco.mj_step(model, data, SUBSTEPS)
    return data


def test_open_loop_it_sits_down_and_stays(references: dict[str, Reference],
                                          chair: mujoco.MjModel) -> None:
    down = references["sit_down"]
    data = _played(chair, down, down.duration_s)
    assert np.abs(data.qpos[:3] - down.qpos[-1, :3]).max() < 0.05
    data = _played(chair, references["sit"], 2.0)
    assert np.abs(data.qpos - references["sit"].qpos[0]).max() < 0.05


def test_mistakes_teach() -> None:
    with pytest.raises(MwxError, match="did you mean 'stand_up'"):
        sit.sitting("stand_upp")
    with pytest.raises(MwxError, match="leave speed out"):
        sit.sitting("sit", speed=1.0)
    with pytest.raises(MwxError, match="lower the pelvis"):
        sit.sitting("stand_up", config=dataclasses.replace(CONFIG, height=1.2))
    with pytest.raises(MwxError, match="positive times"):
        sit.sitting("stand_up", config=dataclasses.replace(CONFIG, rise_s=0.0))
