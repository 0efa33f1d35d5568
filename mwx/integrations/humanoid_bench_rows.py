"""Single environments of the original humanoid_bench package, each with its own draws."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError
from mwx.types import Array

PACKAGE = "humanoid_bench"
KNOWN_COMMIT = "791405f"  # of the original, that was tried
SIZES = f"{PACKAGE}.dmc_deps.dmc_sizes"  # which arrays MuJoCo's structs had when it was written
HOW_TO_INSTALL = (
    "clone github.com/carlosferrazza/humanoid-bench and install it into this Python with "
    "`pip install --no-deps -e humanoid-bench` and `pip install dm_control jax`; without --no-deps "
    "it brings MuJoCo 3.1.6 and gymnasium 0.29.1, which are too old for mwx")


class Row:
    """One environment of the original, with a global generator of numpy's of its own.

    Attributes:
        env: the original's environment, under gymnasium's wrappers.
        max_steps: control steps of an episode, where its id says so; act_dim: number of servos.
    """

    def __init__(self, name: str, max_steps: int | None) -> None:
        """Make the environment "robot-task", with another episode length if one is given."""
        self._stream: Any = None  # state of numpy's global generator as this row left it
        with self._own_draws(None):
            self.env = _make_original(name, max_steps)
        self.max_steps: int | None = getattr(self.env.spec, "max_episode_steps", None)
        self.act_dim = int(np.prod(self.env.action_space.shape))

    @property
    def data(self) -> Any:
        """The original's MjData."""
        return self.env.unwrapped.data

    def reset(self, seed: int | None) -> Array:
        """Start an episode and return its observation (O,); a seed restarts both generators."""
        with self._own_draws(seed):
            return np.array(self.env.reset(seed=seed)[0], np.float64)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Return observation (O,), reward, terminated, truncated, info as plain Python values."""
        with self._own_draws(None):
            obs, reward, terminated, truncated, info = self.env.step(np.asarray(action, np.float32))
        return np.array(obs, np.float64), float(reward), bool(terminated), bool(truncated), info

    @contextmanager
    def _own_draws(self, seed: int | None) -> Iterator[None]:
        before = np.random.get_state()  # noqa: NPY002
        if seed is not None:
            np.random.seed(seed)  # noqa: NPY002
        elif self._stream is not None:
            np.random.set_state(self._stream)  # noqa: NPY002
        try:
            yield
        finally:
            self._stream = np.random.get_state()  # noqa: NPY002
            np.random.set_state(before)  # noqa: NPY002


def original_package() -> ModuleType:
    """Import the original package and let it index the structs of the installed MuJoCo.

    Raises:
        MwxError: it is not installed, or does not import; the message says what to do.
    """
    try:
        package = importlib.import_module(PACKAGE)
    except ModuleNotFoundError as error:
        if error.name == PACKAGE:
            raise MwxError(f"the suite '{PACKAGE}' needs the original package, which is not "
                           f"installed: {HOW_TO_INSTALL}") from None
        raise MwxError(f"{PACKAGE} is installed and lacks the module '{error.name}': install that "
                       f"too (its name for pip may differ)") from error
    except Exception as error:  # old code on new libraries raises anything
        raise MwxError(f"{PACKAGE} is installed and does not import ({error}): "
                       f"{HOW_TO_INSTALL}") from error
    _forget_arrays_that_mujoco_dropped()
    return package


def _forget_arrays_that_mujoco_dropped() -> None:
    """Take out of the original's table of arrays what the installed MuJoCo has no more.

    It reads every array of its table when an environment is made; MuJoCo 3.17, for one, has no
    `flex_evpair`. None of its tasks uses such an array.
    """
    tables = getattr(sys.modules.get(SIZES), "array_sizes", {})
    for struct, has in (("mjmodel", mujoco.MjModel), ("mjdata", mujoco.MjData)):
        table = tables.get(struct, {})
        for name in [name for name in table if not hasattr(has, name)]:
            del table[name]


def _make_original(name: str, max_steps: int | None) -> Any:
    """Make an environment that draws nothing: the original's default opens a GL context a row."""
    import gymnasium
    try:
        return gymnasium.make(f"{name}-v0", max_episode_steps=max_steps, render_mode=None)
    except gymnasium.error.NameNotFound:
        raise MwxError(f"the installed {PACKAGE} has no '{name}-v0'; mwx evaluates it in its own "
                       "suite") from None
    except Exception as error:  # old code on new libraries raises anything
        raise MwxError(f"{name}-v0 of {PACKAGE} does not start ({type(error).__name__}: {error}), "
                       f"with MuJoCo {mujoco.__version__} and gymnasium {gymnasium.__version__}; "
                       f"known to work: commit {KNOWN_COMMIT} with MuJoCo 3.17.0 and gymnasium "
                       "1.4.0") from error
