"""The final judge of a reference: can a robot with full knowledge of its state follow it?

H2O's definition of success: the mean distance of all bodies from the reference is never above
0.5 m. What the judge cannot follow may still be feasible for a better policy, so the score is the
completed part over several starts, and the verdict names who tried.
"""

from dataclasses import dataclass

import numpy as np

from mwx.experts.imitator.bank import Bank, Clip, prepare
from mwx.experts.imitator.config import JudgeConfig
from mwx.experts.imitator.env import Followers
from mwx.experts.imitator.metrics import SUCCESS, Errors, distance, errors
from mwx.experts.imitator.policy import Imitator, shipped
from mwx.experts.imitator.scene import needs_seat, scene
from mwx.motion import Reference
from mwx.motion.gates.verdict import Verdict
from mwx.rng import generator
from mwx.types import Array

GATE = "privileged"
VERSION = 2
DIVERGED = 1e3  # [m] stands for the distance of a simulation that blew up at once


@dataclass(frozen=True)
class Trial:
    """N robots that tried one clip.

    Attributes:
        completed: (N,) part of the way to the end before the robot was lost, 1: all of it.
        errors: of the frames before that, over all starts; the first start's own in `first`.
        lost_frame: of the first start, counted from the first frame; None if it arrived.
    """

    completed: Array
    errors: Errors
    first: Errors
    lost_frame: int | None

    @property
    def success(self) -> bool:
        """H2O's success of the start on the first frame."""
        return self.lost_frame is None and self.first.success


def judge(reference: Reference, imitator: Imitator | None = None,
          config: JudgeConfig | None = None) -> Verdict:
    """Return the verdict of the privileged judge; deterministic.

    The policy tries first, in seconds; where it loses the robot, or has never sat, a regulator
    worked out for this very reference tries, which takes minutes. Passed if the robot that starts
    on the first frame is followed to the end by either; the score is the mean completed part over
    all starts of the one that went further.

    Args:
        reference: what to follow.
        imitator: the shipped one unless given.
        config: starts, seconds, noise.
    """
    imitator, config = imitator or shipped(), config or JudgeConfig()
    tries: list[Verdict] = []
    if imitator.policy is not None and not needs_seat(reference):
        clip = prepare(reference.label, reference)
        tries.append(verdict(clip, attempt(clip, imitator, config), imitator.name))
    if not any(v.passed for v in tries):
        clip = prepare(reference.label, reference, imitator.config.regulator)
        alone = Imitator(imitator.config)
        tries.append(verdict(clip, attempt(clip, alone, config), alone.name))
    return max(tries, key=lambda v: (v.passed, v.score))


def verdict(clip: Clip, trial: Trial, who: str) -> Verdict:
    """Return the verdict on a trial by `who`."""
    reason = ""
    if not trial.success:
        at = 0 if trial.lost_frame is None else trial.lost_frame
        reason = f"lost by the {who} at frame {at} ({at / clip.reference.fps:.2f} s)"
        if who == "regulator" and clip.track.assist > 0:
            reason += f"; its regulator stands up only with {clip.track.assist:g} of the assist"
    scores = {"starts": float(len(trial.completed)), "completed": float(trial.completed.mean()),
              "arrived": float((trial.completed >= 1).mean()),
              "learned": float(who == "imitator"), **trial.errors.to_dict()}
    return Verdict(GATE, trial.success, float(trial.completed.mean()), reason or f"by the {who}",
                   {k: round(v, 6) for k, v in scores.items()},
                   {"worst_distance_m": SUCCESS}, VERSION)


def attempt(clip: Clip, imitator: Imitator, config: JudgeConfig) -> Trial:
    """Let N robots follow a clip, each until it is lost or at the end."""
    followers = Followers(Bank([clip]), config.starts, imitator.config.residual,
                          model=scene(clip.reference))
    starts, ends = _span(clip.reference, config)
    _place(followers, starts, config)
    count = config.starts
    alive, kept = np.ones(count, bool), np.zeros(count, int)
    actual, wanted = [], []
    while (alive & (followers.frame < ends)).any():
        running = alive & (followers.frame < ends)
        gone = followers.step(imitator.act(followers.look()))
        actual.append(followers.points)
        wanted.append(followers.wanted.points)
        alive &= ~(gone & running)
        kept += running & alive
    length = np.maximum(ends - starts, 1)
    rows = [_errors(actual, wanted, i, max(int(kept[i]), 1), clip) for i in range(count)]

    def mean(name: str) -> float:
        return float(np.mean([getattr(row, name) for row in rows]))

    every = Errors(mean("mpjpe"), mean("global_mpjpe"), mean("velocity"), mean("acceleration"),
                   max(row.worst for row in rows))
    return Trial(kept / length, every, rows[0],
                 None if kept[0] >= length[0] else int(starts[0] + kept[0] + 1))


def _errors(actual: list[Array], wanted: list[Array], row: int, kept: int, clip: Clip) -> Errors:
    a, w = (np.stack([frame[row] for frame in x[:kept]]) for x in (actual, wanted))
    good = np.isfinite(distance(a, w))
    return errors(a[good], w[good], clip.reference.fps) if good.any() else \
        Errors(0, 0, 0, 0, DIVERGED)


def _span(reference: Reference, config: JudgeConfig) -> tuple[Array, Array]:
    """Return the first and the last frame (N,) of every start."""
    frames = reference.num_frames
    starts = (np.arange(config.starts) * frames / (2 * config.starts)).astype(int)
    if reference.loop:
        return starts, starts + max(frames, round(config.seconds * reference.fps))
    return starts, np.full(config.starts, frames - 1)


def _place(followers: Followers, starts: Array, config: JudgeConfig) -> None:
    count, rng = len(starts), generator(config.seed, "judge")
    moves, speeds = np.zeros((count, 25)), np.zeros((count, 25))
    moves[1:, 6:] = rng.normal(0, config.pose_noise, (count - 1, 19))
    speeds[1:, :2] = rng.normal(0, config.push_speed, (count - 1, 2))
    followers.place(np.arange(count), np.zeros(count, int), starts, moves, speeds)
