"""A motion file that says neither its unit nor its vertical axis: what a body tells about both."""

from dataclasses import dataclass

import numpy as np

from mwx.errors import MwxError
from mwx.maths import rotations
from mwx.types import Array

SPAN = 2.4  # [m] an adult along the bones, from the toes of one foot to a finger's end
# unit -> metres; CMU's files count in 1 / 0.45 inch
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "inch / 0.45": 0.0254 / 0.45}
DOUBTFUL = 1.45  # a span this factor from an adult's may be a child's, or another unit's
FLAT = 0.5  # a floor is where the lowest point moves less than half as much as along the rival


@dataclass(frozen=True)
class World:
    """How to get from the file's world to metres, z up.

    Attributes:
        metres: [m] per file unit; up: "y" or "z"; notes: what was found and how.
    """

    metres: float
    up: str
    notes: tuple[str, ...]

    def applied(self, positions: Array, turns: Array) -> tuple[Array, Array]:
        """Return positions (T, J, 3) [m] and turns (T, J, 4), z up."""
        if self.up == "z":
            return positions * self.metres, turns
        x, y, z = np.moveaxis(positions * self.metres, -1, 0)
        upright = rotations.about("x", np.array(np.pi / 2))
        return np.stack([x, -z, y], -1), rotations.multiply(upright, turns)


def guess(names: tuple[str, ...], parents: tuple[int, ...], bones: Array, positions: Array,
          up: str | None = None, metres: float | None = None) -> World:
    """Return the world of a file.

    Args:
        names, parents: of the J points; bones: (J,) lengths [file units].
        positions: (T, J, 3) [file units] of the motion.
        up, metres: what the user knows better.

    Raises:
        MwxError: the bones have no length, or the user's own values make no sense.
    """
    if up not in (None, "y", "z"):
        raise MwxError(f"up axis '{up}': known: y, z")
    if metres is not None and not 0 < metres < np.inf:
        raise MwxError(f"{metres} metres per file unit: a number above 0 is needed")
    size, unit_note = (metres, f"unit: {metres:g} m, as told") if metres else _unit(parents, bones)
    axis, axis_note = (up, f"{up} is up, as told") if up else _vertical(names, positions)
    return World(float(size), axis, (unit_note, axis_note))


def span(parents: tuple[int, ...], bones: Array) -> float:
    """Return the longest way along the bones from one end of the skeleton to another."""
    reach = np.zeros(len(parents))  # the longest way down from each point
    best = 0.0
    for i in range(len(parents) - 1, 0, -1):  # parents come before their children
        way, parent = reach[i] + bones[i], parents[i]
        best = max(best, reach[parent] + way)
        reach[parent] = max(reach[parent], way)
    return best


def _unit(parents: tuple[int, ...], bones: Array) -> tuple[float, str]:
    length = span(parents, bones)
    if not 0 < length < np.inf:
        raise MwxError("the skeleton's bones have no length: every OFFSET is zero")
    off = {name: abs(np.log(length * metres / SPAN)) for name, metres in UNITS.items()}
    name = min(off, key=lambda n: off[n])
    note = f"unit: {name} (the skeleton spans {length * UNITS[name]:.2f} m)"
    if off[name] > np.log(DOUBTFUL):
        note += ", doubtful: no unit makes it a person's"
    return UNITS[name], note


def _vertical(names: tuple[str, ...], positions: Array) -> tuple[str, str]:
    """Return "y" or "z": where the trunk points, unless the floor says otherwise."""
    trunk = np.abs((positions[:, _top(names)] - positions[:, 0]).mean(axis=0))
    lowest = positions.min(axis=1)
    spread = np.percentile(lowest, 95, axis=0) - np.percentile(lowest, 5, axis=0)
    y, z = trunk[1], trunk[2]
    axis, rival = ("z", "y") if z > 2 * y else ("y", "z")
    decisive = max(y, z) > 2 * min(y, z)
    mine, other = (spread["xyz".index(a)] for a in (axis, rival))
    if other < FLAT * mine and (not decisive or other + 0.1 * max(y, z) < FLAT * mine):
        return rival, f"{rival} is up: the lowest points stay level along it"
    return axis, f"{axis} is up: " + ("the trunk points along it" if decisive else
                                      "as usual, the trunk does not tell")


def _top(names: tuple[str, ...]) -> int:
    """Return the index of the head, or of what is nearest to it."""
    lowered = [n.lower() for n in names]
    for part in ("head", "neck", "spine2", "spine1", "spine", "chest", "torso"):
        if any(part in n for n in lowered):
            return next(i for i, n in enumerate(lowered) if part in n)
    return len(names) - 1


def frames_of_calibration(positions: Array, fps: float) -> int:
    """Return 1 where frame 0 is a calibration pose that the motion jumps away from, else 0.

    Args:
        positions: (T, J, 3) [m]; fps: [Hz].
    """
    if len(positions) < 4:
        return 0
    few = positions[:2000]
    steps = np.linalg.norm(np.diff(few - few[:, :1], axis=0), axis=-1).max(axis=1)
    return int(steps[0] * fps > 12.0 and steps[0] > 4 * steps[1:].max())
