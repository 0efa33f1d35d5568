"""Adaptation of a composite to one task: its world model learns beside the routed experts."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mwx.agents import compute
from mwx.agents.best import Best
from mwx.agents.loop import Loop
from mwx.agents.planner import shift
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError, unknown
from mwx.experts import load_library
from mwx.experts.alignment import alignment_reward
from mwx.experts.library import expert_folders
from mwx.experts.scoring import UNIT_ALIGNMENT, summary
from mwx.files import write_npz, write_weights
from mwx.opening import Options, interruptible, open_run
from mwx.progress import Progress
from mwx.router.adapt_config import AdaptConfig
from mwx.router.adapt_env import JOINTS, SPEEDS, AdaptEnv
from mwx.router.adapted import (
    MIXTURE,
    TEACHER,
    WEIGHTS,
    Adapted,
    load_adapted,
    load_mixture,
    rivals,
    save_adapted,
)
from mwx.router.candidates import plan_among
from mwx.router.demos import scripted_demonstrations
from mwx.router.guidance import Guidance, load_guidance
from mwx.router.mixture import Mixture, stages_of
from mwx.router.practice import FILE, Teacher, load_teacher, teach
from mwx.router.providers import FileGuidance
from mwx.router.router import Router
from mwx.router.rules import KeywordRules
from mwx.router.scripts import script_for
from mwx.router.train import grouped, train_router
from mwx.runs import Run, commit, provenance, read_json, write_json
from mwx.sim import make
from mwx.sim.rollout import Episodes, rollout
from mwx.sim.tasks import resolve
from mwx.types import Array, Obs, Policy, Step

EVALUATION_SEED, CHOICE_SEED, CARD_SEED = 101, 202, 1
FOLDER = "adapted"  # of the finished policy, in the run directory


def adapt(config: AdaptConfig, path: str | Path, resume: bool = False, compare: bool = True,
          options: Options | None = None) -> Path:
    """Train a task's world model beside the mixture, rewarded by the task and the routed reference.

    The reward is the task's plus eq. (4) against the expert in force: Table IV's and Fig. 9's
    reward switcher.

    Args:
        config: see AdaptConfig.
        path: run directory.
        resume: continue bit for bit from the last complete checkpoint, with the run's own config.
        compare: play every expert alone and the mixtures too, for the card.
        options: of the verb that asks for it; see open_run.

    Returns:
        The folder of the adapted policy: adapt.json, weights.safetensors, mixture/, card.json,
        metrics.jsonl, episode.npz.

    Raises:
        MwxError: the folder is in use, nothing to resume, an expert, router or script is missing,
            or the training diverged.
        KeyboardInterrupt: told to stop; what there is to resume is said.
    """
    if not resume:
        check(config)
    config, run = open_run(path, "adaptation", config, resume, options)
    path = run.path
    with interruptible(run), compute.threads(config.threads):
        if not (path / MIXTURE / "provenance.json").exists():  # written last
            prepare(config, path / MIXTURE)
        mixture = load_mixture(path / MIXTURE, config)
        teacher = teach(config, mixture, path, partial(_scores, mixture)) if config.taught_steps \
            else None
        env = AdaptEnv(make(config.task, config.agent.loop.num_envs, config.seed, config.threads),
                       mixture, config.seed)
        env.trained = config.taught_steps
        loop = AdaptLoop(env, config, run, teacher)
        loop.train(resume=run.resumable)
        return _export(config, run, env.obs_dim, compare)


def check(config: AdaptConfig) -> None:
    """Raise MwxError where a config asks for what is not there, before anything is trained."""
    robot, task = resolve(config.task)
    if robot.name != "h1":
        raise MwxError(f"the experts are the H1's: adapt to h1-{task.name}, not to {config.task}")
    known = tuple(expert_folders(config.experts))
    names = Router.load(Path(config.router)).experts if config.router else known
    for name in names:
        if name not in known:
            raise unknown("expert", name, known)
    if config.schedule == "paper":
        stages_of(config, names)
    if config.router is None and config.mixing == "router":
        try:
            script_for(task.name, names)
        except MwxError as error:
            raise MwxError(f"no router is given, and none can be distilled: {error}; give "
                           f"--router FOLDER of one that was trained for this task") from None


def prepare(config: AdaptConfig, folder: Path) -> None:
    """Write the mixture: a copy of the given router, a distilled one, or the guidance alone."""
    if config.mixing == "guidance":
        guidance = load_guidance(Path(config.router) / "guidance.json") if config.router \
            else _guidance(config)
        guidance.save(folder / "guidance.json")
        write_json(folder / "provenance.json", provenance(config.seed))
        return
    if config.router:
        Router.load(Path(config.router)).save(folder)
        return
    library = load_library(config.experts)
    distil = replace(config.distil, seed=config.seed)
    env = make(config.task, distil.num_envs, config.seed, config.threads)
    script = script_for(env.task.name, library.names)
    shown = scripted_demonstrations(env, library, script, config.demos, config.seed,
                                    config.demo_steps)
    train_router(env, library, _guidance(config), shown, grouped(distil, shown),
                 script=script).save(folder)


def _guidance(config: AdaptConfig) -> Guidance:
    _, task = resolve(config.task)
    provider = FileGuidance() if config.guidance == "file" else KeywordRules()
    return provider.guide(task.name, task.text, load_library(config.experts).descriptions)


class AdaptLoop(Loop):
    """The training loop, with the mixture's proposals in its plans and the stages in its log."""

    def __init__(self, env: AdaptEnv, config: AdaptConfig, run: Run,
                 teacher: Teacher | None = None):
        self.world = env
        advised = config.agent.learner.advice or config.agent.loop.advised_steps
        advisor = (teacher or env).advise if advised else None
        super().__init__(env, config.agent, run, config.seed, advisor=advisor,
                         evaluate=partial(_scores, env.mixture))

    @torch.no_grad()
    def _policy(self, obs: Obs) -> Array:
        if not self.config.loop.planned or self.learner.updates == 0:
            return super()._policy(obs)
        world, model = self.world, self.learner.model
        offered = torch.from_numpy(world.mixture.candidates(world.view)).float().to(self.device)
        z = model.encode(torch.from_numpy(obs.vector).to(self.device))
        with self.learner.compute.products():
            result = plan_among(model, z, self.plans, offered, self.config.planner,
                                self.config.learner.discount, self.noise)
        self.plans = shift(result.mean)
        return result.action.cpu().numpy()

    def _log(self, terms: Mapping[str, float], progress: Progress) -> None:
        super()._log(terms, progress)
        self.run.log(self.step, **self.world.stage_shares())


def play(policy: Policy, config: AdaptConfig, episodes: int, seed: int) -> Episodes:
    """Play episodes of the task; an adapted policy's have `alignment_return` (at most 1 a step)."""
    env = make(config.task, episodes, seed, config.threads,
               max_steps=config.evaluation.max_steps)
    return rollout(policy, env, seed, _aligned if isinstance(policy, Adapted) else None)


def _aligned(obs: Obs, carry: Any, after: Any, step: Step) -> dict[str, Array]:
    p, view = step.final_obs.proprio, after.view
    return {"alignment_return": alignment_reward(p[:, JOINTS], p[:, SPEEDS], view.q, view.qd,
                                                 np.ones(view.q.shape[1]), UNIT_ALIGNMENT)}


def _scores(mixture: Mixture, model: WorldModel | Teacher, step: int) -> Mapping[str, float]:
    config = mixture.config
    planned = config.agent.loop.planned and isinstance(model, WorldModel)
    done = step if isinstance(model, Teacher) else config.taught_steps + step
    policy = Adapted(mixture, model, done, planned)
    episodes = play(policy, config, config.evaluation.episodes, EVALUATION_SEED)
    return summary(episodes, resolve(config.task)[1].success_bar)


def _export(config: AdaptConfig, run: Run, obs_dim: int, compare: bool) -> Path:
    """Write the adapted policy with the best weights, its card and one episode's stages."""
    path, folder = run.path, run.path / FOLDER
    folder.mkdir(exist_ok=True)
    weights, best_step = Best(path / "weights").load()
    write_weights(folder / WEIGHTS, weights)
    shutil.copytree(path / MIXTURE, folder / MIXTURE, dirs_exist_ok=True)
    shutil.copy(path / "metrics.jsonl", folder / "metrics.jsonl")
    model_acts = "planning" if config.agent.loop.planned else "policy prior"
    save_adapted(folder, config, obs_dim, config.taught_steps + best_step, model_acts)
    policy, chosen_by = load_adapted(folder, config.agent.loop.planned), {}
    if config.taught_steps:
        policy, chosen_by = _better(config, path, policy, model_acts)
    episode: dict[str, Any] = record(policy)
    write_npz(folder / "episode.npz", episode)
    card = _card(config, run, policy, best_step, compare)
    write_json(folder / "card.json", card | chosen_by)
    return folder


def _better(config: AdaptConfig, path: Path, policy: Adapted, acts_by: str
            ) -> tuple[Adapted, dict[str, Any]]:
    """Return who acts, the world model or its teacher, by episodes that judge nothing else."""
    folder, steps = path / FOLDER, config.taught_steps
    shutil.copy(path / FILE, folder / FILE)
    teacher = Adapted(policy.mixture, load_teacher(path / FILE, config), steps)
    scores = {who: float(play(one, config, config.evaluation.card_episodes, CHOICE_SEED)
                         .task_return.mean())
              for who, one in ((acts_by, policy), (TEACHER, teacher))}
    if scores[TEACHER] > scores[acts_by]:
        save_adapted(folder, config, policy.model.obs_dim, steps, TEACHER)
        policy = teacher
    return policy, {"chosen_by": {"seed": CHOICE_SEED, **scores}}


def _card(config: AdaptConfig, run: Run, policy: Adapted, best_step: int, compare: bool
          ) -> dict[str, Any]:
    path = run.path
    bar, count = resolve(config.task)[1].success_bar, config.evaluation.card_episodes
    own = play(policy, config, count, CARD_SEED)
    others = {name: play(rival, config, count, CARD_SEED)
              for name, rival in rivals(policy.mixture).items()} if compare else {}
    if config.taught_steps:
        teacher = Adapted(policy.mixture, load_teacher(path / FILE, config), config.taught_steps)
        others = {"its teacher": play(teacher, config, count, CARD_SEED), **others}
    origin = read_json(path / "provenance.json")
    guidance = load_guidance(path / MIXTURE / "guidance.json")
    card = {"task": config.task, "schedule": config.schedule, "mixing": config.mixing,
            "guidance": guidance.title, "base": config.base, "proposals": config.proposals,
            "alignment_weight": config.alignment.weight, "experts": list(policy.mixture.names),
            "command": re.sub(r" --out \S+", "", origin["command"]), "commit": origin["commit"],
            "scored_at": commit(), "seed": config.seed, "steps": config.agent.loop.steps,
            "teacher": config.teacher.kind, "teacher_steps": config.taught_steps,
            "best_step": best_step, "wall_time_s": round(run.spent_s()),
            "acts_by": TEACHER if isinstance(policy.model, Teacher) else
            "planning" if policy.planned else "policy prior",
            "machine": origin["machine"], "versions": provenance()["versions"],
            "evaluation": {"command": f"mwx evaluate {path} --task {config.task} "
                                      f"--episodes {count} --seed {CARD_SEED}",
                           "episodes": count, "seed": CARD_SEED, "success_bar": bar,
                           "max_steps": config.evaluation.max_steps},
            "scores": summary(own, bar), "returns": _rounded(own.task_return),
            "compared": {name: returns_of(e, bar) for name, e in others.items()}}
    return json.loads(json.dumps(card))


def returns_of(episodes: Episodes, bar: float) -> dict[str, Any]:
    """Return mean, deviation, standard error and success of the task's returns, and all of them."""
    value = episodes.task_return
    spread = float(value.std(ddof=1)) if len(value) > 1 else 0.0
    return {"task_return_mean": float(value.mean()), "task_return_std": spread,
            "task_return_stderr": spread / len(value) ** 0.5,
            "length_mean": float(episodes.length.mean()),
            "success_rate": float((value >= bar).mean()), "returns": _rounded(value)}


def _rounded(values: Array) -> list[float]:
    return [round(float(x), 6) for x in values]


def record(policy: Adapted, seed: int = CARD_SEED) -> dict[str, Array]:
    """Play one episode and return it step by step.

    Returns:
        stage (T,) int into experts; shares (T, K); reward, alignment (T,); experts (K,).
    """
    config = policy.mixture.config
    env = make(config.task, 1, seed, 1, max_steps=config.evaluation.max_steps)
    rows: dict[str, list[Any]] = {name: [] for name in ("stage", "shares", "reward", "alignment")}

    def note(obs: Obs, carry: Any, after: Any, step: Step) -> dict[str, Array]:
        aligned = _aligned(obs, carry, after, step)
        for name, value in (("stage", after.view.stage), ("shares", after.view.shares),
                            ("reward", step.reward), ("alignment", aligned["alignment_return"])):
            rows[name].append(np.array(value[0]))
        return {}

    rollout(policy, env, seed, note)
    return {name: np.stack(values) for name, values in rows.items()} | {
        "experts": np.array(policy.mixture.names)}
