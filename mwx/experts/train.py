"""Training one specialised expert (SEP): reference -> teacher -> world model -> card."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mwx.agents import compute
from mwx.agents.best import Best
from mwx.agents.loop import Loop
from mwx.agents.replay import SequenceBatch
from mwx.agents.world_model import WorldModel
from mwx.experts.config import ExpertConfig
from mwx.experts.expert import Expert, load_card, load_expert, make_prior
from mwx.experts.features import mirror_map
from mwx.experts.library import named
from mwx.experts.ppo import Mirror, policy_of
from mwx.experts.prior import Prior
from mwx.experts.scoring import score_expert, summary
from mwx.experts.teacher import Advisor, base_of, regulator_advisor, train_imitation
from mwx.experts.tracking import TrackingEnv
from mwx.files import write_weights
from mwx.motion import Reference, generate
from mwx.opening import Options, interruptible, open_run
from mwx.progress import Progress
from mwx.robot import H1
from mwx.runs import Run, commit, provenance, read_json, write_json
from mwx.sim import make
from mwx.sim.tasks import get as get_task
from mwx.untrusted import read_bytes, read_weights

EVALUATION_EPISODES, EVALUATION_SEED = 10, 101  # while training; the card uses seed 1
CARD_EPISODES, CARD_SEED = 10, 1
TEACHER = "teacher"  # folder of the teacher's own run
START = "start.json"  # which expert the teacher started from


def load_reference(config: ExpertConfig) -> Reference:
    """Return the motion to imitate: a reference file (*.npz) or a generated skill."""
    if config.motion.endswith(".npz"):
        return Reference.load(config.motion)
    return generate(config.motion, speed=config.speed)


def train_expert(config: ExpertConfig, path: str | Path, resume: bool = False,
                 steps: int | None = None, options: Options | None = None) -> Path:
    """Train a specialised expert, Paper eq. (1) and eq. (3).

    Maximises J = E[sum_t gamma^t (R_t + beta H(pi(.|s_t)))], eq. (3), with R_t the alignment reward
    (4) and the task's own reward; eq. (1) is the sum of this over the K experts, which share no
    parameters, so each is trained by a call of its own.

    Args:
        config: what to train and how; see mwx.recipes.
        path: run directory; holds the finished expert in expert/ at the end.
        resume: continue bit for bit from the last complete checkpoint.
        steps: environment steps of the world model instead of the configured ones.
        options: of the verb that asks for it; see open_run.

    Returns:
        The folder of the finished expert.

    Raises:
        MwxError: the folder is in use, nothing to resume, or the training diverged.
        KeyboardInterrupt: told to stop; what there is to resume is said.
    """
    config, run = open_run(path, "expert", _until(config, steps), resume, options)
    with interruptible(run), compute.threads(config.threads):
        reference = _reference(config, run.path)
        with Progress(f"{config.task}: the environments", None):
            prior = make_prior(config, reference)
            env = TrackingEnv(make(config.task, config.agent.loop.num_envs, config.seed,
                                   config.threads), prior, config.tracking, config.seed)
        mirror = mirror_of(prior)
        advisor = _advisor(config, reference, env, mirror, run)
        loop = Loop(env, config.agent, run, config.seed, advisor=advisor,
                    augment=_mirrored(mirror) if mirror else None,
                    evaluate=partial(_scores, config, reference))
        loop.train(resume=run.resumable)
        return export(_until(config, loop.step), run)


def _reference(config: ExpertConfig, path: Path) -> Reference:
    """Return the run's own copy of the motion to imitate, made first where there is none."""
    file = path / "reference.npz"
    if not file.exists():
        with Progress(f"{config.motion}: the reference", None):
            load_reference(config).save(file)
    return Reference.load(file)


def _until(config: ExpertConfig, steps: int | None) -> ExpertConfig:
    if steps is None:
        return config
    agent = config.agent
    return replace(config, agent=replace(agent, loop=replace(agent.loop, steps=steps)))


def mirror_of(prior: Prior) -> Mirror | None:
    """Return the left-right reflection of features and actions, or None for a one-sided skill."""
    if not prior.mirrors:
        return None
    return (*mirror_map(prior), H1.mirror_joint, H1.mirror_sign)


def _mirrored(mirror: Mirror):
    f, fs, j, js = mirror
    sign, turn = torch.from_numpy(fs).float(), torch.from_numpy(js).float()

    def augment(batch: SequenceBatch) -> SequenceBatch:
        """Reflect every second window."""
        def flip(x: torch.Tensor, index: np.ndarray, by: torch.Tensor) -> torch.Tensor:
            out = x.clone()
            out[..., 1::2, :] = x[..., 1::2, :][..., index] * by
            return out
        return SequenceBatch(flip(batch.obs, f, sign), flip(batch.next_obs, f, sign),
                             flip(batch.action, j, turn), batch.reward, batch.terminated,
                             batch.valid, flip(batch.advice, j, turn), batch.advised)
    return augment


def _advisor(config: ExpertConfig, reference: Reference, env: TrackingEnv, mirror: Mirror | None,
             run: Run) -> Advisor | None:
    if config.teacher.kind == "none":
        return None
    if config.teacher.kind == "lqr":
        with Progress("the regulator that warms up the replay", None):
            return regulator_advisor(env, reference)
    file = run.path / "teacher.safetensors"
    if not file.exists():
        if config.teacher.start is not None:
            write_json(run.path / START, _origin(Path(config.teacher.start)))
        training = TrackingEnv(make(config.task, config.teacher.num_envs, config.seed,
                                    config.threads), env.prior, config.tracking, config.seed)
        policy = train_imitation(training, config.teacher, mirror, config.seed,
                                 run.path / TEACHER, 60 * config.agent.loop.checkpoint_minutes)
        write_weights(file, policy.state_dict())
    policy = policy_of(env.obs_dim, env.act_dim, config.teacher, mirror,
                       base_of(config.teacher, env))
    policy.load_state_dict(read_weights(file))
    return policy.requires_grad_(False).advise


def _origin(folder: Path) -> dict[str, str]:
    """Return which weights a folder holds: they may be replaced later."""
    weights = hashlib.sha256(read_bytes(folder / "weights.safetensors")).hexdigest()
    card = load_card(folder) if (folder / "card.json").is_file() else {}
    return {"folder": str(folder), "weights_sha256": weights, "commit": card.get("commit", "")}


def _scores(config: ExpertConfig, reference: Reference, model: WorldModel, step: int
            ) -> Mapping[str, float]:
    """Score the policy without any aid."""
    episodes = score_expert(Expert(config, reference, model), config.task, EVALUATION_EPISODES,
                            EVALUATION_SEED, config.threads)
    return summary(episodes, get_task(config.task).success_bar)


def export(config: ExpertConfig, run: Run) -> Path:
    """Write the finished expert: config, reference, best weights (fp16), log and card."""
    path, folder = run.path, run.path / "expert"
    folder.mkdir(exist_ok=True)
    for name in ("config.json", "reference.npz", "metrics.jsonl"):
        shutil.copy(path / name, folder / name)
    weights, best_step = Best(path / "weights").load()
    write_weights(folder / "weights.safetensors", {
        k: v.half() if v.is_floating_point() else v for k, v in weights.items()})
    episodes = score_expert(load_expert(folder), config.task, CARD_EPISODES, CARD_SEED,
                            config.threads)
    origin = read_json(path / "provenance.json")
    card = {"skill": config.skill, "task": config.task,
            "command": re.sub(r" --out \S+", "", origin["command"]),
            "commit": origin["commit"], "scored_at": commit(), "seed": config.seed,
            "steps": config.agent.loop.steps, "best_step": best_step,
            "teacher": config.teacher.kind, "wall_time_s": round(run.spent_s()),
            "machine": origin["machine"], "versions": provenance()["versions"],
            "evaluation": f"mwx evaluate {named(path)} --task {config.task} "
                          f"--episodes {CARD_EPISODES} --seed {CARD_SEED}",
            "scores": summary(episodes, get_task(config.task).success_bar),
            "returns": [round(float(x), 6) for x in episodes.task_return],
            "licence": "Apache-2.0"}
    if (path / START).is_file():
        card["teacher_started_from"] = read_json(path / START)
    write_json(folder / "card.json", json.loads(json.dumps(card)))
    return folder
