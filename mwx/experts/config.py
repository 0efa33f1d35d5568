"""Configuration of one expert: what it imitates, how it is rewarded, how it is trained."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from mwx.agents.config import AgentConfig
from mwx.config import Few, Seconds, Share, Size, Threads, Within
from mwx.experts.alignment import AlignmentConfig
from mwx.experts.reweight import ReweightConfig


@dataclass(frozen=True)
class PriorConfig:
    """The expert's human motion and phase clock.

    Attributes:
        kind: "clip" plays the reference; "reach" sends the left hand to the target,
            "reach_two_hands" both hands; "load" plays the reference and sees the load on its arms;
            "steer" plays a gait that turns to the target as it goes; "seat" waits before the seat
            at the target and then plays the reference.
        start_s: [s] place in the reference at the start of an episode.
        ramp_s: [s] over which the motion is blended in from the home pose.
    """

    kind: Literal["clip", "load", "reach", "reach_two_hands", "steer", "seat"] = "clip"
    start_s: Seconds = 0.0
    ramp_s: Seconds = 0.4


@dataclass(frozen=True)
class TrackingConfig:
    """The environment an expert is trained in; every aid can be switched off by its number.

    Attributes:
        residual: [rad] reach of an action of 1 around the feed-forward command.
        task_weight: weight of the task's own reward.
        root_weight: weight of the root term (height, tilt, heading, speed).
        speed: [m/s] forward speed wanted by the root term and the assist where the task pays for
            more than the human motion does; None for the reference's own.
        effort_weight: cost of the mean squared action.
        arm_importance: first weight of arm joints in eq. (4), legs and waist being 1.
        reference_starts: share of episodes started from reference states (initialisation from the
            reference); the others start as the benchmark does.
        min_height, max_tilt, max_heading: [m], [cosine] of the pelvis from the
            reference's attitude, [rad] early termination.
        max_aside: [m] across from the line through the start that ends an episode; the root term
            falls to 1/e there. None: a robot may drift.
        assist: first strength of the assist wrench on the pelvis (0: none); training only.
        assist_decay, assist_length: strength is multiplied by the first whenever the mean length of
            the last 64 episodes passes the second (share of max_steps).
        max_steps: control steps of a training episode.
        push_speed: [m/s] random velocity added to the base at reference starts, and in pushes.
        push_interval_s: [s] mean time between pushes during an episode; 0 makes none.
        quiet_weight: weight of small servo forces beyond what the task pays for them; the term is
            the share of the task's `small_control` above its least, 0.8.
        load_spread: [N] weight added to or taken from the pelvis, at most, for a whole episode.
        late_share: share of episodes in which every command arrives a control step late.
        taken_over: a shipped skill in the middle of which some episodes start (None: none).
        taken_over_starts: share of episodes that do.
    """

    residual: Annotated[float, Within(0, 10)] = 0.25
    task_weight: float = 1.0
    root_weight: float = 0.3
    speed: float | None = None
    effort_weight: float = 0.0
    alignment: AlignmentConfig = field(default_factory=lambda: AlignmentConfig(weight=0.3))
    reweight: ReweightConfig = field(default_factory=ReweightConfig)
    arm_importance: float = 0.5
    reference_starts: Share = 0.7
    min_height: float = 0.65
    max_tilt: float = 0.6
    max_heading: float = 0.9
    max_aside: float | None = None
    assist: float = 0.0
    assist_decay: float = 0.9
    assist_length: float = 0.6
    max_steps: int = 400
    push_speed: float = 0.1
    push_interval_s: float = 0.0
    quiet_weight: float = 0.0
    load_spread: float = 0.0
    late_share: Share = 0.0
    taken_over: str | None = None
    taken_over_starts: Share = 0.0


@dataclass(frozen=True)
class TeacherConfig:
    """The privileged imitation policy (PPO) or balance controller (LQR) that warms up the replay.

    Attributes:
        kind: "none" trains the world model alone.
        steps: environment steps of the PPO teacher.
        std: first standard deviation of the policy's actions.
        std_last: where a geometric schedule takes it by the last step; None leaves it to be
            learned.
            A policy that was loud to the end may not stand without its noise (docs/log.md).
        assist: first strength of the assist wrench while the teacher is trained.
        start: folder of a trained expert whose policy the teacher first learns to repeat; None
            starts from nothing.
        around: the teacher acts around the policy of `start`, which stays as it is, instead.
        anchor: weight of the divergence from what the teacher acts around, be it an expert
            (`around`) or a mixture: without it noise alone carries a good start away.
        critic_rate: learning rate of the value function; None for the policy's, which adapts. Where
            the policy moves in small steps, a value function that does too never catches up.
        critic_steps: environment steps in which only the value function learns.
    """

    kind: Literal["none", "lqr", "ppo"] = "none"
    steps: int = 1_200_000
    num_envs: Size = 64
    rollout: Size = 48
    hidden: Size = 256
    discount: Share = 0.97
    gae_lambda: Share = 0.95
    epochs: Few = 5
    minibatches: Size = 4
    clip: float = 0.2
    rate: float = 3e-4
    rate_low: float = 5e-5
    rate_high: float = 1.5e-3
    kl: float = 0.05
    std: Annotated[float, Within(0, 100, above=True)] = 0.4
    std_last: float | None = None
    assist: float = 1.0
    start: str | None = None
    around: bool = False
    anchor: float = 0.0
    critic_rate: float | None = None
    critic_steps: int = 0


@dataclass(frozen=True)
class ExpertConfig:
    """One expert; its recipe is a named value of this."""

    skill: str = "walk"
    task: str = "walk"
    motion: str = "walk"
    speed: float | None = None
    prior: PriorConfig = field(default_factory=PriorConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    seed: int = 0
    threads: Threads = 1
