"""MotionClip: a captured (or generated) motion as key points in the world."""

from dataclasses import dataclass, replace

import numpy as np

from mwx.errors import MwxError
from mwx.types import Array, brief

MOST_HELD = 8  # repetitions of a frame that a data set may have been stored with
MAX_FRAMES = 250_000  # 35 minutes at 120 Hz, up to 2 GB while an AMASS file is read


def check_frames(count: int, source: str) -> None:
    """Refuse what is no motion, or would fill the memory.

    Raises:
        MwxError: fewer than 2 frames or more than `MAX_FRAMES`.
    """
    if count < 2:
        raise MwxError(f"{source}: {count} frames, a motion needs at least 2")
    if count > MAX_FRAMES:
        raise MwxError(f"{source}: {count} frames, at most {MAX_FRAMES} are read at once; cut the "
                       "recording into clips (a skill takes seconds)")


def told_rate(said: float, told: float | None) -> tuple[float, tuple[str, ...]]:
    """Return the rate [Hz] that the user tells, else the file's; a note where they differ."""
    if told is None or np.isclose(said, told, rtol=1e-6):
        return said, ()
    return told, (f"rate: {told:g} Hz as told; the file says {said:g}",)


@dataclass(frozen=True)
class MotionClip:
    """J named points moving in a z-up world.

    Attributes:
        names: the J points; parents: index of each point's parent, -1 for the root.
        positions_w: (T, J, 3) [m], z up.
        rotations_w: (T, J, 4) quaternions (w, x, y, z) of the segments, or None.
        fps: [Hz].
        source: where it came from; source_sha256: of the file's bytes; licence: its terms.
        generated: made from tables, not captured.
        notes: sentences on what the reader found out or assumed: units, the up axis, the body.
        label: the skill shown, where the file says so; loops: its end leads into its start.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    positions_w: Array
    fps: float
    rotations_w: Array | None = None
    source: str = ""
    source_sha256: str = ""
    licence: str = "unknown"
    generated: bool = False
    notes: tuple[str, ...] = ()
    label: str = ""
    loops: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        where = f"clip '{self.source}'"
        joints = len(self.names)
        if self.positions_w.ndim != 3 or self.positions_w.shape[1:] != (joints, 3):
            raise MwxError(f"{where}: positions have shape {self.positions_w.shape}, expected "
                           f"(frames, {joints}, 3)")
        check_frames(len(self.positions_w), where)
        if not np.isfinite(self.positions_w).all():
            frame, joint = np.argwhere(~np.isfinite(self.positions_w))[0][:2]
            raise MwxError(f"{where}: the position of '{self.names[joint]}' is not a number in "
                           f"frame {frame}; cut the clip there or fill the gap")
        if not np.isfinite(self.fps) or self.fps <= 0:
            raise MwxError(f"{where}: {self.fps} frames a second")
        if len(self.parents) != joints:
            raise MwxError(f"{where}: {len(self.parents)} parents for {joints} points")
        if not all(-1 <= p < joints for p in self.parents):
            raise MwxError(f"{where}: parents are indices of points or -1, not {self.parents}")
        if len(set(self.names)) < joints:
            twice = next(n for n in self.names if self.names.count(n) > 1)
            raise MwxError(f"{where}: two points are called '{twice}'")
        turns = self.rotations_w
        if turns is not None and turns.shape != (len(self.positions_w), joints, 4):
            raise MwxError(f"{where}: rotations have shape {turns.shape}, expected "
                           f"({len(self.positions_w)}, {joints}, 4)")

    @property
    def duration_s(self) -> float:
        """[s] from the first to the last frame."""
        return (len(self.positions_w) - 1) / self.fps


def without_held_frames(clip: MotionClip) -> MotionClip:
    """Return the clip without frames that only repeat the one before, at its true rate.

    Some data sets were stored at a multiple of the rate they were captured at by repeating frames:
    a person who stops and jumps on thirty times a second.
    """
    frames = clip.positions_w
    if len(frames) < 2 * MOST_HELD:
        return clip
    same = np.concatenate([[False], (frames[1:] == frames[:-1]).all((1, 2))])
    every = round(len(frames) / max(1, (~same).sum()))
    expected = np.arange(len(frames)) % every != 0
    if every < 2 or (same != expected).any() or every > MOST_HELD:
        return clip
    turns = clip.rotations_w
    return replace(
        clip, positions_w=frames[::every], fps=clip.fps / every,
        rotations_w=None if turns is None else turns[::every],
        notes=(*clip.notes, f"every frame is stored {every} times: read at "
                            f"{clip.fps / every:g} Hz, not {clip.fps:g}"))
