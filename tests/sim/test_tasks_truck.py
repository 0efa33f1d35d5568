"""Truck: what is paid when a package changes place, and what outlives an episode."""

import numpy as np
import pytest

from mwx.sim import make
from mwx.sim.tasks.truck_scene import PACKAGES

NAMES = list(PACKAGES)
TABLE = np.array([2.0, -1.7, 0.45])


def truck(num_envs=1, **options):
    env = make("h1-truck", num_envs=num_envs, threads=1, **options)
    env.task.update(env.physics)  # the first heights are seen
    return env


def put(env, places, row=0):
    """Move packages {name: (x, y, z)} and bring everything up to date."""
    for name, place in places.items():
        env.physics.set_free(row, f"free_{name}", position=np.array(place, float))
    env.physics.forward()


def pay(env):
    """What one look at the packages pays beyond staying upright near them, and the terms."""
    env.task.update(env.physics)
    reward, terms = env.task.reward(env.physics)
    near = sum(terms[f"reward_{name}"] for name in
               ("robot_package_truck", "robot_package_picked_up", "package_table"))
    return (reward - terms["upright"] * (1 + near))[0], {k: v[0] for k, v in terms.items()}


def first_place(env, name):
    return env.physics.free_position(f"free_{name}")[0].copy()


def stacked():
    """All five over the table, one above the other without touching."""
    return {name: (2.0, -1.7, 1.6 + 0.7 * i) for i, name in enumerate(NAMES)}


def test_at_the_start_everything_is_on_the_truck():
    extra, terms = pay(truck())
    assert extra == 0 and terms["packages_on_truck"] == 5
    assert terms["packages_picked_up"] == terms["packages_on_table"] == terms["success"] == 0
    assert terms["reward_robot_package_picked_up"] == terms["reward_package_table"] == 0


def test_picking_up_pays_once_and_counts_from_the_first_height():
    env = truck()
    start = first_place(env, "package_d")
    put(env, {"package_d": start + np.array([0, 0, 0.09])})
    assert pay(env)[0] == 0
    put(env, {"package_d": start + np.array([0, 0, 0.11])})
    extra, terms = pay(env)
    assert extra == pytest.approx(100) and terms["packages_picked_up"] == 1
    assert terms["packages_on_truck"] == 4
    assert pay(env)[0] == 0
    put(env, {"package_d": start})  # put back, it still counts as picked up
    assert pay(env)[1]["packages_picked_up"] == 1


def test_proximity_is_linear_and_of_the_nearest():
    env = truck()
    put(env, {"package_a": (2.0, 0.0, 3.0), "package_e": (2.0, 0.0, 4.0)})
    _, terms = pay(env)
    away = 3.0 - env.physics.base_pos[0, 2]
    to_table = np.linalg.norm(np.array([2.0, 0.0, 3.0]) - TABLE)
    assert terms["reward_robot_package_picked_up"] == pytest.approx(1 - (away - 0.2) / 4, abs=3e-3)
    assert terms["reward_package_table"] == pytest.approx(1 - (to_table - 0.2) / 4)
    assert env.physics.base_pos[0, 0] == pytest.approx(2, abs=0.011)


def test_placing_pays_and_taking_away_costs_the_same():
    env = truck()
    put(env, {"package_b": (2, 0, 3)})
    assert pay(env)[0] == pytest.approx(100)
    put(env, {"package_b": (2.3, -1.4, 1.2)})
    extra, terms = pay(env)
    assert extra == pytest.approx(100)
    assert terms["packages_on_table"] == terms["success_subtasks"] == 1
    for outside in ((2.36, -1.7, 1.2), (1.64, -1.7, 1.2), (2, -1.34, 1.2), (2, -2.06, 1.2),
                    (2, -1.7, 0.49)):
        put(env, {"package_b": outside})
        extra, terms = pay(env)
        assert extra == pytest.approx(-100) and terms["packages_picked_up"] == 1
        put(env, {"package_b": (2, -1.7, 1.2)})
        assert pay(env)[0] == pytest.approx(100)


def test_from_truck_to_table_in_one_look_pays_both():
    env = truck()
    put(env, {"package_c": (2, -1.7, 1.6)})
    assert pay(env)[0] == pytest.approx(200)


def test_success_pays_once_ends_the_episode_and_the_next_starts_afresh():
    env = make("h1-truck", num_envs=2, threads=1)
    still = np.zeros((2, 19))
    env.step(still)
    put(env, stacked())
    step = env.step(still)
    assert step.terminated.tolist() == [True, False]
    assert step.terms["success"].tolist() == [1, 0]
    assert 1000 + 10 * 100 < step.reward[0] < 1000 + 10 * 100 + 4 and step.reward[1] < 4
    assert env.physics.memory["on_truck"].all() and not env.physics.memory["on_table"].any()
    assert env.step(still).reward.max() < 4


def test_legacy_lists_outlive_the_episode():
    env = make("h1-truck", threads=1, legacy=True)
    still = np.zeros((1, 19))
    env.step(still)
    heights = env.physics.memory["first_height"].copy()
    for _ in range(3):  # a list that is edited while it is walked needs more than one look
        put(env, stacked())
        assert not env.step(still).terminated[0]
    put(env, stacked())
    assert env.step(still).terminated[0]
    np.testing.assert_array_equal(env.physics.memory["first_height"], heights)
    steps = [env.step(still) for _ in range(3)]
    # for the 1st, 3rd and 5th, then the 2nd, then the 4th
    assert [round(float(step.reward[0]), -2) for step in steps] == [-300, -100, -100]
    assert steps[-1].terms["packages_picked_up"][0] == 5


class Lists:
    """The original's book-keeping as plain lists, walked in place (legacy) or over a copy."""

    def __init__(self, heights, legacy):
        self.truck, self.held, self.table = list(NAMES), [], []
        self.first, self.legacy = dict(zip(NAMES, heights, strict=True)), legacy

    def walk(self, source, goal, ready):
        count = 0
        for name in source if self.legacy else list(source):
            if ready(name):
                source.remove(name)
                goal.append(name)
                count += 1
        return count

    def look(self, places):
        def over(name):
            x, y, z = places[name]
            return 1.65 < x < 2.35 and -2.05 < y < -1.35 and z > 0.5
        gained = self.walk(self.truck, self.held,
                           lambda name: places[name][2] > self.first[name] + 0.1)
        gained += self.walk(self.held, self.table, over)
        return 100 * (gained - self.walk(self.table, self.held, lambda name: not over(name)))


@pytest.mark.parametrize("legacy", [False, True])
def test_lists_agree_with_plain_ones_over_random_moves(legacy):
    env, rng = truck(3, legacy=legacy), np.random.default_rng(0)
    memory = env.physics.memory
    plain = [Lists(memory["first_height"][row], legacy) for row in range(3)]
    seen = set()
    for _ in range(40):
        for row in range(3):
            chosen = [name for name in NAMES if rng.random() < 0.6]
            put(env, {name: (2.0, rng.choice([-1.7, 0.0]), rng.choice([1.0, 2.0]))
                      for name in chosen}, row)
        env.task.update(env.physics)
        for row, lists in enumerate(plain):
            places = {name: env.physics.body_position(name)[row] for name in NAMES}
            assert memory["bonus"][row] == lists.look(places)
            seen.add(float(memory["bonus"][row]))
            for key, listed in (("on_truck", lists.truck), ("picked_up", lists.held),
                                ("on_table", lists.table)):
                assert {n for n, on in zip(NAMES, memory[key][row], strict=True) if on} \
                    == set(listed)
    assert min(seen) < 0 < max(seen)


def test_state_restores_the_lists():
    env = truck()
    put(env, {"package_b": (2, 0, 3), "package_c": (2, -1.7, 1.6)})
    pay(env)
    saved, still = env.get_state(), np.zeros((1, 19))
    expected = env.step(still)
    other = make("h1-truck", seed=5, threads=1)
    other.set_state(saved)
    got = other.step(still)
    assert got.reward == expected.reward and got.terms["packages_on_table"] == 1


def test_target_and_progress_follow_the_lists():
    env = truck()
    start = env.task.progress(env.physics)[0]
    places = {name: first_place(env, name) for name in NAMES}
    nearest = min(places.values(), key=lambda p: np.linalg.norm(p - env.physics.base_pos[0]))
    np.testing.assert_allclose(env.task.target(env.physics)[0], nearest, atol=1e-9)
    assert 0 <= start < 0.1
    put(env, {"package_a": (2, 0, 3)})
    pay(env)
    held = env.task.progress(env.physics)[0]
    top = TABLE + np.array([0, 0, 0.5])
    np.testing.assert_allclose(env.task.target(env.physics)[0], top, atol=1e-9)
    put(env, stacked())
    pay(env)
    assert start < held < env.task.progress(env.physics)[0] == pytest.approx(1)
