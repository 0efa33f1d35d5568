"""Per-frame inverse kinematics: the human's key points, robot-sized -> q* of paper eq. (8)."""

from dataclasses import dataclass

import mink
import mujoco
import numpy as np

from mwx.maths import rotations
from mwx.motion import bodies
from mwx.motion.skeleton_fit import Targets
from mwx.robot import H1
from mwx.types import Array

# part of the body -> link whose origin stands for it
LINKS = {"pelvis": "pelvis", **{f"{side}_{part}": f"{side}_{link}" for side in ("left", "right")
         for part, link in (("hip", "hip_pitch_link"), ("knee", "knee_link"),
                            ("ankle", "ankle_link"), ("shoulder", "shoulder_roll_link"),
                            ("elbow", "elbow_link"), ("wrist", "hand"))}}


@dataclass(frozen=True)
class SeedConfig:
    """Weights of the inverse kinematics (position tasks: 1 / m; orientation: 1 / rad).

    Attributes:
        ankle, stance_ankle, knee, shoulder, elbow, wrist, pelvis: positions.
        foot_pitch, foot_yaw, their stance_ versions, base: orientations.
        posture: pull of the joints towards rest.
        steps, first_steps: iterations per frame, and for the first one.
        margin: [rad] kept from the joint limits.
    """

    ankle: float = 4.0
    stance_ankle: float = 14.0
    knee: float = 1.5
    shoulder: float = 0.7
    elbow: float = 1.5
    wrist: float = 2.0
    pelvis: float = 1.5
    foot_pitch: float = 0.3
    stance_foot_pitch: float = 1.5
    foot_yaw: float = 0.3
    stance_foot_yaw: float = 2.0
    base: float = 0.7
    posture: float = 0.01
    steps: int = 2
    first_steps: int = 40
    margin: float = 0.01


def seed(targets: Targets, config: SeedConfig) -> Array:
    """Return q* (T, 26), each frame solved from the one before, joints inside their limits."""
    model = bodies.model()
    configuration = mink.Configuration(model)
    tasks = _tasks(model, config)
    limits = [mink.ConfigurationLimit(model, min_distance_from_limits=config.margin)]
    orientations = _orientations(targets)
    start = H1.home_qpos.copy()
    start[:3], start[3:7] = targets.points["pelvis"][0], targets.base[0]
    configuration.update(start)
    rows = []
    for t in range(len(targets.base)):
        _aim(tasks, targets, orientations, t, config)
        for _ in range(config.first_steps if t == 0 else config.steps):
            step = mink.solve_ik(configuration, list(tasks.values()), 1.0, solver="daqp",
                                 damping=1e-4, limits=limits)
            configuration.integrate_inplace(step, 1.0)
            if np.abs(step).max() < 1e-4:
                break
        rows.append(configuration.q.copy())
    out = np.array(rows)
    out[:, 7:] = np.clip(out[:, 7:], H1.low + config.margin, H1.high - config.margin)
    return out


def _tasks(model: mujoco.MjModel, config: SeedConfig) -> dict[str, mink.Task]:
    weights = {"pelvis": config.pelvis, "knee": config.knee, "shoulder": config.shoulder,
               "elbow": config.elbow, "wrist": config.wrist, "ankle": config.ankle}
    tasks: dict[str, mink.Task] = {}
    for part, link in LINKS.items():
        kind = part.split("_")[-1]
        if kind in weights:
            turn = config.base if kind == "pelvis" else config.foot_yaw if kind == "ankle" else 0.0
            tasks[part] = mink.FrameTask(link, "body", position_cost=weights[kind],
                                         orientation_cost=turn, lm_damping=0.01)
    posture = mink.PostureTask(model, cost=config.posture)
    posture.set_target(_rest())
    return tasks | {"posture": posture}


def _rest() -> Array:
    """Return the pose the joints lean to where nothing else decides: slightly bent."""
    rest = H1.home_qpos.copy()
    for side in ("left", "right"):
        rest[7 + H1.joint(f"{side}_elbow")] = 1.0
    return rest


def _orientations(targets: Targets) -> dict[str, Array]:
    feet = {f"{s}_ankle": rotations.multiply(rotations.about("z", targets.foot_yaw[s]),
                                             rotations.about("y", targets.foot_pitch[s]))
            for s in targets.foot_yaw}
    return {"pelvis": targets.base, **feet}


def _aim(tasks: dict[str, mink.Task], targets: Targets, orientations: dict[str, Array], t: int,
         config: SeedConfig) -> None:
    for part, task in tasks.items():
        if not isinstance(task, mink.FrameTask):
            continue
        turn = orientations.get(part)
        rotation = mink.SO3(turn[t]) if turn is not None else mink.SO3.identity()
        task.set_target(mink.SE3.from_rotation_and_translation(rotation, targets.points[part][t]))
        if part.endswith("ankle"):
            stands = targets.contact[t, 0 if part.startswith("left") else 1]
            pitch = config.stance_foot_pitch if stands else config.foot_pitch
            yaw = config.stance_foot_yaw if stands else config.foot_yaw
            task.set_position_cost(config.stance_ankle if stands else config.ankle)
            # in the foot's frame: roll is the leg's, pitch the ankle's, yaw the hip's
            task.set_orientation_cost([pitch * 0.3, pitch, yaw])
