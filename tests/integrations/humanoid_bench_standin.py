"""A stand-in for the original humanoid_bench package, with the surface that its source shows.

It steps our own simulation, so that returns can be compared. Like the original it keeps `data`,
draws poses from its own generator and goals from numpy's global one, registers
"<robot>-<task>-v0" without a namespace, ignores options, and returns numpy scalars. Like it, it
opens a GL context at each reset that a render mode was asked for (its default asks for one), and
reads every array that its table of MuJoCo's structs names when it is made.
"""

import sys
from types import ModuleType, SimpleNamespace

import gymnasium
import mujoco
import numpy as np

from mwx.integrations.humanoid_bench_rows import SIZES
from mwx.sim import make

NAME = "humanoid_bench"
# some of what the original's table names; `flex_evpair` and `qM` are gone from MuJoCo 3.17
TABLE = {"mjmodel": ("body_mass", "flex_evpair", "geom_size"), "mjdata": ("qM", "qpos", "xpos")}
STRUCTS = {"mjmodel": mujoco.MjModel, "mjdata": mujoco.MjData}


class HumanoidEnv(gymnasium.Env):
    """One environment; row `seed - first` of a batch of ours gives its start."""

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 50}  # noqa: RUF012
    starts = None  # our environment whose rows the starts are taken from, and its first seed

    def __init__(self, robot, control, task, render_mode="rgb_array"):
        for struct, names in sys.modules[SIZES].array_sizes.items():
            for array in names:
                getattr(STRUCTS[struct], array)
        self.render_mode, self.contexts = render_mode, 0
        self.sim = make(f"{robot}-{task}", threads=1, auto_reset=False)
        self.goal_drawn = None
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (self.sim.obs_dim,),
                                                      np.float64)
        self.action_space = gymnasium.spaces.Box(-1, 1, (self.sim.act_dim,), np.float32)

    @property
    def data(self):
        """What the adapter reads of MjData."""
        return SimpleNamespace(qpos=self.sim.physics.qpos[0], qvel=self.sim.physics.qvel[0])

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.contexts += self.render_mode is not None
        sim = self.sim
        sim.reset(int(self.np_random.integers(2 ** 31)))
        goals = sim.physics.model.nmocap > 0
        if goals:
            self.goal_drawn = np.random.uniform(-1, 1, 3)  # noqa: NPY002
            sim.physics.goal[0, :2] = self.goal_drawn[:2]
        if self.starts is not None and seed is not None:
            theirs, first = self.starts
            sim.physics.qpos[:] = theirs.physics.qpos[seed - first]
            sim.physics.qvel[:] = theirs.physics.qvel[seed - first]
            sim.physics.ctrl[:] = theirs.physics.ctrl[seed - first]
            for name, value in sim.physics.memory.items():
                value[:] = theirs.physics.memory[name][seed - first]
            if goals:
                sim.physics.goal[:] = theirs.physics.goal[seed - first]
                sim.physics.goal_quat[:] = theirs.physics.goal_quat[seed - first]
        sim.physics.forward()
        return sim.observe().vector[0], {}

    def step(self, action):
        step = self.sim.step(action[None])
        reward = np.float64(step.reward[0])
        info = {"per_timestep_reward": reward, **{k: v[0] for k, v in step.terms.items()}}
        return step.obs.vector[0], reward, np.bool_(step.terminated[0]), False, info


def install(monkeypatch, names, max_steps=None):
    """Put the stand-in into sys.modules and register its ids for one test."""
    sizes = ModuleType(SIZES)
    sizes.array_sizes = {struct: {name: ("n",) for name in names}
                         for struct, names in TABLE.items()}
    monkeypatch.setitem(sys.modules, NAME, ModuleType(NAME))
    monkeypatch.setitem(sys.modules, SIZES, sizes)
    monkeypatch.setattr(HumanoidEnv, "starts", None)
    for name in names:
        robot, task = name.split("-")
        limit = max_steps or make(name, threads=1).max_steps
        monkeypatch.setitem(gymnasium.registry, f"{name}-v0", gymnasium.envs.registration.EnvSpec(
            f"{name}-v0", entry_point=HumanoidEnv, max_episode_steps=limit,
            kwargs={"robot": robot, "control": "pos", "task": task}))
