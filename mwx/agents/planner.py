"""Planning in latent space as a pure function over a batch: MPPI and CEM (eq. 7)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from mwx.agents.config import PlannerConfig
from mwx.agents.planning_model import ROWS, PlanningModel
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError

Score = Callable[[Tensor, Tensor], Tensor]  # actions (B, N, H, A), noise (B, N, A) -> J (B, N)


class LatentModel(Protocol):
    """What a plan needs of a model; WorldModel has it."""

    act_dim: int

    def next(self, z: Tensor, action: Tensor) -> Tensor: ...
    def reward(self, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor]: ...
    def q(self, z: Tensor, action: Tensor, reduce: Literal["min", "mean"] = "mean",
          members: Tensor | None = None) -> Tensor: ...
    def pi(self, z: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]: ...


@dataclass(frozen=True)
class Plan:
    """Result of planning for B environments.

    Attributes:
        action: (B, A) to execute now.
        mean: (B, H, A) of the final distribution: the warm start of the next plan.
        std: (B, H, A).
        score: (B,) best J among the elites.
    """

    action: Tensor
    mean: Tensor
    std: Tensor
    score: Tensor


@dataclass(frozen=True)
class PlanNoise:
    """All randomness of one plan, drawn row by row; standard normal but for `pick`.

    Attributes:
        policy: (B, P, H + 1, A) of the policy's P sequences, and of the action at their end.
        search: (I, B, N - P, H + 1, A) of the other N - P sequences in each of I iterations.
        action: (B, A) of the action executed.
        pick: (B,) uniform, chooses among the elites.
    """

    policy: Tensor
    search: Tensor
    action: Tensor
    pick: Tensor


def draw_noise(key: int, rows: Tensor, config: PlannerConfig, act_dim: int,
               device: torch.device) -> PlanNoise:
    """Draw the noise of one plan: a row's numbers depend on the key and on that row alone.

    Args:
        key: of this plan.
        rows: (B,) numbers of the environments: whoever else is in the batch changes nothing.
    """
    length, first = config.horizon + 1, config.policy_samples
    rest, steps = config.samples - first, config.iterations
    sizes = [first * length * act_dim, steps * rest * length * act_dim, act_dim]
    flat = torch.empty(len(rows), sum(sizes), device=device)
    pick = torch.empty(len(rows), device=device)
    source = torch.Generator(device)
    for i, row in enumerate(rows.tolist()):
        # one to one in the row for a given key, so that no two rows ever share their noise
        source.manual_seed((key + row * 0x9E3779B1) % 2**32)
        torch.randn(flat.shape[1], generator=source, device=device, out=flat[i])
        torch.rand(1, generator=source, device=device, out=pick[i:i + 1])
    policy, search, action = flat.split(sizes, 1)
    return PlanNoise(policy.unflatten(1, (first, length, act_dim)),
                     search.unflatten(1, (steps, rest, length, act_dim)).transpose(0, 1),
                     action, pick)


def trajectory_score(model: LatentModel, z: Tensor, actions: Tensor, config: PlannerConfig,
                     discount: float, terminal: Tensor, members: Tensor | None = None) -> Tensor:
    """Score action sequences, Paper eq. (7): J = sum_k gamma^k (R(z_k, a_k) + mu Q_A(z_k, a_k)).

    With `value_at="terminal"` Q enters once, at the end: gamma^H mu Q_A(z_H, pi(z_H)). Rewards and
    values after a predicted termination count by the probability of having gone on.

    Args:
        z: (R, Z) start latents.
        actions: (R, H, A).
        terminal: (R, A) standard normal noise for the action at the end.
        members: (M,) Q networks to use; None: all.

    Returns:
        J (R,).
    """
    total = torch.zeros(len(z), device=z.device)
    weight = torch.ones(len(z), device=z.device)
    for k in range(actions.shape[1]):
        reward, going_on = model.reward(z, actions[:, k])
        stage = reward
        if config.value_at == "every":
            stage = stage + config.mu * model.q(z, actions[:, k], config.q_reduce, members)
        total = total + weight * stage
        weight = weight * discount * going_on
        z = model.next(z, actions[:, k])
    if config.value_at == "terminal":
        last, _, _ = model.pi(z, terminal)
        total = total + weight * config.mu * model.q(z, last, config.q_reduce, members)
    return total


def make_score(model: LatentModel, z: Tensor, config: PlannerConfig, discount: float,
               members: Tensor | None) -> Score:
    """Return the score of plans that start at z (B, Z), evaluated ROWS at a time."""
    if isinstance(model, WorldModel):
        fast = PlanningModel(model, members)
        begun = fast.start(z, config.value_at == "every")

        def part(env: Tensor, actions: Tensor, noise: Tensor) -> Tensor:
            return fast.score([b[env] for b in begun], actions, noise, config, discount)
    else:
        def part(env: Tensor, actions: Tensor, noise: Tensor) -> Tensor:
            return trajectory_score(model, z[env], actions, config, discount, noise, members)

    def score(actions: Tensor, noise: Tensor) -> Tensor:
        rows, count = actions.shape[:2]
        if not count:
            return actions.new_zeros(rows, 0)
        env = torch.arange(rows, device=z.device).repeat_interleave(count)
        chunks = zip(env.split(ROWS), actions.flatten(0, 1).split(ROWS),
                     noise.flatten(0, 1).split(ROWS), strict=True)
        return torch.cat([part(*chunk) for chunk in chunks]).reshape(rows, count)

    return score


def roll_policy(model: LatentModel, z: Tensor, noise: Tensor | None, horizon: int) -> Tensor:
    """Return the policy's actions along the model from z (R, Z): (R, H, A).

    Args:
        noise: (R, >= H, A) standard normal; None follows the policy's mode.
    """
    if not len(z):
        return z.new_zeros(0, horizon, model.act_dim)
    actions = []
    for k in range(horizon):
        action, _, _ = model.pi(z, None if noise is None else noise[:, k])
        actions.append(action)
        if k < horizon - 1:
            z = model.next(z, action)
    return torch.stack(actions, 1)


@torch.no_grad()
def plan(model: LatentModel, z: Tensor, mean: Tensor, config: PlannerConfig, discount: float,
         generator: torch.Generator, sample: bool = True, rows: Tensor | None = None) -> Plan:
    """Optimise an action sequence in latent space, Paper eq. (7), for B environments at once.

    Args:
        z: (B, Z) latents.
        mean: (B, H, A) warm start: the last plan's mean moved one step on (zeros at a start).
        discount: gamma.
        generator: source of all randomness; a plan takes the same from it whatever B is.
        sample: draw the action among the elites (True, training) or take the mean (False).
        rows: (B,) numbers of the environments, on which their noise depends; 0..B-1 unless told.

    Returns:
        A Plan; its `mean` is not yet moved on (see `shift`).

    Raises:
        MwxError: more elites, policy sequences or Q networks are asked for than there are.
    """
    _check(model, config)
    key = int(torch.randint(2**32, (1,), generator=generator, device=z.device))
    rows = torch.arange(len(z)) if rows is None else rows
    noise = draw_noise(key, rows, config, model.act_dim, z.device)
    members = None
    if config.q_members is not None and isinstance(model, WorldModel):
        order = torch.randperm(model.config.num_q, generator=generator, device=z.device)
        members = order[:config.q_members]
    score = make_score(model, z, config, discount, members)
    return search(model, z, mean, config, noise, score, sample)


def search(model: LatentModel, z: Tensor, mean: Tensor, config: PlannerConfig, noise: PlanNoise,
           score: Score, sample: bool) -> Plan:
    """Refine a Gaussian over action sequences by the best of its samples; no randomness of its own.

    The policy's sequences are proposed in every iteration but scored once.
    """
    horizon, first = config.horizon, config.policy_samples
    if config.start == "policy" or config.prior_weight:
        mode = roll_policy(model, z, None, horizon)  # (B, H, A)
        mean = mode if config.start == "policy" else mean
        if config.prior_weight:
            score = _near(score, mode, config.prior_weight)
    std = torch.full_like(mean, config.std_max if config.std_start is None else config.std_start)
    many = z.repeat_interleave(first, 0)
    proposals = roll_policy(model, many, noise.policy.flatten(0, 1), horizon)
    proposals = proposals.reshape(len(z), first, horizon, model.act_dim)  # (B, P, H, A)
    known = score(proposals, noise.policy[:, :, horizon])  # (B, P)
    best = weights = elites = mean.new_zeros(0)
    for drawn in noise.search:  # (B, N - P, H + 1, A)
        actions = (mean[:, None] + std[:, None] * drawn[:, :, :horizon]).clamp(-1, 1)
        scores = torch.cat([known, score(actions, drawn[:, :, horizon])], 1)  # (B, N)
        actions = torch.cat([proposals, actions], 1)  # (B, N, H, A)
        best, index = scores.topk(config.elites, 1)  # (B, M)
        elites = torch.take_along_dim(actions, index[..., None, None], 1)  # (B, M, H, A)
        if config.method == "mppi":
            weights = torch.softmax((best - best[:, :1]) / config.temperature, 1)
        else:
            weights = torch.full_like(best, 1 / config.elites)
        w = weights[..., None, None]
        mean = (w * elites).sum(1)
        std = ((w * (elites - mean[:, None]).square()).sum(1)).sqrt()
        std = std.clamp(config.std_min, config.std_max)
    if not sample:
        return Plan(mean[:, 0], mean, std, best[:, 0])
    pick = (weights.cumsum(1) < noise.pick[:, None]).sum(1).clamp(max=config.elites - 1)  # (B,)
    chosen = elites[torch.arange(len(pick), device=pick.device), pick, 0]  # (B, A)
    return Plan((chosen + std[:, 0] * noise.action).clamp(-1, 1), mean, std, best[:, 0])


def _check(model: LatentModel, config: PlannerConfig) -> None:
    most = {"elites": config.samples, "policy_samples": config.samples}
    if isinstance(model, WorldModel):
        most["q_members"] = model.config.num_q
    for name, limit in most.items():
        asked, least = getattr(config, name), 0 if name == "policy_samples" else 1
        if asked is not None and not least <= asked <= limit:
            raise MwxError(f"planner.{name} {asked}: choose {least} to {limit}, as many as there "
                           f"are {'Q networks' if name == 'q_members' else 'samples'}")
    if config.iterations < 1 or config.horizon < 1:
        raise MwxError(f"planner.iterations {config.iterations} and planner.horizon "
                       f"{config.horizon}: a plan needs at least one of each")


def _near(score: Score, mode: Tensor, weight: float) -> Score:
    """Charge a score for the mean squared distance of its plans from the policy's (B, H, A)."""
    def charged(actions: Tensor, noise: Tensor) -> Tensor:
        apart = (actions - mode[:, None]).square().mean((2, 3))
        return score(actions, noise) - weight * apart

    return charged


def shift(mean: Tensor) -> Tensor:
    """Move a plan one step on: (B, H, A) -> (B, H, A), the last step becomes zero."""
    return torch.cat([mean[:, 1:], torch.zeros_like(mean[:, :1])], 1)
