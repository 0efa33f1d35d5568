"""Planning with actions that somebody proposes: they are tried beside the planner's own samples."""

from dataclasses import replace

import torch
from torch import Tensor

from mwx.agents.config import PlannerConfig
from mwx.agents.planner import (
    LatentModel,
    Plan,
    draw_noise,
    make_score,
    plan,
    roll_policy,
    search,
)
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError


@torch.no_grad()
def plan_among(model: LatentModel, z: Tensor, mean: Tensor, candidates: Tensor,
               config: PlannerConfig, discount: float, generator: torch.Generator,
               sample: bool = True) -> Plan:
    """Plan, Paper eq. (7), with candidates among the samples of the first iteration.

    A candidate is held over the whole horizon (60 ms for H = 3). It takes the place of one random
    sample, so that a plan costs the same, and what it is worth the model decides. Without
    candidates this is planner.plan, to the bit.

    Args:
        z: (B, Z) latents; mean: (B, H, A) warm start.
        candidates: (B, C, A) in [-1, 1].

    Raises:
        MwxError: more candidates than samples that are not the policy's.
    """
    count = candidates.shape[1]
    if not count:
        return plan(model, z, mean, config, discount, generator, sample)
    spare = config.samples - config.policy_samples
    if count > spare:
        raise MwxError(f"{count} candidates for {spare} samples: raise planner.samples or lower "
                       f"planner.policy_samples")
    key = int(torch.randint(2**32, (1,), generator=generator, device=z.device))
    noise = draw_noise(key, torch.arange(len(z)), config, model.act_dim, z.device)
    members = None
    if config.q_members is not None and isinstance(model, WorldModel):
        members = torch.randperm(model.config.num_q, generator=generator,
                                 device=z.device)[:config.q_members]
    if config.start == "policy":
        mean, config = roll_policy(model, z, None, config.horizon), replace(config, start="plan")
    std = config.std_max if config.std_start is None else config.std_start
    drawn = noise.search.clone()  # (I, B, N - P, H + 1, A)
    drawn[0, :, :count, :config.horizon] = (candidates[:, :, None] - mean[:, None]) / std
    score = make_score(model, z, config, discount, members)
    return search(model, z, mean, config, replace(noise, search=drawn), score, sample)
