"""How fast the training loop is, and what share of it is neither learner nor physics.

Run `python benchmarks/loop.py [--steps 4096] [--threads 1]`: 64 environments of h1-walk, eight
environment steps an update, the small world model (latent 256, hidden 256, 3 Q), acting by the
policy prior. Prints environment steps and updates per second after the first updates, and the
shares of the time.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from mwx.agents.loop import Loop
from mwx.recipes import cpu_agent
from mwx.runs import Run
from mwx.sim import make

ENVS, SEED_STEPS = 64, 1024


def main() -> None:
    """Print one line a stretch of the training, and the shares of the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    agent = cpu_agent()
    config = replace(
        agent, model=replace(agent.model, latent_dim=256, hidden_dim=256, num_q=3),
        loop=replace(agent.loop, num_envs=ENVS, steps=SEED_STEPS + given.steps, advised_steps=0,
                     updates_per_step=1 / 8, seed_steps=SEED_STEPS, pretrain_updates=0,
                     capacity=1_000_000, log_every=1024, checkpoint_minutes=99.0))
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", {}, tensorboard=False)
        loop = Loop(make("h1-walk", ENVS, 0, given.threads), config, run, 0)
        loop.train()
        rows = [row for row in run.metrics() if row["step"] > 2 * SEED_STEPS]
    names = sorted(name for name in rows[0] if name.startswith("time/"))
    print(f"{'steps/s':>8} {'updates/s':>10} " + " ".join(f"{n[5:]:>10}" for n in names))
    for row in rows:
        print(f"{row['steps_per_s']:8.0f} {row['updates_per_s']:10.1f} "
              + " ".join(f"{100 * row[n]:9.2f}%" for n in names))


if __name__ == "__main__":
    main()
