"""Train the agent on a small world and score it; `python tests/agents/toy_learning.py` prints it.

One line per run: return by the policy's mode and by planning, from starts no training saw, against
the optimum of optima.py, with the steps, updates and CPU seconds it took.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mwx import recipes
from mwx.agents.config import PlannerConfig
from mwx.agents.loop import Loop
from mwx.agents.planner import plan, shift
from mwx.agents.toys import Pendulum, PlanarMass
from mwx.maths.two_hot import Support
from mwx.runs import Run

sys.path.insert(0, str(Path(__file__).parent))

PLANNER = PlannerConfig(samples=64, policy_samples=16, elites=16, iterations=3, std_max=0.5,
                        start="policy", std_start=0.3)
MASS = {"discount": 0.9, "entropy_target": -1.0, "value": Support(-10, 15, 51, symlog=False)}
SWING = {"discount": 0.97, "entropy_target": -0.5, "value": Support(-5, 50, 56, symlog=False)}
WORLDS = {"mass": (PlanarMass, {}, MASS, 24_000),  # world, how it is scored, learner, steps
          "pendulum": (Pendulum, {"hanging": True}, SWING, 28_000)}


def config(world, planned=False, steps=None, precision="float32"):
    """Return the agent's config for a world."""
    agent, (_, _, values, default) = recipes.tiny_agent(), WORLDS[world]
    values = dict(values)
    model = replace(agent.model, encoder_dim=64, latent_dim=64, hidden_dim=64,
                    value=values.pop("value"), reward=Support(-1.0, 1.5, 51, symlog=False))
    learner = replace(agent.learner, batch=64, rate=2e-3, advice=0.0, policy_every=1,
                      final_rate=0.1, **values)
    loop = replace(agent.loop, num_envs=8, steps=steps or default, seed_steps=800,
                   updates_per_step=1 / 8, advised_steps=0, capacity=60_000, log_every=4_000,
                   evaluate_every=4_000, checkpoint_minutes=99.0, planned=planned)
    return replace(agent, model=model, learner=learner, planner=PLANNER, loop=loop,
                   compute=replace(agent.compute, precision=precision))


def score(model, world, planned, agent, episodes=16, seed=1_000):
    """Return the mean return over one episode of each of some environments."""
    kind, how, _, _ = WORLDS[world]
    env = kind(episodes, seed, **how)
    obs, total = env.reset(seed), np.zeros(episodes)
    mean = torch.zeros(episodes, agent.planner.horizon, env.act_dim)
    source = torch.Generator().manual_seed(seed)
    for _ in range(env.max_steps):
        with torch.no_grad():
            z = model.encode(torch.from_numpy(obs.vector))
            if planned:
                result = plan(model, z, mean, agent.planner, agent.learner.discount, source,
                              sample=False)
                action, mean = result.action, shift(result.mean)
            else:
                action = model.pi(z)[2]
        step = env.step(action.numpy())
        total, obs = total + step.reward, step.obs
    return total.mean()


def learn(world, seed, path, planned=False, steps=None, curve=False, precision="float32"):
    """Train on a world from scratch and return the model and the loop."""
    agent, kind = config(world, planned, steps, precision), WORLDS[world][0]
    shown = (lambda model, step: _show(step, score(model, world, False, agent))) if curve else None
    loop = Loop(kind(8, seed), agent, Run.create(path, {}, seed, tensorboard=False), seed,
                evaluate=shown)
    return loop.train(), loop


def _show(step, value):
    print(f"    {step:6d} {value:7.2f}", flush=True)
    return {"return": value}


def main():
    """Print one line per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*", default=list(WORLDS))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--planned", action="store_true", help="act by the planner while training")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    for world in given.worlds:
        for seed in given.seeds:
            start = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                model, loop = learn(world, seed, Path(folder) / "run", given.planned, given.steps,
                                    given.curve, given.precision)
            took = time.process_time() - start
            agent = loop.config
            print(f"{world} seed {seed} {given.precision}: policy "
                  f"{score(model, world, False, agent):.2f}, planned "
                  f"{score(model, world, True, agent):.2f}; {loop.step} steps, "
                  f"{loop.learner.updates} updates, {took:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
