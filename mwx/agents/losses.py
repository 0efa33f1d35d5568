"""The objectives of the world model: equations (5) and (6) and the latent consistency."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mwx.agents.config import LearnerConfig
from mwx.agents.replay import SequenceBatch
from mwx.agents.world_model import WorldModel


@dataclass(frozen=True)
class Draws:
    """Standard-normal noise of one update, drawn outside so that the losses are pure."""

    target: Tensor  # (T, B, A)
    policy: Tensor  # (T, B, A)
    members: Tensor  # (2,) ensemble members used for targets and by the policy


def value_target(reward: Tensor, terminated: Tensor, valid: Tensor, next_value: Tensor,
                 discount: float, td_lambda: float = 0.0) -> Tensor:
    """Distributional TD target, Paper eq. (5): y_t = R_t + gamma Q_A(z_{t+1}, pi(z_{t+1})).

    With td_lambda > 0 the bootstrap mixes with the next target inside the window:
    y_t = R_t + gamma [(1 - lambda) V_{t+1} + lambda y_{t+1}]. Bootstrapping stops at terminations,
    never at time limits.

    Args:
        reward, terminated, valid, next_value: (T, B); `valid` is 0 after an episode's end.

    Returns:
        y (T, B).
    """
    targets = torch.empty_like(reward)
    following = next_value[-1]
    for t in range(len(reward) - 1, -1, -1):
        inside = valid[t + 1] if t + 1 < len(reward) else torch.zeros_like(following)
        mix = td_lambda * inside
        bootstrap = (1 - mix) * next_value[t] + mix * following
        following = reward[t] + discount * (1 - terminated[t]) * bootstrap
        targets[t] = following
    return targets


def model_loss(model: WorldModel, target: WorldModel, batch: SequenceBatch, draws: Draws,
               config: LearnerConfig, advice: Tensor | None = None
               ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Joint loss of encoder, dynamics, reward and Q over a latent roll-out of H steps.

    L = sum_t rho^t [ c |z_{t+1} - sg h(s_{t+1})|^2 + r CE(R_t) + v CE(Q_t, y_t) + e BCE(end_t) ],
    with y_t of eq. (5) from the target network. While an advisor's actions are imitated, the same
    term shapes the latents, so that they keep what its actions depend on.

    Args:
        advice: () weight of that term; None leaves it out.

    Returns:
        loss, its named terms, and the latents z_0..z_{H-1} (T, B, Z) detached for the policy.
    """
    steps, rows = batch.reward.shape
    with torch.no_grad():
        flat = batch.next_obs.reshape(steps * rows, -1)
        goal = model.encode(flat)  # (T*B, Z)
        action, _, _ = model.pi(goal, draws.target.reshape(steps * rows, -1))
        next_value = target.q(goal, action, "min", draws.members).reshape(steps, rows)
        y = value_target(batch.reward, batch.terminated, batch.valid, next_value,
                         config.discount, config.td_lambda)
        goal = goal.reshape(steps, rows, -1)

    weight = batch.valid * config.rho ** torch.arange(
        steps, device=y.device, dtype=y.dtype)[:, None]  # (T, B)
    weight = weight / weight.sum().clamp_min(1)
    z = model.encode(batch.obs)
    latents, consistency = [], torch.zeros((), device=y.device)
    for t in range(steps):
        latents.append(z)
        z = model.next(z, batch.action[t])
        consistency = consistency + ((z - goal[t]).square().mean(-1) * weight[t]).sum()
    zs = torch.stack(latents)  # (T, B, Z)
    flat_z, flat_a = zs.reshape(steps * rows, -1), batch.action.reshape(steps * rows, -1)
    reward_logits, ended = model.reward_logits(flat_z, flat_a)
    w = weight.reshape(-1)
    support = model.config
    reward = (support.reward.cross_entropy(reward_logits, batch.reward.reshape(-1)) * w).sum()
    q_logits = model.q_logits(flat_z, flat_a)  # (E, T*B, bins)
    expanded = y.reshape(1, -1).expand(q_logits.shape[0], -1)
    value = (support.value.cross_entropy(q_logits, expanded).mean(0) * w).sum()
    termination = (torch.nn.functional.binary_cross_entropy_with_logits(
        ended, batch.terminated.reshape(-1), reduction="none") * w).sum()
    terms = {"consistency": consistency, "reward": reward, "value": value,
             "termination": termination}
    loss = (config.consistency * consistency + config.reward * reward + config.value * value
            + config.termination * termination)
    if advice is not None:
        loss = loss + advice * _cloning(model, flat_z, batch)
    return loss, {k: v.detach() for k, v in terms.items()} | {"target": y.mean()}, zs.detach()


def _cloning(model: WorldModel, z: Tensor, batch: SequenceBatch) -> Tensor:
    """Mean squared distance of the policy's mode to the advisor's action, at the observed latents.

    Imagined latents are left out: their error hides what the action depends on (docs/log.md).

    Args:
        z: (>= B, Z), the first B of them encoded from `batch.obs`.
    """
    apart = (model.mode(z[:len(batch.obs)]) - batch.advice[0]).square().mean(-1)
    return (apart * batch.advised[0]).mean()


def policy_loss(model: WorldModel, zs: Tensor, batch: SequenceBatch, draws: Draws,
                entropy: Tensor | float, scale: Tensor, advice: Tensor | None,
                rho: float) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Maximum-entropy policy objective, Paper eq. (6): maximise E[Q_A(z, a) + tau H(pi(.|z))].

    The paper prints -tau H, against eq. (3) and its own name; see paper.DEVIATIONS. An advisor's
    actions add `advice` |mode - a*|^2, a behaviour-cloning term that decays while training.

    Args:
        zs: (T, B, Z) latents; gradients stop at them.
        entropy: tau.
        scale: () running range of Q, which makes tau comparable between tasks.

    Returns:
        loss, named terms, and Q (T*B,) for the running range.
    """
    steps, rows, _ = zs.shape
    z = zs.reshape(steps * rows, -1)
    action, log_prob, _ = model.pi(z, draws.policy.reshape(steps * rows, -1))
    q = model.q(z, action, "mean", draws.members, frozen=True)
    weight = batch.valid * rho ** torch.arange(steps, device=q.device, dtype=q.dtype)[:, None]
    w = (weight / weight.sum().clamp_min(1)).reshape(-1)
    loss = ((entropy * log_prob - q / scale) * w).sum()
    terms = {"policy_q": (q * w).sum().detach(), "entropy": -(log_prob * w).sum().detach()}
    if advice is not None:
        cloning = _cloning(model, z, batch)
        loss = loss + advice * cloning
        terms["cloning"] = cloning.detach()
    return loss, terms, q.detach()
