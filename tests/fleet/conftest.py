"""Jobs with programs of the tests' own."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mwx.fleet import Job, schedule

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(schedule, "POLL_S", 0.02)


@pytest.fixture
def standins(tmp_path):
    """Build jobs of the stand-in: one for each way it shall behave."""
    def build(*ways, **options):
        program = (sys.executable, str(HERE / "standin.py"))
        return [Job("stand", way, seed, tmp_path / f"stand-{way}-{seed}", program=program,
                    **options) for seed, way in enumerate(ways)]
    return build


@pytest.fixture
def trainings(tmp_path):
    """Build jobs that train for real, with a checkpoint after every step."""
    def build(*names):
        program = (sys.executable, str(HERE / "often.py"))
        job = Job("stand", "tiny", 0, tmp_path, program=program)
        return [replace(job, path=tmp_path / name) for name in names]
    return build
