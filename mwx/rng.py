"""Named random generators derived from one seed; nothing in mwx touches a global generator."""

import zlib
from typing import Any

import numpy as np


def generator(seed: int, name: str, *index: int) -> np.random.Generator:
    """Return the generator of one named purpose.

    Args:
        seed: the run's single seed.
        name: purpose, e.g. "env" or "replay"; different names give independent streams.
        index: further numbers, e.g. the environment's row.
    """
    key = (seed, zlib.crc32(name.encode()), *index)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def generators(seed: int, name: str, count: int) -> list[np.random.Generator]:
    """Return one generator per environment, independent of how many there are."""
    return [generator(seed, name, i) for i in range(count)]


def get_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return a generator's state as JSON values."""
    state = rng.bit_generator.state
    return {"bit_generator": state["bit_generator"],
            "state": {k: str(v) for k, v in state["state"].items()},
            "has_uint32": state["has_uint32"], "uinteger": state["uinteger"]}


def set_state(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Continue a generator from a state that get_state returned."""
    rng.bit_generator.state = {**state, "state": {k: int(v) for k, v in state["state"].items()}}
