"""Sitting down, sitting and standing up: a chair behind the heels, the trunk as a counterweight.

H1 has no waist joint that pitches, so the trunk leans with the pelvis. Rising goes as people do it
(Schenkman 1990, Nuzik 1986): seated, the trunk leans forward; the seat is left at about 35 % of
the time; hips and knees extend along minimum-jerk paths. H1's shanks are short for HumanoidBench's
chair: its thighs meet the seat's front edge while the soles are flat, and come to lie on the seat
only with the heels raised, so sitting pivots about that edge and about the tips of the feet.
"""

from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError, unknown
from mwx.maths import rotations
from mwx.motion import leg_ik
from mwx.motion.assemble import assemble
from mwx.motion.bodies import SOLE_TIP, centre_of_mass
from mwx.motion.reference import Reference
from mwx.motion.stand import FPS
from mwx.robot import H1
from mwx.types import Array

SEAT_HEIGHT, SEAT_FRONT = 0.475, -0.04  # [m] of HumanoidBench's chair, the robot standing at 0
HIP = np.array([leg_ik.ROLL_X, 0.0, leg_ik.HIP[2]])  # [m] pitch axis of both hips in the pelvis
SEAT_OFF = 0.36  # of the rise: the seat carries up to here (33-38 %)
UNTIL_LEANT, UPRIGHT_FROM, RISEN = 0.34, 0.40, 0.95  # of the rise
SOFT = 1.25  # the lean starts softly: behind the hips there is little to push against
SHIFT_FROM = 0.16  # of the rise: the hips start to come forward over the seat's edge
SOURCE = "generated: minimum jerk, sit-to-stand phases of Schenkman 1990 and Nuzik 1986"
SEATED_FRAMES = 50  # one second of sitting; any length would do


@dataclass(frozen=True)
class SitConfig:
    """How to sit down and stand up; lengths [m] in the frame of the seat numbers above.

    Attributes:
        ankle: of both ankles; the heels just clear the chair.
        seated_hip: (x, z) of the hips, thighs on the seat; edge_hip: where thighs meet its edge.
        heels_up: [rad] pitch of the feet while seated.
        lean: [rad] largest lean of the trunk; seated_lean: of quiet sitting.
        height: of the pelvis when standing; ahead: centre of mass before the ankles, standing.
        rise_s: [s] time of standing up (1.7 to 2.3 s is natural); sit_s: of sitting down.
        settle_s: [s] at rest before and after.
        shoulder: [rad] arms raised forward while the trunk leans.
        elbows: [rad] seated and standing; 0 points the forearms forward, pi / 2 lets them hang.
    """

    ankle: float = 0.06
    seated_hip: tuple[float, float] = (-0.20, 0.540)
    edge_hip: tuple[float, float] = (-0.165, 0.567)
    heels_up: float = 0.24
    lean: float = 0.8
    seated_lean: float = 0.1
    height: float = 1.0
    ahead: float = 0.005
    rise_s: float = 2.2
    sit_s: float = 2.6
    settle_s: float = 0.2
    shoulder: float = 0.9
    elbows: tuple[float, float] = (0.3, 1.2)


def sitting(skill: str, speed: float | None = None, config: SitConfig | None = None) -> Reference:
    """Return the reference of "sit_down", "sit" (a loop) or "stand_up".

    Raises:
        MwxError: another skill, a speed, or a config out of the legs' reach.
    """
    motions = {"sit_down": sit_down_motion, "sit": sit_motion, "stand_up": stand_up_motion}
    if skill not in motions:
        raise unknown("sitting skill", skill, motions)
    if speed is not None:
        raise MwxError(f"'{skill}' stays where it is: leave speed out")
    qpos, seat = motions[skill](config or SitConfig())
    contact = np.ones((len(qpos), 2), bool)
    return assemble(skill, qpos, contact, np.zeros(3) if skill == "sit" else None, SOURCE, {},
                    {"pelvis": seat})


def stand_up_motion(config: SitConfig) -> tuple[Array, Array]:
    """Return qpos (T, 26) from sitting to standing, and (T,) bool: the seat carries.

    Raises:
        MwxError: times that are not positive, or a hip that the legs do not reach.
    """
    return _rise(config, config.rise_s)


def sit_down_motion(config: SitConfig) -> tuple[Array, Array]:
    """Return qpos (T, 26) from standing to sitting, and (T,) bool: the seat carries.

    Raises:
        MwxError: as `stand_up_motion`.
    """
    qpos, seat = _rise(config, config.sit_s)
    return qpos[::-1].copy(), seat[::-1].copy()


def sit_motion(config: SitConfig) -> tuple[Array, Array]:
    """Return qpos (T, 26) of a second of quiet sitting, and (T,) bool: the seat carries."""
    qpos = _pose(np.zeros(1), config, np.array([config.seated_hip]))
    return np.repeat(qpos, SEATED_FRAMES, axis=0), np.ones(SEATED_FRAMES, bool)


def _rise(config: SitConfig, duration: float) -> tuple[Array, Array]:
    if duration <= 0 or config.settle_s < 0:
        raise MwxError(f"sitting in {duration} s with {config.settle_s} s of rest: "
                       "take positive times")
    settle, frames = round(config.settle_s * FPS), round(duration * FPS)
    part = np.clip((np.arange(frames + 2 * settle + 1) - settle) / frames, 0, 1)
    edge, seated = np.array(config.edge_hip), np.array(config.seated_hip)
    shift = _ease((part - SHIFT_FROM) / (UNTIL_LEANT - SHIFT_FROM))[:, None]
    hip = seated + shift * (edge - seated)
    up = _ease((part - SEAT_OFF) / (RISEN - SEAT_OFF))
    top = config.height + leg_ik.HIP[2]
    hip[:, 1] += up * (top - edge[1])
    return _balanced(part, config, hip, up), part < SEAT_OFF


def _balanced(part: Array, config: SitConfig, hip: Array, up: Array) -> Array:
    """Return poses whose hips, once off the seat, put the centre of mass on its way."""
    free = part >= SEAT_OFF
    start = centre_of_mass(_pose(part, config, hip)[np.flatnonzero(free)[:1]])[0, 0]
    way = start + up * (config.ankle + config.ahead - start)
    for _ in range(12):  # the centre of mass follows the hips by about two thirds
        gap = way - centre_of_mass(_pose(part, config, hip))[:, 0]
        hip = hip + np.stack([np.where(free, gap, 0), 0 * gap], axis=1)
    return _pose(part, config, hip)


def _pose(part: Array, config: SitConfig, hip: Array) -> Array:
    """Return qpos (T, 26) at parts (T,) of the rise with the hips at (T, 2) [m]."""
    upright = _ease((part - UPRIGHT_FROM) / (RISEN - UPRIGHT_FROM))
    leans = _ease((part / UNTIL_LEANT) ** SOFT) - upright
    lean = config.lean * leans + config.seated_lean * (1 - _ease(part / UNTIL_LEANT))
    heels = config.heels_up * (1 - _ease((part - SHIFT_FROM) / (UNTIL_LEANT - SHIFT_FROM)))
    qpos = np.tile(H1.home_qpos, (len(part), 1))
    qpos[:, 3:7] = rotations.about("y", lean)
    axis = np.stack([hip[:, 0], 0 * lean, hip[:, 1]], axis=1)
    qpos[:, :3] = axis - rotations.rotate(qpos[:, 3:7], np.tile(HIP, (len(part), 1)))
    thigh, knee = _legs(hip, _ankle(config, heels))
    seated, standing = config.elbows
    joints = {"hip_pitch": thigh - lean, "knee": knee, "ankle": heels - thigh - knee,
              "shoulder_pitch": -config.shoulder * leans,
              "elbow": seated + (standing - seated) * _ease((part - SEAT_OFF) / (1 - SEAT_OFF))}
    for side, sign in leg_ik.SIDES.items():
        for name, values in joints.items():
            qpos[:, 7 + H1.joint(f"{side}_{name}")] = values
        qpos[:, 7 + H1.joint(f"{side}_shoulder_roll")] = 0.1 * sign
    return qpos


def _ankle(config: SitConfig, heels: Array) -> Array:
    """Return the ankles (T, 2) [m]; raising the heels turns the feet about their tips."""
    x, z = SOLE_TIP[0], SOLE_TIP[2]
    tip = config.ankle + x
    cos, sin = np.cos(heels), np.sin(heels)
    return np.stack([tip - x * cos - z * sin, x * sin - z * cos], axis=1)


def _legs(hip: Array, ankle: Array) -> tuple[Array, Array]:
    """Return the pitch of the thighs against the vertical and the knees (T,) [rad]."""
    x, z = (ankle - hip).T
    distance = np.hypot(x, z)
    if (distance > leg_ik.THIGH + leg_ik.SHANK).any():
        raise MwxError(f"the hips stand {distance.max():.3f} m from the ankles, the legs are "
                       f"{leg_ik.THIGH + leg_ik.SHANK:.3f} m long: lower the pelvis")
    bone = leg_ik.THIGH ** 2 + leg_ik.SHANK ** 2
    knee = np.pi - np.arccos((bone - distance ** 2) / (2 * leg_ik.THIGH * leg_ik.SHANK))
    bend = np.arctan2(leg_ik.SHANK * np.sin(knee), leg_ik.THIGH + leg_ik.SHANK * np.cos(knee))
    return np.arctan2(-x, -z) - bend, knee


def _ease(part: Array) -> Array:
    """Minimum jerk from 0 to 1."""
    s = np.clip(part, 0, 1)
    return s ** 3 * (10 - 15 * s + 6 * s * s)
