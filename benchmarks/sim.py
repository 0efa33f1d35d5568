"""How many control steps a second, and how much of the time is ours.

Run `python benchmarks/sim.py`. Prints environment steps per second of every task against the bare
physics (the same commands, MuJoCo's batch alone), both in one process, alternating, so that what
else the machine does weighs on both alike.
"""

import argparse
import time

import numpy as np

from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS
from mwx.sim import TASKS, TaskEnv, make

BLOCK = 25  # control steps timed at a stretch


def actions(num_envs: int, count: int) -> list[np.ndarray]:
    """Return commands about the home pose, a standing robot's contacts being the common case."""
    rng = np.random.default_rng(0)
    home = H1.to_action(H1.home_joints)
    return list(home + rng.uniform(-0.1, 0.1, (count, num_envs, H1.act_dim)))


def seconds(env: TaskEnv, sequence: list[np.ndarray], bare: bool) -> float:
    """Return the time of a block of control steps, with or without the task around them."""
    start = time.perf_counter()
    for action in sequence:
        if bare:
            env.physics.command(env.to_ctrl(action))
            env.physics.advance(SUBSTEPS)
        else:
            env.step(action)
    return time.perf_counter() - start


def measure(name: str, num_envs: int, threads: int, blocks: int) -> tuple[float, float, int]:
    """Return environment steps/s with the task, bare, and the number of threads."""
    env = make(name, num_envs=num_envs, threads=threads)
    sequence = actions(num_envs, BLOCK)
    seconds(env, sequence, bare=False)
    whole, bare = [], []
    for _ in range(blocks):
        state = env.get_state()  # both start from the same states: contacts cost time
        whole.append(seconds(env, sequence, bare=False))
        after = env.get_state()
        env.set_state(state)
        bare.append(seconds(env, sequence, bare=True))
        env.set_state(after)
    steps = num_envs * BLOCK
    return steps / float(np.median(whole)), steps / float(np.median(bare)), env.physics.threads


def main() -> None:
    """Print one line a task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--blocks", type=int, default=8, help=f"of {BLOCK} control steps each")
    given = parser.parse_args()
    print(f"{'task':8} {'env steps/s':>12} {'bare steps/s':>13} {'ratio':>6}")
    for name in TASKS:
        whole, bare, threads = measure(name, given.envs, given.threads, given.blocks)
        print(f"{name:8} {whole:12.0f} {bare:13.0f} {whole / bare:6.3f}   "
              f"({given.envs} environments, {threads} threads)")


if __name__ == "__main__":
    main()
