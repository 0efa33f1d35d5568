"""The router must learn: on a task of two stages it beats every single expert and the mix."""

import dataclasses

import numpy as np
import pytest
import torch
from router_toy import ConstantLibrary, ToyEnv, at_corner, corner_library

from mwx.errors import MwxError
from mwx.robot import H1
from mwx.router import (
    CompositePolicy,
    DistillConfig,
    FileGuidance,
    ImproveConfig,
    KeywordRules,
    LossConfig,
    NetworkConfig,
    PriorConfig,
    Router,
    ScriptStage,
    fixed_mix,
    literal,
    optimum,
    scripted_demonstrations,
    single_expert,
    train_router,
    uniform_mix,
)
from mwx.router.losses import guidance_weight
from mwx.router.policies import ScriptedSwitch
from mwx.router.priors import fit_prior, for_groups
from mwx.router.states import rollout_pool
from mwx.router.train import grouped
from mwx.runs import Run, read_metrics
from mwx.sim.rollout import rollout

SCRIPT = (ScriptStage("right", at_corner), ScriptStage("up"))
QUICK = DistillConfig(rounds=2, updates=150, rollout_steps=60, log_every=30,
                      loss=LossConfig(half_life=60))


@pytest.fixture(scope="module")
def world():
    torch.set_num_threads(1)
    env, library = ToyEnv(), corner_library()
    guidance = KeywordRules().guide("corner", env.task.text, library.descriptions)
    return env, library, guidance, scripted_demonstrations(env, library, SCRIPT, 3, seed=1)


@pytest.fixture(scope="module")
def router(world, tmp_path_factory):
    env, library, guidance, demos = world
    run = Run.create(tmp_path_factory.mktemp("run"), {}, seed=0, tensorboard=False)
    return train_router(env, library, guidance, demos, QUICK, run), run


def mean_return(policy, seed=77):
    return rollout(policy, ToyEnv(), seed).task_return.mean()


def test_demonstrations_are_labelled_by_who_acted(world):
    _, library, _, demos = world
    assert len(demos) == 3 and all(d.experts == library.names and d.success for d in demos)
    for demo in demos:
        corner = demo.task_state[:, 0] > -0.06
        assert (demo.expert[corner] == 1).all() and (demo.expert[~corner] == 0).all()


def test_composite_beats_every_expert_and_the_uniform_mix(world, router):
    _, library, guidance, _ = world
    routed = mean_return(CompositePolicy(router[0], library))
    others = [single_expert(library, n) for n in library.names]
    others += [uniform_mix(library), fixed_mix(library, guidance.weights)]
    best = max(mean_return(p) for p in others)
    assert routed > best + 0.5 and routed > 1.7  # the whole way is worth about 2


def test_what_failed_is_left_out_where_others_succeeded(world):
    env, library, guidance, demos = world
    config = dataclasses.replace(QUICK, rounds=1, updates=2)
    mixed = [demos[0], dataclasses.replace(demos[1], success=False)]
    failed = [dataclasses.replace(demo, success=False) for demo in mixed]

    def used(shown, successes=True):
        made = train_router(env, library, guidance, shown,
                            dataclasses.replace(config, successes=successes))
        return [demo["success"] for demo in made.provenance["demonstrations"]]
    assert used(mixed) == [True]
    assert used(mixed, successes=False) == [True, False]
    assert used(failed) == [False, False]


def test_the_script_labels_the_states_that_the_router_gets_into(world):
    """Half way between the experts no demonstration has been; the script knows what it would do."""
    env, library, _, demos = world
    script = ScriptedSwitch(library, SCRIPT)
    policy = fixed_mix(library, np.array([0.6, 0.2, 0.2]))
    pool = rollout_pool(policy, env, fit_prior(demos, 1, PriorConfig()), 50, 0, script, 0.03)
    corner = pool.features[:, -2] > -0.06
    expected = np.where(corner[:, None], [0.01, 0.98, 0.01], [0.98, 0.01, 0.01])
    assert corner.any() and not corner.all()
    np.testing.assert_allclose(pool.prior[:, 0], expected)


def test_labels_serve_any_joint_groups():
    shares = np.random.default_rng(0).dirichlet(np.ones(3), (5, 4))  # (T, G, K)
    assert np.array_equal(for_groups(shares, 4), shares)
    np.testing.assert_allclose(for_groups(shares, 1)[:, 0], shares.mean(1))
    repeated = for_groups(shares[:, :1], 4)
    assert repeated.shape == (5, 4, 3) and (repeated == shares[:, :1]).all()


def test_top1_mode_also_learns(world, router):
    policy = CompositePolicy(router[0], world[1], mode="top1")
    assert mean_return(policy) > 1.7


def test_weights_switch_at_the_corner(world, router):
    env, library = ToyEnv(num_envs=1), world[1]
    policy = CompositePolicy(router[0], library, smoothing_s=0)
    obs, carry, leaders = env.reset(5), policy.initial(1), []
    for _ in range(45):
        action, carry = policy(obs, carry)
        leaders.append(int(carry.shares[0].argmax()))
        assert np.isclose(carry.weights.sum(-1), 1).all() and (carry.weights >= 0).all()
        obs = env.step(action).obs
    assert leaders[0] == 0 and leaders[-1] == 1 and set(leaders) == {0, 1}
    assert np.abs(np.diff(leaders)).sum() == 1  # one switch, no flutter


def test_progress_so_far_never_falls(router):
    obs = ToyEnv().reset(4)  # the start: nothing done yet
    _, progress = router[0].weights(obs, np.full(4, 0.9))
    np.testing.assert_array_equal(progress, 0.9)
    _, first = router[0].weights(obs, np.zeros(4))
    assert (first >= 0).all() and (first < 0.1).all()


def test_everything_is_logged(router):
    trained, run = router
    rows = read_metrics(run.path / "metrics.jsonl")
    names = {"loss", "loss_task", "loss_demo", "kl_task", "kl_demo", "entropy", "guidance_weight",
             "loss_progress", "usage_right", "usage_up", "usage_stay",
             "demo_right", "demo_up", "demo_stay"}
    assert names <= set(rows[-1]) and rows[-1]["step"] == 299
    assert rows[-1]["kl_demo"] < rows[0]["kl_demo"]
    assert trained.provenance["states"] == {"demonstrations": 180, "rollouts": 240, "resets": 16}
    loaded = Router.load(run.path / "router")
    obs = ToyEnv().reset(3)
    for one, other in zip(loaded.weights(obs, np.zeros(4)), trained.weights(obs, np.zeros(4)),
                          strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.provenance["seed"] == 0 and loaded.guidance.title == "w_v: rules"


def test_training_repeats_bit_for_bit(world):
    env, library, guidance, demos = world
    config = dataclasses.replace(QUICK, updates=20)
    one, two = (train_router(env, library, guidance, demos, config) for _ in range(2))
    for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_literal_mode_reaches_the_closed_form(world):
    """With constant priors the best a router can do is one constant vector; it gets there."""
    env, library, guidance, demos = world
    config = literal(dataclasses.replace(
        QUICK, rounds=1, updates=600, rollout_steps=0, log_every=600,
        loss=LossConfig(lambda0=1.0, half_life=1e9, beta=0.1)))
    trained = train_router(env, library, guidance, demos, config)
    from mwx.router.priors import fit_prior
    shares = fit_prior(demos, 1, config.prior)(np.zeros((1, 1)), np.zeros(1))[0, 0]
    best = optimum(guidance.weights, shares, guidance_weight(600, config.loss), 0.1)
    weights, _ = trained.weights(demos[0].obs, demos[0].progress)
    np.testing.assert_allclose(weights[:, 0], np.broadcast_to(best, (60, 3)), atol=0.02)


@pytest.mark.parametrize("kind", ["progress", "constant"])
def test_other_priors_train(world, kind):
    env, library, guidance, demos = world
    config = dataclasses.replace(QUICK, prior=PriorConfig(kind=kind), updates=150)
    value = mean_return(CompositePolicy(train_router(env, library, guidance, demos, config),
                                        library))
    assert (value > 1.5) == (kind == "progress")


@pytest.mark.parametrize("kind", ["select", "evolve"])
def test_the_return_term_never_chooses_worse(world, kind):
    env, library, guidance, demos = world
    config = dataclasses.replace(
        QUICK, updates=60, prior=PriorConfig(kind="progress"),
        improve=ImproveConfig(kind=kind, generations=2, population=4))
    trained = train_router(env, library, guidance, demos, config)
    scores = [row["task_return"] for row in trained.provenance["improvement"]]
    policy = CompositePolicy(trained, library)
    assert rollout(policy, env, config.seed + 5000).task_return.mean() == pytest.approx(max(scores))
    assert len(scores) == (6 if kind == "select" else 3)


def test_mistakes_are_explained(world):
    env, library, guidance, demos = world
    with pytest.raises(MwxError, match="no demonstrations"):
        train_router(env, library, guidance, [], QUICK)
    other = ConstantLibrary(("right", "up"), library.actions[:2])
    with pytest.raises(MwxError, match="refers to the experts right, up, stay"):
        train_router(env, other, guidance, demos, QUICK)
    trained = train_router(env, library, guidance, demos, dataclasses.replace(QUICK, updates=1))
    with pytest.raises(MwxError, match="train the router again"):
        CompositePolicy(trained, other)
    with pytest.raises(MwxError, match=r"'upp'.*did you mean 'up'"):
        single_expert(library, "upp")


def test_a_damaged_router_is_refused(router, tmp_path):
    import shutil
    folder = shutil.copytree(router[1].path / "router", tmp_path / "r")
    (folder / "weights.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(MwxError, match=r"weights\.safetensors: damaged"):
        Router.load(folder)
    with pytest.raises(MwxError, match="no such file"):
        Router.load(tmp_path / "absent")


def test_joint_groups_learn_their_own_experts_in_the_real_door():
    """Legs walk while the left arm already reaches: what one set of weights cannot say."""
    from mwx.sim import make
    env = make("h1-door", num_envs=2, seed=0, threads=1)
    home = H1.to_action(H1.home_joints)
    library = ConstantLibrary(("stand", "walk", "reach"), np.stack([home, 0.9 * home, 0.8 * home]))
    guidance = FileGuidance().guide("door", env.task.text, library.descriptions)
    script = (ScriptStage("stand", lambda obs: obs.proprio[:, 2] < 0.93),
              ScriptStage(("walk", "walk", "reach", "stand")))
    demos = scripted_demonstrations(env, library, script, 2, seed=0)
    plain = DistillConfig(rounds=1, updates=120, loss=LossConfig(half_life=20))
    config = grouped(plain, demos)
    assert config == dataclasses.replace(plain, network=NetworkConfig(per_group=True))
    router = train_router(env, library, guidance, demos, config)
    weights, progress = router.weights(demos[0].obs, np.maximum.accumulate(demos[0].progress))
    late = demos[0].proprio[:, 2] < 0.9
    assert late.any() and weights.shape[1:] == (4, 3) and (np.diff(progress[late]) < 1).all()
    assert [int(w.argmax()) for w in weights[late].mean(0)] == [1, 1, 2, 0]
    assert (weights[:5].mean(0).argmax(-1) == 0).all()
    with pytest.raises(MwxError, match=r"trained for 'door' with 51 \+ 7 observed numbers"):
        router.weights(ToyEnv().reset(0), np.zeros(4))
