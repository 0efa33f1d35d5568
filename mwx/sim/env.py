"""B episodes of a task, stepped together at 50 Hz."""

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mwx import rng as generators
from mwx.errors import MwxError
from mwx.robot import H1, ROBOTS, Robot
from mwx.robot.h1 import SUBSTEPS
from mwx.sim import tasks
from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Task
from mwx.types import Array, Obs, Step


class TaskEnv:
    """B environments of one task (implements mwx.types.Env).

    Each environment draws from its own generator, so its episodes depend on the seed and its row
    only: not on how many others there are, nor on the number of threads.

    Attributes:
        name: "robot-task"; robot, task: who does what; physics: the simulations behind it.
        num_envs, obs_dim, act_dim, max_steps: see mwx.types.Env.
        step_count: (B,) control steps made in the running episode.
    """

    def __init__(self, task: Task, num_envs: int = 1, seed: int = 0, threads: int = 0, *,
                 terminate: bool = True, auto_reset: bool = True,
                 max_steps: int | None = None, robot: Robot | None = None) -> None:
        """Build the scene and start B episodes.

        Args:
            task: what to do, see mwx.sim.tasks.
            num_envs: B.
            seed: of every generator.
            threads: C threads; 0 takes every core.
            terminate: whether a fall ends the episode.
            auto_reset: whether an ended episode starts anew by itself; if not, it runs on.
            max_steps: control steps of an episode, by default the task's.
            robot: who does it; the task's first robot unless told.
        """
        robot = robot or ROBOTS[task.robots[0]]
        self.robot, self.name = robot, f"{robot.name}-{task.name}"
        self.task, self.num_envs, self.seed = task, num_envs, seed
        self.terminate, self.auto_reset = terminate, auto_reset
        self.max_steps = task.max_steps if max_steps is None else max_steps
        if self.max_steps < 1:
            raise MwxError(f"max_steps {max_steps}: an episode needs at least one step")
        self.physics = Physics(scene(task, robot=robot), num_envs, threads, robot, task.memory)
        self._drawn: mujoco.MjModel | None = None
        self.act_dim = robot.act_dim
        # HumanoidBench keeps the limits in float32, so its commands are rounded to float32
        self._low = robot.ctrl_low.astype(np.float32)
        self._range = robot.ctrl_high.astype(np.float32) - self._low
        self.step_count = np.zeros(num_envs, dtype=np.int64)
        self.obs = self.reset(seed)
        self.obs_dim = self.obs.vector.shape[1]

    @property
    def model(self) -> mujoco.MjModel:
        """The scene to draw: the same motion, with what is only looked at (built when asked)."""
        if self._drawn is None:
            self._drawn = scene(self.task, drawn=True, robot=self.robot)
        return self._drawn

    def reset(self, seed: int | None = None) -> Obs:
        """Start B new episodes.

        Args:
            seed: restarts every generator; None lets them go on.
        """
        if seed is not None:
            self.seed = seed
            self._rngs = generators.generators(seed, "env", self.num_envs)
        self._start(np.arange(self.num_envs))
        self.obs = self.observe()
        return self.obs

    def reset_rows(self, rows: Array) -> Obs:
        """Start new episodes in some environments (indices or mask), e.g. ended by a wrapper."""
        self._start(self._indices(rows))
        self.obs = self.observe()
        return self.obs

    def _start(self, rows: Array) -> None:
        physics, noise = self.physics, self.task.reset_noise
        physics.reset_rows(rows, self.task.survives)
        for row in rows:
            if noise:
                physics.qpos[row] += self._rngs[row].uniform(-noise, noise, physics.qpos.shape[1])
            self.task.start(physics, int(row), self._rngs[row])
        physics.forward(rows)
        self.step_count[rows] = 0

    def observe(self) -> Obs:
        """Return the observation of the present state."""
        physics = self.physics
        return Obs(vector=self.task.vector(physics),
                   proprio=np.concatenate([physics.robot_qpos, physics.robot_qvel], axis=1),
                   task=self.task.state(physics), target=self.task.target(physics),
                   right_target=self.task.right_target(physics))

    def step(self, action: Array) -> Step:
        """Advance by one control step of 20 ms.

        Args:
            action: (B, A); -1 and 1 are a servo's lowest and highest position command, and the
                servo itself clamps what lies beyond.

        Raises:
            MwxError: wrong shape, or a number that is not finite.
        """
        self.physics.command(self.to_ctrl(self._checked(action)))
        diverged = self.physics.step(SUBSTEPS)
        self.step_count += 1
        self.task.update(self.physics)
        reward, terms = self.task.reward(self.physics)
        terminated = self._ended(diverged)
        truncated = (self.step_count >= self.max_steps) & ~terminated
        if diverged.any():
            reward = np.where(diverged, 0.0, reward)
        final_obs = obs = self.observe()
        done = terminated | truncated
        if self.auto_reset and done.any():
            self._start(np.flatnonzero(done))
            obs = self.observe()
        self.obs = obs
        return Step(obs, reward, terminated, truncated, terms, final_obs)

    def _ended(self, diverged: Array) -> Array:
        fallen = self.task.terminated(self.physics) if self.terminate else False
        return diverged | fallen

    def to_ctrl(self, action: Array) -> Array:
        """Map actions (B, A) to servo commands [rad], rounded as HumanoidBench rounds them."""
        return (action.astype(np.float32) + 1) / 2 * self._range + self._low

    def _checked(self, action: Array) -> Array:
        action = np.asarray(action)
        expected = (self.num_envs, self.act_dim)
        if action.shape != expected:
            raise MwxError(f"action has shape {action.shape}, {self.name} needs {expected}: "
                           "one row per environment, one column per servo")
        if not np.isfinite(action).all():
            row, column = np.argwhere(~np.isfinite(action))[0]
            raise MwxError(f"action of environment {row} for servo '"
                           f"{self.robot.servo_names[column]}' is {action[row, column]}: actions "
                           "must be finite and lie in [-1, 1]; look for a diverged policy")
        return action

    def set_robot_state(self, rows: Array, qpos: Array, qvel: Array) -> Obs:
        """Put the robot of some environments into a given state (reference-state initialisation).

        Meant right after a reset of those rows; the task's objects stay where they are.

        Args:
            rows: (R,) environment indices.
            qpos: (R, nq) base position [m], quaternion (w, x, y, z), joints [rad].
            qvel: (R, nv) velocities in MuJoCo's convention.

        Returns:
            The observation of all environments, with every quantity up to date.
        """
        qpos, qvel, given = np.asarray(qpos), np.asarray(qvel), np.asarray(rows, dtype=np.int64)
        rows = self._indices(given)
        needed = (len(rows), self.robot.nq), (len(rows), self.robot.nv)
        if (qpos.shape, qvel.shape) != needed:
            raise MwxError(f"robot state of {len(rows)} environments: qpos has shape {qpos.shape}, "
                           f"needs {needed[0]}; qvel has shape {qvel.shape}, needs {needed[1]}")
        if not (np.isfinite(qpos).all() and np.isfinite(qvel).all()):
            raise MwxError("robot state: qpos and qvel must be finite; look into the reference")
        order = np.argsort(given)
        self.physics.set_robot(rows, qpos[order], qvel[order])
        self.physics.forward(rows)
        self.obs = self.observe()
        return self.obs

    def _indices(self, rows: Array) -> Array:
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else np.unique(rows).astype(np.int64)
        if rows.size and not 0 <= rows[0] <= rows[-1] < self.num_envs:
            raise MwxError(f"rows {rows.tolist()}: there are environments 0 to {self.num_envs - 1}")
        return rows

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit (arrays and JSON values)."""
        return {"task": self.task.name, "robot": self.robot.name, "seed": self.seed,
                "step_count": self.step_count.copy(),
                "physics": self.physics.get_state(),
                "generators": [generators.get_state(rng) for rng in self._rngs]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that get_state returned, of the same task and size."""
        # states saved before there was a second robot name none
        name = f"{state.get('robot', H1.name)}-{state['task']}"
        if name != self.name:
            raise MwxError(f"this state belongs to '{name}', the environment runs '{self.name}'")
        self.physics.set_state(state["physics"])
        self.seed = state["seed"]
        self.step_count[:] = state["step_count"]
        for rng, saved in zip(self._rngs, state["generators"], strict=True):
            generators.set_state(rng, saved)
        self.obs = self.observe()


def scene(task: Task, drawn: bool = False, robot: Robot | None = None) -> mujoco.MjModel:
    """Return the compiled model of the robot (by default the task's), its floor and the objects.

    Without `drawn`, geoms that are only looked at are left out: they cost a third of the time and
    change nothing else.
    """
    robot = robot or ROBOTS[task.robots[0]]
    spec = robot.spec()
    spec.compiler.discardvisual = not drawn
    task.build(spec)
    spec.add_key(name="home", qpos=[*task.home(robot), *task.object_qpos],
                 ctrl=_in_model_order(spec, robot, task.home_ctrl(robot)))
    return spec.compile()


def _in_model_order(spec: mujoco.MjSpec, robot: Robot, ctrl: Array) -> list[float]:
    by_name = dict(zip(robot.servo_names, ctrl, strict=True))
    return [by_name[servo.name] for servo in spec.actuators]


def make(name: str, num_envs: int = 1, seed: int = 0, threads: int = 0, *,
         terminate: bool = True, auto_reset: bool = True, max_steps: int | None = None,
         legacy: bool = False) -> TaskEnv:
    """Return B environments by name: "h1-door", "h1hand-door", or "door" for the task's own robot.

    Args:
        name: see mwx.sim.tasks.ids.
        num_envs: B.
        seed: of every generator.
        threads: C threads; 0 takes every core.
        terminate: whether a fall or a success ends the episode.
        auto_reset: whether an ended episode starts anew by itself.
        max_steps: control steps of an episode, by default the task's.
        legacy: the original's behaviour also where it is plainly wrong (docs/humanoidbench.md).

    Raises:
        MwxError: no such task, or no such robot for it; the nearest name is given.
    """
    robot, task = tasks.resolve(name, legacy)
    return TaskEnv(task, num_envs, seed, threads, terminate=terminate, auto_reset=auto_reset,
                   max_steps=max_steps, robot=robot)
