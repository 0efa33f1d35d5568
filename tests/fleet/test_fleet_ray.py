"""Ray: two nodes on one host; workers and nodes die in mid-run, the jobs go on elsewhere."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from test_fleet_local import alive, assert_same_training, parent, wait_for

from mwx.errors import MwxError
from mwx.fleet import Fleet, record
from mwx.fleet.ray_engine import RayEngine

ray = pytest.importorskip("ray", reason='Ray is not installed: pip install "mwx[cluster]"')
pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]
HELD = 40  # steps after which the training waits to be killed


@pytest.fixture(scope="module")
def head():
    """A cluster whose head has no processors."""
    from ray.cluster_utils import Cluster
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0,
                                                          "include_dashboard": False})
    yield found
    found.shutdown()


@pytest.fixture
def cluster(head):
    """The cluster with two nodes of one processor each."""
    while len(head.worker_nodes) < 2:
        head.add_node(num_cpus=1)
    head.wait_for_nodes()
    return head


def run(cluster, jobs, root, **options):
    fleet = Fleet(jobs, root, pause_s=0.1, **options)
    rows = fleet.run(lambda: RayEngine(address=cluster.address, jobs=jobs))
    return {row["name"]: row for row in rows}


def test_two_nodes_share_the_jobs_and_failures_stop_nobody(cluster, standins, tmp_path):
    rows = run(cluster, standins("good", "bad", "once", "good", cpus=0.5), tmp_path, retries=1)
    assert rows["stand-bad-1"]["status"] == "failed" and rows["stand-bad-1"]["attempts"] == 2
    assert rows["stand-bad-1"]["reason"] == "error: it cannot be done (exit code 1)"
    assert [a["from_step"] for a in rows["stand-once-2"]["history"]] == [0, 50]
    assert {rows[n]["status"] for n in ("stand-good-0", "stand-once-2", "stand-good-3")} == {
        "finished"}
    assert not ray.is_initialized(), "what the engine began, it ends"


def test_a_lost_node_costs_nothing_but_time(cluster, trainings, tmp_path):
    """The node that trains is taken away in mid-run: the job ends elsewhere, bit for bit the same
    as one beside it that was left alone."""
    moved, whole = trainings("moved", "whole")
    victim = replace(moved, program=("env", f"MWX_TEST_HOLD={HELD}", *moved.program))
    removed = []

    def take_away(states):
        if removed or not (victim.path / "checkpoints" / f"{HELD:09d}").exists():
            return
        where = record.attempts(victim.path)[0]["where"]
        node = next(n for n in cluster.worker_nodes if where.endswith(n.node_id[:8]))
        removed.append(where)
        cluster.remove_node(node, allow_graceful=False)
    rows = run(cluster, [victim, whole], tmp_path, retries=4, watch=take_away)
    assert rows["moved"]["status"] == rows["whole"]["status"] == "finished"
    first, *_, last = rows["moved"]["history"]
    assert first["where"] == removed[0] != last["where"]
    assert first["exit"] is None, "nobody was left to write down how it ended"
    assert last["from_step"] == HELD
    assert_same_training(moved.path, whole.path)


def test_a_killed_worker_takes_its_training_along(cluster, standins, tmp_path):
    job = standins("slow")[0]
    shot = []

    def shoot(states):
        if not shot and states[0].follower.progress.step == 50:
            shot.append(parent(record.attempts(job.path)[0]["pid"]))
            (tmp_path / "go").touch()
            os.kill(shot[0], signal.SIGKILL)
    rows = run(cluster, [job], tmp_path, watch=shoot)
    history = rows["stand-slow-0"]["history"]
    assert len(history) == 2 and history[1]["from_step"] == 50
    assert rows["stand-slow-0"]["status"] == "finished"


def test_stopping_ends_the_trainings_of_every_node(cluster, standins, tmp_path):
    jobs = standins("slow", "slow")

    def stop(states):
        if all(state.follower.progress.step == 50 for state in states):
            raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        run(cluster, jobs, tmp_path, watch=stop)
    for job in jobs:
        pid = record.attempts(job.path)[0]["pid"]
        wait_for(lambda pid=pid: not alive(pid))
        assert record.card(job.path) is None


def test_trainings_end_with_the_fleet_that_is_killed_outright(cluster, standins, tmp_path):
    job = standins("slow")[0]
    code = ("from pathlib import Path; from mwx.fleet import Fleet, Job\n"
            "from mwx.fleet.ray_engine import RayEngine\n"
            f"jobs = [Job('stand', 'slow', 0, Path({str(job.path)!r}), program={job.program!r})]\n"
            f"Fleet(jobs, {str(tmp_path)!r}).run(lambda: RayEngine({cluster.address!r}))")
    fleet = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for(lambda: (job.path / "checkpoints" / "000000050").exists(), 60.0)
    finally:
        fleet.kill()
        fleet.wait()
    pid = record.attempts(job.path)[0]["pid"]
    wait_for(lambda: not alive(pid), 60.0)
    (tmp_path / "go").touch()
    row = run(cluster, [job], tmp_path)["stand-slow-0"]
    assert row["status"] == "finished" and row["history"][1]["from_step"] == 50


def test_a_local_cluster_of_its_own_and_what_never_fits(standins, tmp_path):
    with pytest.raises(MwxError, match="no node has room for 3 CPUs"):
        RayEngine(cpus=1, jobs=standins("good", cpus=3.0))
    assert not ray.is_initialized()
    jobs = standins("good", cpus=0.5)
    rows = Fleet(jobs, tmp_path).run(lambda: RayEngine(cpus=1, jobs=jobs))
    assert rows[0]["status"] == "finished"


def test_no_cluster_at_the_address_is_explained():
    with pytest.raises(MwxError, match="ray start --head"):
        RayEngine(address="127.0.0.1:1")
