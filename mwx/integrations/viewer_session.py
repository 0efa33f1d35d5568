"""What the viewer plays: a policy in B environments, one control step at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mwx.experts import Expert
from mwx.experts.expert import ExpertCarry
from mwx.maths import rotations
from mwx.robot.h1 import CONTROL_DT
from mwx.router.policies import CompositePolicy, ScriptedSwitch
from mwx.sim.env import TaskEnv
from mwx.types import Array, Obs, Policy, Step


@dataclass(frozen=True)
class Ended:
    """How an episode of one environment ended.

    Attributes:
        task_return: sum of the task's reward.
        steps: control steps it lasted.
        terminated: ended by the task; else by the time limit.
    """

    task_return: float
    steps: int
    terminated: bool


class Session:
    """A policy at work; ended episodes start anew at the step after, so their end can be seen.

    Attributes:
        step: the last one, None before the first.
        task_return: (B,) return so far of the running episodes.
        episode: (B,) int, how many ended before the running one.
        ended: per row, how its last episode ended.
        done: (B,) bool, the last step ended the episode.
    """

    def __init__(self, policy: Policy, env: TaskEnv):
        env.auto_reset = False
        self.policy, self.env = policy, env
        self.reset(env.seed)

    def reset(self, seed: int) -> None:
        """Start B episodes with a seed."""
        count = self.env.num_envs
        self.seed = seed
        self.obs, self.carry = self.env.reset(seed), self.policy.initial(count)
        self.before: tuple[Obs, Any] = (self.obs, self.carry)
        self.step: Step | None = None
        self.task_return, self.episode = np.zeros(count), np.zeros(count, int)
        self.done = np.zeros(count, bool)
        self.ended: dict[int, Ended] = {}

    def advance(self) -> Step:
        """Make one control step, after starting anew what the step before ended."""
        if self.done.any():
            self.obs = self.env.reset_rows(self.done)
            self.carry = self.policy.restart(self.carry, self.done)
            self.task_return[self.done] = 0
            self.episode += self.done
        self.before = (self.obs, self.carry)
        action, self.carry = self.policy(self.obs, self.carry)
        self.step = step = self.env.step(action)
        self.obs, self.done = step.obs, step.done
        self.task_return += step.reward
        for row in np.flatnonzero(self.done):
            self.ended[int(row)] = Ended(float(self.task_return[row]),
                                         int(self.env.step_count[row]), bool(step.terminated[row]))
        return step

    def weights(self, row: int) -> dict[str, Array] | None:
        """Return expert -> weight in each joint group (G,); None for a policy without experts."""
        if not isinstance(self.policy, CompositePolicy | ScriptedSwitch):
            return None
        return dict(zip(self.policy.library.names, self.carry.weights[row].T, strict=True))

    def reference(self, row: int) -> tuple[str, Array] | None:
        """Return the skill and H1's pose (26,) that the leading expert imitates now, or None.

        Joints are those that the expert aligns with at the end of the last step; height and tilt
        come from its reference at its own clock; place and heading are the robot's. It is H1's
        pose on every robot: hands imitate nothing.
        """
        leading = self._leading(row)
        if leading is None:
            return None
        name, expert, carry = leading
        obs = self.before[0]
        joints = expert.phase_aligned(obs, carry).q[row]
        target = expert.prior.reference.frame(carry.prior.time_s[row] + CONTROL_DT)
        robot = self.env.physics.robot_qpos[row]
        turn = rotations.heading(robot[3:7]) - rotations.heading(target.qpos[3:7])
        upright = rotations.multiply(rotations.about("z", turn), target.qpos[3:7])
        pose = np.concatenate([robot[:2], target.qpos[2:3], upright, joints])
        return name, pose

    def _leading(self, row: int) -> tuple[str, Expert, ExpertCarry] | None:
        carry = self.before[1]
        if isinstance(self.policy, Expert):
            return self.policy.prior.reference.label, self.policy, carry
        if isinstance(self.policy, CompositePolicy | ScriptedSwitch):
            experts = getattr(self.policy.library, "experts", {})
            if experts:
                first = int(self.carry.shares[row].argmax())
                name = self.policy.library.names[first]
                return name, experts[name], carry.experts[first]
        return None
