"""The figures of benchmarks/motion.py: one motion in, one number for each row of the table out."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import mink_retarget
import numpy as np
from scipy.interpolate import CubicSpline, make_interp_spline
from scipy.ndimage import binary_erosion, gaussian_filter1d

from mwx.evaluation.motion_sheet import soles
from mwx.maths import rotations
from mwx.motion import MotionClip, Reference, quality_sheet, retarget_clip, tangent
from mwx.motion import gait_tables as gait
from mwx.motion.contacts import ContactConfig
from mwx.motion.feedforward import feed_forward
from mwx.motion.ik_seed import SeedConfig, seed
from mwx.motion.quality import fidelity
from mwx.motion.roles import body_points
from mwx.motion.skeleton_fit import BONES, FPS, Targets, fit
from mwx.rng import generator
from mwx.robot import H1
from mwx.types import Array

SOURCE_FPS = 30.0  # [Hz] of the source that speeds are told for
# independent contact labels: of the person's own points, by rules no solver here uses
SLOW, SLOW_PART = 0.15, 0.05  # [m/s] and part of the pace: a point slower than both together rests
NEAR_FLOOR = 0.03  # [m] above the point's own 5th percentile
INNER = 1  # frames dropped at both ends of each stance: landing and leaving
Result = TypeVar("Result")


@dataclass(frozen=True)
class Row:
    """A row of the table: how it is called, its unit, its target and for which skills."""

    name: str
    unit: str
    target: float | None
    more: bool = False
    targets: dict[str, float | None] = dataclasses.field(default_factory=dict)


def for_skills(value: float | None, *skills: str) -> dict[str, float | None]:
    """Return skill -> target."""
    return dict.fromkeys(skills, value)


SIDES = ("left", "right")
STANCE = ("skate_mean", "skate_p95", "sole_height", "foot_tilt", "unexplained_p95")
SITTING = ("sit_down", "sit", "stand_up")
ROWS = {
    "rate": Row("whole pipeline", "30-Hz frames / CPU s", 200, True),
    "seed_rate": Row("seed alone", "30-Hz frames / CPU s", 400, True),
    "key_error_mean": Row("key-body error, mean", "cm", 1.5,
                          targets=for_skills(3.0, *SITTING) | for_skills(5.0, "crawl")),
    "key_error_p95": Row("key-body error, p95", "cm", 3.0,
                         targets=for_skills(None, *SITTING, "crawl")),
    "bone_direction": Row("bone-direction error, mean", "deg", 3.0,
                          targets=for_skills(9.0, "crawl")),
    "skate_mean": Row("stance skate, mean", "cm/s", 1.0),
    "skate_p95": Row("stance skate, p95", "cm/s", 3.0),
    "sole_height": Row("stance sole height, mean", "cm", 0.3),
    "penetration": Row("deepest penetration", "cm", 0.5),
    "foot_tilt": Row("stance foot tilt, mean", "deg", 3.0),
    "inside_limits": Row("frames inside position limits", "%", 100.0, True),
    "inside_speed_limits": Row("frames inside speed limits", "%", 100.0, True),
    "joint_jump": Row("largest joint step at 50 Hz", "rad", 0.3),
    "acceleration_rms": Row("acceleration RMS (target: walk)", "rad/s^2", None,
                            targets=for_skills(16.0, "walk")),
    "self_collision": Row("frames with self-collision", "%", 0.0),
    "unexplained_p95": Row("unexplained root force, p95", "body weight", 0.3,
                           targets=for_skills(0.6, "run") | for_skills(None, *SITTING, "crawl")),
    "unexplained_own": Row("unexplained force, own contacts", "body weight", None),
}


def target_of(row: str, skill: str) -> float | None:
    """Return the target of a row for a skill; None where it has none."""
    return ROWS[row].targets.get(skill, ROWS[row].target)


def meets(row: str, skill: str, value: float) -> bool | None:
    """Return whether a figure meets its target; None where there is none."""
    target = target_of(row, skill)
    if target is None:
        return None
    return value >= target - 1e-6 if ROWS[row].more else value <= target + 1e-6


def of_clip(clip: MotionClip, skill: str) -> dict[str, dict[str, float]]:
    """Return method -> its figures for a clip, all made and timed in this run.

    The methods: this project's pipeline; per-frame mink with GMR's weights; the same with its
    shrinking of short people undone. Stance rows use the same labels for all of them.
    """
    targets = fit(clip, ContactConfig())
    points = facing_as(at_rate(body_points(clip)), clip.fps, targets)
    rests = resting(points)
    seconds, reference = timed(lambda: retarget_clip(clip, label=skill))
    seed_seconds, _ = timed(lambda: seed(fit(clip, ContactConfig()), SeedConfig()))
    ours = sheet_of(reference, rests)
    ours |= {"rate": clip.duration_s * SOURCE_FPS / seconds,
             "seed_rate": clip.duration_s * SOURCE_FPS / seed_seconds}
    out = {"mwx": ours}
    for name, corrected in (("GMR weights", False), ("... scale corrected", True)):
        seconds, qpos = timed(
            lambda corrected=corrected: mink_retarget.retarget(points, corrected))
        made = dressed(qpos, rests[0], skill)
        figures = sheet_of(made, rests)
        figures["bone_direction"] = fidelity(qpos, targets)["bone_direction"]
        figures.pop("unexplained_own")  # it has no contacts of its own
        out[name] = figures | {"rate": clip.duration_s * SOURCE_FPS / seconds}
    return out


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return CPU seconds and the result of some work."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def sheet_of(reference: Reference, rests: tuple[Array, Array] | None = None) -> dict[str, float]:
    """Return the sheet's figures; stance rows by independent labels (see `resting`) if given."""
    values = dict(quality_sheet(reference).values)
    if rests is not None:
        values["unexplained_own"] = values["unexplained_p95"]
        for name in STANCE:  # without a foot that rests there is no figure, not the solver's own
            values.pop(name, None)
        values |= stance(reference.qpos, *rests)
    return {name: value for name, value in values.items() if name in ROWS}


def stance(qpos: Array, rest: Array, flat: Array) -> dict[str, float]:
    """Return skate [cm/s], sole height [cm], tilt [deg] and unexplained force where a foot rests.

    Args:
        qpos: (T, 26); rest, flat: (T, 2) bool, see `resting`.
    """
    heel, tip = soles(qpos)
    speeds, heights, tilts = [], [], []
    for i, side in enumerate(SIDES):
        both = rest[1:, i] & rest[:-1, i]
        speeds.append(np.linalg.norm(np.diff(tip[side][:, :2], axis=0), axis=1)[both] * FPS)
        heights.append(np.minimum(heel[side], tip[side])[rest[:, i], 2])
        line = (tip[side] - heel[side])[flat[:, i]]
        tilts.append(np.arctan2(np.abs(line[:, 2]), np.linalg.norm(line[:, :2], axis=1)))
    forces = feed_forward(qpos, rest, FPS, smoothing=tangent.CAPTURED).unexplained
    speed, height, tilt = (np.concatenate(rows) for rows in (speeds, heights, tilts))
    found: dict[str, float] = {}
    if rest.any():
        found["unexplained_p95"] = float(np.percentile(forces[rest.any(axis=1)], 95))
    if len(speed):
        found |= {"skate_mean": 100 * float(speed.mean()),
                  "skate_p95": 100 * float(np.percentile(speed, 95))}
    if len(height):
        found["sole_height"] = 100 * float(np.abs(height).mean())
    if len(tilt):
        found["foot_tilt"] = float(np.degrees(tilt.mean()))
    return found


def dressed(qpos: Array, contact: Array, label: str) -> Reference:
    """Return a reference of configurations that somebody else made."""
    inside = qpos.copy()  # commands cannot leave the limits; what is measured may
    inside[:, 7:] = np.clip(qpos[:, 7:], H1.low, H1.high)
    forward = feed_forward(inside, contact, FPS, smoothing=tangent.CAPTURED)
    return Reference(label, qpos, tangent.velocity(qpos, FPS, None, tangent.CAPTURED),
                     forward.ctrl, contact)


def at_rate(points: dict[str, Array]) -> dict[str, Array]:
    """Return a copy of the points on their own floor: the lowest of feet and toes is at 0."""
    low = min(float(np.percentile(rows[:, 2], 2)) for part, rows in points.items()
              if part.endswith(("ankle", "toe")))
    return {part: rows - np.array([0, 0, low]) for part, rows in points.items()}


def facing_as(points: dict[str, Array], fps: float, targets: Targets) -> dict[str, Array]:
    """Return points (T, 3) at 50 Hz, unfiltered, turned as the targets' directions are."""
    frames = len(targets.base)
    times = np.arange(frames) / FPS
    grid = np.arange(len(points["pelvis"])) / fps
    rows = {part: make_interp_spline(grid, p, k=1)(times) for part, p in points.items()}
    cross = dot = 0.0
    for bone in BONES:
        mine = mink_retarget.unit(rows[bone[1]] - rows[bone[0]])[:, :2]
        theirs = targets.directions[bone][:, :2]
        dot += float(np.sum(mine * theirs))
        cross += float(np.sum(mine[:, 0] * theirs[:, 1] - mine[:, 1] * theirs[:, 0]))
    turn = rotations.about("z", np.array(np.arctan2(cross, dot)))
    start = rows["pelvis"][0] * np.array([1, 1, 0])
    return {part: rotations.rotate(turn, p - start) for part, p in rows.items()}


def resting(points: dict[str, Array]) -> tuple[Array, Array]:
    """Return where a person's foot rests, and where its heel is down too, (T, 2) bool each.

    The ball (or, of a clip without one, the ankle) is slow and low; the heel is down where the
    ankle is low as well.
    """
    pace = np.linalg.norm(np.gradient(points["pelvis"][:, :2], 1 / FPS, axis=0), axis=1).mean()
    rest, flat = [], []
    for side in SIDES:
        ankle = gaussian_filter1d(points[f"{side}_ankle"], 1.0, axis=0)
        ball = gaussian_filter1d(points.get(f"{side}_toe", ankle), 1.0, axis=0)
        speed = np.linalg.norm(np.gradient(ball, 1 / FPS, axis=0), axis=1)
        on = _low(ball) & (speed < SLOW + SLOW_PART * pace)
        rest.append(binary_erosion(on, iterations=INNER))
        flat.append(rest[-1] & _low(ankle))
    return np.stack(rest, axis=1), np.stack(flat, axis=1)


def _low(point: Array) -> Array:
    return point[:, 2] < np.percentile(point[:, 2], 5) + NEAR_FLOOR


def velocity_errors(noise_deg: float = 0.0) -> dict[str, float]:
    """Return way of differentiating -> RMS error over RMS velocity [%] of a known 1-Hz gait.

    Hips and knees follow the published series (gait_tables) at one stride a second, sampled at
    30 Hz; their derivative is known in closed form. Savitzky-Golay in the tangent space is taken at
    50 Hz after cubic splines, as references are; PHC and H2O take a gradient and a Gaussian of two
    frames at 30 Hz.
    """
    rng = generator(0, "velocity benchmark")
    columns = [7 + H1.joint(name) for name in ("right_hip_pitch", "right_knee", "left_hip_pitch",
                                               "left_knee")]
    tables = (gait.HIP, gait.KNEE, gait.HIP, gait.KNEE)
    leads = (0.0, 0.0, 0.5, 0.5)

    def truth(times: Array) -> tuple[Array, Array]:
        angle = [np.deg2rad(gait.series(c, times + a)) for c, a in zip(tables, leads, strict=True)]
        rate = [np.deg2rad(slope(c, times + a)) for c, a in zip(tables, leads, strict=True)]
        return np.stack(angle, 1), np.stack(rate, 1)

    sampled, wanted = np.arange(0, 4, 1 / SOURCE_FPS), np.arange(0, 3.95, 1 / FPS)
    angles, rates_30 = truth(sampled)
    angles = angles + np.deg2rad(noise_deg) * rng.standard_normal(angles.shape)
    _, rates_50 = truth(wanted)
    qpos = np.tile(H1.home_qpos, (len(wanted), 1))
    qpos[:, columns] = CubicSpline(sampled, angles)(wanted)
    kept_50, kept_30 = slice(20, -20), slice(12, -12)  # ends are nobody's strength

    def share(got: Array, known: Array, kept: slice) -> float:
        error = got[kept] - known[kept]
        return 100 * float(np.sqrt(np.mean(error ** 2) / np.mean(known[kept] ** 2)))

    def ours(smoothing: tuple[int, int]) -> float:
        got = tangent.velocity(qpos, FPS, None, smoothing)[:, [c - 1 for c in columns]]
        return share(got, rates_50, kept_50)

    plain = np.gradient(angles, 1 / SOURCE_FPS, axis=0)
    return {"mwx, captured (7, 3)": ours(tangent.CAPTURED),
            "mwx, generated (5, 4)": ours(tangent.CLEAN),
            "gradient at 30 Hz": share(plain, rates_30, kept_30),
            "gradient and Gaussian (PHC, H2O)":
                share(gaussian_filter1d(plain, 2, axis=0), rates_30, kept_30)}


def slope(coefficients: tuple[float, ...], phase: Array) -> Array:
    """Return the derivative of a Fourier series (see gait_tables) by the phase."""
    harmonics = 2 * np.pi * np.arange(1, (len(coefficients) - 1) // 2 + 1)
    angle = phase[..., None] * harmonics
    return (-np.sin(angle) @ (harmonics * np.array(coefficients[1::2]))
            + np.cos(angle) @ (harmonics * np.array(coefficients[2::2])))
