"""Carrying a box: the walk with shorter steps, leant back, forearms rising under the box."""

from dataclasses import dataclass, field, replace

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import bodies, leg_ik
from mwx.motion.walk import WalkConfig, walk_motion
from mwx.robot import H1
from mwx.types import Array

SPEEDS = (0.8, 1.1)  # [m/s] people carry a box at (textbook)


@dataclass(frozen=True)
class CarryConfig:
    """The shape of carrying.

    Attributes:
        elbow: [deg] flexion; people carry at 70 to 90. Above 90 the forearms rise to the front
            and the box leans on the chest: H1 has no hands to hold it with.
        upper_arm: [deg] ahead of the trunk's line; 10 to 20.
        hands_apart: [m] between the hands; .35 to .45 for a box.
        lean_back: [deg] of the trunk; 3 to 5.
        step: length of a step as a part of the walk's at this speed.
        yaw: part of the walk's pelvis and torso yaw, so that the box goes straight.
        walk: the walk below.
    """

    elbow: float = 95.0
    upper_arm: float = 20.0
    hands_apart: float = 0.40
    lean_back: float = 3.0
    step: float = 0.9
    yaw: float = 0.5
    walk: WalkConfig = field(default_factory=WalkConfig)


def carry_motion(speed: float, config: CarryConfig) -> tuple[Array, Array, Array]:
    """Return one stride of carrying: qpos (T, 26), contact (T, 2) bool, advance (3,) [m].

    Args:
        speed: [m/s], .8 to 1.1.
        config: the shape.

    Raises:
        MwxError: a speed people do not carry at, or arms beyond the robot's joints.
    """
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise MwxError(f"carry at {speed} m/s: people carry at {SPEEDS[0]} to {SPEEDS[1]} m/s; "
                       "without a load ask for a walk")
    walk = replace(config.walk, cadence=config.walk.cadence / config.step)
    arms = arm_joints(config)
    tilt = rotations.about("y", np.array(-np.radians(config.lean_back)))

    def hold(qpos: Array, phase: Array) -> Array:
        out = qpos.copy()
        heading = config.yaw * rotations.heading(qpos[:, 3:7])
        out[:, 3:7] = rotations.multiply(rotations.about("z", heading),
                                         np.tile(tilt, (len(phase), 1)))
        out[:, 7 + H1.joint("torso")] *= config.yaw
        for name, angle in arms.items():
            out[:, 7 + H1.joint(name)] = angle
        return out

    return walk_motion(speed, walk, hold)


def arm_joints(config: CarryConfig) -> dict[str, float]:
    """Return the arm joints [rad] that hold a box, name -> angle."""
    beside, reach = _hand(config)
    outward = float(np.arcsin(np.clip((config.hands_apart / 2 - beside) / reach, -1, 1)))
    angles = {}
    for side, sign in leg_ik.SIDES.items():
        angles |= {f"{side}_shoulder_pitch": float(-np.radians(config.upper_arm)),
                   f"{side}_shoulder_roll": 0.0, f"{side}_shoulder_yaw": sign * outward,
                   f"{side}_elbow": float(np.pi / 2 - np.radians(config.elbow))}
    for name, angle in angles.items():
        joint = H1.joint(name)
        if not H1.low[joint] <= angle <= H1.high[joint]:
            raise MwxError(f"carry: {name} would stand at {angle:.2f} rad, its range is "
                           f"{H1.low[joint]:.2f} to {H1.high[joint]:.2f}")
    return angles


def _hand(config: CarryConfig) -> tuple[float, float]:
    """Return how far [m] the left hand is beside the trunk, and ahead of the elbow, without yaw."""
    model = bodies.model()
    data = mujoco.MjData(model)
    data.qpos[:] = H1.home_qpos
    data.qpos[7 + H1.joint("left_shoulder_pitch")] = -np.radians(config.upper_arm)
    data.qpos[7 + H1.joint("left_elbow")] = np.pi / 2 - np.radians(config.elbow)
    mujoco.mj_kinematics(model, data)
    hand, elbow = (data.body(f"left_{name}").xpos for name in ("hand", "elbow_link"))
    return float(hand[1]), float(np.hypot(hand[0] - elbow[0], hand[2] - elbow[2]))
