"""Seeing it learn: rates, time left, where the time goes, the best weights, and divergence."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from test_agents_loop import build

from mwx.agents import watch as watching
from mwx.agents.best import Best
from mwx.agents.clock import Clock
from mwx.agents.watch import Watch
from mwx.errors import MwxError
from mwx.progress import Progress, time_left
from mwx.runs import Run, read_json


def test_rates_of_a_resumed_run_are_those_of_this_process(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress("run", 10_000, done=4_000, updates=500)
    now[0] += 10
    rates = progress.update(5_000, 520, {"return": 3.21})
    assert rates == {"steps_per_s": 100.0, "updates_per_s": 2.0}
    assert capsys.readouterr().err == ("run 5,000/10,000 steps, 520 updates, 100 steps/s, "
                                       "2.0 updates/s, 50 s left | return 3.2\n")
    progress.close()


def test_the_live_line_moves_between_logs(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress("run", 1_000)
    for step in (0, 200, 400):
        progress._refreshed = 0.0
        progress.tick(step, step)
    task = progress.bar.tasks[0]
    assert task.completed == 400 and "steps/s" in task.fields["note"]
    progress.note("[not markup]")
    progress.close()


@pytest.mark.parametrize(("steps", "text"), [(0, "0 s"), (4_000, "40 s"), (12_000, "2 min"),
                                             (750_000, "2 h 05 min")])
def test_time_left(steps, text):
    assert time_left(steps, {"steps_per_s": 100.0}) == text
    assert time_left(steps, {"steps_per_s": 0.0}) == "?"


def test_the_clock_accounts_for_all_the_time():
    clock = Clock()
    with clock.part("physics"):
        sum(range(100_000))
    shares = clock.shares()
    assert shares["physics"] > 0 and sum(shares.values()) == pytest.approx(1)
    assert set(clock.shares()) == {"rest"}


def model():
    return torch.nn.Linear(2, 1)


def test_only_better_scores_are_kept(tmp_path):
    best = Best(tmp_path / "weights")
    scores = [3.0, 5.0, 4.0, math.nan, 5.0]
    assert [best.offer(model(), n, {"task_return_mean": s, "alignment_return_mean": 1.0})
            for n, s in enumerate(scores)] == [True, True, False, False, False]
    record = read_json(tmp_path / "weights" / "scores.json")
    assert record["step"] == 1 and record["scores"] == {"task_return_mean": 5.0,
                                                        "alignment_return_mean": 1.0}
    assert {f.name for f in (tmp_path / "weights").iterdir()} == {"scores.json", record["weights"]}
    with safe_open(tmp_path / "weights" / record["weights"], "pt") as file:
        assert set(file.keys()) == {"weight", "bias"}
        assert json.loads(file.metadata()["scores"])["task_return_mean"] == 5.0
    assert Best(tmp_path / "weights").score == 5.0  # an interrupted run goes on from it


def test_an_evaluation_without_a_task_return_keeps_nothing(tmp_path):
    assert not Best(tmp_path / "weights").offer(model(), 1, {"loss": 3.0})
    assert not (tmp_path / "weights").exists()


def test_a_training_keeps_its_best_weights_and_logs_both_returns(tmp_path):
    returns = iter([2.0, 7.0, 1.0])

    def evaluate(model, step):
        return {"task_return_mean": next(returns), "alignment_return_mean": float(step)}
    loop = build(tmp_path, 240, seed_steps=500, evaluate=evaluate, evaluate_every=80)
    loop.train()
    assert read_json(tmp_path / "weights" / "scores.json")["step"] == 160
    rows = [row for row in loop.run.metrics() if "eval/task_return_mean" in row]
    assert [row["eval/alignment_return_mean"] for row in rows] == [80, 160, 240]
    assert Run(tmp_path).checkpoints() == [240]


def test_a_log_line_says_where_the_time_went(tmp_path):
    loop = build(tmp_path, 160, log_every=80)
    loop.train()
    row = loop.run.metrics()[-1]
    parts = [row[f"time/{name}"] for name in ("physics", "learner", "teacher", "rest")]
    assert sum(parts) == pytest.approx(1, abs=0.01) and row["steps_per_s"] > 0


GOOD = {"target": 1.0, "policy_q": 1.0, "gradient_norm": 5.0, "value": 2.0}


def judged(terms, count):
    watch = Watch(discount=0.9, clip=20.0)
    return watch, [watch.judge(GOOD | terms) for _ in range(count)][-1]


def test_good_updates_are_let_be():
    watch, wrong = judged({}, 500)
    assert wrong is None and watch.well


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_noticed_at_once(value):
    assert "value not finite" in judged({"value": value}, 1)[1]


@pytest.mark.parametrize(("terms", "match"), [({"policy_q": -21.0}, "mean |Q| is 21"),
                                              ({"target": 30.0}, "beyond 20"),
                                              ({"gradient_norm": 2001.0}, "100 times the clip")])
def test_what_explodes_is_noticed_after_a_while(terms, match):
    watch, wrong = judged(terms, watching.PATIENCE - 1)
    assert wrong is None and not watch.well
    assert match in watch.judge(GOOD | terms)
    assert watch.judge(GOOD) is None and watch.well


def test_rewards_set_the_limit_of_values():
    watch = Watch(discount=0.99, clip=20.0)
    assert watch.value_limit == pytest.approx(200)
    watch.see_rewards(np.array([-3.0, 2.0]))
    assert watch.value_limit == pytest.approx(600)
    again = Watch(discount=0.99, clip=20.0)
    again.set_state(json.loads(json.dumps(watch.get_state())))
    assert again == watch


@pytest.mark.parametrize("terms", [{"value": math.nan}, {"target": 1e4}, {"gradient_norm": 1e9}])
def test_a_diverging_training_stops_and_names_its_last_good_checkpoint(tmp_path, monkeypatch,
                                                                       terms):
    monkeypatch.setattr(watching, "PATIENCE", 5)
    loop = build(tmp_path, 400, checkpoint_minutes=0.0)
    update = loop.learner.update

    def poisoned(batch):
        bad = terms if loop.step >= 200 else {}
        return update(batch) | bad
    loop.learner.update = poisoned
    with pytest.raises(MwxError, match=r"diverged.*last good checkpoint is \S+/000000192"):
        loop.train()
    rest = build(tmp_path, 240)
    rest.train(resume=True)
    assert rest.step == 240


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    loop = build(tmp_path, 400, checkpoint_minutes=0.0)
    update = loop.learner.update

    def poisoned(batch):
        if loop.step >= 200:
            with torch.no_grad():
                next(loop.learner.model.parameters()).mul_(math.nan)
            return GOOD
        return update(batch)
    loop.learner.update = poisoned
    with pytest.raises(MwxError, match=r"diverged.*000000192"):
        loop.train()
    assert Run(tmp_path).checkpoints()[-1] == 192
