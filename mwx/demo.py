"""The whole story in one command: clip -> reference -> experts -> guidance -> router -> door."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.evaluation.score import alignment_observer
from mwx.experts import Expert, ExpertLibrary, load_library
from mwx.files import write_npz
from mwx.opening import interruptible, open_run
from mwx.progress import counted
from mwx.robot.h1 import CONTROL_DT
from mwx.runs import RUNS, Run, write_json
from mwx.types import Array

TASK = "door"
EPISODES = 10
CAMERA = "cam_hand_visible"  # over the robot's shoulder: the door hides it from the task's own
TRACKING_SECONDS = 4.0
STILLS = 5


def run_demo(out: str | Path = RUNS / "demo", clip: str | Path | None = None,
             reading: Mapping[str, Any] | None = None, seed: int = 0,
             say: Callable[[str], None] = print) -> Path:
    """Run every stage of the method on the shipped experts and write a report.

    Args:
        out: run directory; what was there from an earlier demo is written over.
        clip: a human clip to retarget; a generated walking person unless told.
        reading: options of `read_clip`.
        seed: of everything random.
        say: prints a line.

    Returns:
        Path of the report.
    """
    import torch
    torch.set_num_threads(1)
    out = Path(out)
    _, run = open_run(out, "demo", {
        "kind": "demo", "task": TASK, "episodes": EPISODES, "seed": seed,
        "clip": str(clip) if clip else "generated walking person"}, again=True)
    library = load_library()
    times: dict[str, float] = {}
    stages: tuple[tuple[str, str, Callable[[], Any]], ...] = (
        ("motion", "1 · a human clip becomes a robot reference (eq. 8)",
         lambda: _motion(run, clip, reading or {}, say)),
        ("experts", "2 · an expert imitates its reference (eqs. 3-7)",
         lambda: _experts(run, library, seed, say)),
        ("guidance", "3 · guidance: what the task needs (V(T))",
         lambda: _guidance(run, library, say)),
        ("router", "4 · guidance and demonstrations become a router (eqs. 10-12)",
         lambda: _router(run, library, seed, say)),
        ("task", "5 · the routed robot does the task (eqs. 9, 13)",
         lambda: _task(run, library, seed, say)),
        ("pictures", "6 · pictures", lambda: _pictures(run, library, seed, say)),
    )
    with interruptible(run):
        for name, title, work in stages:
            say(f"\n{title}")
            start = time.monotonic()
            work()
            times[name] = round(time.monotonic() - start, 1)
            say(f"  ({times[name]:.0f} s)")
    write_json(out / "times.json", times)
    from mwx.evaluation.report_run import report_run
    return report_run(out, out / "report.html")


def _motion(run: Run, clip: str | Path | None, reading: Mapping[str, Any],
            say: Callable[[str], None]) -> None:
    from rich.console import Console

    from mwx.motion import quality_sheet, read_clip, retarget_clip
    from mwx.motion.human import human_walk
    motion = read_clip(clip, **reading) if clip else human_walk()
    for note in motion.notes:
        say(f"  {note}")
    reference = retarget_clip(motion)
    reference.save(run.path / "motion" / "reference.npz")
    sheet = quality_sheet(reference)
    console = Console(record=True, width=84, file=None, quiet=True)
    console.print(sheet.table())
    Console(width=84).print(sheet.table())
    (run.path / "motion" / "sheet.txt").write_text(console.export_text())
    write_json(run.path / "motion" / "sheet.json", sheet.to_dict())
    say(f"  {motion.source}: {reference.num_frames} frames at {reference.fps:.0f} Hz")


def _experts(run: Run, library: ExpertLibrary, seed: int, say: Callable[[str], None]) -> None:
    name = "walk" if "walk" in library.names else library.names[0]
    expert = library.experts[name]
    reference, robot = track(expert, library.cards[name].get("task", name), seed)
    write_npz(run.path / "tracking.npz", {"reference": reference, "robot": robot, "expert": name})
    error = np.rad2deg(np.sqrt(((reference - robot) ** 2).mean()))
    say(f"  {name} follows its reference within {error:.1f} degrees RMS over all joints "
        f"({TRACKING_SECONDS:.0f} s)")
    for skill in library.names:
        scores = library.cards[skill].get("scores", {})
        say(f"  {skill:<8} task return {scores.get('task_return_mean', float('nan')):8.1f} "
            f"± {scores.get('task_return_std', float('nan')):.1f}   alignment "
            f"{scores.get('alignment_return_mean', float('nan')):6.1f}   (card)")


def track(expert: Expert, task: str, seed: int) -> tuple[Array, Array]:
    """Return reference and robot joints (T, 19) [rad] of one expert acting for some seconds."""
    from mwx.sim import make
    env = make(task, num_envs=1, seed=seed, threads=1)
    obs, carry = env.reset(seed), expert.initial(1)
    wanted, reached = [], []
    for _ in counted(range(round(TRACKING_SECONDS / CONTROL_DT)), "an expert's steps", "steps"):
        target = expert.phase_aligned(obs, carry)
        action, carry = expert(obs, carry)
        step = env.step(action)
        wanted.append(target.q[0])
        reached.append(step.final_obs.proprio[0, 7:26])
        obs = step.obs
        if step.done[0]:
            break
    return np.array(wanted), np.array(reached)


def _guidance(run: Run, library: ExpertLibrary, say: Callable[[str], None]) -> None:
    from mwx.router import FileGuidance
    from mwx.sim.tasks import get
    guidance = FileGuidance().guide(TASK, get(TASK).text, library.descriptions)
    guidance.save(run.path / "guidance.json")
    say(f"  {guidance.task_text}\n  {guidance.title}")
    for name, weight in zip(guidance.experts, guidance.weights, strict=True):
        say(f"  {name:<8}{weight:6.3f} {'#' * round(40 * weight)}")
    for stage in guidance.stages:
        say(f"  {stage.fraction:5.0%}  {stage.expert:<8}{stage.text}")


def _router(run: Run, library: ExpertLibrary, seed: int, say: Callable[[str], None]) -> None:
    from mwx.router import (
        DistillConfig,
        load_guidance,
        script_for,
        scripted_demonstrations,
        train_router,
    )
    from mwx.sim import make
    config = DistillConfig(seed=seed)
    env = make(TASK, num_envs=config.num_envs, seed=seed)
    script = script_for(TASK, library.names)
    demos = scripted_demonstrations(env, library, script, config.num_envs, seed)
    _, inner = open_run(run.path / "router", "router",
                        {"kind": "router", "task": TASK, **asdict(config)}, again=True,
                        tensorboard=False)
    router = train_router(env, library, load_guidance(run.path / "guidance.json"), demos, config,
                          inner, script)
    folder = run.path / "demonstrations"
    for i, demo in enumerate(demos):
        demo.save(folder / f"{i}.npz")
    say(f"  {len(demos)} demonstrations, {sum(len(d) for d in demos)} labelled states; "
        f"experts {', '.join(router.experts)}")


def _task(run: Run, library: ExpertLibrary, seed: int, say: Callable[[str], None]) -> None:
    from mwx.evaluation.compare import compare
    scores = compare(run.path / "router" / "router", TASK, EPISODES, seed + 1, say)
    write_json(run.path / "scores.json", {n: s.to_json() for n, s in scores.items()})


def _pictures(run: Run, library: ExpertLibrary, seed: int, say: Callable[[str], None]) -> None:
    """Play one routed episode; keep weights, stills and, where a GL back end exists, a film."""
    from mwx.router import CompositePolicy, Router
    from mwx.sim import make
    from mwx.sim.render import Renderer
    from mwx.sim.video import write_video
    policy = CompositePolicy(Router.load(run.path / "router" / "router"), library)
    env = make(TASK, num_envs=1, seed=seed + 1, threads=1)
    shots: list[Array] = []
    try:
        renderer = Renderer(env.model, 360, 480)
    except MwxError as error:
        renderer = None
        say(f"  no film: {error}")
    obs, carry = env.reset(seed + 1), policy.initial(1)
    weights: list[Array] = []
    progress: list[float] = []
    observer = alignment_observer(policy)
    rows: list[tuple[float, float]] = []
    for k in counted(range(500), "one episode, filmed", "steps"):
        if renderer is not None and k % 4 == 0:
            shots.append(renderer.render(env.physics, 0, CAMERA))
        action, after = policy(obs, carry)
        step = env.step(action)
        aligned = observer(obs, carry, after, step)["alignment_return"] if observer else [0.0]
        rows.append((float(step.reward[0]), float(aligned[0])))
        weights.append(after.shares[0].copy())
        progress.append(float(env.task.progress(env.physics)[0]))
        if step.done[0]:
            break
        carry, obs = after, step.obs
    write_npz(run.path / "episode.npz", {"weights": weights, "progress": progress,
                                         "rewards": rows, "experts": library.names})
    if renderer is not None:
        renderer.close()
        write_video(run.path / "door.mp4", shots, fps=1 / (4 * CONTROL_DT))
        _save_stills(run.path / "stills", shots)
        say(f"  film: {run.path / 'door.mp4'}")


def _save_stills(folder: Path, shots: list[Array]) -> None:
    import imageio.v3 as imageio
    folder.mkdir(exist_ok=True)
    for i, k in enumerate(np.linspace(0, len(shots) - 1, STILLS).round().astype(int)):
        imageio.imwrite(folder / f"{i}_{k * 4 * CONTROL_DT:.1f}s.png", shots[k])

