"""Two million control steps over all tasks: does the memory of the process stay flat?

Run `python benchmarks/soak.py`. Every round makes each environment id anew, drives it with random
actions through falls and resets, and throws it away. After the first round, which fills caches, the
resident memory must stay within the bound. Prints one line a round; exits with 1 if it does not.
"""

import argparse
import gc
import sys
import time
from pathlib import Path

import numpy as np

from mwx.sim import make
from mwx.sim.tasks import ids

BOUND = 0.01  # of the memory after the first round
PAGE_KIB = 4


def resident_mib() -> float:
    """Return the resident memory of this process [MiB] (Linux)."""
    gc.collect()
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
    each = max(1, given.steps // (given.rounds * len(ids()) * given.envs))
    start, made, first, worst = time.perf_counter(), 0, 0.0, 0.0
    for number in range(given.rounds):
        made += sum(drive(name, given.envs, each, number) for name in ids())
        memory = resident_mib()
        first = first or memory
        worst = max(worst, abs(memory / first - 1))
        print(f"round {number + 1}/{given.rounds}: {made:,} control steps, {memory:.1f} MiB, "
              f"{made / (time.perf_counter() - start):.0f} steps/s", flush=True)
    print(f"memory moved by at most {100 * worst:.2f} % after the first round "
          f"(bound {100 * BOUND:.0f} %)")
    sys.exit(worst > BOUND)


if __name__ == "__main__":
    main()
