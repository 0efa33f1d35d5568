"""The motion viewer: it serves a page, plays, and stops where the slider says."""

import time
import urllib.request

import pytest

pytest.importorskip("viser", reason="the extra 'viewer' is not installed")

from mwx.errors import MwxError
from mwx.evaluation.motion_stage import stage
from mwx.integrations.motion_viewer import MotionViewer
from mwx.motion import generate


def until(condition, seconds=120.0):
    """Wait until a condition holds, at most so long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_it_serves_plays_and_stops_at_the_slider():
    with MotionViewer(stage(generate("stand")), port=8461) as viewer:
        with urllib.request.urlopen(viewer.url, timeout=10) as page:
            assert page.status == 200
        assert until(lambda: viewer.frame > 3)
        viewer.controls.playing.value = False
        viewer.controls.time.value = 0.2
        assert until(lambda: viewer.frame == 10)
    viewer.close()  # a second time does nothing


def test_a_port_that_is_none_is_explained():
    with pytest.raises(MwxError, match="65535"):
        MotionViewer(stage(generate("stand")), port=99999)
