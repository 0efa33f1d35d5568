"""Rewards, stages and ends of the manipulation tasks, by arithmetic of the test's own.

No recording of these tasks exists: states are built, quantities read, and the sums done again.
"""

import functools
import math

import numpy as np
import pytest

from mwx.robot import H1HAND
from mwx.sim import TASKS as REGISTRY
from mwx.sim import env as env_module
from mwx.sim import make

built = env_module.scene

UP = (1.0, 0.0, 0.0, 0.0)
EXACT = 1e-9


@functools.cache
def compiled(name):
    return built(REGISTRY[name], robot=H1HAND)


@pytest.fixture(autouse=True)
def scenes_built_once(monkeypatch):
    """Compiling a scene takes longer than most of these tests: each is built once a process."""
    monkeypatch.setattr(env_module, "scene", lambda task, robot: compiled(task.name))


def gauss(distance, margin):
    return 0.1 ** ((distance / margin) ** 2)


def linear(distance, margin):
    return max(0.0, 1 - 0.9 * distance / margin)


def outside(x, low, high):
    return max(low - x, 0.0, x - high)


def standing_up(physics, row=0):
    """S C of one environment: head height, torso and servo torques."""
    head, torso = physics.site_position("head")[row, 2], physics.upright[row]
    force = physics.actuator_force[row]
    control = (4 + np.mean([max(0.0, 1 - (f / 10) ** 2) for f in force])) / 5
    return gauss(outside(head, 1.65, 9), 1.65 / 4) * min(
        1.0, 1 - max(0.0, 0.9 - torso) / 1.9) * control


def build(name, num_envs=1, **options):
    return make(f"h1hand-{name}", num_envs=num_envs, threads=1, **options)


def put(physics, env=0, **places):
    """Put free bodies somewhere, upright and at rest: body=(x, y, z) or body=(place, quat)."""
    for name, place in places.items():
        position, quat = place if len(place) == 2 else (place, UP)
        physics.set_free(env, f"free_{name}", np.array(position), np.array(quat), np.zeros(6))


def distance(a, b):
    return math.dist(np.asarray(a).tolist(), np.asarray(b).tolist())


def settle(env):
    """What a control step does after physics, without moving anything."""
    env.physics.forward()
    env.task.update(env.physics)
    return env.task.reward(env.physics)


# cabinet

def test_cabinet_pays_every_stage_and_its_bonus():
    env = build("cabinet")
    physics = env.physics
    cube = linear(outside(0.58, 0.94 - 0.15, 0.94 + 0.15), 0.3)
    physics.joint_position("pull_door_slide")[:] = -0.2
    reward, terms = settle(env)
    stood = 0.2 * standing_up(physics)
    np.testing.assert_allclose(reward, stood + 0.8 * 0.5, atol=EXACT)
    physics.joint_position("pull_door_slide")[:] = -0.39
    physics.joint_position("drawer_slide")[:] = 0.44  # already open: still one stage a step
    reward, terms = settle(env)
    np.testing.assert_allclose(reward, stood + 0.8 * 0.39 / 0.4 + 100, atol=EXACT)
    assert terms["success_subtasks"] == 1 and terms["subtask_complete"] == 1
    reward, terms = settle(env)
    np.testing.assert_allclose(reward, stood + 0.8 * 0.44 / 0.45 + 200, atol=EXACT)
    physics.joint_position("left_door_hinge")[:] = -0.4
    physics.joint_position("right_door_hinge")[:] = 1.3
    put(physics, drawer_cube=(0.9, 0, 0.58))
    reward, terms = settle(env)
    near = 0.3 * 1 + 0.7 * cube
    np.testing.assert_allclose(terms["drawer_cube_proximity_reward"], near, atol=EXACT)
    np.testing.assert_allclose(reward, stood + 0.8 * (0.5 * near + 0.5), atol=EXACT)
    put(physics, drawer_cube=(0.65, 0.5, 0.85))
    reward, terms = settle(env)
    np.testing.assert_allclose(reward, stood + 0.8 + 300, atol=EXACT)
    assert not env.task.terminated(physics).any()
    physics.joint_position("pullup_door_hinge")[:] = 0.6
    put(physics, lateral_cabinet_cube=(0.4, 0.7, 1.2))
    reward, terms = settle(env)
    near = (0.3 * (linear(0.2, 0.3) + linear(0.1, 0.3)) / 2 + 0.7 * linear(0.19, 0.3))
    np.testing.assert_allclose(reward, stood + 0.8 * (0.5 * near + 0.3), atol=EXACT)
    put(physics, lateral_cabinet_cube=(0.9, 0, 1.5))
    reward, terms = settle(env)
    np.testing.assert_allclose(reward, stood + 0.8 * (0.5 + 0.3) + 400, atol=EXACT)
    assert terms["success"] == 1 and env.task.terminated(physics).all()
    assert env.task.progress(physics) == 1
    reward, _ = settle(env)
    np.testing.assert_allclose(reward, 1000)  # what the original pays if nothing ends it


def test_cabinet_stages_are_each_environments_own_and_a_reset_sets_them_back():
    env = build("cabinet", num_envs=3)
    env.physics.joint_position("pull_door_slide")[1] = -0.4
    settle(env)
    assert env.physics.memory["stage"].tolist() == [1, 2, 1]
    env.reset_rows(np.array([1]))
    assert env.physics.memory["stage"].tolist() == [1, 1, 1]
    env.physics.base_height[:] = 0.1
    assert not env.task.terminated(env.physics).any()  # falling ends nothing


# cube

def test_cube_pays_for_orientation_up_to_the_sign_of_the_quaternion():
    env = build("cube", num_envs=3)
    physics, quat = env.physics, np.array([0.5, -0.5, 0.5, 0.5])
    other = np.array([0.1, 0.7, -0.1, 0.7])
    physics.goal_quat[:] = quat
    for row, (left, right) in enumerate(((quat, quat), (-quat, quat), (quat, other))):
        put(physics, row, left_cube_to_rotate=((0.45, 0.3, 1.2), left),
            right_cube_to_rotate=((0.45, -0.21, 1.125), right))
    physics.forward()
    reward, terms = env.task.reward(physics)
    expected = [1, (gauss(2, 0.3) + 1) / 2, (1 + gauss(distance(other, quat), 0.3)) / 2]
    np.testing.assert_allclose(terms["orientation_alignment_reward"], expected, atol=EXACT)
    near = np.mean([
        gauss(outside(distance(hand[0], place), 0, 0.1), 0.5) for hand, place in
        ((physics.left_hand, (0.45, 0.3, 1.2)), (physics.right_hand, (0.45, -0.21, 1.125)))])
    stood = [0.2 * standing_up(physics, row) for row in range(3)]  # at rest: stillness pays 1
    np.testing.assert_allclose(reward, np.add(stood, np.multiply(0.5, expected) + 0.3 * near),
                               atol=EXACT)


def test_cube_draws_orientations_from_roll_pitch_and_yaw():
    env = build("cube", num_envs=2, seed=3)
    rng = np.random.default_rng(0)
    env.task.start(env.physics, 0, np.random.default_rng(0))
    left = env.physics.free_quat("free_left_cube_to_rotate")[0]
    roll, pitch, yaw = rng.uniform(-3.14, 3.14, 3) / 2
    cr, cp, cy, sr, sp, sy = (f(x) for f in (math.cos, math.sin) for x in (roll, pitch, yaw))
    expected = [cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy,
                cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy]
    np.testing.assert_allclose(left, expected, atol=1e-12)
    targets = env.physics.goal_quat
    np.testing.assert_array_equal(env.reset().vector[:, -4:], env.physics.goal_quat)
    assert not np.array_equal(targets[0], targets[1])


@pytest.mark.parametrize("side", ("left", "right"))
def test_a_dropped_cube_ends_the_episode(side):
    env = build("cube", num_envs=2)
    put(env.physics, 1, **{f"{side}_cube_to_rotate": (0.45, 0, 0.59)})
    env.physics.forward()
    assert env.task.terminated(env.physics).tolist() == [False, True]


# bookshelf

GOALS = ((0.75, -0.25, 1.55), (0.8, 0.05, 0.95), (0.8, -0.25, 0.95), (0.85, 0.05, 0.35),
         (0.85, -0.25, 0.35))
ORDER = ("trophy", "book_c", "chalk", "book_e", "book_b")


def test_bookshelf_pays_stages_in_order():
    env = build("bookshelf_simple")
    physics = env.physics
    reward, terms = settle(env)
    hands = min(distance(hand[0], (0.95, 0.02, 1.25))
                for hand in (physics.left_hand, physics.right_hand))
    away = distance((0.95, 0.02, 1.25), GOALS[0])
    np.testing.assert_allclose(
        reward, 0.2 * standing_up(physics) + 0.4 * linear(away - 0.15, 1) + 0.4 * math.exp(-hands),
        atol=EXACT)
    np.testing.assert_allclose(terms["obj_goal_dist"], away, atol=EXACT)
    indices = [-19, -22, -15, -20, -23, -23]
    for stage, (name, goal) in enumerate(zip(ORDER, GOALS, strict=True)):
        assert env.task.vector(physics)[0, -1] == indices[stage]
        np.testing.assert_array_equal(physics.goal[0], goal)
        place = np.add(goal, (0.0, 0.1, 0.1))  # 0.141 m off
        put(physics, 0, **{name: place})
        reward, terms = settle(env)
        hand = min(distance(hand[0], place) for hand in (physics.left_hand, physics.right_hand))
        dense = 0.2 * standing_up(physics) + 0.4 + 0.4 * math.exp(-hand)
        np.testing.assert_allclose(reward, dense + 100 * (stage + 1), atol=EXACT)
        assert terms["success_subtasks"] == stage + 1
        assert env.task.terminated(physics).all() == (stage == 4)
    assert terms["success"] == 1 and env.task.progress(physics) == 1
    reward, _ = settle(env)
    assert reward < 1.0  # no sixth bonus


def test_bookshelf_ends_when_the_current_object_lies_low():
    env = build("bookshelf_simple", num_envs=3)
    put(env.physics, 1, trophy=(0.5, 0, 0.49))
    put(env.physics, 2, book_a=(0.5, 0, 0.1))  # not its turn
    settle(env)
    assert env.task.terminated(env.physics).tolist() == [False, True, False]


def test_bookshelf_simple_always_starts_alike_and_hard_never():
    simple, hard = build("bookshelf_simple", num_envs=2), build("bookshelf_hard", num_envs=16)
    np.testing.assert_array_equal(simple.obs.vector[0], simple.obs.vector[1])
    memory = hard.physics.memory
    for objects, goals in zip(memory["objects"], memory["goals"], strict=True):
        assert len(set(objects.tolist())) == 5 and -24 <= min(objects) <= max(objects) <= -13
        assert sorted(map(tuple, goals.tolist())) == sorted(GOALS)
    assert len({tuple(row) for row in memory["objects"].tolist()}) > 10
    assert len({tuple(row.ravel()) for row in memory["goals"]}) > 10
    np.testing.assert_array_equal(hard.obs.vector[:, -1], memory["objects"][:, 0])
    np.testing.assert_array_equal(hard.physics.goal, memory["goals"][:, 0])
    again = build("bookshelf_hard", num_envs=4)
    np.testing.assert_array_equal(again.obs.vector, hard.obs.vector[:4])


def test_bookshelf_finds_the_object_of_every_index():
    env = build("bookshelf_hard", num_envs=12)
    names = [f"book_{x}" for x in "abcde"] + ["trophy", "book_flat", "soda_can", "book_thick",
                                              "chalk", "snow_globe", "headphone"]
    env.physics.memory["objects"][:, 0] = np.arange(-24, -12)
    env.physics.forward()
    places = np.stack([env.physics.body_position(name)[0] for name in names])
    np.testing.assert_allclose(env.task.target(env.physics), places)


# window

def test_window_pays_for_holding_moving_leaning_and_wiping():
    env = build("window", num_envs=3)
    physics, turn = env.physics, (math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5))  # wiper towards +x
    physics.qpos[:] = physics.model.key_qpos[0]
    put(physics, 0, window_wiping_tool=((0.411, -0.65, 1.3), turn))  # wiper 1 mm in the pane
    put(physics, 1, window_wiping_tool=((0.409, -0.65, 1.3), turn))  # 1 mm before it
    put(physics, 2, window_wiping_tool=(0.33, 0, 1.077))  # between the hands
    physics.free_velocity("free_window_wiping_tool")[2, 2] = -0.4
    physics.memory["head_start"][:] = [[0, 0, 1.68]] * 3
    physics.forward()
    reward, terms = env.task.reward(physics)
    assert terms["window_contact_filter"].tolist() == [1, 0, 0]
    head = [distance(physics.site_position("head")[i], (0, 0, 1.68)) for i in range(3)]
    middle = physics.body_position("window_wiping_tool")
    for row, (face, speed) in enumerate(((0.951, 0), (0.949, 0), (0.87, 0.4))):
        hands = min(gauss(outside(distance(hand[row], middle[row]), 0, 0.2), 0.5)
                    for hand in (physics.left_hand, physics.right_hand))
        stance = standing_up(physics, row) * gauss(abs(head[row] - 0.4), 0.1)
        manipulation = 0.2 * stance + 0.4 * gauss(abs(speed - 0.5), 0.5) + 0.4 * hands
        wiping = linear(face - 0.92, 0.4) if row == 0 else 0.0
        np.testing.assert_allclose(reward[row], 0.5 * manipulation + 0.5 * wiping, atol=1e-7)
    x = [max(abs(physics.site_position(f"wipe_contact_site_{k}")[2, 0] - 0.92) for k in "abcde")]
    np.testing.assert_allclose(terms["window_contact_reward"][2], linear(max(x), 0.4), atol=EXACT)


def test_window_remembers_where_the_head_started_and_ends_with_a_dropped_tool():
    env = build("window", num_envs=2)
    np.testing.assert_allclose(env.physics.memory["head_start"],
                               env.physics.site_position("head"), atol=1e-12)
    put(env.physics, 1, window_wiping_tool=(0.45, 0, 0.57))
    env.physics.forward()
    assert env.task.terminated(env.physics).tolist() == [False, True]


# room

def test_room_pays_for_small_variance():
    env = build("room", num_envs=2)
    names = ("chair", "trophy", "headphone", "package_a", "package_b", "snow_globe")
    rng = np.random.default_rng(1)
    for row, reach in enumerate((1.0, 3.0)):
        put(env.physics, row, **{n: (*rng.uniform(-reach, reach, 2), 0.3) for n in names})
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    for row in range(2):
        spread = []
        for axis in range(2):
            values = [env.physics.free_position(f"free_{n}")[row, axis] for n in names]
            mean = sum(values) / 6
            spread.append(sum((v - mean) ** 2 for v in values) / 6)
        tidy = gauss(max(spread), 3)
        np.testing.assert_allclose(terms["room_object_organized"][row], tidy, atol=EXACT)
        np.testing.assert_allclose(reward[row], 0.2 * standing_up(env.physics, row) + 0.8 * tidy,
                                   atol=EXACT)


def test_room_lays_things_into_strips_and_legacy_hits_a_finger():
    env, old = build("room", num_envs=20), build("room", num_envs=20, legacy=True)
    for one in (env, old):
        for i, name in enumerate(("chair", "trophy", "headphone", "package_a", "package_b",
                                  "snow_globe")):
            place = one.physics.free_position(f"free_{name}")
            assert ((place[:, 0] >= i - 2.5) & (place[:, 0] <= i - 1.5)).all()
            assert ((abs(place[:, 1]) >= 1.2) & (abs(place[:, 1]) <= 3.5)).all()
            assert 0 < (place[:, 1] > 0).sum() < 20
    first, second = (old.physics.joint_position(name) for name in ("rh_LFJ2", "rh_LFJ1"))
    assert ((first >= -3.5) & (first <= -2.5)).all() and (abs(second) >= 1.2).all()
    np.testing.assert_array_equal(first, old.physics.qpos[:, 69])
    np.testing.assert_array_equal(second, old.physics.qpos[:, 70])
    assert (abs(env.physics.qpos[:, 69:71]) <= 0.01).all()


# insert

@pytest.mark.parametrize("name", ("insert_normal", "insert_small"))
def test_insert_multiplies_matching_by_lifting(name):
    env = build(name)
    physics = env.physics
    put(physics, peg_a=(0.4, 0.2, 1.05), peg_b=(0.5, -0.3, 1.2), block_a=(0.5, 0, 1.1))
    physics.forward()
    reward, terms = env.task.reward(physics)
    site = {key: physics.site_position(key)[0] for key in
            ("peg_a", "peg_b", "block_peg_a", "block_peg_b", "left_hand", "right_hand")}
    half = {"insert_normal": 0.018, "insert_small": 0.008}[name]
    bottom = {"insert_normal": (0.01, 0.01), "insert_small": (0.005, 0.01)}[name]
    np.testing.assert_allclose(site["block_peg_a"], (0.5, 0.15, 1.1 + half), atol=EXACT)
    np.testing.assert_allclose(site["peg_b"], (0.5, -0.3, 1.2 + bottom[1]), atol=EXACT)
    matched = np.mean([linear(distance(site[f"block_peg_{k}"], site[f"peg_{k}"]), 0.5)
                       for k in "ab"])
    lifted = np.mean([linear(abs(1.05 + bottom[0] - 1.1), 0.15),
                      linear(abs(1.2 + bottom[1] - 1.1), 0.15)])
    hand = min(distance(site["left_hand"], site["peg_a"]),
               distance(site["right_hand"], site["peg_b"]))
    held = gauss(outside(hand, 0, 0.2), 0.5)
    np.testing.assert_allclose(
        reward, (0.5 * standing_up(physics) + 0.5 * matched) * (0.5 * lifted + 0.5 * held),
        atol=EXACT)
    assert terms["peg_height_reward"] == pytest.approx(lifted)


def test_insert_ends_when_anything_falls_off_the_table():
    env = build("insert_normal", num_envs=4)
    for row, thing in enumerate(("peg_a", "peg_b", "block_a"), start=1):
        put(env.physics, row, **{thing: (0.2, 0, 0.4)})
    env.physics.forward()
    assert env.task.terminated(env.physics).tolist() == [False, True, True, True]
