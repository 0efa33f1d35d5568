"""Crawling on hands and knees: diagonal pairs, anchored knees, a pelvis that rolls over them.

Patrick 2009 and Righetti 2015 describe the human gait: hand and opposite knee move together, hands
and knees rest on the floor for more than half of the cycle. H1's knee bends to 2.05 rad only, and
kneeling uses nearly 1.8 of them, so the thigh hardly swings forward: the body travels some 0.16 m
over a resting knee, and speed comes from the rate of steps. 0.5 m/s is the most; the 1 m/s that
HumanoidBench's crawl pays for is out of reach on the knees. The knee stays where it touches: the
hip moves on an arc about it, so the pelvis rolls and bobs as the two arcs tell. The sideways sway
is that of a pendulum over the line between hand and knee.
"""

from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion import kneel, leg_ik
from mwx.motion.assemble import assemble
from mwx.motion.bodies import centre_of_mass
from mwx.motion.feedforward import GRAVITY, feed_forward
from mwx.motion.reference import Reference
from mwx.motion.stand import FPS
from mwx.robot import H1
from mwx.types import Array

SPEEDS = (0.3, 0.5)  # [m/s]
SOURCE = ("generated: hands-and-knees crawling of Patrick 2009 and Righetti 2015, linear inverted "
          "pendulum")
AXIS = np.array([leg_ik.ROLL_X, 0.0, leg_ik.HIP[2]])  # [m] pitch axis of both hips in the pelvis
HARMONICS = 6  # of the sway; inverse dynamics of 50 Hz samples says nothing about higher ones
# a knee rolls sideways under a leaning thigh, so the hip comes that much less beside it
ROLLED = 1 + kneel.KNEE_RADIUS / leg_ik.THIGH
REACHED = 0.002  # [m] how near a hand has to come
SETTLING = 5  # rounds in which heights of hips and lengths of thighs agree
OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class CrawlConfig:
    """The shape of the crawl.

    Attributes:
        pitch: [rad] of the pelvis, pi / 2 would be level.
        slope: [rad] of the shanks, feet up.
        travel: [m] of the body over a resting knee; lead: of it, the knee ahead of the hip.
        duty: part of the cycle that hands and knees rest.
        longest_s: [s] cycle of the slowest crawl; beyond it steps get shorter.
        hand_ahead: [m] hands ahead of the shoulders in the middle of their rest.
        hand_lift: [m]; hike: [m] rise of a hip whose knee swings; outward: [m] that it swings out.
        hand_width: [m] hands beside the middle.
        sway: part of the pendulum's sideways sway.
        rounds: of whole-body correction.
    """

    pitch: float = 1.36
    slope: float = 0.21
    travel: float = 0.16
    lead: float = 0.083
    duty: float = 0.6
    longest_s: float = 1.3
    hand_ahead: float = -0.01
    hand_lift: float = 0.05
    hike: float = 0.021
    outward: float = 0.066
    hand_width: float = 0.175
    sway: float = 1.0
    rounds: int = 4


@dataclass(frozen=True)
class _Timing:
    frames: int
    advance: float  # [m]
    duty: float

    def phase(self, side: str) -> Array:
        """Return the phase (T,) of a knee; the other side's hand moves with it."""
        start = np.arange(self.frames) / self.frames + (0.5 if side == "left" else 0.0)
        return (start + 1e-9) % 1.0


def crawl(speed: float | None = None, config: CrawlConfig | None = None) -> Reference:
    """Return one cycle of crawling along +x (0.35 m/s); frame 0 is the right knee's touch-down.

    Raises:
        MwxError: a speed out of range, or a config out of the limbs' reach.
    """
    speed = 0.35 if speed is None else speed
    qpos, supports, advance = crawl_motion(speed, config or CrawlConfig())
    return assemble("crawl", qpos, np.zeros((len(qpos), 2), bool), advance, SOURCE,
                    {"speed": float(speed)}, supports)


def crawl_motion(speed: float, config: CrawlConfig) -> tuple[Array, dict[str, Array], Array]:
    """Return qpos (T, 26), part -> (T,) bool (it rests), and the advance (3,) [m] of one cycle.

    Raises:
        MwxError: as `crawl`.
    """
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise MwxError(f"crawl at {speed} m/s: H1's knees allow {SPEEDS[0]} to {SPEEDS[1]} m/s")
    cycle = min(config.longest_s, config.travel / (speed * config.duty))
    frames = 2 * round(cycle * FPS / 2)
    timing = _Timing(frames, speed * frames / FPS, config.duty)
    rests = {f"{side}_knee": timing.phase(side) < timing.duty for side in leg_ik.SIDES}
    rests |= {f"{side}_wrist": rests[f"{OTHER[side]}_knee"] for side in leg_ik.SIDES}
    advance = np.array([timing.advance, 0.0, 0.0])
    sway, wanted = np.zeros(frames), np.zeros(frames)
    qpos = _body(sway, timing, config)
    for turn in range(config.rounds):
        wrench = feed_forward(qpos, np.zeros((frames, 2), bool), FPS, advance,
                              supports=rests).wrench
        actual = np.stack([-wrench[:, 4], wrench[:, 3]], 1) / wrench[:, 2:3]
        line = _line(actual[:, 0], timing, config)
        wanted = line if turn == 0 else wanted + line - actual[:, 1]
        offset = centre_of_mass(qpos)
        sway = config.sway * _pendulum(wanted, frames, offset[:, 2].mean()) \
            - _smooth(offset[:, 1] - sway)
        qpos = _body(sway, timing, config)
    outside = ((qpos[:, 7:] < H1.low) | (qpos[:, 7:] > H1.high)).any(axis=0)
    if outside.any():
        names = ", ".join(np.array(H1.joint_names)[outside])
        raise MwxError(f"crawl at {speed} m/s leaves the range of {names}: take the defaults, or "
                       "shorter travel and less hike")
    return qpos, rests, advance


def _line(x: Array, timing: _Timing, config: CrawlConfig) -> Array:
    """Return where (T,) [m] y the line from the resting knee to the resting hand crosses x."""
    crossings = {}
    for side, sign in leg_ik.SIDES.items():
        knee = _anchor(timing, side, _landing(timing, config))
        hand = _anchor(timing, side, _shoulder(config) + timing.advance * timing.duty / 2
                       + config.hand_ahead)
        part = (x - knee) / (hand - knee)
        crossings[side] = sign * (leg_ik.HALF_WIDTH
                                  - part * (leg_ik.HALF_WIDTH + config.hand_width))
    phase, both = timing.phase("right"), timing.duty - 0.5
    right = np.where(phase < 0.5, _ease(phase / both), 1 - _ease((phase - 0.5) / both))
    return right * crossings["right"] + (1 - right) * crossings["left"]


def _landing(timing: _Timing, config: CrawlConfig) -> float:
    """Return how far [m] ahead of its hip a knee lands; shorter steps keep their middle."""
    return config.lead - max(0.0, config.travel - timing.advance * timing.duty) / 2


def _shoulder(config: CrawlConfig) -> float:
    """Return how far [m] the shoulders are ahead of the hips."""
    return float((kneel.SHOULDER_Z - AXIS[2]) * np.sin(config.pitch)
                 - AXIS[0] * np.cos(config.pitch))


def _anchor(timing: _Timing, side: str, landing: float) -> Array:
    """Return x (T,) [m] of a limb's latest touch-down, `landing` ahead of the hips at that time."""
    started = np.arange(timing.frames) / timing.frames - timing.phase(side)
    return timing.advance * started + landing


def _limb(timing: _Timing, side: str, landing: float) -> tuple[Array, Array]:
    """Return x (T,) [m] of a limb that moves with a knee, and its swing (T,) in [0, 1]."""
    swing = np.clip((timing.phase(side) - timing.duty) / (1 - timing.duty), 0, 1)
    return _anchor(timing, side, landing) + timing.advance * _ease(swing), swing


def _body(sway: Array, timing: _Timing, config: CrawlConfig) -> Array:
    """Return qpos (T, 26) of the cycle for a sideways path (T,) [m] of the pelvis."""
    qpos = np.tile(H1.home_qpos, (timing.frames, 1))
    travelled = timing.advance * np.arange(timing.frames) / timing.frames
    knees = {side: _limb(timing, side, _landing(timing, config))
             for side in leg_ik.SIDES}
    roll, miss = np.zeros(timing.frames), {side: np.zeros(timing.frames) for side in leg_ik.SIDES}
    rests = {side: swing <= 0 for side, (_, swing) in knees.items()}
    hike = {side: config.hike * _bump(swing) for side, (_, swing) in knees.items()}
    for _ in range(SETTLING):
        drops, besides = {}, {}
        for side, sign in leg_ik.SIDES.items():
            x, swing = knees[side]
            out = sign * (leg_ik.HALF_WIDTH * (np.cos(roll) - 1) - config.outward * _bump(swing))
            besides[side] = (sway + out) / ROLLED
            drops[side] = np.sqrt(leg_ik.THIGH ** 2 - (travelled - x) ** 2 - besides[side] ** 2)
        tops = _tops({side: kneel.KNEE_RADIUS + drops[side] - miss[side] for side in drops},
                     rests, hike)
        points = {side: np.stack(
            [knees[side][0], sign * leg_ik.HALF_WIDTH * np.cos(roll) + sway - besides[side],
             np.where(rests[side], kneel.KNEE_RADIUS, tops[side] - drops[side])], axis=1)
            for side, sign in leg_ik.SIDES.items()}
        roll = np.arcsin((tops["left"] - tops["right"]) / (2 * leg_ik.HALF_WIDTH))
        turn = rotations.multiply(rotations.about("x", roll),
                                  rotations.about("y", config.pitch + 0 * roll))
        axis = np.stack([travelled, sway, (tops["left"] + tops["right"]) / 2], axis=1)
        qpos[:, :3] = axis - rotations.rotate(turn, np.tile(AXIS, (timing.frames, 1)))
        qpos[:, 3:7] = turn
        for side in leg_ik.SIDES:
            joints, longer = kneel.kneeling_leg(side, qpos[:, :7], points[side], config.slope)
            qpos[:, 7 + leg_ik.LEG_JOINTS[side]] = joints
            miss[side] = miss[side] + np.where(rests[side], longer, 0)
    return _with_arms(qpos, timing, config)


def _tops(resting: dict[str, Array], rests: dict[str, Array], hike: dict[str, Array]
          ) -> dict[str, Array]:
    """Return the heights (T,) [m] of both hips.

    Args:
        resting: side -> (T,) [m] height that a resting knee dictates; rests: side -> (T,) bool.
        hike: side -> (T,) [m] more than level while the knee swings.
    """
    both = rests["left"] & rests["right"]
    difference = _filled(resting["left"] - resting["right"], both) + hike["left"] - hike["right"]
    left = np.where(rests["left"], resting["left"], resting["right"] + difference)
    return {"left": left, "right": np.where(rests["right"], resting["right"], left - difference)}


def _with_arms(qpos: Array, timing: _Timing, config: CrawlConfig) -> Array:
    """Return qpos (T, 26) with the hands on their places; their balls roll over the floor."""
    landing = _shoulder(config) + timing.advance * timing.duty / 2 + config.hand_ahead
    for side, sign in leg_ik.SIDES.items():
        qpos[:, 7 + H1.joint(f"{side}_shoulder_pitch")] = -1.2
        qpos[:, 7 + H1.joint(f"{side}_elbow")] = 1.2
        x, swing = _limb(timing, OTHER[side], landing)
        y = np.full_like(x, sign * config.hand_width)
        goal = np.stack([x, y, kneel.HAND_RADIUS + config.hand_lift * _bump(swing)], axis=1)
        lean, gap = np.zeros((timing.frames, 2)), np.zeros(timing.frames)
        for _ in range(3):
            rolled = goal + np.column_stack([kneel.HAND_RADIUS * lean, 0 * x])
            qpos, lean, gap = kneel.place_hand(qpos, side, rolled)
        if gap.max() > REACHED:
            raise MwxError(f"the {side} hand stays {100 * gap.max():.1f} cm above its place: "
                           "pitch the pelvis more or take shorter steps")
    return qpos


def _filled(rows: Array, known: Array) -> Array:
    """Return a cycle (T,) with its unknown frames replaced by the path of least jerk."""
    frames = len(rows)
    third = np.array([-1.0, 3.0, -3.0, 1.0])
    matrix = np.zeros((frames, frames))
    for k, weight in enumerate(third):
        matrix[np.arange(frames), (np.arange(frames) + k) % frames] += weight
    out = rows.copy()
    out[~known] = np.linalg.lstsq(matrix[:, ~known], -matrix[:, known] @ rows[known],
                                  rcond=None)[0]
    return out


def _pendulum(zmp: Array, frames: int, height: float) -> Array:
    """Return the periodic centre of mass (T,) [m] of c'' = (g / z) (c - p), by harmonics."""
    spectrum = np.fft.rfft(zmp)
    omega = 2 * np.pi * np.arange(len(spectrum)) * FPS / frames
    gain = (GRAVITY / height) / (GRAVITY / height + omega ** 2)
    gain[HARMONICS:] = 0
    return np.fft.irfft(gain * spectrum, frames)


def _smooth(rows: Array) -> Array:
    spectrum = np.fft.rfft(rows)
    spectrum[HARMONICS:] = 0
    return np.fft.irfft(spectrum, len(rows))


def _ease(part: Array) -> Array:
    """Minimum jerk from 0 to 1."""
    s = np.clip(part, 0, 1)
    return s ** 3 * (10 - 15 * s + 6 * s * s)


def _bump(part: Array) -> Array:
    """Return a swing's rise from 0 to 1 and back, at rest at both ends."""
    return (4 * part * (1 - part)) ** 3
