"""Kinematics over all frames at once against MuJoCo, frame by frame."""

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies, kinematics
from mwx.rng import generator
from mwx.robot import H1

BODIES = ("pelvis", "left_ankle_link", "right_hand", "torso_link")


def random_poses(count: int) -> np.ndarray:
    rng = generator(0, "kinematics")
    qpos = np.zeros((count, 26))
    qpos[:, :3] = rng.normal(size=(count, 3))
    qpos[:, 3:7] = rotations.exp(rng.normal(size=(count, 3)))
    qpos[:, 7:] = rng.uniform(H1.low, H1.high, size=(count, 19))
    return qpos


def test_places_turns_and_jacobians_are_those_of_mujoco() -> None:
    qpos = random_poses(5)
    pose = kinematics.forward(qpos)
    model = bodies.model()
    data = mujoco.MjData(model)
    place, turn = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        for name in kinematics.tree().names:
            np.testing.assert_allclose(pose.places[name][t], data.body(name).xpos, atol=1e-12)
            np.testing.assert_allclose(pose.turns[name][t].ravel(), data.body(name).xmat,
                                       atol=1e-12)
        for name in BODIES:
            point = pose.places[name] + pose.turns[name] @ bodies.SOLE_TIP
            mujoco.mj_jac(model, data, place, turn, point[t], model.body(name).id)
            np.testing.assert_allclose(kinematics.place_jacobian(pose, name, point)[t], place,
                                       atol=1e-12)
            np.testing.assert_allclose(kinematics.turn_jacobian(pose, name)[t], turn, atol=1e-12)
