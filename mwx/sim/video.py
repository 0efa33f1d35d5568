"""Frames -> mp4 or GIF."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.files import write_whole
from mwx.types import Array

FORMATS = (".mp4", ".gif")
GIF_COLOURS = 96
QUALITY = {"libx264": 7, "gif": None}  # of imageio-ffmpeg, in 1..10; a GIF has none


def write_video(path: str | Path, frames: Iterable[Array], fps: float = 25.0) -> Path:
    """Write pictures as a film; nothing is left behind if that fails.

    Args:
        path: ends in .mp4 (H.264, plays in browsers) or .gif.
        frames: (height, width, 3) uint8 each, all of one size; drawn one by one.
        fps: [1/s] pictures shown in a second.

    Returns:
        The path.

    Raises:
        MwxError: another ending, no frame, frames that differ, or a writer that fails.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise MwxError(f"{path}: a film's name must end in {' or '.join(FORMATS)}")
    if not fps > 0:
        raise MwxError(f"fps {fps}: must be positive")
    write = _write_mp4 if path.suffix == ".mp4" else _write_gif
    return write_whole(path, lambda part: write(part, _checked(frames), fps))


def _checked(frames: Iterable[Array]) -> Iterable[Array]:
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise MwxError("a film needs at least one frame")
    for frame in chain([first], frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape != first.shape or \
                frame.shape[2] != 3:
            raise MwxError(f"frame of shape {frame.shape} and type {frame.dtype}: every frame must "
                           f"be uint8 (height, width, 3), here {first.shape[:2]} like the first")
        yield frame


def _write_mp4(path: Path, frames: Iterable[Array], fps: float) -> None:
    even = "crop=trunc(iw/2)*2:trunc(ih/2)*2"  # H.264 needs even sides
    _encode(path, frames, fps, "libx264", ["-vf", even, "-movflags", "+faststart"])


def _write_gif(path: Path, frames: Iterable[Array], fps: float) -> None:
    # one palette for the whole film and only what changed in each picture: a third of the size
    # that pictures with a palette each have, and no flicker
    graph = (f"split[a][b];[a]palettegen=max_colors={GIF_COLOURS}:stats_mode=full[p];"
             "[b][p]paletteuse=dither=none:diff_mode=rectangle")
    _encode(path, frames, fps, "gif", ["-vf", graph, "-loop", "0"])


def _encode(path: Path, frames: Iterable[Array], fps: float, codec: str, options: list[str]
            ) -> None:
    import imageio_ffmpeg

    writer = None
    try:
        for frame in frames:
            if writer is None:
                height, width = frame.shape[:2]
                writer = imageio_ffmpeg.write_frames(
                    str(path), (width, height),
                    fps=fps,  # pyright: ignore[reportArgumentType]  # it formats a float
                    codec=codec,
                    quality=QUALITY[codec],  # pyright: ignore[reportArgumentType]  # None is known
                    pix_fmt_out="yuv420p" if codec == "libx264" else "pal8",
                    macro_block_size=1, ffmpeg_log_level="error", output_params=options)
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
    finally:
        if writer is not None:
            writer.close()
