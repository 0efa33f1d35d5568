"""Trials: long episodes in which nobody may fall, played once for success, robustness and motion.

A trial of the paper lasts 30 s; docs/evaluation.md says what a fall and a success are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.plain_policies import check_fits
from mwx.evaluation.recording import Recording
from mwx.experts import Expert
from mwx.progress import counted
from mwx.robot import H1, Robot
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import HeldHands, TaskEnv, tasks
from mwx.types import Array, Obs, Policy, brief

TRIALS, TRIAL_S = 10, 30.0  # the paper's number and length of trials
# pelvis lower than this is a fall in tasks done on two feet, whose own rule waits for 0.2 m or for
# nothing at all; [m], the home pose has 0.98
FALLEN = 0.6
ON_TWO_FEET = ("stand", "walk", "run", "carry", "reach", "reach_two_hands")
ON_ALL_FOURS = ("crawl",)
FLAT = 0.2  # [m] pelvis or chest lower than this lies on the floor (HumanoidBench's fall height)
ON_ITS_SIDE, ON_ITS_BACK = 0.7, 0.5  # sine of the pelvis' left and front axis above the horizon

Push = Callable[[int], Array]  # control step -> (B, 3) [N, world] on the pelvis


@dataclass(frozen=True)
class Trials:
    """What E trials gave.

    Attributes:
        seconds: [s] length of a trial.
        bar: task return from which a trial of this length counts as the task done.
        fell_at: (E,) [s] when each one fell, NaN where it did not.
        task_return: (E,) undiscounted, up to the fall.
        recordings: (E,) the motion up to the fall; empty unless asked for.
    """

    seconds: float
    bar: float
    fell_at: Array
    task_return: Array
    recordings: tuple[Recording, ...] = ()

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.task_return)

    @property
    def stood(self) -> Array:
        """(E,) bool: without a fall to the end."""
        return np.isnan(self.fell_at)

    @property
    def succeeded(self) -> Array:
        """(E,) bool: without a fall, and the task done: the return reached the bar."""
        return self.stood & (self.task_return >= self.bar)

    def to_json(self) -> dict[str, Any]:
        """Return the figures that go on a card."""
        fell = [round(float(t), 2) for t in self.fell_at if not np.isnan(t)]
        return {"trials": len(self), "seconds": self.seconds, "no_fall": int(self.stood.sum()),
                "success": int(self.succeeded.sum()), "return_bar": self.bar,
                "task_return_mean": round(float(self.task_return.mean()), 3),
                **({"fell_at_s": fell} if fell else {})}


def trial_env(policy: Policy, task: str, trials: int = TRIALS, seconds: float = TRIAL_S,
              seed: int = 1, threads: int = 1, alter: Callable[[Robot], Robot] | None = None
              ) -> TaskEnv:
    """Return environments for so many trials; an ended trial is not started anew.

    Args:
        policy: H1's also act on the robots with hands, which then hold their hands still.
        task: e.g. "walk".
        trials: E.
        seconds: [s] of a trial.
        seed: of every start.
        threads: C threads.
        alter: changes the robot, e.g. its mass.

    Raises:
        MwxError: no such task, no trials asked for, or a policy made for another robot.
    """
    if trials < 1 or seconds < CONTROL_DT:
        raise MwxError(f"{trials} trials of {seconds:g} s asked for: at least one trial of one "
                       f"control step ({CONTROL_DT} s) is needed")
    robot, the_task = tasks.resolve(task)
    held = policy.act_dim == H1.act_dim != robot.act_dim
    env = (HeldHands if held else TaskEnv)(
        the_task, trials, seed, threads, auto_reset=False, max_steps=round(seconds / CONTROL_DT),
        robot=alter(robot) if alter else robot)
    check_fits(policy, env, task)
    return env


def play_trials(policy: Policy, env: TaskEnv, seed: int = 1, *, push: Push | None = None,
                record: bool = False) -> Trials:
    """Play one trial in each row of environments that do not restart by themselves.

    Args:
        policy: acts for all rows.
        env: see `trial_env`.
        seed: of the starts.
        push: force on the pelvis at each control step.
        record: keep the motion, for `naturalness`.
    """
    rows = env.num_envs
    obs, carry = env.reset(seed), policy.initial(rows)
    total, fell_at = np.zeros(rows), np.full(rows, np.nan)
    film = _Film(env) if record else None
    for k in counted(range(env.max_steps), f"{rows} trials of {env.name}", "steps"):
        action, after = policy(obs, carry)
        if push is not None:
            env.physics.apply_wrench(push(k), np.zeros((rows, 3)))
        step = env.step(action)
        standing = np.isnan(fell_at)
        total += np.where(standing, step.reward, 0.0)
        if film is not None:
            film.add(policy, obs, carry, standing)
        fell_at[standing & fallen(env, step.terminated)] = (k + 1) * CONTROL_DT
        if not np.isnan(fell_at).any():
            break
        obs, carry = step.obs, after
    bar = env.task.success_bar * env.max_steps / env.task.max_steps
    return Trials(env.max_steps * CONTROL_DT, bar, fell_at, total, film.cut() if film else ())


def fallen(env: TaskEnv, terminated: Array) -> Array:
    """Return (B,) bool: the task ended the episode, or its own posture is lost.

    On two feet that is the pelvis below FALLEN; on all fours pelvis or chest on the floor, or the
    robot on its side or back. Any other task's own rule stands alone.
    """
    physics = env.physics
    if env.task.name in ON_TWO_FEET:
        return terminated | (physics.base_height < FALLEN)
    if env.task.name in ON_ALL_FOURS:
        front, left = physics.body_matrix("pelvis")[:, 2, :2].T
        flat = np.minimum(physics.base_height, physics.imu[:, 2]) < FLAT
        return terminated | flat | (np.abs(left) > ON_ITS_SIDE) | (front > ON_ITS_BACK)
    return terminated


class _Film:
    """Everything that a recording needs, step by step."""

    def __init__(self, env: TaskEnv):
        self._env, self._frames, self._running = env, [], []

    def add(self, policy: Policy, obs: Obs, carry: Any, running: Array) -> None:
        after = self._env.obs.proprio.copy()
        torque = self._env.physics.actuator_force.copy() \
            if self._env.robot.name == H1.name else None
        wanted = policy.phase_aligned(obs, carry).q if isinstance(policy, Expert) else None
        self._frames.append((after[:, :26], after[:, 26:], torque, wanted))
        self._running.append(running)

    def cut(self) -> tuple[Recording, ...]:
        """Return each row's motion up to its fall."""
        length = np.sum(self._running, axis=0)
        columns = [None if part[0] is None else np.stack(part, 1)  # (B, T, .)
                   for part in zip(*self._frames, strict=True)]
        return tuple(Recording(*(None if c is None else c[row, :n] for c in columns))  # type: ignore[arg-type]
                     for row, n in enumerate(length))


class Delayed:
    """A policy whose actions arrive one control step (20 ms) late; the first arrives in time."""

    def __init__(self, policy: Policy):
        self.policy, self.act_dim = policy, policy.act_dim

    def initial(self, num_envs: int) -> tuple[Any, Array]:
        """Return the carry at the start of B episodes; an action not made yet is NaN."""
        return self.policy.initial(num_envs), np.full((num_envs, self.act_dim), np.nan)

    def restart(self, carry: tuple[Any, Array], rows: Array) -> tuple[Any, Array]:
        """Return the carry with the given rows (B,) bool at the start of an episode."""
        inner, waiting = carry
        return (self.policy.restart(inner, rows),
                np.where(np.asarray(rows)[:, None], np.nan, waiting))

    def __call__(self, obs: Obs, carry: tuple[Any, Array]) -> tuple[Array, tuple[Any, Array]]:
        """Return the actions (B, A) of the step before, and the carry with the new ones."""
        inner, waiting = carry
        action, after = self.policy(obs, inner)
        return np.where(np.isnan(waiting), action, waiting), (after, action)


def altered(robot: Robot, mass: float = 1.0, friction: float = 1.0) -> Robot:
    """Return a robot with scaled masses and scaled sliding friction of itself and its floor.

    Inertias scale with the masses. Friction of a contact is the larger of both sides', so the
    floor's is scaled too; objects that a task adds keep theirs.
    """
    def build():
        spec = robot.spec()
        for body in spec.bodies:
            if body.mass > 0:
                body.mass, body.inertia = mass * body.mass, mass * np.array(body.inertia)
        for geom in spec.geoms:
            geom.friction = np.array(geom.friction) * [friction, 1, 1]
        return spec
    return replace(robot, build=build)
