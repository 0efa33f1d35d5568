"""A robot with hands for policies of H1: the hands hold still, and only the body is felt."""

from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.robot import H1, Robot
from mwx.sim import tasks
from mwx.sim.env import TaskEnv, make
from mwx.sim.tasks.task import Task
from mwx.types import Array, Obs


class HeldHands(TaskEnv):
    """H1 with hands whose hands and wrists are held in the home pose.

    Actions are H1's 19 servos, and `obs.proprio` is H1's 51 numbers, so that what was trained on H1
    acts here unchanged, with 1.6 kg more at its wrists. HumanoidBench calls the first half of
    this `blocked_hands`. `obs.vector` stays the task's whole observation.
    """

    def __init__(self, task: Task, num_envs: int = 1, seed: int = 0, threads: int = 0, *,
                 robot: Robot, **options: Any) -> None:
        """Build the scene and start B episodes; see TaskEnv."""
        joints = np.array([robot.joint(name) for name in H1.joint_names])
        self._felt = np.concatenate([np.arange(7), 7 + joints, robot.nq + np.arange(6),
                                     robot.nq + 6 + joints])
        self._moved = np.array([robot.servo_names.index(name) for name in H1.servo_names])
        home = robot.to_action(robot.commands(robot.home_joints))
        self._held = home.astype(np.float32)
        super().__init__(task, num_envs, seed, threads, robot=robot, **options)
        self.act_dim = H1.act_dim

    def observe(self) -> Obs:
        """Return the observation of the present state, hands left out of `proprio`."""
        whole = super().observe()
        return Obs(whole.vector, whole.proprio[:, self._felt], whole.task, whole.target,
                   whole.right_target)

    def to_ctrl(self, action: Array) -> Array:
        """Map H1's actions (B, 19) to the commands of every servo (B, A) [rad]."""
        every = np.repeat(self._held[None], len(action), axis=0)
        every[:, self._moved] = action
        return super().to_ctrl(every)


def make_for(act_dim: int, name: str, num_envs: int = 1, seed: int = 0, threads: int = 0,
             **options: Any) -> TaskEnv:
    """Return environments that a policy with so many actions can act in.

    That is `make` where the sizes agree; H1's policies also act on the robots with hands, which
    then hold their hands still.

    Args:
        act_dim: of the policy.
        name: see mwx.sim.make, as everything else.
        num_envs: B.
        seed: of every generator.
        threads: C threads.
        options: see mwx.sim.make.

    Raises:
        MwxError: no such task, or the policy was made for another robot.
    """
    legacy = options.pop("legacy", False)
    robot, task = tasks.resolve(name, legacy)
    if act_dim == robot.act_dim:
        return make(name, num_envs, seed, threads, legacy=legacy, **options)
    if act_dim == H1.act_dim:
        return HeldHands(task, num_envs, seed, threads, robot=robot, **options)
    raise MwxError(f"this policy has {act_dim} actions, {name} needs {robot.act_dim}: it was made "
                   "for another robot; take one that was trained there")
