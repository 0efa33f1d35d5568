"""A time-varying linear-quadratic regulator along any reference: the tracker before learning.

The reference's commands are played under an assist wrench; one control step is linearised by
finite differences at every frame of what came out, contacts included; the Riccati recursion gives
a command and a feedback matrix per frame; the regulated robot is simulated with less assist, and so
on until it needs none (iterative LQR with an annealed wrench).
"""

from dataclasses import dataclass, field

import mujoco
import numpy as np
from mujoco.batch import Batch

from mwx.experts.imitator.scene import scene
from mwx.experts.kinematics import rotation
from mwx.maths import rotations
from mwx.motion import Reference
from mwx.motion.tangent import difference, integrate
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.types import Array

NV, STATE = 25, 50
SINK = 0.001  # [m] the floor gives way under the soles of a standing robot
POSITION_STIFFNESS, POSITION_DAMPING = 500.0, 250.0  # [N/m], [N s/m], horizontal
TURN_STIFFNESS = np.array([1500.0, 1500.0, 300.0])  # [N m/rad], world axes
TURN_DAMPING = np.array([150.0, 150.0, 40.0])  # [N m s/rad]


@dataclass(frozen=True)
class RegulatorConfig:
    """Weights of the quadratic cost and the rounds of improvement.

    Attributes:
        place, height: on the pelvis [1/m^2]; tilt, heading: [1/rad^2].
        posture, arms: on leg and waist joints, on arm joints [1/rad^2].
        drift: on the pelvis' velocity [s^2/m^2]; spin: on its angular velocity; speed: on joints.
        effort: on servo torque [1/(N m)^2].
        nudge: size of the finite differences [m, rad]; velocities five times it.
        rounds: most linearisations.
        assists: strengths tried after each, the smallest that keeps the robot up is taken.
        gains: parts of the new commands tried.
        strides: periods of a loop that are simulated, the last one counts.
        enough: merit at which no further round is made.
        every: linearise every so many frames; those between take the one before.
        last: weight of the last frame of a motion that ends.
        bound: most that one frame counts, so that a fall does not hide the rest.
        price: of the full assist; the least bounded cost + price sqrt(assist) is gone on from.
    """

    place: float = 10.0
    height: float = 20.0
    tilt: float = 100.0
    heading: float = 20.0
    posture: float = 3.0
    arms: float = 1.0
    drift: float = 5.0
    spin: float = 1.0
    speed: float = 0.02
    effort: float = 2e-4
    nudge: float = 1e-3
    rounds: int = 4
    assists: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3, 1.0)
    gains: tuple[float, ...] = (1.0, 0.5, 0.2, 0.0)
    strides: int = 4
    enough: float = 1.0
    every: int = 1
    last: float = 5.0
    bound: float = 20.0
    price: float = 20.0


@dataclass(frozen=True)
class Track:
    """A regulated motion: u_k = ctrl_k - gain_k (x - x_k).

    Attributes:
        qpos, qvel: (T, 26), (T, 25) states x_k the gains belong to.
        ctrl: (T, 19) [rad]; gain: (T, 19, 50).
        assist: strength that the simulation behind it needed; 0 for a motion that stands alone.
        loop, advance: as in the reference.
    """

    qpos: Array
    qvel: Array
    ctrl: Array
    gain: Array
    assist: float
    loop: bool
    advance: Array = field(default_factory=lambda: np.zeros(3))

    def command(self, frame: Array, qpos: Array, qvel: Array) -> Array:
        """Return servo commands (B, 19) [rad].

        Args:
            frame: (B,) int, frames since the start of the reference; a loop may go on for ever.
            qpos, qvel: (B, 26), (B, 25) states.
        """
        k, cycle = wrapped(frame, len(self.ctrl), self.loop)
        wanted = self.qpos[k].copy()
        wanted[:, :3] += cycle[:, None] * self.advance
        error = np.concatenate([difference(wanted, qpos), qvel - self.qvel[k]], -1)  # (B, 50)
        return self.ctrl[k] - np.einsum("bij,bj->bi", self.gain[k], error)


def regulate(reference: Reference, config: RegulatorConfig | None = None) -> Track:
    """Return the regulator of a reference; deterministic."""
    config = config or RegulatorConfig()
    model = scene(reference)
    still = feed_forward(reference)
    path = _best(_simulate(model, reference, [(still, 1.0)], config))
    track, best = still, np.inf
    for _ in range(config.rounds):
        a, b, defect = _linearise(model, path, config)
        feed, gain = _riccati(a, b, defect, path, reference, config)
        trials = [(Track(path.qpos[:-1], path.qvel[:-1], path.ctrl + part * feed, gain, assist,
                         reference.loop, reference.advance), assist)
                  for assist in config.assists for part in config.gains]
        path = _best(_simulate(model, reference, trials, config))
        if path.merit >= best:
            break
        track, best = path.track, path.merit
        if best < config.enough:
            break
    return track


def feed_forward(reference: Reference) -> Track:
    """Return the reference's own commands, without feedback."""
    return Track(reference.qpos, reference.qvel, reference.ctrl,
                 np.zeros((reference.num_frames, NV - 6, STATE)), 1.0, reference.loop,
                 reference.advance)


@dataclass(frozen=True)
class _Path:
    """One simulation: states (T + 1, .), commands (T, 19), warm starts (T, 25)."""

    track: Track
    assist: float
    qpos: Array
    qvel: Array
    ctrl: Array
    warmstart: Array
    merit: float  # bounded cost and price of the assist; less is better


def wrench(qpos: Array, qvel: Array, wanted: Array, speed: Array) -> Array:
    """Return force and torque (B, 6) [N, N m] that pull the pelvis to its reference, world frame.

    The height is left to the legs, so that the feet carry the robot as they will have to.
    """
    force = POSITION_STIFFNESS * (wanted[:, :3] - qpos[:, :3]) \
        + POSITION_DAMPING * (speed[:, :3] - qvel[:, :3])
    force[:, 2] = 0
    turn = rotations.multiply(wanted[:, 3:7], rotations.conjugate(qpos[:, 3:7]))
    spin = np.einsum("bij,bj->bi", rotation(qpos[:, 3:7]), qvel[:, 3:6])
    wanted_spin = np.einsum("bij,bj->bi", rotation(wanted[:, 3:7]), speed[:, 3:6])
    torque = TURN_STIFFNESS * rotations.log(turn) + TURN_DAMPING * (wanted_spin - spin)
    return np.concatenate([force, torque], -1)


def _simulate(model: mujoco.MjModel, reference: Reference,
              trials: list[tuple[Track, float]], config: RegulatorConfig) -> list[_Path]:
    """Play every trial (track, assist) from the first frame; of a loop keep the last period."""
    frames, count = reference.num_frames, len(trials)
    strides = config.strides if reference.loop else 1
    batch = Batch(model, count, 1)
    pushes = batch.bind("xfrc_applied")
    pelvis, strength = model.body("pelvis").id, np.array([t[1] for t in trials])[:, None]
    start = reference.qpos[0].copy()
    start[2] -= SINK if reference.contact[0].any() else 0.0
    batch.qpos[:], batch.qvel[:] = start, reference.qvel[0]
    rows = []
    for k in range(strides * frames):
        now = reference.frame(np.array([k / reference.fps]))
        index = np.array([k])
        qpos, qvel = batch.qpos.copy(), batch.qvel.copy()
        qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=-1, keepdims=True)
        ctrl = np.concatenate([t.command(index, qpos[i:i + 1], qvel[i:i + 1])
                               for i, (t, _) in enumerate(trials)])
        batch.ctrl[:] = ctrl = np.clip(ctrl, H1.ctrl_low, H1.ctrl_high)
        if k >= (strides - 1) * frames:
            rows.append((qpos, qvel, ctrl, batch.qacc_warmstart.copy()))
        for _ in range(SUBSTEPS // 2):  # the wrench twice as stiffly damped as the legs: 4 ms
            pull = wrench(batch.qpos, batch.qvel, now.qpos, now.qvel)
            pushes[:, pelvis] = strength * pull
            batch.step(nstep=2)
    qpos, qvel, ctrl, warm = (np.array(x) for x in zip(*rows, strict=True))
    qpos, qvel = np.concatenate([qpos, batch.qpos[None]]), np.concatenate([qvel, batch.qvel[None]])
    qpos[..., 3:7] /= np.linalg.norm(qpos[..., 3:7], axis=-1, keepdims=True)
    qpos[..., :3] -= (strides - 1) * reference.advance
    out = []
    for i, (track, assist) in enumerate(trials):
        error = _errors(qpos[:-1, i], qvel[:-1, i], reference)
        cost = np.nan_to_num(((error ** 2) * _state_cost(config)).sum(-1), nan=np.inf)
        merit = float(np.minimum(cost, config.bound).mean()) + config.price * assist ** 0.5
        out.append(_Path(track, assist, qpos[:, i], qvel[:, i], ctrl[:, i], warm[:, i], merit))
    return out


def _best(paths: list[_Path]) -> _Path:
    return min(paths, key=lambda path: path.merit)


def _errors(qpos: Array, qvel: Array, reference: Reference) -> Array:
    return np.concatenate([difference(reference.qpos, qpos), qvel - reference.qvel], -1)


def _linearise(model: mujoco.MjModel, path: _Path, config: RegulatorConfig
               ) -> tuple[Array, Array, Array]:
    """Return A (T, 50, 50), B (T, 50, 19) and the defect (T, 50) of one unassisted control step.

    Where the robot is (x, y) does not matter to the step, so that is not nudged.
    """
    nudge, frames = config.nudge, len(path.ctrl)
    sizes = np.concatenate([np.full(NV, nudge), np.full(NV, 5 * nudge), np.full(NV - 6, nudge)])
    signed = np.concatenate([np.diag(sizes)[2:], -np.diag(sizes)[2:]])
    batch, count = Batch(model, len(signed), 1), len(sizes) - 2
    jacobian = np.zeros((frames, STATE, len(sizes)))
    jacobian[:, 0, 0] = jacobian[:, 1, 1] = 1
    for k in range(0, frames, config.every):
        same = np.full(len(signed), k)
        ends = _one_step(batch, path, same, signed)
        jacobian[k:k + config.every, :, 2:] = ((ends[:count] - ends[count:])
                                               / (2 * sizes[2:, None])).T
    defect = _one_step(Batch(model, frames, 1), path, np.arange(frames), np.zeros(len(sizes)))
    return jacobian[..., :STATE], jacobian[..., STATE:], defect


def _one_step(batch: Batch, path: _Path, k: Array, nudge: Array) -> Array:
    """Return where a step from the nudged states k (B,) ends, from the path's next (B, 50)."""
    nudge = np.broadcast_to(nudge, (len(k), nudge.shape[-1]))
    batch.qpos[:] = integrate(path.qpos[k], nudge[:, :NV])
    batch.qvel[:] = path.qvel[k] + nudge[:, NV:STATE]
    batch.ctrl[:] = path.ctrl[k] + nudge[:, STATE:]
    batch.qacc_warmstart[:] = path.warmstart[k]
    batch.step(nstep=SUBSTEPS)
    return np.concatenate([difference(path.qpos[k + 1], batch.qpos),
                           batch.qvel - path.qvel[k + 1]], -1)


def _riccati(a: Array, b: Array, defect: Array, path: _Path, reference: Reference,
             config: RegulatorConfig) -> tuple[Array, Array]:
    """Return the change of command (T, 19) and the gains (T, 19, 50)."""
    frames, effort = len(a), np.diag(config.effort * H1.kp ** 2)
    weights = _state_cost(config)
    cost = np.diag(weights)
    pull = weights * _errors(path.qpos[:-1], path.qvel[:-1], reference)  # (T, 50) gradient
    push = (path.ctrl - reference.ctrl) @ effort  # (T, 19)
    value, slope = config.last * cost, config.last * pull[-1]
    if reference.loop:  # the step from the last frame to the first of the next period
        gap = np.concatenate([difference(path.qpos[0], path.qpos[-1] - np.concatenate(
            [reference.advance, np.zeros(23)])), path.qvel[-1] - path.qvel[0]])
        gap[:2] = 0  # a drift of the whole stride is what the place term is for
        defect = defect.copy()
        defect[-1] += gap
    feed, gain = np.zeros((frames, NV - 6)), np.zeros((frames, NV - 6, STATE))
    for _ in range(8 if reference.loop else 1):
        for k in range(frames - 1, -1, -1):
            ahead = slope + value @ defect[k]
            curve = effort + b[k].T @ value @ b[k]
            both = np.linalg.solve(curve, np.column_stack(
                [b[k].T @ value @ a[k], b[k].T @ ahead + push[k]]))
            gain[k], feed[k] = both[:, :-1], -both[:, -1]
            slope = pull[k] + a[k].T @ (ahead + value @ b[k] @ feed[k])
            value = cost + a[k].T @ value @ (a[k] - b[k] @ gain[k])
            value = (value + value.T) / 2
    return feed, gain


def _state_cost(c: RegulatorConfig) -> Array:
    joints = np.array([c.arms if "shoulder" in n or "elbow" in n else c.posture
                       for n in H1.joint_names])
    position = np.concatenate([[c.place, c.place, c.height, c.tilt, c.tilt, c.heading], joints])
    velocity = np.concatenate([[c.drift] * 3, [c.spin] * 3, np.full(len(joints), c.speed)])
    return np.concatenate([position, velocity])


def wrapped(frame: Array, frames: Array | int, loop: Array | bool) -> tuple[Array, Array]:
    """Return the frame inside the clip and the number of whole periods before it."""
    inside = np.where(loop, frame % frames, np.clip(frame, 0, np.asarray(frames) - 1))
    return inside, np.where(loop, frame // frames, 0)
