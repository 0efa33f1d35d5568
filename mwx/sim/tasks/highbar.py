"""High bar: hang on a bar, swing up and stand on the hands, feet to the sky."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import at_least, tolerance
from mwx.robot import Robot
from mwx.sim.physics import Physics
from mwx.sim.tasks import highbar_scene as scene
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import FORGIVING_LEAN, UPRIGHT, small_control
from mwx.types import Array

FEET_HEIGHT, FEET_MARGIN = 4.8, 2.0  # [m, world] mean height of the feet that pays in full
LOST_HEIGHT = 2.0  # [m] head height below which the robot has let go
FEET_HANGING = 0.75  # [m] mean height of the feet while hanging (tied 0.72 to 0.74, held 0.60)
FIRST_NOISE = 0.01  # legacy: every qpos entry of an environment's first episode moves by this


class HighbarSimple(Task):
    """HumanoidBench highbar_simple: the forearms are tied to the bar."""

    name: ClassVar[str] = "highbar_simple"
    text: ClassVar[str] = ("Your forearms are tied to the bar: swing up into a handstand above it, "
                           "feet straight up, and stay there.")
    success_bar: ClassVar[float] = 750.0
    fall_height: ClassVar[float | None] = None
    robots: ClassVar[tuple[str, ...]] = ("h1",)
    reset_noise: ClassVar[float] = 0.0
    memory: ClassVar[Mapping[str, Any]] = {"shaken": False}

    @property
    def survives(self) -> tuple[str, ...]:
        """Legacy: an environment's first episode alone starts with noise."""
        return ("shaken",) if self.legacy else ()

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the bar and tie the forearms to it."""
        scene.tie_forearms(spec, scene.add_bar(spec))

    def home(self, robot: Robot) -> Array:
        """Hanging straight down."""
        return scene.hanging(robot, scene.HANG_SIMPLE, scene.ELBOW_SIMPLE)

    def home_ctrl(self, robot: Robot) -> Array:
        """What the servos ask for before the first action."""
        return scene.simple_commands()

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Legacy: shake an environment's first start."""
        if self.legacy:
            _shake_once(physics, row, rng)

    def reward(self, physics: Physics) -> Reward:
        """Torso upside down, feet high, little effort."""
        return _reward(physics)

    def terminated(self, physics: Physics) -> Array:
        """The head is below the bar by more than hanging explains."""
        return physics.head_height < LOST_HEIGHT

    def state(self, physics: Physics) -> Array:
        """(B, 4): torso up cosine, feet [m], from pelvis to the bar's line, x and z [m]."""
        return _state(physics)

    def progress(self, physics: Physics) -> Array:
        """How far the feet have risen from hanging to a handstand."""
        return _risen(physics)


class HighbarHard(HighbarSimple):
    """HumanoidBench highbar_hard: nothing but the fingers holds the robot."""

    name: ClassVar[str] = "highbar_hard"
    text: ClassVar[str] = ("Hold on to the bar with both hands, swing up into a handstand above "
                           "it, feet straight up, and stay there.")
    robots: ClassVar[tuple[str, ...]] = ("h1strong",)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the bar."""
        scene.add_bar(spec)

    def home(self, robot: Robot) -> Array:
        """Hanging straight down, the fingers round the bar."""
        return scene.close_fists(robot, scene.hanging(robot, scene.HANG_HARD, scene.ELBOW_HARD))

    def home_ctrl(self, robot: Robot) -> Array:
        """What the servos ask for before the first action: a squeeze."""
        return scene.hard_commands()


def _feet(physics: Physics) -> Array:
    """(B,) [m] mean height of the feet."""
    feet = (physics.site_position(f"{side}_foot")[:, 2] for side in ("left", "right"))
    return sum(feet, start=np.zeros(physics.num_envs)) / 2


def _reward(physics: Physics) -> Reward:
    feet = tolerance(_feet(physics), at_least(FEET_HEIGHT), FEET_MARGIN, "linear",
                     value_at_margin=0)
    terms = {"upright_reward": tolerance(-physics.upright, at_least(UPRIGHT), FORGIVING_LEAN,
                                         "linear", value_at_margin=0),
             "feet_reward": (1 + feet) / 2,
             "small_control": small_control(physics)}
    return terms["upright_reward"] * terms["feet_reward"] * terms["small_control"], terms


def _state(physics: Physics) -> Array:
    away = physics.base_pos - np.array([scene.BAR_X, 0, scene.BAR_HEIGHT])
    return np.stack([physics.upright, _feet(physics), away[:, 0], away[:, 2]], axis=1)


def _risen(physics: Physics) -> Array:
    return np.clip((_feet(physics) - FEET_HANGING) / (FEET_HEIGHT - FEET_HANGING), 0, 1)


def _shake_once(physics: Physics, row: int, rng: np.random.Generator) -> None:
    """The original turns its noise off inside an environment's first reset, after the noise."""
    if not physics.memory["shaken"][row]:
        physics.qpos[row] += rng.uniform(-FIRST_NOISE, FIRST_NOISE, physics.qpos.shape[1])
        physics.memory["shaken"][row] = True
