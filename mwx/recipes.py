"""Named configurations as functions: a recipe is a value, a variant is `replace`."""

from collections.abc import Callable
from dataclasses import replace

from mwx.agents.config import (
    AgentConfig,
    LearnerConfig,
    LoopConfig,
    PlannerConfig,
    WorldModelConfig,
)
from mwx.errors import MwxError, unknown
from mwx.experts.config import ExpertConfig, PriorConfig, TeacherConfig, TrackingConfig
from mwx.maths.two_hot import Support

# TD-MPC2 multiplies scores by 0.5 where this planner divides, and values plans by two random Qs
TDMPC2_PLANNER = PlannerConfig(temperature=2.0, q_members=2)


def paper_agent() -> AgentConfig:
    """The paper's sizes (section IV-A) with TD-MPC2's published constants, planning every step."""
    return AgentConfig(planner=TDMPC2_PLANNER,
                       loop=LoopConfig(num_envs=16, steps=2_000_000, updates_per_step=1 / 4,
                                       capacity=1_000_000, planned=True))


def cpu_agent() -> AgentConfig:
    """A small world model that learns within an hour on two cores; acts by the policy prior."""
    return AgentConfig(
        model=WorldModelConfig(latent_dim=128, hidden_dim=256, num_q=2, activation="relu",
                               start_std=0.25, normalise=True,
                               value=Support(-5, 95, 101, symlog=False),
                               reward=Support(-0.5, 2.5, 41, symlog=False)),
        learner=LearnerConfig(discount=0.98, td_lambda=0.5, rho=0.7, rate=1e-3, final_rate=0.2,
                              target_rate=0.02, entropy=3e-5, entropy_target=-0.5, policy_every=2,
                              advice=3.0, advice_half_life=2000.0),
        # around the policy and narrow: the model knows only what the policy has done
        planner=PlannerConfig(samples=64, policy_samples=16, elites=16, iterations=3,
                              start="policy", std_start=0.1, std_min=0.02, std_max=0.1),
        loop=LoopConfig(num_envs=32, steps=320_000, updates_per_step=1 / 32, seed_steps=6_400,
                        advised_steps=64_000, pretrain_updates=300, capacity=320_000,
                        evaluate_every=32_000))


def tiny_agent() -> AgentConfig:
    """Seconds, not minutes: for tests."""
    model = WorldModelConfig(encoder_dim=32, latent_dim=32, hidden_dim=32, num_q=2,
                             value=Support(-5, 95, 21, symlog=False),
                             reward=Support(-0.5, 2.5, 11, symlog=False), activation="relu",
                             start_std=0.25, normalise=True)
    cpu = cpu_agent()
    return replace(cpu, model=model, learner=replace(cpu.learner, batch=32),
                   loop=LoopConfig(num_envs=4, steps=160, updates_per_step=1 / 4, seed_steps=40,
                                   advised_steps=80, capacity=1_000, log_every=40,
                                   evaluate_every=80))


def cpu_expert_agent() -> AgentConfig:
    """`cpu_agent` for a taught skill: half as long, for the best is past by then."""
    cpu = cpu_agent()
    return replace(cpu, loop=replace(cpu.loop, steps=cpu.loop.steps // 2))


AGENTS: dict[str, Callable[[], AgentConfig]] = {
    "paper": paper_agent, "cpu": cpu_expert_agent, "tiny": tiny_agent}


def tdmpc2_agent() -> AgentConfig:
    """TD-MPC2 as published for state observations: one environment, an update a step, planning.

    The discount is its rule for episodes of 1000 steps; a whole task is learned from its reward.
    """
    return AgentConfig(learner=LearnerConfig(discount=0.995), planner=TDMPC2_PLANNER,
                       loop=LoopConfig(num_envs=1, steps=2_000_000, updates_per_step=1.0,
                                       seed_steps=5_000, pretrain_updates=5_000,
                                       capacity=1_000_000, planned=True))


def tdmpc2_small_agent() -> AgentConfig:
    """TD-MPC2 for a processor: half as wide, three Qs, 16 environments, shorter searches."""
    full = tdmpc2_agent()
    return replace(
        full, model=replace(full.model, latent_dim=256, hidden_dim=256, num_q=3),
        planner=replace(full.planner, samples=64, policy_samples=16, elites=16, iterations=3),
        loop=replace(full.loop, num_envs=16, updates_per_step=1 / 4, pretrain_updates=500,
                     evaluate_every=20_000))


def _alone(agent: AgentConfig) -> AgentConfig:
    """Without a teacher, and with bins for rewards of any size: for a whole task's own reward."""
    return replace(
        agent, model=replace(agent.model, value=Support(), reward=Support()),
        learner=replace(agent.learner, advice=0.0),
        loop=replace(agent.loop, advised_steps=0))


TASK_AGENTS: dict[str, Callable[[], AgentConfig]] = {
    "tdmpc2": tdmpc2_agent, "tdmpc2-small": tdmpc2_small_agent, "paper": paper_agent,
    "cpu": lambda: _alone(cpu_agent()), "tiny": lambda: _alone(tiny_agent())}


def agent(recipe: str) -> AgentConfig:
    """Return the configuration of an agent that learns a whole task alone.

    Raises:
        MwxError: unknown recipe; the nearest is named.
    """
    if recipe not in TASK_AGENTS:
        raise unknown("recipe", recipe, TASK_AGENTS)
    return TASK_AGENTS[recipe]()


def attentive(agent: AgentConfig) -> AgentConfig:
    """Let a teacher's advice weigh more, and explore more quietly: for residuals that are large."""
    if not agent.learner.advice:
        return agent
    return replace(agent, learner=replace(agent.learner, entropy_target=-1.0, advice=200.0,
                                          advice_half_life=2500.0, encoder_rate_scale=1.0,
                                          policy_every=1))


def stand(agent: AgentConfig) -> ExpertConfig:
    """Stand: quiet balance, warmed up by the balance regulator.

    An imitation policy under pushes falls without any after 2.5 million steps (docs/log.md).
    """
    return ExpertConfig(agent=attentive(agent), skill="stand", task="stand",
                        motion="stand",
                        tracking=TrackingConfig(residual=0.5, push_speed=0.45,
                                                push_interval_s=2.5),
                        teacher=TeacherConfig(kind="lqr"))


def stand_stop(agent: AgentConfig) -> ExpertConfig:
    """Stand that also takes over in the middle of a walk, and stops it: around a trained Stand.

    The teacher learns only what is added to it, so that it need not learn to stand still.
    """
    config = stand(agent)
    return replace(config, tracking=replace(
        config.tracking, residual=0.7, max_steps=200, taken_over="walk", taken_over_starts=0.9,
        assist_length=0.75),
        teacher=TeacherConfig(kind="ppo", steps=1_200_000, std=0.2, around=True, discount=0.98,
                              kl=0.03, critic_steps=30_000))


def step(agent: AgentConfig) -> ExpertConfig:
    """Step to a target at .3 m/s: so slowly that Stand and Reach can take over at any moment.

    It is trained straight ahead; how it turns, see `SteerPrior`.
    """
    return ExpertConfig(agent=attentive(agent), skill="step", task="stand", motion="step",
                        prior=PriorConfig(kind="steer", start_s=0.3, ramp_s=1.0),
                        tracking=TrackingConfig(residual=0.5, task_weight=0.3, push_speed=0.3,
                                                push_interval_s=4.0, reference_starts=0.5),
                        teacher=TeacherConfig(kind="ppo", steps=1_200_000, std=0.3, assist=0.5))


def walk(agent: AgentConfig) -> ExpertConfig:
    """Walk a little faster than the task asks, so that no part of a stride is slower than that."""
    return ExpertConfig(agent=attentive(agent), skill="walk", task="walk", motion="walk",
                        speed=1.2, prior=PriorConfig(start_s=0.5, ramp_s=1.0),
                        tracking=TrackingConfig(residual=0.5, push_speed=0.3, push_interval_s=4.0,
                                                reference_starts=0.5),
                        teacher=TeacherConfig(kind="ppo", steps=1_200_000, std=0.3, assist=0.5))


def walk_quiet(agent: AgentConfig) -> ExpertConfig:
    """Walk with less torque: 21 points more, further from the human motion (docs/log.md)."""
    config = walk(agent)
    return replace(config, tracking=replace(config.tracking, quiet_weight=0.5))


def run(agent: AgentConfig) -> ExpertConfig:
    """Run at 4.5 m/s, warmed up by an assisted imitation policy: no regulator holds it."""
    return ExpertConfig(agent=attentive(agent), skill="run", task="run", motion="run", speed=4.5,
                        prior=PriorConfig(ramp_s=2.0),
                        tracking=TrackingConfig(residual=0.5, max_steps=300, min_height=0.6),
                        teacher=TeacherConfig(kind="ppo", steps=3_000_000))


def sit(agent: AgentConfig) -> ExpertConfig:
    """Sit down on the seat right behind, and stay; the clip's clock starts where the knees bend."""
    return ExpertConfig(agent=attentive(agent), skill="sit", task="sit_simple",
                        motion="sit_down", prior=PriorConfig(start_s=0.5, ramp_s=0.2),
                        tracking=TrackingConfig(residual=0.4, min_height=0.5, max_tilt=0.5),
                        teacher=TeacherConfig(kind="ppo", steps=600_000, assist=0.0))


def sit_hard(agent: AgentConfig) -> ExpertConfig:
    """Turn the back to a chair that stands nearby and may slide, step to it, sit down and stay."""
    sitting = sit(agent)
    return replace(sitting, task="sit_hard", prior=replace(sitting.prior, kind="seat"),
                   tracking=replace(sitting.tracking, residual=0.5, max_heading=3.2,
                                    reference_starts=0.3, max_steps=500),
                   teacher=replace(sitting.teacher, steps=2_000_000, std=0.3, discount=0.99))


def carry(agent: AgentConfig) -> ExpertConfig:
    """Walk with a box on the forearms; it starts there, so no episode starts inside the stride.

    Its teacher explores little: a bolder one shakes the box off before it has walked. Under loads
    and delays it does not learn to (docs/log.md).
    """
    return ExpertConfig(agent=attentive(agent), skill="carry", task="carry", motion="carry",
                        speed=1.1, prior=PriorConfig(kind="load", start_s=0.5, ramp_s=1.5),
                        tracking=TrackingConfig(residual=0.4, reference_starts=0.0),
                        teacher=TeacherConfig(kind="ppo", steps=1_000_000, std=0.15,
                                              discount=0.98))


def crawl(agent: AgentConfig) -> ExpertConfig:
    """Get down on hands and knees and crawl, faster than the generated motion can.

    Getting down is the hard part, so most episodes start upright, and lying on the belly ends one.
    """
    return ExpertConfig(agent=attentive(agent), skill="crawl", task="crawl", motion="crawl",
                        speed=0.5, prior=PriorConfig(ramp_s=1.5),
                        tracking=TrackingConfig(residual=0.6, speed=1.0, min_height=0.42,
                                                max_tilt=0.3, max_aside=0.6, reference_starts=0.3),
                        teacher=TeacherConfig(kind="ppo", steps=800_000, std=0.3, assist=0.1))


def reach(agent: AgentConfig) -> ExpertConfig:
    """Reach with the left hand while standing; the task's reward counts a tenth (at most 20)."""
    return ExpertConfig(agent=attentive(agent), skill="reach", task="reach", motion="stand",
                        prior=PriorConfig(kind="reach"),
                        tracking=TrackingConfig(residual=0.5, task_weight=0.1, max_heading=1.5,
                                                push_speed=0.45, push_interval_s=2.5),
                        teacher=TeacherConfig(kind="lqr"))


def reach_two_hands(agent: AgentConfig) -> ExpertConfig:
    """Reach with both hands while standing."""
    return ExpertConfig(agent=attentive(agent), skill="reach_two_hands",
                        task="reach_two_hands", motion="stand",
                        prior=PriorConfig(kind="reach_two_hands"),
                        tracking=TrackingConfig(residual=0.5, max_heading=1.5, push_speed=0.45,
                                                push_interval_s=2.5),
                        teacher=TeacherConfig(kind="lqr"))


SKILLS: dict[str, Callable[[AgentConfig], ExpertConfig]] = {
    "stand": stand, "walk": walk, "run": run, "sit": sit, "carry": carry,
    "crawl": crawl, "reach": reach,
    "reach_two_hands": reach_two_hands, "step": step}

# trained like those, none of them: docs/log.md says what they reach
VARIANTS: dict[str, Callable[[AgentConfig], ExpertConfig]] = {
    "walk_quiet": walk_quiet, "sit_hard": sit_hard, "stand_stop": stand_stop}


UPRIGHT = ("stand", "walk", "run")  # skills whose episodes end alike by a standing reference


def without_imitation(config: ExpertConfig) -> ExpertConfig:
    """Return the same learner without the human motion: what naturalness is compared with.

    Actions are residuals around a standing pose, the reward is the task's alone; the teacher's
    training, its assist and the learner stay.

    Raises:
        MwxError: episodes of the skill end by its own reference's attitude.
    """
    if config.skill not in UPRIGHT:
        raise MwxError(f"'{config.skill}' is told when to end by the motion it imitates, so it is "
                       f"not learned without: there are {', '.join(UPRIGHT)}")
    bare = replace(config.tracking, root_weight=0.0,
                   speed=config.tracking.speed or config.speed,
                   alignment=replace(config.tracking.alignment, weight=0.0))
    return replace(config, motion="stand", speed=None, tracking=bare,
                   prior=replace(config.prior, start_s=0.0))


def started(config: ExpertConfig, folder: str) -> ExpertConfig:
    """Return the config with a teacher that goes on from a trained expert of the same kind.

    It needs no assist then, explores more quietly in smaller steps, takes half as long, and its
    value function learns first: otherwise the first steps undo what it started with (docs/log.md).
    """
    teacher = config.teacher
    if teacher.around:
        return replace(config, teacher=replace(teacher, start=folder))
    first = 20 * teacher.num_envs * teacher.rollout
    return replace(config, teacher=replace(
        teacher, start=folder, assist=0.0, std=min(teacher.std, 0.15), kl=0.02, rate=1e-4,
        rate_high=3e-4, steps=teacher.steps // 2, critic_steps=min(first, teacher.steps // 8)))


def expert(skill: str, recipe: str = "cpu", seed: int = 0, threads: int = 1,
           imitation: bool = True) -> ExpertConfig:
    """Return the config of one expert.

    Args:
        skill: a key of SKILLS or VARIANTS.
        recipe: a key of AGENTS: "paper", "cpu" or "tiny".
        seed: the run's single seed.
        threads: of simulation and learner.
        imitation: False for `without_imitation`.

    Raises:
        MwxError: an unknown skill or recipe; the nearest is named.
    """
    known = SKILLS | VARIANTS
    if skill not in known:
        raise unknown("skill", skill, known)
    if recipe not in AGENTS:
        raise unknown("recipe", recipe, AGENTS)
    config = replace(known[skill](AGENTS[recipe]()), seed=seed, threads=threads)
    if recipe == "tiny":
        small = replace(config.teacher, steps=256, num_envs=4, rollout=32, hidden=32)
        config = replace(config, teacher=small)
    return config if imitation else without_imitation(config)
