"""H1 on hands and knees in closed form: where knee and hand should be -> the joints.

The hip's axes are yaw z, roll x, then hip pitch, knee and ankle all y: a kneeling leg moves in one
plane, whose normal has to be at right angles to the thigh and to the shank.
"""

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies, leg_ik
from mwx.robot import H1, h1_numbers
from mwx.types import Array

KNEE_RADIUS = 0.052  # [m] knee axis above the floor while the shank slopes up behind it
SHOULDER_Z = 0.4389  # [m] shoulder above the pelvis origin, upright
TOES_BACK = 0.5  # [rad] ankle: the foot stretched
ARM = ("shoulder_pitch", "shoulder_roll", "elbow")  # the shoulder's yaw stays 0
ROUNDS, CLOSE = 30, 1e-7  # [m]
_CAPSULE = next(row for row in h1_numbers.COLLISION
                if row[0] == "left_elbow_link" and row[1] == "capsule")
HAND_RADIUS = float(_CAPSULE[2][0])  # [m] of the ball that ends the forearm


def kneeling_leg(side: str, base: Array, knee_w: Array, slope: float) -> tuple[Array, Array]:
    """Return the leg's joints that bring the knee over a point, the shank sloping up behind.

    Args:
        side: "left" or "right".
        base: (T, 7) pelvis position [m] and quaternion.
        knee_w: (T, 3) [m] knee axis in the world.
        slope: [rad] of the shank above the horizontal.

    Returns:
        (T, 5) joints [rad]; (T,) [m] how much longer than the thigh the way to the knee is.
    """
    sign = leg_ik.SIDES[side]
    inverse = rotations.conjugate(base[:, 3:7])
    knee = rotations.rotate(inverse, knee_w - base[:, :3]) - leg_ik.HIP * np.array([1, sign, 1])
    shank = np.tile([-np.cos(slope), 0.0, np.sin(slope)], (len(base), 1))
    shank = rotations.rotate(inverse, shank)
    across = knee - np.sum(knee * shank, axis=1, keepdims=True) * shank
    length = np.linalg.norm(across, axis=1, keepdims=True)
    part = sign * leg_ik.PITCH_Y / length
    beside = np.cross(shank, across / length)
    beside = beside * np.sign(beside[:, 1:2])
    axis = part * across / length + np.sqrt(np.maximum(0, 1 - part ** 2)) * beside
    roll, yaw = np.arcsin(axis[:, 2]), np.arctan2(-axis[:, 0], axis[:, 1])
    turn = rotations.conjugate(rotations.multiply(rotations.about("z", yaw),
                                                  rotations.about("x", roll)))
    thigh = rotations.rotate(turn, knee)
    thigh = thigh - np.stack([leg_ik.ROLL_X * np.ones(len(base)), 0 * yaw + sign * leg_ik.PITCH_Y,
                              0 * yaw], axis=1)
    below = rotations.rotate(turn, shank)
    pitch = np.arctan2(-thigh[:, 0], -thigh[:, 2])
    bend = np.arctan2(-below[:, 0], -below[:, 2]) - pitch
    bend = (bend + np.pi) % (2 * np.pi) - np.pi
    joints = np.stack([yaw, roll, pitch, bend, TOES_BACK + 0 * yaw], axis=1)
    return joints, np.linalg.norm(thigh, axis=1) - leg_ik.THIGH


def hand_ball(side: str) -> Array:
    """Return the middle (3,) [m] of the ball that ends the forearm, in the elbow link."""
    axis = rotations.rotate(np.array(_CAPSULE[4]), np.array([0.0, 0.0, 1.0]))
    end = np.array(_CAPSULE[3]) + np.sign(axis[0]) * axis * _CAPSULE[2][1]
    return end * np.array([1, leg_ik.SIDES[side], 1])


def place_hand(qpos: Array, side: str, ball_w: Array) -> tuple[Array, Array, Array]:
    """Return qpos whose hand's ball follows a path, each frame solved from the one before.

    Args:
        qpos: (T, 26); side: "left" or "right"; ball_w: (T, 3) [m] middle of the ball.

    Returns:
        (T, 26); (T, 2) [rad] lean of the forearm ahead and to the left; (T,) [m] what is left of
        the gap, where the arm is too short.
    """
    model = bodies.model()
    data = mujoco.MjData(model)
    body, local = model.body(f"{side}_elbow_link").id, hand_ball(side)
    joints = np.array([H1.joint(f"{side}_{name}") for name in ARM])
    jacobian = np.zeros((3, model.nv))
    out, leans, gaps = qpos.copy(), np.zeros((len(qpos), 2)), np.zeros(len(qpos))
    angles = out[0, 7 + joints]
    for t, goal in enumerate(ball_w):
        point = goal
        for _ in range(ROUNDS):
            out[t, 7 + joints] = angles
            data.qpos[:] = out[t]
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            point = data.xpos[body] + data.xmat[body].reshape(3, 3) @ local
            gap = goal - point
            gaps[t] = np.linalg.norm(gap)
            if gaps[t] < CLOSE:
                break
            mujoco.mj_jac(model, data, jacobian, None, point, body)
            lever = jacobian[:, 6 + joints]
            step = lever.T @ np.linalg.solve(lever @ lever.T + 1e-6 * np.eye(3), gap)
            angles = np.clip(angles + np.clip(step, -0.3, 0.3), H1.low[joints], H1.high[joints])
        arm = data.xpos[body] - point
        leans[t] = np.arctan2(arm[:2], arm[2])
    return out, leans, gaps
