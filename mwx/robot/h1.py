"""The Unitree H1 (51 observations, 19 actions) as a frozen record of named numbers."""

from dataclasses import dataclass

import mujoco
import numpy as np

from mwx.robot import h1_numbers as n
from mwx.robot.build import h1_spec
from mwx.types import Array

CONTROL_DT = 0.02  # [s] control period: 50 Hz, 10 physics steps (HumanoidBench)
SUBSTEPS = 10


@dataclass(frozen=True)
class Robot:
    """A robot's numbers; arrays follow the order of `joint_names`.

    Attributes:
        home_qpos: (26,) base position, base quaternion (w, x, y, z), joints.
        low, high: (J,) [rad] joint limits, which are also the servo command range.
        kp, kv, force_limit: (J,) servo gains [N m/rad], [N m s/rad] and force bound [N m].
        speed_limit: (J,) [rad/s].
        mirror_joint, mirror_sign: (J,) left-right reflection: q_mirrored = sign * q[index].
    """

    name: str
    joint_names: tuple[str, ...]
    home_qpos: Array
    low: Array
    high: Array
    kp: Array
    kv: Array
    force_limit: Array
    speed_limit: Array
    mirror_joint: Array
    mirror_sign: Array

    @property
    def act_dim(self) -> int:
        """A: number of servos."""
        return len(self.joint_names)

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
        return h1_spec()

    def model(self, drawn: bool = False) -> mujoco.MjModel:
        """Return the compiled robot on a floor, with what is only looked at if `drawn`."""
        spec = self.spec()
        spec.compiler.discardvisual = not drawn
        return spec.compile()

    def joint(self, name: str) -> int:
        """Return a joint's place in the order of `joint_names`."""
        return self.joint_names.index(name)

    def to_action(self, ctrl: Array) -> Array:
        """Map joint position commands (..., J) [rad] to actions in [-1, 1], clipped."""
        return np.clip(2 * (ctrl - self.low) / (self.high - self.low) - 1, -1, 1)

    def to_ctrl(self, action: Array) -> Array:
        """Map actions (..., J) in [-1, 1] to joint position commands [rad]."""
        return self.low + (action + 1) / 2 * (self.high - self.low)


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
        name="h1", joint_names=names, home_qpos=np.array([*n.HOME_BASE, *n.HOME_JOINTS]),
        low=limits[:, 0], high=limits[:, 1], kp=kp, kv=kv, force_limit=force,
        speed_limit=np.array([n.SPEED_LIMITS[_bare(x)] for x in names]),
        mirror_joint=index, mirror_sign=sign)


H1 = _h1()
