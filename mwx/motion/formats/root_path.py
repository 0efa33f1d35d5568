"""The unit of a root path beside a body whose size is known: some files mix two.

A foot that bears the body stays where it is, so the path runs as fast as that foot goes back from
the root; and the lowest point of the body is on a floor at height zero. Either tells the unit.
"""

from collections.abc import Sequence

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion.formats.units import TO_Z_UP, UNITS
from mwx.motion.roles import find_parts
from mwx.types import Array

FASTEST, PACE_S = 12.0, 0.25  # [m/s] mean speed that no one exceeds, [s] over which it is taken
ALIKE = 1.4  # ratio of the body's size to the assumed one, either way
NO, NEAR = np.log(ALIKE), np.log(1.2)  # the same, and where it makes another unit of the expected
ERECT = 0.5  # [m] from the root to the lowest point, at least
PARTS = (0.01, 0.001, 100.0, 1000.0)  # of the expected unit, where that is none of UNITS
TRAVEL_SPEED = 0.3  # [m/s] of a standing foot against the root, below which it tells little
KEPT = 0.3  # part of the frames where an ankle moves least: it stands
SLIP = 0.15  # of the root's speed that a standing ankle may have; dances that spin have more
FRAMES = 20_000  # at most looked at
ROUNDS = 10


def in_metres(names: Sequence[str], body: Array, path: Array, fps: float, *, up: str,
              source: str, what: str, unit: float = 1.0, parents: Sequence[int] | None = None
              ) -> tuple[Array, tuple[str, ...]]:
    """Return a root path (T, 3) in metres, and a note where it was in another unit than expected.

    Args:
        names: of the J points; body: (T, J, 3) [m] from the root, in the path's axes.
        path: (T, 3) in file units; fps: [Hz]; up: the axis of `TO_Z_UP` that is up.
        source: name of the file, what: name of the path in it, for the error and the note.
        unit: [m] of the path's expected unit; parents: index of each point's parent.

    Raises:
        MwxError: the path is faster than any person in that unit, and none fits the body.
    """
    parts = find_parts(names, parents, body)
    if not {"left_ankle", "right_ankle"} <= set(parts):
        return unit * path, ()
    turn = TO_Z_UP[up]
    body, line = rotations.rotate(turn, body[:FRAMES]), rotations.rotate(turn, path[:FRAMES])
    step = int(np.clip(PACE_S * fps, 1, len(line) - 1))  # jitter from frame to frame is no speed
    pace = float(np.linalg.norm(line[step:] - line[:-step], axis=1).mean()) * fps / step
    lowest = -body[..., 2].min(axis=1)
    high = float(np.percentile(line[:, 2] / np.maximum(lowest, 0.1), 25))  # units in a metre
    ankles = body[:, [parts["left_ankle"], parts["right_ankle"]]]
    if np.median(lowest) < ERECT and not 1 / ALIKE < unit * high < ALIKE:
        high = 0.0  # of one who lies or crawls the height above the floor tells little
    size = _body_in_path(ankles, line, fps)
    known = [n for n in (size, high) if n is not None and n > 0]

    def off(metres: float) -> float:  # by how much a unit fails both, at most NO each
        return sum(min(abs(np.log(metres * n)), NO) for n in known)

    none = NO * len(known)
    if off(unit) < none:
        return unit * path, ()
    others = UNITS | {f"{part:g} of the body's unit": part * unit for part in PARTS}
    slow = {name: metres for name, metres in others.items() if metres * pace <= FASTEST}
    name = min(slow, key=lambda name: off(slow[name]), default="")
    if name and off(slow[name]) < none - NO + NEAR:
        return path * slow[name], (f"units: '{what}' is in {name}, the body is not (feet then stay "
                                   "where they stand, or the floor is at 0); read so",)
    if unit * pace <= FASTEST:
        told = "feet and floor do not tell" if size is None else (
            f"feet would stay where they stand if it were {1 / (unit * size):.2g} times as long")
        note = f"units: '{what}' is taken to be in the body's; {told}"
        return unit * path, (note,) if pace else ()
    guess = next((name for name in slow if name in UNITS), "another")
    raise MwxError(f"{source}: '{what}' moves at {unit * pace:.3g} m/s in the body's unit of "
                   f"length: is it in {guess}? Feet and floor do not tell; write it in the body's "
                   f"unit (and is {fps:g} Hz its rate?)")


def on_its_path(names: Sequence[str], positions: Array, fps: float, *, up: str, source: str,
                root: int = 0, unit: float = 1.0, parents: Sequence[int] | None = None
                ) -> tuple[Array, tuple[str, ...]]:
    """Return points (T, J, 3) [m] whose root's path may have been in another unit, and a note.

    Args:
        names, fps, up, source, parents: see `in_metres`.
        positions: (T, J, 3) [m], if the path is in the unit of the body.
        root: index of the point that is placed in the world; unit: [m] of a file unit of the body.
    """
    body = positions - positions[:, root, None]
    path, notes = in_metres(names, body, positions[:, root] / unit, fps, up=up, source=source,
                            what=names[root], unit=unit, parents=parents)
    return body + path[:, None], notes


def _body_in_path(ankles: Array, path: Array, fps: float) -> float | None:
    """Return the path's units in a metre of the body, None where ankles (T, 2, 3) do not tell."""
    lower = ankles[..., 2].argmin(axis=1)
    foot = fps * np.diff(ankles, axis=0)[np.arange(len(lower) - 1), lower[:-1]]
    root = fps * np.diff(path, axis=0)
    speed, pace = np.linalg.norm(foot, axis=1), np.linalg.norm(root, axis=1)
    used = (lower[:-1] == lower[1:]) & (speed > TRAVEL_SPEED) & (pace > 0)
    if used.sum() < fps / 2:
        return None
    start = float(np.median(pace[used]) / np.median(speed[used]))
    return size_of(foot[used], root[used], start)


def size_of(foot: Array, root: Array, start: float) -> float | None:
    """Return the factor H by which the lower foot best stays in place: root + H foot = 0.

    While a foot bears the body its velocity is zero, so H is a linear least-squares solution over
    the frames in which it moves least.

    Args:
        foot: (N, D) velocity of the lower foot from the root; root: (N, D) of the root.
        start: H to begin with.

    Returns:
        H; None where no foot stays in place whatever H is.
    """
    size, stands = start, np.ones(len(root), bool)
    for _ in range(ROUNDS):
        slip = np.linalg.norm(root + size * foot, axis=1)
        stands = slip <= np.quantile(slip, KEPT)
        size = -float(np.sum(root[stands] * foot[stands]) / max(np.sum(foot[stands] ** 2), 1e-9))
    moving = np.sum((root[stands] + size * foot[stands]) ** 2)
    return size if moving < SLIP ** 2 * np.sum(root[stands] ** 2) else None
