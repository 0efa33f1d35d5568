"""The reward switcher: whose reference is rewarded, what enters the learner, exact continuation."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mwx.agents.config import PlannerConfig
from mwx.agents.loop import Loop
from mwx.agents.normaliser import FLOOR
from mwx.agents.planner import plan, shift
from mwx.agents.world_model import WorldModel
from mwx.baselines.adaptation import adaptation
from mwx.errors import MwxError
from mwx.experts import load_library
from mwx.experts.alignment import alignment_reward
from mwx.experts.library import expert_folders
from mwx.router import TABLE_IV_SCHEDULES, CompositePolicy, reference_expert
from mwx.router import adapted as adapted_module
from mwx.router.adapt import _aligned, adapt, play, returns_of, rivals
from mwx.router.adapt_config import AdaptConfig
from mwx.router.adapt_env import AdaptEnv
from mwx.router.adapted import Adapted, AdaptedCarry, load_adapted
from mwx.router.candidates import plan_among
from mwx.router.mixture import Mixture
from mwx.runs import Run, read_json, read_metrics
from mwx.sim import make
from mwx.sim.rollout import Episodes

NAMES = ("stand", "walk", "reach")


@dataclass(frozen=True)
class RowByRow:
    """Row b follows expert b + (steps so far) // 3; with groups, each joint group another one."""

    groups: int = 1
    experts: tuple[str, ...] = NAMES

    def weights(self, obs, progress):
        rows = np.arange(len(progress))[:, None] + np.arange(self.groups)
        leading = (rows + np.round(progress[:, None] * 100).astype(int) // 3) % len(NAMES)
        return 0.1 + 0.7 * np.eye(len(NAMES))[leading], progress + 0.01  # (B, G, K)


@pytest.fixture(scope="module")
def library():
    torch.set_num_threads(1)
    return load_library(names=NAMES)


@pytest.fixture
def world(library):
    def build(rows=3, groups=1, seed=0, **changes):
        config = replace(AdaptConfig(), **changes)
        composite = CompositePolicy(RowByRow(groups), library, smoothing_s=0.0)
        return AdaptEnv(make("door", rows, seed, 1), Mixture(composite, library, config), seed)
    return build


def test_the_alignment_follows_the_routed_expert(world, library):
    env = world()
    for _ in range(5):
        view, carry, raw = env.view, env.carry, env.env.obs
        leading = view.shares.argmax(-1)
        for row, i in enumerate(leading):
            target = library.experts[NAMES[i]].phase_aligned(raw, carry.experts[i])
            assert np.array_equal(view.q[row], target.q[row])
            assert np.array_equal(view.qd[row], target.qd[row])
        step = env.step(np.zeros((3, 19)))
        p = step.final_obs.proprio
        expected = alignment_reward(p[:, 7:26], p[:, 32:51], view.q, view.qd, np.ones(19),
                                    env.mixture.config.alignment)
        assert np.allclose(step.terms["alignment_return"], expected, atol=0)
        assert np.allclose(step.reward, step.terms["task_return"] + expected)


def test_progress_is_paid_once_and_lost_with_a_fall(world):
    """What is paid along an episode adds up to where it has got; a fall takes all of it back."""
    plain, paid = world(rows=2, seed=3), world(rows=2, seed=3, progress_weight=10.0)
    at_first, extra, falls = paid.progress.copy(), np.zeros(2), 0
    before, draw = paid.progress.copy(), np.random.default_rng(0)
    for _ in range(150):
        action = draw.uniform(-1, 1, (2, 19))
        one, two = plain.step(action), paid.step(action)
        more = two.reward - one.reward
        extra += more
        np.testing.assert_allclose(more[two.terminated], -10 * before[two.terminated], atol=1e-9)
        falls += int(two.terminated.sum())
        extra[two.done], at_first[two.done] = 0.0, paid.progress[two.done]
        before = paid.progress.copy()
        np.testing.assert_allclose(extra, 10 * (paid.progress - at_first), atol=1e-9)
    assert falls and not plain.progress.any()
    assert np.array_equal(paid.cut(np.ones(2, bool)).vector, paid.view.vector)


def test_rewards_add_up_with_their_weights_and_ends(world):
    """One row falls, two meet the time limit: what is paid, what is seen, who starts anew."""
    env = world(task_weight=0.5, progress_weight=10.0)
    env.env.max_steps = 2
    env.env.physics.joint_position("door_hatch_hinge")[:] = 1.0
    first = env.step(np.zeros((3, 19)))
    assert not first.done.any() and (env.progress > 0.05).all() and env.carry.started.all()
    before, view = env.progress.copy(), env.view
    env.env.physics.base_height[0] = 0.3
    step = env.step(np.zeros((3, 19)))
    assert step.terminated.tolist() == [True, False, False] == (~step.truncated).tolist()
    p = step.final_obs.proprio
    aligned = alignment_reward(p[:, 7:26], p[:, 32:51], view.q, view.qd, np.ones(19),
                               env.mixture.config.alignment)
    np.testing.assert_allclose(step.terms["alignment_return"], aligned, atol=0)
    gained = [-before[0], 0, 0]  # the fall takes it back; a limit neither pays nor takes
    np.testing.assert_allclose(step.reward, 0.5 * step.terms["task_return"] + aligned
                               + 10 * np.array(gained), atol=1e-12)
    assert not env.carry.started.any()
    size = step.obs.vector.shape[1] - 19 - 2 * len(NAMES) - 19
    assert (step.final_obs.vector[:, size:] != step.obs.vector[:, size:]).any(1).all()
    assert step.final_obs.vector[0, 2] < 0.58 and step.obs.vector[0, 2] > 0.9


def test_the_learner_observes_action_shares_stage_and_reference(library):
    class LegsApart:
        experts, groups = NAMES, 4

        def weights(self, obs, progress):
            leading = np.array([0, 1, 1, 1])  # the legs follow another expert than the rest
            return np.eye(3)[leading][None].repeat(len(progress), 0), progress

    agent = AdaptConfig().agent
    for normalise in (True, False):
        config = replace(AdaptConfig(), agent=replace(agent, model=replace(
            agent.model, normalise=normalise)))
        mixture = Mixture(CompositePolicy(LegsApart(), library), library, config)
        env = AdaptEnv(make("door", 2, 0, 1), mixture, 0)
        view = env.view
        assert view.stage.tolist() == [1, 1] and np.allclose(view.shares, [0.25, 0.75, 0])
        told = [0, FLOOR if normalise else 1.0, 0]
        expected = np.concatenate([env.env.obs.vector, view.action, view.shares,
                                   np.tile(told, (2, 1)), view.q], 1)
        np.testing.assert_allclose(view.vector, expected.astype(np.float32), atol=0)
        far, most = (mixture.command(view, np.full((2, 19), x)) for x in (50.0, 1.0))
        assert np.array_equal(far, most)


def test_an_adapted_policy_plans_anew_in_a_new_episode():
    policy = object.__new__(Adapted)
    policy.mixture = SimpleNamespace(restart=lambda carry, rows: (carry, rows.tolist()))
    carry = policy.restart(AdaptedCarry("composite", torch.ones(2, 3, 4)), np.array([True, False]))
    assert carry.composite == ("composite", [True, False])
    assert carry.plan[0].abs().sum() == 0 and (carry.plan[1] == 1).all()


def test_a_plan_starts_from_the_last_one_and_draws_the_same_noise(monkeypatch):
    seen = []

    def planned(model, z, plans, offered, config, discount, noise, sample):
        seen.append((plans.clone(), noise.initial_seed(), sample))
        return SimpleNamespace(action=plans[:, 0], mean=plans + torch.arange(1.0, 4)[:, None])

    monkeypatch.setattr(adapted_module, "plan_among", planned)
    model, config = object.__new__(WorldModel), AdaptConfig(seed=5)
    model.__dict__.update(obs_dim=1, encode=lambda vector: vector)
    mixture = SimpleNamespace(
        act_dim=2, config=config, initial=lambda rows: None,
        look=lambda obs, carry, step: SimpleNamespace(vector=np.float32([[len(seen)]]), after=None),
        candidates=lambda view: np.zeros((1, 0, 2)), command=lambda view, action: action)
    policy = Adapted(mixture, model, 0, planned=True)
    carry = policy.initial(1)
    for _ in range(2):
        _, carry = policy(None, carry)
    assert torch.equal(seen[1][0], shift(torch.tensor([[[1.0, 1], [2, 2], [3, 3]]])))
    assert [x[1:] for x in seen] == [(5, False)] * 2 and seen[0][0].abs().sum() == 0


def test_returns_on_a_card_by_hand():
    played = Episodes(np.array([1.0, 2.0, 6.0]), np.array([1, 2, 3]), np.zeros(3, bool))
    card = returns_of(played, 2.0)
    assert card["task_return_mean"] == 3 and card["length_mean"] == 2
    assert card["task_return_std"] == pytest.approx(np.sqrt(7))
    assert card["task_return_stderr"] == pytest.approx(np.sqrt(7 / 3))
    assert card["success_rate"] == pytest.approx(2 / 3) and card["returns"] == [1, 2, 6]
    after = np.random.default_rng(0).normal(size=(1, 51))
    final = SimpleNamespace(proprio=after)
    view = SimpleNamespace(q=after[:, 7:26], qd=after[:, 32:51])
    told = _aligned(SimpleNamespace(proprio=0 * after), None, SimpleNamespace(view=view),
                    SimpleNamespace(final_obs=final, obs=SimpleNamespace(proprio=1 + after)))
    assert told["alignment_return"] == pytest.approx(1)


def test_joint_groups_align_with_their_own_expert(world, library):
    env = world(rows=1, groups=4)
    targets = [library.experts[n].phase_aligned(env.env.obs, c).q[0]
               for n, c in zip(NAMES, env.carry.experts, strict=True)]
    legs, left_arm = slice(0, 10), slice(11, 15)
    assert np.array_equal(env.view.q[0, legs], targets[0][legs])
    assert np.array_equal(env.view.q[0, left_arm], targets[2][left_arm])


def test_the_logged_stage_is_the_routers_choice(world):
    env, counted = world(), np.zeros(3)
    for _ in range(7):
        expected = env.mixture.composite.router.weights(
            env.env.obs, env.carry.progress)[0].mean(1).argmax(-1)
        assert np.array_equal(env.view.stage, expected)
        terms = env.step(np.zeros((3, 19))).terms
        logged = np.stack([terms[f"stage_{n}"] for n in NAMES], -1)
        assert np.array_equal(logged.argmax(-1), expected) and (logged.sum(-1) == 1).all()
        counted += logged.sum(0)
    shares = env.stage_shares()
    assert [shares[f"stage/{n}"] for n in NAMES] == pytest.approx(counted / counted.sum())
    assert sum(env.stage_shares().values()) == 0


@pytest.mark.parametrize("total", [2_000_000, 1_000])
def test_schedule_paper_is_the_table_stretched_to_the_training(world, total):
    agent = AdaptConfig().agent
    env = world(schedule="paper", agent=replace(agent, loop=replace(agent.loop, steps=total)))
    table = TABLE_IV_SCHEDULES["door"]
    assert [name for _, name in table] == list(NAMES)
    for end, name in table:
        edge = round(end * total / 2_000_000)
        env.trained = edge - env.num_envs
        env._look(env.env.obs)
        assert {NAMES[i] for i in env.view.stage} == {name}
        env.step(np.zeros((3, 19)))  # the next step is past the edge
        following = reference_expert(table, edge, total)
        assert {NAMES[i] for i in env.view.stage} == {following}


def test_schedule_paper_needs_its_experts_and_its_task(library):
    composite = CompositePolicy(RowByRow(), library)
    with pytest.raises(MwxError, match="task in Table IV 'stand'"):
        Mixture(composite, library, AdaptConfig(task="h1-stand", schedule="paper"))
    fewer = library.subset(("stand", "walk"))
    with pytest.raises(MwxError, match="'reach'"):
        Mixture(composite, fewer, AdaptConfig(schedule="paper"))


@pytest.mark.parametrize("base", ["residual", "advice"])
def test_advice_does_what_the_mixture_does_and_candidates_what_the_experts_do(world, base):
    env = world(base=base, residual=10.0)
    mixture, view = env.mixture, env.view
    assert np.allclose(mixture.command(view, env.advise(env.env.obs)), view.action)
    offered = mixture.candidates(view)  # (B, 1 + K, A)
    assert offered.shape == (3, 4, 19) and (abs(offered) <= 1).all()
    for k in range(3):
        assert np.allclose(mixture.command(view, offered[:, k + 1]), view.proposals[:, k])


def test_a_residual_reaches_no_further_than_told(world):
    env = world(residual=0.2)
    from mwx.robot import H1
    moved = H1.to_ctrl(env.mixture.command(env.view, np.ones((3, 19)))) - \
        H1.to_ctrl(env.view.action)
    assert (moved <= 0.2 + 1e-9).all() and np.isclose(moved, 0.2).mean() > 0.9


def test_a_saved_state_continues_bit_for_bit(world):
    one, other = world(), world(seed=9)
    actions = np.random.default_rng(0).uniform(-1, 1, (24, 3, 19))
    for a in actions[:12]:
        one.step(a)
    other.set_state(one.get_state())
    for a in actions[12:]:
        x, y = one.step(a), other.step(a)
        assert np.array_equal(x.obs.vector, y.obs.vector) and np.array_equal(x.reward, y.reward)
    assert one.stage_shares() == other.stage_shares() and one.trained == other.trained == 72


class OneGoodAction:
    """A latent model that pays for one action only, at every step."""

    act_dim = 2
    good = torch.tensor([0.9, -0.7])

    def next(self, z, action):
        return z

    def reward(self, z, action):
        return -1e3 * (action - self.good).square().sum(-1), torch.ones(len(z))

    def q(self, z, action, reduce="mean", members=None):
        return torch.zeros(len(z))

    def pi(self, z, noise=None):
        a = torch.zeros(len(z), 2) if noise is None else 0.01 * noise
        return a, torch.zeros(len(z)), a


@pytest.mark.parametrize("start", ["plan", "policy"])
def test_a_candidate_is_tried_and_none_changes_nothing(start):
    model, z = OneGoodAction(), torch.zeros(3, 4)
    config = PlannerConfig(samples=8, policy_samples=4, elites=2, iterations=2, start=start,
                           std_start=0.05, std_max=0.1, std_min=0.0)
    def planned(candidates):
        return plan_among(model, z, torch.zeros(3, 3, 2), candidates, config, 0.99,
                          torch.Generator().manual_seed(0), sample=False)
    plain = plan(model, z, torch.zeros(3, 3, 2), config, 0.99, torch.Generator().manual_seed(0),
                 sample=False)
    assert torch.equal(planned(torch.zeros(3, 0, 2)).mean, plain.mean)
    offered = torch.stack([model.good, torch.zeros(2)]).expand(3, 2, 2)
    assert (plain.action - model.good).abs().max() > 0.3
    assert torch.allclose(planned(offered).action, model.good.expand(3, 2), atol=0.02)
    with pytest.raises(MwxError, match="5 candidates for 4 samples"):
        planned(torch.zeros(3, 5, 2))


def test_candidates_stand_where_they_were_offered_whatever_was_planned():
    model = OneGoodAction()
    config = PlannerConfig(samples=8, policy_samples=4, elites=2, iterations=2, start="plan",
                           std_start=0.05, std_max=0.1, std_min=0.0)
    before = torch.full((3, 3, 2), -0.5)
    offered = model.good.expand(3, 1, 2)
    result = plan_among(model, torch.zeros(3, 4), before, offered, config, 0.99,
                        torch.Generator().manual_seed(0), sample=False)
    assert torch.allclose(result.action, model.good.expand(3, 2), atol=0.02)


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    """A folder of three of the shipped experts."""
    folder, shipped = tmp_path_factory.mktemp("experts"), expert_folders()
    for name in NAMES:
        (folder / name).symlink_to(shipped[name])
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, experts):
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("adapt") / "door"
    return path, adapt(adaptation("door", "tiny", experts=experts), path)


def test_the_card_holds_the_rivals_and_is_reproduced(trained):
    path, folder = trained
    card = read_json(folder / "card.json")
    assert set(card["compared"]) == {"composite, not adapted", "uniform mix", "stand alone",
                                     "walk alone", "reach alone"}
    policy = load_adapted(path, planned=True)
    again = play(policy, policy.mixture.config, 2, card["evaluation"]["seed"])
    assert [round(float(x), 6) for x in again.task_return] == card["returns"]
    composite = rivals(policy.mixture)["composite, not adapted"]
    again = play(composite, policy.mixture.config, 2, card["evaluation"]["seed"])
    assert again.task_return.mean() == card["compared"]["composite, not adapted"][
        "task_return_mean"]
    rows = [r for r in read_metrics(path / "metrics.jsonl") if "stage/walk" in r]
    assert rows and all(sum(v for k, v in r.items() if k.startswith("stage/")) == pytest.approx(1)
                        for r in rows)


def test_the_stages_are_drawn(trained):
    from mwx.evaluation.stages import draw_run, read_episode, show_card
    episode = read_episode(trained[1] / "episode.npz")
    assert np.array_equal(episode["stage"], episode["shares"].argmax(-1))
    assert draw_run(trained[1]).read_bytes()[:4] == b"\x89PNG"
    assert "composite, not adapted" in show_card(trained[1])


def test_an_adaptation_resumes_bit_for_bit(trained, experts, tmp_path):
    """Interrupted after its first updates, a run ends as one that was left alone."""
    path, _ = trained
    config = adaptation("door", "tiny", experts=experts)
    often = replace(config.agent, loop=replace(config.agent.loop, checkpoint_minutes=0.0))

    def stop(self):
        save(self)
        if self.step >= 60:
            raise KeyboardInterrupt
    save, Loop.save = Loop.save, stop
    try:
        with pytest.raises(KeyboardInterrupt):
            adapt(replace(config, agent=often), tmp_path / "half")
    finally:
        Loop.save = save
    adapt(config, tmp_path / "half", resume=True)
    step, arrays, _ = Run(path).restore()
    again, others, _ = Run(tmp_path / "half").restore()
    assert step == again and arrays.keys() == others.keys()
    for name, value in arrays.items():
        assert np.array_equal(value, others[name], equal_nan=True), name


@pytest.mark.parametrize(("changes", "hint"), [
    ({"task": "h1hand-door"}, "h1-door"), ({"task": "h1-maze"}, "task with a script"),
    ({"task": "h1-stand", "schedule": "paper"}, "Table IV")])
def test_what_cannot_be_adapted_is_told_first(changes, hint, tmp_path):
    with pytest.raises(MwxError, match=hint):
        adapt(replace(AdaptConfig(), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_mistakes_name_the_nearest(tmp_path):
    with pytest.raises(MwxError, match="did you mean 'tiny'"):
        adaptation("door", "tinny")
    with pytest.raises(MwxError, match="did you mean 'no_vlm'"):
        adaptation("door", variant="no-vlm")
    with pytest.raises(MwxError, match="no router there"):
        adaptation("door", router=tmp_path)
