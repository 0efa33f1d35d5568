"""Names of points in every spelling: the same body parts, and nothing else in their place."""

import dataclasses
import itertools

import numpy as np
import pytest

from mwx.motion.clip import MotionClip
from mwx.motion.human import human_walk
from mwx.motion.retarget import retarget_clip
from mwx.motion.roles import find_parts

CHAIN = ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist", "hand")
# how a scheme writes a word, and a word with its side
SPELLINGS = {
    "left_foot": (str, lambda side, word: f"{side}_{word}"),
    "LEFT_FOOT": (str.upper, lambda side, word: f"{side}_{word}".upper()),
    "Left_Foot": (str.title, lambda side, word: f"{side}_{word}".title()),
    "LeftFoot": (str.title, lambda side, word: side.title() + word.title()),
    "leftFoot": (str, lambda side, word: side + word.title()),
    "leftfoot": (str, lambda side, word: side + word),
    "L_Foot": (str.title, lambda side, word: f"{side[0]}_{word}".title()),
    "l_foot": (str, lambda side, word: f"{side[0]}_{word}"),
    "LFoot": (str.title, lambda side, word: side[0].upper() + word.title()),
    "lFoot": (str, lambda side, word: side[0] + word.title()),
    "foot_l": (str, lambda side, word: f"{word}_{side[0]}"),
    "left foot": (str, lambda side, word: f"{side} {word}"),
    "left-foot": (str, lambda side, word: f"{side}-{word}"),
    "mixamorig:LeftFoot": (str.title, lambda side, word: f"mixamorig:{side.title()}{word.title()}"),
}


def spelled(spelling: str, words: tuple[str, ...] = CHAIN) -> dict[str, str]:
    """Return part -> its name in a spelling; "left_foot" is the name's part, whatever plays it."""
    alone, sided = SPELLINGS[spelling]
    return {word: alone(word) for word in ("pelvis", "neck", "head")} | {
        f"{side}_{word}": sided(side, word) for side in ("left", "right") for word in words}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("last_first", [False, True])
def test_a_foot_beside_an_ankle_is_the_toe_and_a_hand_no_wrist(spelling: str, last_first: bool
                                                              ) -> None:
    names = spelled(spelling)
    order = list(reversed(names.values())) if last_first else list(names.values())
    found = {part: order[index] for part, index in find_parts(order).items()}
    for side, word in itertools.product(("left", "right"), CHAIN[:-1]):
        part = f"{side}_{'toe' if word == 'foot' else word}"
        assert found.pop(part) == names[f"{side}_{word}"]
    assert found == {"pelvis": names["pelvis"], "neck": names["neck"]}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_lone_foot_is_the_ankle_and_a_lone_hand_the_wrist(spelling: str) -> None:
    names = spelled(spelling, ("hip", "knee", "foot", "toe", "shoulder", "elbow", "hand"))
    order = list(names.values())
    found = {part: order[index] for part, index in find_parts(order).items()}
    for side in ("left", "right"):
        assert found[f"{side}_ankle"] == names[f"{side}_foot"]
        assert found[f"{side}_toe"] == names[f"{side}_toe"]
        assert found[f"{side}_wrist"] == names[f"{side}_hand"]
    without = [name for part, name in names.items() if not part.endswith("toe")]
    assert not any(part.endswith("toe") for part in find_parts(without))


@pytest.mark.parametrize(("names", "part", "expected"), [
    (("lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes"), "left_toe", "lfoot"),
    (("lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes"), "left_ankle", "ltibia"),
    (("lclavicle", "lhumerus", "lradius", "lwrist", "lhand"), "left_wrist", "lradius"),
    (("LHipJoint", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase"), "left_hip", "LeftUpLeg"),
    (("LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand"), "left_shoulder", "LeftArm"),
    (("right_upper_arm", "right_lower_arm", "right_hand"), "right_elbow", "right_lower_arm"),
    (("right_thigh", "right_shin", "right_foot"), "right_ankle", "right_foot"),
    (("L_Ankle", "L_Foot", "L_Toe"), "left_toe", "L_Toe"),
    (("left_ankle", "left_big_toe", "left_foot"), "left_toe", "left_foot"),
    (("root", "pelvis"), "pelvis", "pelvis"),
])
def test_schemes(names: tuple[str, ...], part: str, expected: str) -> None:
    assert names[find_parts(names)[part]] == expected


def test_one_walk_in_two_spellings_gives_the_same_angles() -> None:
    walk = human_walk(strides=1)
    long = {"L": "left", "R": "right"}
    names = tuple("_".join(long.get(word, word.lower()) for word in name.split("_"))
                  for name in walk.names)
    hand = walk.positions_w[:, [walk.names.index("L_Wrist")]] + np.array([0, 0, 0.1])
    other = MotionClip((*names, "left_hand"), (*walk.parents, -1),
                       np.concatenate([walk.positions_w, hand], axis=1), walk.fps)
    assert "left_foot" in names
    np.testing.assert_allclose(retarget_clip(other).qpos, retarget_clip(walk).qpos, atol=1e-9)
    alike = dataclasses.replace(walk, names=names)
    assert find_parts(alike.names) == find_parts(walk.names)
