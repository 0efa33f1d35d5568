"""The assist wrench: springs and dampers that hold the pelvis up. For training only."""

import numpy as np

from mwx.experts.kinematics import along, off_course, rotation
from mwx.types import Array

VERTICAL = np.array([0.0, 0.0, 1.0])
TILT_STIFFNESS, TILT_DAMPING = 1500.0, 150.0  # [N m/rad], [N m s/rad]
YAW_STIFFNESS, YAW_DAMPING = 300.0, 40.0
FORWARD_GAIN, LATERAL_GAIN = 150.0, 250.0  # [N s/m]


def assist_wrench(qpos: Array, qvel: Array, speed: Array, up: Array = VERTICAL,
                  prone: bool = False, heading: Array | float = 0.0) -> tuple[Array, Array]:
    """Return force (B, 3) [N] and torque (B, 3) [N m] on the pelvis, world frame.

    Args:
        qpos, qvel: (B, 26), (B, 25) state of the robot.
        speed: (B,) [m/s] wanted along the heading.
        up: (B, 3) or (3,) the vertical in the pelvis' frame as it should be.
        prone: see `kinematics.facing`.
        heading: (B,) or one [rad] where to face, from the world's x axis.
    """
    turn = rotation(qpos[:, 3:7])
    spin = np.einsum("bij,bj->bi", turn, qvel[:, 3:6])
    # this direction should be vertical: the robot tips about its product with the vertical
    leaning = (turn @ np.broadcast_to(up, (len(turn), 3))[..., None])[..., 0]
    tilt = np.stack([leaning[:, 1], -leaning[:, 0], np.zeros(len(turn))], -1)
    torque = TILT_STIFFNESS * tilt - TILT_DAMPING * spin
    torque[:, 2] = -YAW_STIFFNESS * off_course(qpos[:, 3:7], prone, heading) \
        - YAW_DAMPING * spin[:, 2]
    ahead, aside = along(qvel[:, :2], heading)
    forward, left = FORWARD_GAIN * (speed - ahead), -LATERAL_GAIN * aside
    cos, sin = np.cos(heading), np.sin(heading)
    force = np.stack([cos * forward - sin * left, sin * forward + cos * left,
                      np.zeros(len(turn))], -1)
    return force, torque
