"""Precision, compilation and threads change how long an update takes, not what it learns."""

import os
import warnings

import numpy as np
import pytest
import torch
from test_agents_update import EXACT, agent, draws, perturbed, windows

from mwx.agents.compute import Compiled, Compute, matmul_precision, native_bf16, threads
from mwx.agents.config import ComputeConfig, LearnerConfig
from mwx.agents.learner import Learner
from mwx.agents.losses import model_loss, policy_loss
from mwx.maths.two_hot import Support

BF16 = ComputeConfig(precision="bfloat16", compile="off")


def test_tests_compute_on_one_thread_and_so_does_what_they_start():
    assert torch.get_num_threads() == 1 and os.environ["OMP_NUM_THREADS"] == "1"


def test_auto_takes_bf16_where_the_processor_has_it(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    for flags, expected in (("fpu avx2 fma", False), ("avx512f avx512_bf16", True),
                            ("avx512f amx_bf16 amx_tile", True)):
        file.write_text(f"processor : 0\nflags : {flags}\n")
        assert native_bf16("cpu", file) is expected
    assert native_bf16("cpu", tmp_path / "none") is False
    for native in (True, False):
        monkeypatch.setattr("mwx.agents.compute.native_bf16", lambda device, n=native: n)
        assert Compute(ComputeConfig()).bf16 is native
        assert Compute(EXACT).bf16 is False and Compute(BF16).bf16 is True


def test_settings_of_the_process_are_put_back():
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    with pytest.raises(ValueError), threads(before[0] + 1), matmul_precision("medium"):
        assert torch.get_num_threads() == before[0] + 1
        raise ValueError
    with threads(0), Compute(BF16).products():
        assert torch.get_num_threads() == before[0]
    assert before == (torch.get_num_threads(), torch.get_float32_matmul_precision())
    assert not torch.is_autocast_enabled("cpu")


def test_exact_products_have_32_bits():
    x = torch.randn(64, 300, generator=torch.Generator().manual_seed(0))
    exact = x.double() @ x.double().T
    with Compute(EXACT).products():
        error = (x @ x.T - exact).abs().max() / exact.abs().max()
    assert error < 1e-5


def test_bf16_keeps_the_digits_of_the_bins():
    logits = torch.randn(50, 101, generator=torch.Generator().manual_seed(0))
    with Compute(BF16).products():
        assert torch.equal(Support().mean(logits), Support().mean(logits.clone()))
        inside = Support().mean(logits)
    assert torch.equal(inside, Support().mean(logits))


def gradients(compute):
    """Gradients of both losses by parameter, with every last layer alive."""
    model, target, batch = perturbed(0), perturbed(1), windows()
    names = {n: p for n, p in model.named_parameters() if not n.startswith("policy")}
    actor = {n: p for n, p in model.named_parameters() if n.startswith("policy")}
    with Compute(compute).products():
        loss, _, zs = model_loss(model, target, batch, draws(batch), LearnerConfig())
        found = dict(zip(names, torch.autograd.grad(loss, list(names.values())), strict=True))
        loss, _, _ = policy_loss(model, zs, batch, draws(batch), 0.1, torch.ones(()), None, 0.5)
        return found | dict(zip(actor, torch.autograd.grad(loss, list(actor.values())),
                                strict=True))


def test_bf16_gradients_point_the_same_way_and_are_32_bit():
    exact, rounded = gradients(EXACT), gradients(BF16)
    for name, gradient in exact.items():
        assert rounded[name].dtype == torch.float32
        likeness = torch.cosine_similarity(gradient.flatten(), rounded[name].flatten(), 0)
        assert likeness > 0.97, (name, likeness)
    assert not torch.equal(exact["encoder.0.weight"], rounded["encoder.0.weight"])


def test_bf16_losses_stay_beside_the_exact_ones():
    ends = []
    for compute in (EXACT, BF16):
        learner = Learner(5, 2, agent(compute=compute), 0, 40)
        ends.append([learner.update(windows()) for _ in range(20)][-1])
    for name in ("consistency", "reward", "value", "termination"):
        assert ends[1][name] == pytest.approx(ends[0][name], rel=0.05, abs=2e-3), name


def test_without_a_compiler_it_says_so_once_and_goes_on():
    from torch._inductor import config

    function = Compiled(lambda x: (x.sin() * 2 + 1).sum(), torch.device("cpu"))
    x = torch.linspace(0, 1, 5)
    with config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}), \
            warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [function(x).item() for _ in range(3)] == [(x.sin() * 2 + 1).sum().item()] * 3
    said = [str(w.message) for w in caught if "going on without" in str(w.message)]
    assert len(said) == 1 and "install a C++ compiler" in said[0], said


@pytest.mark.slow
def test_compiled_updates_are_the_plain_ones_to_rounding():
    batch, ends = windows(), []
    for compile in ("off", "on"):
        learner = Learner(5, 2, agent(compute=ComputeConfig("float32", compile), advice=1.0), 0, 40)
        terms = [learner.update(batch) for _ in range(20)]
        assert not learner.compute.compiling or learner.model_loss.works
        ends.append(terms[-1])
    assert list(ends[1].values()) == pytest.approx(list(ends[0].values()), rel=1e-3, abs=1e-5)
    assert np.isfinite(list(ends[1].values())).all()
