"""Training the privileged imitator by PPO on a set of references; continues bit for bit."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mwx import config as configs
from mwx.errors import MwxError
from mwx.experts.imitator.bank import Bank, Clip, prepare
from mwx.experts.imitator.config import ImitatorConfig, JudgeConfig
from mwx.experts.imitator.env import ImitatorEnv
from mwx.experts.imitator.judge import attempt
from mwx.experts.imitator.policy import Imitator
from mwx.experts.imitator.scene import needs_seat
from mwx.experts.ppo import Ppo
from mwx.motion import Reference
from mwx.runs import Run, commit, provenance, read_json, write_json


def train_imitator(references: Mapping[str, Reference], config: ImitatorConfig, path: str | Path,
                   resume: bool = False, steps: int | None = None,
                   start: Imitator | None = None) -> Path:
    """Train one policy over several references and judge it on them.

    Args:
        references: by name; ignored on resume, the run keeps its own.
        config: how the imitator acts and learns.
        path: run directory.
        resume: continue from the last complete checkpoint.
        start: an imitator to learn on from; its first weights are random unless given.
        steps: on resume, where to end instead; what is behind already is exported as it is.

    Returns:
        The folder of the imitator: config.json, weights.safetensors, card.json.

    Raises:
        MwxError: no reference, the folder is in use, or nothing to resume.
    """
    path, run = Path(path), Run(Path(path))
    if resume:
        config = configs.load(ImitatorConfig, path / "config.json")
        if steps is not None:
            config = replace(config, ppo=replace(config.ppo, steps=steps))
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
    env = ImitatorEnv(Bank(clips), config.ppo.num_envs, config)
    loop = _Loop(env, config.ppo, run, config.seed, checkpoint_s=config.checkpoint_s)
    if resume and run.resumable:
        loop.restore()
    elif start is not None and start.policy is not None:
        if start.config.ppo.hidden != config.ppo.hidden:
            raise MwxError(f"the imitator to start from has {start.config.ppo.hidden} units a "
                           f"layer, this one {config.ppo.hidden}: they must agree")
        loop.policy.load_state_dict(start.policy.state_dict())
    loop.train("imitator")
    config = replace(config, ppo=replace(config.ppo, steps=loop.step))
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


class _Loop(Ppo):
    """PPO over the bank."""

    def diagnostics(self, data: dict[str, Any]) -> dict[str, float]:
        env = self.env
        assert isinstance(env, ImitatorEnv)
        return {"distance_cm": 100 * float(np.nanmean(data["task"])),
                "lost": float(data["terminated"].sum() / max(1, data["done"].sum())),
                "hardest": float(env.failure.max()), "assist": float(env.assist.mean()),
                "length": float(np.mean(env.lengths or [0]))}

    def identity(self) -> dict[str, Any]:
        assert isinstance(self.env, ImitatorEnv)
        return {"clips": list(self.env.bank.names)}


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
    begun, origin = read_json(path / "provenance.json"), provenance(imitator.config.seed)
    write_json(folder / "card.json", json.loads(json.dumps({
        "what": "privileged imitator: residual policy around each clip's feed-forward commands",
        "command": re.sub(r" --out \S+", "", begun["command"]),
        "commit": begun["commit"], "scored_at": commit(), "wall_time_s": round(Run(path).spent_s()),
        "seed": imitator.config.seed, "steps": imitator.config.ppo.steps,
        "machine": origin["machine"], "versions": origin["versions"],
        "judging": asdict(judging), "scores": scores, "clips": rows,
        "motions": {clip.name: {"source": clip.reference.source, "licence": clip.reference.licence}
                    for clip in clips},
        "licence": "Apache-2.0"})))
    return folder
