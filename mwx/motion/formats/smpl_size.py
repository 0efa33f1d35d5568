"""The body height behind joint angles and a root path, from feet that stand still.

The foot's velocity is v_root + H v_foot, where v_foot is that of a body of height one whose root
rests. While a foot bears the body it is zero, so H is a linear least-squares solution.
"""

import numpy as np

from mwx.motion.formats import smpl_body
from mwx.motion.formats.root_path import FRAMES, TRAVEL_SPEED, size_of
from mwx.motion.formats.smpl_body import NAMES
from mwx.types import Array

HEIGHTS = (1.45, 2.10)  # [m] of people that are believed


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
    foot = fps * np.diff(ankles, axis=0)[np.arange(len(lower) - 1), lower[:-1], :2]
    root = fps * np.diff(trans[some], axis=0)[:, :2]
    used = (lower[:-1] == lower[1:]) & (np.linalg.norm(root, axis=1) > TRAVEL_SPEED)
    if used.sum() < fps / 2:
        return None
    height = size_of(foot[used], root[used], smpl_body.HEIGHT)
    return height if height is not None and HEIGHTS[0] <= height <= HEIGHTS[1] else None
