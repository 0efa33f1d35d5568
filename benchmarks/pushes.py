"""What pushes the balance regulator bears, by its weights and stance, beside the Stand expert.

    python benchmarks/pushes.py [--trials 10] [--seconds 30]

The card's own definition: pushes of .2 s at the pelvis, every 5 s, from all around; trials of ten
without a fall, and the task return of 1000 steps without any push.
"""

import argparse

from mwx.evaluation import evaluate, load_policy
from mwx.evaluation.robustness import Condition, try_condition
from mwx.experts.lqr import BalanceController, LqrConfig
from mwx.experts.prior import Carry, ClipPrior
from mwx.motion.generators import stand
from mwx.motion.stand import StandConfig
from mwx.robot import H1
from mwx.types import Array, Obs, Policy

RAMP_S = 0.4  # [s] from the home pose into the stance, as in the recipe
FORCES = (50, 100, 120, 150)  # [N]
# ahead [m] of the ankles, weight of the balance, of the effort
SETTINGS = ((0.005, 1e3, 1e-3), (0.03, 1e3, 1e-3), (0.005, 5e3, 1e-3), (0.03, 5e3, 1e-3),
            (0.03, 5e3, 1e-4), (0.045, 5e3, 1e-4))


class Regulator:
    """The balance regulator as a policy."""

    act_dim = H1.act_dim

    def __init__(self, ahead: float, balance: float, effort: float):
        reference = stand(config=StandConfig(ahead=ahead))
        self.prior = ClipPrior(reference, ramp_s=RAMP_S)
        self.controller = BalanceController(reference, LqrConfig(balance=balance, effort=effort))

    def initial(self, num_envs: int) -> Carry:
        """Return the carry at the start of B episodes."""
        return self.prior.initial(num_envs)

    def restart(self, carry: Carry, rows: Array) -> Carry:
        """Return the carry with some rows at the start."""
        return carry.where(rows, self.initial(len(rows)))

    def __call__(self, obs: Obs, carry: Carry) -> tuple[Array, Carry]:
        """Return actions (B, A) and the next carry."""
        target, after = self.prior.look(obs, carry)
        return H1.to_action(self.controller.command(obs, target)), after


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    policies: dict[str, Policy] = {
        f"regulator, {ahead:g} m ahead, balance {balance:g}, effort {effort:g}":
        Regulator(ahead, balance, effort) for ahead, balance, effort in SETTINGS}
    policies["the shipped expert"] = load_policy("stand")
    print(f"{'':54}{'return':>8}" + "".join(f"{force:>6} N" for force in FORCES))
    for name, policy in policies.items():
        score = evaluate(policy, "stand", given.trials, 1)
        stood = [int(try_condition(policy, "stand", Condition("push", push=force), given.trials,
                                   given.seconds).stood.sum()) for force in FORCES]
        print(f"{name:54}{score.mean():8.1f}" + "".join(f"{n:>8}" for n in stood),
              flush=True)


if __name__ == "__main__":
    main()
