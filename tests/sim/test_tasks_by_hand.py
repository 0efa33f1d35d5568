"""Rewards of walking, sitting, reaching and moving things, by arithmetic of our own.

States are built so that every term is where it changes: another constant changes a reward.
"""

import math

import numpy as np
import pytest
from test_tasks_locomotion import Numbers, bump, env_of, ramp

from mwx.maths import rotations
from mwx.sim.tasks import TASKS

ROWS = 6


def linear(away, margin):
    """dm_control's linear sigmoid: a tenth at the margin."""
    return max(0.0, 1 - 0.9 * away / margin)


def outside(x, low, high):
    return max(low - x, 0.0, x - high)


class Scene(Numbers):
    """Numbers of one environment, with its places and what the task remembers."""

    def __init__(self, env, row):
        super().__init__(env, row)
        self.memory = {key: value[row] for key, value in env.physics.memory.items()}
        self.pelvis, self.imu = self.data.body("pelvis").xpos, self.data.site("imu").xpos
        self.left, self.right = (self.data.site(f"{s}_hand").xpos for s in ("left", "right"))
        self.goals = self.data.mocap_pos

    def body(self, name):
        return self.data.body(name).xpos

    def joint(self, name):
        return self.data.joint(name).qpos[0]

    def standing(self, good, margin):
        """Head high and torso upright, with another idea of upright."""
        return bump(self.head, 1.65, math.inf, 0.4125) * ramp(self.up, good, margin)


def sit(n):
    x, y, _ = n.pelvis - n.body("chair")
    high = bump(n.pelvis[2], 0.68, 0.72, 0.2)
    over = bump(x, -0.19, 0.19, 0.2) * bump(y, 0, 0, 0.1)
    straight = bump(n.head - n.imu[2], 0.35, 0.45, 0.3)
    return n.small * n.still * (high + over) / 2 * ramp(n.up, 0.95, 0.9) * straight


def crawl(n):
    low = min(bump(z, 0.6, 1, 1) for z in (n.head, n.imu[2]))
    away = math.dist(n.data.body("pelvis").xquat, (0.75, 0, 0.65, 0))
    inside = abs(n.imu[1]) <= 1
    return inside * (0.1 * n.small + 0.25 * low + 0.4 * n.forward(1) + 0.25 * bump(away, 0, 0, 1))


def reach(n):
    away = math.dist(n.left, n.goals[0])
    return (5 * n.data.body("pelvis").xmat[8] - 1e-4 * sum(n.data.qvel[:25] ** 2)
            + 5 * (away < 1) + 10 * (away < 0.05))


def both(n):
    near = [bump(math.dist(hand, goal), 0, 0.05, 0.5)
            for hand, goal in zip((n.left, n.right), n.goals, strict=True)]
    return n.small * n.stand * sum(near) / 2


def carry(n):
    w, x, y, z = n.data.qpos[3:7]
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    held = (n.left + n.right) / 2 + [-0.1 * math.cos(yaw), -0.1 * math.sin(yaw), 0.12]
    in_place = max(0.0, 1 - outside(math.dist(n.body("box"), held), 0, 0.1) / 0.3)
    return (n.small * n.stand * n.forward(1) * in_place
            * ramp(n.data.body("box").xmat[8], 0.9, 0.9))


def push(n):
    away = math.dist(n.body("object"), n.goals[0])
    return -0.1 * math.dist(n.left, n.body("object")) - away + 1000 * (away < 0.05)


def door(n):
    hinge, hatch = n.joint("door_hinge"), n.joint("door_hatch_hinge")
    hand = min(math.dist(h, n.body("door_hatch")) for h in (n.left, n.right))
    return (0.1 * n.standing(0.9, 0.9) * n.small + 0.45 * min(1, hinge * abs(hinge))
            + 0.05 * linear(outside(hatch, 0.75, 2), 0.75)
            + 0.05 * linear(outside(hand, 0, 0.25), 1) + 0.35 * ramp(n.imu[0], 1.2, 1))


def package(n):
    box = n.body("package_a")
    away = math.dist(box, n.goals[0] + [0, 0, 0.35])
    return (n.standing(0.8, 1.9) * n.small - 3 * away
            - 0.1 * (math.dist(box, n.left) + math.dist(box, n.right))
            + min(box[2], 1) + 1000 * (away < 0.1))


def basketball(n):
    ball, hoop = n.body("basketball"), n.data.site("hoop_center").xpos
    hands = bump(max(math.dist(ball, n.left), math.dist(ball, n.right)), 0, 0.2, 1)
    away, stands = math.dist(ball, hoop), n.stand * n.small
    if n.memory["throwing"]:
        pays = 0.15 * stands + 0.05 * hands + 0.8 * linear(away, 7)
    else:
        pays = 0.5 * stands + 0.5 * hands
    return pays + 1000 * (away < 0.05)


def truck(n):
    names = [f"package_{x}" for x in "abcde"]

    def near(place, listed):
        away = [math.dist(n.body(b), place) for b, on in zip(names, listed, strict=True) if on]
        return max(0.0, 1 - outside(min(away), 0, 0.2) / 4) if away else 0.0

    listed = n.memory
    paid = (near(n.pelvis, listed["on_truck"]) + near(n.pelvis, listed["picked_up"])
            + near(n.body("table"), listed["picked_up"]))
    return (listed["bonus"] + 1000 * (sum(listed["on_table"]) == 5)
            + ramp(n.up, 0.9, 1.9) * (1 + paid))


FORMULAS = {
    "stand": lambda n: n.small * n.stand * n.still, "walk": lambda n: n.small * n.stand
    * n.forward(1), "run": lambda n: n.small * n.stand * n.forward(5), "sit_simple": sit,
    "sit_hard": sit, "crawl": crawl, "reach": reach, "reach_two_hands": both, "carry": carry,
    "push": push, "door": door, "package": package, "basketball": basketball, "truck": truck}
# the head a little low, and how far the pelvis is put from its start
LOW, STEPS = np.linspace(0, -0.35, ROWS), np.linspace(0, 1.1, ROWS)


def arrange(env):
    """Put robots and things of every row where each term of the task is on its slope."""
    physics, name = env.physics, env.task.name
    rng = np.random.default_rng(0)
    physics.qvel[:, :25] = rng.normal(0, 0.6, (ROWS, 25))
    physics.base_height[:] += LOW
    physics.base_quat[:] = rotations.multiply(
        rotations.about("z", 0.4 * STEPS), rotations.about("y", np.linspace(0, 0.9, ROWS)))
    if name in ("sit_simple", "sit_hard"):
        physics.base_pos[:] = np.stack([np.linspace(-0.5, 0.1, ROWS), 0.02 * np.arange(ROWS),
                                        np.linspace(0.6, 0.8, ROWS)], 1)
    if name in ("door", "crawl"):
        physics.base_pos[:, 0] += STEPS
    if name == "crawl":
        physics.base_pos[-1, 1] = 1.05
    if name == "door":
        physics.qpos[:, -2:] = np.stack([np.linspace(-0.2, 1.2, ROWS),
                                         np.linspace(0, 2.4, ROWS)], 1)
    physics.forward()
    hand, right = physics.left_hand.copy(), physics.right_hand.copy()
    along = np.array([0.6, 0.0, 0.8])
    if name in ("reach", "reach_two_hands"):
        away = np.array([0.04, 0.06, 0.3, 0.6, 0.99, 1.01])[:, None]
        physics.goals[:, 0] = hand + away * along
        physics.goals[:, -1] = (right if name == "reach_two_hands" else hand) - away * along
    if name == "carry":
        middle = (hand + right) / 2 + [-0.2, 0, 0.12]
        physics.free_position("free_box")[:] = middle + np.array(
            [0, 0.05, 0.1, 0.15, 0.25, 0.3])[:, None] * along
        physics.free_quat("free_box")[:] = rotations.about("x", np.linspace(0, 1.2, ROWS))
    if name in ("push", "package"):
        joint = "free_object" if name == "push" else "free_package"
        box = physics.free_position(joint)
        box[:, 2] += np.linspace(0, 0.9, ROWS)
        away = np.array([0.04, 0.06, 0.09, 0.11, 0.5, 1.0])[:, None]
        physics.goal[:] = box + away * along - (0 if name == "push" else [0, 0, 0.35])
    if name == "basketball":
        place = physics.site_position("hoop_center")
        ball = physics.free_position("free_basketball")
        ball[:3] = (hand + right)[:3] / 2 + np.array([0.05, 0.3, 0.9])[:, None] * along
        ball[3:] = place[3:] - np.array([0.04, 0.06, 3.0])[:, None] * along
        physics.memory["throwing"][1::2] = True
    if name == "truck":
        for i, package in enumerate("abcde"):
            lists = [physics.memory[key] for key in ("on_truck", "picked_up", "on_table")]
            for row in range(ROWS):
                for k, one in enumerate(lists):
                    one[row, i] = k == (2 if row == ROWS - 1 else (i + row) % 3)
            physics.free_position(f"free_package_{package}")[:] = (
                physics.base_pos + np.array([0.1 + 0.5 * i, -0.3 * i, 0.0])
                + STEPS[:, None] * [0, 1, 0])
        physics.memory["bonus"][:] = 100.0 * np.arange(ROWS)
    physics.forward()


@pytest.mark.parametrize("name", FORMULAS)
def test_the_reward_is_the_formulas(name):
    env = env_of(f"h1-{name}", num_envs=ROWS)
    arrange(env)
    reward, terms = env.task.reward(env.physics)
    expected = [FORMULAS[name](Scene(env, row)) for row in range(ROWS)]
    np.testing.assert_allclose(reward, expected, atol=1e-9, rtol=0)
    assert len(set(np.round(expected, 6))) >= ROWS - 1  # the rows differ: something is measured
    assert all(np.shape(term) == (ROWS,) for term in terms.values())


# return of success, control steps, pelvis height [m] that ends an episode; climbs have a rule of
# their own instead
NUMBERS = {
    "stand": (800, 1000, 0.2), "walk": (700, 1000, 0.2), "run": (700, 1000, 0.2),
    "reach": (12000, 1000, None), "hurdle": (700, 1000, 0.2), "crawl": (700, 1000, None),
    "maze": (1200, 1000, 0.2), "sit_simple": (750, 1000, 0.5), "sit_hard": (750, 1000, 0.5),
    "balance_simple": (800, 1000, 0.8), "balance_hard": (800, 1000, 0.8),
    "stair": (700, 1000, 0.2), "slide": (700, 1000, 0.2), "pole": (700, 1000, 0.5),
    "push": (700, 500, None), "cabinet": (2500, 1000, None), "highbar_simple": (750, 1000, None),
    "highbar_hard": (750, 1000, None), "door": (600, 1000, 0.58), "truck": (3000, 1000, None),
    "cube": (370, 500, 0.58), "bookshelf_simple": (2000, 1000, 0.58),
    "bookshelf_hard": (2000, 1000, 0.58), "basketball": (1200, 500, 0.5),
    "window": (650, 1000, 0.58), "spoon": (650, 1000, 0.58), "package": (1500, 1000, None),
    "powerlift": (800, 1000, 0.2), "room": (400, 1000, 0.3), "insert_small": (350, 500, 0.5),
    "insert_normal": (350, 500, 0.5)}


def test_bars_lengths_and_falls_are_the_originals():
    found = {name: (task.success_bar, task.max_steps, task.fall_height)
             for name, task in TASKS.items()}
    ours = {"carry": (700, 1000, 0.2), "reach_two_hands": (700, 1000, 0.2)}
    assert found == NUMBERS | ours
