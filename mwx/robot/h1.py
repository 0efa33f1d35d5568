"""Robots as frozen records of named numbers; the Unitree H1 (51 observations, 19 actions)."""

from collections.abc import Callable
from dataclasses import dataclass

import mujoco
import numpy as np

from mwx.robot import h1_numbers as n
from mwx.robot.build import h1_spec
from mwx.types import Array, brief

CONTROL_DT = 0.02  # [s] control period: 50 Hz, 10 physics steps (HumanoidBench)
SUBSTEPS = 10


@dataclass(frozen=True)
class Robot:
    """A robot's numbers: J joints in the order of qpos, A servos in the order of the actions.

    H1's servos are its joints, in the same order. With hands the orders differ, and one servo may
    pull two joints by a tendon.

    Attributes:
        joint_names: (J,) in the order of qpos.
        servo_names: (A,) in the order of the actions.
        home_qpos: (7 + J,) base position, base quaternion (w, x, y, z), joints.
        low, high: (J,) [rad] joint limits.
        ctrl_low, ctrl_high: (A,) [rad] servo command ranges: actions -1 and 1.
        kp, kv, force_limit: (A,) servo gains [N m/rad], [N m s/rad] and force bound [N m].
        speed_limit: (J,) [rad/s].
        mirror_joint, mirror_sign: (J,) left-right reflection: q_mirrored = sign * q[index].
        build: makes the MjSpec of the robot on a floor.
    """

    name: str
    joint_names: tuple[str, ...]
    servo_names: tuple[str, ...]
    home_qpos: Array
    low: Array
    high: Array
    ctrl_low: Array
    ctrl_high: Array
    kp: Array
    kv: Array
    force_limit: Array
    speed_limit: Array
    mirror_joint: Array
    mirror_sign: Array
    build: Callable[[], mujoco.MjSpec]

    __repr__ = brief

    @property
    def act_dim(self) -> int:
        """A: number of servos."""
        return len(self.servo_names)

    @property
    def obs_dim(self) -> int:
        """Size of the robot's own part of an observation: qpos, then qvel."""
        return self.nq + self.nv

    @property
    def nq(self) -> int:
        """Size of the robot's qpos: base (7) and joints."""
        return 7 + len(self.joint_names)

    @property
    def nv(self) -> int:
        """Size of the robot's qvel: base (6) and joints."""
        return 6 + len(self.joint_names)

    @property
    def home_joints(self) -> Array:
        """(J,) [rad] joints of the home pose."""
        return self.home_qpos[7:]

    def spec(self) -> mujoco.MjSpec:
        """Return a new MjSpec of the robot on a floor."""
        return self.build()

    def model(self, drawn: bool = False) -> mujoco.MjModel:
        """Return the compiled robot on a floor, with what is only looked at if `drawn`."""
        spec = self.spec()
        spec.compiler.discardvisual = not drawn
        return spec.compile()

    def joint(self, name: str) -> int:
        """Return a joint's place in the order of `joint_names`."""
        return self.joint_names.index(name)

    def to_action(self, ctrl: Array) -> Array:
        """Map servo commands (..., A) [rad] to actions in [-1, 1], clipped."""
        span = self.ctrl_high - self.ctrl_low
        return np.clip(2 * (ctrl - self.ctrl_low) / span - 1, -1, 1)

    def to_ctrl(self, action: Array) -> Array:
        """Map actions (..., A) in [-1, 1] to servo commands [rad]."""
        return self.ctrl_low + (action + 1) / 2 * (self.ctrl_high - self.ctrl_low)

    def commands(self, joints: Array) -> Array:
        """Return the servo commands (..., A) [rad] that ask for the joints (..., J) [rad].

        A servo on a tendon over two joints is asked for their sum. Commands are not clipped.
        """
        columns = [joints[..., index].sum(axis=-1) for index in self._joints_of_servos()]
        return np.stack(columns, axis=-1)

    def _joints_of_servos(self) -> list[list[int]]:
        """Return the joints that each servo moves; `lh_FFJ0` moves `lh_FFJ2` and `lh_FFJ1`."""
        def joints(servo: str) -> list[int]:
            names = [servo] if servo in self.joint_names else [servo[:-1] + "2", servo[:-1] + "1"]
            return [self.joint(name) for name in names]
        return [joints(servo) for servo in self.servo_names]


def _bare(name: str) -> str:
    return name.removeprefix("left_").removeprefix("right_")


def _mirror(names: tuple[str, ...]) -> tuple[Array, Array]:
    swap = {"left_": "right_", "right_": "left_"}
    index = [next((names.index(swap[s] + x[len(s):]) for s in swap if x.startswith(s)), i)
             for i, x in enumerate(names)]
    sign = [-1.0 if x.endswith(("yaw", "roll")) or x == "torso" else 1.0 for x in names]
    return np.array(index), np.array(sign)


def _h1() -> Robot:
    names = tuple(row[0] for row in n.JOINTS)
    limits = np.array([row[3] for row in n.JOINTS])
    kp, kv, force = np.array([row[1:] for row in n.ACTUATORS]).T
    index, sign = _mirror(names)
    return Robot(
        name="h1", joint_names=names, servo_names=names,
        home_qpos=np.array([*n.HOME_BASE, *n.HOME_JOINTS]),
        low=limits[:, 0], high=limits[:, 1], ctrl_low=limits[:, 0], ctrl_high=limits[:, 1],
        kp=kp, kv=kv, force_limit=force,
        speed_limit=np.array([n.SPEED_LIMITS[_bare(x)] for x in names]),
        mirror_joint=index, mirror_sign=sign, build=h1_spec)


H1 = _h1()
