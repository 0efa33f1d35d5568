"""Training the privileged imitator by PPO on a set of references; continues bit for bit."""

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mwx import config as configs
from mwx.agents.progress import Progress
from mwx.agents.state import join_state, split_state
from mwx.errors import MwxError
from mwx.experts.imitator.bank import Bank, Clip, prepare
from mwx.experts.imitator.config import ImitatorConfig, JudgeConfig
from mwx.experts.imitator.env import ImitatorEnv
from mwx.experts.imitator.judge import attempt
from mwx.experts.imitator.policy import Imitator
from mwx.experts.imitator.scene import needs_seat
from mwx.experts.teacher import ImitationPolicy, collect, improve
from mwx.motion import Reference
from mwx.runs import Run, commit, provenance, write_json
from mwx.types import Array, Obs

GROUPS = ("vector", "proprio", "task", "target")  # of an observation
LOGGED = 10  # rollouts between two lines of the log


def train_imitator(references: Mapping[str, Reference], config: ImitatorConfig, path: str | Path,
                   resume: bool = False) -> Path:
    """Train one policy over several references and judge it on them.

    Args:
        references: by name; ignored on resume, the run keeps its own.
        config: how the imitator acts and learns.
        path: run directory.
        resume: continue from the last complete checkpoint.

    Returns:
        The folder of the imitator: config.json, weights.safetensors, card.json.

    Raises:
        MwxError: no reference, the folder is in use, or nothing to resume.
    """
    path, run = Path(path), Run(Path(path))
    if resume:
        config = configs.load(ImitatorConfig, path / "config.json")
        files = sorted((path / "references").glob("*.npz"))
        references = {file.stem: Reference.load(file) for file in files}
    elif (path / "config.json").exists():
        raise MwxError(f"{path} holds a run already: give --resume to continue it, or "
                       "another --out")
    elif not references:
        raise MwxError("no reference to imitate: name reference files or a folder of them")
    else:
        run = Run.create(path, configs.to_dict(config), config.seed)
        for name, reference in references.items():
            reference.save(path / "references" / f"{name}.npz")
    clips = _clips(dict(sorted(references.items())))
    loop = _Loop(Bank(clips), config, run)
    if resume and run.resumable:
        loop.restore()
    loop.train()
    return export(Imitator(config, loop.policy.requires_grad_(False)), clips, path)


def _clips(references: Mapping[str, Reference]) -> list[Clip]:
    """Return the clips that a robot on a bare floor can learn to follow."""
    out = []
    for name, reference in references.items():
        if needs_seat(reference):
            print(f"{name} left out: it needs a seat, and training has none")
        else:
            out.append(prepare(name, reference))
    if not out:
        raise MwxError("every reference needs a seat: name one that does not")
    return out


class _Loop:
    """PPO over the environment, with checkpoints by the clock."""

    def __init__(self, bank: Bank, config: ImitatorConfig, run: Run):
        self.config, self.run, self.step = config, run, 0
        ppo = config.ppo
        self.env = ImitatorEnv(bank, ppo.num_envs, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.policy = ImitationPolicy(self.env.obs_dim, self.env.act_dim, ppo)
        self.optimiser = torch.optim.Adam(self.policy.parameters(), lr=ppo.rate, eps=1e-5)
        self.noise = torch.Generator().manual_seed(config.seed)
        self.rate, self.obs = ppo.rate, self.env.obs

    def train(self) -> None:
        """Run until the configured number of environment steps."""
        ppo = self.config.ppo
        progress = Progress("imitator", ppo.steps, self.step)
        rollout, saved = ppo.rollout * ppo.num_envs, time.monotonic()
        while self.step < ppo.steps:
            data, self.obs = collect(self.env, self.policy, self.obs, ppo, self.noise)
            self.rate, terms = improve(self.policy, self.optimiser, data, ppo, self.rate,
                                       self.noise)
            self.step += rollout
            if self.step // rollout % LOGGED == 0:
                terms |= {"reward": float(data["reward"].mean()),
                          "distance_cm": 100 * float(np.nanmean(data["task"])),
                          "lost": float(data["terminated"].sum() / max(1, data["done"].sum())),
                          "hardest": float(self.env.failure.max()),
                          "assist": float(self.env.assist.mean()),
                          "length": float(np.mean(self.env.lengths or [0]))}
                progress.update(self.step, self.step // rollout, terms)
                self.run.log(self.step, **{f"imitator/{k}": v for k, v in terms.items()})
            if time.monotonic() - saved > self.config.checkpoint_s:
                self.save()
                saved = time.monotonic()
        self.save()
        progress.close()
        self.run.close()

    def save(self) -> None:
        """Write a checkpoint of everything that changes."""
        arrays, env = split_state(self.env.get_state(), "env/")
        arrays |= {f"policy/{k}": v.numpy() for k, v in self.policy.state_dict().items()}
        arrays |= {f"obs/{k}": getattr(self.obs, k) for k in GROUPS}
        for i, moments in self.optimiser.state_dict()["state"].items():
            arrays |= {f"adam/{i}/{k}": v.numpy() for k, v in moments.items()}
        arrays["noise"] = self.noise.get_state().numpy()
        self.run.save(self.step, arrays, {"env": env, "rate": self.rate,
                                          "clips": list(self.env.bank.names)})

    def restore(self) -> None:
        """Continue from the newest complete checkpoint."""
        self.step, arrays, state = self.run.restore()
        if state.get("clips") != list(self.env.bank.names):
            raise MwxError(f"{self.run.path}: its references are no longer those of its "
                           "checkpoint; start the run again in another folder")

        def part(prefix: str) -> dict[str, Array]:
            return {k[len(prefix):]: v.copy() for k, v in arrays.items() if k.startswith(prefix)}

        self.policy.load_state_dict({k: torch.from_numpy(v) for k, v in part("policy/").items()})
        self.env.set_state(join_state(part("env/"), state["env"]))
        self.obs = Obs(**part("obs/"))
        self.noise.set_state(torch.from_numpy(arrays["noise"].copy()))
        self.rate = state["rate"]
        moments: dict[int, dict[str, Any]] = {}
        for name, value in part("adam/").items():
            i, kind = name.split("/")
            moments.setdefault(int(i), {})[kind] = torch.from_numpy(value)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})


def export(imitator: Imitator, clips: list[Clip], path: Path) -> Path:
    """Write the imitator with a card of how every clip is followed, with the policy and without."""
    folder = path / "imitator"
    folder.mkdir(exist_ok=True)
    imitator.save(folder)
    judging = JudgeConfig()
    tried = {"imitator": imitator, "feed_forward": Imitator(imitator.config)}
    rows: dict[str, Any] = {}
    for clip in clips:
        rows[clip.name] = {}
        for name, who in tried.items():
            trial = attempt(clip, who, judging)
            rows[clip.name][name] = {
                "success": trial.success, "completed": round(float(trial.completed.mean()), 4),
                **{k: round(v, 3) for k, v in trial.errors.to_dict().items()}}
    scores = {f"{w}_{k}": float(np.mean([row[w][k] for row in rows.values()]))
              for w in tried for k in ("success", "completed", "E_mpjpe_mm", "E_g-mpjpe_mm")}
    origin = provenance(imitator.config.seed)
    write_json(folder / "card.json", json.loads(json.dumps({
        "what": "privileged imitator: residual policy around each clip's feed-forward commands",
        "commit": commit(), "seed": imitator.config.seed, "steps": imitator.config.ppo.steps,
        "machine": origin["machine"], "versions": origin["versions"],
        "judging": dataclasses.asdict(judging), "scores": scores, "clips": rows,
        "licence": "Apache-2.0"})))
    return folder
