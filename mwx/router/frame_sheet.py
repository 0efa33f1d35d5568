"""One picture of a trajectory's key frames, for a model that can look; needs a GL back end."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mwx.router.demos import Demonstration
from mwx.router.key_frames import KeyFrame
from mwx.sim import make
from mwx.sim.render import Renderer

COLUMNS, SIDE = 4, 256  # frames in a row; [pixel] of one frame
BACK, INK = (255, 255, 255), (0, 0, 0)
H1_QPOS = 26


def frame_sheet(demo: Demonstration, frames: Sequence[KeyFrame]) -> bytes:
    """Return a PNG of the key frames with their numbers, left to right, then down.

    The robot is drawn as it was; a demonstration does not keep where things were, so they stand
    where an episode starts.

    Args:
        demo: a trajectory of the H1.

    Raises:
        MwxError: no such task for the H1, or no GL back end.
    """
    env = make(f"h1-{demo.task}", threads=1)
    rows = -(-len(frames) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * SIDE), BACK)
    draw = ImageDraw.Draw(sheet)
    with Renderer(env.model, SIDE, SIDE) as renderer:
        for i, frame in enumerate(frames):
            state = demo.proprio[frame.step]
            env.set_robot_state(np.array([0]), state[None, :H1_QPOS], state[None, H1_QPOS:])
            corner = (i % COLUMNS * SIDE, i // COLUMNS * SIDE)
            picture = renderer.render(env.physics, 0, env.task.camera)
            sheet.paste(Image.fromarray(picture), corner)
            box = (corner[0], corner[1], corner[0] + 26, corner[1] + 18)
            draw.rectangle(box, fill=BACK)
            draw.text((corner[0] + 6, corner[1] + 3), str(i), fill=INK)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()
