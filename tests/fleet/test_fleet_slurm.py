"""Slurm through submitit: its executor of plain processes stands for a cluster."""

import os
import signal
import sys
from pathlib import Path

import pytest
from test_fleet_local import alive, parent, wait_for

from mwx.errors import MwxError
from mwx.fleet import Fleet, record
from mwx.fleet.slurm import SlurmEngine

pytest.importorskip("submitit", reason='submitit is not installed: pip install "mwx[cluster]"')

HERE = Path(__file__).parent


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A Slurm of one machine: the four commands that submitit calls, and their folder."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        command = folder / name
        command.write_text(f"#!/bin/sh\nexec {sys.executable} {HERE / 'slurm_commands.py'} "
                           f'{name} "$@"\n')
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("MWX_TEST_SLURM", str(folder))
    return folder


def test_sbatch_is_asked_for_what_the_job_needs(slurm, standins, tmp_path):
    jobs = standins("good", cpus=1.5)
    rows = Fleet(jobs, tmp_path).run(
        lambda: SlurmEngine(tmp_path, ["partition=gpu", "--mem=4GB"], hours=1.5))
    assert rows[0]["status"] == "finished" and rows[0]["history"][0]["where"] == "slurm job 101"
    script = (slurm / "101.sh").read_text()
    for flag in ("partition=gpu", "mem=4GB", "cpus-per-task=2", "time=90"):
        assert f"#SBATCH --{flag}\n" in script, flag
    assert "gpus" not in script, "a cluster without GPUs may refuse to hear of them"
    with pytest.raises(MwxError, match="partitoin"):
        SlurmEngine(tmp_path, ["partitoin=gpu"]).start(standins("good")[0])


@pytest.mark.slow
def test_a_fleet_killed_outright_finds_its_slurm_jobs_again(slurm, standins, tmp_path):
    job = standins("slow")[0]
    SlurmEngine(tmp_path).start(job)  # and is never heard of again
    wait_for(lambda: (job.path / "checkpoints" / "000000050").exists())

    def watch(states):
        (tmp_path / "go").touch()
    row = Fleet([job], tmp_path, watch=watch).run(lambda: SlurmEngine(tmp_path))[0]
    assert row["status"] == "finished" and row["attempts"] == 1
    assert not (slurm / "102.sh").exists(), "submitted once"


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
