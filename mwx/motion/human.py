"""A human walking, as key points: gait figures on a textbook skeleton, where there is no mocap."""

import numpy as np

from mwx.motion import gait_tables as gait
from mwx.motion.clip import MotionClip
from mwx.types import Array

# Segment lengths as parts of the body height (Winter, after Drillis & Contini)
HIP_SIDE, HIP_DOWN, THIGH, SHANK, FOOT = 0.050, 0.045, 0.245, 0.246, 0.152
SPINE, HEAD, SHOULDER_SIDE, UPPER_ARM, FOREARM = 0.288, 0.13, 0.129, 0.186, 0.146
ANKLE_HEIGHT, BALL_HEIGHT = 0.039, 0.012
SKELETON = (("Pelvis", None), ("Neck", "Pelvis"), ("Head", "Neck"),
            *((f"{s}_{j}", p if p in ("Pelvis", "Neck") else f"{s}_{p}") for s in ("L", "R")
              for j, p in (("Hip", "Pelvis"), ("Knee", "Hip"), ("Ankle", "Knee"), ("Foot", "Ankle"),
                           ("Shoulder", "Neck"), ("Elbow", "Shoulder"), ("Wrist", "Elbow"))))
ANKLE = (4.494, -5.313, 2.611, 3.111, -2.056, -2.468, -2.288, 0.482, 1.771, 1.633, -0.704)
SPEED, STRIDE_S = 1.11, 1.225  # [m/s], [s] of the subject behind the series (OpenSim gait2392)


def human_walk(strides: int = 3, fps: float = 60.0, height: float = 1.75) -> MotionClip:
    """Return a person walking at 1.11 m/s along +x, made from published joint angles.

    Args:
        strides: number of strides.
        fps: [Hz] frames a second.
        height: [m] of the person.
    """
    time = np.arange(round(strides * STRIDE_S * fps) + 1) / fps
    phase = time / STRIDE_S
    points = {name: np.zeros((len(time), 3)) for name, _ in SKELETON}
    points["Neck"] = points["Pelvis"] + [0, 0, SPINE * height]
    points["Head"] = points["Neck"] + [0, 0, HEAD * height]
    for side, sign, lead in (("R", -1, 0.0), ("L", 1, 0.5)):
        _leg(points, side, sign, phase + lead, height)
        _arm(points, side, sign, phase + lead, height)
    positions = np.stack([points[name] for name, _ in SKELETON], 1)
    soles = {side: np.minimum(points[f"{side}_Ankle"][:, 2] - ANKLE_HEIGHT * height,
                              points[f"{side}_Foot"][:, 2] - BALL_HEIGHT * height)
             for side in ("L", "R")}
    positions[..., 2] -= np.minimum(soles["L"], soles["R"])[:, None]
    positions[..., 0] += _travel(points, phase)[:, None]
    names = [name for name, _ in SKELETON]
    parents = tuple(-1 if p is None else names.index(p) for _, p in SKELETON)
    return MotionClip(tuple(names), parents, positions, fps, generated=True, licence="Apache-2.0",
                      source="generated: OpenSim gait2392 subject01 joint angles, Winter skeleton")


def _direction(angle_deg: Array) -> Array:
    """Unit vectors (T, 3) hanging down, swung forward by an angle [deg] in the sagittal plane."""
    angle = np.deg2rad(angle_deg)
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], -1)


def _leg(points: dict[str, Array], side: str, sign: int, phase: Array, height: float) -> None:
    hip, knee = gait.series(gait.HIP, phase), gait.series(gait.KNEE, phase)
    ankle = gait.series(ANKLE, phase)
    points[f"{side}_Hip"] = points["Pelvis"] + np.array([0, sign * HIP_SIDE, -HIP_DOWN]) * height
    points[f"{side}_Knee"] = points[f"{side}_Hip"] + THIGH * height * _direction(hip)
    points[f"{side}_Ankle"] = points[f"{side}_Knee"] + SHANK * height * _direction(hip - knee)
    foot = _direction(hip - knee + ankle + 90)
    points[f"{side}_Foot"] = points[f"{side}_Ankle"] + FOOT * height * foot


def _arm(points: dict[str, Array], side: str, sign: int, phase: Array, height: float) -> None:
    swing = gait.series(gait.SHOULDER_FLEXION, phase)
    elbow = gait.series(gait.ELBOW_FLEXION, phase)
    points[f"{side}_Shoulder"] = points["Neck"] + np.array([0, sign * SHOULDER_SIDE, 0]) * height
    out = np.array([0, sign * np.sin(np.deg2rad(8.0)), 0])
    upper = _direction(swing) + out
    upper /= np.linalg.norm(upper, axis=-1, keepdims=True)
    points[f"{side}_Elbow"] = points[f"{side}_Shoulder"] + UPPER_ARM * height * upper
    points[f"{side}_Wrist"] = points[f"{side}_Elbow"] + FOREARM * height * _direction(swing + elbow)


def _travel(points: dict[str, Array], phase: Array) -> Array:
    """Forward way (T,) [m] of the pelvis: the foot that stands stays where it is.

    Each foot bears the body for half a stride from its heel strike; the ball of the foot is what
    rests while the heel rises.
    """
    left, right = points["L_Foot"][:, 0], points["R_Foot"][:, 0]
    right_bears = phase[:-1] % 1.0 < 0.5
    back = -np.where(right_bears, np.diff(right), np.diff(left))
    return np.concatenate([[0.0], np.cumsum(back)])
