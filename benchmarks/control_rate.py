"""Does an adapted policy keep control rate? One robot, wall time of a control step on this machine.

    python benchmarks/control_rate.py [FOLDER] [--threads N]

FOLDER is an adapted policy (the shipped basketball unless told); 20 ms is one control step at
50 Hz. Rows: the mixture alone, acting by the world model's policy prior, planning (eq. 7 with the
experts' actions among the samples). All are timed on the same states, one call after the other.
"""

import argparse
import time

import numpy as np

from mwx.agents import compute
from mwx.experts.library import shipped_root
from mwx.router.adapted import Adapted, load_adapted
from mwx.sim import make

STEPS, WARM_UP, CONTROL_MS = 300, 30, 20.0


def main() -> None:
    """Print median and 95th percentile of each row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", default=str(shipped_root() / "adapted/basketball"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    # a folder with a teacher acts by that unless it plans; the world model is what is timed here
    planned = load_adapted(args.folder, planned=True)
    prior = Adapted(planned.mixture, planned.model, planned.step)
    config = planned.mixture.config
    env = make(f"h1-{config.task.removeprefix('h1-')}", 1, 0, 1)
    policies = {"mixture of experts": planned.mixture.composite, "policy prior": prior,
                "planning": planned}
    carries = {name: policy.initial(1) for name, policy in policies.items()}
    obs, times = env.reset(0), {name: [] for name in policies}
    with compute.threads(args.threads):
        for _ in range(STEPS + WARM_UP):
            action = np.zeros((1, env.act_dim))
            for name, policy in policies.items():
                start = time.perf_counter()
                action, carries[name] = policy(obs, carries[name])
                times[name].append(1e3 * (time.perf_counter() - start))
            obs = env.step(action).obs
    p = config.agent.planner
    print(f"{config.task}, {len(planned.mixture.names)} experts, {args.threads} thread(s); plans: "
          f"{p.iterations} x {p.samples} samples, horizon {p.horizon}")
    for name, values in times.items():
        late = np.array(values[WARM_UP:])
        print(f"{name:20s} {np.median(late):6.2f} ms median {np.percentile(late, 95):6.2f} ms p95  "
              f"{CONTROL_MS / np.median(late):5.1f} x control rate")


if __name__ == "__main__":
    main()
