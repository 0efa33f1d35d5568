"""How natural a motion is: smoothness, arms, hips and head, feet, symmetry, near a reference?

Pure functions of recorded motion; docs/evaluation.md has the paper's words beside each measure.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.recording import SHORTEST_S, Recording
from mwx.maths import rotations
from mwx.motion import Reference, kinematics
from mwx.motion.feedforward import FEET
from mwx.robot import H1, h1_numbers
from mwx.types import Array

STRIDE_HZ = (0.3, 4.0)  # where the frequency of a stride is looked for
GAIT = 0.05  # [rad] swing of the left hip against the right one from which a motion is a gait
PERIODIC = 0.3  # share of that swing's variance that one frequency explains in a gait
STRIDES = 3  # a phase is taken over so many strides at a time, so that a slow drift does not matter
HEAD = np.array(next(pos for name, _, pos, _ in h1_numbers.SITES if name == "head"))
LEFT, RIGHT = 0, 1

Better = Literal["less", "like the reference", "-"]


class Measure(NamedTuple):
    """A measure's unit and which of two values is the more natural one."""

    unit: str
    better: Better


MEASURES: dict[str, Measure] = {
    "joint_jerk": Measure("rad/s^3", "less"), "head_jerk": Measure("m/s^3", "less"),
    "torque_roughness": Measure("1/s", "less"),
    "arm_swing": Measure("deg", "like the reference"),
    "arm_phase": Measure("deg", "like the reference"),
    "hip_tilt": Measure("deg", "less"), "hip_spin": Measure("rad/s", "less"),
    "head_tilt": Measure("deg", "less"), "head_spin": Measure("rad/s", "less"),
    "foot_clearance": Measure("cm", "like the reference"),
    "asymmetry": Measure("deg", "less"),
    "reference_distance": Measure("deg", "less"), "tracking_error": Measure("deg", "less"),
    "stride_period": Measure("s", "-"),
}


def naturalness(motion: Recording, reference: Reference | None = None, symmetric: bool = True
                ) -> dict[str, float | None]:
    """Return every measure of a motion in the units of MEASURES; None where it has no meaning.

    Args:
        motion: settled, see `Recording.after`.
        reference: what was imitated, or should have been.
        symmetric: whether the skill is left-right symmetric; else there is no `asymmetry`.

    Raises:
        MwxError: fewer than SHORTEST_S of motion.
    """
    if len(motion) < SHORTEST_S / motion.dt:
        raise MwxError(f"{len(motion) * motion.dt:.2f} s of motion: naturalness needs at least "
                       f"{SHORTEST_S:g} s after the start; did the robot fall?")
    pose = kinematics.forward(motion.qpos)
    head = pose.places["torso_link"] + pose.turns["torso_link"] @ HEAD
    period = stride_period(motion)
    return {
        "joint_jerk": joint_jerk(motion.qvel[:, 6:], motion.dt),
        "head_jerk": place_jerk(head, motion.dt),
        "torque_roughness": None if motion.torque is None
        else torque_roughness(motion.torque, motion.dt),
        "arm_swing": arm_swing(motion),
        "arm_phase": None if period is None else arm_phase(motion, period),
        "hip_tilt": tilt(pose.turns["pelvis"]), "hip_spin": spin(pose.turns["pelvis"], motion.dt),
        "head_tilt": tilt(pose.turns["torso_link"]),
        "head_spin": spin(pose.turns["torso_link"], motion.dt),
        "foot_clearance": None if period is None
        else foot_clearance(sole_heights(pose), period, motion.dt),
        "asymmetry": asymmetry(motion, period) if symmetric else None,
        "reference_distance": None if reference is None
        else reference_distance(motion.qpos[:, 7:], reference.qpos[:, 7:]),
        "tracking_error": None if motion.wanted is None
        else rms(np.degrees(motion.qpos[:, 7:] - motion.wanted)),
        "stride_period": period,
    }


def mean_of(measured: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Return the mean over episodes of each measure, over those in which it has a meaning."""
    out: dict[str, float | None] = {}
    for name in MEASURES:
        values = [v for m in measured if (v := m.get(name)) is not None]
        out[name] = float(np.mean(values)) if values else None
    return out


def more_natural(one: Mapping[str, float | None], other: Mapping[str, float | None],
                 reference: Mapping[str, float | None]) -> dict[str, bool]:
    """Return, for each measure that all have, whether the first motion is the more natural one.

    "less" compares the values, "like the reference" how far they are from the reference's own.
    """
    out = {}
    for name, measure in MEASURES.items():
        a, b, own = one.get(name), other.get(name), reference.get(name)
        if a is None or b is None or measure.better == "-":
            continue
        if measure.better == "less":
            out[name] = a < b
        elif own is not None:
            wrap = 360.0 if name == "arm_phase" else np.inf
            out[name] = _apart(a, own, wrap) < _apart(b, own, wrap)
    return out


def rms(values: Array) -> float:
    """Return the root of the mean square over everything."""
    return float(np.sqrt(np.mean(np.square(values))))


def joint_jerk(velocity: Array, dt: float) -> float:
    """Return the RMS [rad/s^3] over time and joints of the joints' third derivative.

    Second central difference of the velocities (T, J) [rad/s].
    """
    return rms(np.diff(velocity, 2, axis=0) / dt ** 2)


def place_jerk(place: Array, dt: float) -> float:
    """Return the RMS [m/s^3] over time of the size of a point's (T, 3) [m] third derivative."""
    return float(np.sqrt(3)) * rms(np.diff(place, 3, axis=0) / dt ** 3)


def torque_roughness(torque: Array, dt: float) -> float:
    """Return the RMS [1/s] over time and servos of the torque's rate, in units of its bound.

    Args:
        torque: (T, 19) [N m]; between control steps, so that 1/dt means: from zero to the bound.
        dt: [s].
    """
    return rms(np.diff(torque, axis=0) / H1.force_limit / dt)


def arm_swing(motion: Recording) -> float:
    """Return the amplitude [deg] of the shoulders' pitch, the mean of both arms.

    The square root of two times the standard deviation: of a sine exactly its amplitude (half of
    what lies between its ends), and defined for motion that is not periodic.
    """
    return float(np.degrees(np.sqrt(2) * _joints(motion, "shoulder_pitch").std(0).mean()))


def stride_period(motion: Recording) -> float | None:
    """Return the period [s] of a stride (two steps), None where the motion is no gait.

    The strongest frequency of the left hip's pitch against the right one's.
    """
    hips = _joints(motion, "hip_pitch")
    swing = (hips[:, LEFT] - hips[:, RIGHT]) / 2
    swing = swing - swing.mean()
    frames = len(swing)
    power = np.abs(np.fft.rfft(swing * np.hanning(frames), 8 * frames)) ** 2
    frequency = np.fft.rfftfreq(8 * frames, motion.dt)
    inside = np.flatnonzero((frequency >= STRIDE_HZ[0]) & (frequency <= STRIDE_HZ[1]))
    best = int(inside[np.argmax(power[inside])])
    low, top, high = np.log(power[best - 1:best + 2] + 1e-30)
    bend = low - 2 * top + high
    best_at = best + (0.5 * (low - high) / bend if bend < 0 else 0.0)
    found = best_at * frequency[1]
    amplitude = abs(_phasor(swing, found, motion.dt))
    if amplitude < GAIT or amplitude ** 2 / 2 < PERIODIC * swing.var():
        return None
    return float(1 / found)


def arm_phase(motion: Recording, period: float) -> float | None:
    """Return by how much [deg] an arm runs ahead of the opposite leg, in (-180, 180].

    Phase of the first harmonic of the shoulder's pitch against the opposite hip's, both sides
    together; 0: the arm swings with the opposite leg, as people's do; 180: with its own leg. None
    where an arm hardly moves (under a degree).
    """
    arms, hips = _joints(motion, "shoulder_pitch"), _joints(motion, "hip_pitch")
    frames = max(round(STRIDES * period / motion.dt), 4)
    together, size = 0.0 + 0.0j, []
    for start in range(0, max(1, len(arms) - frames + 1), frames):
        piece = slice(start, start + frames)
        for arm, leg in ((LEFT, RIGHT), (RIGHT, LEFT)):
            moved = _phasor(arms[piece, arm], 1 / period, motion.dt)
            together += moved * np.conj(_phasor(hips[piece, leg], 1 / period, motion.dt))
            size.append(abs(moved))
    return float(np.degrees(np.angle(together))) if np.degrees(np.mean(size)) >= 1 else None


def tilt(turns: Array) -> float:
    """Return the RMS [deg] of a body's lean about its mean lean, roll and pitch together.

    Args:
        turns: (T, 3, 3) body to world; the vertical is taken into the body, heading has no part.
    """
    up = turns[:, 2, :]  # the vertical in the body's frame
    mean = up.mean(0) / np.linalg.norm(up.mean(0))
    return rms(np.degrees(np.arccos(np.clip(up @ mean, -1, 1))))


def spin(turns: Array, dt: float) -> float:
    """Return the RMS [rad/s] of a body's angular velocity about its mean, heading included.

    Args:
        turns: (T, 3, 3) body to world; their differences are taken, so that a steady turn is free.
        dt: [s].
    """
    quats = rotations.from_matrix(turns)
    rate = rotations.log(rotations.multiply(rotations.conjugate(quats[:-1]), quats[1:])) / dt
    return float(np.sqrt(3)) * rms(rate - rate.mean(0))


def sole_heights(pose: kinematics.Pose) -> Array:
    """Return (T, 2) [m] the lower of heel and toe of the left and the right sole."""
    edges = [np.array([x, 0.0, -h1_numbers.SOLE_HEIGHT]) for x in h1_numbers.SOLE_X]
    return np.stack([np.min([(pose.places[foot] + pose.turns[foot] @ edge)[:, 2]
                             for edge in edges], axis=0) for foot in FEET], 1)


def foot_clearance(heights: Array, period: float, dt: float) -> float | None:
    """Return how high [cm] a foot's lowest point gets in a stride, the mean of strides and feet.

    Args:
        heights: (T, 2) [m] above the ground.
        period: [s] of a stride; whole strides only are counted, None without one.
        dt: [s].
    """
    frames = max(round(period / dt), 1)
    strides = len(heights) // frames
    if strides < 1:
        return None
    return 100 * float(heights[:strides * frames].reshape(strides, frames, 2).max(1).mean())


def asymmetry(motion: Recording, period: float | None) -> float:
    """Return the RMS [deg] between the joints and their mirror image half a stride later.

    0 for a gait whose right half repeats the left one; without a gait, between a pose and its
    mirror image at the same time.
    """
    joints = motion.qpos[:, 7:]
    mirrored = H1.mirror_sign * joints[:, H1.mirror_joint]
    if period is None:
        return rms(np.degrees(joints - mirrored))
    late = period / 2 / motion.dt  # frames
    whole, part = int(late), late - int(late)
    count = len(joints) - whole - 1
    later = (1 - part) * joints[whole:whole + count] + part * joints[whole + 1:whole + 1 + count]
    return rms(np.degrees(later - mirrored[:count]))


def reference_distance(joints: Array, reference: Array) -> float:
    """Return the RMS [deg] from each pose to the nearest pose of the reference.

    No clock is needed, so a policy that never saw the reference can be measured beside one that
    did.

    Args:
        joints: (T, 19) [rad].
        reference: (R, 19) [rad].
    """
    square = (joints ** 2).sum(1)[:, None] + (reference ** 2).sum(1) - 2 * joints @ reference.T
    nearest = np.maximum(square.min(1), 0) / joints.shape[1]
    return float(np.degrees(np.sqrt(nearest.mean())))


def _joints(motion: Recording, name: str) -> Array:
    """Return (T, 2) [rad] a joint of the left and of the right side."""
    return motion.qpos[:, [7 + H1.joint(f"{side}_{name}") for side in ("left", "right")]]


def _phasor(values: Array, frequency: float, dt: float) -> complex:
    """Return amplitude and phase of one frequency [Hz], fitted beside a line by least squares."""
    time = np.arange(len(values)) * dt
    angle = 2 * np.pi * frequency * time
    columns = np.stack([np.cos(angle), np.sin(angle), np.ones_like(time), time], 1)
    cosine, sine = np.linalg.lstsq(columns, values, rcond=None)[0][:2]
    return complex(cosine, -sine)


def _apart(a: float, b: float, wrap: float) -> float:
    apart = abs(a - b)
    return min(apart, wrap - apart)
