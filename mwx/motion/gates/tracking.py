"""The simulation gate: play the feed-forward commands alone, in short windows, and see it hold."""

import functools
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco import rollout

from mwx.maths import rotations
from mwx.motion import bodies
from mwx.motion.gates.verdict import Check, Verdict, decide, not_judged
from mwx.motion.reference import Reference
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT, SUBSTEPS
from mwx.types import Array

NAME, VERSION = "tracking", 1


@dataclass(frozen=True)
class TrackingLimits:
    """The windows, when the robot counts as lost, and what passes.

    Attributes:
        window_s: [s] played from each start; nothing corrects an unstable robot, so that after 1 s
            any gait is lost and says nothing about the reference.
        starts: windows per reference, evenly spaced.
        lost_distance: [m] mean over bodies (H2O's bound of success).
        lost_drop: [m] of the pelvis below the reference.
        lost_tilt: [rad] between the pelvis and the reference's; 0.78 is H2O's |gravity xy| 0.7.
        distance: [m] largest mean body distance that passes.
        lost: largest lost part of the windows that passes.
    """

    window_s: float = 0.5
    starts: int = 8
    lost_distance: float = 0.5
    lost_drop: float = 0.3
    lost_tilt: float = 0.78
    distance: float = 0.25
    lost: float = 0.3


@dataclass(frozen=True)
class Windows:
    """What N windows of W control steps did.

    Attributes:
        starts: (N,) first frames; distance: (N, W) [m] mean over bodies.
        drop: (N, W) [m] of the pelvis below the reference; tilt: (N, W) [rad] from it.
    """

    starts: Array
    distance: Array
    drop: Array
    tilt: Array


def tracking(reference: Reference, limits: TrackingLimits | None = None, threads: int = 1
             ) -> Verdict:
    """Return whether H1's servos, fed the reference's commands, stay near it for a while.

    Args:
        reference: what to play.
        limits: windows and bounds.
        threads: windows simulated at a time.
    """
    limits = limits or TrackingLimits()
    if reference.duration_s < 2 * CONTROL_DT:
        return not_judged(NAME, f"{reference.duration_s:.2f} s are too short to play", VERSION)
    if reference.bearing.get("pelvis", np.zeros(1)).any():
        return not_judged(NAME, "it rests on a seat, and the simulated world has none", VERSION)
    found = play(reference, limits, threads)
    lost = np.logical_or.accumulate(
        (found.distance > limits.lost_distance) | (found.drop > limits.lost_drop)
        | (found.tilt > limits.lost_tilt), axis=1)
    distance = found.distance.mean(axis=1)
    part = lost.mean(axis=1)
    checks = [
        Check("distance", float(distance.mean()), limits.distance, "m",
              "played open loop, bodies are off on average, worst from the start",
              int(found.starts[distance.argmax()])),
        Check("lost", float(part.mean()), limits.lost, "of the time",
              "played open loop, the robot is lost, worst from the start",
              int(found.starts[part.argmax()]))]
    return decide(NAME, checks, limits, VERSION)


def play(reference: Reference, limits: TrackingLimits, threads: int = 1) -> Windows:
    """Play N windows from states of the reference with its commands and nothing else."""
    steps = max(1, round(limits.window_s / CONTROL_DT))
    if not reference.loop:
        steps = min(steps, int(reference.duration_s / CONTROL_DT + 1e-6))
    last = reference.duration_s - (0 if reference.loop else steps * CONTROL_DT)
    begins = np.linspace(0, last, limits.starts, endpoint=not reference.loop)
    frames = reference.frame(begins[:, None] + CONTROL_DT * np.arange(steps + 1))
    states = _simulate(frames.qpos[:, 0], frames.qvel[:, 0], frames.ctrl[:, :-1], threads)
    wanted = frames.qpos[:, 1:]
    distance = np.linalg.norm(_places(states) - _places(wanted), axis=-1).mean(axis=-1)
    up = np.array([0.0, 0.0, 1.0])
    mine, theirs = (rotations.rotate(x[..., 3:7], up) for x in (states, wanted))
    tilt = np.arccos(np.clip(np.sum(mine * theirs, axis=-1), -1, 1))
    return Windows(np.floor(begins * reference.fps + 1e-6).astype(int), distance,
                   wanted[..., 2] - states[..., 2], tilt)


def _simulate(qpos: Array, qvel: Array, ctrl: Array, threads: int) -> Array:
    """Return the configurations (N, W, 26) after each of W control steps.

    Args:
        qpos: (N, 26); qvel: (N, 25); ctrl: (N, W, 19) [rad]; threads: at a time.
    """
    model = _model()
    size = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    start = np.zeros((len(qpos), size))
    start[:, 1:1 + model.nq] = qpos
    start[:, 1 + model.nq:1 + model.nq + model.nv] = qvel
    data = [mujoco.MjData(model) for _ in range(max(1, threads))]
    states, _ = rollout.rollout(model, data, start, np.repeat(ctrl, SUBSTEPS, axis=1))
    out = np.asarray(states)[:, SUBSTEPS - 1::SUBSTEPS, 1:1 + model.nq]  # (N, W, 26)
    return np.nan_to_num(out, nan=1e3, posinf=1e3, neginf=-1e3)


@functools.cache
def _model() -> mujoco.MjModel:
    """Return the robot on its floor with its servos; a diverged window stays where it went."""
    model = H1.model()
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    return model


def _places(qpos: Array) -> Array:
    """Return all body positions (..., bodies, 3) [m] for configurations (..., 26)."""
    model = bodies.model()
    data = mujoco.MjData(model)
    rows = qpos.reshape(-1, model.nq)
    out = np.zeros((len(rows), model.nbody - 1, 3))
    for i, row in enumerate(rows):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        out[i] = data.xpos[1:]
    return out.reshape(*qpos.shape[:-1], model.nbody - 1, 3)
