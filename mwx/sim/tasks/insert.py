"""Insert: lift two sockets and put them onto the two ends of a block."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.insert_scene import NORMAL, OBJECT_QPOS, SMALL, Size, add_insert
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.types import Array

SOCKETS, ENDS = ("peg_a", "peg_b"), ("block_peg_a", "block_peg_b")  # sites that must meet
MATCH_MARGIN = 0.5  # [m] between a socket and its end of the block
LIFTED, LIFT_MARGIN = 1.1, 0.15  # [m] height of the sockets
HAND_NEAR, HAND_MARGIN = 0.2, 0.5  # [m]
DROPPED = 0.5  # [m] height of any site below which the episode ends


class InsertNormal(Task):
    """HumanoidBench insert_normal.

    The left hand is asked for socket a, which starts on the robot's right, and the right hand for
    socket b on its left (as in the original); the nearer of the two pairs counts.
    """

    name: ClassVar[str] = "insert_normal"
    text: ClassVar[str] = ("Take the two square sockets from the table, lift them and put them "
                           "onto the two ends of the block.")
    success_bar: ClassVar[float] = 350.0
    max_steps: ClassVar[int] = 500
    camera: ClassVar[str] = "cam_inhand"
    fall_height: ClassVar[float | None] = 0.5
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = OBJECT_QPOS
    size: ClassVar[Size] = NORMAL

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the table, the sockets and the block."""
        add_insert(spec, self.size)

    def state(self, physics: Physics) -> Array:
        """(B, 12): sockets and block ends from the pelvis [m, heading frame]."""
        return physics.in_heading_frame(
            *(physics.site_position(name) - physics.base_pos for name in (*SOCKETS, *ENDS)))

    def reward(self, physics: Physics) -> Reward:
        """Stand and match sockets with ends, times: lift the sockets with a hand at one."""
        terms = {"small_control": small_control(physics),
                 "stand_reward": standing(physics) * upright(physics),
                 "cube_target_reward": _matched(physics),
                 "hand_tool_proximity_reward": tolerance(
                     _hand_distances(physics).min(axis=0), between(0, HAND_NEAR), HAND_MARGIN),
                 "peg_height_reward": _lifted(physics)}
        return ((0.5 * terms["small_control"] * terms["stand_reward"]
                 + 0.5 * terms["cube_target_reward"])
                * (0.5 * terms["peg_height_reward"]
                   + 0.5 * terms["hand_tool_proximity_reward"])), terms

    def terminated(self, physics: Physics) -> Array:
        """A fall, or a socket or the block fell off the table."""
        heights = np.stack([physics.site_position(name)[:, 2] for name in (*SOCKETS, *ENDS)])
        return super().terminated(physics) | (heights < DROPPED).any(axis=0)

    def target(self, physics: Physics) -> Array:
        """The socket of the hand that is nearer to its own."""
        left_nearer = np.less_equal(*_hand_distances(physics))
        return np.where(left_nearer[:, None], *map(physics.site_position, SOCKETS))

    def progress(self, physics: Physics) -> Array:
        """Half for lifted sockets, half for sockets at their ends of the block."""
        return (_lifted(physics) + _matched(physics)) / 2


class InsertSmall(InsertNormal):
    """HumanoidBench insert_small: the same with smaller sockets and a thinner block."""

    name: ClassVar[str] = "insert_small"
    size: ClassVar[Size] = SMALL


def _matched(physics: Physics) -> Array:
    distance = np.stack([
        np.linalg.norm(physics.site_position(end) - physics.site_position(socket), axis=1)
        for end, socket in zip(ENDS, SOCKETS, strict=True)])
    return tolerance(distance, exactly(0), MATCH_MARGIN, "linear").mean(axis=0)


def _lifted(physics: Physics) -> Array:
    height = np.stack([physics.site_position(socket)[:, 2] for socket in SOCKETS])
    return tolerance(height - LIFTED, exactly(0), LIFT_MARGIN, "linear").mean(axis=0)


def _hand_distances(physics: Physics) -> Array:
    """(2, B) [m] left hand to socket a, right hand to socket b."""
    hands = (physics.left_hand, physics.right_hand)
    return np.stack([np.linalg.norm(hand - physics.site_position(socket), axis=1)
                     for hand, socket in zip(hands, SOCKETS, strict=True)])
