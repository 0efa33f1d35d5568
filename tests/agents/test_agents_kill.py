"""SIGKILL at random moments: every resume succeeds and ends in the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "kills.py"


def run(folder, kills, steps, storage):
    done = subprocess.run([sys.executable, str(PROGRAM), str(folder), str(kills), str(steps),
                           storage], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    print(result)
    assert result["kills"] >= kills


def test_eight_kills_change_nothing(tmp_path):
    run(tmp_path, 8, 320, "memory")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_two_hundred_kills_change_nothing(tmp_path, storage):
    run(tmp_path, 200, 800, storage)
