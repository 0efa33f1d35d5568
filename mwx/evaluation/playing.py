"""What `mwx play` puts together: a policy by name or folder, and an environment to play it in."""

from dataclasses import replace
from pathlib import Path

import mujoco

from mwx.errors import MwxError
from mwx.evaluation.plain_policies import PLAIN, check_fits, plain_policy
from mwx.evaluation.policies import load_policy
from mwx.experts.library import shipped_root
from mwx.robot import H1, Robot
from mwx.sim import HeldHands, tasks
from mwx.sim.env import TaskEnv
from mwx.types import Policy
from mwx.untrusted import read_object

SCRIPT = "script"  # the shipped experts, switched by the task's fixed script


def player(name: str, task: str, *, num_envs: int = 1, seed: int = 0, max_steps: int | None = None,
           planned: bool = False, experts: str | Path | None = None, meshes: bool = False
           ) -> tuple[Policy, TaskEnv, str]:
    """Return a policy, environments that it fits, and the policy's short name.

    H1's policies also act on the robots with hands, which then hold their hands still.

    Args:
        name: a folder that load_policy knows, or a plain policy's name, or "script".
        task: e.g. "door" or "h1hand-push".
        num_envs: B.
        seed: of the environments, and of a random policy.
        max_steps: control steps of an episode, by default the task's.
        planned: let an expert plan.
        experts: folder of experts for a router or a script; the shipped ones unless told.
        meshes: draw the real H1's meshes.

    Raises:
        MwxError: no such task or policy, one made for another robot, or no meshes.
    """
    robot, the_task = tasks.resolve(task)
    policy = policy_for(name, task, seed, planned=planned, experts=experts)
    held = policy.act_dim == H1.act_dim != robot.act_dim
    env = (HeldHands if held else TaskEnv)(
        the_task, num_envs, seed, threads=1, auto_reset=False, max_steps=max_steps,
        robot=with_meshes(robot) if meshes else robot)
    check_fits(policy, env, name)
    return policy, env, Path(name).name


def policy_for(name: str, task: str, seed: int = 0, *, planned: bool = False,
               experts: str | Path | None = None) -> Policy:
    """Return what acts on a task: a plain policy, the task's script, or what a folder holds.

    Args:
        name: a folder that load_policy knows, or a plain policy's name, or "script".
        task: e.g. "door" or "h1hand-push".
        seed: of a random policy.
        planned: let an expert plan.
        experts: folder of experts for a router or a script; the shipped ones unless told.

    Raises:
        MwxError: no such task or policy.
    """
    robot, the_task = tasks.resolve(task)
    if name == SCRIPT:
        return scripted(the_task.name, experts)
    if name in PLAIN:
        return plain_policy(name, robot, the_task, seed)
    return _loaded(name, experts, planned)


def own_task(name: str | Path) -> str:
    """Return the task that a policy was made for, as the files beside it say.

    Args:
        name: a folder that load_policy knows, or a shipped expert's name.

    Raises:
        MwxError: nothing there names a task.
    """
    folder = Path(name)
    places = [folder / inner for inner in (".", "expert", "router", "agent", "adapted")] \
        if folder.exists() else [shipped_root() / folder.name]
    for file in (place / word for place in places
                 for word in ("card.json", "adapt.json", "guidance.json")):
        task = read_object(file).get("task") if file.is_file() else None
        if isinstance(task, str):
            return task
    raise MwxError(f"{name}: which task? Give --task NAME; `mwx tasks` lists them"
                   + ("" if folder.is_dir() else f" (there is no folder {name})"))


def scripted(task: str, experts: str | Path | None = None) -> Policy:
    """Return the experts, switched by a task's fixed script.

    Raises:
        MwxError: the task has no script, or it needs an expert that is not there.
    """
    from mwx.experts import load_library
    from mwx.router import ScriptedSwitch, script_for
    library = load_library(experts)
    return ScriptedSwitch(library, script_for(task, library.names))


def with_meshes(robot: Robot) -> Robot:
    """Return the robot drawn with Unitree's meshes; its physics does not change.

    Hands have none: their links keep their primitives.

    Raises:
        MwxError: the extra is missing, or the download failed.
    """
    from mwx.robot.meshes import use_meshes

    def build() -> mujoco.MjSpec:
        spec = robot.spec()
        use_meshes(spec)
        return spec
    build()  # fails here, before anything is simulated
    return replace(robot, build=build)


def _loaded(name: str, experts: str | Path | None, planned: bool) -> Policy:
    try:
        return load_policy(name, experts, planned)
    except MwxError as error:
        if "no policy there" not in str(error):
            raise
        raise MwxError(f"{error}; or one that needs no training: "
                       f"{', '.join((*PLAIN, SCRIPT))}") from None
