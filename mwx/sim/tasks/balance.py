"""Balance: stand on a board that lies on a ball, which is held fast (simple) or rolls (hard)."""

from typing import ClassVar

import mujoco

from mwx.maths.tolerance import at_least, tolerance
from mwx.robot import Robot
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_free_joint, add_geom, count_contacts, set_inertia
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import STAND_HEIGHT, small_control, standing_still, upright
from mwx.types import Array

BOARD_HEIGHT = 0.37  # [m] where the board starts, and what it adds to the head's height
HOME = (-0.1, 0.0, 1.38)  # [m, world] of the pelvis
BOARD_SIZE, BOARD_MASS = (0.15, 0.55, 0.03), 19.8  # [m] half extents, [kg]
BOARD_INERTIA = (2.00244, 0.15444, 2.145)
BALL_RADIUS, BALL_MASS, BALL_INERTIA = 0.17, 20.579526, (0.237899324,) * 3
BOARD_START = (0.0, 0.0, BOARD_HEIGHT, 1.0, 0.0, 0.0, 0.0)
BALL_START = (0.0, 0.0, BALL_RADIUS, 1.0, 0.0, 0.0, 0.0)
BOARD_COLOUR, GRIP_COLOUR = (0.66, 0.52, 0.40, 1), (0.25, 0.26, 0.30, 1)
BALL_COLOUR = (0.85, 0.33, 0.26, 1)


class BalanceSimple(Task):
    """HumanoidBench balance_simple: the ball does not move."""

    name: ClassVar[str] = "balance_simple"
    text: ClassVar[str] = ("Stand upright on the board and keep your balance; the ball under it "
                           "does not roll, and the board must not touch the floor.")
    success_bar: ClassVar[float] = 800.0
    fall_height: ClassVar[float | None] = 0.8
    object_qpos: ClassVar[tuple[float, ...]] = BOARD_START

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the board on a ball that is part of the world."""
        _add_board(spec)
        _add_ball(spec)
        _count_contacts(spec)

    def home(self, robot: Robot) -> Array:
        """The home pose, on the board."""
        return _on_board(robot)

    def reward(self, physics: Physics) -> Reward:
        """Stand upright on the board, at rest, with little effort."""
        return _reward(physics)

    def terminated(self, physics: Physics) -> Array:
        """The pelvis is low, or something touches the floor or the ball that should not."""
        return super().terminated(physics) | _touches(physics)

    def state(self, physics: Physics) -> Array:
        """(B, 6), heading frame: from pelvis to board [m], the board's normal."""
        return physics.in_heading_frame(*_board(physics))

    def progress(self, physics: Physics) -> Array:
        """How well it stands right now; balancing has no goal to get nearer to."""
        return _standing(physics) * upright(physics)


class BalanceHard(BalanceSimple):
    """HumanoidBench balance_hard: the ball rolls."""

    name: ClassVar[str] = "balance_hard"
    text: ClassVar[str] = ("Stand upright on the board and keep your balance while the ball under "
                           "it rolls; the board must not touch the floor.")
    object_qpos: ClassVar[tuple[float, ...]] = (*BOARD_START, *BALL_START)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the board on a ball that is free."""
        _add_board(spec)
        ball = _add_ball(spec)
        add_free_joint(ball, "free_rolling_pivot")
        set_inertia(ball, BALL_MASS, (0, 0, 0), BALL_INERTIA)
        _count_contacts(spec)

    def state(self, physics: Physics) -> Array:
        """(B, 12), heading frame: pelvis to board [m], its normal, pelvis to ball, its velocity."""
        return physics.in_heading_frame(
            *_board(physics), physics.free_position("free_rolling_pivot") - physics.base_pos,
            physics.free_velocity("free_rolling_pivot")[:, :3])


def _add_board(spec: mujoco.MjSpec) -> None:
    board = spec.worldbody.add_body(name="stand_board", pos=BOARD_START[:3])
    add_free_joint(board, "free_stand_board")
    set_inertia(board, BOARD_MASS, (0, 0, 0), BOARD_INERTIA)
    add_geom(board, "box", BOARD_SIZE, rgba=BOARD_COLOUR, name="board")
    for side in (-1, 1):  # where a foot belongs
        add_geom(board, "box", (0.13, 0.12, 0.001), (0, side * 0.22, 0.0301), rgba=GRIP_COLOUR,
                 collides=False)


def _add_ball(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    ball = spec.worldbody.add_body(name="rolling_pivot", pos=BALL_START[:3])
    add_geom(ball, "sphere", (BALL_RADIUS,), rgba=BALL_COLOUR, name="ball")
    # a belt, so that its rolling can be seen
    add_geom(ball, "cylinder", (BALL_RADIUS + 0.001, 0.012), rgba=GRIP_COLOUR, collides=False)
    return ball


def _count_contacts(spec: mujoco.MjSpec) -> None:
    count_contacts(spec, "ball_contacts", geom="ball")
    count_contacts(spec, "floor_contacts", geom="floor")
    count_contacts(spec, "ball_floor_contacts", geom="ball", other_geom="floor")
    count_contacts(spec, "ball_board_contacts", geom="ball", other_geom="board")


def _on_board(robot: Robot) -> Array:
    home = robot.home_qpos.copy()
    home[:3] = HOME
    return home


def _standing(physics: Physics) -> Array:
    return tolerance(physics.head_height, at_least(STAND_HEIGHT + BOARD_HEIGHT),
                     margin=STAND_HEIGHT / 4)


def _reward(physics: Physics) -> Reward:
    terms = {"standing": _standing(physics), "upright": upright(physics),
             "small_control": small_control(physics), "dont_move": standing_still(physics)}
    terms["stand_reward"] = terms["standing"] * terms["upright"]
    return terms["small_control"] * terms["stand_reward"] * terms["dont_move"], terms


def _touches(physics: Physics) -> Array:
    """(B,) bool: the ball touches more than floor and board, or the floor more than the ball."""
    both = physics.contact_count("ball_floor_contacts")
    ball = physics.contact_count("ball_contacts")
    beside = ball - both - physics.contact_count("ball_board_contacts")
    return (beside > 0) | (physics.contact_count("floor_contacts") > both)


def _board(physics: Physics) -> tuple[Array, Array]:
    """From the pelvis to the board (B, 3) [m], and the board's normal (B, 3); world axes."""
    return (physics.free_position("free_stand_board") - physics.base_pos,
            physics.body_matrix("stand_board")[:, :, 2])
