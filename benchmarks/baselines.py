"""What doing nothing and doing anything pays, for every environment id.

Run `python benchmarks/baselines.py [ID ...] [--episodes 8] [--seed 1]`. Prints a Markdown table:
mean task return ± sample standard deviation and mean length of holding the home commands, and of
uniform random actions. A result of a trained policy means little without them.
"""

import argparse

from mwx.evaluation import evaluate
from mwx.evaluation.playing import policy_for
from mwx.sim.tasks import ids


def cell(name: str, policy_name: str, episodes: int, seed: int) -> str:
    """Return "mean ± std (steps)" of one plain policy."""
    policy = policy_for(policy_name, name, seed)
    score = evaluate(policy, name, episodes, seed)
    return f"{score.mean():.1f} ± {score.std():.1f} ({score.mean('length'):.0f})"


def main() -> None:
    """Print one row an id."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=ids(), metavar="ID")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("| id | hold home: return (steps) | random: return (steps) |\n|---|--:|--:|")
    for name in given.names:
        cells = [cell(name, policy, given.episodes, given.seed) for policy in ("home", "random")]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
