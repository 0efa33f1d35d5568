"""Time the router: weights at B environments, the whole composite step, one gradient update.

    python benchmarks/router.py [--experts 8] [--repeats 500]

The control budget is 20 ms a step (50 Hz). The experts are constants here: what they cost is
their own matter; this is what routing adds.
"""

import argparse
import json
import time

import numpy as np
import torch

from mwx.robot import H1
from mwx.router import (
    DESCRIPTIONS,
    CompositePolicy,
    FileGuidance,
    LossConfig,
    NetworkConfig,
    Router,
    irm_loss,
)
from mwx.router.composition import GROUPS
from mwx.router.router import Layout
from mwx.types import Obs

TASK_DIM = 7  # door


class Constants:
    """Experts that cost nothing."""

    def __init__(self, names: tuple[str, ...]):
        self.names = names
        self.descriptions = {name: DESCRIPTIONS[name] for name in names}
        rng = np.random.default_rng(0)
        self.actions = rng.uniform(-1, 1, (len(names), H1.act_dim))

    def initial(self, num_envs: int) -> None:
        return None

    def restart(self, carry: None, rows: np.ndarray) -> None:
        return None

    def __call__(self, obs: Obs, carry: None) -> tuple[np.ndarray, None]:
        return np.broadcast_to(self.actions, (len(obs.proprio), *self.actions.shape)), None


def observation(batch: int) -> Obs:
    proprio = np.zeros((batch, 51))
    proprio[:, :26] = H1.home_qpos
    return Obs(np.zeros((batch, 0)), proprio, np.zeros((batch, TASK_DIM)), np.ones((batch, 3)))


def milliseconds(call, repeats: int) -> dict[str, float]:
    """Return median and 99th percentile of a call's duration [ms]."""
    for _ in range(20):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return {"median_ms": round(float(np.median(times)), 3),
            "p99_ms": round(float(np.quantile(times, 0.99)), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = tuple(DESCRIPTIONS)[:options.experts]
    library = Constants(names)
    guidance = FileGuidance().guide("door", "", library.descriptions)
    for per_group in (False, True):
        layout = Layout(51, TASK_DIM, len(GROUPS) if per_group else 1)
        router = Router.create(guidance, layout, NetworkConfig(per_group=per_group), seed=0)
        policy = CompositePolicy(router, library)
        for batch in (1, 8, 64):
            obs, carry = observation(batch), policy.initial(batch)
            weigh = milliseconds(lambda o=obs, b=batch, r=router: r.weights(o, np.zeros(b)),
                                 options.repeats)
            act = milliseconds(lambda o=obs, c=carry, p=policy: p(o, c), options.repeats)
            print(json.dumps({"per_group": per_group, "batch": batch, "weights": weigh,
                              "composite_step": act}))
    print(json.dumps({"update_of_256_states": milliseconds(update(router), options.repeats // 5)}))


def update(router: Router):
    """Return one gradient update of eq. (12) as a call."""
    network, count = router.network, len(router.experts)
    optimiser = torch.optim.Adam(network.parameters())
    x, w = torch.randn(256, router.layout.feature_dim), torch.full((count,), 1 / count)
    prior = torch.full((256, router.groups, count), 1 / count)

    def call() -> None:
        log_pi, _ = network(x, w, torch.zeros(256))
        loss = irm_loss(log_pi, w, prior, 0, LossConfig())["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return call


if __name__ == "__main__":
    main()
