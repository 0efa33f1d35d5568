"""The optional return term: choose or adjust the distilled router by what it earns.

Eq. (12) knows no return. After distillation this compares a few routers (snapshots and
temperatures), or adjusts a bias per expert and a temperature by an evolution strategy. Scores are
those of the choice itself, so they flatter the winner: evaluate it again on other seeds.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from mwx import rng as generators
from mwx.errors import MwxError
from mwx.router.policies import CompositePolicy, Library
from mwx.router.router import Router
from mwx.sim.rollout import rollout
from mwx.types import Array, Env

SEED_OFFSET = 5000  # rollouts of the choice use other episodes than training did


@dataclass(frozen=True)
class ImproveConfig:
    """How the return is used.

    Attributes:
        kind: "none" (the printed equations), "select" among snapshots and temperatures, or
            "evolve" a bias per expert and a temperature.
        temperatures: tried by "select"; below 1 sharpens the weights.
        generations, population, spread: of the evolution strategy; population is even.
    """

    kind: Literal["none", "select", "evolve"] = "none"
    temperatures: tuple[float, ...] = (1.0, 0.5, 0.25)
    generations: int = 4
    population: int = 8
    spread: float = 0.5

    def __post_init__(self) -> None:
        if self.population < 2 or self.population % 2 or self.generations < 1 or \
                not self.temperatures or min(self.temperatures) <= 0:
            raise MwxError("the improvement needs an even population, a generation and "
                           f"temperatures above 0, got {self}")


def improve(snapshots: Sequence[Router], library: Library, env: Env, config: ImproveConfig,
            seed: int) -> tuple[Router, list[dict[str, Any]]]:
    """Return the better router and every candidate's score.

    Args:
        snapshots: routers from the rounds of distillation, the last one last.
        config: kind "select" or "evolve".
    """
    def score(router: Router) -> float:
        policy = CompositePolicy(router, library, act_dim=env.act_dim)
        return float(rollout(policy, env, seed + SEED_OFFSET).task_return.mean())

    if config.kind == "select":
        candidates = [(f"round {i}, temperature {t:g}", adjusted(router, temperature=t))
                      for i, router in enumerate(snapshots) for t in config.temperatures]
        scores = [score(router) for _, router in candidates]
        rows = [{"candidate": name, "task_return": value}
                for (name, _), value in zip(candidates, scores, strict=True)]
        return candidates[int(np.argmax(scores))][1], rows
    return _evolve(snapshots[-1], score, config, seed)


def adjusted(router: Router, bias: Array | None = None, temperature: float = 1.0) -> Router:
    """Return a copy of the router with a bias (G, K) on its logits and another temperature."""
    network = copy.deepcopy(router.network)
    network.temperature.fill_(temperature)
    if bias is not None:
        network.bias.copy_(torch.as_tensor(bias, dtype=torch.float32))
    return replace(router, network=network)


def _evolve(router: Router, score: Any, config: ImproveConfig,
            seed: int) -> tuple[Router, list[dict[str, Any]]]:
    """Antithetic evolution strategy with rank weights; never worse than the start, by its score."""
    rng = generators.generator(seed, "evolve")
    shape = (router.groups, len(router.experts))

    def at(x: Array) -> Router:
        return adjusted(router, x[:-1].reshape(shape), float(np.exp(np.clip(x[-1], -2, 1))))

    mean = np.zeros(shape[0] * shape[1] + 1)
    best, best_score = mean, score(at(mean))
    rows: list[dict[str, Any]] = [{"candidate": "distilled", "task_return": best_score}]
    for generation in range(config.generations):
        half = rng.normal(0, config.spread, (config.population // 2, len(mean)))
        points = mean + np.concatenate([half, -half])
        values = np.array([score(at(x)) for x in points])
        elite = points[np.argsort(-values)[:max(1, config.population // 4)]]
        mean = elite.mean(0)
        if values.max() > best_score:
            best, best_score = points[values.argmax()], float(values.max())
        rows.append({"candidate": f"generation {generation}", "task_return": best_score})
    return at(best), rows
