"""Videos of a policy at work."""

from collections.abc import Iterator
from pathlib import Path

from mwx.sim import make
from mwx.sim.env import TaskEnv
from mwx.sim.render import Renderer
from mwx.sim.video import write_video
from mwx.types import Array, Policy

EVERY = 2  # control steps between pictures: 25 pictures a second


def frames(policy: Policy, env: TaskEnv, seed: int, seconds: float, height: int,
           width: int) -> Iterator[Array]:
    """Draw one episode of the first row, (height, width, 3) uint8 at 25 Hz."""
    obs, carry = env.reset(seed), policy.initial(env.num_envs)
    with Renderer(env.model, height, width) as renderer:
        for k in range(min(env.max_steps, round(seconds * 50))):
            if k % EVERY == 0:
                yield renderer.render(env.physics, 0, env.task.camera)
            action, carry = policy(obs, carry)
            step = env.step(action)
            if step.done[0]:
                return
            obs = step.obs


def record_video(policy: Policy, task: str, path: str | Path, seed: int = 0,
                 seconds: float = 20.0, height: int = 480, width: int = 640) -> Path:
    """Write a video (mp4 or gif) of one episode of a task and return its path.

    Raises:
        MwxError: no GL back end works here (the packages to install are named).
    """
    env = make(task, num_envs=1, seed=seed, threads=1, auto_reset=False)
    return write_video(path, frames(policy, env, seed, seconds, height, width), fps=50 / EVERY)
