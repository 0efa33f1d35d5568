"""What a checkpoint of a training holds, and how a training goes on from one."""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from mwx.agents.state import join_state, split_state
from mwx.config import to_dict
from mwx.errors import MwxError
from mwx.rng import get_state, set_state
from mwx.types import Array, Obs

if TYPE_CHECKING:
    from mwx.agents.loop import Loop

GROUPS = ("vector", "proprio", "task", "target")  # of an observation


def save(loop: "Loop") -> None:
    """Write everything of a loop that changes, atomically, into its run directory.

    Raises:
        MwxError: it cannot be written; the checkpoints before it are untouched.
    """
    archive = loop.replay.archive
    assert loop.obs is not None and archive is not None
    replay = archive.flush(loop.replay)
    arrays, learner = loop.learner.get_state()
    env_arrays, env = split_state(loop.env.get_state())
    arrays |= {f"env.{k}": v for k, v in env_arrays.items()}
    arrays |= {f"obs.{k}": getattr(loop.obs, k) for k in GROUPS}
    arrays |= {f"return.{k}": v for k, v in loop.returns.items()}
    arrays |= {f"moments.{k}": v for k, v in loop.moments.get_state().items()}
    arrays |= {"following": loop.replay.following, "driven": loop.driven,
               "plans": loop.plans.cpu().numpy(), "noise": loop.noise.get_state().cpu().numpy()}
    loop.run.save(loop.step, arrays, {
        "made_for": _needs(loop), "learner": learner, "env": env, "replay": replay,
        "rng": get_state(loop.rng), "debt": loop.debt, "owed": loop.owed,
        "watch": loop.watch.get_state(),
        "finished": {k: list(v) for k, v in loop.finished.items()}})
    archive.keep()


def restore(loop: "Loop") -> None:
    """Continue a loop from the newest complete checkpoint of its run directory.

    Raises:
        MwxError: there is none, it is damaged, or it was made for something else.
    """
    run, archive = loop.run, loop.replay.archive
    assert archive is not None
    loop.step, arrays, state = run.restore()
    _compare(state.get("made_for", {}), _needs(loop), f"{run.path}, step {loop.step}")

    def part(prefix: str) -> dict[str, Array]:
        return {k[len(prefix):]: v for k, v in arrays.items() if k.startswith(prefix)}

    try:
        archive.restore(loop.replay, state["replay"], arrays["following"])
    except MwxError as error:
        raise MwxError(f"{error}; {run.remedy()}") from None
    try:
        loop.learner.set_state(arrays, state["learner"])
        loop.env.set_state(join_state(part("env."), state["env"]))
        loop.obs = Obs(**part("obs."))
        loop.moments.set_state(part("moments."))
        loop.returns = {k: v.copy() for k, v in part("return.").items()}
        loop.driven = arrays["driven"].copy()
        loop.plans = torch.from_numpy(arrays["plans"].copy()).to(loop.device)
        loop.noise.set_state(torch.from_numpy(arrays["noise"].copy()))
        set_state(loop.rng, state["rng"])
        loop.debt, loop.owed = state["debt"], state.get("owed", 0)
        loop.watch.set_state(state["watch"])
        loop.finished = {k: deque(v, maxlen=64) for k, v in state["finished"].items()}
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise MwxError(f"the checkpoint in {run.path} does not fit this configuration "
                       f"({error}); resume with the config the run was started with") from None
    run.trim_metrics(loop.step)
    loop.evaluated = run.evaluated()


def _needs(loop: "Loop") -> dict[str, Any]:
    """What must be the same for a checkpoint to fit."""
    env = loop.env
    while hasattr(env, "env"):  # a wrapper of a task
        env = env.env  # pyright: ignore[reportAttributeAccessIssue]
    return {"environment": getattr(env, "name", type(env).__name__),
            "num_envs": loop.env.num_envs, "obs_dim": loop.env.obs_dim,
            "act_dim": loop.env.act_dim, "capacity": loop.config.loop.capacity,
            "advisor": loop.advisor is not None,
            "planner.horizon": loop.config.planner.horizon,
            **{f"model.{k}": v for k, v in to_dict(loop.config.model).items()}}


def _compare(there: Mapping[str, Any], here: Mapping[str, Any], where: str) -> None:
    apart = [f"{name} {there.get(name, 'unknown')} there, {value} here"
             for name, value in here.items() if there.get(name, "unknown") != value]
    if apart:
        raise MwxError(f"the checkpoint in {where} was made for something else: "
                       f"{'; '.join(apart)}; resume with the config the run was started with, or "
                       f"start a new run in another folder")
