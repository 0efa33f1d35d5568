"""A human running or carrying, as key points: gait figures on a textbook skeleton."""

import numpy as np

from mwx.motion import gait_tables as gait
from mwx.motion.clip import MotionClip
from mwx.motion.human import (
    ANKLE_HEIGHT,
    BALL_HEIGHT,
    FOOT,
    FOREARM,
    HEAD,
    HIP_DOWN,
    HIP_SIDE,
    SHANK,
    SHOULDER_SIDE,
    SKELETON,
    SPINE,
    THIGH,
    UPPER_ARM,
    human_walk,
)
from mwx.types import Array

GRAVITY = 9.81  # [m/s^2]
SPEED, STRIDE_S = 3.93, 0.688  # [m/s], [s] of the subject behind the series (OpenSim Hamner)
STANCE = 0.30  # part of the stride a foot stands, the same subject
LEAN = 8.0  # [deg] of the trunk (textbook, 5 to 10)
CARRY_ELBOW, CARRY_UPPER_ARM, CARRY_LEAN = 80.0, 15.0, -4.0  # [deg] (textbook)


def human_run(strides: int = 4, fps: float = 100.0, height: float = 1.75) -> MotionClip:
    """Return a person running at 3.93 m/s along +x, made from published joint angles.

    Args:
        strides: number of strides.
        fps: [Hz] frames a second.
        height: [m] of the person.
    """
    time = np.arange(round(strides * STRIDE_S * fps) + 1) / fps
    phase = time / STRIDE_S
    points = {"Pelvis": np.zeros((len(time), 3))}
    points["Neck"] = - SPINE * height * _down(np.full_like(phase, -LEAN))
    points["Head"] = points["Neck"] + [0, 0, HEAD * height]
    for side, sign, lead in (("R", -1, 0.0), ("L", 1, 0.5)):
        _leg(points, side, sign, phase + lead, height)
        swing = gait.series(gait.RUN_SHOULDER_FLEXION, phase + lead)
        elbow = gait.series(gait.RUN_ELBOW_FLEXION, phase + lead)
        _arm(points, side, sign, swing, elbow, height)
    way = _way(points, phase, time, height)
    points = {name: rows + way for name, rows in points.items()}
    return _clip(points, fps, "generated: OpenSim Hamner subject02 joint angles, Winter skeleton")


def _way(points: dict[str, Array], phase: Array, time: Array, height: float) -> Array:
    """Return where the pelvis is (T, 3) [m]: a standing foot keeps its place; in between it flies.

    In flight the speed stays the subject's and the height is a parabola.
    """
    way = np.zeros((len(time), 3))
    since = (phase + 1e-9) % 0.5
    stands = since < STANCE
    right = (phase + 1e-9) % 1.0 < 0.5
    ball = np.where(right[:, None], points["R_Foot"], points["L_Foot"])
    ankle = np.where(right[:, None], points["R_Ankle"], points["L_Ankle"])
    step = np.full(len(time), SPEED * (time[1] - time[0]))
    both = stands[1:] & stands[:-1]
    step[1:][both] = -np.diff(ball[:, 0])[both]
    way[:, 0] = np.cumsum(step)
    sole = np.minimum(ankle[:, 2] - ANKLE_HEIGHT * height, ball[:, 2] - BALL_HEIGHT * height)
    fall = GRAVITY / 2 * np.clip(since - STANCE, 0, None) * (0.5 - since) * STRIDE_S ** 2
    way[:, 2] = np.interp(time, time[stands], -sole[stands]) + fall
    return way


def human_carry(strides: int = 3, fps: float = 60.0, height: float = 1.75) -> MotionClip:
    """Return a person walking at 1.11 m/s with a box in front, elbows bent, arms still.

    Args:
        strides: number of strides.
        fps: [Hz] frames a second.
        height: [m] of the person.
    """
    walk = human_walk(strides, fps, height)
    points = {name: walk.positions_w[:, i].copy() for i, name in enumerate(walk.names)}
    still = np.zeros(len(walk.positions_w))
    points["Neck"] = points["Pelvis"] - SPINE * height * _down(still - CARRY_LEAN)
    points["Head"] = points["Neck"] + [0, 0, HEAD * height]
    for side, sign in (("R", -1), ("L", 1)):
        _arm(points, side, sign, still + CARRY_UPPER_ARM, still + CARRY_ELBOW, height)
    return _clip(points, fps, walk.source + ", textbook carrying")


def _clip(points: dict[str, Array], fps: float, source: str) -> MotionClip:
    names = [name for name, _ in SKELETON]
    positions = np.stack([points[name] for name in names], 1)
    parents = tuple(-1 if p is None else names.index(p) for _, p in SKELETON)
    return MotionClip(tuple(names), parents, positions, fps, generated=True,
                      licence="Apache-2.0", source=source)


def _down(angle_deg: Array) -> Array:
    """Unit vectors (T, 3) hanging down, swung forward by an angle [deg]."""
    angle = np.deg2rad(angle_deg)
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], -1)


def _leg(points: dict[str, Array], side: str, sign: int, phase: Array, height: float) -> None:
    # in the sagittal plane: sideways the pelvis' list makes up for the hip's abduction
    hip, knee, ankle = (gait.series(c, phase) for c in
                        (gait.RUN_HIP, gait.RUN_KNEE, gait.RUN_ANKLE))
    points[f"{side}_Hip"] = points["Pelvis"] + np.array([0, sign * HIP_SIDE, -HIP_DOWN]) * height
    points[f"{side}_Knee"] = points[f"{side}_Hip"] + THIGH * height * _down(hip)
    points[f"{side}_Ankle"] = points[f"{side}_Knee"] + SHANK * height * _down(hip - knee)
    foot = _down(hip - knee + ankle + 90)
    points[f"{side}_Foot"] = points[f"{side}_Ankle"] + FOOT * height * foot


def _arm(points: dict[str, Array], side: str, sign: int, swing: Array, elbow: Array,
         height: float) -> None:
    points[f"{side}_Shoulder"] = points["Neck"] + np.array([0, sign * SHOULDER_SIDE, 0]) * height
    upper = _down(swing) + np.array([0, sign * np.sin(np.deg2rad(8.0)), 0])
    upper /= np.linalg.norm(upper, axis=1, keepdims=True)
    points[f"{side}_Elbow"] = points[f"{side}_Shoulder"] + UPPER_ARM * height * upper
    points[f"{side}_Wrist"] = points[f"{side}_Elbow"] + FOREARM * height * _down(swing + elbow)
