"""Pictures of a motion: a film of a stage, and a strip of its phases for a page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mwx.errors import MwxError
from mwx.evaluation.motion_stage import CONTACT, LEFT, RIGHT, Stage
from mwx.sim.physics import Physics
from mwx.sim.render import Renderer, View
from mwx.sim.video import write_video
from mwx.types import Array

SIZE, GIF_SIZE = (540, 960), (300, 480)  # [pixel] height, width
MP4_EVERY, GIF_EVERY = 2, 4  # frames of a 50-Hz motion between pictures
AZIMUTH, ELEVATION = 222.0, -11.0  # [degree] from the front, on the robot's left
SIDE_AZIMUTH = 90.0  # [degree] of the strip: a motion along +x is seen from its right
LOOK_HEIGHT = 0.8  # [m]
NEAR, PER_WIDTH = 2.9, 0.75  # [m] of the camera from one body, and more where two stand apart
FOLLOW_S = 0.4  # [s] the camera's lag is a Gaussian of this width
INK, PAPER = (32, 38, 48), (246, 248, 251)
BAR = 34  # [pixel] of the caption


def film(shown: Stage, path: str | Path, *, height: int | None = None, width: int | None = None,
         speed: float = 1.0, seconds: float | None = None) -> Path:
    """Write a film of a stage and return its path.

    Args:
        shown: what is looked at.
        path: .mp4 (25 pictures a second) or .gif (12.5, smaller).
        height, width: [pixel].
        speed: of real time; 0.25 is slow motion.
        seconds: [s] of the motion at most.

    Raises:
        MwxError: another ending, a speed that is not positive, nothing to show, or no GL back end.
    """
    gif = Path(path).suffix == ".gif"
    if not speed > 0:
        raise MwxError(f"speed {speed}: must be positive; 0.25 is slow motion")
    step = (GIF_EVERY if gif else MP4_EVERY) * speed
    end = len(shown.qpos) if seconds is None else min(len(shown.qpos), round(seconds * shown.fps))
    if end < 1:
        raise MwxError(f"{seconds} seconds of film: at least one frame ({1 / shown.fps:.2f} s)")
    size = GIF_SIZE if gif else SIZE
    index = np.unique(np.arange(0, end, max(step, 1)).round().astype(int)) if step >= 1 else \
        np.floor(np.arange(0, end, step)).astype(int)
    rate = shown.fps / (GIF_EVERY if gif else MP4_EVERY)
    pictures = frames(shown, index, height or size[0], width or size[1])
    return write_video(path, pictures, fps=rate)


def frames(shown: Stage, index: Array, height: int, width: int) -> Iterator[Array]:
    """Draw some frames of a stage from the front, (height, width, 3) uint8 each, captioned."""
    centre = gaussian_filter1d(shown.centre, FOLLOW_S * shown.fps, axis=0, mode="nearest")
    distance = NEAR + PER_WIDTH * shown.wide
    with _Painter(shown, height, width, shadows=False) as painter:
        for t in index:
            look = (float(centre[t, 0]), float(centre[t, 1]), LOOK_HEIGHT)
            picture = painter.draw(int(t), View(look, distance, AZIMUTH, ELEVATION))
            yield captioned(picture, shown.title, t / shown.fps, shown.wide > 0)


def strip(shown: Stage, count: int, height: int, width: int) -> list[Array]:
    """Draw `count` evenly spaced phases from the side, (height, width, 3) uint8 each."""
    index = np.linspace(0, len(shown.qpos) - 1, count).round().astype(int)
    out = []
    with _Painter(shown, 2 * height, 2 * width, shadows=True) as painter:
        for t in index:
            x, y = shown.qpos[t, :2]
            large = painter.draw(int(t), View((float(x), float(y), 0.82), 2.75, SIDE_AZIMUTH, -6.0))
            small = large.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))  # smooth edges
            out.append(small.round().astype(np.uint8))
    return out


class _Painter:
    """Draws poses of a stage."""

    def __init__(self, shown: Stage, height: int, width: int, shadows: bool):
        self._qpos = shown.qpos
        limit = shown.model.vis.global_
        limit.offheight, limit.offwidth = max(limit.offheight, height), max(limit.offwidth, width)
        self._physics = Physics(shown.model, 1, threads=1)
        self._renderer = Renderer(shown.model, height, width, shadows=shadows)

    def draw(self, frame: int, view: View) -> Array:
        self._physics.qpos[0] = self._qpos[frame]
        return self._renderer.render(self._physics, 0, view)

    def __enter__(self) -> "_Painter":
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.close()


def captioned(picture: Array, title: str, time_s: float, person: bool) -> Array:
    """Return a picture with a line on what is shown below it, of the same size."""
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    bar = max(14, BAR * height // 540)
    page = Image.fromarray(picture)
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, height - bar, width, height), fill=PAPER)
    font, middle = _font(max(8, bar * 15 // BAR)), height - bar / 2
    pen.text((bar / 2, middle), title, INK, font=font, anchor="lm")
    keys = [("bears weight", CONTACT)]
    keys += [("person, right", RIGHT), ("person, left", LEFT)] if person else []
    right = width - bar / 2
    pen.text((right, middle), f"{time_s:5.2f} s", INK, font=font, anchor="rm")
    right -= pen.textlength("00.00 s", font=font) + bar
    for text, colour in keys:
        pen.text((right, middle), text, INK, font=font, anchor="rm")
        right -= pen.textlength(text, font=font) + bar / 4
        dot = bar * 0.16
        pen.ellipse((right - 2 * dot, middle - dot, right, middle + dot),
                    fill=tuple(round(255 * c) for c in colour[:3]))
        right -= bar * 0.8
    return np.asarray(page)


def _font(size: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(
        Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)
