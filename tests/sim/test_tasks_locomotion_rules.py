"""Courses and boards: what touching costs, the maze's stages, what ends an episode."""

import math
from itertools import pairwise

import numpy as np
import pytest

from mwx.sim import make
from mwx.sim.tasks.maze import BLOCK, CHECKPOINTS, block_centres

BOARD = "free_stand_board"
LEVEL = np.array([1.0, 0, 0, 0])


def env_of(name, num_envs=1):
    return make(name, num_envs=num_envs, threads=1, auto_reset=False)


def place(env, x=None, y=None, z=None, quat=None):
    """Put the robot of every environment somewhere in its home pose, at rest; all up to date."""
    qpos = np.tile(env.task.home(env.robot), (env.num_envs, 1))
    for i, value in enumerate((x, y, z)):
        if value is not None:
            qpos[:, i] = value
    if quat is not None:
        qpos[:, 3:7] = quat
    env.set_robot_state(np.arange(env.num_envs), qpos, np.zeros((env.num_envs, env.robot.nv)))


def terms_of(env):
    return env.task.reward(env.physics)[1]


def touching(env, body):
    """Does anything touch a body, by MuJoCo's own list of contacts?"""
    model, data = env.physics.model, env.physics.data(0)
    return any(model.body(int(model.geom_bodyid[geom])).name == body
               for contact in data.contact for geom in contact.geom)


# walls and poles

@pytest.mark.parametrize(("name", "term", "inside", "free"), [
    ("h1-hurdle", "wall_collision_discount", [(3, 4.6), (3, -4.6), (-0.6, 0)], [(3, 0), (7.0, 0)]),
    ("h1-maze", "wall_collision_discount", [(0, -0.9), (-1.2, 0), (1.5, 1.4)], [(3, 0), (3, 3)]),
    ("h1-pole", "collision_discount", [(2, 0), (1.05, 0.75)], [(1.5, 0.4), (5, 2.9)])])
def test_touching_what_must_not_be_touched_leaves_a_tenth(name, term, inside, free):
    for places, discount in ((inside, 0.1), (free, 1.0)):
        env = env_of(name, num_envs=len(places))
        place(env, x=np.array(places)[:, 0], y=np.array(places)[:, 1])
        np.testing.assert_array_equal(terms_of(env)[term], discount)


def test_a_pole_s_walls_and_the_hurdles_themselves_cost_nothing():
    env = env_of("h1-pole")
    place(env, x=0.5, y=2.95)
    assert touching(env, "walls") and terms_of(env)["collision_discount"] == 1
    env = env_of("h1-hurdle")
    place(env, x=7.0, y=0.0)
    assert touching(env, "hurdles") and terms_of(env)["wall_collision_discount"] == 1


# the maze's stages

def test_the_first_stage_of_the_maze_is_free():
    env = env_of("h1-maze", num_envs=3)
    zero = np.zeros((3, env.act_dim))
    first, second = env.step(zero), env.step(zero)
    assert (first.terms["stage_convert_reward"] == 100).all() and (first.reward > 100).all()
    assert (second.terms["stage_convert_reward"] == 0).all() and (second.reward < 1).all()
    assert (second.terms["success_subtasks"] == 1).all()


def test_the_maze_pays_a_thousand_in_all_and_each_stage_once():
    env = env_of("h1-maze")
    bonuses, stages, progress = [], [], []
    for x, y in [(0, 0), (3, 0), (3, 0), (3, 6), (6, 6), (6, 6), (0, 0)]:
        place(env, x=x + 0.2, y=y - 0.3)  # 0.36 m away
        env.task.update(env.physics)
        bonuses.append(float(env.physics.memory["bonus"][0]))
        stages.append(int(env.physics.memory["stage"][0]))
        progress.append(float(env.task.progress(env.physics)[0]))
    assert bonuses == [100, 200, 0, 300, 400, 0, 0] and sum(bonuses) == 1000
    assert stages == [1, 2, 2, 3, 4, 4, 4]
    assert progress == sorted(progress) and progress[-1] == 1


def test_a_checkpoint_of_the_maze_counts_only_in_its_turn_and_from_near():
    env = env_of("h1-maze", num_envs=2)
    env.physics.memory["stage"][:] = 1
    place(env, x=np.array([6.0, 3.0]), y=np.array([6.0, 0.41]))
    env.task.update(env.physics)
    np.testing.assert_array_equal(env.physics.memory["stage"], 1)
    np.testing.assert_array_equal(env.physics.memory["bonus"], 0)


def test_the_maze_s_way_is_free_of_walls():
    for start, end in pairwise(CHECKPOINTS):
        for share in np.linspace(0, 1, 50):
            away = np.abs(block_centres() - (start + share * (end - start))).max(axis=1)
            assert away.min() >= BLOCK / 2 - 1e-9


def test_the_last_stage_asks_for_no_speed():
    env = env_of("h1-maze")
    env.physics.memory["stage"][:] = 4
    place(env, x=6, y=6)
    assert terms_of(env)["move"] == 1


# ends

@pytest.mark.parametrize(("name", "height"), [
    ("h1-hurdle", 0.2), ("h1-maze", 0.2), ("h1-pole", 0.5), ("h1hand-powerlift", 0.2),
    ("h1hand-spoon", 0.58)])
def test_a_low_pelvis_ends_the_episode(name, height):
    env = env_of(name, num_envs=2)
    place(env, z=np.array([height - 0.001, height + 0.001]))
    np.testing.assert_array_equal(env.task.terminated(env.physics), [True, False])


@pytest.mark.parametrize("name", ["h1-stair", "h1-slide"])
def test_a_lying_torso_ends_a_climb_at_any_height(name):
    env = env_of(name, num_envs=4)
    lean = np.arccos([0.09, 0.11, -0.5, 1.0])  # of the torso, about the y axis
    quat = np.stack([np.cos(lean / 2), 0 * lean, np.sin(lean / 2), 0 * lean], axis=1)
    place(env, z=np.array([3, 3, 3, 0.1]), quat=quat)
    np.testing.assert_array_equal(env.task.terminated(env.physics), [True, False, True, False])


@pytest.mark.parametrize("name", ["h1-highbar_simple", "h1strong-highbar_hard"])
def test_a_head_below_two_metres_has_let_go(name):
    env = env_of(name, num_envs=2)
    start = env.physics.head_height[0] - env.physics.base_height[0]
    place(env, z=np.array([1.999, 2.001]) - start)
    np.testing.assert_array_equal(env.task.terminated(env.physics), [True, False])


@pytest.fixture(params=["h1-balance_simple", "h1-balance_hard", "h1hand-balance_hard"])
def board(request):
    env = env_of(request.param)
    place(env, z=3.0)  # the robot out of the way
    env.physics.set_free(0, BOARD, position=np.array([0, 0, 0.37]), quat=LEVEL)
    env.physics.forward()
    return env


def ended(env):
    env.physics.forward()
    end = env.task.terminated(env.physics)[0]
    assert end == touches_wrongly(env)
    return end


def touches_wrongly(env):
    """The original's rule, over MuJoCo's own list of contacts."""
    model, data = env.physics.model, env.physics.data(0)
    pairs = [{model.geom(int(geom)).name for geom in contact.geom} for contact in data.contact]
    beside_ball = any("ball" in pair and not pair & {"floor", "board"} for pair in pairs)
    on_floor = any("floor" in pair and "ball" not in pair for pair in pairs)
    return beside_ball or on_floor or env.physics.base_height[0] < 0.8


def test_the_board_may_lie_on_the_ball_but_not_touch_the_floor(board):
    assert not ended(board)
    tilt = math.radians(45)
    board.physics.set_free(0, BOARD, quat=np.array([math.cos(tilt / 2), math.sin(tilt / 2), 0, 0]))
    assert ended(board)


def test_the_robot_may_touch_neither_the_floor_nor_the_ball(board):
    foot = board.physics.site_position("left_foot")[0] - board.physics.base_pos[0]
    away = np.array([5.0, 5.0, 0.5])
    board.physics.set_free(0, BOARD, position=away, quat=LEVEL)
    place(board, x=2.0, z=0.979)
    assert ended(board)  # on the floor
    place(board, x=2.0, z=1.05)
    assert not ended(board)  # above it
    place(board, x=-foot[0], y=-foot[1], z=0.33 - foot[2])
    assert ended(board)  # on the ball
    place(board, x=-foot[0], y=-foot[1], z=0.45 - foot[2])
    assert not ended(board)


def test_a_low_pelvis_ends_balancing(board):
    place(board, x=5.0, z=0.81)
    low = board.physics.base_height < 0.8
    assert not low[0]
    board.physics.qpos[:, 2] = 0.79
    assert board.task.terminated(board.physics)[0]


@pytest.mark.parametrize("name", [
    "h1hand-hurdle", "h1hand-maze", "h1hand-pole", "h1hand-stair", "h1hand-slide",
    "h1-highbar_simple", "h1hand-balance_simple", "h1-balance_hard", "h1hand-powerlift",
    "h1hand-spoon"])
def test_nothing_ends_at_once(name):
    env = env_of(name, num_envs=4)
    assert not env.task.terminated(env.physics).any()
    assert not env.step(np.zeros((4, env.act_dim))).terminated.any()
