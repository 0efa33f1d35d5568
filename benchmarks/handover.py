"""Can a gait be stopped, and does it reach targets? Hand-overs at many moments, errands around.

    python benchmarks/handover.py [--gait step] [--folder FOLDER]

First the gait walks straight ahead and another expert takes over at 48 moments from 0.4 to 5.1 s,
two robots each; counted is who stands six seconds after the last of them. Then sixteen robots are
sent to targets 2 m away, all around, for 30 s; counted is who gets within a metre, and who falls.
At last the same errands end by a hand-over to Stand half a metre before that, where the gait may
still be turning.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch

from mwx.experts.expert import Expert, load_expert
from mwx.experts.library import load_library
from mwx.robot.h1 import CONTROL_DT
from mwx.sim import make
from mwx.types import Array

MOMENTS = np.round(np.arange(0.4, 5.2, 0.1), 1)  # [s]
TAKERS = ("stand", "reach", "reach_two_hands")
DISTANCE, TARGETS, NEAR, UPRIGHT = 2.0, 16, 1.0, 0.6  # [m], [m], [m] of the pelvis


def taken_over(gait: Expert, taker: Expert, seed: int = 5) -> Array:
    """Return (48, 2) bool: who still stands, by moment of the hand-over."""
    at = np.tile(MOMENTS, 2)
    env = make("h1-walk", len(at), seed, 1, auto_reset=False)
    obs, going, taking = env.reset(seed), gait.initial(len(at)), taker.initial(len(at))
    standing = np.ones(len(at), bool)
    for step in range(round((at.max() + 6) / CONTROL_DT)):
        first, going = gait(obs, going)
        then, taking = taker(obs, taking)
        obs = env.step(np.where((step * CONTROL_DT < at)[:, None], first, then)).final_obs
        standing &= obs.proprio[:, 2] > UPRIGHT
    return standing.reshape(2, -1).T


def errands(gait: Expert, taker: Expert | None = None, seed: int = 0
            ) -> tuple[Array, Array]:
    """Return (16,) bool each: who got there, who fell."""
    angle = 2 * np.pi * (np.arange(TARGETS) + 0.5) / TARGETS
    place = np.stack([np.cos(angle), np.sin(angle), np.full(TARGETS, 1 / DISTANCE)], -1) * DISTANCE
    env = make("h1-walk", TARGETS, seed, 1, auto_reset=False)
    obs, going = env.reset(seed), gait.initial(TARGETS)
    taking = taker.initial(TARGETS) if taker else None
    there, fell, stopped = (np.zeros(TARGETS, bool) for _ in range(3))
    for _ in range(round(30 / CONTROL_DT)):
        action, going = gait(replace(obs, target=place), going)
        if taker is not None:
            still, taking = taker(obs, taking)
            action = np.where(stopped[:, None], still, action)
        obs = env.step(action).final_obs
        away = np.linalg.norm((place - obs.proprio[:, :3])[:, :2], axis=-1)
        there, fell = there | (away < NEAR), fell | (obs.proprio[:, 2] < UPRIGHT)
        stopped |= away < NEAR + 0.5
    return there, fell


def main() -> None:
    """Print what is counted."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gait", default="step")
    parser.add_argument("--folder", help="an expert's folder, instead of a shipped one")
    given = parser.parse_args()
    torch.set_num_threads(1)
    library = load_library(names=TAKERS)
    gait = load_expert(given.folder) if given.folder else \
        load_library(names=(given.gait,)).experts[given.gait]
    for name in TAKERS:
        stands = taken_over(gait, library.experts[name])
        lost = MOMENTS[~stands.all(-1)]
        print(f"{name} takes over: {stands.sum()} of {stands.size} stand"
              + (f"; lost at {', '.join(f'{t:g}' for t in lost)} s" if len(lost) else ""))
    there, fell = errands(gait)
    print(f"targets {DISTANCE:g} m away: {there.sum()} of {TARGETS} reached, {fell.sum()} fell")
    _, fell = errands(gait, library.experts["stand"])
    print(f"stopped {NEAR + 0.5:g} m before them: {fell.sum()} of {TARGETS} fell")


if __name__ == "__main__":
    main()
