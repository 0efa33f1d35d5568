"""Configuration of the adaptation of a composite to one task: the reward switcher."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from mwx.agents.config import AgentConfig
from mwx.config import Threads, Within
from mwx.experts.alignment import AlignmentConfig
from mwx.experts.config import TeacherConfig
from mwx.router.train import DistillConfig


@dataclass(frozen=True)
class EvaluationConfig:
    """How the adapted policy is scored, without any aid.

    Attributes:
        episodes: of every evaluation while training; card_episodes: of each policy on the card.
        max_steps: control steps of an episode; None for the task's own length.
    """

    episodes: int = 10
    card_episodes: int = 10
    max_steps: int | None = None


@dataclass(frozen=True)
class AdaptConfig:
    """One adaptation: a task's world model beside a mixture of experts.

    Attributes:
        task: "robot-task"; the experts are the H1's.
        experts: folder of experts; None for the shipped ones.
        router: folder of a trained router; None distils one in the run directory.
        mixing: weights of the mixture: "router", or "guidance" for the constant weights of V(T).
        guidance: who gives V(T) where no router is given: "file" (shipped) or "rules".
        distil, demos, demo_steps: how a router is distilled where none is given: see
            DistillConfig; scripted demonstrations and their longest length (None: whole episodes).
        schedule: the expert whose reference is rewarded: "router", whoever leads in the mixture in
            that state; "paper", the stages of Table IV over the training steps, stretched to this
            training's length.
        base: how the mixture's actions enter: "residual", the policy acts around them; "advice",
            the policy acts alone and clones them, with a weight that halves as learner.advice says.
        residual: [rad] reach of an action of 1 around the mixture's servo command.
        proposals: what the planner is offered beside its own samples: "experts", the mixture's
            action and every expert's; "mixture", the mixture's; "none".
        progress_weight: paid for a whole task's progress in training, lost again with it: what a
            sparse task says on the way (Ng et al. 1999, potential-based shaping); 0 for none.
        task_weight: weight of the task's reward; alignment: eq. (4) against the routed reference,
            whose weight 0 switches imitation off.
        teacher: PPO around the mixture's actions, cloned by the world model ("ppo"), or "none",
            where the world model is warmed up by the mixture itself.
        practice_steps: control steps of the teacher's training episodes at most.
        evaluation: how it is scored.
        agent: the world model, how it learns, plans and trains.
        seed: of everything random; threads: of simulation and learner.
    """

    task: str = "h1-door"
    experts: str | None = None
    router: str | None = None
    mixing: Literal["router", "guidance"] = "router"
    guidance: Literal["file", "rules"] = "file"
    distil: DistillConfig = field(default_factory=DistillConfig)
    demos: int = 8
    demo_steps: int | None = None
    schedule: Literal["router", "paper"] = "router"
    base: Literal["residual", "advice"] = "residual"
    residual: Annotated[float, Within(0, 10)] = 0.3
    proposals: Literal["none", "mixture", "experts"] = "experts"
    progress_weight: float = 0.0
    task_weight: float = 1.0
    alignment: AlignmentConfig = field(default_factory=lambda: AlignmentConfig(weight=0.3))
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    practice_steps: int = 500
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    seed: int = 0
    threads: Threads = 1

    @property
    def taught_steps(self) -> int:
        """Environment steps of the teacher."""
        return self.teacher.steps if self.teacher.kind == "ppo" else 0

    @property
    def steps(self) -> int:
        """Environment steps in all, over which Table IV's schedule is stretched."""
        return self.taught_steps + self.agent.loop.steps
