"""Progress rises over the stages of a task."""

import numpy as np
import pytest

from mwx.sim import TASKS, Physics
from mwx.sim.env import scene


def at(name, edits):
    """Physics with one environment per edit of the home pose."""
    task = TASKS[name]
    physics = Physics(scene(task), len(edits), threads=1)
    physics.reset_rows(np.arange(len(edits)))
    for row, edit in enumerate(edits):
        edit(physics, row)
    physics.forward()
    return task.progress(physics)


def put(joint=None, angle=0.0, x=0.0):
    def edit(physics, row):
        physics.base_pos[row, 0] = x
        if joint:
            physics.joint_position("door_hatch_hinge")[row] = 1.3
            physics.joint_position(joint)[row] = angle
    return edit


def test_door():
    progress = at("door", [
        put(x=-0.5), put(x=0.0), put(x=0.2), put("door_hatch_hinge", 0.6),
        put("door_hatch_hinge", 1.3), put("door_hinge", 0.5), put("door_hinge", 1.2),
        put("door_hinge", 1.2, x=1.0), put(x=1.4)])
    assert progress[0] == 0 and progress[1] < 0.02 and progress[-1] == 1
    assert (np.diff(progress) >= 0).all() and (np.diff(progress[1:]) > 0.05).all()


def test_walk():
    np.testing.assert_allclose(at("walk", [put(x=-1.0), put(x=5.0), put(x=30.0)]), [0, 0.25, 1])


def test_stand():
    def lie(physics, row):
        physics.base_quat[row] = [np.sqrt(0.5), 0, np.sqrt(0.5), 0]
        physics.base_pos[row, 2] = 0.2
    standing, lying = at("stand", [put(), lie])
    assert standing == pytest.approx(1) and lying < 0.01


def test_reach():
    def goal(place):
        def edit(physics, row):
            physics.goal[row] = place
        return edit
    hand = (0.3285, 0.2135, 1.0766)  # in the home pose
    progress = at("reach", [goal((9, 0, 1)), goal((1, 0, 1)), goal(hand)])
    assert progress[0] == 0 and 0 < progress[1] < 1 and progress[2] == 1
