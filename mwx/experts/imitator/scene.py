"""The floor a reference is followed on, with a seat where the reference sits on one."""

import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import Reference, bodies
from mwx.motion.supports import lowest_points
from mwx.robot import H1
from mwx.types import Array

SEAT = "pelvis"  # the support that means a seat
DEPTH, WIDTH, THICKNESS = 0.4, 0.5, 0.04  # [m] of the seat
FIRM = (0.005, 1.0)  # solref of the seat: a chair gives little


def needs_seat(reference: Reference) -> bool:
    """Return whether something beside the floor carries the pelvis."""
    return SEAT in reference.bearing and bool(reference.bearing[SEAT].any())


def scene(reference: Reference | None = None) -> mujoco.MjModel:
    """Return the robot on a floor; keyframe 0 is the home pose.

    Args:
        reference: a fixed seat is put where its pelvis or thighs bear weight.
    """
    spec = H1.spec()
    spec.compiler.discardvisual = True
    if reference is not None and needs_seat(reference):
        centre, yaw = seat(reference)
        spec.worldbody.add_geom(
            name="seat", type=mujoco.mjtGeom.mjGEOM_BOX, pos=centre.tolist(),
            quat=rotations.about("z", np.array(yaw)).tolist(),
            size=[DEPTH / 2, WIDTH / 2, THICKNESS / 2], solref=list(FIRM))
    spec.add_key(name="home", qpos=H1.home_qpos.tolist())
    return spec.compile()


def seat(reference: Reference) -> tuple[Array, float]:
    """Return the middle (3,) [m] of a reference's seat and its yaw [rad].

    Its top is as high as the lowest points of the thighs while it carries (median), and it ends
    under the foremost of them.
    """
    frames = np.flatnonzero(reference.bearing[SEAT])
    yaw = float(rotations.heading(reference.qpos[frames[0], 3:7]))
    ahead, left = np.array([np.cos(yaw), np.sin(yaw), 0]), np.array([-np.sin(yaw), np.cos(yaw), 0])
    data, touching = mujoco.MjData(bodies.model()), []
    for frame in frames:
        data.qpos[:] = reference.qpos[frame]
        mujoco.mj_kinematics(bodies.model(), data)
        touching.append(np.mean([p for _, p in lowest_points(bodies.model(), data, SEAT)], 0))
    points = np.array(touching)
    front = (points @ ahead).max()
    middle = (front - DEPTH / 2) * ahead + np.median(points @ left) * left
    middle[2] = np.median(points[:, 2]) - THICKNESS / 2
    return middle, yaw
