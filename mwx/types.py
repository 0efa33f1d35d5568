"""What flows through mwx: frozen records whose fields carry their shapes, and three protocols.

Letters: B environments, T time steps, H planning horizon, N planner samples, K experts,
J joints, O observation size, A action size, Z latent size.
"""

import dataclasses
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

Array = np.ndarray


def brief(self: Any) -> str:
    """Return a frozen record in one line: shapes of arrays, sizes of collections; a `__repr__`.

    Fields that are None or empty are left out.
    """
    shown = ((f.name, _brief(getattr(self, f.name))) for f in dataclasses.fields(self))
    return f"{type(self).__name__}({', '.join(f'{n}={s}' for n, s in shown if s)})"


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind}{tuple(value.shape)}" if value.shape else str(value)
    if value is None or (isinstance(value, Sized) and not len(value)):
        return ""
    if isinstance(value, Mapping) or (isinstance(value, tuple | list) and len(value) > 3):
        return f"<{len(value)} of {type(value).__name__}>"
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"{text.splitlines()[0][:57]}..."


@dataclass(frozen=True)
class Obs:
    """One observation of B environments, in named groups.

    Attributes:
        vector: (B, O) the public observation (HumanoidBench's layout for its tasks); what a
            monolithic agent reads.
        proprio: (B, 51) the robot's own qpos (26) then qvel (25); what an expert reads.
        task: (B, D) the task's quantities beyond the robot (D may be 0); what a router reads too.
        target: (B, 3) [m, world] where the active hand should go; NaN where the task names none.
        right_target: (B, 3) [m, world] where the right hand should go while `target` is the left
            one's; NaN, as unless given, where one target is for whatever hand.
    """

    vector: Array
    proprio: Array
    task: Array
    target: Array
    right_target: Array = None  # pyright: ignore[reportAssignmentType]

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.right_target is None:
            object.__setattr__(self, "right_target", np.full((len(self.target), 3), np.nan))
        rows = {len(self.vector), len(self.proprio), len(self.task), len(self.target),
                len(self.right_target)}
        if len(rows) != 1:
            raise ValueError(f"observation groups disagree on the number of environments: {rows}")

    def rows(self, index: Array) -> "Obs":
        """Return the observation of a subset of environments (index or boolean mask)."""
        return Obs(self.vector[index], self.proprio[index], self.task[index], self.target[index],
                   self.right_target[index])


@dataclass(frozen=True)
class Step:
    """What B environments return from one control step (50 Hz).

    After an episode ends the environment has already been reset: `obs` is then the first of the
    next episode and `final_obs` keeps the last of the old one (elsewhere they are equal).

    Attributes:
        obs: observation to act on next.
        reward: (B,) reward of the step just made.
        terminated: (B,) bool, the task ended (a fall, a success): no bootstrapping.
        truncated: (B,) bool, the time limit ended it: bootstrapping goes on.
        terms: named reward terms and infos, each (B,).
        final_obs: observation after the step, before any automatic reset.
    """

    obs: Obs
    reward: Array
    terminated: Array
    truncated: Array
    terms: Mapping[str, Array]
    final_obs: Obs

    __repr__ = brief

    @property
    def done(self) -> Array:
        """(B,) bool: the episode ended for either reason."""
        return self.terminated | self.truncated


@runtime_checkable
class Env(Protocol):
    """B environments stepped together; the only thing agents know of the world."""

    num_envs: int
    obs_dim: int  # O: size of Obs.vector
    act_dim: int  # A: actions lie in [-1, 1]^A
    max_steps: int  # control steps after which an episode is truncated

    def reset(self, seed: int | None = None) -> Obs:
        """Start B new episodes; a seed restarts every per-environment generator."""
        ...

    def step(self, action: Array) -> Step:
        """Advance by one control step; action (B, A)."""
        ...

    def get_state(self) -> dict[str, Any]:
        """Return everything needed to continue bit for bit (arrays and JSON values)."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that get_state returned."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Everything that acts: expert, composite, baseline, random. Memory travels as the carry."""

    act_dim: int

    def initial(self, num_envs: int) -> Any:
        """Return the carry at the start of B episodes."""
        ...

    def restart(self, carry: Any, rows: Array) -> Any:
        """Return the carry with the given rows (B,) bool set back to the start of an episode."""
        ...

    def __call__(self, obs: Obs, carry: Any) -> tuple[Array, Any]:
        """Return actions (B, A) in [-1, 1] and the next carry."""
        ...
