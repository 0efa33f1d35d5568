"""adapt, ablate: a composite goes on learning on a task; and what each part of it is worth."""

from pathlib import Path
from typing import Literal

from mwx.commands.words import Count, CountOrNone, Seed, Steps, Task, Threads, Weight
from mwx.files import target_folder
from mwx.runs import RUNS

Schedule = Literal["router", "paper"]
Recipe = Literal["cpu", "paper", "tiny"]
LASTS = {"cpu": "hours on two cores for the recipe's half a million steps",
         "paper": "days on a processor", "tiny": "a minute"}


def adapt(task: Task, router: Path | None = None, schedule: Schedule | None = None,
          recipe: Recipe | None = None, steps: Steps | None = None, seed: Seed | None = None,
          resume: bool = False, out: Path | None = None, experts: Path | None = None,
          planned: bool = False, variant: str | None = None, threads: Threads | None = None,
          teacher_steps: CountOrNone | None = None, progress_weight: Weight | None = None,
          compare: bool = True) -> None:
    """Adapt the experts' mixture to a task: its world model, rewarded by task and routed reference.

    Args:
        task: e.g. door; the H1's.
        router: a router, or the run that trained it; one is distilled from scripted
            demonstrations unless told.
        schedule: whose reference is rewarded: router (whoever leads in that state; unless told) or
            paper (Table IV's stages over the training steps, stretched to this training).
        recipe: cpu (unless told), paper or tiny.
        steps: environment steps in all; the recipe's unless told. With --resume, where to end: a
            finished run goes on, one that is past it already is exported as it is.
        seed: of everything random; 0 unless told.
        resume: continue from the last complete checkpoint, with the options it was begun with.
        out: run directory; runs/adapt-<task>-<recipe>-<seed> unless told.
        experts: folder of experts; the shipped ones unless told.
        planned: plan every action, with the experts' actions among the samples.
        variant: full (unless told), or what `mwx ablate` leaves out: no_router, no_vlm,
            no_imitation, scratch.
        threads: of simulation and learner; 1 unless told.
        teacher_steps: environment steps of a PPO teacher before, which the world model clones;
            none unless told.
        progress_weight: what training pays for the whole task's progress, besides its reward;
            nothing unless told.
        compare: play every expert alone and the mixtures too, for the card: minutes.
    """
    target_folder(out or RUNS)
    from mwx.opening import Options
    from mwx.progress import RESUMES, banner
    from mwx.sim.tasks import resolve
    short = resolve(task)[1].name
    name = task if task.startswith("h1") else f"h1-{short}"
    asked = Options({"task": name, "router": router, "schedule": schedule, "recipe": recipe,
                     "seed": seed, "experts": experts, "planned": planned or None,
                     "variant": variant, "threads": threads, "teacher_steps": teacher_steps,
                     "progress_weight": progress_weight, "agent.loop.steps": steps},
                    {"schedule": "router", "recipe": "cpu", "seed": 0, "planned": False,
                     "variant": "full", "threads": 1, "teacher_steps": 0, "progress_weight": 0.0})
    chosen: str = asked["variant"]
    kind = "adapt" if chosen == "full" else f"adapt-{chosen.replace('_', '-')}"
    path = out or RUNS / f"{kind}-{name.removeprefix('h1-')}-{asked['recipe']}-{asked['seed']}"
    banner(f"adaptation to {name}, recipe {asked['recipe']}, seed {asked['seed']}", path,
           LASTS[asked["recipe"]], RESUMES)
    from mwx.baselines.adaptation import adaptation, train_variant
    config = adaptation(task, steps=steps, router=router, experts=experts,
                        **{n: asked[n] for n in ("recipe", "variant", "schedule", "seed", "threads",
                                                 "planned", "teacher_steps", "progress_weight")})
    folder = train_variant(config, path, chosen, resume, compare, asked)
    if (folder / "episode.npz").is_file():
        from mwx.evaluation.stages import draw_run, show_card
        print(show_card(folder))
        print(f"stages: {draw_run(folder)}")
    print(f"{'adapted policy' if chosen != 'scratch' else 'agent'}: {folder}")


def ablate(task: Task, seeds: Count = 3, recipe: Recipe = "cpu", steps: Steps | None = None,
           schedule: Schedule = "router", variants: tuple[str, ...] = (),
           router: Path | None = None, experts: Path | None = None,
           plain_experts: Path | None = None, planned: bool = False, out: Path | None = None,
           jobs: Threads = 1, threads: Threads = 1) -> None:
    """Train five variants with several seeds each, and say what each part is worth (Table III).

    Each variant and seed is a process of its own; the same command again goes on where it stopped,
    and what is finished is not trained again. With more --steps what is finished goes on too.

    Args:
        task: e.g. door; the H1's.
        seeds: how many, from 0 on.
        recipe: cpu, paper or tiny, for all of them.
        steps: environment steps of each; the recipe's unless told.
        schedule: see `mwx adapt`.
        variants: of full, no_router, no_vlm, no_imitation and scratch; all unless told.
        router: for full and no_router; each seed distils its own unless told.
        experts: folder of experts; the shipped ones unless told.
        plain_experts: experts that were trained without imitation, for no_imitation.
        planned: plan every action.
        out: folder of the runs and the table; runs/ablate-<task>-<recipe> unless told.
        jobs: processes at a time.
        threads: of each.
    """
    target_folder(out or RUNS)
    from mwx.progress import CONTINUES, banner, tell
    name = task.removeprefix("h1-")
    banner(f"ablation on {name}, recipe {recipe}, {seeds} seeds",
           out or RUNS / f"ablate-{name}-{recipe}", f"each of its trainings {LASTS[recipe]}",
           CONTINUES)
    from mwx.baselines.ablation import Ablation, begin, run
    from mwx.baselines.adaptation import VARIANTS
    from mwx.evaluation.ablation import read_entry, write_ablation
    ablation = Ablation(task, tuple(range(seeds)), recipe, steps, schedule, planned,
                        variants or tuple(VARIANTS), router, experts, plain_experts,
                        out or RUNS / f"ablate-{name}-{recipe}", threads)
    begin(ablation)
    try:
        run(ablation, jobs, say=tell)
    finally:  # what there is so far
        paths = {v: {j.seed: j.path for j in ablation.jobs() if j.variant == v}
                 for v in ablation.variants}
        entries = [read_entry(VARIANTS[v].label, ablation.means(v), p) for v, p in paths.items()]
        if any(entries):
            for path in write_ablation(name, entries, ablation.out):
                print(path)
