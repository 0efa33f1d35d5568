"""Planning in latent space as a pure function over a batch: MPPI and CEM (eq. 7)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mwx.agents.config import PlannerConfig
from mwx.agents.world_model import WorldModel


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


def trajectory_score(model: WorldModel, z: Tensor, actions: Tensor, config: PlannerConfig,
                     discount: float, terminal: Tensor) -> Tensor:
    """Score action sequences, Paper eq. (7): J = sum_k gamma^k (R(z_k, a_k) + mu Q_A(z_k, a_k)).

    With `value_at="terminal"` Q enters once, at the end: gamma^H mu Q_A(z_H, pi(z_H)). Rewards and
    values after a predicted termination count by the probability of having gone on.

    Args:
        z: (R, Z) start latents.
        actions: (R, H, A).
        terminal: (R, A) standard normal noise for the action at the end.

    Returns:
        J (R,).
    """
    total = torch.zeros(len(z), device=z.device)
    weight = torch.ones(len(z), device=z.device)
    for k in range(actions.shape[1]):
        reward, going_on = model.reward(z, actions[:, k])
        stage = reward
        if config.value_at == "every":
            stage = stage + config.mu * model.q(z, actions[:, k])
        total = total + weight * stage
        weight = weight * discount * going_on
        z = model.next(z, actions[:, k])
    if config.value_at == "terminal":
        last, _, _ = model.pi(z, terminal)
        total = total + weight * config.mu * model.q(z, last)
    return total


@torch.no_grad()
def plan(model: WorldModel, z: Tensor, mean: Tensor, config: PlannerConfig, discount: float,
         generator: torch.Generator, sample: bool = True) -> Plan:
    """Optimise an action sequence in latent space, Paper eq. (7), for B environments at once.

    Args:
        z: (B, Z) latents.
        mean: (B, H, A) warm start: the last plan's mean moved one step on (zeros at a start).
        discount: gamma.
        generator: source of all randomness.
        sample: draw the action among the elites (True, training) or take the mean (False).

    Returns:
        A Plan; its `mean` is not yet moved on (see `shift`).
    """
    rows, act = len(z), model.act_dim
    horizon, count, prior = config.horizon, config.samples, config.policy_samples
    device = z.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    many = z.repeat_interleave(count, 0)  # (B*N, Z)
    proposals = []
    if prior:
        state = z.repeat_interleave(prior, 0)
        for k in range(horizon):
            action, _, _ = model.pi(state, normal(rows * prior, act))
            proposals.append(action.reshape(rows, prior, act))
            if k < horizon - 1:
                state = model.next(state, action)
    std = torch.full((rows, horizon, act), config.std_max, device=device)
    score = torch.zeros(rows, device=device)
    weights = elites = torch.zeros(0)
    for _ in range(config.iterations):
        noise = normal(rows, count, horizon, act)
        actions = (mean[:, None] + std[:, None] * noise).clamp(-1, 1)  # (B, N, H, A)
        if prior:
            actions[:, :prior] = torch.stack(proposals, 2)
        scores = trajectory_score(model, many, actions.reshape(rows * count, horizon, act), config,
                                  discount, normal(rows * count, act)).reshape(rows, count)
        best, index = scores.topk(config.elites, 1)  # (B, M)
        score = best[:, 0]
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
        return Plan(mean[:, 0], mean, std, score)
    pick = torch.multinomial(weights, 1, generator=generator)  # (B, 1)
    chosen = torch.take_along_dim(elites, pick[..., None, None], 1)[:, 0, 0]  # (B, A)
    return Plan((chosen + std[:, 0] * normal(rows, act)).clamp(-1, 1), mean, std, score)


def shift(mean: Tensor) -> Tensor:
    """Move a plan one step on: (B, H, A) -> (B, H, A), the last step becomes zero."""
    return torch.cat([mean[:, 1:], torch.zeros_like(mean[:, :1])], 1)
