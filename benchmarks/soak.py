"""Two million control steps over all tasks: does the memory of the process stay flat?

Run `python benchmarks/soak.py`. Every round makes each environment id anew, drives it with random
actions through falls and resets, and throws it away; robots with hands, which cost several times
as much, get a quarter of the others' steps. After the first two rounds, which fill caches, the
resident memory must stay within the bound. Prints one line a round; exits with 1 if it does not.
"""

import argparse
import ctypes
import gc
import sys
import time
from pathlib import Path

import numpy as np

from mwx.sim import make
from mwx.sim.tasks import ids

BOUND = 0.01  # of the memory after the rounds that warm up
WARM_UP = 2
WEIGHT = {"h1": 4}  # of a robot's share of the steps
PAGE_KIB = 4


def resident_mib() -> float:
    """Return the resident memory of this process [MiB] (Linux with glibc).

    Freed memory is handed back first: the allocator's holes are no leak.
    """
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB / 1024


def drive(name: str, num_envs: int, control_steps: int, seed: int) -> int:
    """Make B environments, take random actions; return the control steps made, of all of them."""
    env, rng = make(name, num_envs=num_envs, seed=seed), np.random.default_rng(seed)
    for _ in range(control_steps):
        step = env.step(rng.uniform(-1, 1, (num_envs, env.act_dim)))
        if not (np.isfinite(step.obs.vector).all() and np.isfinite(step.reward).all()):
            raise SystemExit(f"{name}: a number is not finite")
    return num_envs * control_steps


def main() -> None:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000_000, help="control steps in all")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--envs", type=int, default=64)
    given = parser.parse_args()
    shares = {name: WEIGHT.get(name.split("-")[0], 1) for name in ids()}
    unit = -(-given.steps // (given.rounds * sum(shares.values()) * given.envs))
    start, made, first, worst = time.perf_counter(), 0, 0.0, 0.0
    for number in range(given.rounds):
        made += sum(drive(name, given.envs, share * unit, number)
                    for name, share in shares.items())
        memory = resident_mib()
        if number >= WARM_UP:
            worst = max(worst, abs(memory / first - 1))
        else:
            first = memory
        print(f"round {number + 1}/{given.rounds}: {made:,} control steps, {memory:.1f} MiB, "
              f"{made / (time.perf_counter() - start):.0f} steps/s", flush=True)
    print(f"memory moved by at most {100 * worst:.2f} % after {WARM_UP} rounds "
          f"(bound {100 * BOUND:.0f} %)")
    sys.exit(worst > BOUND)


if __name__ == "__main__":
    main()
