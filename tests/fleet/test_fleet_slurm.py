"""Slurm through submitit: its executor of plain processes stands for a cluster."""

import os
import signal

import pytest
from test_fleet_local import alive, parent, wait_for

from mwx.errors import MwxError
from mwx.fleet import Fleet, record
from mwx.fleet.slurm import SlurmEngine

pytest.importorskip("submitit", reason='submitit is not installed: pip install "mwx[cluster]"')


def run(jobs, root, **options):
    fleet = Fleet(jobs, root, pause_s=0.1, **options)
    rows = fleet.run(lambda: SlurmEngine(root, cluster="local"))
    return {row["name"]: row for row in rows}


def test_jobs_finish_fail_and_resume(standins, tmp_path):
    rows = run(standins("good", "bad", "once"), tmp_path, retries=1)
    assert rows["stand-good-0"]["status"] == rows["stand-once-2"]["status"] == "finished"
    assert rows["stand-good-0"]["history"][0]["where"].startswith("slurm job ")
    assert rows["stand-bad-1"]["reason"] == "error: it cannot be done (exit code 1)"
    assert [a["from_step"] for a in rows["stand-once-2"]["history"]] == [0, 50]


def test_stopping_cancels(standins, tmp_path):
    job = standins("slow")[0]

    def stop(states):
        if states[0].follower.progress.step == 50:
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run([job], tmp_path, watch=stop)
    pid = record.attempts(job.path)[0]["pid"]
    wait_for(lambda: not alive(pid))
    assert record.card(job.path) is None


def test_a_preempted_job_is_queued_again_and_resumes(standins, tmp_path):
    """The signal that comes before a preemption or the time limit: same Slurm job, next attempt."""
    job = standins("slow")[0]
    done = []

    def preempt(states):
        if not done and states[0].follower.progress.step == 50:
            done.append(1)
            os.kill(parent(record.attempts(job.path)[0]["pid"]), signal.SIGUSR2)
        if states[0].attempts == 2:
            (tmp_path / "go").touch()
    row = run([job], tmp_path, watch=preempt)["stand-slow-0"]
    assert row["status"] == "finished"
    first, second = row["history"]
    assert first["where"] == second["where"] and second["from_step"] == 50
    assert first["exit"] == -signal.SIGTERM and first["reason"] == "stopped"


@pytest.mark.parametrize("text", ["partition", "=gpu", "mem="])
def test_options_need_a_value(text, tmp_path):
    with pytest.raises(MwxError, match="KEY=VALUE"):
        SlurmEngine(tmp_path, [text], cluster="local")


def test_no_slurm_here_and_shares_of_gpus(standins, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MwxError, match="login node"):
        SlurmEngine(tmp_path)
    with pytest.raises(MwxError, match="whole GPUs"):
        SlurmEngine(tmp_path, cluster="local").start(standins("good", gpus=0.5)[0])
