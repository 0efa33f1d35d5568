"""Recipes of the adaptation, and the five variants of Table III as edits of one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mwx import recipes
from mwx.agents.config import AgentConfig
from mwx.baselines.alone import train_alone
from mwx.errors import MwxError, unknown
from mwx.experts.config import TeacherConfig
from mwx.opening import Options
from mwx.router.adapt import adapt
from mwx.router.adapt_config import AdaptConfig, EvaluationConfig
from mwx.router.train import DistillConfig
from mwx.sim.tasks import resolve

TAUGHT_RESIDUAL = 0.5  # [rad] enough to take a step that no expert wants
EVALUATIONS = 10  # of a training shorter than its recipe's, at least: convergence needs a curve


def _beside(agent: AgentConfig, advice: float, half_life: float) -> AgentConfig:
    """Let the mixture drive the first tenth and be cloned with a weight that halves."""
    return replace(agent, learner=replace(agent.learner, advice=advice, advice_half_life=half_life),
                   loop=replace(agent.loop, advised_steps=agent.loop.steps // 10))


def cpu() -> AdaptConfig:
    """Hours, not days, on two cores: the small world model, acting by its policy prior.

    A longer discount than the experts': a task's stages follow each other over many seconds.
    """
    agent = recipes.agent("cpu")
    agent = replace(agent, learner=replace(agent.learner, discount=0.99),
                    loop=replace(agent.loop, steps=500_000, capacity=500_000,
                                 evaluate_every=25_000))
    return AdaptConfig(agent=_beside(agent, 1.0, 2000.0))


def paper() -> AdaptConfig:
    """The paper's sizes and two million steps, planning every action."""
    agent = recipes.agent("paper")
    return AdaptConfig(agent=_beside(agent, 1.0, 50_000.0))


def tiny() -> AdaptConfig:
    """Seconds, for tests; it plans, so that every part is used."""
    agent = recipes.agent("tiny")
    planner = replace(agent.planner, samples=16, policy_samples=4, elites=4, iterations=2)
    agent = replace(agent, planner=planner, loop=replace(
        agent.loop, planned=True, steps=96, evaluate_every=48, log_every=24))
    return AdaptConfig(
        agent=_beside(agent, 1.0, 20.0), demos=1, demo_steps=30,
        distil=DistillConfig(rounds=1, updates=10, batch=32, resets=1, num_envs=1, log_every=10),
        evaluation=EvaluationConfig(episodes=2, card_episodes=2, max_steps=10))


RECIPES: Mapping[str, Callable[[], AdaptConfig]] = MappingProxyType({
    "cpu": cpu, "paper": paper, "tiny": tiny})


@dataclass(frozen=True)
class Variant:
    """One row of Table III.

    Attributes:
        label: as the table names it.
        edit: of the full recipe; None: no mixture at all, the world model alone.
        means: what is left out, in words.
    """

    label: str
    edit: Callable[[AdaptConfig], AdaptConfig] | None
    means: str


def _without_imitation(config: AdaptConfig) -> AdaptConfig:
    return replace(config, alignment=replace(config.alignment, weight=0.0))


VARIANTS: Mapping[str, Variant] = MappingProxyType({
    "full": Variant("full model", lambda c: c,
                    "guidance, trained router, experts, alignment to the routed reference"),
    "no_router": Variant("w/o router", lambda c: replace(c, mixing="guidance"),
                         "the guidance's weights mix the experts, the same in every state"),
    "no_vlm": Variant("w/o VLM", lambda c: replace(c, guidance="rules", router=None),
                      "keyword rules give the guidance of a router that is trained all the same"),
    "no_imitation": Variant("w/o imitation", _without_imitation,
                            "no alignment reward; with --plain-experts, experts trained without "
                            "imitation too"),
    "scratch": Variant("TD-MPC2 from scratch", None,
                       "the same world model and budget on the task's reward alone"),
})


def adaptation(task: str, recipe: str = "cpu", variant: str = "full", *,
               router: str | Path | None = None, experts: str | Path | None = None,
               schedule: str = "router", steps: int | None = None, seed: int = 0,
               threads: int = 1, planned: bool = False, teacher_steps: int = 0,
               progress_weight: float = 0.0) -> AdaptConfig:
    """Return the configuration of one adaptation.

    Args:
        task: e.g. door or h1-door.
        recipe: a key of RECIPES; variant: of VARIANTS.
        router: folder of a router, or of the run that trained it.
        experts: folder of experts.
        schedule: "router" or "paper".
        steps: environment steps in all; the recipe's unless told. What the recipe spreads over its
            steps is spread over these.
        planned: plan while training and in evaluations, also where the recipe does not.
        teacher_steps: environment steps of a PPO teacher before those; 0 for none.
        progress_weight: see AdaptConfig.

    Raises:
        MwxError: an unknown name; the nearest is named.
    """
    if recipe not in RECIPES:
        raise unknown("recipe of an adaptation", recipe, RECIPES)
    if variant not in VARIANTS:
        raise unknown("variant", variant, VARIANTS)
    if schedule not in ("router", "paper"):
        raise unknown("schedule", schedule, ("router", "paper"))
    robot, found = resolve(task)
    config = RECIPES[recipe]()
    agent = _for_steps(config.agent, steps)
    agent = replace(agent, loop=replace(agent.loop, planned=planned or agent.loop.planned))
    config = replace(config, task=f"{robot.name}-{found.name}", agent=agent, schedule=schedule,
                     router=None if router is None else str(router_folder(router)),
                     experts=None if experts is None else str(Path(experts).absolute()),
                     seed=seed, threads=threads, progress_weight=progress_weight)
    edit = VARIANTS[variant].edit
    if teacher_steps and edit is None:
        raise MwxError(f"--teacher-steps {teacher_steps}: the teacher acts around the experts' "
                       f"mixture, and variant '{variant}' has none")
    config = taught(config, teacher_steps) if teacher_steps else config
    return config if edit is None else edit(config)


def taught(config: AdaptConfig, steps: int) -> AdaptConfig:
    """Return the config with a PPO teacher, quiet and in small steps: its start is good already.

    Raises:
        MwxError: less than one rollout.
    """
    teacher = TeacherConfig(kind="ppo", steps=steps, rollout=96, discount=0.99, std=0.1, kl=0.01,
                            rate=5e-5, rate_low=1e-5, rate_high=3e-4, anchor=0.02, critic_rate=5e-4,
                            critic_steps=min(60_000, steps // 10))
    if steps < teacher.rollout * teacher.num_envs:
        raise MwxError(f"--teacher-steps {steps}: a teacher needs at least one rollout, "
                       f"{teacher.rollout * teacher.num_envs} steps; 0 trains none")
    agent = recipes.attentive(config.agent)
    agent = replace(agent, loop=replace(agent.loop, advised_steps=agent.loop.steps * 2 // 5))
    return replace(config, teacher=teacher, residual=TAUGHT_RESIDUAL, agent=agent)


def router_folder(folder: str | Path) -> Path:
    """Return the folder that holds a router: the one given, or router/ inside a run.

    Raises:
        MwxError: there is none.
    """
    folder = Path(folder).absolute()
    for inner in (folder, folder / "router", folder / "mixture"):
        if (inner / "guidance.json").is_file() and (inner / "weights.safetensors").is_file():
            return inner
    raise MwxError(f"{folder}: no router there; `mwx router train TASK` makes one")


def train_variant(config: AdaptConfig, path: str | Path, variant: str = "full",
                  resume: bool = False, compare: bool = True, options: Options | None = None
                  ) -> Path:
    """Train one variant and return the folder of what it trained; see adapt and train_alone."""
    if VARIANTS[variant].edit is not None:
        return adapt(config, path, resume, compare, options)
    return train_alone(config, path, resume, options)


def _for_steps(agent: AgentConfig, steps: int | None) -> AgentConfig:
    if steps is None:
        return agent
    if steps < 1:
        raise MwxError(f"--steps {steps}: a training needs at least one step")
    share = steps / agent.loop.steps
    every = min(agent.loop.evaluate_every, max(1, steps // EVALUATIONS))
    loop = replace(agent.loop, steps=steps, advised_steps=round(agent.loop.advised_steps * share),
                   evaluate_every=every,
                   capacity=min(agent.loop.capacity, max(steps, 8 * agent.loop.num_envs)))
    return replace(agent, loop=loop)
