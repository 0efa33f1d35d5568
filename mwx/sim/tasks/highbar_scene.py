"""The high bar and how a robot hangs on it, in HumanoidBench's numbers.

Facts read from the compiled scenes (HumanoidBench, MIT, commit 791405f). Units: m, rad.
Looks are ours.
"""

import mujoco
import numpy as np

from mwx.robot import Robot
from mwx.sim.tasks.objects import add_geom
from mwx.types import Array

BAR_X, BAR_HEIGHT = 0.31, 2.8  # [m, world]
BAR_SIZE, POST_SIZE, POST_Y = (0.02, 1.2), (0.02, 2.0), 1.2  # [m] radius, half length
ALONG_Y = (0.707107, -0.707107, 0, 0)
BAR_COLOUR, POST_COLOUR = (0.90, 0.49, 0.13, 1), (0.30, 0.31, 0.35, 1)

# the point where each forearm is tied to the bar (simple)
TIE_ON_BAR = (BAR_X, 0.22, 2.82)  # [m, world] of the left; the right one is its mirror image
TIE_ON_ARM = (0.2915, 0.00647, 0.013386)  # [m] in the left elbow link

HANG_SIMPLE, HANG_HARD = (0.27, 0.0, 1.74), (0.27, 0.0, 1.62)  # [m, world] of the pelvis
ELBOW_SIMPLE, ELBOW_HARD, RAISED = 1.49, 1.6, 3.11  # [rad]; the shoulder's roll lifts the arm
# a hand closed round the bar: what its joints are at, and what its servos ask for
GRIP_WRIST, FINGER = (0.11, 0.33), (0.0, 1.3, 0.7, 1.7)
LITTLE, THUMB = (0.1, 0.0, 1.2, 0.77, 1.62), (0.31, 1.35, 0.27, 0.27, 1.45)
GRIP_JOINTS = (*GRIP_WRIST, *FINGER * 3, *LITTLE, *THUMB)
GRIP_COMMANDS = (*GRIP_WRIST, 1.05, 1.22, 0.209, 0.698, 1.57, *(0.0, 1.57, 2.5) * 3,
                 0.785, 0.0, 1.57, 2.5)
LEGS_AND_TORSO = (0.0,) * 11


def add_bar(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """Add the bar and its two posts."""
    bar = spec.worldbody.add_body(name="high_bar")
    for side in (-1, 1):
        add_geom(bar, "cylinder", POST_SIZE, (BAR_X, side * POST_Y, 2), rgba=POST_COLOUR)
        add_geom(bar, "cylinder", (0.16, 0.01), (BAR_X, side * POST_Y, 0.01), rgba=POST_COLOUR,
                 collides=False)
    add_geom(bar, "cylinder", BAR_SIZE, (BAR_X, 0, BAR_HEIGHT), ALONG_Y, rgba=BAR_COLOUR)
    return bar


def tie_forearms(spec: mujoco.MjSpec, bar: mujoco.MjsBody) -> None:
    """Tie each forearm to a point on the bar; the two no longer collide."""
    for side, sign in (("left", 1), ("right", -1)):
        forearm = spec.body(f"{side}_elbow_link")
        mirror = np.array([1, sign, 1])
        bar.add_site(name=f"{side}_tie_bar", pos=mirror * TIE_ON_BAR)
        forearm.add_site(name=f"{side}_tie_arm", pos=mirror * TIE_ON_ARM)
        # between sites, so that the two points are these and not what the default pose makes of one
        spec.add_equality(name=f"{side}_hand_to_bar", type=mujoco.mjtEq.mjEQ_CONNECT,
                          objtype=mujoco.mjtObj.mjOBJ_SITE, name1=f"{side}_tie_bar",
                          name2=f"{side}_tie_arm")
        spec.add_exclude(bodyname1=forearm.name, bodyname2=bar.name)


def hanging(robot: Robot, pelvis: tuple[float, float, float], elbow: float) -> Array:
    """Return the robot's qpos, hanging straight down with its arms up and, if any, fists closed."""
    home = np.zeros(robot.nq)
    home[:3], home[3] = pelvis, 1.0
    for side, sign in (("left", 1), ("right", -1)):
        home[7 + robot.joint(f"{side}_shoulder_roll")] = sign * RAISED
        home[7 + robot.joint(f"{side}_elbow")] = elbow
    return home


def close_fists(robot: Robot, home: Array) -> Array:
    """Return qpos with both hands closed round the bar."""
    home = home.copy()
    for wrist in ("left_wrist_yaw", "right_wrist_yaw"):
        first = 8 + robot.joint(wrist)
        home[first:first + len(GRIP_JOINTS)] = GRIP_JOINTS
    return home


def simple_commands() -> Array:
    """Return H1's (19,) servo commands [rad] that hold the hanging pose."""
    return np.array([*LEGS_AND_TORSO, 0, RAISED, 0, ELBOW_SIMPLE, 0, -RAISED, 0, ELBOW_SIMPLE])


def hard_commands() -> Array:
    """Return the (61,) servo commands [rad] of a robot with hands that squeezes the bar."""
    return np.array([*LEGS_AND_TORSO, 0, RAISED, 0, ELBOW_HARD, 0, 0, -RAISED, 0, ELBOW_HARD, 0,
                     *GRIP_COMMANDS, *GRIP_COMMANDS])
