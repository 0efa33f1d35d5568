"""Batched forward kinematics of one limb: where a point on the robot is, and its Jacobian."""

from collections.abc import Sequence

import numpy as np

from mwx.maths import rotations
from mwx.maths.rotations import heading as yaw
from mwx.maths.rotations import to_matrix as rotation
from mwx.robot import H1
from mwx.robot import h1_numbers as numbers
from mwx.types import Array

__all__ = ["Limb", "Limbs", "facing", "heading_rotation", "rotation", "yaw"]

HALF_DOWN = rotations.about("y", np.array(-np.pi / 4))  # from the pelvis to halfway to its z axis


def facing(quat: Array, prone: bool) -> Array:
    """Return the turn (..., 4) whose yaw says where the robot faces.

    The pelvis' own, or, for skills that go from upright to prone, that of the direction halfway
    between its x axis (ahead when upright) and its z axis (ahead on all fours): it never points up.
    """
    return rotations.multiply(quat, HALF_DOWN) if prone else quat


def heading_rotation(quat: Array) -> Array:
    """Return the rotation (..., 3, 3) of the yaw alone: x ahead, z up."""
    half = yaw(quat) / 2
    zero = np.zeros_like(half)
    return rotation(np.stack([np.cos(half), zero, zero, np.sin(half)], -1))


class Limb:
    """The chain of joints from the pelvis to a site.

    Attributes:
        joints: (L,) places of the chain's joints in the robot's joint order.
    """

    def __init__(self, site: str):
        bodies = {row[0]: row for row in numbers.BODIES}
        hinges = {body: (name, np.array(axis, float)) for name, body, axis, _ in numbers.JOINTS}
        _, body, offset, _ = next(row for row in numbers.SITES if row[0] == site)
        self._tip = np.array(offset, float)
        chain = []
        while body != "pelvis":
            _, parent, pos, quat, *_ = bodies[body]
            name, axis = hinges[body]
            chain.append((H1.joint(name), np.array(pos, float), rotation(np.array(quat)), axis))
            body = parent
        self._chain = chain[::-1]
        self.joints = np.array([link[0] for link in self._chain])

    def place(self, q: Array) -> tuple[Array, Array]:
        """Return the site in the pelvis frame (B, 3) [m] and its Jacobian (B, 3, L).

        Args:
            q: (B, J) [rad] all joints of the robot.
        """
        rows = len(q)
        frame, origin = np.tile(np.eye(3), (rows, 1, 1)), np.zeros((rows, 3))
        axes, anchors = [], []
        for joint, pos, turn, axis in self._chain:
            origin = origin + frame @ pos
            frame = frame @ turn
            axes.append(frame @ axis)
            anchors.append(origin)
            frame = frame @ _about(axis, q[:, joint])
        tip = origin + frame @ self._tip
        jacobian = [rotations.cross(a, tip - o) for a, o in zip(axes, anchors, strict=True)]
        return tip, np.stack(jacobian, -1)


class Limbs:
    """Several limbs as one chain with several tips; joints that they share are counted once.

    Attributes:
        joints: (L,) places of all their joints in the robot's joint order.
    """

    def __init__(self, sites: Sequence[str]):
        self._limbs = [Limb(site) for site in sites]
        self.joints = np.array(list(dict.fromkeys(np.concatenate([
            limb.joints for limb in self._limbs]).tolist())))
        self._columns = [[self.joints.tolist().index(joint) for joint in limb.joints]
                         for limb in self._limbs]

    def place(self, q: Array) -> tuple[Array, Array]:
        """Return the N sites in the pelvis frame (B, N, 3) [m] and the Jacobian (B, 3 N, L).

        Args:
            q: (B, J) [rad] all joints of the robot.
        """
        tips, rows = [], []
        for limb, column in zip(self._limbs, self._columns, strict=True):
            tip, jacobian = limb.place(q)
            row = np.zeros((len(q), 3, len(self.joints)))
            row[:, :, column] = jacobian
            tips.append(tip)
            rows.append(row)
        return np.stack(tips, 1), np.concatenate(rows, 1)


def _about(axis: Array, angle: Array) -> Array:
    """Rotation matrices (B, 3, 3) about a unit axis by angles (B,)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * cross + (1 - c) * (cross @ cross)
