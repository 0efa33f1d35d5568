"""Films of a policy at work."""

from collections.abc import Iterator
from pathlib import Path

from mwx.errors import unknown
from mwx.sim import make_for
from mwx.sim.env import TaskEnv
from mwx.sim.render import Renderer, cameras
from mwx.sim.video import write_video
from mwx.types import Array, Policy

CONTROL_RATE = 50  # [Hz]
MP4_EVERY, GIF_EVERY = 2, 4  # control steps between pictures: 25 a second, or half as many
GIF_SIZE = (300, 400)  # [pixel] height, width: a GIF is for a page, and counts every pixel


def frames(policy: Policy, env: TaskEnv, seed: int, height: int, width: int, *,
           camera: str | None = None, every: int = MP4_EVERY) -> Iterator[Array]:
    """Draw one episode of the first row, (height, width, 3) uint8, and its last state.

    Args:
        policy: acts.
        env: without automatic resets.
        seed: of the reset.
        height: [pixel].
        width: [pixel].
        camera: its name; the task's own unless told.
        every: control steps between two pictures.
    """
    obs, carry = env.reset(seed), policy.initial(env.num_envs)
    view = camera or env.task.camera
    with Renderer(env.model, height, width) as renderer:
        for k in range(env.max_steps):
            if k % every == 0:
                yield renderer.render(env.physics, 0, view)
            action, carry = policy(obs, carry)
            step = env.step(action)
            obs = step.obs
            if step.done[0]:
                break
        yield renderer.render(env.physics, 0, view)


def record(policy: Policy, env: TaskEnv, path: str | Path, *, camera: str | None = None,
           height: int | None = None, width: int | None = None) -> Path:
    """Write a film (mp4 or gif) of one episode in an environment and return its path.

    Args:
        policy: acts.
        env: without automatic resets; its seed starts the episode.
        path: .mp4 plays at 25 pictures a second; .gif, smaller, at 12.5.
        camera: its name in the model; the task's own unless told.
        height: [pixel].
        width: [pixel].

    Raises:
        MwxError: no such camera, or no GL back end works here (what to install is named).
    """
    known = cameras(env.model)
    if camera is not None and camera not in known:
        raise unknown("camera", camera, known)
    gif = Path(path).suffix == ".gif"
    every = GIF_EVERY if gif else MP4_EVERY
    size = GIF_SIZE if gif else (480, 640)
    pictures = frames(policy, env, env.seed, height or size[0], width or size[1], camera=camera,
                      every=every)
    return write_video(path, pictures, fps=CONTROL_RATE / every)


def record_video(policy: Policy, task: str, path: str | Path, seed: int = 0,
                 seconds: float = 20.0, height: int | None = None, width: int | None = None,
                 camera: str | None = None) -> Path:
    """Write a film of one episode of a task, at most so many seconds; see `record`."""
    steps = max(1, round(seconds * CONTROL_RATE))
    env = make_for(policy.act_dim, task, 1, seed, threads=1, auto_reset=False)
    env.max_steps = min(env.max_steps, steps)
    return record(policy, env, path, camera=camera, height=height, width=width)
