"""What a clip shows: told by its user, read from its name, or guessed from speed and height."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from scipy.ndimage import uniform_filter1d

from mwx.errors import MwxError, unknown
from mwx.maths import rotations
from mwx.motion import bodies
from mwx.motion.reference import Reference
from mwx.types import Array
from mwx.untrusted import read_object, read_text

LABELS = ("carry", "crawl", "reach", "run", "sit", "stand", "walk")
GAITS = ("carry", "crawl", "run", "walk")  # what may repeat
WORDS = {"walking": "walk", "running": "run", "jog": "run", "jogging": "run", "sprint": "run",
         "sitting": "sit", "seated": "sit", "standing": "stand", "idle": "stand",
         "crawling": "crawl", "carrying": "carry", "reaching": "reach"}
TOLD, NAMED, GUESSED = "told", "named", "guessed"
FILES = ("labels.csv", "labels.json")
STANDING = 1.0  # [m] H1's pelvis in quiet standing


@dataclass(frozen=True)
class Told:
    """What a labels file says of one clip; an empty word where it is silent."""

    label: str = ""
    licence: str = ""


@dataclass(frozen=True)
class GuessRules:
    """Bounds between the skills in a frame of the robot's reference; most frames decide.

    Attributes:
        run: [m/s] from here people run (walk-run transition, 2.0 m/s, at the robot's size).
        walk: [m/s] from here they walk; window_s: [s] over which speed is averaged, a stride.
        low: [m] pelvis height below which nobody stands: sitting, or crawling.
        lean: [rad] trunk lean from which one who is low crawls, and nobody sits.
        lowered: [m] a pelvis below this on the spot sits.
        hand_up, hand_ahead: [m] carried hands are above and ahead of the pelvis by so much; they
            swing by less than hand_swing [m] (standard deviation).
        hand_way: [m] a reaching hand is away from where it began, on the spot; hand_time: part of
            the time it is.
    """

    run: float = 1.9
    walk: float = 0.25
    low: float = 0.65
    lean: float = 0.8
    lowered: float = 0.75
    hand_up: float = -0.05
    hand_ahead: float = 0.2
    hand_swing: float = 0.05
    hand_way: float = 0.3
    hand_time: float = 0.33
    window_s: float = 1.0


def told(folder: Path) -> dict[str, Told]:
    """Return what labels.csv (file, label, licence) or labels.json ({file: label}) say.

    Returns:
        path relative to the folder, or a bare file name or stem -> label and licence.

    Raises:
        MwxError: the file cannot be read, or names a label that does not exist.
    """
    out: dict[str, Told] = {}
    for path in (folder / name for name in FILES):
        if path.is_file():
            out |= _csv(path) if path.suffix == ".csv" else _json(path)
    for name, entry in out.items():
        if entry.label and entry.label not in LABELS:
            raise MwxError(f"{folder}: '{name}': {unknown('label', entry.label, LABELS)}")
    return out


def _csv(path: Path) -> dict[str, Told]:
    try:
        rows = list(csv.DictReader(read_text(path).splitlines()))
    except csv.Error as error:
        raise MwxError(f"{path}: cannot be read ({error})") from None
    if rows and not {"file", "label"} <= set(rows[0]):
        raise MwxError(f"{path}: its first line names the columns {', '.join(map(str, rows[0]))}; "
                       "expected file,label or file,label,licence")
    return {(row["file"] or "").strip(): Told((row["label"] or "").strip(),
                                              (row.get("licence") or "").strip())
            for row in rows}


def _json(path: Path) -> dict[str, Told]:
    values = read_object(path)
    out = {}
    for name, value in values.items():
        entry = value if isinstance(value, dict) else {"label": value}
        label, licence = entry.get("label", ""), entry.get("licence", "")
        if not isinstance(label, str) or not isinstance(licence, str):
            raise MwxError(f"{path}: '{name}': label and licence are words, got {value!r}")
        out[name] = Told(label, licence)
    return out


def told_of(entries: dict[str, Told], relative: Path) -> Told:
    """Return what a labels file says of a clip, by its path, its name or its stem."""
    for key in (relative.as_posix(), relative.name, relative.stem):
        if key in entries:
            return entries[key]
    return Told()


def named(relative: Path) -> str:
    """Return the label that a clip's name, or the nearest folder's, contains; '' where none."""
    for part in (relative.stem, *reversed(relative.parent.parts)):
        spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", part).lower()
        for word in re.findall(r"[a-z]+", spaced):
            label = WORDS.get(word, word)
            if label in LABELS:
                return label
    return ""


def guessed(reference: Reference, rules: GuessRules | None = None) -> str:
    """Return the label of what the robot does most of the time, by speed, height, trunk and hands.

    Who crouches before a jump, bends down, or goes down and up again, does not sit.
    """
    rules = rules or GuessRules()
    qpos = reference.qpos
    speed, moves = (uniform_filter1d(np.linalg.norm(reference.qvel[:, :count], axis=1),
                                     round(rules.window_s * reference.fps),
                                     mode="wrap" if reference.loop else "nearest")
                    for count in (2, 3))  # over the floor; up and down as well
    up = rotations.rotate(qpos[:, 3:7], np.array([0.0, 0.0, 1.0]))[:, 2]
    height, leans = qpos[:, 2], np.arccos(np.clip(up, -1, 1)) > rules.lean
    low, lowered = height < rules.low, (height < rules.lowered) & (moves < rules.walk)
    does = np.select(
        [low & leans, ~leans & (low | lowered), speed >= rules.run, speed >= rules.walk],
        ["crawl", "sit", "run", "walk"], "stand")
    names, counts = np.unique(does, return_counts=True)
    label = str(names[counts.argmax()])
    if label not in ("walk", "stand"):
        return label
    hands = _hands(qpos)  # (2, T, 3)
    if label == "walk":
        return "carry" if _carries(hands, rules) else "walk"
    away = np.linalg.norm(hands - hands[:, :1], axis=-1).max(axis=0) > rules.hand_way
    return "reach" if away.mean() > rules.hand_time else "stand"


def _carries(hands: Array, rules: GuessRules) -> bool:
    held = (hands[..., 0] > rules.hand_ahead) & (hands[..., 2] > rules.hand_up)  # (2, T)
    return bool((held.mean(axis=1) > 0.5).all()
                and (hands[..., 0].std(axis=1) < rules.hand_swing).all())


def _hands(qpos: Array) -> Array:
    """Return left and right hand (2, T, 3) [m] relative to the pelvis in its heading frame."""
    model = bodies.model()
    data = mujoco.MjData(model)
    out = np.zeros((2, len(qpos), 3))
    for t, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        out[:, t] = [data.body(f"{side}_hand").xpos - row[:3] for side in ("left", "right")]
    away = rotations.conjugate(rotations.about("z", rotations.heading(qpos[:, 3:7])))
    return rotations.rotate(away[None], out)
