"""A walk for H1: human timing and upper body, flat feet, and a centre of mass that can be held up.

The body is carried over its feet like an inverted pendulum (Kajita's linear model): the
zero-moment point p travels from foot to foot and the centre of mass c obeys c'' = (g / z) (c - p),
whose periodic solution is one division per harmonic. A few rounds of inverse dynamics replace the
model's p by the whole body's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import gait_tables as gait
from mwx.motion import leg_ik
from mwx.motion.bodies import centre_of_mass
from mwx.motion.feedforward import GRAVITY, feed_forward
from mwx.motion.stand import FPS
from mwx.robot import H1
from mwx.types import Array

REACH_MARGIN = 0.04  # [m] hip ahead of the middle of the feet, and the swing of the body
USABLE_LEG = 0.985 * (leg_ik.THIGH + leg_ik.SHANK)  # [m] a straight knee cannot be servoed
QUICK = 1.05  # [m/s] above it feet are lifted less, within the ankles' 9 rad/s
SPEEDS = (0.6, 1.6)  # [m/s] where the tables hold
UpperBody = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class WalkConfig:
    """The shape of the walk.

    Attributes:
        height: [m] mean pelvis height, lowered where a speed's steps need it.
        bob: [m] rise of the pelvis at mid-stance.
        clearance: [m] of the sole in mid-swing.
        cadence: factor on the human cadence; shorter steps spare a foot without push-off.
        stance_less: cut from the human stance part, since no heel rises.
        heel_to_toe: [m] where the zero-moment point starts and ends, ahead of the ankle.
        sway: part of the pendulum's sideways sway; all of it needs no roll torque.
        toe_drop: [rad] toes down after lift-off.
        abduction: [rad] arms off the body.
        rounds: of whole-body correction.
        speeds: [m/s] least and greatest.
    """

    height: float = 0.95
    bob: float = 0.008
    clearance: float = 0.12
    cadence: float = 1.25
    stance_less: float = 0.06
    heel_to_toe: tuple[float, float] = (-0.03, 0.03)
    sway: float = 1.0
    toe_drop: float = 0.2
    abduction: float = 0.2
    rounds: int = 4
    speeds: tuple[float, float] = SPEEDS


@dataclass(frozen=True)
class _Timing:
    frames: int
    advance: Array
    phase: Array  # (T,) of the right foot
    stance: float
    height: float  # [m] of the pelvis
    lift: float  # part of the clearance and toe drop: a quick swing has no time for all of it

    @property
    def period(self) -> float:
        return self.frames / FPS


def walk_motion(speed: float, config: WalkConfig, upper: UpperBody | None = None
                ) -> tuple[Array, Array, Array]:
    """Return one stride of walking.

    Args:
        speed: [m/s].
        config: the shape of the walk.
        upper: (qpos, phase) -> qpos (T, 26), another posture of trunk and arms.

    Returns:
        qpos (T, 26), contact (T, 2) bool, advance (3,) [m]; frame 0 is the right touch-down.
    """
    least, most = config.speeds
    if not least <= speed <= most:
        raise MwxError(f"walk at {speed} m/s: the tables hold for {least} to {most} m/s")
    timing = _timing(speed, config)
    zmp = _zmp(timing, config)
    soles = {side: _sole(timing, config, side) for side in ("left", "right")}
    zmp_model, target = zmp.copy(), zmp
    height = timing.height - 0.03  # the centre of mass, a little below the pelvis
    contact = np.stack([_foot_phase(timing, s) < timing.stance for s in ("left", "right")], 1)
    qpos = np.zeros((timing.frames, 26))
    for _ in range(config.rounds):
        com = _pendulum(zmp_model, timing, height)
        com[:, 1] *= config.sway
        posture = _upper_body(timing, speed, config)
        posture = upper(posture, timing.phase) if upper else posture
        qpos = _body_over(com, soles, timing, posture, config)
        wrench = feed_forward(qpos, contact, FPS, timing.advance).wrench
        actual = np.stack([-wrench[:, 4], wrench[:, 3]], 1) / wrench[:, 2:3]
        zmp_model = zmp_model + _smooth(target - actual)
    return qpos, contact, timing.advance


def _timing(speed: float, config: WalkConfig) -> _Timing:
    half = round(gait.stride_time(speed) / config.cadence * FPS / 2)
    frames = 2 * half
    advance = np.array([speed * frames / FPS, 0.0, 0.0])
    stance = gait.stance_part(speed) - config.stance_less
    reach = advance[0] * stance / 2 + REACH_MARGIN  # [m] of the ankle behind the hip at lift-off
    drop = np.sqrt(USABLE_LEG ** 2 - reach ** 2) + leg_ik.SOLE - leg_ik.HIP[2] - config.bob
    return _Timing(frames, advance, np.arange(frames) / frames, stance,
                   float(min(config.height, drop)), min(1.0, QUICK / speed))


def _foot_phase(timing: _Timing, side: str) -> Array:
    return (timing.phase + (0.5 if side == "left" else 0.0) + 1e-9) % 1.0


def _ease(part: Array) -> Array:
    """Minimum jerk from 0 to 1."""
    s = np.clip(part, 0, 1)
    return s ** 3 * (10 - 15 * s + 6 * s * s)


def _sole(timing: _Timing, config: WalkConfig, side: str) -> Array:
    """Return the point of the sole under the ankle (T, 3) [m]; it stands still in stance."""
    phase = _foot_phase(timing, side)
    swing = (phase - timing.stance) / (1 - timing.stance)
    stride = timing.advance[0]
    # at its own touch-down phase 0 the foot lies half its stance travel ahead of the pelvis
    landing = stride * timing.stance / 2
    started = timing.phase - phase  # time of the touch-down of this stance, in strides
    x = stride * started + landing + stride * np.where(swing > 0, _travel(swing), 0)
    z = np.where(swing > 0, config.clearance * timing.lift * _bump(swing), 0)
    return np.stack([x, np.full_like(x, leg_ik.SIDES[side] * leg_ik.HALF_WIDTH), z], axis=1)


def _travel(part: Array) -> Array:
    s = np.clip(part, 0, 1)
    return 0.6 * _ease(s) + 0.4 * s * s * (3 - 2 * s)


def _bump(part: Array) -> Array:
    s = np.clip(part, 0, 1)
    return (4 * s * (1 - s)) ** 2


def _zmp(timing: _Timing, config: WalkConfig) -> Array:
    """Return the wanted zero-moment point (T, 2) [m]."""
    stride, stance = timing.advance[0], timing.stance
    start, end = config.heel_to_toe
    out = np.zeros((timing.frames, 2))
    both = stance - 0.5  # part of the stride on both feet, twice
    for i, phase in enumerate(timing.phase):
        # in [0, .5) the right foot leads: first both feet share, then it stands alone
        half, side = (phase, -1.0) if phase < 0.5 else (phase - 0.5, 1.0)
        lead = stride * (stance / 2 + (0.0 if phase < 0.5 else 0.5))
        alone = np.clip((half - both) / (0.5 - both), 0, 1)
        x, y = lead + start + (end - start) * alone, side * leg_ik.HALF_WIDTH
        share = _ease(half / both) if both > 0 else 1.0
        behind = (lead - stride / 2 + end, -side * leg_ik.HALF_WIDTH)
        out[i] = share * x + (1 - share) * behind[0], share * y + (1 - share) * behind[1]
    return out


def _pendulum(zmp: Array, timing: _Timing, height: float) -> Array:
    """Return the periodic centre of mass (T, 2): c'' = (g / z) (c - p), harmonic by harmonic."""
    travel = timing.phase[:, None] * timing.advance[:2]
    spectrum = np.fft.rfft(zmp - travel, axis=0)
    omega = 2 * np.pi * np.arange(len(spectrum)) / timing.period
    gain = (GRAVITY / height) / (GRAVITY / height + omega ** 2)
    return travel + np.fft.irfft(gain[:, None] * spectrum, timing.frames, axis=0)


def _smooth(rows: Array) -> Array:
    spectrum = np.fft.rfft(rows, axis=0)
    spectrum[8:] = 0  # inverse dynamics of 50 Hz samples says nothing about higher harmonics
    return np.fft.irfft(spectrum, len(rows), axis=0)


def _body_over(com: Array, soles: dict[str, Array], timing: _Timing, posture: Array,
               config: WalkConfig) -> Array:
    """Return qpos (T, 26) whose centre of mass passes over `com`, legs on the soles."""
    qpos = posture.copy()
    base, flat = com.copy(), np.zeros(timing.frames)
    pitch = {s: _toe_pitch(timing, config, s) for s in soles}
    for _ in range(4):
        qpos[:, :2] = base
        qpos = leg_ik.place_feet(qpos, soles, flat, pitch)
        base = base + com - centre_of_mass(qpos)[:, :2]
        base = (base + _half_stride_later(base, timing)) / 2
    return qpos


def _half_stride_later(base: Array, timing: _Timing) -> Array:
    """Return a path (T, 2) as the other half of the stride sees it in the mirror."""
    half = timing.frames // 2
    later = np.roll(base, -half, axis=0)
    later[half:] += timing.advance[:2]
    return (later - timing.advance[:2] / 2) * np.array([1.0, -1.0])


def _toe_pitch(timing: _Timing, config: WalkConfig, side: str) -> Array:
    swing = (_foot_phase(timing, side) - timing.stance) / (1 - timing.stance)
    early = np.clip(swing / 0.6, 0, 1)
    return config.toe_drop * timing.lift * _bump(early)


def _upper_body(timing: _Timing, speed: float, config: WalkConfig) -> Array:
    phase = timing.phase
    qpos = np.tile(H1.home_qpos, (timing.frames, 1))
    qpos[:, 2] = timing.height - config.bob * np.cos(4 * np.pi * (phase - (timing.stance - .5) / 2))
    qpos[:, 3:7] = rotations.about("z", np.radians(gait.symmetric_yaw(gait.PELVIS_YAW, phase)))
    joints = {"torso": np.radians(gait.symmetric_yaw(gait.TORSO_YAW, phase))}
    swing, mean = gait.arm_swing(speed), gait.SHOULDER_FLEXION[0]
    for side, shift in (("right", 0.0), ("left", 0.5)):
        flexion = gait.series(gait.SHOULDER_FLEXION, phase + shift)
        joints[f"{side}_shoulder_pitch"] = -np.radians(mean + swing * (flexion - mean))
        joints[f"{side}_shoulder_roll"] = leg_ik.SIDES[side] * config.abduction + 0 * phase
        joints[f"{side}_elbow"] = np.pi / 2 - np.radians(
            gait.series(gait.ELBOW_FLEXION, phase + shift))
    for name, values in joints.items():
        qpos[:, 7 + H1.joint(name)] = values
    return qpos
