"""ASF skeletons and AMC motions (Acclaim, as the CMU motion capture data base uses them).

A bone is named by its far end: the point "lfemur" is the left knee. With C the bone's own axes and
M the turn of its degrees of freedom, G_child = G_parent C M C^-1 and
p_child = p_parent + G_child direction length. Lengths are in units of 1 / `length` inch, or, where
nobody has such legs, in the unit that makes them a person's; y is up.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.maths import rotations
from mwx.motion.clip import MAX_FRAMES, MotionClip, check_frames
from mwx.motion.formats import root_path, units
from mwx.motion.formats.text import LARGEST, MAX_SIZE, read_bytes, read_lines, without_padding
from mwx.motion.reference import sha256
from mwx.motion.roles import with_told
from mwx.types import Array

INCH = 0.0254  # [m]
FPS = 120.0  # [Hz] of the CMU data base; the file does not say
KIND = "neither ASF nor AMC"
MAX_BONES = 1000  # no person's skeleton comes near
CHANNELS = ("tx", "ty", "tz", "rx", "ry", "rz", "l")
TO_Z_UP = rotations.about("x", np.array(np.pi / 2))
ANGLES = {"deg": np.pi / 180, "rad": 1.0}  # first letters of an angle's unit -> [rad]
SMALL, LARGE = np.pi, 4 * np.pi  # of the largest angle in a file: too small for degrees, too large
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
    with _damage_in(path, "the sections ':units' and ':root'"):
        said = {words[0].lower(): words[1] for _, words in sections["units"]}
        radians = _radians(said.get("angle", "deg"))
        root = {words[0]: words[1:] for _, words in sections["root"]}
        axes = _euler(root["orientation"], root["axis"][0], radians)
        found = {"root": Bone("root", None, np.zeros(3), axes, _channel_names(root["order"]))}
        length = _number(said["length"])
        if length <= 0:
            raise ValueError("'length' is to be above 0")
    for line, block in _blocks(path, sections["bonedata"]):
        with _damage_in(f"{path}:{line}", f"the bone '{' '.join(block.get('name', ['?']))[:40]}'"):
            bone = _bone(block, radians)
            if bone.name in found:
                raise ValueError("there is one of this name already")
            found[bone.name] = bone
        if len(found) > MAX_BONES:
            raise MwxError(f"{path}:{line}: more than {MAX_BONES} bones, so no person's skeleton")
    parents = {child: words[0] for _, words in sections["hierarchy"] if len(words) > 1
               for child in words[1:]}
    return Skeleton(_sorted(found, parents, path), INCH / length, radians, path)


@contextmanager
def _damage_in(place: object, what: str) -> Iterator[None]:
    """Turn what goes wrong while numbers and names are picked out into an error that says where."""
    try:
        yield
    except (KeyError, IndexError, ValueError) as error:
        why = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MwxError(f"{place}: damaged ASF skeleton, {what}: {why}") from None


def _radians(word: str) -> float:
    """Return the radians in an angle's unit: "deg", "DEGREES", "rad", "radians"."""
    if word[:3].lower() not in ANGLES:
        raise ValueError(f"angles in '{word[:20]}', which is neither degrees nor radians")
    return ANGLES[word[:3].lower()]


def _sections(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Return section -> its lines as (number, words)."""
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(read_lines(path, KIND), 1):
        words = line.split("#")[0].replace("(", " ").replace(")", " ").split()
        if words and words[0].startswith(":"):
            rows = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            rows.append((number, words))
    return sections


def _blocks(path: Path, rows: list[tuple[int, list[str]]]
            ) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """Yield the line of each 'begin' and what stands between it and its 'end'."""
    block: dict[str, list[str]] = {}
    begin = 0
    for number, words in rows:
        if (words[0] == "begin") == bool(begin) and words[0] in ("begin", "end"):
            raise MwxError(f"{path}:{number}: damaged ASF skeleton: '{words[0]}' where none "
                           "belongs")
        if words[0] == "begin":
            block, begin = {}, number
        elif words[0] == "end":
            yield begin, block
            begin = 0
        elif begin:
            block[words[0]] = words[1:]
    if begin:
        raise MwxError(f"{path}:{begin}: damaged ASF skeleton: cut short, this bone has no 'end'")


def _bone(block: dict[str, list[str]], radians: float) -> Bone:
    direction = np.array([_number(x) for x in block["direction"]])
    if direction.shape != (3,):
        raise ValueError(f"direction has {len(direction)} numbers")
    axes = _euler(block["axis"][:3], block["axis"][3], radians)
    return Bone(block["name"][0], None, direction * _number(block["length"][0]), axes,
                _channel_names(block.get("dof", [])))


def _number(word: str) -> float:
    value = float(word)
    if not abs(value) <= LARGEST:
        raise ValueError(f"'{word}' is not finite, or beyond all size")
    return value


def _channel_names(words: list[str]) -> tuple[str, ...]:
    names = tuple(w.lower() for w in words)
    unknown = [n for n in names if n not in CHANNELS]
    if unknown or len(set(names)) != len(names):
        raise ValueError(f"channels {', '.join(names)[:60]}: known, each once: "
                         f"{', '.join(CHANNELS)}")
    return names


def _euler(angles: list[str], order: str, radians: float) -> Array:
    """Return the turn (4,) about fixed axes, the first letter first."""
    if len(angles) != 3 or sorted(order.lower()) != list("xyz"):
        raise ValueError(f"{len(angles)} angles about '{order[:20]}'")
    return _turn([f"r{x.lower()}" for x in order], np.array([_number(x) for x in angles]) * radians)


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


def read_amc(path: Path, skeleton: Skeleton, fps: float | None = None,
             told: Mapping[str, str] | None = None) -> MotionClip:
    """Read a motion on its skeleton; what was found out or assumed is in the clip's notes.

    Args:
        path: the .amc; skeleton: of its .asf.
        fps: [Hz], FPS unless told; told: bone -> part its far end plays, where names do not tell.

    Raises:
        MwxError: no AMC, cut short, made for another skeleton, or not a number somewhere.
    """
    lines, data = read_lines(path, KIND), read_bytes(path)
    channels = _channels(path, lines, skeleton)
    radians, notes = _angle_unit(lines, channels, skeleton)
    positions, turns = _forward(channels, skeleton, radians)
    names = with_told(tuple(skeleton.bones), told, str(path))
    parents = tuple(-1 if b.parent is None else tuple(skeleton.bones).index(b.parent)
                    for b in skeleton.bones.values())
    metres, more = units.said_unit(skeleton.metres, names, positions, str(skeleton.path), parents)
    rate = fps or FPS
    positions, moved = root_path.on_its_path(names, metres * positions, rate, up="y",
                                             source=str(path), unit=metres, parents=parents)
    if still := [n for n, bone in skeleton.bones.items() if bone.channels and n not in channels]:
        more += (f"no frame has {', '.join(still)}: held as at rest",)
    if fps is None:
        more += (f"rate: {FPS:g} Hz, the CMU data base's; the file says none",)
    return MotionClip(
        names, parents, rotations.rotate(TO_Z_UP, positions), rate,
        rotations.multiply(TO_Z_UP, turns), source=path.name,
        source_sha256=sha256(data), licence=LICENCE,
        notes=(*notes, *more, *moved, *without_padding(data)[1]))


def _angle_unit(lines: Sequence[str], channels: Mapping[str, Array], skeleton: Skeleton
                ) -> tuple[float, tuple[str, ...]]:
    """Return the radians in the motion's unit of angles: its own word for it, else the skeleton's.

    A note says where the two differ, and where the angles are no person's in that unit.
    """
    said = next((unit for line in lines if line.startswith(":")
                 for word, unit in ANGLES.items() if line[1:4].lower() == word), skeleton.radians)
    called = {value: word for word, value in (("degrees", ANGLES["deg"]), ("radians", 1.0))}
    notes: tuple[str, ...] = ()
    if said != skeleton.radians:
        notes += (f"angles: {called[said]}, as the motion says; {skeleton.path.name} has "
                  f"{called[skeleton.radians]}",)
    largest = max((float(np.abs(values[:, [c[0] == "r" for c in skeleton.bones[name].channels]])
                         .max(initial=0)) for name, values in channels.items()), default=0.0)
    if (largest > LARGE) if said == 1.0 else (0 < largest < SMALL):
        notes += (f"angles: read as {called[said]}, as the files say, though the largest is "
                  f"{largest:.3g}; if the limbs look wrong, correct that word in the .amc",)
    return said, notes


def _channels(path: Path, lines: Sequence[str], skeleton: Skeleton) -> dict[str, Array]:
    """Return bone -> values (T, C) in file units."""
    columns: dict[str, array[float]] = {}
    seen: set[str] = set()  # bones of the frame at hand
    frames, most = 0, min(MAX_FRAMES, MAX_SIZE // len(skeleton.bones))
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            _check_complete(path, frames, seen, columns)
            frames, seen = frames + 1, set()
            if frames > most:
                raise MwxError(f"{path}:{number}: more than {most} frames; cut the motion into "
                               "parts")
            continue
        if not frames:
            raise MwxError(f"{path}:{number}: no AMC motion: '{line[:40]}' before frame 1")
        if number == len(lines) and words[0] not in skeleton.bones:
            raise MwxError(f"{path}: cut short: it ends inside line {number}, '{line[:40]}', in "
                           f"frame {frames}")
        name, values = _row(path, number, words, skeleton)
        if name in seen or (frames > 1 and name not in columns):
            raise MwxError(f"{path}:{number}: frame {frames} has '{name}' "
                           + ("twice" if name in seen else "and frame 1 has not"))
        seen.add(name)
        columns.setdefault(name, array("d")).extend(values)
    if not frames:
        raise MwxError(f"{path}: no AMC motion: it has no frames")
    _check_complete(path, frames, seen, columns)
    check_frames(frames, str(path))
    return {n: np.array(v).reshape(frames, -1) for n, v in columns.items() if len(v)}


def _check_complete(path: Path, frame: int, seen: set[str], columns: Mapping[str, object]) -> None:
    """Refuse a frame that ends without all bones of frame 1, or a frame 1 without its root."""
    if frame and "root" not in columns:
        raise MwxError(f"{path}: frame 1 has no 'root', so this is no AMC motion")
    if missing := [n for n in columns if frame and n not in seen]:
        raise MwxError(f"{path}: cut short or damaged: frame {frame} lacks {', '.join(missing)}")


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
    if not all(abs(x) <= LARGEST for x in values):
        raise MwxError(f"{path}:{number}: '{name}' is not a number there; cut the clip or fill "
                       "the gap")
    return name, values


def _forward(channels: dict[str, Array], skeleton: Skeleton, radians: float
             ) -> tuple[Array, Array]:
    """Return positions (T, J, 3) [file units] and turns (T, J, 4), y up; radians: a unit's."""
    count = len(channels["root"])
    where: dict[str, Array] = {}
    turned: dict[str, Array] = {}
    for bone in skeleton.bones.values():
        values = channels.get(bone.name, np.zeros((count, len(bone.channels))))
        turning = [i for i, c in enumerate(bone.channels) if c[0] == "r"]
        turn = _turn([bone.channels[i] for i in turning], values[:, turning] * radians)
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
    return np.stack(list(where.values()), axis=1), np.stack(list(turned.values()), axis=1)
