"""Paper eq. (8): a human clip becomes a feasible robot reference, solved over the whole clip.

    M = sum_t ||q_t - q*_t||_W^2 + gamma ||qdot_t - qdot*_t||_W^2

q* is the per-frame inverse kinematics of the robot-sized clip, qdot* its smoothed velocity, W the
weights of key points and joints pulled back through the Jacobian. Joint and speed limits hold as
hard constraints. In the tangent space at q* this is one quadratic programme whose matrix is banded.
"""

import dataclasses
from dataclasses import dataclass, field

import mujoco
import numpy as np

from mwx.motion import ik_seed, skeleton_fit, tangent
from mwx.motion.banded import solve
from mwx.motion.clip import MotionClip
from mwx.motion.contacts import ContactConfig
from mwx.motion.feedforward import FeedForwardConfig, feed_forward
from mwx.motion.ik_seed import LINKS, SeedConfig
from mwx.motion.quality import fidelity, quality_sheet
from mwx.motion.reference import Reference
from mwx.motion.skeleton_fit import FPS, Targets, fit
from mwx.robot import H1
from mwx.types import Array


@dataclass(frozen=True)
class RetargetConfig:
    """W, gamma and the stages before them.

    Attributes:
        gamma: [s^2] weight of the velocity term; (0.02 s)^2 makes 1 rad/s count like 0.02 rad.
        key_points: W for key points [1 / m^2], swinging or free.
        standing_feet: W for a standing ankle [1 / m^2].
        sole: W for the orientation of a standing foot [1 / rad^2].
        base, joints: W for the base's and the joints' own coordinates [1 / m^2 or 1 / rad^2].
        margin: [rad] kept from joint limits; speed_margin: part of the speed limits used.
        velocity_smoothing: (window [frames], order) of qdot*.
    """

    gamma: float = 0.03 ** 2
    key_points: float = 2.0
    standing_feet: float = 150.0
    sole: float = 3.0
    base: float = 0.1
    joints: float = 0.1
    margin: float = 0.01
    speed_margin: float = 0.95
    velocity_smoothing: tuple[int, int] = (11, 3)
    contact: ContactConfig = field(default_factory=ContactConfig)
    seed: SeedConfig = field(default_factory=SeedConfig)
    forward: FeedForwardConfig = field(default_factory=FeedForwardConfig)


def retarget_clip(clip: MotionClip, config: RetargetConfig | None = None,
                  label: str = "clip") -> Reference:
    """Return the robot reference of a human clip: 50 Hz, from the origin towards +x.

    Args:
        clip: key points of a person, z up.
        config: weights and thresholds.
        label: name of the skill.

    Raises:
        MwxError: the clip lacks a body part.
    """
    config = config or RetargetConfig()
    targets = fit(clip, config.contact)
    start = ik_seed.seed(targets, dataclasses.replace(config.seed, margin=config.margin))
    qpos = whole_clip(start, targets, config)
    forward = feed_forward(qpos, targets.contact, FPS, None, config.forward, tangent.CAPTURED)
    reference = Reference(
        label=label, qpos=qpos, qvel=tangent.velocity(qpos, FPS, None, tangent.CAPTURED),
        ctrl=forward.ctrl, contact=targets.contact, source=clip.source,
        source_sha256=clip.source_sha256, licence=clip.licence, generated=clip.generated,
        metrics=fidelity(qpos, targets))
    sheet = quality_sheet(reference)
    return dataclasses.replace(reference, metrics=reference.metrics | sheet.to_dict())


def whole_clip(start: Array, targets: Targets, config: RetargetConfig) -> Array:
    """Return the minimiser of eq. (8) (T, 26) around the seed q* (T, 26)."""
    weight = metric(start, targets, config)
    steps = tangent.difference(start[:-1], start[1:])
    wanted = tangent.velocity(start, FPS, None, config.velocity_smoothing)
    error = steps * FPS - (wanted[:-1] + wanted[1:]) / 2
    free = np.full((len(start), 6), np.inf)
    low = np.concatenate([-free, H1.low + config.margin - start[:, 7:]], axis=1)
    high = np.concatenate([free, H1.high - config.margin - start[:, 7:]], axis=1)
    speed = np.concatenate([np.full(6, np.inf), config.speed_margin * H1.speed_limit])
    moves = solve(weight, error, config.gamma, FPS, (low, high),
                  (-speed - steps * FPS, speed - steps * FPS))
    qpos = tangent.integrate(start, moves)
    qpos[:, 7:] = np.clip(qpos[:, 7:], H1.low + config.margin, H1.high - config.margin)
    return qpos


def metric(qpos: Array, targets: Targets, config: RetargetConfig) -> Array:
    """Return W (T, 25, 25) = J^T W_x J + W_q of eq. (8) at each frame."""
    model = H1.model()
    data = mujoco.MjData(model)
    own = np.diag([config.base] * 6 + [config.joints] * (model.nv - 6))
    bodies = {part: model.body(link).id for part, link in LINKS.items()}
    place, turn = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    out = np.zeros((len(qpos), model.nv, model.nv))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        out[t] = own
        for part, body in bodies.items():
            side = skeleton_fit.leg_ik.SIDES
            foot = part.endswith("ankle")
            stands = foot and targets.contact[t, list(side).index(part.split("_")[0])]
            mujoco.mj_jacBody(model, data, place, turn, body)
            out[t] += (config.standing_feet if stands else config.key_points) * place.T @ place
            if stands:
                out[t] += config.sole * turn.T @ turn
    return out
