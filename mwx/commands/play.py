"""play: a policy on a task, as a film or live in the browser."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from mwx.commands.words import Count, Port, Seed, Steps
from mwx.files import target_file, target_folder
from mwx.runs import RUNS
from mwx.sim.video import FORMATS

PolicyName = Annotated[str, Positional, arg(metavar="POLICY")]


def play(policy: PolicyName, task: str | None = None, out: Path | None = None,
         camera: str | None = None, seed: Seed = 0, steps: Steps | None = None,
         meshes: bool = False, planned: bool = False, experts: Path | None = None,
         viewer: bool = False, envs: Count = 1, host: str = "127.0.0.1", port: Port = 8080) -> None:
    """Write a film of a policy on a task, or show it in the browser (--viewer).

    Args:
        policy: folder of an expert (pretrained/walk) or of a router (runs/router-door-0/router);
            or home, middle, random (no training), script (the shipped experts by a fixed script).
        task: task name, e.g. door or h1hand-push; the one an expert was trained on unless told.
        out: the film, .mp4 or .gif; runs/play-<policy>-<task>.mp4 unless told.
        camera: one of the model's cameras; the task's own unless told.
        seed: of the reset.
        steps: at most so many control steps of 20 ms; the task's own limit unless told.
        meshes: draw H1 with Unitree's meshes (needs the extra 'meshes'); hands stay as they are.
        planned: let an expert plan every action in latent space (eq. 7); slow on a CPU.
        experts: folder of experts for a router or a script; the shipped ones unless told.
        viewer: watch in the browser instead (needs the extra 'viewer'); Ctrl-C ends it.
        envs: how many environments the viewer runs; one of them is shown.
        host: address that the viewer serves; 0.0.0.0 lets other machines look.
        port: of the viewer; the next free one if it is taken.
    """
    if not viewer:
        target_file(out, *FORMATS) if out else target_folder(RUNS)
    from mwx.evaluation.playing import own_task, player
    from mwx.evaluation.video import record
    acting, env, name = player(policy, task or own_task(policy), num_envs=envs if viewer else 1,
                               seed=seed, max_steps=steps, planned=planned, experts=experts,
                               meshes=meshes)
    if viewer:
        from mwx.integrations.viewer import watch
        watch(acting, env, name, host, port)
        return
    path = out or RUNS / f"play-{name}-{env.name}.mp4"
    print(f"film: {record(acting, env, path, camera=camera)}")
