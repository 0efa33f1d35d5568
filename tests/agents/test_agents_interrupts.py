"""Ctrl-C and SIGTERM write a checkpoint first; what goes on from it ends as if never stopped."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from test_agents_loop import build

from mwx.interrupts import Interrupts
from mwx.runs import Run

SIZES = {"steps": 240, "capacity": 400, "seed_steps": 80, "log_every": 80, "evaluate_every": 80,
         "pretrain_updates": 5}


def scored(model, step):
    return {"task_return_mean": float(step)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A training that nobody interrupted: its last checkpoint and its log."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("alone")
    build(path, evaluate=scored, **SIZES).train()
    return Run(path).restore()[1], logged(path)


def logged(path):
    return [{k: v for k, v in row.items() if not k.startswith("time") and "per_s" not in k}
            for row in Run(path).metrics()]


def told(number, times=1):
    for _ in range(times):
        os.kill(os.getpid(), number)


def hooked(place, name, moment, act):
    """Call `act` before the moment-th call of a method."""
    real, calls = getattr(place, name), []

    def method(*args, **kwargs):
        calls.append(1)
        if len(calls) == moment:
            act()
        return real(*args, **kwargs)
    setattr(place, name, method)


WHERE = {"acting": lambda loop: (loop.env, "step", 15), "the first updates": lambda loop:
         (loop.learner, "update", 3), "an update": lambda loop: (loop.learner, "update", 17),
         "an evaluation": lambda loop: (loop, "evaluate", 2), "a log line": lambda loop:
         (loop, "_log", 2), "the last evaluation": lambda loop: (loop, "evaluate", 3)}


@pytest.mark.parametrize("where", WHERE)
def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path, alone, where):
    number = signal.SIGTERM if where in ("acting", "an evaluation") else signal.SIGINT
    before = signal.getsignal(number)
    loop = build(tmp_path, evaluate=scored, **SIZES)
    hooked(*WHERE[where](loop), lambda: told(number))
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        loop.train()
    assert signal.getsignal(number) == before
    assert loop.run.checkpoints() == [loop.step], "it was written then, not at some time before"
    again = build(tmp_path, evaluate=scored, **SIZES)
    again.train(resume=True)
    arrays = Run(tmp_path).restore()[1]
    assert all(np.array_equal(v, arrays[k], equal_nan=True) for k, v in alone[0].items())
    assert logged(tmp_path) == alone[1]
    finished = build(tmp_path, evaluate=scored, **SIZES)
    finished.train(resume=True)  # nothing left to do, nothing is logged twice
    assert logged(tmp_path) == alone[1]


def test_the_second_signal_ends_at_once(tmp_path):
    loop = build(tmp_path, **SIZES)
    hooked(loop.learner, "update", 2, lambda: told(signal.SIGINT, 2))
    with pytest.raises(KeyboardInterrupt):
        loop.train()
    assert not loop.run.resumable and loop.learner.updates == 1


def test_before_the_first_step_there_is_nothing_to_keep(tmp_path):
    loop = build(tmp_path, **SIZES)
    hooked(loop.env, "reset", 1, lambda: told(signal.SIGTERM))
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        loop.train()
    assert not loop.run.resumable


PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from mwx import cli
def verb():
    print("at work", flush=True)
    time.sleep(60)
cli.function = lambda name: verb
raise SystemExit(cli.main(["paper"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_any_verb_ends_with_a_word_and_no_traceback(number):
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        process.send_signal(number)
        assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 130


def test_signals_that_are_ignored_stay_so():
    code = ("import os, signal; from mwx.interrupts import Interrupts\n"
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "with Interrupts() as i: os.kill(os.getpid(), signal.SIGINT)\n"
            "print(i.asked)")
    assert json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                     check=True).stdout.lower()) is False
