"""Window: press the wiper against the pane and move it up and down."""

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import small_control, standing, upright
from mwx.sim.tasks.window_scene import CONTACTS, OBJECT_QPOS, SITES, VELOCITY, add_window
from mwx.types import Array

PANE_X, PANE_MARGIN = 0.92, 0.4  # [m, world] where the wiper's face should be
WIPING_SPEED = 0.5  # [m/s] of the tool, up or down
HAND_NEAR, HAND_MARGIN = 0.2, 0.5  # [m] hand to the middle of the tool
LEAN, LEAN_MARGIN = 0.4, 0.1  # [m] how far from its start the head should be
DROPPED = 0.58  # [m] height of the tool below which the episode ends


class Window(Task):
    """HumanoidBench window.

    Both hands must be near the tool (the worse one counts), all five points of the wiper's face
    near the pane, and the head 0.4 m from where it was at the start of the episode.
    """

    name: ClassVar[str] = "window"
    text: ClassVar[str] = ("Hold the wiping tool with both hands, press its wiper against the "
                           "window in front of you and wipe up and down.")
    success_bar: ClassVar[float] = 650.0
    camera: ClassVar[str] = "cam_hand_visible"
    fall_height: ClassVar[float | None] = 0.58
    robots: ClassVar[tuple[str, ...]] = ("h1hand",)
    object_qpos: ClassVar[tuple[float, ...]] = OBJECT_QPOS
    memory: ClassVar[Mapping[str, Any]] = {"head_start": np.zeros(3)}

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the window and the tool."""
        add_window(spec)

    def start(self, physics: Physics, row: int, rng: np.random.Generator) -> None:
        """Remember where the head starts."""
        physics.forward(np.array([row]))
        physics.memory["head_start"][row] = physics.site_position("head")[row]

    def state(self, physics: Physics) -> Array:
        """(B, 9): tool from pelvis, wiper from tool [m, heading frame], pane gap, speed, touch."""
        tool, wiper = _tool(physics), physics.site_position("wipe_contact_site_e")
        return np.concatenate([
            physics.in_heading_frame(tool - physics.base_pos, wiper - tool),
            np.stack([PANE_X - wiper[:, 0], physics.sensor(VELOCITY)[:, 2],
                      _touching(physics)], axis=1)], axis=1)

    def reward(self, physics: Physics) -> Reward:
        """Hold the tool, move it, stand with the head to the window, and press the wiper on."""
        leaning = np.linalg.norm(
            physics.site_position("head") - physics.memory["head_start"], axis=1)
        terms = {"stand_reward": standing(physics) * upright(physics),
                 "small_control": small_control(physics),
                 "moving_wipe_reward": tolerance(np.abs(physics.sensor(VELOCITY)[:, 2]),
                                                 exactly(WIPING_SPEED), WIPING_SPEED),
                 "hand_tool_proximity_reward": _hands_near(physics),
                 "window_contact_reward": _on_pane(physics),
                 "window_contact_filter": _touching(physics)}
        terms["window_contact_total_reward"] = (terms["window_contact_filter"]
                                                * terms["window_contact_reward"])
        stance = (terms["stand_reward"] * terms["small_control"]
                  * tolerance(leaning, exactly(LEAN), LEAN_MARGIN))
        manipulation = (0.2 * stance + 0.4 * terms["moving_wipe_reward"]
                        + 0.4 * terms["hand_tool_proximity_reward"])
        return 0.5 * manipulation + 0.5 * terms["window_contact_total_reward"], terms

    def terminated(self, physics: Physics) -> Array:
        """A fall, or the tool was dropped."""
        return super().terminated(physics) | (_tool(physics)[:, 2] < DROPPED)

    def target(self, physics: Physics) -> Array:
        """The middle of the tool."""
        return _tool(physics).copy()

    def progress(self, physics: Physics) -> Array:
        """Half for both hands at the tool, half for the wiper on the pane."""
        return (_hands_near(physics) + _touching(physics) * _on_pane(physics)) / 2


def _tool(physics: Physics) -> Array:
    return physics.body_position("window_wiping_tool")


def _hands_near(physics: Physics) -> Array:
    """(B,) in [0, 1]: the farther hand is near the tool."""
    tool = _tool(physics)
    farther = np.maximum(np.linalg.norm(physics.left_hand - tool, axis=1),
                         np.linalg.norm(physics.right_hand - tool, axis=1))
    return tolerance(farther, between(0, HAND_NEAR), HAND_MARGIN)


def _on_pane(physics: Physics) -> Array:
    """(B,) in [0, 1]: the worst of the five points of the wiper's face is near the pane."""
    x = np.stack([physics.site_position(name)[:, 0] for name in SITES])
    return tolerance(x, exactly(PANE_X), PANE_MARGIN, "linear").min(axis=0)


def _touching(physics: Physics) -> Array:
    """(B,) 1 where wiper and pane touch, else 0."""
    return (physics.contact_count(CONTACTS) > 0).astype(float)
