"""The robot's compiled model for kinematics, built once and never changed."""

import functools

import mujoco
import numpy as np

from mwx.robot import H1, h1_numbers
from mwx.types import Array

SOLE_TIP = np.array([h1_numbers.SOLE_X[1], 0.0, -h1_numbers.SOLE_HEIGHT])  # [m] in the ankle link


@functools.cache
def model() -> mujoco.MjModel:
    """Return the robot on its floor; read only."""
    return H1.model()


@functools.cache
def free_model() -> mujoco.MjModel:
    """Return the robot without contacts and joint stops, for inverse dynamics; read only."""
    free = H1.model()
    free.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    return free


def centre_of_mass(qpos: Array) -> Array:
    """Return the robot's centre of mass (T, 3) [m] for configurations (T, 26)."""
    robot = model()
    data = mujoco.MjData(robot)
    out = np.zeros((len(qpos), 3))
    for i, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(robot, data)
        mujoco.mj_comPos(robot, data)
        out[i] = data.subtree_com[1]
    return out
