"""The assist wrench: springs and dampers that hold the pelvis up. For training only."""

import numpy as np

from mwx.experts.kinematics import facing, rotation, yaw
from mwx.types import Array

VERTICAL = np.array([0.0, 0.0, 1.0])
TILT_STIFFNESS, TILT_DAMPING = 1500.0, 150.0  # [N m/rad], [N m s/rad]
YAW_STIFFNESS, YAW_DAMPING = 300.0, 40.0
FORWARD_GAIN, LATERAL_GAIN = 150.0, 250.0  # [N s/m]


def assist_wrench(qpos: Array, qvel: Array, speed: Array, up: Array = VERTICAL,
                  prone: bool = False) -> tuple[Array, Array]:
    """Return force (B, 3) [N] and torque (B, 3) [N m] on the pelvis, world frame.

    Args:
        qpos, qvel: (B, 26), (B, 25) state of the robot.
        speed: (B,) [m/s] wanted along +x.
        up: (B, 3) or (3,) the vertical in the pelvis' frame as it should be.
        prone: see `kinematics.facing`.
    """
    turn = rotation(qpos[:, 3:7])
    spin = np.einsum("bij,bj->bi", turn, qvel[:, 3:6])
    # this direction should be vertical: the robot tips about its product with the vertical
    leaning = (turn @ np.broadcast_to(up, (len(turn), 3))[..., None])[..., 0]
    tilt = np.stack([leaning[:, 1], -leaning[:, 0], np.zeros(len(turn))], -1)
    torque = TILT_STIFFNESS * tilt - TILT_DAMPING * spin
    torque[:, 2] = -YAW_STIFFNESS * yaw(facing(qpos[:, 3:7], prone)) - YAW_DAMPING * spin[:, 2]
    force = np.stack([FORWARD_GAIN * (speed - qvel[:, 0]), -LATERAL_GAIN * qvel[:, 1],
                      np.zeros(len(turn))], -1)
    return force, torque
