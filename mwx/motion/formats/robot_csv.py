"""Robot motion as CSV, a row a frame: base x y z [m], quaternion x y z w, joints [rad].

The layout of Unitree's retargeted data and of BeyondMimic's and mjlab's converters. Such a file has
neither names nor a rate: H1's order and 30 frames a second are assumed, and said. A first row of
names is understood, and joints then go by name. What we write begins with one line of comment that
keeps the rate, the names and the licence; those converters skip it.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from mwx.errors import MwxError
from mwx.files import write_text
from mwx.motion.clip import told_rate
from mwx.motion.formats import robot_motion
from mwx.motion.formats.robot_motion import RobotMotion
from mwx.motion.formats.text import read_lines
from mwx.motion.reference import Reference

FPS = 30.0  # [Hz] of the public data sets; the files do not say
MARK = "# mwx "
WXYZ_TO_XYZW = [1, 2, 3, 0]


def read_csv(path: Path, fps: float | None = None) -> RobotMotion:
    """Read a motion.

    Args:
        path: the file; fps: [Hz] in place of the file's; 30 unless given here or there.

    Raises:
        MwxError: no such table, another robot's, damaged; with file and line.
    """
    header, names, numbers, lines = None, None, [], []
    for number, line in enumerate(read_lines(path, "no CSV"), 1):
        where = f"{path}:{number}"
        if line.startswith(MARK) and header is None:
            header = robot_motion.header_in(line.removeprefix(MARK), where)
        elif line.strip() and not line.lstrip().startswith("#"):
            words = line.split(",")
            if not words[-1].strip():  # a comma at the end
                words.pop()
            if names is None and not numbers and _are_names(words):
                names = words
                _check_base(names, where)
                continue
            numbers.append(_row(words, len(numbers[0]) if numbers else None, where))
            lines.append(where)
            if len(numbers) > robot_motion.MAX_ROWS:
                robot_motion.check_rows(len(numbers), str(path))
    robot_motion.check_rows(len(numbers), str(path))
    rows = np.array(numbers)
    joints = (names or [])[7:] or (header["joints"] if header else None)
    if names is not None and len(names) != rows.shape[1]:
        raise MwxError(f"{lines[0]}: {rows.shape[1]} numbers under {len(names)} names")
    orders = _orders(joints, rows.shape[1], lines[0])
    rate, rated = _rate(header, fps, path)
    turns, turned = robot_motion.w_first(rows[:, 3:7], rows[:, :3], "quaternion", last=True)
    order, said = robot_motion.likelier_order(rows[:, 7:], turns, orders)
    qpos = robot_motion.configurations(rows[:, :3], turns, rows[:, 7:][:, order], lines)
    qpos, moved = robot_motion.base_in_metres(qpos, rate, str(path), "x y z")
    notes = (*rated, *said, *turned, *moved)
    if header is None:
        return RobotMotion(qpos, rate, notes=notes)
    return RobotMotion(qpos, rate, advance=header["advance"], facts=header["facts"], notes=notes)


def _rate(header: dict[str, Any] | None, told: float | None, path: Path
          ) -> tuple[float, tuple[str, ...]]:
    """Return the rate [Hz] that the user tells, else the file's, else 30; and a note."""
    if header is not None:
        return told_rate(header["fps"], told and robot_motion.checked_fps(told, str(path)))
    if told is not None:
        return robot_motion.checked_fps(told, str(path)), ()
    return FPS, (f"rate: {FPS:g} Hz assumed (no rate in the file)",)


def _are_names(words: list[str]) -> bool:
    try:
        float(words[0])
    except ValueError:
        return any(c.isalpha() for c in words[0])
    return False


def _check_base(names: list[str], where: str) -> None:
    """Refuse named columns whose first seven are not x y z, then a quaternion with w last."""
    base = [n.strip().lower() for n in names[:7]]
    if [n[-1:] for n in base] != list("xyzxyzw"):
        raise MwxError(f"{where}: the first seven columns are {', '.join(base)[:120]}; base x, y, z"
                       " and the quaternion's x, y, z, w are read, in this order")


def _row(words: list[str], width: int | None, where: str) -> list[float]:
    try:
        row = [float(word) for word in words]
    except ValueError:
        bad = next(w for w in words if not _is_number(w))
        raise MwxError(f"{where}: '{bad.strip()[:40]}' is not a number; values are separated by "
                       "commas") from None
    if width is not None and len(row) != width:
        raise MwxError(f"{where}: {len(row)} numbers, the rows before have {width}: cut short or "
                       "damaged")
    if not all(math.isfinite(x) for x in row):
        raise MwxError(f"{where}: holds what is not a finite number; cut the motion there or fill "
                       "the gap")
    return row


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _orders(names: list[str] | None, width: int, where: str) -> dict[str, list[int]]:
    """Return where each of H1's joints may be among the columns."""
    if width < 8:
        raise MwxError(f"{where}: {width} numbers a row; base position (3), quaternion (4) and "
                       "joints are expected")
    if names is not None and len(names) == width - 7:
        return {"its names'": robot_motion.columns_of(names, where)}
    return robot_motion.nameless(width - 7, where)


def write_csv(reference: Reference, path: Path) -> Path:
    """Write a motion: all of it, or, if anything fails, nothing."""
    base, quaternion, joints = np.split(reference.qpos, [3, 7], axis=1)
    rows = np.concatenate([base, quaternion[:, WXYZ_TO_XYZW], joints], axis=1)
    text = io.StringIO()
    text.write(MARK + robot_motion.header_of(reference) + "\n")
    np.savetxt(text, rows, fmt="%.9f", delimiter=",")
    return write_text(path, text.getvalue())
