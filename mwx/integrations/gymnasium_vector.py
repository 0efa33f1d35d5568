"""B environments of a task for gymnasium: `gymnasium.make_vec("mwx/h1-walk-v0", num_envs=64)`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mwx.errors import MwxError, unknown
from mwx.integrations.gymnasium_env import (
    RENDER_FPS,
    RENDER_MODES,
    Pictures,
    check_options,
    checked_mode,
    first_seed,
    silent,
    single_spaces,
)
from mwx.sim import make
from mwx.types import Array, Step

Vectors = tuple[Array, Array, Array, Array, dict[str, Any]]


class GymVectorEnv(VectorEnv[Array, Array, Array]):
    """B environments stepped together in C threads; ended ones start anew in the same step.

    Observations are (B, O) float64, actions (B, A) float32 in [-1, 1]. When an episode ends, the
    returned observation is the first of the next; the last of the old is in `info["final_obs"]` and
    its terms are in `info["final_info"]` (gymnasium's AutoresetMode.SAME_STEP; the other modes
    are there for wrappers that need them). Row i depends on the seed and i only, not on B nor on
    the number of threads.

    Attributes:
        sim: the environments behind it.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS,  # noqa: RUF012
                "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, task: str, num_envs: int = 1, render_mode: str | None = None,
                 width: int = 256, height: int = 256, camera: str | None = None, *,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP, threads: int = 0,
                 max_episode_steps: int | None = None, terminate: bool = True,
                 legacy: bool = False) -> None:
        """Build B scenes.

        Args:
            task: "robot-task" or a task, see mwx.sim.tasks.ids.
            num_envs: B, at least 1.
            render_mode: "rgb_array", or None for no pictures. GL starts with the first picture.
            width: [pixel] of the pictures.
            height: [pixel].
            camera: name in the scene, by default the task's.
            autoreset_mode: "SameStep"; "NextStep" spends the step after an end, whose action
                counts for nothing, on the reset; "Disabled" leaves it to `reset_mask`.
            threads: C threads; 0 takes every core.
            max_episode_steps: control steps until truncation, by default the task's.
            terminate: whether a fall or a success ends an episode.
            legacy: the original's behaviour also where it is plainly wrong.

        Raises:
            MwxError: no such task or mode, or no environment asked for.
        """
        self._mode = _autoreset(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self._mode}
        self.sim = make(task, num_envs, threads=threads, terminate=terminate, legacy=legacy,
                        max_steps=max_episode_steps,
                        auto_reset=self._mode is AutoresetMode.SAME_STEP)
        self.num_envs, self.render_mode = num_envs, checked_mode(render_mode)
        self.single_observation_space, self.single_action_space = single_spaces(self.sim)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._pictures = Pictures(self.sim, width, height, camera)
        self._seeded = False
        self._ended = np.zeros(num_envs, dtype=bool)  # and not yet started anew

    def reset(self, *, seed: int | None = None,
              options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start B episodes and return their first observations (B, O).

        Args:
            seed: one number for all rows, each of which derives its own generator from it; without
                one the draws go on, and the first reset takes a seed from the system.
            options: "reset_mask" (B,) bool starts these rows only.

        Raises:
            MwxError: a list of seeds, or a mask that does not fit.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise MwxError(f"seed {seed!r}: give one whole number, every row derives its own "
                           "generator from it")
        super().reset(seed=None if seed is None else int(seed))
        check_options(options, ("reset_mask",))
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            return self._reset_some(mask, seed), {}
        obs = self.sim.reset(first_seed(self, seed, self._seeded))
        self._seeded = True
        self._ended[:] = False
        return obs.vector, {}

    def _reset_some(self, mask: Array, seed: int | None) -> Array:
        mask = np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise MwxError(f"reset_mask of shape {mask.shape} and type {mask.dtype}: give "
                           f"({self.num_envs},) bool with at least one True")
        if seed is not None:
            raise MwxError("reset_mask with a seed: a seed restarts every row; leave one out")
        self._ended &= ~mask
        return self.sim.reset_rows(mask).vector

    def step(self, actions: Array) -> Vectors:
        """Advance by one control step of 20 ms.

        Args:
            actions: (B, A) in [-1, 1].

        Returns:
            observations (B, O), rewards (B,), terminations (B,), truncations (B,), infos.

        Raises:
            MwxError: wrong shape, a number that is not finite, or, without automatic reset, an
                episode that has ended.
        """
        if self._mode is AutoresetMode.DISABLED and self._ended.any():
            raise MwxError(f"rows {np.flatnonzero(self._ended).tolist()} have ended: start them "
                           'with reset(options={"reset_mask": mask}) first')
        step = self.sim.step(np.asarray(actions))
        if self._mode is AutoresetMode.SAME_STEP:
            return (step.obs.vector, np.array(step.reward, np.float64), step.terminated,
                    step.truncated, _infos(step))
        return self._without_ended(step)

    def _without_ended(self, step: Step) -> Vectors:
        """Start the rows anew that had ended before this step: it was none for them."""
        going = ~self._ended
        obs = step.obs if going.all() else self.sim.reset_rows(self._ended)
        terminated, truncated = step.terminated & going, step.truncated & going
        self._ended = terminated | truncated
        return (obs.vector, np.where(going, step.reward, 0.0), terminated, truncated,
                _masked(step.terms, going))

    def render(self) -> tuple[Array, ...] | None:
        """Return a picture (height, width, 3) uint8 of every row, or None without a render mode.

        Raises:
            MwxError: no GL back end works here (the packages to install are named).
        """
        if silent(self.render_mode):
            return None
        return tuple(self._pictures.draw(row) for row in range(self.num_envs))

    def render_row(self, row: int = 0) -> Array:
        """Return a picture (height, width, 3) uint8 of one row, whatever the render mode."""
        return self._pictures.draw(row)

    def close_extras(self, **kwargs: Any) -> None:
        """Free the GL context, if one was opened."""
        if hasattr(self, "_pictures"):  # a constructor that failed is collected too
            self._pictures.close()


def _autoreset(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        raise unknown("autoreset_mode", str(mode), [m.value for m in AutoresetMode]) from None


def _infos(step: Step) -> dict[str, Any]:
    """Return gymnasium's infos: terms with masks, those of ended episodes under final_info."""
    done = step.done
    infos = _masked(step.terms, ~done)
    if done.any():
        final = np.full(len(done), None, dtype=object)
        for row in np.flatnonzero(done):
            final[row] = step.final_obs.vector[row]
        infos |= {"final_obs": final, "_final_obs": done.copy(),
                  "final_info": _masked(step.terms, done), "_final_info": done.copy()}
    return infos


def _masked(terms: Mapping[str, Array], rows: Array) -> dict[str, Any]:
    infos: dict[str, Any] = {}
    for name, value in terms.items():
        value = value.astype(bool) if name == "success" else value
        infos[name] = np.where(rows, value, np.zeros_like(value))
        infos[f"_{name}"] = rows.copy()
    return infos
