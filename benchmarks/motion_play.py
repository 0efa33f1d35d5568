"""What generated gaits do when they are only played: `python benchmarks/motion.py --play run`.

The feed-forward commands alone, no feedback from the robot, (a) with an assist wrench that keeps
the pelvis upright and on course, at full strength and at a tenth, (b) with nothing. Counts control
steps (50 Hz) until the pelvis is below 0.65 m.
"""

import mujoco
import numpy as np

from mwx.experts.assist import assist_wrench
from mwx.motion import Reference, generate
from mwx.robot import H1
from mwx.robot.h1 import SUBSTEPS

FALLEN = 0.65  # [m] pelvis height


def assist(data: mujoco.MjData, speed: float) -> np.ndarray:
    """Return the training assist as a wrench (6,) on the pelvis: force [N], moment [N m], world."""
    force, torque = assist_wrench(data.qpos[None], data.qvel[None], np.array([speed]))
    return np.concatenate([force[0], torque[0]])


def open_loop(reference: Reference, start: int, strength: float, steps: int) -> tuple[int, float]:
    """Play a looping reference's commands from one of its states.

    Args:
        reference: a loop.
        start: frame to start from.
        strength: of the assist, 0 to 1.
        steps: control steps at most.

    Returns:
        control steps until the fall (or all of them), and the mean forward speed [m/s].
    """
    model = H1.model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = reference.qpos[start], reference.qvel[start]
    speed = float(reference.advance[0] / reference.duration_s)
    begin = data.qpos[0]
    for step in range(steps):
        data.ctrl[:] = reference.ctrl[(start + step) % reference.num_frames]
        for _ in range(SUBSTEPS):
            data.xfrc_applied[1] = strength * assist(data, speed)
            mujoco.mj_step(model, data)
        if data.qpos[2] < FALLEN:
            return step + 1, float(data.qpos[0] - begin) / (step + 1) * 50
    return steps, float(data.qpos[0] - begin) / steps * 50


def play(skill: str, speeds: list[float] | None, starts: int, steps: int) -> None:
    """Print steps upright and speed for some speeds of a gait, from evenly spaced start frames."""
    for speed in speeds or [None]:
        gait = generate(skill, speed=speed)
        frames = [i * gait.num_frames // starts for i in range(starts)]
        pace = gait.advance[0] / gait.duration_s
        for strength in (1.0, 0.1, 0.0):
            runs = [open_loop(gait, start, strength, steps) for start in frames]
            print(f"{skill} {pace:.2f} m/s, assist {strength:.1f}: upright for "
                  f"{', '.join(str(n) for n, _ in runs)} of {steps} steps; "
                  f"{np.mean([v for _, v in runs]):.2f} m/s", flush=True)
