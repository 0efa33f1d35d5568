"""Courses, boards, bars and tools: rewards by arithmetic of our own from MuJoCo's data."""

import math

import numpy as np
import pytest

from mwx.sim import make

NAMES = ("h1-hurdle", "h1hand-hurdle", "h1-maze", "h1hand-maze", "h1-pole", "h1-stair", "h1-slide",
         "h1-balance_simple", "h1hand-balance_hard", "h1-balance_hard", "h1-highbar_simple",
         "h1strong-highbar_hard", "h1hand-powerlift", "h1hand-spoon")
OBSERVED = {"h1-hurdle": 51, "h1hand-hurdle": 151, "h1-maze": 51, "h1hand-maze": 151, "h1-pole": 51,
            "h1hand-pole": 151, "h1-stair": 51, "h1hand-stair": 151, "h1-slide": 51,
            "h1hand-slide": 151, "h1-balance_simple": 64, "h1hand-balance_simple": 164,
            "h1-balance_hard": 77, "h1hand-balance_hard": 177, "h1-highbar_simple": 51,
            "h1strong-highbar_hard": 151, "h1hand-powerlift": 164, "h1hand-spoon": 167}


def env_of(name, **kwargs):
    return make(name, **{"num_envs": 1, "threads": 1, "auto_reset": False, **kwargs})


def random_steps(env, steps, seed=0, size=0.5):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        env.step(rng.uniform(-size, size, (env.num_envs, env.act_dim)))


# arithmetic of our own: a bump of dm_control's kind, written out for one number

def bump(x, low, high, margin):
    away = max(low - x, x - high, 0.0)
    return math.exp(-math.log(10) * (away / margin) ** 2)


def ramp(x, low, margin):
    return 1.0 if x >= low else max(0.0, 1.0 - (low - x) / margin)


def tent(x, margin):
    return max(0.0, 1.0 - abs(x) / margin)


class Numbers:
    """What the formulas need, read from MuJoCo's own data of one environment."""

    def __init__(self, env, row=0):
        data = env.physics.data(row)
        self.data, self.model = data, env.physics.model
        self.head = data.site("head").xpos[2]
        self.feet = [data.site(f"{side}_foot").xpos[2] for side in ("left", "right")]
        self.up = data.body("torso_link").xmat[8]
        self.vx, self.vy, _ = data.sensor("pelvis_subtreelinvel").data
        spared = [max(0.0, 1 - (force / 10) ** 2) for force in data.actuator_force]
        self.small = (4 + sum(spared) / len(spared)) / 5
        self.still = (bump(self.vx, 0, 0, 2) + bump(self.vy, 0, 0, 2)) / 2
        self.stand = bump(self.head, 1.65, math.inf, 0.4125) * ramp(self.up, 0.9, 1.9)

    def touched(self, body):
        """Does anything touch a body's geoms?"""
        wanted = self.model.body(body).id
        return any(self.model.geom_bodyid[geom] == wanted
                   for contact in self.data.contact for geom in contact.geom)

    def forward(self, speed):
        return (5 * ramp(self.vx, speed, speed) + 1) / 6


def hurdle(n, memory):
    return (n.small * bump(n.head, 1.65, math.inf, 0.4125) * ramp(n.up, 0.8, 1.9) * n.forward(5)
            * (0.1 if n.touched("walls") else 1))


def maze(n, memory):
    stage = memory["stage"]
    (cx, cy), (dx, dy) = [((0, 0), (1, 0)), ((3, 0), (1, 0)), ((3, 6), (0, 1)), ((6, 6), (1, 0)),
                          ((6, 6), (0, 1))][stage]
    imu = n.data.site("imu").xpos
    move = 1 if stage == 4 else tent(n.vx - 2 * dx, 1) * tent(n.vy - 2 * dy, 1)
    near = bump(math.hypot(cx - imu[0], cy - imu[1]), 0, 0, 1)
    dense = 0.2 * n.stand * n.small + 0.4 * (5 * move + 1) / 6 + 0.4 * near
    return dense * (0.1 if n.touched("maze") else 1) + memory["bonus"]


def pole(n, memory):
    return ((0.5 * n.small * n.stand + 0.5 * n.forward(0.5))
            * (0.1 if n.touched("poles") else 1))


def climb(n, memory):
    above = math.prod(bump(n.head - foot, 1.2, math.inf, 0.45) for foot in n.feet)
    return n.small * above * ramp(n.up, 0.5, 1.9) * n.forward(1)


def balance(n, memory):
    return n.small * n.still * bump(n.head, 2.02, math.inf, 0.4125) * ramp(n.up, 0.9, 1.9)


def highbar(n, memory):
    return ramp(-n.up, 0.9, 1.9) * (1 + ramp(sum(n.feet) / 2, 4.8, 2)) / 2 * n.small


def powerlift(n, memory):
    stand = bump(n.head, 1.65, math.inf, 0.55) * ramp(n.up, 0.8, 1.9)
    return 0.2 * n.small * stand + 0.8 * bump(n.data.body("dumbbell").xpos[2], 1.9, 2.1, 2)


def spoon(n, memory):
    handle, tip = n.data.geom("spoon_handle").xpos, n.data.geom("spoon_plate").xpos
    hand = min(math.dist(n.data.site(f"{side}_hand").xpos, handle) for side in ("left", "right"))
    angle = memory["phase"] * math.tau / 40
    target = (0.75 + 0.06 * math.cos(angle), -0.1 + 0.06 * math.sin(angle), 0.95)
    inside = all(abs(a - b) < 0.1 for a, b in zip(tip, (0.75, -0.1, 1.0), strict=True))
    return (0.15 * n.stand * n.small + 0.25 * bump(hand, 0, 0.2, 0.5) + 0.25 * inside
            + 0.35 * bump(math.dist(tip, target), 0, 0, 0.15))


FORMULAS = {"hurdle": hurdle, "maze": maze, "pole": pole, "stair": climb, "slide": climb,
            "balance_simple": balance, "balance_hard": balance, "highbar_simple": highbar,
            "highbar_hard": highbar, "powerlift": powerlift, "spoon": spoon}


def check_reward(env):
    env.physics.forward()
    reward, terms = env.task.reward(env.physics)
    for i in range(env.num_envs):
        memory = {key: value[i].item() for key, value in env.physics.memory.items()}
        expected = FORMULAS[env.task.name](Numbers(env, i), memory)
        assert reward[i] == pytest.approx(expected, abs=1e-9)
    assert all(np.shape(term) == (env.num_envs,) for term in terms.values())
    return reward, terms


@pytest.mark.parametrize("name", OBSERVED)
def test_observation_has_the_original_s_size(name):
    assert env_of(name).obs_dim == OBSERVED[name]


@pytest.mark.parametrize("name", NAMES)
def test_reward_is_the_formula_s(name):
    env = env_of(name, num_envs=4, terminate=False)
    check_reward(env)
    for _ in range(4):
        random_steps(env, 12, seed=int(env.step_count[0]))
        check_reward(env)


@pytest.mark.parametrize("name", ["h1-hurdle", "h1-pole", "h1-maze", "h1-stair", "h1-slide"])
def test_moving_pays_as_the_formula_says(name):
    env = env_of(name, num_envs=7)
    env.physics.qpos[:], env.physics.qvel[:] = env.task.home(env.robot), 0
    env.physics.qvel[:, 0] = [-1, 0.2, 0.5, 1, 2, 3, 6]
    env.physics.qvel[:, 1] = [0, 0.3, 0, 1, 0, 0.5, 0]
    move = check_reward(env)[1]["move"]
    if name == "h1-maze":
        assert move.argmax() == 4 and move[4] == pytest.approx(1) and move[0] == 1 / 6
    else:
        assert (np.diff(move) >= 0).all() and move[0] == 1 / 6 and move[-1] == 1


PLACES = {
    "h1-hurdle": [(3, 4.6), (-0.6, 0), (7, 0), (3, 0)],
    "h1hand-hurdle": [(3, -4.6), (7, 0)],
    "h1-maze": [(0, -0.9), (-1.2, 0), (1.5, 1.4), (3, 3)],
    "h1-pole": [(2, 0), (1.05, 0.75), (1.5, 0.4), (5, 2.95)],
    "h1-stair": [(3.2, 0), (0.8, 1)], "h1-slide": [(5.3, 0), (1.8, -2)]}


@pytest.mark.parametrize("name", PLACES)
def test_reward_is_the_formula_s_where_the_robot_touches_things(name):
    env = env_of(name, num_envs=len(PLACES[name]))
    env.physics.qpos[:, :2], env.physics.qvel[:] = PLACES[name], 0
    env.physics.forward()
    assert max(len(env.physics.data(i).contact) for i in range(env.num_envs)) > 0
    check_reward(env)
