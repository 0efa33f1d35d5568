"""What an expert imitates at each instant: reference motion by phase, or an arm sent to a target.

A prior is the expert's own clock and its human motion. It is a pure function of the observation
and its carry, so an expert trained alone runs unchanged inside any task.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np

from mwx.experts.assist import VERTICAL
from mwx.experts.kinematics import Limbs, rotation
from mwx.motion import Reference
from mwx.robot import H1
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array, Obs, brief

ARM_LEAD = 0.2  # [rad] lead of a commanded arm joint over the measured one: bounds the push
HAND_STEP = 0.03  # [m] error that one control step reacts to at most: 1.5 m/s of the hand
HOME_HEIGHT = float(H1.home_qpos[2])  # [m]
HANDS = {"reach": ("left_hand",), "reach_two_hands": ("left_hand", "right_hand")}
PRONE = 0.5  # cosine of the pelvis' mean lean below which a reference goes on all fours
BESIDE = 0.12  # [m] from a single target to each of two hands
LOAD = (-0.10, 0.0, 0.12)  # [m] from between the hands to the middle of a carried load
LOAD_SEEN = 0.3  # [m] from its place, along each axis, beyond which a load looks as far as this


@dataclass(frozen=True)
class Carry:
    """Memory of a prior for B episodes.

    Attributes:
        time_s: (B,) the phase clock, time along the reference.
        age_s: (B,) time since the start of the episode.
        arm: (B, L) [rad] commanded joints of the reaching limb; (B, 0) for others.
    """

    time_s: Array
    age_s: Array
    arm: Array

    __repr__ = brief

    def where(self, rows: Array, other: "Carry") -> "Carry":
        """Return this carry with the rows (B,) bool taken from another."""
        return Carry(np.where(rows, other.time_s, self.time_s),
                     np.where(rows, other.age_s, self.age_s),
                     np.where(rows[:, None], other.arm, self.arm))

    def arrays(self) -> dict[str, Array]:
        """Return the carry by name, for checkpoints."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class Target:
    """What the prior wants of B robots now.

    Attributes:
        q, qd: (B, J) joint positions and velocities to align with at the end of this step.
        ctrl: (B, J) [rad] feed-forward servo commands of this step.
        phase: (B, 2) sine and cosine of the phase.
        ramp: (B,) in [0, 1], how far the motion has been blended in since the episode's start.
        speed: (B,) [m/s] forward speed of the reference.
        height: (B,) [m] of the pelvis; up: (B, 3) the vertical in the pelvis' frame.
        prone: whether the skill goes on all fours: says what its heading is read from.
        extra: (B, E) further features of this prior.
        heading: (B,) or one [rad] where to face, in the world.
        away: (B,) or one [m] from where the pelvis should be, seen from above.
    """

    q: Array
    qd: Array
    ctrl: Array
    phase: Array
    ramp: Array
    speed: Array
    height: Array
    up: Array
    extra: Array
    prone: bool = False
    heading: Array | float = 0.0
    away: Array | float = 0.0

    __repr__ = brief


class Prior(Protocol):
    """Reference of one skill; `extra_dim` further features."""

    extra_dim: int
    reference: Reference
    mirrors: bool  # the skill is left-right symmetric
    arm: Array  # (L,) joints that the carry remembers

    def initial(self, num_envs: int) -> Carry: ...

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]: ...


def _blend(first: Array | float, then: Array, share: Array) -> Array:
    return first + share * (then - first)


def seen(obs: Obs, *points: Array) -> list[Array]:
    """Return points of the world, each (B, 3) [m], in the pelvis frame."""
    frame = rotation(obs.proprio[:, 3:7])
    return [np.einsum("bji,bj->bi", frame, point - obs.proprio[:, :3]) for point in points]


def _direction(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def is_gait(reference: Reference) -> bool:
    """True for a loop that moves on: its left and right halves mirror each other."""
    return reference.loop and float(np.linalg.norm(reference.advance)) > 0.1


class ClipPrior:
    """A reference motion played by a phase clock.

    Args:
        start_s: [s] where the clock stands at the start of an episode.
        ramp_s: [s] over which the motion is blended in from the home pose.
    """

    extra_dim = 0
    arm = np.zeros(0, int)

    def __init__(self, reference: Reference, start_s: float = 0.0, ramp_s: float = 0.0):
        self.reference, self.start_s, self.ramp_s = reference, start_s, ramp_s
        self.mirrors = True
        self.prone = bool(rotation(reference.qpos[:, 3:7])[:, 2, 2].mean() < PRONE)

    def initial(self, num_envs: int) -> Carry:
        """Return the clock at the start of B episodes."""
        return Carry(np.full(num_envs, self.start_s), np.zeros(num_envs), np.zeros((num_envs, 0)))

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        now = self.reference.command(carry.time_s + CONTROL_DT / 2)
        goal = self.reference.frame(carry.time_s + CONTROL_DT)
        ramp = np.ones(len(carry.age_s))
        if self.ramp_s > 0:
            ramp = np.clip((carry.age_s + CONTROL_DT) / self.ramp_s, 0, 1)
        angle = np.zeros_like(ramp)
        if is_gait(self.reference):
            angle = 2 * np.pi * carry.time_s / self.reference.duration_s
        phase = np.stack([np.sin(angle), np.cos(angle)], -1)
        share, home = ramp[:, None], H1.home_joints
        target = Target(q=home + share * (goal.qpos[:, 7:] - home), qd=share * goal.qvel[:, 6:],
                        ctrl=home + share * (now - home), phase=phase, ramp=ramp,
                        speed=ramp * goal.qvel[:, 0],
                        height=_blend(HOME_HEIGHT, goal.qpos[:, 2], ramp),
                        up=_direction(_blend(VERTICAL, rotation(goal.qpos[:, 3:7])[:, 2], share)),
                        prone=self.prone, extra=np.zeros((len(ramp), 0)))
        return target, replace(carry, time_s=carry.time_s + CONTROL_DT,
                               age_s=carry.age_s + CONTROL_DT)


class LoadPrior(ClipPrior):
    """A reference with a load on its arms, which the expert sees at `obs.target`.

    `extra` (B, 3): the load relative to its place on the reference's arms, in the pelvis frame, in
    units of 0.2 m; zero where no target is named.
    """

    extra_dim = 3

    def __init__(self, reference: Reference, start_s: float = 0.0, ramp_s: float = 0.0):
        super().__init__(reference, start_s, ramp_s)
        hands, _ = Limbs(HANDS["reach_two_hands"]).place(reference.qpos[:, 7:])
        # (3,) [m] in the pelvis frame, in the middle
        self.place = (hands.mean((0, 1)) + LOAD) * np.array([1, 0, 1])

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        target, after = super().look(obs, carry)
        load, = seen(obs, obs.target)
        away = np.nan_to_num(load - self.place)
        return replace(target, extra=5 * np.clip(away, -LOAD_SEEN, LOAD_SEEN)), after


class ReachPrior:
    """Standing while the waist and one arm or both take hands to their targets.

    Closed-loop differential inverse kinematics at control rate on the measured hands: damped least
    squares, bounded hand speed, joint limits; integrating the command removes the servos' sag.
    Where no target is named the arms return to the standing reference. Both hands go to
    `obs.target` (left) and `obs.right_target`, or, if one target is named, to its sides.

    Args:
        hands: sites that reach.
        ramp_s: [s] over which the stance is blended in from the home pose.

    Attributes:
        arm: (L,) places of the commanded joints in the robot's joint order.
        extra_dim: further features, three for each hand's error and one for each commanded joint.
    """

    mirrors = False

    def __init__(self, reference: Reference, hands: Sequence[str] = ("left_hand",),
                 ramp_s: float = 0.0):
        self.reference, self.hands, self.ramp_s = reference, tuple(hands), ramp_s
        self._stand = ClipPrior(reference, 0.0, ramp_s)
        self._limbs = Limbs(self.hands)
        index = self.arm = self._limbs.joints
        self.extra_dim = 3 * len(self.hands) + len(index)
        self._low, self._high = H1.low[index] + 0.02, H1.high[index] - 0.02
        self._rest = reference.ctrl[0, index]
        # the waist carries the whole upper body: it moves less readily than the arm
        self._mobility = np.where(index == H1.joint("torso"), 0.35, 1.0)

    def initial(self, num_envs: int) -> Carry:
        """Return the carry at the start of B episodes: the arms at rest."""
        start = self._stand.initial(num_envs)
        return replace(start, arm=np.tile(H1.home_joints[self.arm], (num_envs, 1)))

    def look(self, obs: Obs, carry: Carry) -> tuple[Target, Carry]:
        """Return what to do now and the carry one control step later."""
        target, after = self._stand.look(obs, carry)
        index, q = self.arm, obs.proprio[:, 7:26]
        hand, jacobian = self._limbs.place(q)
        wanted = self._wanted(obs)  # (B, N, 3)
        named = np.isfinite(wanted).all((-2, -1)).reshape(-1, 1)
        error = np.where(named[..., None], np.nan_to_num(wanted) - hand, 0.0)
        distance = np.linalg.norm(error, axis=-1, keepdims=True)
        step = error * np.minimum(1.0, HAND_STEP / np.maximum(distance, 1e-9)) * 0.5
        move = self._solve(jacobian, step.reshape(len(q), -1))
        move = np.where(named, move, np.clip(self._rest - carry.arm, -0.02, 0.02))
        arm = np.clip(carry.arm + np.clip(move, -0.06, 0.06), self._low, self._high)
        arm = np.clip(arm, q[:, index] - ARM_LEAD, q[:, index] + ARM_LEAD)
        goal_q, ctrl = target.q.copy(), target.ctrl.copy()
        goal_q[:, index], ctrl[:, index] = arm, arm
        far = np.maximum(distance, 1e-9)
        shown = (error / far * np.minimum(far, 1.0)).reshape(len(q), -1)
        return replace(target, q=goal_q, ctrl=ctrl, extra=np.concatenate([shown, arm], -1)), \
            replace(after, arm=arm)

    def _wanted(self, obs: Obs) -> Array:
        """Return the hands' targets (B, N, 3) in the pelvis frame."""
        target, right = seen(obs, obs.target, obs.right_target)
        if len(self.hands) == 1:
            return target[:, None]
        aside = np.array([0, BESIDE, 0])
        both = np.isfinite(right).all(-1, keepdims=True)
        return np.stack([np.where(both, target, target + aside),
                         np.where(both, right, target - aside)], 1)

    def _solve(self, jacobian: Array, step: Array) -> Array:
        weighted = jacobian * self._mobility
        gram = np.einsum("bil,bjl->bij", weighted, jacobian) + 0.01 * np.eye(step.shape[1])
        return np.einsum("bil,bi->bl", weighted, np.linalg.solve(gram, step[..., None])[..., 0])
