"""Folders of demonstrations, and demonstrations of clips that are played kinematically."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.files import target_folder
from mwx.motion import Reference
from mwx.progress import counted
from mwx.robot import H1
from mwx.router.demos import (
    FIELDS,
    Demonstration,
    check_demonstrations,
    relabel,
    task_name,
    task_progress,
)
from mwx.router.policies import CONTROL_DT, Library
from mwx.sim import TaskEnv
from mwx.types import Array, Env

KINEMATIC = "clip"  # how the source of a trajectory that nobody simulated begins


def clip_demonstrations(env: TaskEnv, library: Library, reference: Reference, n: int, seed: int,
                        steps: int | None = None) -> list[Demonstration]:
    """Record n demonstrations of a reference, e.g. a retargeted clip or a teleoperated motion.

    The robot is put into the reference's state frame by frame, at the place where the reference
    has it; nothing is simulated, things stand where the reset put them, and no return is earned:
    `task_return` is 0. Nobody knows the experts, so the labels are by action error.

    Args:
        env: one environment of the H1.
        library: the experts.
        reference: the motion; a loop goes on until the steps are over.
        n: number of demonstrations, each from its own reset of the task's things.
        seed: of the first reset; later ones count up.
        steps: control steps recorded at most (None: the whole clip; of a loop, an episode).

    Raises:
        MwxError: another robot.
    """
    if env.robot.nq != H1.nq or env.num_envs != 1:
        raise MwxError(f"a reference moves the H1; {env.name} has another robot: name the task "
                       f"as h1-{task_name(env)}")
    length = env.max_steps if reference.loop else round(reference.duration_s / CONTROL_DT) + 1
    frame = reference.frame(np.arange(min(length, steps or length)) * CONTROL_DT)
    actions = H1.to_action(frame.ctrl)
    return [relabel(_played(env, frame.qpos, frame.qvel, actions, seed + i, tuple(library.names),
                            f"{KINEMATIC} {reference.label}"), library)
            for i in counted(range(n), "demonstrations", "clips")]


def _played(env: TaskEnv, qpos: Array, qvel: Array, actions: Array, seed: int,
            experts: tuple[str, ...], source: str) -> Demonstration:
    """Return the trajectory (T, ...) played kinematically, with even labels."""
    env.reset(seed)
    rows: dict[str, list[Array]] = {name: [] for name in FIELDS}
    even = np.full((1, len(experts)), 1 / len(experts))
    for t, action in enumerate(actions):
        obs = env.set_robot_state(np.array([0]), qpos[t:t + 1], qvel[t:t + 1])
        progress = task_progress(env)
        now = t / len(actions) if progress is None else progress[0]
        values = (obs.proprio[0], obs.task[0], obs.target[0], obs.right_target[0], now, even,
                  action)
        for name, value in zip(FIELDS, values, strict=True):
            rows[name].append(np.array(value))
    fields: dict[str, Any] = {name: np.stack(values) for name, values in rows.items()}
    return Demonstration(task=task_name(env), experts=experts, success=False, source=source,
                         **fields)


def new_folder(folder: Path) -> Path:
    """Return a folder for demonstrations after making sure that nothing would be overwritten.

    Raises:
        MwxError: it is a file, cannot be written, or holds anything.
    """
    folder = target_folder(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MwxError(f"{folder} exists and is not overwritten: choose another --out, or remove "
                       "it first")
    return folder


def save_demonstrations(demos: Sequence[Demonstration], folder: Path) -> list[Path]:
    """Write demo-000.npz, demo-001.npz ... into a folder that is new or empty.

    Raises:
        MwxError: the folder holds something, or cannot be written.
    """
    folder = new_folder(folder)
    paths = [folder / f"demo-{i:03d}.npz" for i in range(len(demos))]
    for demo, path in zip(demos, paths, strict=True):
        demo.save(path)
    return paths


def load_demonstrations(folder: Path) -> list[Demonstration]:
    """Read the demonstrations of a folder, in the order of their names.

    Raises:
        MwxError: no such folder, none in it, or a damaged one.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("demo-*.npz"))
    if not paths:
        missing = "no demonstrations (demo-*.npz) there" if folder.is_dir() else "no such folder"
        raise MwxError(f"{folder}: {missing}; `mwx demos record TASK` writes some")
    return [Demonstration.load(path) for path in paths]


def check_recorded(demos: Sequence[Demonstration], env: Env, library: Library) -> None:
    """Make sure that demonstrations can teach a router for a task and these experts.

    Raises:
        MwxError: another task, other experts, or another robot.
    """
    for demo in demos:
        if demo.task != task_name(env):
            raise MwxError(f"a demonstration belongs to the task '{demo.task}', not to "
                           f"'{task_name(env)}': record some with `mwx demos record "
                           f"{task_name(env)}`")
    check_demonstrations(demos, tuple(library.names))
    obs = env.reset(0)
    for demo in demos:
        found = demo.proprio.shape[1], demo.task_state.shape[1], demo.actions.shape[1]
        needed = obs.proprio.shape[1], obs.task.shape[1], env.act_dim
        if found != needed:
            raise MwxError(f"a demonstration of '{demo.task}' has {found[0]} + {found[1]} observed "
                           f"numbers and {found[2]} actions, the task has {needed[0]} + "
                           f"{needed[1]} and {needed[2]}: it was recorded on another robot")
