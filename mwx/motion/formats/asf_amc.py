"""ASF skeletons and AMC motions (Acclaim, as the CMU motion capture data base uses them).

A bone is named by its far end: the point "lfemur" is the left knee. With C the bone's own axes and
M the turn of its degrees of freedom, G_child = G_parent C M C^-1 and
p_child = p_parent + G_child direction length. Lengths are in units of 1 / `length` inch; y is up.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.maths import rotations
from mwx.motion.clip import MotionClip
from mwx.motion.reference import sha256
from mwx.types import Array

INCH = 0.0254  # [m]
FPS = 120.0  # [Hz] of the CMU data base; the file does not say
TO_Z_UP = rotations.about("x", np.array(np.pi / 2))
LICENCE = "as the source; CMU Graphics Lab clips are free for all uses"


@dataclass(frozen=True)
class Bone:
    """One bone: parent's name, offset (3,) [file units], own axes (4,) and channels ("rx", ...)."""

    name: str
    parent: str | None
    offset: Array
    axes: Array
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    """Bones by name, parents before children; metres per file unit; radians per angle unit."""

    bones: dict[str, Bone]
    metres: float
    radians: float
    path: Path


def read_asf(path: Path) -> Skeleton:
    """Read a skeleton.

    Raises:
        MwxError: the file is no ASF, cut short, or its hierarchy does not hang together.
    """
    sections = _sections(path)
    for name in ("units", "root", "bonedata", "hierarchy"):
        if name not in sections:
            raise MwxError(f"{path}: no ASF skeleton, or cut short: it has no ':{name}' section")
    try:
        units = {row[0]: row[1] for row in sections["units"]}
        degrees = units.get("angle", "deg").startswith("deg")
        radians = np.pi / 180 if degrees else 1.0
        root = {row[0]: row[1:] for row in sections["root"]}
        order = tuple(x.lower() for x in root["order"])
        axes = _euler(root["orientation"], root["axis"][0], radians)
        found = {"root": Bone("root", None, np.zeros(3), axes, order)}
        found |= {b["name"][0]: _bone(b, radians) for b in _blocks(sections["bonedata"])}
        parents = {child: row[0] for row in sections["hierarchy"] if len(row) > 1
                   for child in row[1:]}
        metres = INCH / float(units["length"])
    except (KeyError, IndexError, ValueError) as error:
        raise MwxError(f"{path}: damaged ASF skeleton ({type(error).__name__}: {error})") from None
    return Skeleton(_sorted(found, parents, path), metres, radians, path)


def _sections(path: Path) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in _text(path).splitlines():
        words = line.split("#")[0].replace("(", " ").replace(")", " ").split()
        if words and words[0].startswith(":"):
            rows = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            rows.append(words)
    return sections


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise MwxError(f"{path}: not a text file, so neither ASF nor AMC; is it renamed?") from None


def _blocks(rows: list[list[str]]) -> list[dict[str, list[str]]]:
    blocks, block = [], None
    for row in rows:
        if row[0] == "begin":
            block = {}
        elif row[0] == "end":
            blocks.append(block)
            block = None
        elif block is not None:
            block[row[0]] = row[1:]
    if block is not None:
        raise ValueError("the last bone has no 'end'")
    return blocks


def _bone(block: dict[str, list[str]], radians: float) -> Bone:
    direction = np.array([float(x) for x in block["direction"][:3]])
    axes = _euler(block["axis"][:3], block["axis"][3], radians)
    return Bone(block["name"][0], None, direction * float(block["length"][0]), axes,
                tuple(x.lower() for x in block.get("dof", ())))


def _euler(angles: list[str], order: str, radians: float) -> Array:
    """Return the turn (4,) about fixed axes, the first letter first."""
    return _turn([f"r{x.lower()}" for x in order], np.array([float(x) for x in angles]) * radians)


def _turn(channels: list[str], angles: Array) -> Array:
    """Return the turns (..., 4) of rotation channels about fixed axes; angles (..., C) [rad]."""
    q = np.broadcast_to([1.0, 0, 0, 0], (*angles.shape[:-1], 4))
    for i, channel in enumerate(channels):
        q = rotations.multiply(rotations.about(channel[1], angles[..., i]), q)
    return q


def _sorted(found: dict[str, Bone], parents: dict[str, str], path: Path) -> dict[str, Bone]:
    out = {"root": found["root"]}
    waiting = {n: b for n, b in found.items() if n != "root"}
    while waiting:
        ready = [n for n in waiting if parents.get(n) in out]
        if not ready:
            raise MwxError(f"{path}: bones that hang on nothing: {', '.join(sorted(waiting))}")
        for name in ready:
            bone = waiting.pop(name)
            out[name] = Bone(name, parents[name], bone.offset, bone.axes, bone.channels)
    return out


def read_amc(path: Path, skeleton: Skeleton, fps: float = FPS) -> MotionClip:
    """Read a motion on its skeleton.

    Raises:
        MwxError: no AMC, cut short, made for another skeleton, or not a number somewhere.
    """
    channels = _channels(path, skeleton)
    positions, turns = _forward(channels, skeleton)
    names = tuple(skeleton.bones)
    parents = tuple(-1 if b.parent is None else names.index(b.parent)
                    for b in skeleton.bones.values())
    return MotionClip(
        names, parents, rotations.rotate(TO_Z_UP, positions), fps,
        rotations.multiply(TO_Z_UP, turns), source=path.name,
        source_sha256=sha256(path.read_bytes()), licence=LICENCE)


def _channels(path: Path, skeleton: Skeleton) -> dict[str, Array]:
    """Return bone -> values (T, C) in file units."""
    frames: list[dict[str, list[float]]] = []
    text = _text(path)
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        else:
            if not frames:
                raise MwxError(f"{path}:{number}: no AMC motion: '{line[:40]}' before frame 1")
            if number == len(lines) and not text.endswith("\n") and words[0] not in skeleton.bones:
                raise MwxError(f"{path}: cut short: it ends inside line {number}, '{line[:40]}', "
                               f"in frame {len(frames)}")
            name, values = _row(path, number, words, skeleton)
            frames[-1][name] = values
    if not frames:
        raise MwxError(f"{path}: no AMC motion: it has no frames")
    moving = [b.name for b in skeleton.bones.values() if b.channels and b.name in frames[0]]
    if "root" not in moving:
        raise MwxError(f"{path}: frame 1 has no 'root', so this is no AMC motion")
    for i, frame in enumerate(frames, 1):
        missing = [n for n in moving if n not in frame]
        if missing:
            raise MwxError(f"{path}: cut short or damaged: frame {i} of {len(frames)} lacks "
                           f"{', '.join(missing)}")
    return {n: np.array([f[n] for f in frames]) for n in moving}


def _row(path: Path, number: int, words: list[str], skeleton: Skeleton) -> tuple[str, list[float]]:
    name = words[0]
    if name not in skeleton.bones:
        raise MwxError(f"{path}:{number}: bone '{name}' is not in {skeleton.path.name}, the wrong "
                       f"skeleton? {nearest(name, skeleton.bones)}name the right one with "
                       "skeleton=...")
    expected = len(skeleton.bones[name].channels)
    try:
        values = [float(x) for x in words[1:]]
    except ValueError:
        raise MwxError(f"{path}:{number}: '{' '.join(words[1:])}' are not numbers") from None
    if len(values) != expected:
        raise MwxError(f"{path}:{number}: {len(values)} values for '{name}', {skeleton.path.name} "
                       f"has {expected}: cut short, or the wrong skeleton")
    if not np.isfinite(values).all():
        raise MwxError(f"{path}:{number}: '{name}' is not a number there; cut the clip or fill "
                       "the gap")
    return name, values


def _forward(channels: dict[str, Array], skeleton: Skeleton) -> tuple[Array, Array]:
    """Return positions (T, J, 3) [m] and turns (T, J, 4), y up."""
    count = len(channels["root"])
    where: dict[str, Array] = {}
    turned: dict[str, Array] = {}
    for bone in skeleton.bones.values():
        values = channels.get(bone.name, np.zeros((count, len(bone.channels))))
        turning = [i for i, c in enumerate(bone.channels) if c[0] == "r"]
        turn = _turn([bone.channels[i] for i in turning], values[:, turning] * skeleton.radians)
        local = rotations.multiply(rotations.multiply(bone.axes, turn),
                                   rotations.conjugate(bone.axes))
        if bone.parent is None:
            place = np.zeros((count, 3))
            for i, c in enumerate(bone.channels):
                if c[0] == "t":
                    place[:, "xyz".index(c[1])] = values[:, i]
            turned[bone.name], where[bone.name] = local, place
        else:
            turned[bone.name] = rotations.multiply(turned[bone.parent], local)
            where[bone.name] = where[bone.parent] + rotations.rotate(turned[bone.name], bone.offset)
    positions = np.stack(list(where.values()), axis=1) * skeleton.metres
    return positions, np.stack(list(turned.values()), axis=1)
