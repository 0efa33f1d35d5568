"""How long one gradient update takes, against TD-MPC2's as published, and what bf16 changes.

Run `python benchmarks/learner.py [--threads 1 2] [--sizes full small] [--compile]`. Every way of
updating has a process of its own; they take turns, so that what else the machine does weighs on all
alike, and none profits from another's settings. "processor" time is what the process used over all
threads, less sensitive to other load than the clock; the ratio is of the medians of clock times,
and its best case of the shortest.
`--precision N` instead makes N updates on recorded steps of h1-walk in both precisions and prints
the losses on steps nobody learned from side by side, next to what another seed changes.
"""

import argparse
import multiprocessing
import time
from dataclasses import replace
from multiprocessing.connection import Connection

import numpy as np
import torch
from tdmpc2_reference import BATCH, HORIZON, Reference
from torch.utils.flop_counter import FlopCounterMode

from mwx.agents.config import AgentConfig, ComputeConfig, LearnerConfig, WorldModelConfig
from mwx.agents.learner import Learner
from mwx.agents.losses import Draws, model_loss
from mwx.agents.replay import Replay, SequenceBatch
from mwx.sim import make

OBS, ACT, ROBOTS = 51, 19, 64
SIZES = {"full": {"latent": 512, "hidden": 512, "num_q": 5},
         "small": {"latent": 256, "hidden": 256, "num_q": 3}}
WAYS = {"reference": None, "float32": ComputeConfig("float32", "off"),
        "bfloat16": ComputeConfig("bfloat16", "off"),
        "float32 compiled": ComputeConfig("float32", "on"),
        "bfloat16 compiled": ComputeConfig("bfloat16", "on")}


def agent(size: str, compute: ComputeConfig) -> AgentConfig:
    """Return TD-MPC2's published constants at a size."""
    s = SIZES[size]
    model = WorldModelConfig(latent_dim=s["latent"], hidden_dim=s["hidden"], num_q=s["num_q"])
    return AgentConfig(model, LearnerConfig(horizon=HORIZON, batch=BATCH), compute=compute)


def windows(seed: int = 0) -> SequenceBatch:
    """Return random windows of the published shape."""
    source = torch.Generator().manual_seed(seed)
    obs = torch.randn(HORIZON + 1, BATCH, OBS, generator=source)
    action = torch.rand(HORIZON, BATCH, ACT, generator=source) * 2 - 1
    reward = torch.rand(HORIZON, BATCH, generator=source)
    zeros = torch.zeros(HORIZON, BATCH)
    return SequenceBatch(obs[0], obs[1:], action, reward, zeros, torch.ones_like(zeros),
                         torch.zeros_like(action), zeros)


def work(pipe: Connection, way: str, size: str, threads: int) -> None:
    """Make one update whenever asked; answer with its clock and processor time [ms] and GFLOP."""
    torch.set_num_threads(threads)
    batch, compute = windows(), WAYS[way]
    if compute is None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            plain = Reference(OBS, ACT, **SIZES[size])
        obs = torch.cat([batch.obs[None], batch.next_obs])

        def update() -> object:
            return plain.update(obs, batch.action, batch.reward)
    else:
        learner = Learner(OBS, ACT, agent(size, compute), 0, 1000)

        def update() -> object:
            return learner.update(batch)
    flops = 0.0
    if compute is None or compute.compile == "off":
        with FlopCounterMode(display=False) as counter:
            update()
        flops = counter.get_total_flops() / 1e9
    update()
    pipe.send(flops)
    while pipe.recv():
        clock, processor = time.perf_counter(), time.process_time()
        update()
        pipe.send((1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - processor)))


def compare(ways: list[str], size: str, threads: int, rounds: int) -> None:
    """Print one line a way of updating."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    flops: dict[str, float] = {}
    for way in ways:
        pipes[way], theirs = context.Pipe()
        context.Process(target=work, args=(theirs, way, size, threads), daemon=True).start()
        flops[way] = pipes[way].recv()
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            pipes[way].send(True)
            times[way].append(pipes[way].recv())
    base = np.array(times[ways[0]])
    for way in ways:
        pipes[way].send(False)
        t = np.array(times[way])
        middle, best = np.median(t, 0), t.min(0)
        work_done = f"{flops[way]:6.1f}" if flops[way] else "     -"
        print(f"{size:6} {threads:7} {way:18} {middle[0]:9.1f} {best[0]:8.1f} {best[1]:10.1f} "
              f"{work_done} {np.median(base[:, 0]) / middle[0]:7.2f} "
              f"{base[:, 0].min() / best[0]:6.2f} {base[:, 1].min() / best[1]:10.2f}", flush=True)


def recorded(seed: int, steps: int = 200) -> Replay:
    """Return what 64 robots did on h1-walk under wandering random actions."""
    env, rng = make("h1-walk", ROBOTS, seed), np.random.default_rng(seed)
    replay = Replay(steps * ROBOTS, ROBOTS, env.obs_dim, env.act_dim)
    obs, action = env.reset(seed), np.zeros((ROBOTS, env.act_dim))
    for _ in range(steps):
        action = np.clip(0.9 * action + 0.2 * rng.standard_normal(action.shape), -1, 1)
        step = env.step(action)
        replay.add(obs=obs.vector, next_obs=step.final_obs.vector, action=action,
                   reward=step.reward, terminated=step.terminated, done=step.done,
                   advice=np.zeros_like(action), advised=np.zeros(ROBOTS, bool))
        obs = step.obs
    return replay


def precision(size: str, updates: int) -> None:
    """Print held-out losses after the same updates on recorded steps, by precision and by seed.

    Scored in 32 bits for all, on steps nobody learned from, against the Q of the first (32-bit,
    seed 0): |Q - Q0| is what a precision, or another order of the same data, changes.
    """
    print(f"\nheld-out losses after {updates} updates, {size} size, h1-walk")
    data, unseen = recorded(0), recorded(1).sample(1024, HORIZON, np.random.default_rng(0))
    shown = ("consistency", "reward", "value", "termination")
    print(f"{'precision':10} {'seed':>4} " + " ".join(f"{name:>12}" for name in shown)
          + f" {'mean Q':>9} {'|Q - Q0|':>9}")
    first: torch.Tensor | None = None
    for name, seed in (("float32", 0), ("bfloat16", 0), ("float32", 1), ("float32", 2)):
        compute = replace(ComputeConfig("float32", "off"), precision=name)
        learner, rng = Learner(OBS, ACT, agent(size, compute), seed, updates), \
            np.random.default_rng(seed)
        for _ in range(updates):
            learner.update(data.sample(BATCH, HORIZON, rng))
        zero = torch.zeros_like(unseen.action)
        draws = Draws(zero, zero, torch.arange(2))
        with torch.no_grad():
            _, terms, _ = model_loss(learner.model, learner.target, unseen, draws,
                                     learner.config.learner)
            q = learner.model.q(learner.model.encode(unseen.obs), unseen.action[0])
        first = q if first is None else first
        print(f"{name:10} {seed:4} " + " ".join(f"{float(terms[k]):12.5f}" for k in shown)
              + f" {float(q.mean()):9.4f} {float((q - first).abs().mean()):9.4f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", action="store_true", help="also compiled: takes minutes")
    parser.add_argument("--bf16", action="store_true", help="also where the processor emulates it")
    parser.add_argument("--precision", type=int, metavar="N",
                        help="instead: compare precisions after N updates")
    given = parser.parse_args()
    if given.precision:
        for size in given.sizes:
            precision(size, given.precision)
        return
    ways = [w for w in WAYS if (given.bf16 or not w.startswith("bfloat16"))
            and (given.compile or not w.endswith("compiled"))]
    print(f"{'':6} {'':7} {'':18} {'-- milliseconds --':>29} {'':6} {'-- ratio --':>15}")
    print(f"{'size':6} {'threads':>7} {'update':18} {'median':>9} {'min':>8} {'processor':>10} "
          f"{'GFLOP':>6} {'median':>7} {'min':>6} {'processor':>10}")
    for size in given.sizes:
        for threads in given.threads:
            compare(ways, size, threads, given.rounds)


if __name__ == "__main__":
    main()
