"""What a composite's control step costs, experts included: in Python and as an ONNX graph.

    python benchmarks/composite.py [--experts 8] [--envs 1] [--repeats 300]

The experts are the shipped ones; Walk again and again, with clocks and weights of its own each
time, takes the places of skills that are not shipped. The router is untrained, which costs the
same. One thread. Python and onnxruntime are timed in turns, step by step, so that other work on
the machine meets both alike. Prints medians and 10th percentiles of a step's processor time and
wall time, the ratio of the processor times, and how far the actions were apart at most; then the
graph alone, step after step, with its weights in the caches. The control period is 20 ms; the
target for 8 experts is 1 ms.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mwx.experts import ExpertLibrary, load_library
from mwx.integrations.onnx import OnnxPolicy, export_policy
from mwx.router import CompositePolicy, KeywordRules, NetworkConfig, Router
from mwx.router.router import Layout
from mwx.sim import make
from mwx.types import Policy

TASK, WARM_UP = "door", 20


def library_of(count: int) -> ExpertLibrary:
    """Return so many experts: the shipped ones, then Walk again and again."""
    experts = dict(itertools.islice(load_library().experts.items(), count))
    return ExpertLibrary(experts | {f"walk_{i}": experts["walk"]
                                    for i in range(len(experts), count)})


def composite_of(count: int, task_dim: int) -> CompositePolicy:
    """Return so many experts under an untrained router."""
    library = library_of(count)
    guidance = KeywordRules().guide(TASK, "Open the door.", library.descriptions)
    router = Router.create(guidance, Layout(51, task_dim, 1), NetworkConfig(), 0)
    return CompositePolicy(router, library)


def compare(policy: Policy, folder: Path, envs: int, repeats: int) -> dict[str, Any]:
    """Return the times [ms] of both, step by step in one closed loop that Python drives."""
    path = export_policy(policy, folder / "policy.onnx")
    graph, env = OnnxPolicy(path), make(TASK, num_envs=envs, seed=0, threads=1)
    obs, mine, carry = env.reset(0), policy.initial(envs), graph.initial(envs)
    times: dict[str, list[tuple[float, float]]] = {"python": [], "onnx": []}
    apart = 0.0
    for _ in range(WARM_UP + repeats):
        (action, mine), python_ms = timed(lambda: policy(obs, mine))  # noqa: B023
        (other, carry), onnx_ms = timed(lambda: graph(obs, carry))  # noqa: B023
        apart = max(apart, float(np.abs(action - other).max()))
        times["python"].append(python_ms)
        times["onnx"].append(onnx_ms)
        step = env.step(action)
        obs, rows = step.obs, step.done
        mine, carry = policy.restart(mine, rows), graph.restart(carry, rows)
    kept = {name: np.array(values[WARM_UP:]) for name, values in times.items()}
    result: dict[str, Any] = {"environments": envs, "size_MB": path.stat().st_size / 1e6}
    for name, values in kept.items():
        for i, clock in enumerate(("cpu", "wall")):
            result |= {f"{name}_{clock}_ms": float(np.median(values[:, i])),
                       f"{name}_{clock}_p10_ms": float(np.percentile(values[:, i], 10))}
    alone = np.array([timed(lambda: graph(obs, carry))[1] for _ in range(repeats)])[:, 0]
    result |= {"onnx_alone_cpu_ms": float(np.median(alone)),
               "onnx_alone_cpu_least_ms": float(alone.min())}
    result["cpu_ratio"] = result["python_cpu_ms"] / result["onnx_cpu_ms"]
    return {name: float(f"{value:.3g}") for name, value in
            {**result, "largest_difference": apart}.items()}


def timed(call: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """Return what a call gives, and its processor time and wall time [ms]."""
    start, cpu = time.perf_counter(), time.thread_time()
    result = call()
    return result, (1e3 * (time.thread_time() - cpu), 1e3 * (time.perf_counter() - start))


def main() -> None:
    """Print one line for a single expert and one for the composite."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--envs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task_dim = make(TASK, num_envs=1, threads=1).reset(0).task.shape[1]
    single, many = load_library(names=("walk",)).experts["walk"], \
        composite_of(given.experts, task_dim)
    with tempfile.TemporaryDirectory() as folder:
        for name, policy in (("walk alone", single), (f"{given.experts} experts, routed", many)):
            print(name, json.dumps(compare(policy, Path(folder), given.envs, given.repeats)))


if __name__ == "__main__":
    main()
