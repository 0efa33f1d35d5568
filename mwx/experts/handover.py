"""States in the middle of another skill: what an expert finds when it takes over from it."""

import numpy as np

from mwx.errors import MwxError
from mwx.sim import make
from mwx.types import Array

ROWS, STEPS, EVERY = 32, 250, 2  # robots, control steps of each, control steps between two states
SEED_OFFSET = 7000


def states_of(skill: str, seed: int, threads: int = 1) -> tuple[Array, Array]:
    """Return states (N, nq), (N, nv) that a shipped expert passes through, at the world's middle.

    Raises:
        MwxError: no such expert.
    """
    from mwx.experts.library import load_library  # it loads experts, which know this config
    library = load_library(names=(skill,))
    expert = library.experts[skill]
    env = make(expert.config.task, ROWS, seed + SEED_OFFSET, threads, auto_reset=False)
    obs, carry = env.reset(seed + SEED_OFFSET), expert.initial(ROWS)
    running, qpos, qvel = np.ones(ROWS, bool), [], []
    for t in range(STEPS):
        action, carry = expert(obs, carry)
        step = env.step(action)
        running &= ~step.done
        obs = step.final_obs
        if t % EVERY == 0:
            qpos.append(env.physics.robot_qpos[running].copy())
            qvel.append(env.physics.robot_qvel[running].copy())
    every = np.concatenate(qpos)
    if not len(every):
        raise MwxError(f"'{skill}' falls at once in {expert.config.task}: no state "
                       f"to take over from")
    every[:, :2] = 0
    return every, np.concatenate(qvel)
