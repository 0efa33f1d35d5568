"""Configuration of the world-model agent; the defaults are the paper's sizes."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from mwx.config import Few, Share, Size, Within
from mwx.maths.two_hot import Support


@dataclass(frozen=True)
class WorldModelConfig:
    """Network sizes. Defaults: paper, section IV-A (implementation details).

    Attributes:
        start_std: standard deviation of the untrained policy before squashing; None leaves the
            middle of the range of log_std (0.02 by default), where a planner explores instead.
        normalise: scale observations by the running mean and deviation of the first data.
    """

    encoder_dim: Size = 256
    encoder_layers: Few = 2
    latent_dim: Size = 512
    simnorm_dim: Size = 8
    hidden_dim: Size = 512
    num_q: Few = 5
    value: Support = field(default_factory=Support)
    reward: Support = field(default_factory=Support)
    activation: Literal["mish", "relu"] = "mish"
    log_std_min: Annotated[float, Within(-30, 5)] = -10.0
    log_std_max: Annotated[float, Within(-30, 5)] = 2.0
    start_std: float | None = None
    normalise: bool = False


@dataclass(frozen=True)
class LearnerConfig:
    """The update. Defaults: TD-MPC2's published constants.

    Attributes:
        horizon: H, steps of the latent roll-out.
        discount: gamma.
        td_lambda: lambda of the return inside the window; 0 is the one-step target of eq. (5).
        rho: weight decay along the horizon.
        target_rate: Polyak rate of the target network.
        entropy: tau of eq. (6).
        entropy_target: [nats per action dimension] adapts tau to hold this entropy; None keeps it.
        entropy_rate: largest relative change of tau per policy update while it adapts.
        policy_every: updates per policy update.
        advice, advice_half_life: weight of the behaviour-cloning term towards an advisor's actions
            and the number of updates in which it halves (0 turns it off).
        final_rate: learning rate at the end, as a fraction of the first (cosine).
    """

    horizon: Few = 3
    batch: Annotated[int, Within(1, 2 ** 20)] = 256
    discount: Share = 0.99
    td_lambda: float = 0.0
    rho: float = 0.5
    rate: float = 3e-4
    encoder_rate_scale: float = 0.3
    final_rate: float = 1.0
    gradient_clip: float = 20.0
    consistency: float = 20.0
    reward: float = 0.1
    value: float = 0.1
    termination: float = 0.1
    target_rate: float = 0.01
    entropy: float = 1e-4
    entropy_target: float | None = None
    entropy_rate: float = 0.01
    policy_every: int = 1
    advice: float = 0.0
    advice_half_life: float = 4000.0


@dataclass(frozen=True)
class PlannerConfig:
    """MPPI / CEM in latent space (eq. 7). Defaults: TD-MPC2's published constants.

    Attributes:
        value_at: "terminal" bootstraps once with Q at the end of the horizon; "every" adds
            mu Q at every step, as eq. (7) prints it.
        method: "mppi" weighs the elites by their score, "cem" weighs them equally.
        temperature: [J] scores are divided by it (TD-MPC2's code multiplies by its 0.5: 2 here).
        q_members: Q networks that value a plan, drawn anew for every plan; None: all of them.
        q_reduce: over those networks; "min" distrusts actions on which they disagree.
        start: mean of the first proposals: "plan" is the last plan moved one step on (zeros at the
            start of an episode), "policy" the sequence of the policy's modes.
        std_start: standard deviation of the first proposals; None: std_max.
        prior_weight: cost, in units of J, of a mean squared distance of 1 between a plan and the
            sequence of the policy's modes: how far from the policy a plan may be trusted.
    """

    horizon: Few = 3
    samples: Size = 512
    policy_samples: Annotated[int, Within(0, 2 ** 14)] = 24
    elites: Size = 64
    iterations: Few = 6
    temperature: float = 0.5
    std_min: float = 0.05
    std_max: float = 2.0
    mu: float = 1.0
    value_at: Literal["terminal", "every"] = "terminal"
    method: Literal["mppi", "cem"] = "mppi"
    q_members: int | None = None
    q_reduce: Literal["mean", "min"] = "mean"
    start: Literal["plan", "policy"] = "plan"
    std_start: float | None = None
    prior_weight: float = 0.0


@dataclass(frozen=True)
class LoopConfig:
    """The training loop.

    Attributes:
        steps: environment steps in all.
        updates_per_step: gradient updates per environment step (1/B is one per vector step).
        seed_steps: environment steps before the first update.
        advised_steps: environment steps over which the share of episodes driven by the advisor
            falls linearly from 1 to 0.
        pretrain_updates: updates on the first data before acting goes on.
        capacity: transitions kept in the replay.
        storage: where they lie: "memory", "disk" (files of the run, which the system may page out)
            or the learner's "device"; None: on a GPU the device, else memory.
        normalise_rows: observations after which the normaliser is frozen.
        planned: act with the planner (True) or with the policy prior while training.
    """

    num_envs: Size = 32
    steps: int = 500_000
    updates_per_step: float = 1 / 32
    seed_steps: int = 6_400
    advised_steps: int = 0
    pretrain_updates: int = 0
    capacity: int = 300_000
    storage: Literal["memory", "disk", "device"] | None = None
    normalise_rows: int = 60_000
    planned: bool = False
    log_every: int = 8_000
    evaluate_every: int = 50_000
    checkpoint_minutes: float = 4.0


@dataclass(frozen=True)
class ComputeConfig:
    """How the learner's arithmetic is done; none of it changes what is learned.

    Attributes:
        precision: of matrix products; "auto" is bfloat16 where the device has it. Weights,
            optimiser and everything between products are 32-bit in any case.
        compile: compile the losses; "auto" does so on CUDA alone.
    """

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"


@dataclass(frozen=True)
class AgentConfig:
    """Everything of one agent; a variant is `dataclasses.replace`."""

    model: WorldModelConfig = field(default_factory=WorldModelConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
