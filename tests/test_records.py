"""Records of arrays print in one line."""

import dataclasses
import importlib

import numpy as np
import pytest

from mwx.motion import generate
from mwx.types import Obs, brief

PUBLIC = ("types", "motion", "router", "experts", "sim", "robot", "evaluation",
          "evaluation.trials", "evaluation.recording", "sim.rollout", "router.policies")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_record_of_arrays_is_brief(name):
    module = importlib.import_module(f"mwx.{name}")
    for public in getattr(module, "__all__", dir(module)):
        kind = getattr(module, public)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and any(
                "Array" in str(f.type) or f.type is np.ndarray for f in dataclasses.fields(kind)):
            assert kind.__repr__ is brief, public


def test_a_line_says_shapes_sizes_and_what_is_not_empty():
    walk = generate("stand")
    said = repr(dataclasses.replace(walk, source="a\nlong " + 60 * "x"))
    assert "\n" not in said and len(said) < 400
    assert f"qpos=float64({walk.num_frames}, 26)" in said and "joint_names=<19 of tuple>" in said
    assert "source='a\\nlong xxx" in said and "label='stand'" in said and "supports" not in said
    obs = Obs(np.zeros((2, 3), np.float32), *np.zeros((3, 2, 3)))
    assert repr(obs).startswith("Obs(vector=float32(2, 3), proprio=float64(2, 3), task=")
