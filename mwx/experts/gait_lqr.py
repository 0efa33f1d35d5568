"""A walking controller without learning: periodic linear-quadratic regulation around a gait.

The reference's feed-forward commands are played under a full assist wrench until the motion is
periodic; one control step at every frame of that orbit is linearised by finite differences in the
simulator, contacts included; the periodic Riccati equation gives a feedback matrix per frame.
Foot placement follows by itself: where a foot lands is part of the linearised step.
"""

from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco.batch import Batch

from mwx.experts.assist import assist_wrench
from mwx.experts.prior import Target
from mwx.maths import rotations
from mwx.motion import Reference
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.types import Array, Obs

CYCLES = 8  # strides until the assisted motion repeats itself
SWEEPS = 40  # most rounds of the Riccati recursion


@dataclass(frozen=True)
class GaitLqrConfig:
    """Weights of the quadratic cost; where the robot is (x, y) costs nothing.

    Attributes:
        height, tilt, heading: on the pelvis [1/m^2], [1/rad^2].
        posture, arms: on leg and waist joints, on arm joints [1/rad^2].
        drift: on the pelvis' horizontal velocity [s^2/m^2]; speed: on joint velocities.
        effort: on servo torque [1/(N m)^2].
        nudge: size of the finite differences [m, rad]; velocities five times it.
    """

    height: float = 20.0
    tilt: float = 100.0
    heading: float = 20.0
    posture: float = 3.0
    arms: float = 1.0
    drift: float = 5.0
    speed: float = 0.02
    effort: float = 2e-4
    nudge: float = 1e-3


@dataclass(frozen=True)
class Orbit:
    """The assisted periodic motion: states (T + 1, .) and commands (T, 19) at control rate."""

    qpos: Array
    qvel: Array
    ctrl: Array
    warmstart: Array


class GaitController:
    """u = u*_k - K_k (x - x*_k) at frame k of the stride; blended in from the home pose."""

    def __init__(self, reference: Reference, config: GaitLqrConfig | None = None):
        config = config or GaitLqrConfig()
        model = H1.model()
        self.reference = reference
        self.orbit = settled_orbit(model, reference)
        self.gains = periodic_gains(*linearised(model, self.orbit, config.nudge), config)

    def command(self, obs: Obs, time_s: Array, target: Target) -> Array:
        """Return servo commands (B, J) [rad].

        Args:
            time_s: (B,) the phase clock now.
            target: its `ramp` says how far the gait has been blended in.
        """
        frames = len(self.orbit.ctrl)
        k = np.round(time_s * self.reference.fps).astype(int) % frames
        share, p = target.ramp[:, None], obs.proprio
        wanted, speed = self.orbit.qpos[k], share * self.orbit.qvel[k]
        home = H1.home_qpos
        upright = np.array([1.0, 0, 0, 0])
        turn = upright + share * (wanted[:, 3:7] - upright)
        turn /= np.linalg.norm(turn, axis=-1, keepdims=True)
        actual = p[:, 3:7] / np.linalg.norm(p[:, 3:7], axis=-1, keepdims=True)
        height = home[2] + share[:, 0] * (wanted[:, 2] - home[2])
        joints = home[7:] + share * (wanted[:, 7:] - home[7:])
        error = np.concatenate([
            np.zeros((len(p), 2)), (p[:, 2] - height)[:, None],
            rotations.log(rotations.multiply(rotations.conjugate(turn), actual)),
            p[:, 7:26] - joints, p[:, 26:51] - speed], -1)  # (B, 50)
        feed = home[7:] + share * (self.orbit.ctrl[k] - home[7:])
        return feed - np.einsum("bij,bj->bi", self.gains[k], error)


def settled_orbit(model: mujoco.MjModel, reference: Reference) -> Orbit:
    """Play the reference's commands under the full assist and return the last stride."""
    data, frames = mujoco.MjData(model), reference.num_frames
    data.qpos[:], data.qvel[:] = reference.qpos[0], reference.qvel[0]
    speed = np.array([reference.advance[0] / reference.duration_s])
    pelvis, rows = model.body("pelvis").id, []
    for k in range(CYCLES * frames):
        data.ctrl[:] = reference.ctrl[k % frames]
        if k >= (CYCLES - 1) * frames:
            rows.append((data.qpos.copy(), data.qvel.copy(), data.ctrl.copy(),
                         data.qacc_warmstart.copy()))
        for _ in range(SUBSTEPS):
            force, torque = assist_wrench(data.qpos[None], data.qvel[None], speed)
            data.xfrc_applied[pelvis] = np.concatenate([force[0], torque[0]])
            mujoco.mj_step(model, data)
    qpos, qvel, ctrl, warmstart = (np.array(x) for x in zip(*rows, strict=True))
    return Orbit(np.vstack([qpos, data.qpos]), np.vstack([qvel, data.qvel]), ctrl, warmstart)


def linearised(model: mujoco.MjModel, orbit: Orbit, nudge: float) -> tuple[Array, Array]:
    """Return A (T, 50, 50) and B (T, 50, 19) of one control step at every frame."""
    nv, frames = model.nv, len(orbit.ctrl)
    state, inputs = 2 * nv, model.nu
    sizes = np.concatenate([np.full(nv, nudge), np.full(nv, 5 * nudge), np.full(inputs, nudge)])
    signed = np.concatenate([np.diag(sizes), -np.diag(sizes)])  # (2 N, N)
    batch = Batch(model, len(signed), 0)
    jacobian = np.zeros((frames, state, len(sizes)))
    for k in range(frames):
        start = np.tile(orbit.qpos[k], (len(signed), 1))
        for row, move in zip(start, signed[:, :nv], strict=True):
            mujoco.mj_integratePos(model, row, move, 1.0)
        batch.qpos[:], batch.qvel[:] = start, orbit.qvel[k] + signed[:, nv:state]
        batch.ctrl[:] = orbit.ctrl[k] + signed[:, state:]
        batch.qacc_warmstart[:] = orbit.warmstart[k]
        batch.step(nstep=SUBSTEPS)
        ends = np.zeros((len(signed), state))
        for row, qpos in zip(ends, batch.qpos, strict=True):
            mujoco.mj_differentiatePos(model, row[:nv], 1.0, orbit.qpos[k + 1], qpos)
        ends[:, nv:] = batch.qvel - orbit.qvel[k + 1]
        plus, minus = ends[:len(sizes)], ends[len(sizes):]
        jacobian[k] = ((plus - minus) / (2 * sizes[:, None])).T
    return jacobian[..., :state], jacobian[..., state:]


def periodic_gains(a: Array, b: Array, config: GaitLqrConfig) -> Array:
    """Return K (T, 19, 50), the fixed point of the Riccati recursion round the stride."""
    cost, effort = _weights(config)
    value = cost.copy()
    gains = np.zeros((len(a), b.shape[2], a.shape[1]))
    for _ in range(SWEEPS):
        before = value
        for k in range(len(a) - 1, -1, -1):
            gains[k] = np.linalg.solve(effort + b[k].T @ value @ b[k], b[k].T @ value @ a[k])
            value = cost + a[k].T @ value @ (a[k] - b[k] @ gains[k])
            value = (value + value.T) / 2
        if np.abs(value - before).max() < 1e-6 * np.abs(value).max():
            break
    return gains


def _weights(c: GaitLqrConfig) -> tuple[Array, Array]:
    joints = np.array([c.arms if "shoulder" in n or "elbow" in n else c.posture
                       for n in H1.joint_names])
    position = np.concatenate([[0, 0, c.height, c.tilt, c.tilt, c.heading], joints])
    velocity = np.concatenate([[c.drift, c.drift, 1, 1, 1, 1], np.full(len(joints), c.speed)])
    return np.diag(np.concatenate([position, velocity])), c.effort * np.diag(H1.kp ** 2)
