"""The local pool and the schedule: shares, retries, results, stopping, going on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from mwx.errors import MwxError
from mwx.fleet import Fleet, record
from mwx.fleet.attempt import Attempt, take_lock
from mwx.fleet.local import LocalPool
from mwx.runs import Run, read_json


def run(jobs, root, cpus=2.0, **options):
    fleet = Fleet(jobs, root, pause_s=0.01, **options)
    return {row["name"]: row for row in fleet.run(lambda: LocalPool(cpus))}


def test_failures_are_reported_and_stop_nobody(standins, tmp_path):
    rows = run(standins("good", "bad", "once", "silent", "good"), tmp_path)
    good, bad, once = rows["stand-good-0"], rows["stand-bad-1"], rows["stand-once-2"]
    assert good["status"] == rows["stand-good-4"]["status"] == once["status"] == "finished"
    assert good["attempts"] == 1 and good["returns"] == [10.0, 11.0] and good["reason"] == ""
    assert bad["status"] == "failed" and bad["attempts"] == 3
    assert bad["reason"] == "error: it cannot be done (exit code 1)"
    assert [a["from_step"] for a in once["history"]] == [0, 50]
    assert once["history"][0]["reason"] == "killed by SIGKILL"
    assert rows["stand-silent-3"]["reason"] == "ended without a card: at work"
    file = read_json(tmp_path / "results.json")
    assert {row["name"]: row for row in file["jobs"]} == rows
    good = next(row for row in file["summary"] if row["recipe"] == "good")
    assert good == {"skill": "stand", "recipe": "good", "seeds": [0, 4],
                    "task_return_mean": 12.0, "task_return_stderr": 2.0}


def test_a_second_call_redoes_nothing_and_tries_again_what_failed(standins, tmp_path):
    jobs = standins("good", "bad")
    run(jobs, tmp_path, retries=0)
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "stand-good-0").rglob("*")}
    rows = run(jobs, tmp_path, retries=0)
    assert before == {f: f.stat().st_mtime_ns for f in (tmp_path / "stand-good-0").rglob("*")}
    assert rows["stand-good-0"]["attempts"] == 1 and rows["stand-bad-1"]["attempts"] == 2
    # a call for one job only keeps what the file says of the others, and needs no engine
    Fleet(jobs[:1], tmp_path).run(lambda: pytest.fail("an engine for nothing"))
    assert len(read_json(tmp_path / "results.json")["jobs"]) == 2


def test_no_more_jobs_at_once_than_processors(standins, tmp_path):
    peak = []

    def watch(states):
        peak.append(sum(state.status in ("queued", "running") for state in states))
    run(standins("good", "good", "good", cpus=0.5), tmp_path, cpus=1.0, watch=watch)
    assert max(peak) == 2
    threads = (tmp_path / "stand-good-0" / "threads").read_text()
    assert threads == "1 1\n"


def test_gpus_are_shared_by_fractions(monkeypatch):
    from mwx.fleet import local
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    pool = local.LocalPool(8, None)
    taken = []
    for gpus in (0.5, 0.25, 1.0):
        shares = pool._place(gpus)
        taken.append(shares)
        for device, share in (shares or {}).items():
            pool._free_gpus[device] -= share
    assert taken == [{"3": 0.5}, {"3": 0.25}, {"5": 1.0}]
    assert pool._place(0.5) is None and pool._place(0.25) == {"3": 0.25}
    with pytest.raises(MwxError, match="names 2"):
        local.visible_gpus(3)


def test_what_can_never_fit_is_refused(standins):
    with pytest.raises(MwxError, match="--cpus-per-job 4 is more than the 2"):
        LocalPool(2.0, 0, standins("good", cpus=4.0))
    with pytest.raises(MwxError, match="--gpus N"):
        LocalPool(2.0, 0, standins("good", gpus=0.5))


def test_stopping_ends_the_jobs_and_the_next_call_goes_on(standins, tmp_path):
    jobs = standins("slow", "good", cpus=2.0)  # one at a time

    def stop(states):
        if states[0].follower.progress.step == 50:
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path, watch=stop)
    rows = {row["name"]: row for row in read_json(tmp_path / "results.json")["jobs"]}
    assert rows["stand-slow-0"]["status"] == rows["stand-good-1"]["status"] == "stopped"
    assert not alive(record.attempts(jobs[0].path)[0]["pid"])
    (tmp_path / "go").touch()
    rows = run(jobs, tmp_path)
    assert rows["stand-slow-0"]["history"][1]["from_step"] == 50
    assert {row["status"] for row in rows.values()} == {"finished"}


def test_a_job_ends_with_who_started_it_and_nobody_else_takes_over(standins, tmp_path):
    """The holder of the leash is killed outright: the training ends, its lock is free again."""
    job = standins("slow")[0]
    code = ("import sys; from pathlib import Path; from mwx.fleet import Job\n"
            "from mwx.fleet.attempt import perform\n"
            f"perform(Job('stand', 'slow', 0, Path({str(job.path)!r}), program={job.program!r}), "
            "'test')")
    holder = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for(lambda: (job.path / "checkpoints" / "000000050").exists())
        with pytest.raises(MwxError, match="another process is at work"):
            Attempt(job, "test")
        pid = record.attempts(job.path)[0]["pid"]
    finally:
        holder.kill()
        holder.wait()
    os.close(take_lock(job.path, wait_s=10.0))
    wait_for(lambda: not alive(pid))
    assert record.attempts(job.path)[0].get("exit") is None


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_who_starts_after_its_holder_ended_ends_at_once():
    code = ("import os, sys; os.environ['MWX_FLEET_PARENT'] = sys.argv[1]\n"
            "from mwx.fleet.leash import hold\nhold(); print('at work')")
    for holder, ends in ((os.getpid(), (0, "at work\n")), (1 << 22, (137, ""))):
        made = subprocess.run([sys.executable, "-P", "-c", code, str(holder)], capture_output=True,
                              text=True)
        assert (made.returncode, made.stdout) == ends


def test_two_fleets_in_one_folder_are_refused(standins, tmp_path):
    lock = take_lock(tmp_path)
    with pytest.raises(MwxError, match="another process is at work"):
        run(standins("good"), tmp_path)
    os.close(lock)


def test_an_attempt_resumes_where_there_is_a_run_and_a_cut_record_is_read(standins):
    path = standins("good")[0].path
    assert not record.begin(path)
    (path / "config.json").write_text("{}")
    assert record.begin(path)
    (path / "attempts.jsonl").write_text(
        '{"attempt": 1, "pid": 5}\n{"attempt": 1, "exit": -9}\n{"a')
    assert record.attempts(path) == [{"attempt": 1, "pid": 5, "exit": -9}]


def test_a_killed_training_ends_with_the_weights_of_one_left_alone(trainings, tmp_path,
                                                                   monkeypatch):
    """SIGKILL in mid-run, two trainings side by side: the killed one ends bit for bit the same."""
    killed, whole = trainings("killed", "whole")
    held = 40
    victim = replace(killed, program=("env", f"MWX_TEST_HOLD={held}", *killed.program))
    shot = []

    def shoot(states):
        reached = (victim.path / "checkpoints" / f"{held:09d}").exists()
        if reached and not shot:
            shot.append(record.attempts(victim.path)[0]["pid"])
            os.kill(shot[0], signal.SIGKILL)
    rows = run([victim, whole], tmp_path, watch=shoot)
    assert rows["killed"]["attempts"] == 2 and rows["whole"]["attempts"] == 1
    assert rows["killed"]["history"][0]["exit"] == -signal.SIGKILL
    assert rows["killed"]["history"][1]["from_step"] == held
    assert_same_training(killed.path, whole.path)
    assert rows["killed"]["returns"] == rows["whole"]["returns"]
    assert json.loads((whole.path / "expert" / "card.json").read_text())["command"].startswith(
        "mwx expert train stand --recipe tiny --seed 0")


def assert_same_training(one, other):
    """Every bit: shipped weights, and all that the last checkpoint holds."""
    shipped = [(path / "expert" / "weights.safetensors").read_bytes() for path in (one, other)]
    assert shipped[0] == shipped[1]
    (step, arrays, _), (last, others, _) = Run(one).restore(), Run(other).restore()
    assert step == last and arrays.keys() == others.keys()
    for name, value in arrays.items():
        assert np.array_equal(value, others[name], equal_nan=True), name


def alive(pid):
    return status(pid)[0] not in "ZX"


def parent(pid):
    return int(status(pid)[1])


def status(pid):
    """State, parent and more of a process, as Linux tells them."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", "0"


def wait_for(condition, limit_s=120.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
