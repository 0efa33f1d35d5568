"""Recorded motion of the robot: what the measures of naturalness look at."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mwx.errors import MwxError
from mwx.motion import Reference
from mwx.motion.reference import mirror_qpos, mirror_qvel
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array, brief

SETTLE_S = 4.0  # [s] left out at the start: getting from the home pose into the motion
SHORTEST_S = 1.0  # [s] of motion that a measurement needs after that


@dataclass(frozen=True)
class Recording:
    """H1's motion at control rate, without a gap.

    Attributes:
        qpos: (T, 26) base position [m], quaternion (w, x, y, z), joints [rad].
        qvel: (T, 25) velocities in MuJoCo's convention.
        torque: (T, 19) [N m] of the servos, None where not known.
        wanted: (T, 19) [rad] joints that an expert's own clock asked for, None without one.
        dt: [s] between frames.
    """

    qpos: Array
    qvel: Array
    torque: Array | None = None
    wanted: Array | None = None
    dt: float = CONTROL_DT

    __repr__ = brief

    def __post_init__(self) -> None:
        frames = len(self.qpos)
        shapes = {"qpos": 26, "qvel": 25, "torque": 19, "wanted": 19}
        for name, width in shapes.items():
            array = getattr(self, name)
            if array is not None and array.shape != (frames, width):
                raise MwxError(f"recording: {name} has shape {array.shape}, expected "
                               f"{(frames, width)}")

    def __len__(self) -> int:
        return len(self.qpos)

    def after(self, seconds: float) -> "Recording":
        """Return the recording without its first seconds."""
        return self._each(lambda x: x[round(seconds / self.dt):])

    def mirrored(self) -> "Recording":
        """Return the left-right reflection (in the plane y = 0)."""
        def joints(x: Array | None) -> Array | None:
            return None if x is None else H1.mirror_sign * x[:, H1.mirror_joint]
        return Recording(mirror_qpos(self.qpos), mirror_qvel(self.qvel), joints(self.torque),
                         joints(self.wanted), self.dt)

    def _each(self, change: Callable[[Array], Array]) -> "Recording":
        parts = {n: getattr(self, n) for n in ("qpos", "qvel", "torque", "wanted")}
        return replace(self, **{n: change(x) for n, x in parts.items() if x is not None})


def of_reference(reference: Reference, seconds: float = 12.0) -> Recording:
    """Return a reference as a recording: a loop goes on, any other motion is played once."""
    if reference.loop:
        frame = reference.frame(np.arange(0, seconds, CONTROL_DT))
    else:
        frame = reference.frame(np.arange(0, max(reference.duration_s, SHORTEST_S) + 1e-9,
                                          CONTROL_DT))
    return Recording(frame.qpos, frame.qvel)
