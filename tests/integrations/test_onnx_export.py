"""Graphs in onnxruntime against the policies in Python, closed loop in the simulation."""

import json
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mwx.cli import main
from mwx.errors import MwxError
from mwx.evaluation.plain_policies import ConstantPolicy
from mwx.experts import load_library
from mwx.robot import H1
from mwx.router import CompositePolicy, FileGuidance, NetworkConfig, Router
from mwx.router.router import Layout
from mwx.sim import make
from mwx.types import Obs

onnx = pytest.importorskip("onnx", reason="needs the extra 'export'")
pytest.importorskip("onnxscript", reason="needs the extra 'export'")
pytest.importorskip("onnxruntime", reason="needs the extra 'export'")

from mwx.integrations.onnx import OPSET, OnnxPolicy, export_policy  # noqa: E402
from mwx.integrations.onnx.session import _made_up  # noqa: E402

STEPS, TASK_DIM = 100, 7  # of the door


@pytest.fixture(scope="module")
def library():
    return load_library(names=("stand", "walk", "reach"))


@pytest.fixture(scope="module")
def routed(library):
    guidance = FileGuidance().guide("door", "Open the door.", library.descriptions)
    router = Router.create(guidance, Layout(51, TASK_DIM, 4),
                           NetworkConfig(hidden=(16,), per_group=True), 0)
    draw = np.random.default_rng(0)
    for value in router.network.parameters():
        value.data += 0.3 * draw.standard_normal(value.shape).astype(np.float32)
    return CompositePolicy(router, library)


@pytest.fixture(scope="module")
def files(library, routed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    policies = {**library.experts, "routed": routed}
    return {name: (policy, export_policy(policy, folder / f"{name}.onnx"))
            for name, policy in policies.items()}


@pytest.mark.parametrize(("name", "task"), [
    ("stand", "stand"), ("walk", "walk"), ("reach", "reach"), ("routed", "door")])
def test_onnxruntime_closes_the_loop_as_python_does(files, name, task):
    """The simulation follows the graph; Python, with its own carry, would do the same."""
    policy, path = files[name]
    graph, env = OnnxPolicy(path), make(task, num_envs=2, seed=1, threads=1)
    obs = env.reset(1)
    carry, mine, worst = graph.initial(2), policy.initial(2), 0.0
    for _ in range(STEPS):
        wanted, mine = policy(obs, mine)
        action, carry = graph(obs, carry)
        worst = max(worst, float(np.abs(action - wanted).max()))
        step = env.step(action)
        obs, rows = step.obs, step.done
        mine, carry = policy.restart(mine, rows), graph.restart(carry, rows)
    assert worst < 1e-4


def test_any_number_of_rows_gives_the_same(files):
    graph = OnnxPolicy(files["routed"][1])
    obs = _made_up(np.random.default_rng(1), 7, TASK_DIM, named=True)
    together = graph.run(obs, graph.initial(7))
    for b in range(7):
        alone = graph.run(obs.rows(np.array([b])), graph.initial(1))
        for name, value in alone.items():
            np.testing.assert_allclose(value[0], together[name][b], atol=2e-6, err_msg=name)


def test_commands_and_weights_are_in_range(files):
    graph = OnnxPolicy(files["routed"][1])
    obs = _made_up(np.random.default_rng(2), 64, TASK_DIM, named=True)
    given = graph.run(obs, graph.initial(64))
    assert given["weights"].shape == (64, 3) and (given["weights"] >= 0).all()
    np.testing.assert_allclose(given["weights"].sum(-1), 1, atol=1e-5)
    assert (abs(given["action"]) <= 1).all()
    np.testing.assert_allclose(given["ctrl"], H1.to_ctrl(given["action"]), atol=1e-5)


def test_a_row_that_restarts_starts_again(files):
    graph = OnnxPolicy(files["reach"][1])
    obs = _made_up(np.random.default_rng(3), 2, 0, named=True)
    _, carry = graph(obs, graph.initial(2))
    back = graph.restart(carry, np.array([True, False]))
    for name, value in graph.initial(2).items():
        np.testing.assert_array_equal(back[name][0], value[0])
        np.testing.assert_array_equal(back[name][1], carry[name][1])


def test_other_guidance_may_be_fed(files, routed):
    _, path = files["routed"]
    graph = OnnxPolicy(path)
    obs = _made_up(np.random.default_rng(4), 3, TASK_DIM, named=True)
    carry = graph.initial(3)
    said, other = routed.router.guidance.weights, np.array([0.0, 0.1, 0.9])
    names = [port.name for port in graph.session.get_overridable_initializers()]
    assert names == ["guidance"]
    plain = graph.run(obs, carry)["weights"]
    for w_v, same in ((said, True), (other, False)):
        seen = {n: getattr(obs, n).astype(np.float32)
                for n in ("proprio", "target", "right_target", "task")}
        told = graph.session.run(["weights"], {**seen, **carry, "guidance": np.float32(w_v)})[0]
        assert np.allclose(told, plain, atol=1e-6) == same


def test_a_graph_says_what_it_is(files):
    facts = OnnxPolicy(files["routed"][1]).facts
    numbers = {key: np.array([float(x) for x in facts[key].split(",")]) for key in (
        "joint_stiffness", "joint_damping", "ctrl_low", "ctrl_high", "action_scale",
        "action_offset", "default_joint_pos", "guidance")}
    assert facts["joint_names"].split(",") == list(H1.joint_names)
    assert facts["skills"] == "stand,walk,reach" and facts["kind"] == "composite"
    np.testing.assert_allclose(numbers["joint_stiffness"], H1.kp)
    np.testing.assert_allclose(numbers["joint_damping"], H1.kv)
    np.testing.assert_allclose(numbers["action_offset"] - numbers["action_scale"], H1.ctrl_low,
                               atol=1e-7)
    assert len(facts["proprio_names"].split(",")) == 51 and facts["control_rate_hz"] == "50"
    features = json.loads(facts["feature_names"])
    assert {n: len(f) for n, f in features.items()} == {"stand": 54, "walk": 54, "reach": 62}
    assert json.loads(facts["references"])["walk"]["licence"] == "Apache-2.0"
    assert facts["mwx_version"] and facts["licence"] and facts["opset"] == str(OPSET)


def test_a_file_stands_alone_and_tells_nothing_of_the_machine(files):
    model = onnx.load(files["walk"][1])
    assert not any(value.external_data for value in model.graph.initializer)
    assert {(o.domain, o.version) for o in model.opset_import} == {("", OPSET)}
    assert str(__file__).split("/tests/")[0].encode() not in files["walk"][1].read_bytes()
    dims = {p.name: p.type.tensor_type.shape.dim[0].dim_param for p in model.graph.input}
    assert set(dims) == {"proprio", "target", "right_target", "time_s", "age_s"}
    assert set(dims.values()) == {"batch"}


def test_the_example_of_the_page_runs(files, monkeypatch):
    """The page's code, three steps of it, sends what the policy in Python would send."""
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    example = page.split("## Use")[1].split("at 50 Hz")[0]
    code = textwrap.dedent(example.strip("\n")).replace("while True", "for _ in range(3)")
    policy, path = files["walk"]
    monkeypatch.chdir(path.parent)
    home = np.concatenate([H1.home_qpos, np.zeros(H1.nv)])[None]
    sent = []
    exec(code, {"read_robot": lambda: home.astype(np.float32), "send_to_servos": sent.append})
    carry, none = policy.initial(1), np.full((1, 3), np.nan)
    for ctrl in sent:
        action, carry = policy(Obs(home, home, home[:, :0], none), carry)
        np.testing.assert_allclose(ctrl, H1.to_ctrl(action[0]), atol=1e-4)
    assert len(sent) == 3


def test_the_verb_writes_and_compares(tmp_path, capsys):
    out = tmp_path / "folder" / "stand.onnx"
    assert main(["export", "stand", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert str(out) in said and float(said.split()[-1]) < 1e-4


def test_mistakes_are_explained(files, tmp_path, monkeypatch):
    with pytest.raises(MwxError, match=r"\.onnx"):
        export_policy(files["stand"][0], tmp_path / "stand.pt")
    with pytest.raises(MwxError, match="ConstantPolicy has no graph"):
        export_policy(ConstantPolicy(np.zeros(19)), tmp_path / "c.onnx")
    with pytest.raises(MwxError, match="no such file"):
        OnnxPolicy(tmp_path / "none.onnx")
    (tmp_path / "damaged.onnx").write_bytes(files["stand"][1].read_bytes()[:1000])
    with pytest.raises(MwxError, match="cannot load"):
        OnnxPolicy(tmp_path / "damaged.onnx")
    stranger = onnx.load(files["stand"][1])
    del stranger.metadata_props[:]
    onnx.save(stranger, tmp_path / "stranger.onnx")
    with pytest.raises(MwxError, match="metadata lacks"):
        OnnxPolicy(tmp_path / "stranger.onnx")
    for missing, act in (("onnxscript", lambda: export_policy(files["stand"][0],
                                                              tmp_path / "s.onnx")),
                         ("onnxruntime", lambda: OnnxPolicy(files["stand"][1]))):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(MwxError, match=r"mwx\[export\]"):
            act()


@pytest.mark.slow
def test_the_other_tracer_gives_the_same_graph(library, tmp_path):
    from mwx.integrations.onnx.session import disagreement
    path = export_policy(library.experts["reach"], tmp_path / "reach.onnx", dynamo=True)
    assert disagreement(library.experts["reach"], path) < 1e-4
