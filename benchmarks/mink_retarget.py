"""Per-frame retargeting with mink and GMR's published H1 weights: what benchmarks/motion.py beats.

Written from the paper (Araujo, Ze et al., "Retargeting Matters: General Motion Retargeting for
Humanoid Motion Tracking", arXiv 2510.02252) and its released H1 table: every point of the person is
scaled by 1.1 x (body height / 1.8 m) and moved 5 cm up its segment's own z axis; the ankle link
follows the joint of the toes (as in its SMPL-X table); in each frame two stages of damped
inverse kinematics follow one another, each until a step improves the error by less than 1e-3, at
most 11 steps. Segment frames are made from key points here, since clips carry them in many ways.

Its known defects are kept, because they are what is compared with: a short person is shrunk twice
(`corrected=True` undoes just that: the person becomes 1.8 m tall first); the speed limit is
built but never reaches the solver (GMR issue 83), so none is set; nothing knows of contacts,
of the floor or of the frames to come; hands are not followed.
"""

from dataclasses import dataclass

import mink
import numpy as np

from mwx.motion import bodies
from mwx.robot import H1
from mwx.types import Array

SCALE, OFFSET, ASSUMED_HEIGHT = 1.1, 0.05, 1.8  # -, [m], [m]
LEG_PART = 0.245 + 0.246  # of the body height: thigh and shank (Winter)
STEPS, ENOUGH, DAMPING, LM_DAMPING = 11, 1e-3, 0.5, 1.0
SIDES = ("left", "right")


@dataclass(frozen=True)
class Pair:
    """A robot link follows a person's point: weights (position, orientation) of both stages."""

    link: str
    point: str
    first: tuple[float, float]
    second: tuple[float, float]


PAIRS = (
    Pair("pelvis", "pelvis", (100, 10), (10, 5)),
    Pair("torso_link", "neck", (0, 10), (10, 0)),
    *(Pair(f"{s}_{link}", f"{s}_{point}", first, second) for s in SIDES
      for link, point, first, second in (
          ("hip_roll_link", "hip", (0, 10), (10, 5)), ("knee_link", "knee", (0, 10), (10, 5)),
          ("ankle_link", "toe", (100, 10), (50, 10)),
          ("shoulder_roll_link", "shoulder", (0, 10), (50, 5)),
          ("elbow_link", "elbow", (0, 10), (10, 5)))))


def retarget(points: dict[str, Array], corrected: bool = False) -> Array:
    """Return configurations (T, 26), each frame solved from the one before.

    Args:
        points: part of the body -> (T, 3) [m], floor at z = 0, at the rate that is wanted.
        corrected: undo the double shrinking of short people.
    """
    size = height(points) / ASSUMED_HEIGHT
    scale = SCALE / size if corrected else SCALE * size
    frames = segment_frames(points)
    places = {p.link: scale * points.get(p.point, points[p.point.replace("toe", "ankle")])
              + OFFSET * frames[p.link][:, :, 2] for p in PAIRS}
    configuration = mink.Configuration(bodies.model())
    limits = [mink.ConfigurationLimit(bodies.model())]
    stages = [_tasks(k) for k in range(2)]
    start = H1.home_qpos.copy()
    start[:2] = places["pelvis"][0, :2]
    start[3:7] = mink.SO3.from_matrix(frames["pelvis"][0]).wxyz
    configuration.update(start)
    rows = []
    for t in range(len(points["pelvis"])):
        for stage in stages:
            for link, task in stage.items():
                turn = mink.SO3.from_matrix(frames[link][t])
                task.set_target(mink.SE3.from_rotation_and_translation(turn, places[link][t]))
            _solve(configuration, list(stage.values()), limits)
        rows.append(configuration.q.copy())
    return np.array(rows)


def height(points: dict[str, Array]) -> float:
    """Return a person's height [m] by the length of the legs."""
    legs = [np.linalg.norm(points[f"{s}_{b}"] - points[f"{s}_{a}"], axis=1).mean()
            for s in SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return float(2 * np.mean(legs) / LEG_PART)


def segment_frames(points: dict[str, Array]) -> dict[str, Array]:
    """Return link -> rotation matrices (T, 3, 3) of the person's segments, as the robot's rest.

    x is forward, y to the left, z up along a segment of an upright person with bent elbows.
    """
    left = unit(points["left_hip"] - points["right_hip"])
    hips = (points["left_hip"] + points["right_hip"]) / 2
    shoulders = (points["left_shoulder"] + points["right_shoulder"]) / 2
    trunk = shoulders - hips
    out = {"pelvis": _upright(trunk, left),
           "torso_link": _upright(trunk, points["left_shoulder"] - points["right_shoulder"])}
    for side in SIDES:
        at = {part: points[f"{side}_{part}"]
              for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")}
        out[f"{side}_hip_roll_link"] = _upright(at["hip"] - at["knee"], left)
        out[f"{side}_knee_link"] = _upright(at["knee"] - at["ankle"], left)
        out[f"{side}_ankle_link"] = _foot(points, side, left)
        upper, fore = unit(at["elbow"] - at["shoulder"]), unit(at["wrist"] - at["elbow"])
        hinge = np.cross(fore, upper) + 0.3 * left  # a straight arm has no plane of its own
        out[f"{side}_shoulder_roll_link"] = _upright(-upper, hinge)
        out[f"{side}_elbow_link"] = _forward(fore, hinge)
    return out


def unit(rows: Array) -> Array:
    """Return rows (..., 3) of length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def _upright(up: Array, left: Array) -> Array:
    z = unit(up)
    y = unit(left - np.sum(left * z, axis=-1, keepdims=True) * z)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _forward(ahead: Array, left: Array) -> Array:
    x = unit(ahead)
    y = unit(left - np.sum(left * x, axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _foot(points: dict[str, Array], side: str, left: Array) -> Array:
    """Return the foot's frame, level where the person stands flat; level always without a toe."""
    toe, ankle = points.get(f"{side}_toe"), points[f"{side}_ankle"]
    if toe is None:
        ahead = np.cross(left, np.array([0.0, 0.0, 1.0]))
        return _forward(ahead * np.array([1, 1, 0]), left)
    line = toe - ankle
    low = ankle[:, 2] < np.percentile(ankle[:, 2], 30)
    drop = np.median(np.arctan2(-line[low, 2], np.linalg.norm(line[low, :2], axis=1)))
    axis, angle = unit(left), -float(drop)
    turned = (line * np.cos(angle) + np.cross(axis, line) * np.sin(angle)
              + axis * np.sum(axis * line, axis=1, keepdims=True) * (1 - np.cos(angle)))
    return _forward(turned, left)


def _tasks(stage: int) -> dict[str, mink.FrameTask]:
    weights = {p.link: (p.first, p.second)[stage] for p in PAIRS}
    return {link: mink.FrameTask(link, "body", position_cost=place, orientation_cost=turn,
                                 lm_damping=LM_DAMPING)
            for link, (place, turn) in weights.items() if place or turn}


def _solve(configuration: mink.Configuration, tasks: list[mink.FrameTask],
           limits: list[mink.ConfigurationLimit]) -> None:
    before = _error(configuration, tasks)
    for _ in range(STEPS):
        # the published time step is the model's own
        dt = configuration.model.opt.timestep
        step = mink.solve_ik(configuration, tasks, dt, solver="daqp", damping=DAMPING,
                             limits=limits)
        configuration.integrate_inplace(step, dt)
        now = _error(configuration, tasks)
        if before - now < ENOUGH:
            break
        before = now


def _error(configuration: mink.Configuration, tasks: list[mink.FrameTask]) -> float:
    return float(np.linalg.norm(np.concatenate([t.compute_error(configuration) for t in tasks])))
