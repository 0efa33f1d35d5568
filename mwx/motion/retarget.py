"""Paper eq. (8): a human clip becomes a feasible robot reference, solved over the whole clip.

    M = sum_t ||q_t - q*_t||_W^2 + gamma ||qdot_t - qdot*_t||_W^2

q* is the per-frame inverse kinematics of the robot-sized clip, qdot* its smoothed velocity, W the
weights of key points and joints pulled back through the Jacobian. Joint and speed limits hold as
hard constraints. In the tangent space at q* this is one quadratic programme whose matrix is banded.
"""

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import maximum_filter1d

from mwx.maths import rotations
from mwx.motion import bodies, ik_seed, kinematics, tangent
from mwx.motion.banded import solve
from mwx.motion.clip import MotionClip
from mwx.motion.contacts import ContactConfig
from mwx.motion.feedforward import FeedForwardConfig, feed_forward
from mwx.motion.ik_seed import LINKS, SeedConfig
from mwx.motion.kinematics import Pose
from mwx.motion.leg_ik import LEG_JOINTS, SIDES
from mwx.motion.quality import arm_overlaps, fidelity, quality_sheet
from mwx.motion.reference import Reference
from mwx.motion.skeleton_fit import FPS, Targets, fit
from mwx.robot import H1
from mwx.types import Array

FEET = ("left_ankle", "right_ankle")
ROOM_FRAMES = 4  # a hand keeps clear from before a collision until after it
DAMPING = 1e-3  # of the leg's inverse near a straight knee


@dataclass(frozen=True)
class RetargetConfig:
    """W, gamma and the stages before them.

    Attributes:
        gamma: [s^2] weight of the velocity term; (0.12 s)^2 makes 1 rad/s count like 0.12 rad.
        key_points: W for key points [1 / m^2], swinging or free.
        standing_feet: W for a standing ankle [1 / m^2].
        sole: W for the orientation of a standing foot [1 / rad^2].
        base, joints: W for the base's and the joints' own coordinates [1 / m^2 or 1 / rad^2].
        margin: [rad] kept from joint limits; speed_margin: part of the speed limits used.
        hand_rounds: how often low hands are moved aside where they still run into H1's broad hips;
            hand_spare: [m] more than they overlap.
        velocity_smoothing: (window [frames], order) of qdot*.
    """

    gamma: float = 0.12 ** 2
    key_points: float = 2.0
    standing_feet: float = 1000.0
    sole: float = 20.0
    base: float = 0.1
    joints: float = 0.1
    margin: float = 0.01
    speed_margin: float = 0.95
    hand_rounds: int = 4
    hand_spare: float = 0.005
    velocity_smoothing: tuple[int, int] = (17, 3)
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
    qpos, targets = _solved(clip, config)
    supports = targets.supports or None
    forward = feed_forward(qpos, targets.contact, FPS, None, config.forward, tangent.CAPTURED,
                           supports)
    reference = Reference(
        label=label, qpos=qpos, qvel=tangent.velocity(qpos, FPS, None, tangent.CAPTURED),
        ctrl=forward.ctrl, contact=targets.contact, source=clip.source,
        source_sha256=clip.source_sha256, licence=clip.licence, generated=clip.generated,
        metrics=fidelity(qpos, targets), support_names=tuple(targets.supports),
        supports=np.stack(list(supports.values()), axis=1) if supports else None)
    sheet = quality_sheet(reference, forward)
    return dataclasses.replace(reference, metrics=reference.metrics | sheet.to_dict())


def _solved(clip: MotionClip, config: RetargetConfig) -> tuple[Array, Targets]:
    """Solve; where arms and hips collide give that hand more room, as much as they overlap."""
    seeds = dataclasses.replace(config.seed, margin=config.margin)
    targets = fit(clip, config.contact)
    room = np.zeros((len(targets.base), 2))
    start = ik_seed.seed(targets, seeds)
    for _ in range(config.hand_rounds):
        deep = arm_overlaps(start)
        if not deep.any():
            qpos = whole_clip(start, targets, config)
            deep = arm_overlaps(qpos)
            if not deep.any():
                return qpos, targets
        room = np.maximum(room, _room(deep, targets, config.hand_spare))
        targets = fit(clip, config.contact, room)
        start = ik_seed.seed(targets, seeds, start)
    return whole_clip(start, targets, config), targets


def _room(deep: Array, targets: Targets, spare: float) -> Array:
    """Return how far (T, 2) [m] each hand should be from the middle of the body.

    Args:
        deep: (T, 2) [m] an arm overlaps the body; spare: [m] more than that.
    """
    wide = np.stack([np.sum((targets.points[f"{side}_wrist"] - targets.points["pelvis"])
                            * rotations.rotate(targets.base, np.array([0.0, sign, 0.0])), axis=1)
                     for side, sign in SIDES.items()], axis=1)
    needed = np.where(deep > 0, wide + deep + spare, 0.0)
    return maximum_filter1d(needed, 2 * ROOM_FRAMES + 1, axis=0, mode="nearest")


def whole_clip(start: Array, targets: Targets, config: RetargetConfig) -> Array:
    """Return the minimiser of eq. (8) (T, 26) around the seed q* (T, 26)."""
    weight = metric(start, targets, config)
    steps = tangent.difference(start[:-1], start[1:])
    wanted = tangent.velocity(start, FPS, None, config.velocity_smoothing)
    wanted = standing_still((wanted[:-1] + wanted[1:]) / 2, start, targets)
    error = steps * FPS - wanted
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
    pose = kinematics.forward(qpos)
    rows = []
    for part, link in LINKS.items():
        if part in FEET:
            on = targets.contact[:, FEET.index(part), None, None]
            tip, turn = _tip_jacobian(pose, link), kinematics.turn_jacobian(pose, link)
            plain = np.sqrt(config.key_points) * kinematics.place_jacobian(pose, link)
            rows.append(np.where(on, np.sqrt(config.standing_feet) * tip, plain))
            rows.append(np.where(on, np.sqrt(config.sole) * turn, 0.0))
        else:
            bears = targets.supports.get(part, np.zeros(len(qpos), bool))
            weight = np.where(bears, config.standing_feet, config.key_points)
            rows.append(np.sqrt(weight)[:, None, None] * kinematics.place_jacobian(pose, link))
    stacked = np.concatenate(rows, axis=1)
    own = np.diag([config.base] * 6 + [config.joints] * (stacked.shape[-1] - 6))
    return stacked.swapaxes(-1, -2) @ stacked + own


def standing_still(wanted: Array, qpos: Array, targets: Targets) -> Array:
    """Return qdot* (T - 1, 25) with the motion of standing feet taken out, leg by leg.

    Smoothing in time carries some of the swing into the stance; the leg's five joints give it back
    so that the tip of the sole rests, and a flat sole does not turn.
    """
    pose = kinematics.forward(qpos[:-1])
    out = wanted.copy()
    for i, side in enumerate(SIDES):
        link = LINKS[FEET[i]]
        stands = targets.contact[:-1, i] & targets.contact[1:, i]
        flat = (targets.flat[:-1, i] & targets.flat[1:, i])[:, None, None]
        turn = np.where(flat, kinematics.turn_jacobian(pose, link)[:, 1:], 0.0)
        rows = np.concatenate([_tip_jacobian(pose, link), turn], axis=1)  # (T - 1, 5, 25)
        leg = rows[:, :, 6 + LEG_JOINTS[side]]
        slip = rows @ out[..., None]
        fix = np.linalg.solve(leg @ leg.swapaxes(-1, -2) + DAMPING * np.eye(5), slip)
        change = (leg.swapaxes(-1, -2) @ fix)[..., 0]
        out[:, 6 + LEG_JOINTS[side]] -= np.where(stands[:, None], change, 0.0)
    return out


def _tip_jacobian(pose: Pose, link: str) -> Array:
    return kinematics.place_jacobian(pose, link, pose.places[link] + pose.turns[link]
                                     @ bodies.SOLE_TIP)
