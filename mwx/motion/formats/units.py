"""Units and up axis of key points, found from the body itself and said in notes.

The leg (hip to knee to ankle) is as long in every pose: the unit that makes it a human's is the
file's. A person is upright at some time: the axis from feet to shoulders then is the one that is
up. Where the body does not tell, the format's convention stays, and the note says so.
"""

from collections.abc import Sequence

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.motion.roles import find_parts
from mwx.types import Array

UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001, "inches": 0.0254,
         "feet": 0.3048, "CMU units (1 / 0.45 inch)": 0.0254 / 0.45}  # [m]
LEG = 0.84  # [m] hip to ankle of a person of 1.71 m (Winter: 0.491 of the height)
LEG_RANGE = (0.40, 1.10)  # [m] child to giant
BODY = 1.55  # [m] largest distance between two joints of an upright adult
BODY_RANGE = (0.6, 2.6)  # [m]
TRAVEL = 0.4  # parts of the body's length that one who crawls gets on
FEW = 5  # points that do not show the size of a body
UPRIGHT = 0.85  # cosine of the lean (32 deg) up to which a body counts as upright
# file axis that points up -> turn to z up
TO_Z_UP = {
    "z": rotations.about("x", np.array(0.0)), "-z": rotations.about("x", np.array(np.pi)),
    "y": rotations.about("x", np.array(np.pi / 2)),
    "-y": rotations.about("x", np.array(-np.pi / 2)),
    "x": rotations.about("y", np.array(-np.pi / 2)),
    "-x": rotations.about("y", np.array(np.pi / 2)),
}


def to_metres_z_up(names: Sequence[str], positions: Array, turns: Array | None = None, *,
                   up: str, unit: str | None = None, source: str = "",
                   parents: Sequence[int] | None = None
                   ) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Return points in metres with z up, their segments' turns, and what was found out.

    Args:
        names: of the J points; positions: (T, J, 3) in file units.
        turns: (T, J, 4) orientations of the segments in the file's axes.
        up: the axis of `TO_Z_UP` that the format calls up, kept unless the body shows another.
        unit: of `UNITS`, where the format fixes it; None: found from the body's size.
        source: name of the file, for the error.
        parents: index of each point's parent, where they hang together.

    Raises:
        MwxError: no unit makes these points a human body.
    """
    metres, said_unit = (unit_of(names, positions, source, parents) if unit is None
                         else (UNITS[unit], ""))
    axis, said_axis = up_axis(names, positions, up, parents)
    turn = TO_Z_UP[axis]
    placed = rotations.rotate(turn, positions * metres)
    turned = None if turns is None else rotations.multiply(turn, turns)
    return placed, turned, tuple(note for note in (said_unit, said_axis) if note)


def unit_of(names: Sequence[str], positions: Array, source: str = "",
            parents: Sequence[int] | None = None) -> tuple[float, str]:
    """Return the metres in a file unit and the note.

    Args:
        names: of the J points; positions: (T, J, 3); source: for the error; parents: of each.

    Raises:
        MwxError: no unit makes these points a human body.
    """
    leg = _leg(names, positions, parents)
    if leg is None and len(names) < FEW:
        return 1.0, "units: metres (by the format; too few points to tell)"
    size, usual, (low, high), what = (
        (leg, LEG, LEG_RANGE, "the leg") if leg is not None
        else (_diameter(positions), BODY, BODY_RANGE, "the body"))
    fitting = {name: size * metres for name, metres in UNITS.items()
               if low <= size * metres <= high}
    if not fitting:
        raise MwxError(f"{source}: {what} is {size:.4g} units long, and no unit of length "
                       f"({', '.join(UNITS)}) makes that a human; scale the points to metres")
    best = min(fitting, key=lambda name: abs(np.log(fitting[name] / usual)))
    if "metres" in fitting:  # what every format should use: others need the better reason
        best = "metres"
    return UNITS[best], (f"units: {best} (from the size of the skeleton: {what} is "
                         f"{fitting[best]:.2f} m)")


def up_axis(names: Sequence[str], positions: Array, expected: str,
            parents: Sequence[int] | None = None) -> tuple[str, str]:
    """Return the axis of `TO_Z_UP` that is up and the note.

    Args:
        names: of the J points; positions: (T, J, 3).
        expected: the format's own, taken where the body tells nothing else.
        parents: index of each point's parent, where they hang together.
    """
    line = _feet_to_shoulders(names, positions, parents)
    if line is None:
        return expected, _said(expected, "by the format; feet and shoulders have no known names")
    lengths = np.linalg.norm(line, axis=1, keepdims=True)
    upward, length = line / np.maximum(lengths, 1e-12), float(np.median(lengths))
    upright = {sign + axis: float(np.mean(value * upward[:, i] > UPRIGHT))
               for i, axis in enumerate("xyz") for sign, value in (("", 1.0), ("-", -1.0))}
    found = max(upright, key=lambda axis: upright[axis])
    if upright[found] > 0.2 and upright[found] > 2 * upright[expected] and not (
            _crawls(positions, TRAVEL * length, expected, found)):
        return found, _said(found, f"the body stands along it in {upright[found]:.0%} of frames")
    known = upright[expected] > 0.2
    return expected, _said(expected, "" if known else "by the format; the person lies or crawls")


def _crawls(positions: Array, far: float, expected: str, other: str) -> bool:
    """Whether the lowest points stay level along `expected` and travel far along `other`.

    One who crawls or swims along an axis all the time does not make it the vertical.
    """
    spread = {}
    for axis in (expected, other):
        height = positions[..., "xyz".index(axis[-1])] * (-1 if axis.startswith("-") else 1)
        spread[axis] = np.ptp(np.percentile(height.min(axis=1), [5, 95]))
    return bool(spread[other] > max(far, 2 * spread[expected]))


def _said(axis: str, reason: str) -> str:
    words = f"{axis.removeprefix('-')} {'down' if axis.startswith('-') else 'up'}"
    turned = "" if axis == "z" else ", turned"
    return f"{words}{turned}" + (f" ({reason})" if reason else "")


def said_unit(metres: float, names: Sequence[str], positions: Array, source: str,
              parents: Sequence[int] | None = None) -> tuple[float, tuple[str, ...]]:
    """Return the metres in a file unit that a file says, or, if they make nobody, the body's.

    Args:
        metres: by the file; names: of the J points; positions: (T, J, 3) in file units.
        source: for the error; parents: of each point.

    Raises:
        MwxError: no unit makes these points a human body.
    """
    leg = _leg(names, positions, parents)
    if leg is None or LEG_RANGE[0] <= leg * metres <= LEG_RANGE[1]:
        return metres, ()
    found, note = unit_of(names, positions, source, parents)
    return found, (f"{note}; by the file's own unit it would be {leg * metres:.3g} m",)


def _leg(names: Sequence[str], positions: Array, parents: Sequence[int] | None) -> float | None:
    """Return the median length of the legs [file units], None without known names."""
    parts = find_parts(names, parents, positions)
    lengths = []
    for side in ("left", "right"):
        chain = [parts.get(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")]
        if None in chain:
            return None
        hip, knee, ankle = (positions[:, i] for i in chain)
        lengths.append(np.linalg.norm(knee - hip, axis=1) + np.linalg.norm(ankle - knee, axis=1))
    return float(np.median(lengths))


def _diameter(positions: Array) -> float:
    """Return the largest distance between two points [file units] (T, J, 3)."""
    some = positions[:: max(1, len(positions) // 50)]
    gaps = np.linalg.norm(some[:, :, None] - some[:, None], axis=-1)
    return float(gaps.max())


def _feet_to_shoulders(names: Sequence[str], positions: Array, parents: Sequence[int] | None
                       ) -> Array | None:
    """Return the lines (T, 3) from between the ankles to between the shoulders, or None."""
    parts = find_parts(names, parents, positions)
    ends = []
    for joint in ("ankle", "shoulder"):
        pair = [parts.get(f"{side}_{joint}") for side in ("left", "right")]
        if None in pair:
            return None
        ends.append(sum(positions[:, i] for i in pair) / 2)
    return ends[1] - ends[0]
