"""The router's losses: paper eqs. (10), (11), (12), the decaying guidance weight, the closed form.

L_task = KL(pi || w_v) - beta H(pi)            (10)
L_demo = E_s KL(pi(. | s) || P_demo)           (11)
L_IRM  = lambda(t) L_task + L_demo,  lambda(t) = lambda_0 eta^t   (12)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from mwx.errors import MwxError
from mwx.types import Array

Direction = Literal["reverse", "forward"]
TINY = 1e-8  # a prior's zero is read as this; priors are floored well above it


@dataclass(frozen=True)
class LossConfig:
    """Weights of eq. (12).

    Attributes:
        lambda0: lambda_0, initial weight of the task's guidance.
        half_life: gradient updates in which lambda halves; eta = 2^(-1 / half_life).
        beta: entropy coefficient of eq. (10); a large one drives the gate to uniform.
        direction: "reverse" is the printed KL(pi || prior); "forward" is KL(prior || pi).
    """

    lambda0: float = 1.0
    half_life: float = 300.0
    beta: float = 0.01
    direction: Direction = "reverse"

    def __post_init__(self) -> None:
        if self.lambda0 < 0 or self.half_life <= 0 or self.beta < 0:
            raise MwxError(f"lambda0 and beta must be >= 0 and half_life > 0, got {self}")


def half_life_to_eta(half_life: float) -> float:
    """Return eta, the decay rate of eq. (12), that halves lambda in `half_life` updates."""
    return 0.5 ** (1 / half_life)


def eta_to_half_life(eta: float) -> float:
    """Return the number of updates in which eta^t halves; eta in (0, 1)."""
    if not 0 < eta < 1:
        raise MwxError(f"eta must lie in (0, 1), got {eta}")
    return float(np.log(0.5) / np.log(eta))


def guidance_weight(update: int, config: LossConfig) -> float:
    """Return lambda(t) = lambda_0 eta^t, t counting gradient updates of the router."""
    return config.lambda0 * half_life_to_eta(config.half_life) ** update


def divergence(log_pi: torch.Tensor, prior: torch.Tensor, direction: Direction) -> torch.Tensor:
    """Return KL between pi and a prior, (...): finite also where the prior has zeros.

    Args:
        log_pi: (..., K) log of the router's weights.
        prior: (..., K) on the simplex.
    """
    log_prior = prior.clamp_min(TINY).log()
    if direction == "reverse":
        return (log_pi.exp() * (log_pi - log_prior)).sum(-1)
    return (prior * (log_prior - log_pi)).sum(-1)


def entropy(log_pi: torch.Tensor) -> torch.Tensor:
    """Return H(pi) [nat], (...), of log weights (..., K)."""
    return -(log_pi.exp() * log_pi).sum(-1)


def irm_loss(log_pi: torch.Tensor, w_v: torch.Tensor, p_demo: torch.Tensor, update: int,
             config: LossConfig) -> dict[str, torch.Tensor]:
    """Return the terms of eq. (12) and their total, each a scalar mean over the batch.

    Args:
        log_pi: (N, G, K) log weights of the router.
        w_v: (K,) task guidance.
        p_demo: (N, G, K) demonstration prior at each state (constant over N in literal mode).
        update: t.

    Returns:
        kl_task, entropy, kl_demo, loss_task, loss_demo, guidance_weight, loss.
    """
    kl_task = divergence(log_pi, w_v.expand_as(log_pi), config.direction).mean()
    kl_demo = divergence(log_pi, p_demo, config.direction).mean()
    spread = entropy(log_pi).mean()
    loss_task = kl_task - config.beta * spread  # (10)
    weight = guidance_weight(update, config)
    return {"kl_task": kl_task, "entropy": spread, "kl_demo": kl_demo, "loss_task": loss_task,
            "loss_demo": kl_demo, "guidance_weight": torch.tensor(weight),
            "loss": weight * loss_task + kl_demo}  # (12)


def optimum(w_v: Array, p_demo: Array, weight: float, beta: float) -> Array:
    """Return the minimiser of eq. (12) at one state, in closed form.

    pi* ~ w_v^(lambda / Z) P_demo^(1 / Z) with Z = lambda (1 + beta) + 1. With constant w_v and
    P_demo this is one constant vector: without state in P_demo the router learns a constant.

    Args:
        w_v, p_demo: (..., K) on the simplex, positive.
        weight: lambda(t).
        beta: entropy coefficient.
    """
    z = weight * (1 + beta) + 1
    log_pool = (weight * np.log(w_v) + np.log(p_demo)) / z
    pool = np.exp(log_pool - log_pool.max(-1, keepdims=True))
    return pool / pool.sum(-1, keepdims=True)
