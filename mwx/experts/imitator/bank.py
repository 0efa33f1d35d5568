"""Clips with their regulators, laid end to end so that every environment may play another one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mwx.errors import MwxError
from mwx.experts.imitator import metrics
from mwx.experts.imitator.regulator import RegulatorConfig, Track, regulate, wrapped
from mwx.motion import Reference
from mwx.motion.tangent import difference
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array


@dataclass(frozen=True)
class Clip:
    """A reference, its regulator and its body points (T, P, 3) [m]."""

    name: str
    reference: Reference
    track: Track
    points: Array


def prepare(name: str, reference: Reference, config: RegulatorConfig | None = None,
            track: Track | None = None) -> Clip:
    """Return a clip ready for imitation; the regulator is worked out unless given.

    Raises:
        MwxError: fewer than two frames, or not at the control rate.
    """
    if reference.num_frames < 2:
        raise MwxError(f"reference '{name}' has one frame: there is no motion to follow")
    if abs(reference.fps * CONTROL_DT - 1) > 1e-6:
        raise MwxError(f"reference '{name}' is at {reference.fps:g} Hz: robots are commanded at "
                       f"{1 / CONTROL_DT:g} Hz, retarget or import it again at that rate")
    return Clip(name, reference, track or regulate(reference, config),
                metrics.points(reference.qpos))


@dataclass(frozen=True)
class Moment:
    """The references of B environments at one frame.

    Attributes:
        qpos, qvel: (B, 26), (B, 25); points: (B, P, 3) [m]; contact: (B, 2) bool.
    """

    qpos: Array
    qvel: Array
    points: Array
    contact: Array


class Bank:
    """C clips as flat arrays; rows are asked for by clip (B,) and frame (B,).

    A regulator that stands only with assist throws the robot down without it: of such a clip only
    the reference and its feed-forward commands are used.

    Attributes:
        names, frames, loops: (C,) of the clips.
        alone: (C,) bool, the clip's regulator needs no assist.
    """

    def __init__(self, clips: Sequence[Clip]):
        self.names = tuple(clip.name for clip in clips)
        self.frames = np.array([clip.reference.num_frames for clip in clips])
        self.loops = np.array([clip.reference.loop for clip in clips])
        self.alone = np.array([clip.track.assist == 0 for clip in clips])
        self._advance = np.array([clip.reference.advance for clip in clips])
        self._first = np.cumsum(self.frames) - self.frames
        references, tracks = [c.reference for c in clips], [_usable(c) for c in clips]
        self._qpos, self._qvel = (np.concatenate([getattr(r, n) for r in references])
                                  for n in ("qpos", "qvel"))
        self._contact = np.concatenate([r.contact for r in references])
        self._points = np.concatenate([clip.points for clip in clips])
        self._track = [np.concatenate([getattr(t, n) for t in tracks])
                       for n in ("qpos", "qvel", "ctrl", "gain")]

    def __len__(self) -> int:
        return len(self.names)

    def _rows(self, clip: Array, frame: Array) -> tuple[Array, Array]:
        """Return the flat rows (B,) and how far the loop has carried the base (B, 3)."""
        count, loops = self.frames[clip], self.loops[clip]
        k, cycle = wrapped(frame, count, loops)
        return self._first[clip] + k, cycle[:, None] * self._advance[clip]

    def look(self, clip: Array, frame: Array) -> Moment:
        """Return the references; a loop goes on for ever, any other clip rests on its end."""
        row, moved = self._rows(clip, frame)
        qpos = self._qpos[row]
        qpos[:, :3] += moved
        return Moment(qpos, self._qvel[row], self._points[row] + moved[:, None],
                      self._contact[row])

    def command(self, clip: Array, frame: Array, qpos: Array, qvel: Array) -> Array:
        """Return the regulators' servo commands (B, 19) [rad] at states (B, 26), (B, 25)."""
        row, moved = self._rows(clip, frame)
        wanted, speed, ctrl, gain = (array[row] for array in self._track)
        wanted[:, :3] += moved
        error = np.concatenate([difference(wanted, qpos), qvel - speed], -1)  # (B, 50)
        return ctrl - np.einsum("bij,bj->bi", gain, error)


def _usable(clip: Clip) -> Track:
    if clip.track.assist == 0:
        return clip.track
    r = clip.reference
    return replace(clip.track, qpos=r.qpos, qvel=r.qvel, ctrl=r.ctrl,
                   gain=np.zeros_like(clip.track.gain))
