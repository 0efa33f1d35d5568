"""The torch twins of priors, features, kinematics and router against the numpy originals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mwx.agents.config import AgentConfig, WorldModelConfig
from mwx.agents.world_model import WorldModel
from mwx.errors import MwxError
from mwx.experts import ExpertLibrary
from mwx.experts.config import ExpertConfig, PriorConfig
from mwx.experts.expert import Expert, make_prior
from mwx.experts.features import SIZE
from mwx.experts.kinematics import Limbs, facing, rotation, yaw
from mwx.experts.library import shipped_root
from mwx.experts.prior import ClipPrior
from mwx.integrations.onnx.arms import Arms, solve
from mwx.integrations.onnx.clips import Clips
from mwx.integrations.onnx.graphs import CompositeGraph, ExpertGraph
from mwx.integrations.onnx.pose import ahead, heading, quaternion_products
from mwx.integrations.onnx.session import _made_up
from mwx.maths import rotations
from mwx.motion import Reference
from mwx.robot import H1
from mwx.router import (
    CompositePolicy,
    KeywordRules,
    NetworkConfig,
    Router,
    fixed_mix,
    single_expert,
)
from mwx.router.router import Layout
from mwx.types import Obs

TASK_DIM = 5
SMALL = WorldModelConfig(encoder_dim=24, latent_dim=16, hidden_dim=32, num_q=2)
OTHER = replace(SMALL, hidden_dim=40, encoder_layers=1, activation="relu", normalise=True)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def references():
    stand, walk = (Reference.load(shipped_root() / n / "reference.npz") for n in ("stand", "walk"))
    prone = walk.qpos.copy()
    prone[:, 3:7] = rotations.multiply(prone[:, 3:7], rotations.about("y", np.array(np.pi / 2)))
    return {"stand": stand, "walk": walk, "crawl": replace(walk, qpos=prone),
            "once": replace(walk, loop=False, advance=np.zeros(3))}


def expert(reference, kind="clip", model=SMALL, seed=0, **prior):
    """An expert that nobody trained: its policy is random, not near zero."""
    config = ExpertConfig(prior=PriorConfig(kind, **prior), agent=AgentConfig(model=model))
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        network = WorldModel(SIZE + make_prior(config, reference).extra_dim, H1.act_dim, model)
    generator = torch.Generator().manual_seed(seed)
    for value in network.parameters():
        value.data += 0.2 * torch.randn(value.shape, generator=generator)
    network.obs_std += torch.rand(network.obs_std.shape, generator=generator)
    network.obs_mean += torch.rand(network.obs_mean.shape, generator=generator)
    return Expert(config, reference, network.requires_grad_(False).eval())


@pytest.fixture(scope="module")
def experts(references):
    """Every kind of prior, two architectures, upright and prone, blended in and not."""
    stand = references["stand"]
    return {"stand": expert(stand, ramp_s=0.4), "crawl": expert(references["crawl"], ramp_s=2.0),
            "reach": expert(stand, "reach", OTHER, 1, ramp_s=0.4),
            "walk": expert(references["walk"], model=OTHER, seed=2, start_s=0.5, ramp_s=3.0),
            "reach_two_hands": expert(stand, "reach_two_hands", seed=3, ramp_s=0.0),
            "once": expert(references["once"], seed=4, ramp_s=0.0),
            "carry": expert(references["walk"], "load", seed=5, ramp_s=1.0),
            "goes": expert(references["walk"], "steer", OTHER, 6, start_s=0.5, ramp_s=1.0)}


def router(names, per_group=False, floor=0.0):
    guidance = KeywordRules().guide("door", "reach the door, then walk", dict.fromkeys(names, ""))
    shape = NetworkConfig(hidden=(16,), per_group=per_group, floor=floor)
    made = Router.create(guidance, Layout(51, TASK_DIM, 4 if per_group else 1), shape, 0)
    generator = torch.Generator().manual_seed(0)
    for value in made.network.parameters():
        value.data += 0.5 * torch.randn(value.shape, generator=generator)
    made.network.bias += torch.rand(made.network.bias.shape, generator=generator)
    return made


def start(graph, rows):
    return {port.name: torch.tensor(graph.start[port.name], dtype=port.dtype).expand(
        rows, *port.shape) for port in graph.carries}


def follow(graph, policy, steps=30, rows=3):
    """Step both along made-up observations; return the largest difference, and both carries."""
    carry, mine, draw, worst = start(graph, rows), policy.initial(rows), rng(3), 0.0
    for step in range(steps):
        obs = _made_up(draw, rows, TASK_DIM, named=step % 15 >= 5)
        action, mine = policy(obs, mine)
        with torch.no_grad():
            seen = [torch.tensor(getattr(obs, port.name), dtype=port.dtype)
                    for port in graph.sees]
            given = graph(*seen, *carry.values())
        carry = dict(zip(carry, given[len(graph.gives):], strict=True))
        assert given[1].shape == action.shape
        np.testing.assert_allclose(given[0], H1.to_ctrl(given[1].numpy()), atol=1e-5)
        worst = max(worst, float(np.abs(given[1].numpy() - action).max()))
    return worst, carry, mine


def test_the_rotation_matrix_is_linear_in_the_products():
    quat = rng().standard_normal((7, 4))
    pairs = (quat[:, :, None] * quat[:, None]).reshape(7, 16)
    flat = pairs @ quaternion_products() / (quat**2).sum(-1, keepdims=True)
    np.testing.assert_allclose(flat.reshape(7, 3, 3), rotation(quat), atol=1e-12)


@pytest.mark.parametrize("prone", [False, True])
def test_the_heading_is_the_yaw_of_where_the_robot_faces(prone):
    quat = rng(1).standard_normal((50, 4))
    cos, sin = heading(torch.tensor(rotation(quat)), torch.tensor(ahead(prone)[:, None]))
    angle = yaw(facing(quat, prone))
    np.testing.assert_allclose(cos[:, 0], np.cos(angle), atol=1e-9)
    np.testing.assert_allclose(sin[:, 0], np.sin(angle), atol=1e-9)


def test_a_direction_that_points_straight_up_has_bearing_zero():
    up = torch.tensor(rotation(np.array([[1.0, 0, -1, 0]])))  # the x axis becomes the z axis
    cos, sin = heading(up.round(), torch.tensor([[1.0], [0], [0]], dtype=torch.float64))
    assert (cos.item(), sin.item()) == (1, 0)


def test_a_reference_on_all_fours_is_read_as_one(experts):
    assert experts["crawl"].prior.prone and not experts["walk"].prior.prone


def test_clips_are_the_clip_priors(references):
    priors = [ClipPrior(references["walk"], 0.5, 3.0), ClipPrior(references["stand"]),
              ClipPrior(references["once"], 0.0, 0.4), ClipPrior(references["crawl"])]
    clips, draw = Clips(priors).double(), rng(2)
    time_s, age_s = draw.uniform(0, 900, (40, 4)), draw.uniform(0, 4, (40, 1))
    time_s[:20] = np.round(draw.uniform(0, 3, (20, 4)) / 0.02) * 0.02  # on frames, and in them
    played = clips(torch.tensor(time_s), torch.tensor(age_s))
    blank = Obs(*(np.zeros((40, n)) for n in (51, 51, 0, 3)))
    for k, prior in enumerate(priors):
        carry = replace(prior.initial(40), time_s=time_s[:, k], age_s=age_s[:, 0])
        wanted, _ = prior.look(blank, carry)
        for name in ("ctrl", "phase", "ramp", "speed"):
            np.testing.assert_allclose(getattr(played, name)[:, k], getattr(wanted, name),
                                       atol=1e-6)  # the table is kept in 32 bits


def test_arms_are_the_limbs():
    sites, draw = ("left_hand", "right_hand"), rng(4)
    q = draw.uniform(H1.low, H1.high, (9, 19))
    arms = Arms(sites).double()
    tips, jacobians = arms(torch.tensor(q))
    for n, site in enumerate(sites):
        limb = Limbs([site])
        tip, jacobian = limb.place(q)
        np.testing.assert_allclose(tips[:, n], tip[:, 0], atol=1e-6)
        np.testing.assert_allclose(jacobians[:, n], jacobian, atol=1e-6)
        assert arms.joints[n].tolist() == limb.joints.tolist()


@pytest.mark.parametrize("size", [3, 6])
def test_elimination_solves(size):
    draw = rng(5)
    half = draw.standard_normal((20, size, size))
    matrix, right = half @ half.swapaxes(1, 2) + 0.01 * np.eye(size), \
        draw.standard_normal((20, size, 1))
    found = solve(torch.tensor(matrix), torch.tensor(right), torch.eye(size))
    np.testing.assert_allclose(matrix @ found.numpy(), right, atol=1e-8)


@pytest.mark.parametrize("name", ["stand", "crawl", "reach", "walk", "reach_two_hands", "once",
                                  "carry", "goes"])
def test_an_experts_twin_acts_as_it_does(experts, name):
    worst, carry, mine = follow(ExpertGraph(experts[name]), experts[name])
    assert worst < 1e-5
    np.testing.assert_allclose(carry["time_s"], mine.prior.time_s, atol=1e-12)
    np.testing.assert_allclose(carry["age_s"], mine.prior.age_s, atol=1e-12)
    if "arm" in carry:
        np.testing.assert_allclose(carry["arm"], mine.prior.arm, atol=1e-5)


@pytest.mark.parametrize(("per_group", "mode", "floor"), [
    (False, "blend", 0.0), (True, "blend", 0.05), (True, "top1", 0.0)])
def test_a_composites_twin_acts_as_it_does(experts, per_group, mode, floor):
    library = ExpertLibrary(experts)
    policy = CompositePolicy(router(library.names, per_group, floor), library, mode=mode)
    worst, carry, mine = follow(CompositeGraph(policy), policy)
    assert worst < 2e-5
    np.testing.assert_allclose(carry["mixture"], mine.weights, atol=1e-5)
    np.testing.assert_allclose(carry["progress"], mine.progress, atol=1e-5)


def test_fixed_weights_need_no_router(experts):
    library = ExpertLibrary(experts)
    policy = fixed_mix(library, np.array([0.1, 0.1, 0.2, 0.1, 0.2, 0.1, 0.1, 0.1]))
    graph = CompositeGraph(policy)
    assert "task" not in [port.name for port in graph.sees]
    assert follow(graph, policy, steps=20)[0] < 1e-5


def test_one_hot_weights_are_that_expert(experts):
    library = ExpertLibrary(experts)
    graph = CompositeGraph(single_expert(library, "reach"))
    assert follow(graph, experts["reach"], steps=30)[0] < 1e-5


def test_what_has_no_graph_is_explained(experts):
    planning = Expert(experts["stand"].config, experts["stand"].prior.reference,
                      experts["stand"].model, planned=True)
    with pytest.raises(MwxError, match="policy prior"):
        ExpertGraph(planning)

    class Strangers:
        names, act_dim = ("a", "b"), 19

    with pytest.raises(MwxError, match="not from a Strangers"):
        CompositeGraph(fixed_mix(Strangers(), np.full(2, 0.5)))
