"""The body height behind joint angles and a root path, from feet that stand still.

The foot's velocity is v_root + H v_foot, where v_foot is that of a body of height one whose root
rests. While a foot bears the body it is zero, so H is a linear least-squares solution.
"""

import numpy as np

from mwx.motion.formats import smpl_body
from mwx.motion.formats.smpl_body import NAMES
from mwx.types import Array

HEIGHTS = (1.45, 2.10)  # [m] of people that are believed
TRAVEL_SPEED = 0.3  # [m/s] of the root in the frames used, below which feet tell little
KEPT = 0.3  # part of the frames where an ankle moves least: it stands
SLIP = 0.15  # of the root's speed that a standing ankle may have; dances that spin have more
FRAMES = 20_000  # at most looked at
ROUNDS = 10


def body_height(poses: Array, trans: Array, fps: float) -> float | None:
    """Return the height [m] of the person, None where the feet do not tell.

    Args:
        poses: (T, 22, 3) [rad]; trans: (T, 3) [m], z up; fps: [Hz].
    """
    some = slice(0, FRAMES)
    positions, _ = smpl_body.forward(smpl_body.textbook_body(1.0).template, poses[some],
                                     np.zeros_like(trans[some]))
    ankles = positions[:, [NAMES.index("L_Ankle"), NAMES.index("R_Ankle")]]
    lower = ankles[..., 2].argmin(axis=1)
    steps = np.diff(ankles, axis=0)[..., :2]
    foot = fps * steps[np.arange(len(steps)), lower[:-1]]
    root = fps * np.diff(trans[some], axis=0)[:, :2]
    used = (lower[:-1] == lower[1:]) & (np.linalg.norm(root, axis=1) > TRAVEL_SPEED)
    if used.sum() < fps / 2:
        return None
    foot, root = foot[used], root[used]
    height, stands = smpl_body.HEIGHT, np.ones(len(root), bool)
    for _ in range(ROUNDS):
        slip = np.linalg.norm(root + height * foot, axis=1)
        stands = slip <= np.quantile(slip, KEPT)
        height = -float(np.sum(root[stands] * foot[stands]) / max(np.sum(foot[stands] ** 2), 1e-9))
    moving = np.sum((root[stands] + height * foot[stands]) ** 2)
    known = moving < SLIP ** 2 * np.sum(root[stands] ** 2)
    return height if known and HEIGHTS[0] <= height <= HEIGHTS[1] else None
