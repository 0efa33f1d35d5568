"""Few-shot demonstrations D: what was seen at each step and which expert it calls for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.files import write_npz
from mwx.progress import counted
from mwx.router.policies import Library, ScriptedSwitch, ScriptStage
from mwx.types import Array, Env, Obs, Policy, brief
from mwx.untrusted import read_npz, understood

SCHEMA_VERSION = 2
FIELDS = ("proprio", "task_state", "target", "right_target", "progress", "labels", "actions")
POINTS = ("target", "right_target")  # NaN where there is none
LABELLED = "; labelled by "  # in a source, between who acted and who labelled


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One labelled trajectory of T steps at 50 Hz.

    Attributes:
        task: task id.
        experts: K names that the labels refer to.
        proprio: (T, P); task_state: (T, D); target, right_target: (T, 3): the observation
            groups.
        progress: (T,) in [0, 1], task progress at each step.
        labels: (T, G, K) expert shares on the simplex; G is 1, or the number of joint groups.
        actions: (T, A) what was done.
        success: the episode reached its task's bar.
        source: who acted and, unless the labels are the weights used, who labelled: "script door",
            "script door; labelled by action error".
        task_return: sum of rewards.
    """

    task: str
    experts: tuple[str, ...]
    proprio: Array
    task_state: Array
    target: Array
    right_target: Array
    progress: Array
    labels: Array
    actions: Array
    success: bool
    source: str
    task_return: float = 0.0

    __repr__ = brief

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in FIELDS}
        if len(set(lengths.values())) != 1 or not len(self.proprio):
            raise MwxError(f"demonstration of '{self.task}': lengths differ or are 0: {lengths}")
        shape = self.labels.shape
        if len(shape) != 3 or shape[2] != len(self.experts):
            raise MwxError(f"demonstration of '{self.task}': labels {shape} do not fit "
                           f"{len(self.experts)} experts; expected (T, G, K)")
        if (self.labels < 0).any() or not np.allclose(self.labels.sum(-1), 1, atol=1e-6):
            raise MwxError(f"demonstration of '{self.task}': labels are not on the simplex")
        finite = (np.isfinite(getattr(self, n)).all() for n in FIELDS if n not in POINTS)
        if not all(finite):
            raise MwxError(f"demonstration of '{self.task}' holds NaN or infinity")

    def __len__(self) -> int:
        return len(self.proprio)

    @property
    def expert(self) -> Array:
        """(T,) int: index of the leading expert, averaged over joint groups."""
        return self.labels.mean(1).argmax(-1)

    @property
    def led(self) -> Array:
        """(T,) bool: some expert has more than another; False where all have an even share."""
        return np.ptp(self.labels.mean(1), axis=-1) > 1e-9

    @property
    def shares(self) -> dict[str, float]:
        """Each expert's mean share of the demonstration."""
        return dict(zip(self.experts, self.labels.mean((0, 1)).tolist(), strict=True))

    @property
    def obs(self) -> Obs:
        """The T observations as one batch (without the task's public vector)."""
        return Obs(np.zeros((len(self), 0)), self.proprio, self.task_state, self.target,
                   self.right_target)

    def save(self, path: Path) -> None:
        """Write as npz (no pickle)."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in FIELDS}

        write_npz(path, {
            "schema_version": SCHEMA_VERSION, "task": self.task, "source": self.source,
            "experts": np.array(self.experts), "success": self.success,
            "task_return": self.task_return, **fields})

    @classmethod
    def load(cls, path: Path) -> "Demonstration":
        """Read what `save` wrote.

        Raises:
            MwxError: missing, damaged, another version, or contents that do not fit together.
        """
        data = read_npz(path)
        with understood(path):
            if int(data["schema_version"]) != SCHEMA_VERSION:
                raise MwxError(f"{path}: demonstration version {int(data['schema_version'])}; "
                               f"this mwx reads {SCHEMA_VERSION}")
            fields: dict[str, Any] = {name: data[name] for name in FIELDS}
            return cls(task=str(data["task"]), experts=tuple(str(n) for n in data["experts"]),
                       success=bool(data["success"]), source=str(data["source"]),
                       task_return=float(data["task_return"]), **fields)


def task_progress(env: Env) -> Array | None:
    """Return (B,) progress of an environment that knows its task's progress, else None."""
    task, physics = getattr(env, "task", None), getattr(env, "physics", None)
    if task is None or not hasattr(task, "progress"):
        return None
    return np.clip(np.asarray(task.progress(physics), float), 0, 1)


def scripted_demonstrations(env: Env, library: Library, script: tuple[ScriptStage, ...], n: int,
                            seed: int, steps: int | None = None) -> list[Demonstration]:
    """Record n episodes of a scripted switch between experts: labels are free and exact.

    Args:
        env: B environments; episodes are taken from fresh resets, B at a time.
        library: the experts.
        script: stages in order, see `mwx.router.scripts`.
        n: number of demonstrations.
        seed: of the first reset; later ones count up.
        steps: control steps recorded at most (None: the whole episode).
    """
    policy = ScriptedSwitch(library, script, env.act_dim)
    return policy_demonstrations(env, policy, tuple(library.names), n, seed, steps,
                                 f"script {task_name(env)}")


def policy_demonstrations(env: Env, policy: Policy, experts: tuple[str, ...], n: int, seed: int,
                          steps: int | None = None, source: str = "") -> list[Demonstration]:
    """Record n episodes of a policy made of experts; the labels are the weights that it used.

    Args:
        env: B environments; episodes are taken from fresh resets, B at a time.
        policy: one whose carry holds `weights` (B, G, K), see `mwx.router.policies`.
        experts: K names that the weights refer to.
        n: number of demonstrations.
        seed: of the first reset; later ones count up.
        steps: control steps recorded at most (None: the whole episode).
        source: who acts, for the record.
    """
    demos: list[Demonstration] = []
    batch = 0
    while len(demos) < n:
        rows, rewards, lengths, won = _record(env, policy, seed + batch, steps or env.max_steps)
        for b in range(min(env.num_envs, n - len(demos))):
            fields: dict[str, Any] = {f: np.stack([row[b] for row in rows[f][:lengths[b]]])
                                      for f in FIELDS}
            demos.append(Demonstration(task=task_name(env), experts=experts, source=source,
                                       task_return=float(rewards[b]), success=bool(won[b]),
                                       **fields))
        batch += 1
    return demos


def task_name(env: Env) -> str:
    """Return the id of an environment's task; "task" where it does not say."""
    return getattr(getattr(env, "task", None), "name", "task")


def _record(env: Env, policy: Policy, seed: int,
            steps: int) -> tuple[dict[str, list[Array]], Array, Array, Array]:
    """Run one episode in every environment; what follows an episode's end is not used."""
    obs, carry = env.reset(seed), policy.initial(env.num_envs)
    rows: dict[str, list[Array]] = {name: [] for name in FIELDS}
    running = np.ones(env.num_envs, bool)
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, int)
    won = np.zeros(env.num_envs, bool)
    for t in counted(range(steps), f"{env.num_envs} demonstrations", "steps"):
        progress = task_progress(env)
        if progress is None:
            progress = np.full(env.num_envs, t / steps)
        action, carry = policy(obs, carry)
        for name, value in zip(FIELDS, (obs.proprio, obs.task, obs.target, obs.right_target,
                                        progress, carry.weights, action), strict=True):
            rows[name].append(np.array(value))
        step = env.step(action)
        returns += step.reward * running
        lengths += running
        won |= running & np.asarray(step.terms.get("success", 0.0), bool)
        running &= ~step.done
        if not running.any():
            break
        obs, carry = step.obs, policy.restart(carry, step.done)
    bar = getattr(getattr(env, "task", None), "success_bar", np.inf)
    return rows, returns, lengths, won | (returns >= bar)


def labels_by_action_error(actions: Array, proposals: Array, temperature: float = 0.02) -> Array:
    """Return expert shares (T, 1, K) by how near each expert's action is to what was done.

    softmax over i of -||a - pi_i(s)||^2 / (A temperature): needs no model to look.

    Args:
        actions: (T, A) what was done.
        proposals: (T, K, A) what each expert would have done there.
        temperature: mean squared action difference at which a share falls by e.
    """
    error = np.square(actions[:, None] - proposals).mean(-1)  # (T, K)
    shares = np.exp(-(error - error.min(-1, keepdims=True)) / temperature)
    return (shares / shares.sum(-1, keepdims=True))[:, None]


def relabel(demo: Demonstration, library: Library, temperature: float = 0.02) -> Demonstration:
    """Return the demonstration labelled by action error against a library's experts."""
    obs, carry = demo.obs, library.initial(1)
    proposals = []
    for t in range(len(demo)):
        proposal, carry = library(obs.rows(np.array([t])), carry)
        proposals.append(proposal[0])
    if proposals[0].shape[-1] != demo.actions.shape[-1]:
        raise MwxError(f"the demonstration has {demo.actions.shape[-1]} actions, the experts give "
                       f"{proposals[0].shape[-1]}: they were made for another robot")
    labels = labels_by_action_error(demo.actions, np.stack(proposals), temperature)
    return labelled(demo, tuple(library.names), labels, "action error")


def labelled(demo: Demonstration, experts: tuple[str, ...], labels: Array,
             labeller: str) -> Demonstration:
    """Return the trajectory with other labels; its source keeps who acted and says who labelled.

    Args:
        experts: K names that the labels refer to.
        labels: (T, G, K) shares on the simplex.
        labeller: e.g. "action error".
    """
    actor = demo.source.partition(LABELLED)[0]
    return replace(demo, experts=experts, labels=labels, source=f"{actor}{LABELLED}{labeller}")


def restated(demo: Demonstration, experts: tuple[str, ...]) -> Demonstration:
    """Return the demonstration with its labels written over other experts, by name.

    Shares of experts that are missing there are dropped and the rest renormalised; a step of which
    nothing is left is shared evenly.
    """
    if demo.experts == experts:
        return demo
    mass = np.zeros((*demo.labels.shape[:2], len(experts)))
    for i, name in enumerate(experts):
        if name in demo.experts:
            mass[..., i] = demo.labels[..., demo.experts.index(name)]
    total = mass.sum(-1, keepdims=True)
    shares = np.where(total > 1e-9, mass / np.maximum(total, 1e-9), 1 / len(experts))
    return replace(demo, experts=experts, labels=shares)


def agreement(one: Demonstration, other: Demonstration) -> float:
    """Return the share of steps at which two labellings of a trajectory lead to the same expert.

    A step that a labelling shares evenly among all experts has no leader and agrees with nobody.
    """
    if len(one) != len(other) or one.experts != other.experts:
        raise MwxError("only two labellings of the same trajectory and experts can be compared")
    return float(((one.expert == other.expert) & one.led & other.led).mean())


def check_demonstrations(demos: Sequence[Demonstration], experts: tuple[str, ...]) -> None:
    """Raise MwxError unless there are demonstrations and all refer to these experts."""
    if not demos:
        raise MwxError("no demonstrations: record some with `mwx demos record TASK` or "
                       "scripted_demonstrations")
    for demo in demos:
        if demo.experts != experts:
            raise MwxError(f"a demonstration refers to the experts {', '.join(demo.experts)}; the "
                           f"library has {', '.join(experts)}: label it again for these with "
                           "`mwx demos label FOLDER --by action`")
