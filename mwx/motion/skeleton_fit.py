"""A human's key points -> the robot's: its bone lengths, the human's bone directions."""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from mwx.maths import rotations
from mwx.motion import contacts, leg_ik
from mwx.motion.clip import MotionClip
from mwx.motion.contacts import ContactConfig
from mwx.motion.roles import body_points
from mwx.robot import h1_numbers
from mwx.types import Array

FPS = 50.0  # [Hz] of every reference
CUTOFF_HZ, ORDER = 6.5, 4  # marker noise lives above, gait below (Winter): a steep edge
UPPER_ARM, FOREARM = 0.333, 0.310  # [m] shoulder to elbow axis, elbow axis to hand
SHOULDER = np.array([0.0, 0.2135, 0.4389])  # [m] left shoulder in the torso
TIP = h1_numbers.SOLE_X[1]  # [m] foremost point of the sole ahead of the ankle
LEAN_KEPT = 0.35  # part of the legs' sideways lean that is kept
LEG_USED = 0.996 * (leg_ik.THIGH + leg_ik.SHANK)  # [m] a straight knee has no inverse
HEADING_S = 0.4  # [s] slower turns change the heading, faster ones are the pelvis' swing
RESTING_SPEED, RESTING_HEIGHT = 0.5, 0.12  # [m/s], [m] of ankles that may tell the floor's slope
SLOPE_WAY, MAX_SLOPE = 1.0, 0.03  # [m] of floor to see it from; steeper is no error of the set-up
BENT = (0.3, 0.8)  # sine of the knee's angle where it starts to tell the leg's heading, where alone
MAX_HEEL_RISE = 0.55  # [rad] of the foot about its tip
BONES = tuple((f"{side}_{a}", f"{side}_{b}") for side in leg_ik.SIDES for a, b in
              (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")))


@dataclass(frozen=True)
class Targets:
    """What the robot should do, at 50 Hz.

    Attributes:
        points: part -> (T, 3) [m] where the robot's part should be.
        base: (T, 4) orientation of the pelvis; torso_yaw: (T,) [rad] relative to it.
        foot_yaw, foot_pitch: side -> (T,) [rad].
        contact: (T, 2) bool, flat or on the toes; flat: (T, 2) bool, the whole sole.
        directions: bone -> (T, 3) unit vectors of the human's bones.
        supports: part -> (T,) bool, other parts that bear weight: knees, wrists, the pelvis.
    """

    points: dict[str, Array]
    base: Array
    torso_yaw: Array
    foot_yaw: dict[str, Array]
    foot_pitch: dict[str, Array]
    contact: Array
    flat: Array
    directions: dict[tuple[str, str], Array]
    supports: dict[str, Array] = field(default_factory=dict)


def fit(clip: MotionClip, config: ContactConfig, hand_room: Array | None = None) -> Targets:
    """Return the robot-sized targets of a human clip, starting at the origin towards +x.

    Args:
        clip: key points of a person; config: when feet stand.
        hand_room: (T, 2) [m] a low left and right hand keep from the middle of the body.
    """
    points = _levelled(_facing_x(_at_fps(body_points(clip), clip.fps)))
    directions = {bone: _unit(points[bone[1]] - points[bone[0]]) for bone in BONES}
    flat, contact = _feet(points, config)
    yaw, lean = _trunk(points)
    base = rotations.multiply(rotations.about("z", yaw), rotations.about("y", lean))
    torso_yaw = np.clip(_angle(_line_yaw(points, "shoulder") - yaw), -0.6, 0.6)
    foot_yaw = {s: _foot_yaw(points, s, yaw, contact[:, i], directions)
                for i, s in enumerate(leg_ik.SIDES)}
    robot = _legs(points, base, directions, flat)
    robot, pitch = _anchored(robot, foot_yaw, flat, contact)
    robot = _jointed(_within_reach(robot, contact), base, foot_yaw)
    robot |= _arms(robot, base, torso_yaw, directions, hand_room)
    return Targets(robot, base, torso_yaw, foot_yaw, pitch, contact, flat, directions)


def _at_fps(points: dict[str, Array], fps: float) -> dict[str, Array]:
    """Return low-passed points at 50 Hz (cubic splines through the filtered samples)."""
    count = len(points["pelvis"])
    times = np.arange(count) / fps
    wanted = np.arange(0, times[-1] + 1e-9, 1 / FPS)
    sos = butter(ORDER, CUTOFF_HZ, fs=fps, output="sos") if fps > 2.5 * CUTOFF_HZ else None

    rows = np.stack(list(points.values()), axis=1).reshape(count, -1)  # (T, P * 3)
    if sos is not None and count > 12:
        edge = min(count - 1, int(fps / 3))
        rows = sosfiltfilt(sos, rows, axis=0, padtype="odd", padlen=edge)
    rows = CubicSpline(times, rows, axis=0)(wanted).reshape(len(wanted), -1, 3)
    return {part: rows[:, i] for i, part in enumerate(points)}


def _facing_x(points: dict[str, Array]) -> dict[str, Array]:
    """Turn the clip so that it goes (or, standing, faces) along +x from the origin."""
    travel = (points["pelvis"][-1] - points["pelvis"][0])[:2]
    facing = _angle(np.median(_unwrapped_yaw(points, "hip")[: int(FPS)]))
    heading = np.arctan2(travel[1], travel[0])
    if np.linalg.norm(travel) < 0.5 or abs(_angle(heading - facing)) > np.pi / 4:
        heading = facing
    turn = rotations.about("z", np.array(-heading))
    start = points["pelvis"][0] * np.array([1, 1, 0])
    return {part: rotations.rotate(turn, rows - start) for part, rows in points.items()}


def _levelled(points: dict[str, Array]) -> dict[str, Array]:
    """Take out the floor's slope along +x: laboratories are calibrated to a degree or so.

    The slope is that of the ankles where they rest; steeper ones are hills and stairs and stay.
    """
    rows, heights = [], []
    for i, side in enumerate(leg_ik.SIDES):
        ankle = points[f"{side}_ankle"]
        slow = np.linalg.norm(np.gradient(ankle, 1 / FPS, axis=0), axis=1) < RESTING_SPEED
        slow &= ankle[:, 2] < np.percentile(ankle[:, 2], 2) + RESTING_HEIGHT
        rows.append(np.stack([ankle[slow, 0], *(np.full(slow.sum(), k == i) for k in range(2))], 1))
        heights.append(ankle[slow, 2])
    places, level = np.concatenate(rows), np.concatenate(heights)
    if len(level) < 4 or np.ptp(places[:, 0]) < SLOPE_WAY:
        return points
    slope = np.linalg.lstsq(places, level, rcond=None)[0][0]
    if abs(slope) > MAX_SLOPE:
        return points
    return {part: p - slope * p[:, :1] * [0, 0, 1] for part, p in points.items()}


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def _angle(angle: Array) -> Array:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _line_yaw(points: dict[str, Array], part: str) -> Array:
    line = points[f"left_{part}"] - points[f"right_{part}"]
    return np.arctan2(-line[:, 0], line[:, 1])


def _unwrapped_yaw(points: dict[str, Array], part: str) -> Array:
    return np.unwrap(_line_yaw(points, part))


def _trunk(points: dict[str, Array]) -> tuple[Array, Array]:
    """Return the pelvis' heading and the trunk's lean forward (T,) [rad]; H1's waist only yaws.

    H1's hips are farther apart than a person's, so its pelvis turns less about the way it goes:
    then its hips swing forth and back as far as the person's, and standing feet stay in reach.
    """
    yaw = _unwrapped_yaw(points, "hip")
    across = np.linalg.norm(points["left_hip"] - points["right_hip"], axis=1).mean()
    way = gaussian_filter1d(yaw, HEADING_S * FPS, mode="nearest")
    yaw = way + min(across / (2 * leg_ik.HALF_WIDTH), 1.0) * (yaw - way)
    shoulders = (points["left_shoulder"] + points["right_shoulder"]) / 2
    # from the root: many skeletons' hip joints lie ahead of it, and would lean the trunk back
    trunk = rotations.rotate(rotations.about("z", -yaw), shoulders - points["pelvis"])
    return yaw, np.clip(np.arctan2(trunk[:, 0], trunk[:, 2]), -0.3, 1.2)


def _feet(points: dict[str, Array], config: ContactConfig) -> tuple[Array, Array]:
    """Return flat (T, 2) and contact (T, 2)."""
    flat, contact = [], []
    for side in leg_ik.SIDES:
        heel = contacts.standing(points[f"{side}_ankle"], points["pelvis"], FPS, config)
        toe = points.get(f"{side}_toe")
        ball = contacts.rolling(points[f"{side}_ankle"], points["pelvis"], _shank(points, side),
                                FPS, config) if toe is None else \
            contacts.standing(toe, points["pelvis"], FPS, config)
        contact.append(heel | ball)
        flat.append(heel)
    return np.stack(flat, 1), np.stack(contact, 1)


def _shank(points: dict[str, Array], side: str) -> float:
    return float(np.linalg.norm(points[f"{side}_knee"] - points[f"{side}_ankle"], axis=1).mean())


def _foot_yaw(points: dict[str, Array], side: str, yaw: Array, on: Array,
              directions: dict[tuple[str, str], Array]) -> Array:
    """Return the foot's heading, constant while it stands and within the hip's reach.

    H1's foot and knee share one heading, the hip's: with a bent knee it is the knee's that shows.
    """
    toe = points.get(f"{side}_toe")
    out = np.zeros_like(yaw)
    if toe is not None:
        foot = toe - points[f"{side}_ankle"]
        out = _angle(np.arctan2(foot[:, 1], foot[:, 0]) - yaw)
    hinge = np.cross(directions[(f"{side}_hip", f"{side}_knee")],
                     directions[(f"{side}_knee", f"{side}_ankle")])
    plane = _angle(np.arctan2(-hinge[:, 0], hinge[:, 1]) - yaw)
    bent = np.interp(np.linalg.norm(hinge, axis=1), BENT, (0, 1)) * (np.abs(plane) < np.pi / 4)
    out = np.clip((1 - bent) * out + bent * plane, -0.3, 0.3) + yaw
    return _held(out[:, None], on)[:, 0]


def _held(rows: Array, on: Array) -> Array:
    """Return rows (T, D) that stay at their mean in each run of `on`, blended outside."""
    out = rows.copy()
    known, offsets = [], []
    for start, end in contacts.runs(on):
        mean = rows[start:end].mean(axis=0)
        out[start:end] = mean
        known += [start, end - 1]
        offsets += [mean - rows[start], mean - rows[end - 1]]
    if not known:
        return out
    place = np.arange(len(rows))
    smooth = np.stack([np.interp(place, known, [o[d] for o in offsets])
                       for d in range(rows.shape[1])], axis=1)
    return np.where(on[:, None], out, rows + smooth)


def _legs(points: dict[str, Array], base: Array, directions: dict[tuple[str, str], Array],
          flat: Array) -> dict[str, Array]:
    """Return pelvis, hips, knees and ankles with the robot's lengths.

    The root's path is scaled by the leg ratio; hips stand H1's width apart and everything below
    hangs on them by the human's directions, which moves each foot outwards by as much.
    """
    human = np.mean([np.linalg.norm(points[f"{s}_{b}"] - points[f"{s}_{a}"], axis=1).mean()
                     for s in leg_ik.SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]) * 2
    ratio = (leg_ik.THIGH + leg_ik.SHANK) / human
    middle = (points["left_hip"] + points["right_hip"]) / 2
    floor = np.mean([_floor(points[f"{s}_ankle"][:, 2], flat[:, i])
                     for i, s in enumerate(leg_ik.SIDES)])
    hips = np.concatenate([ratio * middle[:, :2], ratio * (middle[:, 2:] - floor) + leg_ik.SOLE], 1)
    pelvis = hips - rotations.rotate(base, np.array([leg_ik.ROLL_X, 0, leg_ik.HIP[2]]))
    robot = {"pelvis": pelvis}
    for side, sign in leg_ik.SIDES.items():
        thigh = _upright(directions[(f"{side}_hip", f"{side}_knee")], base)
        shank = _upright(directions[(f"{side}_knee", f"{side}_ankle")], base)
        offset = np.array([leg_ik.ROLL_X, sign * leg_ik.HALF_WIDTH, leg_ik.HIP[2]])
        robot[f"{side}_hip"] = pelvis + rotations.rotate(base, offset)
        robot[f"{side}_knee"] = robot[f"{side}_hip"] + leg_ik.THIGH * thigh
        robot[f"{side}_ankle"] = robot[f"{side}_knee"] + leg_ik.SHANK * shank
    return robot


def _floor(height: Array, flat: Array) -> float:
    """Return the height of an ankle whose foot rests; its low heights where it never does."""
    return float(height[flat].mean() if flat.any() else np.percentile(height, 5))


def _upright(direction: Array, base: Array) -> Array:
    """Return leg directions with less sideways lean: H1's ankle cannot roll its sole flat."""
    side = rotations.rotate(base, np.array([0.0, 1.0, 0.0]))
    lean = np.sum(direction * side, axis=1, keepdims=True)
    return _unit(direction - (1 - LEAN_KEPT) * lean * side)


def _anchored(robot: dict[str, Array], foot_yaw: dict[str, Array], flat: Array, contact: Array
              ) -> tuple[dict[str, Array], dict[str, Array]]:
    """Put standing feet on the floor: one place each stance, flat, or turning about the tip."""
    out, pitches = dict(robot), {}
    sole = np.array([TIP, 0, -leg_ik.SOLE])
    for i, side in enumerate(leg_ik.SIDES):
        ankle = robot[f"{side}_ankle"]
        rise = np.maximum(ankle[:, 2] - _stance_level(ankle[:, 2], flat[:, i]), 0)
        rise = np.where(flat[:, i], 0, rise)
        pitch = np.where(contact[:, i], np.clip(_tip_angle(rise), 0, MAX_HEEL_RISE), 0)
        pitch = gaussian_filter1d(pitch, 1.5, mode="nearest")
        turn = rotations.multiply(rotations.about("z", foot_yaw[side]),
                                  rotations.about("y", pitch))
        tip = ankle + rotations.rotate(turn, np.broadcast_to(sole, ankle.shape))
        tip = _held(tip, contact[:, i])
        tip[:, 2] = np.where(contact[:, i], 0, tip[:, 2])
        tip = _landing(tip, contact[:, i])
        out[f"{side}_ankle"] = tip - rotations.rotate(turn, np.broadcast_to(sole, ankle.shape))
        pitches[side] = pitch
    return out, pitches


def _within_reach(robot: dict[str, Array], contact: Array) -> dict[str, Array]:
    """Lower the body where a standing foot is farther away than the leg is long."""
    drop = np.zeros(len(contact))
    for i, side in enumerate(leg_ik.SIDES):
        gap = robot[f"{side}_hip"] - robot[f"{side}_ankle"]
        flat = np.linalg.norm(gap[:, :2], axis=1)
        allowed = np.sqrt(np.maximum(LEG_USED ** 2 - flat ** 2, 0.04))
        drop = np.maximum(drop, np.where(contact[:, i], gap[:, 2] - allowed, 0))
    down = np.stack([0 * drop, 0 * drop, _covering(drop, 6)], axis=1)
    moved = ("pelvis", *(f"{s}_{p}" for s in leg_ik.SIDES for p in ("hip", "knee")))
    return {part: rows - down if part in moved else rows for part, rows in robot.items()}


def _jointed(robot: dict[str, Array], base: Array, foot_yaw: dict[str, Array]
             ) -> dict[str, Array]:
    """Put hips and knees where H1's leg has them between this pelvis and these feet.

    Its thigh hangs beside the yaw axis, which moves the hip by centimetres, and its knee bends in
    one plane: where a foot was set to its place the human's knee would tear the leg apart.
    """
    out = dict(robot)
    placed = np.concatenate([robot["pelvis"], base], axis=1)
    for side in leg_ik.SIDES:
        hip, knee = leg_ik.leg_points(side, placed, robot[f"{side}_ankle"], foot_yaw[side])
        out[f"{side}_hip"], out[f"{side}_knee"] = hip, knee
    return out


def _covering(rows: Array, width: int) -> Array:
    """Return a smooth curve (T,) never below rows (T,): it starts to rise before it must."""
    highest = maximum_filter1d(rows, 2 * width + 1, mode="nearest")
    return np.maximum(uniform_filter1d(uniform_filter1d(highest, width, mode="nearest"),
                                       width, mode="nearest"), rows)


def _stance_level(height: Array, flat: Array) -> Array:
    """Return the ankle's height in each flat stance, interpolated between them (T,)."""
    known = [(start + end) / 2 for start, end in contacts.runs(flat)]
    if not known:
        return np.full_like(height, np.percentile(height, 5))
    levels = [height[a:b].mean() for a, b in contacts.runs(flat)]
    return np.interp(np.arange(len(height)), known, levels)


def _tip_angle(rise: Array) -> Array:
    """Return the foot's pitch that lifts the ankle by `rise` while the tip stays down."""
    lever = np.hypot(TIP, leg_ik.SOLE)
    start = np.arctan2(leg_ik.SOLE, TIP)
    return np.arcsin(np.clip((rise + leg_ik.SOLE) / lever, 0, 0.95)) - start


def _landing(tip: Array, on: Array) -> Array:
    """Keep a swinging tip above the floor, with a little air in the middle of the swing."""
    out = tip.copy()
    for start, end in contacts.runs(~on):
        part = (np.arange(start, end) - start + 1) / (end - start + 1)
        out[start:end, 2] = np.maximum(out[start:end, 2], 0.03 * (4 * part * (1 - part)))
    return out


def _arms(robot: dict[str, Array], base: Array, torso_yaw: Array,
          directions: dict[tuple[str, str], Array], hand_room: Array | None) -> dict[str, Array]:
    chest = rotations.multiply(base, rotations.about("z", torso_yaw))
    out = {}
    room = np.zeros((len(base), 2)) if hand_room is None else hand_room
    for i, (side, sign) in enumerate(leg_ik.SIDES.items()):
        shoulder = robot["pelvis"] + rotations.rotate(chest, SHOULDER * np.array([1, sign, 1]))
        elbow = shoulder + UPPER_ARM * directions[(f"{side}_shoulder", f"{side}_elbow")]
        out[f"{side}_shoulder"], out[f"{side}_elbow"] = shoulder, elbow
        wrist = elbow + FOREARM * directions[(f"{side}_elbow", f"{side}_wrist")]
        aside = rotations.rotate(base, np.array([0.0, sign, 0.0]))
        low = wrist[:, 2] < robot["pelvis"][:, 2] + 0.05
        short = room[:, i] - np.sum((wrist - robot["pelvis"]) * aside, axis=1)
        push = _covering(np.where(low, np.maximum(short, 0), 0), 5)[:, None] * aside
        out[f"{side}_elbow"], out[f"{side}_wrist"] = elbow + push / 2, wrist + push
    return out
