"""Does a walk that steers get there: targets all around, how long it takes, how it halts.

    python benchmarks/errands.py pretrained/walk --distance 2.5
"""

import argparse
from dataclasses import replace

import numpy as np

from mwx.experts.expert import load_expert
from mwx.experts.kinematics import yaw
from mwx.experts.steer import bearing
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import make
from mwx.types import Policy

REACHED, HALTED = 0.6, 0.25  # [m] from pelvis to target, [m/s]


def errands(policy: Policy, distance: float, targets: int = 16, seconds: float = 12.0,
            seed: int = 0) -> dict[str, np.ndarray]:
    """Send robots to targets evenly around them; every array has one value a target."""
    env = make("walk", targets, seed, 0, auto_reset=False)
    obs, carry = env.reset(seed), policy.initial(targets)
    angle = 2 * np.pi * (np.arange(targets) + 0.5) / targets
    place = np.stack([distance * np.cos(angle), distance * np.sin(angle), np.ones(targets)], -1)
    reached, fell = np.full(targets, np.nan), np.full(targets, np.nan)
    turned = np.full(targets, np.nan)
    for step in range(round(seconds / CONTROL_DT)):
        seen = replace(obs, target=place)
        action, carry = policy(seen, carry)
        obs = env.step(action).obs
        now = (step + 1) * CONTROL_DT
        error, far = bearing(replace(obs, target=place))
        speed = np.linalg.norm(obs.proprio[:, 26:28], axis=-1)
        fell = np.where(np.isnan(fell) & (obs.proprio[:, 2] < 0.5), now, fell)
        up = np.isnan(fell)
        turned = np.where(np.isnan(turned) & up & (np.abs(error) < 0.2), now, turned)
        there = up & (far < REACHED) & (speed < HALTED)
        reached = np.where(np.isnan(reached) & there, now, reached)
    return {"direction": np.degrees((angle + np.pi) % (2 * np.pi) - np.pi), "turned_s": turned,
            "halted_s": reached, "fell_s": fell, "distance": far, "speed": speed,
            "yaw": yaw(obs.proprio[:, 3:7])}


def show(found: dict[str, np.ndarray]) -> None:
    """Print one line a target, and what it comes to."""
    print("direction  faces it  halts at it  falls   ends at       speed")
    for i in np.argsort(found["direction"]):
        print(f"{found['direction'][i]:7.0f} deg {found['turned_s'][i]:7.2f} s "
              f"{found['halted_s'][i]:9.2f} s {found['fell_s'][i]:6.2f} s "
              f"{found['distance'][i]:6.2f} m {found['speed'][i]:9.2f} m/s")
    count = len(found["fell_s"])
    print(f"{np.isfinite(found['halted_s']).sum()} of {count} reached at rest, median "
          f"{np.nanmedian(found['halted_s']):.1f} s; {np.isfinite(found['fell_s']).sum()} fell")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("expert")
    parser.add_argument("--distance", type=float, default=2.5)
    parser.add_argument("--targets", type=int, default=16)
    options = parser.parse_args()
    show(errands(load_expert(options.expert), options.distance, options.targets))
