"""The robot's kinematics for all frames of a motion at once: places, turns, Jacobians.

The same as MuJoCo's mj_kinematics and mj_jac (tests compare them), as array operations over time:
a whole clip costs about as much as a few frames taken one by one.
"""

import functools
from dataclasses import dataclass

import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies
from mwx.types import Array, brief


@dataclass(frozen=True)
class Tree:
    """The robot's bodies, the pelvis first; parents come before their children.

    Attributes:
        names: of the bodies; parents: index of each one's parent, -1 for the pelvis.
        offsets: (B, 3) [m], turns: (B, 3, 3) in the parent; joints: index of each one's joint or
            -1; axes: (N, 3) of the joints in their own body; chains: body -> joints that move it.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    turns: Array
    joints: tuple[int, ...]
    axes: Array
    chains: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Pose:
    """All bodies at all frames.

    Attributes:
        places: body -> (T, 3) [m]; turns: body -> (T, 3, 3).
        axes, anchors: (T, N, 3) of the joints in the world; base: (T, 3) [m].
    """

    places: dict[str, Array]
    turns: dict[str, Array]
    axes: Array
    anchors: Array
    base: Array

    __repr__ = brief


@functools.cache
def tree() -> Tree:
    """Return the robot's bodies, read from its compiled model."""
    model = bodies.model()
    numbers = range(1, model.nbody)
    # joint 0 is the floating base
    joints = [int(model.body_jntadr[b]) - 1 if model.body_jntnum[b] else -1 for b in numbers]
    joints[0] = -1
    parents = [int(model.body_parentid[b]) - 1 for b in numbers]
    chains: list[tuple[int, ...]] = []
    for parent, joint in zip(parents, joints, strict=True):
        above = chains[parent] if parent >= 0 else ()
        chains.append((*above, joint) if joint >= 0 else above)
    return Tree(tuple(model.body(b).name for b in numbers), tuple(parents),
                model.body_pos[1:].copy(), rotations.to_matrix(model.body_quat[1:]),
                tuple(joints), model.jnt_axis[1:].copy(), tuple(chains))


def forward(qpos: Array) -> Pose:
    """Return where every body is for configurations (T, 26)."""
    robot = tree()
    base, turn = qpos[:, :3], rotations.to_matrix(qpos[:, 3:7])
    hinges = _hinges(qpos[:, 7:], robot.axes)
    places, turns = [base], [turn]
    axes, anchors = np.zeros((2, len(qpos), len(robot.axes), 3))
    for k in range(1, len(robot.names)):
        parent, joint = robot.parents[k], robot.joints[k]
        places.append(places[parent] + turns[parent] @ robot.offsets[k])
        turn = turns[parent] @ robot.turns[k]
        if joint >= 0:
            axes[:, joint], anchors[:, joint] = turn @ robot.axes[joint], places[k]
            turn = turn @ hinges[:, joint]
        turns.append(turn)
    return Pose(dict(zip(robot.names, places, strict=True)),
                dict(zip(robot.names, turns, strict=True)), axes, anchors, base)


def _hinges(angles: Array, axes: Array) -> Array:
    """Return rotations (T, N, 3, 3) about unit axes (N, 3) by angles (T, N), after Rodrigues."""
    cross = np.cross(axes[:, None, :], np.eye(3)).swapaxes(-1, -2)
    sine, rest = np.sin(angles)[..., None, None], 1 - np.cos(angles)[..., None, None]
    return np.eye(3) + sine * cross + rest * (cross @ cross)


def place_jacobian(pose: Pose, body: str, point: Array | None = None) -> Array:
    """Return how a point (T, 3) [m, world] of a body moves with the velocities: (T, 3, 25).

    The body's origin where no point is named.
    """
    chain = list(tree().chains[tree().names.index(body)])
    point = pose.places[body] if point is None else point
    out = np.zeros((len(point), 3, 6 + pose.axes.shape[1]))
    out[:, :, :3] = np.eye(3)
    # columns of the base's turn: the base's angular velocity is told in its own frame
    turning = pose.turns[tree().names[0]].swapaxes(-1, -2)
    out[:, :, 3:6] = rotations.cross(turning, (point - pose.base)[:, None]).swapaxes(-1, -2)
    arms = point[:, None] - pose.anchors[:, chain]
    out[:, :, [6 + j for j in chain]] = rotations.cross(pose.axes[:, chain], arms).swapaxes(-1, -2)
    return out


def turn_jacobian(pose: Pose, body: str) -> Array:
    """Return how a body turns (world) with the velocities: (T, 3, 25)."""
    chain = list(tree().chains[tree().names.index(body)])
    out = np.zeros((len(pose.base), 3, 6 + pose.axes.shape[1]))
    out[:, :, 3:6] = pose.turns[tree().names[0]]
    out[:, :, [6 + j for j in chain]] = pose.axes[:, chain].swapaxes(-1, -2)
    return out
