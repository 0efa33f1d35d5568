"""Time the router: weights at B environments, the whole composite step, one gradient update.

    python benchmarks/router.py [--experts 8] [--repeats 500]
    python benchmarks/router.py --door      routing in the real door with two regulators as experts

The control budget is 20 ms a step (50 Hz). The experts are constants here: what they cost is
their own matter; this is what routing adds.
"""

import argparse
import json
import time
from typing import ClassVar

import numpy as np
import torch

from mwx.robot import H1
from mwx.router import (
    DESCRIPTIONS,
    CompositePolicy,
    DistillConfig,
    FileGuidance,
    LossConfig,
    NetworkConfig,
    Router,
    ScriptStage,
    irm_loss,
    scripted_demonstrations,
    single_expert,
    train_router,
    uniform_mix,
)
from mwx.router.composition import GROUPS
from mwx.router.router import Layout
from mwx.sim import make
from mwx.sim.rollout import rollout
from mwx.types import Obs

TASK_DIM = 7  # door


class Regulators:
    """Two experts that nobody trained: a balance regulator, and the same while the arm reaches."""

    names = ("stand", "reach")
    descriptions: ClassVar = {name: DESCRIPTIONS[name] for name in names}
    act_dim = H1.act_dim

    def __init__(self):
        from mwx.experts.lqr import BalanceController
        from mwx.experts.prior import ClipPrior, ReachPrior
        from mwx.motion import generate
        reference = generate("stand")
        self.priors = (ClipPrior(reference), ReachPrior(reference, ramp_s=1.0))
        self.balance = BalanceController(reference)

    def initial(self, num_envs: int):
        return tuple(prior.initial(num_envs) for prior in self.priors)

    def restart(self, carry, rows: np.ndarray):
        return tuple(c.where(rows, f) for c, f in
                     zip(carry, self.initial(len(rows)), strict=True))

    def __call__(self, obs: Obs, carry):
        looks = [prior.look(obs, c) for prior, c in zip(self.priors, carry, strict=True)]
        actions = [H1.to_action(self.balance.command(obs, target)) for target, _ in looks]
        return np.stack(actions, 1), tuple(c for _, c in looks)


def door() -> None:
    """Let the legs stand while the left arm reaches; compare with each alone and the even mix."""
    env, library = make("h1-door", num_envs=4, seed=0, threads=1), Regulators()
    guidance = FileGuidance().guide("door", env.task.text, library.descriptions)
    script = (ScriptStage(("stand", "stand", "reach", "stand")),)
    demos = scripted_demonstrations(env, library, script, 4, seed=0)
    config = DistillConfig(network=NetworkConfig(per_group=True))
    router = train_router(env, library, guidance, demos, config)
    policies = {name: single_expert(library, name) for name in library.names}
    policies |= {"even mix": uniform_mix(library), "routed": CompositePolicy(router, library)}
    for name, policy in policies.items():
        played = rollout(policy, env, 100)
        print(json.dumps({"policy": name, "task_return": played.task_return.round(1).tolist(),
                          "length": played.length.tolist()}))


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
    parser.add_argument("--door", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.door:
        return door()
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
