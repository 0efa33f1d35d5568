"""One task as a gymnasium environment: `gymnasium.make("mwx/h1-walk-v0")`."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from mwx.errors import MwxError, nearest
from mwx.sim import TaskEnv, make
from mwx.types import Array

RENDER_FPS = 50  # one picture a control step
RENDER_MODES = ("rgb_array",)


class GymEnv(gymnasium.Env[Array, Array]):
    """One environment of a task; the time limit is gymnasium's (TimeLimit), falls are the task's.

    Observations are HumanoidBench's vector (O,) float64, actions (A,) float32 in [-1, 1]. `info`
    holds every reward term of the step, and `success` where the task says what that is. The same
    seed starts the same episodes as row 0 of `mwx.make(task, seed=seed)`.

    Attributes:
        sim: the environment behind it, with one row.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(self, task: str, render_mode: str | None = None, width: int = 256,
                 height: int = 256, camera: str | None = None, *, terminate: bool = True,
                 legacy: bool = False) -> None:
        """Build the scene.

        Args:
            task: "robot-task" or a task, see mwx.sim.tasks.ids.
            render_mode: "rgb_array", or None for no pictures. GL starts with the first picture.
            width: [pixel] of the pictures.
            height: [pixel].
            camera: name in the scene, by default the task's.
            terminate: whether a fall or a success ends the episode.
            legacy: the original's behaviour also where it is plainly wrong.

        Raises:
            MwxError: no such task or render mode.
        """
        self.sim = make(task, threads=1, terminate=terminate, auto_reset=False, legacy=legacy)
        self.render_mode = checked_mode(render_mode)
        self.observation_space, self.action_space = single_spaces(self.sim)
        self._pictures = Pictures(self.sim, width, height, camera)
        self._seeded = False

    def reset(self, *, seed: int | None = None,
              options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode and return its first observation (O,).

        Args:
            seed: restarts the generator of all draws; without one the draws go on, and the first
                reset takes a seed from the system.
            options: there are none.
        """
        super().reset(seed=seed)
        check_options(options, ())
        obs = self.sim.reset(first_seed(self, seed, self._seeded))
        self._seeded = True
        return obs.vector[0], {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Advance by one control step of 20 ms.

        Args:
            action: (A,) in [-1, 1].

        Returns:
            observation (O,), reward, whether the task ended, False (time limits are TimeLimit's),
            the step's terms.

        Raises:
            MwxError: wrong shape, or a number that is not finite.
        """
        action = np.asarray(action)
        if action.shape != (self.sim.act_dim,):
            raise MwxError(f"action has shape {action.shape}, {self.sim.name} needs "
                           f"({self.sim.act_dim},): one number per servo")
        step = self.sim.step(action[None])
        info = {name: value[0].item() for name, value in step.terms.items()}
        if "success" in info:
            info["success"] = bool(info["success"])
        return step.obs.vector[0], float(step.reward[0]), bool(step.terminated[0]), False, info

    def render(self) -> Array | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return a picture (height, width, 3) uint8, or None without a render mode.

        Raises:
            MwxError: no GL back end works here (the packages to install are named).
        """
        return None if silent(self.render_mode) else self._pictures.draw(0)

    def close(self) -> None:
        """Free the GL context, if one was opened."""
        self._pictures.close()


class Pictures:
    """Draws rows of an environment; opens GL with the first picture."""

    def __init__(self, sim: TaskEnv, width: int, height: int, camera: str | None) -> None:
        """Remember what to draw; nothing is opened."""
        self._sim, self._size, self._camera = sim, (height, width), camera or sim.task.camera
        self._renderer: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what copy and pickle carry: a copy opens a GL context of its own."""
        return {**self.__dict__, "_renderer": None}

    def draw(self, row: int) -> Array:
        """Return the picture (height, width, 3) uint8 of one row."""
        if self._renderer is None:
            from mwx.sim.render import Renderer
            self._renderer = Renderer(self._sim.model, *self._size)
        return self._renderer.render(self._sim.physics, row, self._camera)

    def close(self) -> None:
        """Free the GL context; another picture opens one again."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def single_spaces(sim: TaskEnv) -> tuple[spaces.Box, spaces.Box]:
    """Return the spaces of one environment: observations without bounds, actions in [-1, 1]."""
    return (spaces.Box(-np.inf, np.inf, (sim.obs_dim,), np.float64),
            spaces.Box(-1.0, 1.0, (sim.act_dim,), np.float32))


def first_seed(env: Any, seed: int | None, seeded: bool) -> int | None:
    """Return the seed to start with; None lets the draws go on. Without any, the system's."""
    if seed is None and not seeded:
        return int(env.np_random.integers(2 ** 31))
    return seed


def checked_mode(render_mode: str | None) -> str | None:
    """Return the render mode, or explain that there is no such mode."""
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise MwxError(f"render mode '{render_mode}': there are \"rgb_array\" and None; `mwx play` "
                       "shows a policy at work")
    return render_mode


def check_options(options: Mapping[str, Any] | None, known: tuple[str, ...]) -> None:
    """Explain options of a reset that do not exist."""
    for name in options or {}:
        if name not in known:
            raise MwxError(f"reset option '{name}': {nearest(name, known)}known: "
                           f"{', '.join(known) or 'none'}; seeds go into reset(seed=...)")


def silent(render_mode: str | None) -> bool:
    """Warn, as gymnasium's own environments do, that nothing can be drawn without a mode."""
    if render_mode is None:
        gymnasium.logger.warn('render() without a render mode draws nothing: '
                              'make(..., render_mode="rgb_array")')
    return render_mode is None
