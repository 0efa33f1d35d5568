"""How many control steps a second, and how much of the time is ours.

Run `python benchmarks/sim.py [ID ...]`. For each environment id: environment steps per second with
the task around them and of the bare physics (the same commands, MuJoCo's batch alone), both in one
process, alternating from the same states, so that what else the machine does weighs on both alike;
the time that observation, reward, termination and resets add to a step of all environments; and
the time to build one environment. At the end, the time to import the package.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

from mwx.robot.h1 import SUBSTEPS
from mwx.sim import TaskEnv, make
from mwx.sim.tasks import ids

BLOCK = 25  # control steps timed at a stretch
DEFAULT = ("h1-walk", "h1-door", "h1-truck", "h1hand-walk", "h1hand-door")


@dataclass(frozen=True)
class Speed:
    """What one environment id takes: seconds of a step of all environments, and to build one."""

    whole_s: float
    bare_s: float
    build_s: float
    threads: int


def actions(env: TaskEnv, count: int) -> list[np.ndarray]:
    """Return commands about the home pose, a standing robot's contacts being the common case."""
    rng, robot = np.random.default_rng(0), env.robot
    home = robot.to_action(robot.commands(env.task.home(robot)[7:]))
    return list(home + rng.uniform(-0.1, 0.1, (count, env.num_envs, env.act_dim)))


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


def measure(name: str, num_envs: int, threads: int, blocks: int) -> Speed:
    """Time an environment with its task and bare, alternating."""
    start = time.perf_counter()
    make(name, threads=1)
    build = time.perf_counter() - start
    env = make(name, num_envs=num_envs, threads=threads)
    sequence = actions(env, BLOCK)
    seconds(env, sequence, bare=False)
    whole, bare = [], []
    for _ in range(blocks):
        state = env.get_state()  # both start from the same states: contacts cost time
        whole.append(seconds(env, sequence, bare=False))
        after = env.get_state()
        env.set_state(state)
        bare.append(seconds(env, sequence, bare=True))
        env.set_state(after)
    return Speed(float(np.median(whole)) / BLOCK, float(np.median(bare)) / BLOCK, build,
                 env.physics.threads)


def added(name: str, num_envs: int, threads: int, blocks: int) -> float:
    """Return the median time [s] a step of all environments takes beside the physics."""
    env = make(name, num_envs=num_envs, threads=threads)
    inside, advance = [0.0], env.physics.advance

    def timed(substeps: int) -> None:
        start = time.perf_counter()
        advance(substeps)
        inside[0] += time.perf_counter() - start

    env.physics.advance = timed
    took = []
    for action in actions(env, blocks * BLOCK):
        inside[0], start = 0.0, time.perf_counter()
        env.step(action)
        took.append(time.perf_counter() - start - inside[0])
    return float(np.median(took))


def import_seconds() -> float:
    """Return the shortest of five imports, each in a process of its own."""
    code = "import time; t = time.perf_counter(); import mwx; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            for _ in range(5)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    """Print one line an id."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=DEFAULT, metavar="ID",
                        help=f"by default {' '.join(DEFAULT)}; 'all' for all {len(ids())}")
    parser.add_argument("--envs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--blocks", type=int, default=8, help=f"of {BLOCK} control steps each")
    given = parser.parse_args()
    names = ids() if "all" in given.names else given.names
    print(f"{'id':24} {'env steps/s':>12} {'bare steps/s':>13} {'ratio':>6} {'added ms':>9} "
          f"{'build s':>8}")
    for name in names:
        speed = measure(name, given.envs, given.threads, given.blocks)
        ours = added(name, given.envs, given.threads, given.blocks)
        print(f"{name:24} {given.envs / speed.whole_s:12.0f} {given.envs / speed.bare_s:13.0f} "
              f"{speed.bare_s / speed.whole_s:6.3f} {1000 * ours:9.2f} {speed.build_s:8.3f}   "
              f"({given.envs} environments, {speed.threads} threads)", flush=True)
    print(f"import mwx: {import_seconds():.3f} s")


if __name__ == "__main__":
    main()
