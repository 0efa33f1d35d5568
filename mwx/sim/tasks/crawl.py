"""Crawl: go down on all fours and pass through a tunnel."""

from typing import ClassVar

import mujoco
import numpy as np

from mwx.maths.tolerance import between, exactly, tolerance
from mwx.sim.physics import Physics
from mwx.sim.tasks.objects import add_geom
from mwx.sim.tasks.task import Reward, Task
from mwx.sim.tasks.terms import moving_forward, small_control
from mwx.types import Array

CRAWL_SPEED = 1.0  # [m/s] along world +x
CRAWL_HEIGHT, HEIGHT_MARGIN = between(0.6, 1.0), 1.0  # [m] of the head and of the torso's imu
PITCHED_FORWARD = (0.75, 0, 0.65, 0)  # pelvis quaternion wanted: not of unit length, 81.8 degrees
PITCH_MARGIN = 1.0
IN_TUNNEL = between(-1.0, 1.0)  # [m, world] y of the imu
MOUTH_X, END_X = 2.2, 18.2  # [m, world] where the tunnel begins and ends
# half extents and place in the tunnel's frame, whose origin is the middle of the mouth [m]
WALLS = (((8, 0.2, 0.775), (8, -1.35, 0.775)), ((8, 0.2, 0.775), (8, 1.35, 0.775)))
CEILING = ((8, 1.15, 0.2), (8, 0, 1.35))
ARCH = (((0.06, 0.21, 0.785), (0, -1.35, 0.785)), ((0.06, 0.21, 0.785), (0, 1.35, 0.785)),
        ((0.06, 1.14, 0.21), (0, 0, 1.36)))
STONE, EDGE = (0.72, 0.76, 0.84, 0.30), (0.90, 0.49, 0.13, 1)


class Crawl(Task):
    """HumanoidBench crawl; lying down does not end an episode."""

    name: ClassVar[str] = "crawl"
    text: ClassVar[str] = ("Get down on hands and knees and crawl forward through the low tunnel "
                           "in front of you at one metre per second.")
    success_bar: ClassVar[float] = 700.0
    fall_height: ClassVar[float | None] = None

    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the tunnel."""
        tunnel = spec.worldbody.add_body(name="tunnel", pos=(MOUTH_X, 0, 0))
        for size, pos in (*WALLS, CEILING):
            add_geom(tunnel, "box", size, pos, rgba=STONE)
        for size, pos in ARCH:
            add_geom(tunnel, "box", size, pos, rgba=EDGE, collides=False)

    def state(self, physics: Physics) -> Array:
        """(B, 6) [m, heading frame]: from the pelvis to the tunnel's mouth and to its end."""
        ends = [np.array([x, 0, CRAWL_HEIGHT[0]]) - physics.base_pos for x in (MOUTH_X, END_X)]
        return physics.in_heading_frame(*ends)

    def reward(self, physics: Physics) -> Reward:
        """Head and torso low, pelvis pitched forward, moving, all of it inside the tunnel."""
        terms = {
            "crawling": tolerance(physics.imu[:, 2], CRAWL_HEIGHT, HEIGHT_MARGIN),
            "crawling_head": tolerance(physics.head_height, CRAWL_HEIGHT, HEIGHT_MARGIN),
            "small_control": small_control(physics),
            "move": moving_forward(physics, CRAWL_SPEED),
            "in_tunnel": tolerance(physics.imu[:, 1], IN_TUNNEL)}
        return (0.1 * terms["small_control"]
                + 0.25 * np.minimum(terms["crawling"], terms["crawling_head"])
                + 0.4 * terms["move"]
                + 0.25 * _pitched_forward(physics)) * terms["in_tunnel"], terms

    def progress(self, physics: Physics) -> Array:
        """The share of the way from the start to the tunnel's end."""
        return np.clip(physics.base_pos[:, 0] / END_X, 0, 1)


def _pitched_forward(physics: Physics) -> Array:
    """Distance of raw quaternions: the opposite quaternion, the same turn, counts as far away."""
    distance = np.linalg.norm(physics.body_quat("pelvis") - PITCHED_FORWARD, axis=1)
    return tolerance(distance, exactly(0), PITCH_MARGIN)
