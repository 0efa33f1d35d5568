"""Per-frame inverse kinematics: the human's key points, robot-sized -> q* of paper eq. (8).

Each frame is a weighted least-squares problem inside the joint limits, solved by damped
Gauss-Newton steps that are taken for many frames at once. Every few frames one is solved from
rest; the others start between their solved neighbours, so that all follow the same branch.
"""

from dataclasses import dataclass

import numpy as np

from mwx.maths import rotations
from mwx.motion import kinematics, tangent
from mwx.motion.kinematics import Pose
from mwx.motion.skeleton_fit import Targets
from mwx.robot import H1
from mwx.types import Array

# part of the body -> link whose origin stands for it
LINKS = {"pelvis": "pelvis", **{f"{side}_{part}": f"{side}_{link}" for side in ("left", "right")
         for part, link in (("hip", "hip_pitch_link"), ("knee", "knee_link"),
                            ("ankle", "ankle_link"), ("shoulder", "shoulder_roll_link"),
                            ("elbow", "elbow_link"), ("wrist", "hand"))}}


DAMPING, ERROR_DAMPING = 1e-4, 0.01  # of a step: always, and per squared weighted error


@dataclass(frozen=True)
class SeedConfig:
    """Weights of the inverse kinematics (position tasks: 1 / m; orientation: 1 / rad).

    Attributes:
        ankle, stance_ankle, knee, shoulder, elbow, wrist, pelvis: positions.
        foot_pitch, foot_yaw, their stance_ versions, base: orientations.
        posture: pull of the joints towards rest.
        steps, first_steps: iterations per frame, and for those solved from rest.
        every: frames from one that is solved from rest to the next.
        margin: [rad] kept from the joint limits.
    """

    ankle: float = 4.0
    stance_ankle: float = 14.0
    knee: float = 1.5
    shoulder: float = 0.7
    elbow: float = 1.5
    wrist: float = 2.0
    pelvis: float = 1.5
    foot_pitch: float = 0.3
    stance_foot_pitch: float = 1.5
    foot_yaw: float = 0.3
    stance_foot_yaw: float = 2.0
    base: float = 0.7
    posture: float = 0.01
    steps: int = 3
    first_steps: int = 12
    every: int = 6
    margin: float = 0.01


def seed(targets: Targets, config: SeedConfig, near: Array | None = None) -> Array:
    """Return q* (T, 26), joints inside their limits.

    Args:
        targets: what the robot should do; config: weights.
        near: (T, 26) the solution of almost the same targets, where there is one.
    """
    if near is not None:
        return _improved(near, _aims(targets, config), config, config.steps)
    frames = len(targets.base)
    knots = np.unique(np.append(np.arange(0, frames, config.every), frames - 1))
    start = np.tile(_rest(), (len(knots), 1))
    start[:, :3], start[:, 3:7] = targets.points["pelvis"][knots], targets.base[knots]
    aims = _aims(targets, config)
    solved = _improved(start, _taken(aims, knots), config, config.first_steps)
    return _improved(_between(solved, knots, frames), aims, config, config.steps)


@dataclass(frozen=True)
class Aim:
    """What a link should do: be at `place` (T, 3) and turned as `turn` (T, 4).

    Attributes:
        link: name of the body; weight: (T,) of the place; turn_weight: (T, 3) of the turn in the
            link's own frame; both None where only the place counts.
    """

    link: str
    place: Array
    weight: Array
    turn: Array | None = None
    turn_weight: Array | None = None


def _aims(targets: Targets, config: SeedConfig) -> list[Aim]:
    frames = len(targets.base)
    weights = {"pelvis": config.pelvis, "knee": config.knee, "shoulder": config.shoulder,
               "elbow": config.elbow, "wrist": config.wrist}
    aims = []
    for part, link in LINKS.items():
        kind = part.split("_")[-1]
        if kind not in weights:
            continue
        turn = targets.base if kind == "pelvis" else None
        aims.append(Aim(link, targets.points[part], np.full(frames, weights[kind]), turn,
                        None if turn is None else np.full((frames, 3), config.base)))
    for i, side in enumerate(("left", "right")):
        on = targets.contact[:, i]
        pitch = np.where(on, config.stance_foot_pitch, config.foot_pitch)
        yaw = np.where(on, config.stance_foot_yaw, config.foot_yaw)
        turn = rotations.multiply(rotations.about("z", targets.foot_yaw[side]),
                                  rotations.about("y", targets.foot_pitch[side]))
        # in the foot's frame: roll is the leg's, pitch the ankle's, yaw the hip's
        aims.append(Aim(LINKS[f"{side}_ankle"], targets.points[f"{side}_ankle"],
                        np.where(on, config.stance_ankle, config.ankle), turn,
                        np.stack([0.3 * pitch, pitch, yaw], axis=1)))
    return aims


def _taken(aims: list[Aim], index: Array) -> list[Aim]:
    """Return the aims at some frames."""
    return [Aim(a.link, a.place[index], a.weight[index], *(
        None if x is None else x[index] for x in (a.turn, a.turn_weight))) for a in aims]


def _rest() -> Array:
    """Return the pose the joints lean to where nothing else decides: slightly bent."""
    rest = H1.home_qpos.copy()
    for side in ("left", "right"):
        rest[7 + H1.joint(f"{side}_elbow")] = 1.0
    return rest


def _between(solved: Array, knots: Array, frames: int) -> Array:
    """Return configurations (frames, 26) on the straight ways between those at the knots."""
    if len(knots) == 1:
        return np.repeat(solved, frames, axis=0)
    place = np.arange(frames)
    low = np.clip(np.searchsorted(knots, place, side="right") - 1, 0, len(knots) - 2)
    part = (place - knots[low]) / (knots[low + 1] - knots[low])
    return tangent.integrate(solved[low],
                             part[:, None] * tangent.difference(solved[low], solved[low + 1]))


def _improved(qpos: Array, aims: list[Aim], config: SeedConfig, steps: int) -> Array:
    rest = _rest()[7:]
    low, high = H1.low + config.margin, H1.high - config.margin
    qpos = np.concatenate([qpos[:, :7], np.clip(qpos[:, 7:], low, high)], axis=1)
    for _ in range(steps):
        rows, errors = _linearised(kinematics.forward(qpos), aims)
        matrix = rows.swapaxes(-1, -2) @ rows  # (T, 25, 25)
        slope = (errors[:, None] @ rows)[:, 0]
        joints = np.arange(6, matrix.shape[-1])
        matrix[:, joints, joints] += config.posture ** 2
        slope[:, 6:] += config.posture ** 2 * (qpos[:, 7:] - rest)
        damping = DAMPING + ERROR_DAMPING * np.sum(errors ** 2, axis=1)
        matrix += damping[:, None, None] * np.eye(matrix.shape[-1])
        step = _bounded_step(matrix, slope, low - qpos[:, 7:], high - qpos[:, 7:])
        qpos = tangent.integrate(qpos, step)
        qpos[:, 7:] = np.clip(qpos[:, 7:], low, high)
        if np.abs(step).max() < 1e-4:
            break
    return qpos


def _linearised(pose: Pose, aims: list[Aim]) -> tuple[Array, Array]:
    """Return weighted Jacobians (T, M, 25) and errors (T, M) of all aims."""
    rows, errors = [], []
    for aim in aims:
        weight = aim.weight[:, None]
        rows.append(weight[..., None] * kinematics.place_jacobian(pose, aim.link))
        errors.append(weight * (pose.places[aim.link] - aim.place))
        if aim.turn is not None and aim.turn_weight is not None:
            turned = pose.turns[aim.link]
            away = rotations.from_matrix(rotations.to_matrix(aim.turn).swapaxes(-1, -2) @ turned)
            own = turned.swapaxes(-1, -2) @ kinematics.turn_jacobian(pose, aim.link)
            rows.append(aim.turn_weight[..., None] * own)
            errors.append(aim.turn_weight * rotations.log(away))
    return np.concatenate(rows, axis=1), np.concatenate(errors, axis=1)


def _bounded_step(matrix: Array, slope: Array, low: Array, high: Array) -> Array:
    """Return Newton steps (T, 25); joints that would leave their range stop at its end."""
    step = np.linalg.solve(matrix, -slope[..., None])[..., 0]
    for _ in range(2):
        bound = np.clip(step[:, 6:], low, high)
        fixed = np.concatenate([np.zeros((len(step), 6), bool), bound != step[:, 6:]], axis=1)
        at = np.flatnonzero(fixed.any(axis=1))
        if not len(at):
            break
        held, stop = fixed[at], np.concatenate([np.zeros((len(at), 6)), bound[at]], axis=1)
        stop = np.where(held, stop, 0.0)
        right = np.where(held, stop, -slope[at] - (matrix[at] @ stop[..., None])[..., 0])
        apart = held[:, :, None] | held[:, None, :]
        reduced = np.where(apart, np.eye(matrix.shape[-1]), matrix[at])
        step[at] = np.linalg.solve(reduced, right[..., None])[..., 0]
    return step
