"""How long a plan takes against a plain transcription of TD-MPC2's, and how far the scores differ.

Run `python benchmarks/planner.py [--threads 2] [--repeats 5] [--cpu]`. Both planners run on the
same weights in one process, alternating, in single precision, so that what else the machine does
weighs on both alike; times are medians (and minima) over the repeats. The plain planner does what
TD-MPC2's does, in our words: one environment, all Q networks stacked and evaluated, two of them
used, z and a joined for every network, every sequence scored in every iteration, library
activations.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mwx.agents.config import PlannerConfig, WorldModelConfig
from mwx.agents.planner import make_score, plan, trajectory_score
from mwx.agents.world_model import WorldModel
from mwx.maths.two_hot import symexp

OBS, ACT, DISCOUNT = 51, 19, 0.99
FULL = WorldModelConfig()
SMALL = WorldModelConfig(latent_dim=256, hidden_dim=256, num_q=3)
MANY = PlannerConfig(q_members=2)
FEW = PlannerConfig(samples=64, policy_samples=24, elites=16, iterations=3, q_members=2)


class PlainModel:
    """A WorldModel's weights behind plain functions, (out, in) matrices, one class per network."""

    def __init__(self, model: WorldModel):
        self.c = model.config
        self.dynamics = [_plain(layer) for layer in model.dynamics]
        self.reward_head = [_plain(layer) for layer in model.reward_head]
        self.policy = [_plain(layer) for layer in model.policy]
        self.q_head = [_plain(layer) for layer in model.q_head]
        self.bins = torch.linspace(self.c.value.low, self.c.value.high, self.c.value.bins)

    def run(self, layers: list[dict[str, Tensor]], x: Tensor) -> Tensor:
        for i, layer in enumerate(layers):
            if layer["weight"].dim() == 3:
                x = layer["bias"][:, None] + x @ layer["weight"].transpose(1, 2)
            else:
                x = F.linear(x, layer["weight"], layer["bias"])
            if "gain" in layer:
                x = F.layer_norm(x, x.shape[-1:])
                gain, shift = layer["gain"], layer["shift"]
                x = x * (gain[:, None] if gain.dim() == 2 else gain) \
                    + (shift[:, None] if shift.dim() == 2 else shift)
            if i < len(layers) - 1:
                x = F.mish(x)
        return x

    def next(self, z: Tensor, a: Tensor) -> Tensor:
        x = self.run(self.dynamics, torch.cat([z, a], -1))
        # the same groups of units as the WorldModel's, here along the inner axis
        x = x.unflatten(-1, (self.c.simnorm_dim, -1)).transpose(-1, -2).softmax(-1)
        return x.transpose(-1, -2).flatten(-2)

    def reward(self, z: Tensor, a: Tensor) -> Tensor:
        out = self.run(self.reward_head, torch.cat([z, a], -1))[..., :-1]
        return symexp((out.softmax(-1) * self.bins).sum(-1))

    def q(self, z: Tensor, a: Tensor) -> Tensor:
        x = torch.cat([z, a], -1).expand(self.c.num_q, -1, -1)
        pair = self.run(self.q_head, x)[torch.randperm(self.c.num_q)[:2]]
        return symexp((pair.softmax(-1) * self.bins).sum(-1)).mean(0)

    def pi(self, z: Tensor) -> Tensor:
        mean, log_std = self.run(self.policy, z).chunk(2, -1)
        low, high = self.c.log_std_min, self.c.log_std_max
        log_std = low + 0.5 * (high - low) * (torch.tanh(log_std) + 1)
        return torch.tanh(mean + torch.randn_like(mean) * log_std.exp())


def _plain(layer: nn.Module) -> dict[str, Tensor]:
    values = {name: value.detach() for name, value in layer.named_parameters()}
    return values | {"weight": values["weight"].transpose(-1, -2).contiguous()}


@torch.no_grad()
def plain_plan(model: PlainModel, z: Tensor, mean: Tensor, c: PlannerConfig) -> Tensor:
    """Return the action (A,) for one environment, z (1, Z), mean (H, A)."""
    proposals, state = torch.empty(c.policy_samples, c.horizon, ACT), z.repeat(c.policy_samples, 1)
    for k in range(c.horizon):
        proposals[:, k] = model.pi(state)
        if k < c.horizon - 1:
            state = model.next(state, proposals[:, k])
    z, std = z.repeat(c.samples, 1), torch.full_like(mean, c.std_max)
    actions = torch.empty(c.samples, c.horizon, ACT)
    actions[:, :] = 0
    actions[:c.policy_samples] = proposals
    weights = elites = torch.empty(0)
    for _ in range(c.iterations):
        noise = torch.randn(c.samples - c.policy_samples, c.horizon, ACT)
        actions[c.policy_samples:] = (mean + std * noise).clamp(-1, 1)
        total, state = torch.zeros(c.samples), z
        for k in range(c.horizon):
            total = total + DISCOUNT ** k * model.reward(state, actions[:, k])
            state = model.next(state, actions[:, k])
        total = total + DISCOUNT ** c.horizon * model.q(state, model.pi(state))
        best, index = total.topk(c.elites)
        elites, weights = actions[index], torch.softmax((best - best[0]) / c.temperature, 0)
        w = weights[:, None, None]
        mean = (w * elites).sum(0)
        std = (w * (elites - mean).square()).sum(0).sqrt().clamp(c.std_min, c.std_max)
    chosen = elites[torch.multinomial(weights, 1)[0], 0]
    return (chosen + std[0] * torch.randn(ACT)).clamp(-1, 1)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    model: WorldModelConfig
    planner: PlannerConfig
    envs: int


CASES = (Case("full, 1 environment, 512 x 6", FULL, MANY, 1),
         Case("full, 1 environment, 512 x 6, all Q", FULL, replace(MANY, q_members=None), 1),
         Case("full, 16 environments, 64 x 3", FULL, FEW, 16),
         Case("small, 16 environments, 64 x 3", SMALL, FEW, 16),
         Case("small, 1 environment, 512 x 6", SMALL, MANY, 1))


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long a call takes."""
    start = clock()
    work()
    return clock() - start


def world(config: WorldModelConfig) -> WorldModel:
    """Return a model with all its weights drawn anew: a fresh head is zero and predicts nothing."""
    model = WorldModel(OBS, ACT, config).requires_grad_(False)
    source = torch.Generator().manual_seed(0)
    for value in model.parameters():
        value.add_(0.02 * torch.randn(value.shape, generator=source))
    return model


def apart(model: WorldModel, config: PlannerConfig) -> tuple[float, float]:
    """Return the largest difference between the fast and the plain score, and their spread."""
    source = torch.Generator().manual_seed(1)
    z = model.encode(torch.randn(4, OBS, generator=source))
    actions = torch.rand(4, 64, 3, ACT, generator=source) * 2 - 1
    noise = torch.randn(4, 64, ACT, generator=source)
    fast = make_score(model, z, config, DISCOUNT, None)(actions, noise)
    plain = trajectory_score(model, z.repeat_interleave(64, 0), actions.flatten(0, 1), config,
                             DISCOUNT, noise.flatten(0, 1)).reshape(4, 64)
    return float((fast - plain).abs().max()), float(plain.std())


def measure(case: Case, repeats: int, clock: Callable[[], float]) -> None:
    """Print one line: both planners, alternating."""
    model = world(case.model)
    plain, source = PlainModel(model), torch.Generator().manual_seed(2)
    z = model.encode(torch.randn(case.envs, OBS, generator=source))
    mean = torch.zeros(case.envs, case.planner.horizon, ACT)
    ours, theirs = [], []
    for _ in range(repeats + 1):  # the first of each warms up
        theirs.append(seconds(lambda: plain_plan(plain, z[:1], mean[0], case.planner), clock))
        ours.append(seconds(lambda: plan(model, z, mean, case.planner, DISCOUNT, source), clock)
                    / case.envs)
    ours, theirs = 1000 * np.array(ours[1:]), 1000 * np.array(theirs[1:])
    error, spread = apart(model, case.planner)
    print(f"{case.name:36} {np.median(theirs):8.2f} ({theirs.min():7.2f}) "
          f"{np.median(ours):8.2f} ({ours.min():7.2f}) "
          f"{np.median(theirs) / np.median(ours):6.2f} {error:9.1e} of {spread:.1e}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cpu", action="store_true", help="processor time instead of wall time: "
                        "for a busy machine, with one thread")
    given = parser.parse_args()
    clock = time.process_time if given.cpu else time.perf_counter
    torch.set_num_threads(given.threads)
    print(f"ms per plan and environment, {given.threads} threads, single precision, "
          f"{'processor' if given.cpu else 'wall'} time\n"
          f"{'':36} {'plain':>8} {'(min)':>9} {'ours':>8} {'(min)':>9} {'ratio':>6}  scores apart")
    for case in CASES:
        measure(case, given.repeats, clock)


if __name__ == "__main__":
    main()
