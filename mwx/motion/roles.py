"""Which named point of a clip plays which part of the body."""

import re
from collections.abc import Sequence

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.types import Array

SIDED = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
OPTIONAL = ("neck", "toe")
# part -> the words it goes by in ASF (CMU), SMPL, DeepMimic / AMP and BVH skeletons, better ones
# first: a "foot" is the ankle where nothing is called one, and the toe beside an ankle
ALIASES = {
    "pelvis": ("pelvis", "hips", "hip", "midhip", "root"),
    "neck": ("thorax", "neck", "head"),
    "hip": ("upleg", "thigh", "hip", "hipjoint"),
    "knee": ("femur", "knee", "shin", "leg"),
    "ankle": ("tibia", "ankle", "foot"),
    "toe": ("toebase", "toe", "foot", "ball", "toes", "bigtoe", "footindex"),
    "shoulder": ("arm", "upperarm", "shoulder", "clavicle"),
    "elbow": ("humerus", "elbow", "forearm", "lowerarm"),
    "wrist": ("radius", "wrist", "hand"),
}
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of camel case or between separators
PREFIX = re.compile(r"^(.*:|mixamorig_?)")  # what exporters put before a name


def find_parts(names: Sequence[str]) -> dict[str, int]:
    """Return part -> index of the point that plays it, e.g. "left_knee": 4; unknown ones missing.

    Args:
        names: of the points.
    """
    plain = {plain_name(name): i for i, name in reversed(list(enumerate(names)))}
    found: dict[str, int] = {}
    for place, options in _places():
        taken = found.get(place.replace("toe", "ankle"))
        index = next((plain[o] for o in options if o in plain and plain[o] != taken), None)
        if index is not None:
            found[place] = index
    return found


def body_points(clip: MotionClip) -> dict[str, Array]:
    """Return part -> (T, 3) [m], e.g. "pelvis", "left_knee".

    Raises:
        MwxError: a part the retargeting needs has no point under any known name.
    """
    found = find_parts(clip.names)
    for place, options in _places():
        if place not in found and place.split("_")[-1] not in OPTIONAL:
            raise MwxError(
                f"clip '{clip.source}': no point for the {place.replace('_', ' ')} "
                f"(looked for {', '.join(options)}); it has {', '.join(clip.names)}")
    return {place: clip.positions_w[:, i] for place, i in found.items()}


def _places() -> list[tuple[str, list[str]]]:
    """Return each part of the body with the names it may have."""
    places = []
    for part, aliases in ALIASES.items():
        for side in ("left_", "right_") if part in SIDED else ("",):
            places.append((side + part, [side + alias for alias in aliases]))
    return places


def plain_name(name: str) -> str:
    """Return a name in one spelling: "LeftFoot", "L_Foot", "lfoot" and "foot_l" are "left_foot"."""
    words = [word.lower() for word in WORD.findall(PREFIX.sub("", name))]
    for at in (0, -1):
        if len(words) > 1 and words[at] in SIDES:
            side = SIDES[words.pop(at)]
            return f"{side}_{''.join(words)}"
    whole = "".join(words)
    for short, side in SIDES.items():
        rest = whole.removeprefix(short)
        if rest != whole and any(rest in aliases for aliases in ALIASES.values()):
            return f"{side}_{rest}"
    return whole
