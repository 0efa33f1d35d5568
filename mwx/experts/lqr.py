"""A balance controller for standing: linear-quadratic regulation around the stance.

It needs no learning and no human; it warms up the replay of the experts that stand, and any Stand
expert must beat it under pushes to be worth its weights.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
import scipy.linalg

from mwx.experts.kinematics import Limb, heading_rotation, rotation
from mwx.experts.prior import Target
from mwx.motion import Reference
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.types import Array, Obs

LEGS = 10  # joints of the legs, which come first


@dataclass(frozen=True)
class LqrConfig:
    """Weights of the quadratic cost.

    Attributes:
        balance: on the centre of mass over the feet [1/m^2]; much, with cheap effort, bears pushes
            (docs/log.md).
        posture, arms: on leg and waist joints, and on arm joints [1/rad^2].
        speed: on all velocities.
        effort: on servo torque per unit command [1/(N m)^2].
    """

    balance: float = 5000.0
    posture: float = 3.0
    arms: float = 1.0
    speed: float = 0.1
    effort: float = 1e-4


class BalanceController:
    """u = u* - K (x - x*) with x relative to the feet, so that it may stand anywhere."""

    def __init__(self, reference: Reference, config: LqrConfig | None = None):
        self.reference = reference
        self.gain = balance_gain(reference, config or LqrConfig())
        self._feet = (Limb("left_foot"), Limb("right_foot"))
        qpos = reference.qpos[:1]
        self._home = self._above_feet(np.concatenate([qpos, np.zeros((1, 25))], -1))[0]
        self._height = float(qpos[0, 2])

    def _above_feet(self, proprio: Array) -> Array:
        """Pelvis relative to the middle of the feet, in the heading frame: (B, 3)."""
        middle = sum(limb.place(proprio[:, 7:26])[0] for limb in self._feet) / 2
        turn = np.einsum("bji,bjk->bik", heading_rotation(proprio[:, 3:7]),
                         rotation(proprio[:, 3:7]))
        return -np.einsum("bij,bj->bi", turn, np.asarray(middle))

    def command(self, obs: Obs, target: Target) -> Array:
        """Return servo commands (B, J) [rad] that hold the target pose in balance."""
        p = obs.proprio
        heading = heading_rotation(p[:, 3:7])
        place = self._above_feet(p) - self._home
        place[:, 2] = p[:, 2] - self._height
        tilt = np.einsum("bji,bjk->bik", heading, rotation(p[:, 3:7]))
        turn = np.stack([tilt[:, 2, 1], -tilt[:, 2, 0], np.zeros(len(p))], -1)
        velocity = np.einsum("bji,bj->bi", heading, p[:, 26:29])
        error = np.concatenate([place, turn, p[:, 7:26] - target.q, velocity, p[:, 29:51]], -1)
        return target.ctrl - error @ self.gain.T


def balance_gain(reference: Reference, config: LqrConfig) -> Array:
    """Return the feedback matrix K (J, 50) of the control-rate regulator around the stance."""
    model = H1.model()
    data = mujoco.MjData(model)
    _settle(model, data, reference)
    step, control = _linearise(model, data)
    cost, effort = _cost(model, data, config)
    riccati = scipy.linalg.solve_discrete_are(step, control, cost, effort)
    gain = np.linalg.solve(effort + control.T @ riccati @ control, control.T @ riccati @ step)
    gain[:, 5] = 0  # the heading is not regulated: the feet hold it
    gain[LEGS:] = 0  # balance is the legs' affair: hands stay where they are sent, come what may
    return gain


def _settle(model: mujoco.MjModel, data: mujoco.MjData, reference: Reference) -> None:
    """Sink the stance until the floor carries its weight, so that it is an equilibrium."""
    lowest = None
    for sink in np.linspace(-0.0005, 0.0025, 301):
        data.qpos[:] = reference.qpos[0]
        data.qpos[2] -= sink
        data.qvel[:], data.qacc[:] = 0, 0
        data.ctrl[:] = reference.ctrl[0]
        mujoco.mj_inverse(model, data)
        force = abs(data.qfrc_inverse[2])
        if lowest is None or force < lowest[0]:
            lowest = (force, data.qpos[2].copy())
    assert lowest is not None
    data.qpos[2] = lowest[1]
    mujoco.mj_forward(model, data)


def _linearise(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Array, Array]:
    """Return A (50, 50) and B (50, 19) of one control step: ten physics steps."""
    size = 2 * model.nv
    a, b = np.zeros((size, size)), np.zeros((size, model.nu))
    mujoco.mjd_transitionFD(model, data, 1e-6, True, a, b, None, None)
    step, control = np.eye(size), np.zeros((size, model.nu))
    for _ in range(SUBSTEPS):
        control = a @ control + b
        step = a @ step
    return step, control


def _cost(model: mujoco.MjModel, data: mujoco.MjData, config: LqrConfig) -> tuple[Array, Array]:
    body, feet = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    mujoco.mj_jacSubtreeCom(model, data, body, model.body("pelvis").id)
    for side in ("left", "right"):
        one = np.zeros((3, model.nv))
        mujoco.mj_jacBodyCom(model, data, one, None, model.body(f"{side}_ankle_link").id)
        feet += one / 2
    apart = (body - feet)[:2]
    arms = np.array(["shoulder" in n or "elbow" in n for n in H1.joint_names])
    joints = np.where(arms, config.arms, config.posture)
    posture = np.diag(np.concatenate([np.zeros(2), [10.0], [50.0, 50.0, 0.01], joints]))
    position = config.balance * apart.T @ apart + posture
    cost = np.zeros((2 * model.nv, 2 * model.nv))
    cost[:model.nv, :model.nv] = position
    cost[model.nv:, model.nv:] = config.speed * np.eye(model.nv)
    return cost + 1e-6 * np.eye(2 * model.nv), config.effort * np.diag(H1.kp ** 2)
