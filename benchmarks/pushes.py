"""How hard a push the Stand expert bears, beside the balance regulator that was its teacher.

Run `python benchmarks/pushes.py`. After two seconds of standing the base gets an extra horizontal
velocity in an even spread of directions; who has not fallen five seconds later has borne it.
"""

import numpy as np

from mwx.evaluation import load_policy
from mwx.experts.expert import Expert
from mwx.experts.lqr import BalanceController
from mwx.experts.prior import ClipPrior
from mwx.robot import H1
from mwx.sim import make
from mwx.types import Array, Obs, Policy

DIRECTIONS, BEFORE, AFTER = 32, 100, 250  # environments, control steps


class Regulator:
    """The balance regulator as a policy."""

    act_dim = H1.act_dim

    def __init__(self, expert: Expert):
        self.prior = ClipPrior(expert.prior.reference, ramp_s=expert.config.prior.ramp_s)
        self.controller = BalanceController(expert.prior.reference)

    def initial(self, num_envs: int):
        return self.prior.initial(num_envs)

    def restart(self, carry, rows: Array):
        return carry.where(rows, self.initial(len(rows)))

    def __call__(self, obs: Obs, carry):
        target, after = self.prior.look(obs, carry)
        return H1.to_action(self.controller.command(obs, target)), after


def survivors(policy: Policy, speed: float) -> float:
    """Return the share of directions in which a push of `speed` [m/s] is borne."""
    env = make("stand", DIRECTIONS, seed=1, auto_reset=False)
    obs, carry = env.reset(1), policy.initial(DIRECTIONS)
    standing = np.ones(DIRECTIONS, bool)
    for k in range(BEFORE + AFTER):
        if k == BEFORE:
            angle = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
            qvel = env.physics.robot_qvel.copy()
            qvel[:, :2] += speed * np.stack([np.cos(angle), np.sin(angle)], 1)
            obs = env.set_robot_state(np.arange(DIRECTIONS), env.physics.robot_qpos.copy(), qvel)
        action, carry = policy(obs, carry)
        obs = env.step(action).obs
        standing &= env.physics.base_height > 0.7
    return float(standing.mean())


def main() -> None:
    """Print the table."""
    expert = load_policy("stand")
    assert isinstance(expert, Expert)
    policies: dict[str, Policy] = {"expert": expert, "regulator": Regulator(expert)}
    print("push [m/s]  " + "  ".join(f"{name:>10}" for name in policies))
    for speed in (0.1, 0.2, 0.3, 0.4, 0.5):
        print(f"{speed:10.1f}  " + "  ".join(f"{survivors(p, speed):10.0%}"
                                             for p in policies.values()), flush=True)


if __name__ == "__main__":
    main()
