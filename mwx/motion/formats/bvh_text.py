"""The text of a BVH file: joints and their channels, then a row of numbers a frame, all checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import check_frames, told_rate
from mwx.motion.formats.text import LARGEST, MAX_LINES, MAX_SIZE, MAX_WIDTH, without_padding
from mwx.types import Array

MAX_POINTS = 1000  # joints and end sites; no skeleton comes near
MAX_HEAD = 8_000_000  # bytes before MOTION
FPS_RANGE = (1.0, 2000.0)  # [Hz]
NEWLINE = b"\n"
CHANNELS = tuple(f"{axis}{kind}" for kind in ("position", "rotation") for axis in "xyz")


@dataclass
class Joint:
    """A joint or an end site: parent's index, offset (3,) [file units], channels in file order."""

    name: str
    parent: int
    line: int
    offset: Array | None = None
    channels: tuple[str, ...] | None = None
    end: bool = False


@dataclass(frozen=True)
class Motion:
    """What the file says: joints and end sites, values (T, channels of all joints), rate [Hz].

    Notes are on what stands in the file and was left out, or differs from what it announces.
    """

    joints: tuple[Joint, ...]
    values: Array
    fps: float
    notes: tuple[str, ...] = ()


def parse(path: Path, data: bytes, told: float | None = None) -> Motion:
    """Return what a file's bytes say.

    Args:
        path: of the file, for errors; data: its bytes.
        told: [Hz] instead of the rate that it says.

    Raises:
        MwxError: no BVH, cut short, wrong counts, not a number; with file and line.
    """
    start = data[:MAX_HEAD]
    found = re.search(rb"^[ \t]*MOTION[ \t]*\r?$", start, re.IGNORECASE | re.MULTILINE)
    head = start if found is None else data[:found.start()]
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").upper().startswith(b"HIERARCHY"):
        raise MwxError(f"{path}:1: no BVH motion: it does not begin with HIERARCHY")
    if len(head) == MAX_HEAD or data.count(NEWLINE) > MAX_LINES:
        raise MwxError(f"{path}: no person's motion: {len(data)} bytes, the first {len(head)} of "
                       f"them skeleton, {data.count(NEWLINE)} lines")
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = head.count(b"\n", 0, error.start) + 1
        raise MwxError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
    joints = _hierarchy(path, text)
    if found is None:
        raise MwxError(f"{path}: cut short: it has no MOTION section")
    return _motion(path, joints, data[found.end():], head.count(b"\n") + 1, told)


def _hierarchy(path: Path, text: str) -> tuple[Joint, ...]:
    joints: list[Joint] = []
    chain: list[int] = []  # joints whose braces are open
    waiting = False  # the newest joint's brace is still to come
    line = 1
    for line, statement in _statements(text):
        words = statement.split()
        key = words[0].upper()
        if key in ("ROOT", "JOINT", "END"):
            if waiting or (key == "ROOT") != (not joints) or (key != "ROOT" and not chain):
                raise MwxError(f"{path}:{line}: '{statement[:40]}' where none belongs: one ROOT, "
                               "then joints inside its braces")
            joints.append(_joint(joints, chain, key, words, line))
            waiting = True
        elif key == "{" and waiting:
            chain.append(len(joints) - 1)
            waiting = False
        elif key == "}" and chain and not waiting:
            chain.pop()
        elif key in ("OFFSET", "CHANNELS") and chain and not waiting:
            _describe(path, line, joints[chain[-1]], words)
        elif key != "HIERARCHY" or joints:
            raise MwxError(f"{path}:{line}: '{statement[:40]}' is not understood there")
        if len(joints) > MAX_POINTS:
            raise MwxError(f"{path}:{line}: more than {MAX_POINTS} joints, so no person's skeleton")
    if chain or waiting or not joints:
        raise MwxError(f"{path}:{line}: cut short: the hierarchy ends inside "
                       f"'{joints[-1].name if joints else 'HIERARCHY'}'")
    return _complete(path, joints)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for part in re.split(r"([{}])", line):
            if part.strip():
                yield number, part.strip()


def _joint(joints: list[Joint], chain: list[int], key: str, words: list[str], line: int) -> Joint:
    parent = chain[-1] if chain else -1
    if key != "END":
        return Joint(" ".join(words[1:]) or f"joint{len(joints)}", parent, line)
    siblings = sum(j.end and j.parent == parent for j in joints)
    name = f"{joints[parent].name}_End" + (str(siblings + 1) if siblings else "")
    return Joint(name, parent, line, channels=(), end=True)


def _describe(path: Path, line: int, joint: Joint, words: list[str]) -> None:
    if words[0].upper() == "OFFSET":
        numbers = _numbers(path, line, words[1:])
        if len(numbers) != 3 or joint.offset is not None:
            why = f"has {len(numbers)}" if joint.offset is None else "is its second"
            raise MwxError(f"{path}:{line}: '{joint.name}' needs one OFFSET of 3 numbers, this one "
                           f"{why}")
        joint.offset = np.array(numbers)
        return
    names = tuple(w.lower() for w in words[2:])
    count = words[1] if len(words) > 1 else ""
    unknown = [w for w in names if w not in CHANNELS]
    if unknown:
        raise MwxError(f"{path}:{line}: '{joint.name}' has a channel '{unknown[0]}'; known: "
                       f"{', '.join(CHANNELS)}")
    if joint.channels is not None:
        what = "an end site" if joint.end else f"'{joint.name}'"
        raise MwxError(f"{path}:{line}: {what} has its CHANNELS already, or needs none")
    if count != str(len(names)) or len(set(names)) != len(names):
        raise MwxError(f"{path}:{line}: '{joint.name}' announces {count[:20] or 'no'} channels and "
                       f"names {len(names)}; each once, at most {len(CHANNELS)}")
    joint.channels = names


def _numbers(path: Path, line: int, words: list[str]) -> list[float]:
    try:
        numbers = [float(w) for w in words]
    except ValueError:
        raise MwxError(f"{path}:{line}: '{' '.join(words)[:40]}' are not numbers") from None
    if not all(abs(n) <= LARGEST for n in numbers):  # nor are those that are not a number
        raise MwxError(f"{path}:{line}: '{' '.join(words)[:40]}' is not finite, or beyond all size")
    return numbers


def _complete(path: Path, joints: list[Joint]) -> tuple[Joint, ...]:
    seen: dict[str, int] = {}
    for joint in joints:
        if joint.offset is None or joint.channels is None:
            lacks = "OFFSET" if joint.offset is None else "CHANNELS"
            raise MwxError(f"{path}:{joint.line}: '{joint.name}' has no {lacks}")
        if joint.name in seen:
            raise MwxError(f"{path}:{joint.line}: a second joint '{joint.name}', the first is in "
                           f"line {seen[joint.name]}; rename one")
        seen[joint.name] = joint.line
    return tuple(joints)


def _motion(path: Path, joints: tuple[Joint, ...], body: bytes, line: int, told: float | None
            ) -> Motion:
    """Read what follows the word MOTION in some line of the file."""
    whole, padded = without_padding(body)
    rows = whole.split(b"\n")
    heads = [i for i, row in enumerate(rows[:50]) if row.strip()][:2]
    said = [rows[i].decode("latin-1").strip() for i in heads]
    frames = re.fullmatch(r"frames\s*:?\s*(\d{1,18})", said[0], re.IGNORECASE) if said else None
    if frames is None:
        raise MwxError(f"{path}:{line + (heads or [1])[0]}: 'Frames: N' is expected after MOTION, "
                       f"found '{(said or [''])[0][:40]}'")
    step = re.fullmatch(r"frame\s*time\s*:?\s*(\S+)", said[1] if len(said) > 1 else "",
                        re.IGNORECASE)
    if step is None:
        raise MwxError(f"{path}:{line + heads[0] + 1}: 'Frame Time: seconds' is expected, found "
                       f"'{said[1][:40] if len(said) > 1 else ''}'")
    fps, said = _rate(path, line + heads[1], step[1], told)
    width = sum(len(j.channels or ()) for j in joints)
    values, notes = _values(path, rows[heads[1] + 1:], line + heads[1] + 1, width, len(joints),
                            (int(frames[1]), line + heads[0]))
    return Motion(joints, values, fps, (*said, *padded, *notes))


def _rate(path: Path, line: int, word: str, told: float | None) -> tuple[float, tuple[str, ...]]:
    """Return the rate [Hz] that is told, else the file's; a note where they differ."""
    low, high = FPS_RANGE
    try:
        step = _numbers(path, line, [word])[0]
    except MwxError:
        if told is None:
            raise
        step = 0.0
    if told is not None and not 1 / high <= step <= 1 / low:
        return told, (f"rate: {told:g} Hz as told; the file's Frame Time is '{word[:20]}'",)
    if step <= 0:
        raise MwxError(f"{path}:{line}: Frame Time {word}: it is in seconds and above 0, "
                       "e.g. 0.033333 for 30 frames a second")
    if not 1 / high <= step <= 1 / low:
        raise MwxError(f"{path}:{line}: Frame Time {word} s is {1 / step:g} frames a second; "
                       f"{low:g} to {high:g} are read. Is it in milliseconds?")
    return told_rate(round(1 / step, 2), told)  # .0083333 means 120 Hz


def _values(path: Path, rows: list[bytes], first: int, width: int, points: int,
            said: tuple[int, int]) -> tuple[Array, tuple[str, ...]]:
    """Return the numbers (T, width), each row checked, and what is odd about their count.

    One row more or fewer than announced is a writer's slip, a last row cut short its sudden end.

    Args:
        rows: the lines from number `first` on; said: announced frames, and in which line.
    """
    count, line = said
    if width == 0:
        raise MwxError(f"{path}: no joint has a channel, so nothing moves")
    if count * points > MAX_SIZE:
        raise MwxError(f"{path}:{line}: {count} frames of {points} points; up to "
                       f"{MAX_SIZE // points} such frames are read: cut the motion into parts")
    check_frames(count, f"{path}:{line}")
    numbers = [i for i, row in enumerate(rows) if row.strip()]
    notes: tuple[str, ...] = ()
    if numbers and abs(len(numbers) - 1 - count) <= 1 and len(rows[numbers[-1]].split()) < width:
        notes += (f"line {first + numbers.pop()} is cut short and left out",)
    there = len(numbers)
    if there < count - 1:
        raise MwxError(f"{path}:{line}: cut short: {count} frames announced, {there} there")
    if there > count + 1:
        raise MwxError(f"{path}:{first + numbers[count]}: more lines than the {count} frames "
                       f"announced in line {line}")
    if there != count:
        notes += (f"{count} frames are announced, the {there} that are there are read",)
        check_frames(there, f"{path}:{line}")
        count = there
    values = np.empty((count, width))
    for frame, i in enumerate(numbers):
        row = rows[i].split() if len(rows[i]) < MAX_WIDTH + 40 * width else []
        if len(row) != width:
            raise MwxError(f"{path}:{first + i}: frame {frame + 1} has {len(row)} numbers, the "
                           f"channels need {width}: cut short or damaged")
        try:
            values[frame] = [float(word) for word in row]
        except ValueError:
            raise MwxError(f"{path}:{first + i}: frame {frame + 1} holds what is not a number"
                           ) from None
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        frame = int(np.argwhere(wrong)[0][0])
        raise MwxError(f"{path}:{first + numbers[frame]}: frame {frame + 1} holds what is not a "
                       "finite number; cut the clip there or fill the gap")
    return values, notes
