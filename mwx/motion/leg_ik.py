"""H1's leg in closed form: where the foot should be -> yaw, roll, pitch, knee, ankle.

Five joints place the foot (3), its heading and its pitch; its roll follows. Axes: hip yaw z, hip
roll x, then hip pitch, knee and ankle all y, so beyond the roll joint the leg moves in one plane.
"""

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.robot import H1, h1_numbers
from mwx.types import Array

_OFFSET = {row[0]: np.array(row[2]) for row in h1_numbers.BODIES}
THIGH = float(-_OFFSET["left_knee_link"][2])  # [m] hip pitch axis to knee axis
SHANK = float(-_OFFSET["left_ankle_link"][2])  # [m] knee axis to ankle axis
HIP = _OFFSET["left_hip_yaw_link"]  # [m] left hip yaw axis in the pelvis
ROLL_X = float(_OFFSET["left_hip_roll_link"][0])  # [m] roll axis ahead of the yaw axis
PITCH_Y = float(_OFFSET["left_hip_pitch_link"][1])  # [m] leg plane beside the roll axis
SOLE = h1_numbers.SOLE_HEIGHT
HALF_WIDTH = float(HIP[1] + PITCH_Y)  # [m] leg plane beside the pelvis centre
SIDES = {"left": 1.0, "right": -1.0}
LEG_JOINTS = {side: np.array([H1.joint(f"{side}_{name}") for name in
                              ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle")])
              for side in SIDES}


def leg_joints(side: str, base: Array, ankle_w: Array, foot_yaw: Array, foot_pitch: Array) -> Array:
    """Return the leg joints (T, 5) that put the ankle where it should be.

    Args:
        side: "left" or "right".
        base: (T, 7) pelvis position [m] and quaternion.
        ankle_w: (T, 3) [m] ankle axis in the world.
        foot_yaw: (T,) [rad] heading of the foot in the world (exact for a level pelvis).
        foot_pitch: (T,) [rad] pitch of the sole in the leg's plane, positive toes down.

    Raises:
        MwxError: the ankle is farther away than the leg is long.
    """
    sign = SIDES[side]
    inverse = rotations.conjugate(base[:, 3:7])
    hip = HIP * np.array([1, sign, 1])
    ankle = rotations.rotate(inverse, ankle_w - base[:, :3]) - hip
    yaw = foot_yaw - rotations.heading(base[:, 3:7])
    ankle = rotations.rotate(rotations.about("z", -yaw), ankle) - np.array([ROLL_X, 0, 0])
    radius = np.hypot(ankle[:, 1], ankle[:, 2])
    tilt = np.arctan2(ankle[:, 2], ankle[:, 1])
    # the leg plane lies PITCH_Y beside the roll axis; of the two rolls take the leg that hangs
    roll = tilt + sign * np.arccos(np.clip(sign * PITCH_Y / radius, -1, 1)) * sign
    roll = (roll + np.pi) % (2 * np.pi) - np.pi
    ankle = rotations.rotate(rotations.about("x", -roll), ankle)
    x, z = ankle[:, 0], ankle[:, 2]
    distance = np.hypot(x, z)
    if (distance > THIGH + SHANK).any():
        raise MwxError(f"the {side} foot is asked {distance.max():.3f} m from the hip, "
                       f"the leg is {THIGH + SHANK:.3f} m long: lower the pelvis or shorten steps")
    knee = np.pi - np.arccos((THIGH ** 2 + SHANK ** 2 - distance ** 2) / (2 * THIGH * SHANK))
    pitch = np.arctan2(-x, -z) - np.arctan2(SHANK * np.sin(knee), THIGH + SHANK * np.cos(knee))
    trunk_pitch = _pitch(base[:, 3:7])
    return np.stack([yaw, roll, pitch, knee, foot_pitch - trunk_pitch - pitch - knee], axis=-1)


def leg_points(side: str, base: Array, ankle_w: Array, foot_yaw: Array
               ) -> tuple[Array, Array]:
    """Return hip and knee (T, 3) [m, world] of the leg that puts the ankle where it should be.

    An ankle out of reach is taken as far on its way as the leg is long, and joint limits are not
    asked: these are aims. Arguments as of `leg_joints`.
    """
    inverse = rotations.conjugate(base[:, 3:7])
    # the yaw that turns the foot there, inside the joint's range
    joint = LEG_JOINTS[side][0]
    yaw = (foot_yaw - rotations.heading(base[:, 3:7]) + np.pi) % (2 * np.pi) - np.pi
    yaw = np.clip(yaw, H1.low[joint], H1.high[joint])
    turn = rotations.about("z", yaw)
    origin = HIP * np.array([1, SIDES[side], 1])
    ankle = rotations.rotate(rotations.conjugate(turn),
                             rotations.rotate(inverse, ankle_w - base[:, :3]) - origin)
    ankle = ankle - np.array([ROLL_X, 0, 0])
    away = SIDES[side] * PITCH_Y
    radius = np.maximum(np.hypot(ankle[:, 1], ankle[:, 2]), abs(away) + 0.01)
    roll = np.arctan2(ankle[:, 2], ankle[:, 1]) + np.arccos(away / radius)
    swing = rotations.about("x", roll)
    ankle = rotations.rotate(rotations.conjugate(swing), ankle)
    x, z = ankle[:, 0], ankle[:, 2]
    distance = np.clip(np.hypot(x, z), 0.2, THIGH + SHANK)
    knee = np.pi - np.arccos((THIGH ** 2 + SHANK ** 2 - distance ** 2) / (2 * THIGH * SHANK))
    pitch = np.arctan2(-x, -z) - np.arctan2(SHANK * np.sin(knee), THIGH + SHANK * np.cos(knee))
    hip = np.broadcast_to([0.0, away, 0.0], ankle.shape)
    thigh = rotations.rotate(rotations.about("y", pitch), np.array([0.0, 0.0, -THIGH]))

    def world(point: Array) -> Array:
        out = rotations.rotate(swing, point) + np.array([ROLL_X, 0, 0])
        return base[:, :3] + rotations.rotate(base[:, 3:7], origin + rotations.rotate(turn, out))

    return world(hip), world(hip + thigh)


def _pitch(q: Array) -> Array:
    axis = rotations.rotate(q, np.broadcast_to([1.0, 0, 0], (len(q), 3)))
    return np.arcsin(np.clip(-axis[:, 2], -1, 1))


def place_feet(qpos: Array, soles_w: dict[str, Array], yaw: Array,
               pitch: dict[str, Array]) -> Array:
    """Return configurations whose sole centre lines pass through the wanted points.

    Args:
        qpos: (T, 26) base and arms.
        soles_w: side -> (T, 3) [m] the point of the sole under the ankle axis.
        yaw: (T,) [rad] heading of both feet; pitch: side -> (T,) [rad], positive toes down.

    Returns:
        (T, 26) the same with both legs solved; where the leg leans sideways its foot rolls about
        the sole's edge, which stays on the wanted height.
    """
    out = qpos.copy()
    edge = h1_numbers.SOLE_HALF_WIDTH
    for side, sole in soles_w.items():
        joints = np.zeros((len(qpos), len(LEG_JOINTS[side])))
        roll = np.zeros(len(qpos))
        for _ in range(4):  # the roll moves the ankle by millimetres: a contraction
            lift = np.stack([SOLE * np.cos(roll) * np.sin(pitch[side]), -SOLE * np.sin(roll),
                             SOLE * np.cos(roll) * np.cos(pitch[side])], axis=-1)
            lift = rotations.rotate(rotations.about("z", yaw), lift)
            ankle = sole + lift + np.stack([0 * roll, 0 * roll, edge * np.abs(np.sin(roll))], -1)
            joints = leg_joints(side, qpos[:, :7], ankle, yaw, pitch[side])
            roll = joints[:, 1]
        out[:, 7 + LEG_JOINTS[side]] = joints
    return out
