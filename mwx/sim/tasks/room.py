"""Room: tidy up, that is, bring the six things of a room together."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.room_scene import HEADPHONE_QUAT, OBJECT_QPOS, THINGS, add_room
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

SPREAD_MARGIN = 3.0  # [m^2] of the larger variance of the things' x and y
FIRST_STRIP_X = -2.5  # [m, world] a thing lies in a strip of its own, 1 m wide, from here on
ASIDE = (1.2, 3.5)  # [m] how far to the left or right of the middle
# what the original hits by looping over seven things where there are six
HIT_JOINTS, HIT_STRIP_X = ("rh_LFJ2", "rh_LFJ1"), -3.5


class Room(Task):
    """HumanoidBench room; the things' places come from the environment's own generator.

    The original also writes the place of a seventh thing into two joints of the right little
    finger, far outside their range; only `legacy` does so here.
    """

    name: ClassVar[str] = "room"
    text: ClassVar[str] = ("Tidy up the room: bring the chair, the trophy, the headphone, both "
                           "packages and the snow globe together in one place.")
    success_bar: ClassVar[float] = 400.0
    fall_height: ClassVar[float | None] = 0.3
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = OBJECT_QPOS

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the walls, a table, a shelf and six things."""
        add_room(spec)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Lay each thing into its strip, on a random side."""
        if self.legacy:
            for joint, value in zip(HIT_JOINTS, _place(rng, HIT_STRIP_X), strict=True):
                physics.joint_position(joint)[row] = value
        for i, name in enumerate(THINGS):
            physics.free_position(f"free_{name}")[row, :2] = _place(rng, FIRST_STRIP_X + i)
        physics.set_free(row, "free_headphone", quat=np.array(HEADPHONE_QUAT))

    def state(self, physics: Physics) -> Array:
        """(B, 18): the six things from the pelvis [m, heading frame]."""
        return physics.in_heading_frame(
            *(physics.body_position(name) - physics.base_pos for name in THINGS))

    def reward(self, physics: Physics) -> Reward:
        """Stand upright with little effort, and the things close together."""
        terms = {"small_control": small_control(physics), "standing": standing(physics),
                 "upright": upright(physics), "room_object_organized": _tidy(physics)}
        terms["stand_reward"] = terms["standing"] * terms["upright"]
        return (0.2 * terms["small_control"] * terms["stand_reward"]
                + 0.8 * terms["room_object_organized"]), terms

    def target(self, physics: Physics) -> Array:
        """The thing that is farthest from the middle of all."""
        places = _places(physics)
        aside = np.linalg.norm(places[..., :2] - places[..., :2].mean(axis=1, keepdims=True),
                               axis=2)
        return places[np.arange(len(places)), aside.argmax(axis=1)]

    def progress(self, physics: Physics) -> Array:
        """How close together the things are."""
        return _tidy(physics)


def _place(rng: np.random.Generator, strip_x: float) -> tuple[float, float]:
    x = rng.uniform(strip_x, strip_x + 1)
    return x, rng.uniform(*ASIDE) * rng.choice([1, -1])


def _places(physics: Physics) -> Array:
    """(B, 6, 3) [m, world] where the things are."""
    return np.stack([physics.body_position(name) for name in THINGS], axis=1)


def _tidy(physics: Physics) -> Array:
    """(B,) in [0, 1] from the larger of the variances of the things' x and y."""
    spread = _places(physics)[..., :2].var(axis=1).max(axis=1)
    return tolerance(spread, exactly(0), SPREAD_MARGIN)
