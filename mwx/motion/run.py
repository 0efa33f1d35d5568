"""A run for H1: the ground pushes for half a sine, then nothing does.

The centre of mass c bounces and flies (`bounce`); the line of the push passes through the foot p,
so c'' = push / height (c - p) in the plane of the floor, a linear system solved once a stride.
Legs follow in `run_legs`. Rounds of whole-body inverse dynamics move p until the trunk takes no
moment that a foot could not give, and turn the trunk so that none is left over in flight.
"""

from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import gait_tables as gait
from mwx.motion import leg_ik, run_legs
from mwx.motion.bodies import centre_of_mass
from mwx.motion.bounce import FINE, Stride, bounce, over_the_feet
from mwx.motion.feedforward import GRAVITY, FeedForward, FeedForwardConfig, feed_forward
from mwx.motion.reference import mirror_qpos
from mwx.motion.stand import FPS
from mwx.robot import H1
from mwx.types import Array

SPEEDS = (2.5, 5.0)  # [m/s] where the tables hold and H1's joints are quick enough
INERTIA = np.array([6.0, 6.0, 1.5])  # [kg m^2] of the trunk, roughly: only sets the step of a round
LOW_FORCE = 50.0  # [N] below it a zero-moment point means nothing


@dataclass(frozen=True)
class RunConfig:
    """The shape of the run.

    Attributes:
        cadence: factors on the human cadence at the lowest and the highest speed; H1's flat foot
            cannot push off, so its steps are shorter.
        stance_more: added to the human part of the stride on each foot.
        leg: longest hip-ankle distance in stance as a part of the straight leg.
        toe, heel: [rad] the sole rolls over its tip at lift-off, over its heel at touch-down.
        roll_part: part of the stance each of both takes.
        blend: part of the swing in which the stance's joint velocities fade out.
        hurry: how much the first half of the swing is ahead of the human's.
        lean: [rad] of the trunk, forward.
        ahead: [m] wanted zero-moment point ahead of the ankle.
        knee: factors on the human knee flexion in swing at the lowest and the highest speed: the
            knee turns at 14 rad/s at most.
        ankle: factor on the human ankle motion in swing.
        arms: factor on the human swing of shoulder and elbow.
        abduction: [rad] arms off the body.
        rounds: of whole-body correction.
    """

    cadence: tuple[float, float] = (1.3, 1.4)
    stance_more: float = 0.03
    leg: float = 0.96
    toe: float = 0.1
    heel: float = 0.11
    roll_part: float = 0.35
    blend: float = 0.5
    hurry: float = 0.15
    lean: float = 0.04
    ahead: float = 0.01
    knee: tuple[float, float] = (0.8, 0.5)
    ankle: float = 0.5
    arms: float = 0.45
    abduction: float = 0.3
    rounds: int = 6


@dataclass(frozen=True)
class Run:
    """One stride on the fine grid.

    Attributes:
        qpos: (N, 26); contact: (N, 2) bool; advance: (3,) [m]; forward: its inverse dynamics.
    """

    qpos: Array
    contact: Array
    advance: Array
    forward: FeedForward

    @property
    def ctrl(self) -> Array:
        """(T, 19) [rad] command of each frame: the mean over the time a servo holds it."""
        return self.forward.ctrl.reshape(-1, FINE, len(H1.joint_names)).mean(1)


def run_motion(speed: float, config: RunConfig) -> Run:
    """Return one stride of running; step 0 is the right touch-down.

    Args:
        speed: [m/s]; config: the shape of the run.

    Raises:
        MwxError: a speed outside the tables.
    """
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise MwxError(f"run at {speed} m/s: the tables hold for {SPEEDS[0]} to {SPEEDS[1]} m/s")
    stride = make_stride(speed, config)
    contact = np.stack([stride.since_touchdown(s) <= stride.stance for s in ("left", "right")], 1)
    soles = {side: run_legs.place(stride, side) for side in leg_ik.SIDES}
    height, push = bounce(stride)
    target = np.where(contact[:, :1], soles["left"], soles["right"])[:, :2] + [config.ahead, 0]
    zmp, turn, level = target, np.tile([0.0, config.lean, 0.0], (stride.steps, 1)), 0.85
    qpos, forward = _upper_body(stride, config), None
    for _ in range(config.rounds):
        if forward is not None:
            zmp, turn = _corrected(zmp, turn, target, qpos, forward, push, stride)
        path = over_the_feet(zmp, push / (level + height), stride)
        com = np.column_stack([path, level + height])
        qpos, level = _body_over(com, turn, qpos, soles, stride, config)
        forward = feed_forward(qpos, contact, FPS * FINE, stride.advance,
                               FeedForwardConfig(ahead_s=0))
    assert forward is not None, "at least one round"
    return Run(qpos, contact, stride.advance, forward)


def make_stride(speed: float, config: RunConfig) -> Stride:
    """Return the timing of a run at a speed [m/s]."""
    period, part, knee = gait.run_stride(speed)
    half = round(period / np.interp(speed, SPEEDS, config.cadence) * FPS / 2)
    stance = round((part + config.stance_more) * 2 * half)
    advance = np.array([speed * 2 * half / FPS, 0.0, 0.0])
    return Stride(2 * half * FINE, stance * FINE, advance,
                  float(knee * np.interp(speed, SPEEDS, config.knee)))


def _corrected(zmp: Array, turn: Array, target: Array, qpos: Array, forward: FeedForward,
               push: Array, stride: Stride) -> tuple[Array, Array]:
    """Return the pendulum's zero-moment point and the trunk's turn, better by one round."""
    wrench = forward.wrench
    actual = np.stack([-wrench[:, 4], wrench[:, 3]], 1) / np.maximum(wrench[:, 2:3], LOW_FORCE)
    weight = np.clip(2 * push / push.max(), 0, 1)[:, None]
    moment = wrench[:, 3:] - np.cross(centre_of_mass(qpos), wrench[:, :3])
    flight = moment * (push < 0.3 * GRAVITY)[:, None]
    spectrum = np.fft.rfft(flight, axis=0)
    omega = 2 * np.pi * np.arange(len(spectrum)) / (stride.steps * stride.dt)
    omega[0] = np.inf  # a constant moment would be no oscillation
    swing = np.fft.irfft(spectrum / omega[:, None] ** 2 / INERTIA, stride.steps, axis=0)
    return zmp + _smooth((target - actual) * weight, 24), turn + _smooth(swing, 10)


def _smooth(rows: Array, harmonics: int) -> Array:
    spectrum = np.fft.rfft(rows, axis=0)
    spectrum[harmonics:] = 0
    return np.fft.irfft(spectrum, len(rows), axis=0)


def _body_over(com: Array, turn: Array, qpos: Array, soles: dict[str, Array], stride: Stride,
               config: RunConfig) -> tuple[Array, float]:
    """Return qpos (N, 26) whose centre of mass follows com, and its height [m] at touch-down."""
    qpos = qpos.copy()
    qpos[:, :3], qpos[:, 3:7] = com, rotations.exp(turn)
    actual = com
    for last in (False, False, False, False, True):
        qpos[:, :7] = _symmetric_base(qpos, stride)
        qpos[:, 2] -= run_legs.too_high(qpos, soles, stride, config)
        for side, sole in soles.items():
            joints = run_legs.leg(qpos, sole, side, stride, config)
            qpos[:, 7 + leg_ik.LEG_JOINTS[side]] = joints
        actual = centre_of_mass(qpos)
        shift = com - actual
        if not last:
            qpos[:, :3] += shift - [0, 0, shift[:, 2].mean()]
    return qpos, float((actual - com)[:, 2].mean() + com[0, 2])


def _symmetric_base(qpos: Array, stride: Stride) -> Array:
    """Return the base (N, 7) averaged with its mirror image half a stride later."""
    half = stride.steps // 2
    later = mirror_qpos(np.roll(qpos, -half, axis=0))[:, :7]
    later[half:, 0] += stride.advance[0]
    later[:, 0] -= stride.advance[0] / 2
    base = (qpos[:, :7] + later) / 2
    base[:, 3:] /= np.linalg.norm(base[:, 3:], axis=1, keepdims=True)
    return base


def _upper_body(stride: Stride, config: RunConfig) -> Array:
    phase = np.arange(stride.steps) / stride.steps
    qpos = np.tile(H1.home_qpos, (stride.steps, 1))
    joints = {"torso": np.radians(gait.symmetric_yaw(gait.RUN_TORSO_YAW, phase))}
    for side, shift in (("right", 0.0), ("left", 0.5)):
        shoulder, elbow = (np.radians(c[0] + config.arms * (gait.series(c, phase + shift) - c[0]))
                           for c in (gait.RUN_SHOULDER_FLEXION, gait.RUN_ELBOW_FLEXION))
        joints[f"{side}_shoulder_pitch"] = -shoulder
        joints[f"{side}_shoulder_roll"] = leg_ik.SIDES[side] * config.abduction + 0 * phase
        joints[f"{side}_elbow"] = np.pi / 2 - elbow
    for name, values in joints.items():
        qpos[:, 7 + H1.joint(name)] = values
    return qpos
