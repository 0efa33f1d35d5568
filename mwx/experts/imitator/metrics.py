"""How closely a motion was followed: H2O's definitions, in the units of its tables."""

import functools
from dataclasses import dataclass

import mujoco
import numpy as np

from mwx.robot import H1
from mwx.types import Array

SITES = ("left_hand", "right_hand", "head")
SUCCESS = 0.5  # [m] bound of the mean body distance, Succ@0.5m
PAPER_FPS = 30.0  # the frames of "mm/frame"


@dataclass(frozen=True)
class Errors:
    """Means over frames and body points of one or more motions.

    Attributes:
        mpjpe: [mm] relative to the pelvis; global_mpjpe: [mm] in the world.
        velocity: [mm/frame at 30 Hz]; acceleration: [mm/frame^2 at 30 Hz].
        worst: [m] largest mean body distance of any frame.
    """

    mpjpe: float
    global_mpjpe: float
    velocity: float
    acceleration: float
    worst: float

    @property
    def success(self) -> bool:
        """Succ@0.5m: the mean body distance was never above 0.5 m."""
        return self.worst <= SUCCESS

    def to_dict(self) -> dict[str, float]:
        """Return the figures by the paper's names."""
        return {"E_mpjpe_mm": self.mpjpe, "E_g-mpjpe_mm": self.global_mpjpe,
                "E_vel_mm/frame": self.velocity, "E_acc_mm/frame^2": self.acceleration,
                "worst_distance_m": self.worst}


def distance(actual: Array, wanted: Array) -> Array:
    """Return the mean body distance (...) [m] of points (..., P, 3)."""
    return np.linalg.norm(actual - wanted, axis=-1).mean(-1)


def errors(actual: Array, wanted: Array, fps: float) -> Errors:
    """Return the errors of one motion.

    Args:
        actual, wanted: (T, P, 3) [m] body points, the pelvis first.
        fps: [Hz] of the frames.
    """
    off = actual - wanted
    relative = off - off[:, :1]
    steps, bends = np.diff(off, axis=0), np.diff(off, 2, axis=0)
    scale = fps / PAPER_FPS

    def mean(x: Array) -> float:
        return 1000 * float(np.linalg.norm(x, axis=-1).mean()) if len(x) else 0.0

    return Errors(mean(relative), mean(off), scale * mean(steps), scale ** 2 * mean(bends),
                  float(distance(actual, wanted).max()))


@functools.cache
def _model() -> mujoco.MjModel:
    return H1.model()


@functools.cache
def _bodies() -> tuple[int, ...]:
    """The bodies that a joint moves, the pelvis first."""
    return tuple(i for i in range(_model().nbody) if _model().body_jntnum[i])


def point_names() -> tuple[str, ...]:
    """Return the names of the P points: every body with a joint, hand tips and head."""
    return (*(_model().body(i).name for i in _bodies()), *SITES)


def points(qpos: Array) -> Array:
    """Return the body points (T, P, 3) [m] of configurations (T, 26)."""
    model, bodies = _model(), list(_bodies())
    sites = [model.site(name).id for name in SITES]
    data = mujoco.MjData(model)
    out = np.zeros((len(qpos), len(bodies) + len(sites), 3))
    for row, pose in zip(out, qpos, strict=True):
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        row[:len(bodies)], row[len(bodies):] = data.xpos[bodies], data.site_xpos[sites]
    return out
