"""Training the privileged imitator by PPO on a set of references; continues bit for bit."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mwx.agents import compute
from mwx.errors import MwxError
from mwx.experts.imitator.bank import Bank, Clip, prepare
from mwx.experts.imitator.config import ImitatorConfig, JudgeConfig
from mwx.experts.imitator.env import ImitatorEnv
from mwx.experts.imitator.judge import attempt
from mwx.experts.imitator.policy import Imitator
from mwx.experts.imitator.scene import needs_seat
from mwx.experts.ppo import Ppo
from mwx.motion import Reference
from mwx.opening import Options, interruptible, open_run
from mwx.progress import Progress, counted, tell
from mwx.runs import Run, commit, provenance, read_json, write_json

NAMES = "references.json"  # written when all the references have been copied


def train_imitator(references: Mapping[str, Reference], config: ImitatorConfig, path: str | Path,
                   resume: bool = False, steps: int | None = None,
                   start: Imitator | None = None, options: Options | None = None) -> Path:
    """Train one policy over several references and judge it on them.

    Args:
        references: by name; on resume none, or the same: the run keeps its own.
        config: how the imitator acts and learns.
        path: run directory.
        resume: continue from the last complete checkpoint.
        start: an imitator to learn on from; its first weights are random unless given.
        steps: where to end instead; on resume, what is behind already is exported as it is.
        options: of the verb that asks for it; see open_run.

    Returns:
        The folder of the imitator: config.json, weights.safetensors, card.json.

    Raises:
        MwxError: no reference, the folder is in use, or nothing to resume.
        KeyboardInterrupt: told to stop; what there is to resume is said.
    """
    if steps is not None:
        config = replace(config, ppo=replace(config.ppo, steps=steps))
    if not (references or resume):
        raise MwxError("no reference to imitate: name reference files or a folder of them")
    if start is not None and start.policy is not None and not resume and \
            start.config.ppo.hidden != config.ppo.hidden:
        raise MwxError(f"the imitator to start from has {start.config.ppo.hidden} units a layer, "
                       f"this one {config.ppo.hidden}: they must agree")
    config, run = open_run(path, "imitator", config, resume, options)
    with interruptible(run), compute.threads(config.threads):
        with Progress("the clips and their regulators", None):
            clips = _clips(_kept(references, run))
            env = ImitatorEnv(Bank(clips), config.ppo.num_envs, config)
        loop = _Loop(env, config.ppo, run, config.seed, checkpoint_s=config.checkpoint_s)
        if run.resumable:
            loop.restore()
        elif start is not None and start.policy is not None:
            loop.policy.load_state_dict(start.policy.state_dict())
            loop.save()
        write_json(run.path / NAMES, sorted(references) or _names(run))  # all is there now
        loop.train("imitator")
        config = replace(config, ppo=replace(config.ppo, steps=loop.step))
        return export(Imitator(config, loop.policy.requires_grad_(False)), clips, run)


def _names(run: Run) -> list[str]:
    """Return the names of the references that a run has copied, none where it did not get so far.
    """
    if (run.path / NAMES).exists():
        return read_json(run.path / NAMES)
    return sorted(file.stem for file in (run.path / "references").glob("*.npz")) \
        if run.resumable else []  # of older versions


def _kept(given: Mapping[str, Reference], run: Run) -> dict[str, Reference]:
    """Return the run's own copies of its references, by name, made first where it begins.

    Raises:
        MwxError: others are given than those that the run was begun with, or none are and it was
            cut short before it had them.
    """
    folder, names = run.path / "references", _names(run)
    if not names:
        if not given:
            raise MwxError(f"{run.path} was cut short before it had copied its references: name "
                           f"them again, with all options")
        run.clear("references")
        for name, reference in given.items():
            reference.save(folder / f"{name}.npz")
        names = sorted(given)
    if given and sorted(given) != names:
        raise MwxError(f"{run.path} was begun with {', '.join(names)}, not {', '.join(given)}: "
                       f"leave the references out to resume it, or choose another --out")
    return {name: Reference.load(folder / f"{name}.npz") for name in names}


def _clips(references: Mapping[str, Reference]) -> list[Clip]:
    """Return the clips that a robot on a bare floor can learn to follow."""
    out = []
    for name, reference in references.items():
        if needs_seat(reference):
            tell(f"{name} left out: it needs a seat, and training has none")
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


def export(imitator: Imitator, clips: list[Clip], run: Run) -> Path:
    """Write the imitator with a card of how every clip is followed, with the policy and without."""
    path, folder = run.path, run.path / "imitator"
    folder.mkdir(exist_ok=True)
    imitator.save(folder)
    judging = JudgeConfig()
    tried = {"imitator": imitator, "feed_forward": Imitator(imitator.config)}
    rows: dict[str, Any] = {}
    for clip in counted(clips, "judging the imitator", "clips"):
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
        "commit": begun["commit"], "scored_at": commit(), "wall_time_s": round(run.spent_s()),
        "seed": imitator.config.seed, "steps": imitator.config.ppo.steps,
        "machine": origin["machine"], "versions": origin["versions"],
        "judging": asdict(judging), "scores": scores, "clips": rows,
        "motions": {clip.name: {"source": clip.reference.source, "licence": clip.reference.licence}
                    for clip in clips},
        "licence": "Apache-2.0"})))
    return folder
