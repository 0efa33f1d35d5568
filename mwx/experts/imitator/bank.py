"""Clips with their regulators, laid end to end so that every environment may play another one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.experts.imitator import metrics
from mwx.experts.imitator.regulator import RegulatorConfig, Track, feed_forward, regulate, wrapped
from mwx.motion import Reference
from mwx.motion.tangent import difference
from mwx.robot.h1 import CONTROL_DT
from mwx.types import Array


@dataclass(frozen=True)
class Clip:
    """A reference, what is commanded along it, and its body points (T, P, 3) [m].

    Attributes:
        track: its regulator, or only its feed-forward commands.
    """

    name: str
    reference: Reference
    track: Track
    points: Array


def prepare(name: str, reference: Reference, config: RegulatorConfig | None = None) -> Clip:
    """Return a clip ready for imitation: its feed-forward commands, or a regulator around them.

    Args:
        name: of the clip.
        reference: what is to be followed.
        config: of the regulator, which takes a minute or so to work out; None for none.

    Raises:
        MwxError: fewer than two frames, or not at the control rate.
    """
    if reference.num_frames < 2:
        raise MwxError(f"reference '{name}' has one frame: there is no motion to follow")
    if abs(reference.fps * CONTROL_DT - 1) > 1e-6:
        raise MwxError(f"reference '{name}' is at {reference.fps:g} Hz: robots are commanded at "
                       f"{1 / CONTROL_DT:g} Hz, retarget or import it again at that rate")
    track = regulate(reference, config) if config else feed_forward(reference)
    return Clip(name, reference, track, metrics.points(reference.qpos))


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
    """C clips as flat arrays; rows are asked for by clip (B,) and frame (B,)."""

    def __init__(self, clips: Sequence[Clip]):
        self.names = tuple(clip.name for clip in clips)
        self.frames = np.array([clip.reference.num_frames for clip in clips])
        self.loops = np.array([clip.reference.loop for clip in clips])
        self._advance = np.array([clip.reference.advance for clip in clips])
        self._first = np.cumsum(self.frames) - self.frames
        references, tracks = [c.reference for c in clips], [c.track for c in clips]
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
