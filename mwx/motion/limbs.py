"""Arms and legs of a skeleton, from its joints' names and from how they hang together.

The same name means different joints in different programmes: "LeftShoulder" is the collar bone
where a "LeftArm" hangs on it and the shoulder where a "LeftElbow" does; "lfemur" is the hip in most
files and, as ASF names bones by their far ends, the knee there. So a limb is three joints, each
below the one before, whose names allow the parts and whose two bones are of about equal length.
"""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mwx.types import Array

SIDES = {"l": "left", "left": "left", "lt": "left", "r": "right", "right": "right", "rt": "right"}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of camel case or between separators
PREFIX = re.compile(r"^(.*[:|]|mixamorig_?)")  # what exporters put before a name
NOISE = {"joint", "jnt", "bone", "bend", "stretch"}  # words that name no part
HELPERS = {"twist", "roll", "end", "site", "nub", "effector", "tip", "ik", "pole", "target", "ctrl",
           "helper"}  # of joints that play no part
LEG, ARM = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")
# part -> the last words of names that may mean it, and how much they do
NEAR: dict[str, dict[str, float]] = {
    "hip": {"thigh": 3, "upleg": 3, "upperleg": 3, "uleg": 3, "femur": 3, "hip": 2.5, "legupper": 3,
            "leg": 1, "hipjoint": 1, "buttock": 0.5},
    "knee": {"knee": 3, "shin": 3, "calf": 3, "lowerleg": 3, "lowleg": 3, "loleg": 3, "tibia": 3,
             "shank": 3, "leglower": 3, "leg": 2},
    "ankle": {"ankle": 3, "talus": 3, "foot": 2},
    "toe": {"toe": 3, "toes": 3, "toebase": 3, "ball": 3, "ballfoot": 3, "foot": 1},
    "shoulder": {"upperarm": 3, "uparm": 3, "uarm": 3, "armupper": 3, "humerus": 3, "arm": 2.5,
                 "shldr": 2.5, "shoulder": 2},
    "elbow": {"elbow": 3, "forearm": 3, "farm": 3, "lowerarm": 3, "lowarm": 3, "loarm": 3,
              "armlower": 3, "ulna": 3, "radius": 3, "arm": 0.5},
    "wrist": {"wrist": 3, "handwrist": 3, "hand": 2, "palm": 1},
}
# the same where a joint is called by the bone that ends in it (ASF)
FAR: dict[str, dict[str, float]] = {
    "hip": {"hipjoint": 3, "hip": 3}, "ankle": {"tibia": 3, "shin": 3, "calf": 3, "lowerleg": 3},
    "knee": {"femur": 3, "thigh": 3, "upleg": 3, "upperleg": 3}, "toe": {"foot": 3},
    "shoulder": {"clavicle": 3, "collar": 3, "shoulder": 3}, "wrist": {"radius": 3, "forearm": 3},
    "elbow": {"humerus": 3, "upperarm": 3},
}
VOCABULARY = {word for table in (NEAR, FAR) for words in table.values() for word in words}
PELVIS = ("pelvis", "hips", "hip")
ALIKE, UNEVEN = 1.6, 10.0  # two bones' ratio that is no fault; weight of its logarithm beyond
REPEATED = 1.5  # less for a joint called as its parent: upperarm.001 goes on from upperarm
SOME = 50  # frames that show a bone's length


class Limb(NamedTuple):
    """Indices of hip, knee, ankle or shoulder, elbow, wrist; how well they fit."""

    joints: tuple[int, ...]
    score: float


class Joint(NamedTuple):
    """What a name says: "left", "right" or "", and the rest as one word; "" of a helper."""

    side: str
    word: str


def split_side(name: str) -> tuple[str, list[str]]:
    """Return the side that a name says, or "", and its other words in lower case.

    "LeftFoot", "L_Foot", "lfoot", "foot_l" and "Bip01 L Foot" are ("left", [..., "foot"]).
    """
    words = [word.lower() for word in WORD.findall(PREFIX.sub("", name))]
    if len(words) > 1:
        for at in sorted(range(len(words)), key=lambda i: (len(words[i]) < 3, i)):
            if words[at] in SIDES:
                return SIDES[words[at]], words[:at] + words[at + 1:]
    whole = "".join(words)
    for short, side in SIDES.items():
        ends = (whole.removeprefix(short), whole.removesuffix(short) if len(short) > 2 else whole)
        for rest in ends:
            if rest != whole and re.sub(r"\d+$", "", rest) in VOCABULARY:
                return side, [rest]
    return "", words


def find_limbs(names: Sequence[str], parents: Sequence[int], positions: Array) -> dict[str, int]:
    """Return part -> index of the joint that plays it, of limbs that are all there.

    Args:
        names: of the J joints; parents: index of each one's parent, -1 for the root.
        positions: (T, J, 3) in any unit.
    """
    joints = [_joint(name) for name in names]
    above = [_ancestors(i, parents) for i in range(len(names))]
    some = positions[:: max(1, len(positions) // SOME)]
    near, far = (_legs(table, joints, above, some) for table in (NEAR, FAR))
    fits = [sum(leg.score for leg in legs.values()) for legs in (near, far)]
    table, legs = (FAR, far) if fits[1] > fits[0] else (NEAR, near)
    out: dict[str, int] = {}
    for side, leg in legs.items():
        out |= _named(side, LEG, leg)
        toe = _toe(table, side, leg.joints[-1], joints, above)
        if toe is not None:
            out[f"{side}_toe"] = toe
    for side in ("left", "right"):
        arm = _limb(table, ARM, side, joints, above, some)
        if arm is not None:
            out |= _named(side, ARM, arm)
    return out | _middle(table, out, joints, above)


def _joint(name: str) -> Joint:
    side, words = split_side(name)
    word = "".join(w for w in words if w not in NOISE and not w.isdigit())
    helps = HELPERS & set(words) or any(word.endswith(h) for h in ("twist", "nub", "effector"))
    return Joint(side, "" if helps else word)


def _ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    """Return the joints above one, nearest first."""
    out: list[int] = []
    while parents[joint] >= 0 and parents[joint] not in out:
        joint = parents[joint]
        out.append(joint)
    return out


def _named(side: str, parts: tuple[str, ...], limb: Limb) -> dict[str, int]:
    return {f"{side}_{part}": i for part, i in zip(parts, limb.joints, strict=True)}


def _legs(table: dict[str, dict[str, float]], joints: list[Joint], above: list[list[int]],
          positions: Array) -> dict[str, Limb]:
    found = {side: _limb(table, LEG, side, joints, above, positions) for side in ("left", "right")}
    return {side: leg for side, leg in found.items() if leg is not None}


def _limb(table: dict[str, dict[str, float]], parts: tuple[str, ...], side: str,
          joints: list[Joint], above: list[list[int]], positions: Array) -> Limb | None:
    """Return the three joints of a limb that fit best, or None."""
    weights = [{i: weight for i, joint in enumerate(joints) if joint.side == side
                and (weight := _weight(table[part], joint.word)) > 0} for part in parts]
    best: Limb | None = None
    for low in weights[2]:
        chains = itertools.product((i for i in above[low] if i in weights[1]), weights[0])
        for middle, high in ((m, h) for m, h in chains if h in above[m]):
            lengths = [float(np.median(np.linalg.norm(positions[:, a] - positions[:, b], axis=-1)))
                       for a, b in ((high, middle), (middle, low))]
            if min(lengths) <= 1e-6 * max(lengths):
                continue
            chain = (high, middle, low)
            uneven = max(0.0, abs(np.log(lengths[0] / lengths[1])) - np.log(ALIKE))
            repeated = sum(_goes_on(i, joints, above) for i in chain)
            score = sum(w[i] for w, i in zip(weights, chain, strict=True)) - (
                UNEVEN * uneven + REPEATED * repeated)
            if best is None or score > best.score:
                best = Limb(chain, float(score))
    return best


def _weight(words: dict[str, float], name: str) -> float:
    """Return how much a name means a part: the longest known word at its end counts."""
    known = [w for w in VOCABULARY if name.endswith(w)]
    return words.get(max(known, key=len), 0) if known else 0


def _goes_on(joint: int, joints: list[Joint], above: list[list[int]]) -> bool:
    return any(joints[i] == joints[joint] for i in above[joint][:1])


def _toe(table: dict[str, dict[str, float]], side: str, ankle: int, joints: list[Joint],
         above: list[list[int]]) -> int | None:
    """Return the joint below an ankle that is most the toe, the nearest of equals."""
    weights = {i: _weight(table["toe"], joint.word) for i, joint in enumerate(joints)
               if joint.side == side and ankle in above[i]}
    best = max(weights, key=lambda i: (weights[i], -len(above[i])), default=None)
    return best if best is not None and weights[best] > 0 else None


def _middle(table: dict[str, dict[str, float]], limbs: dict[str, int], joints: list[Joint],
            above: list[list[int]]) -> dict[str, int]:
    """Return the pelvis, from which both legs go, and the neck where the names tell."""
    out: dict[str, int] = {}
    hips = [limbs[f"{side}_hip"] for side in ("left", "right") if f"{side}_hip" in limbs]
    if len(hips) == 2:
        shared = [i for i in above[hips[0]] if i in above[hips[1]]]
        called = [i for i in shared if joints[i].word.endswith(PELVIS)]
        if shared:
            out["pelvis"] = (called or shared)[0]
    necks = [i for i, joint in enumerate(joints) if not joint.side and joint.word.endswith("neck")]
    if necks and table is NEAR:
        out["neck"] = min(necks, key=lambda i: len(above[i]))
    return out
