"""Which named point of a clip plays which part of the body."""

from collections.abc import Sequence

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.types import Array

SIDED = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
OPTIONAL = ("neck", "toe")
# part -> names it has in ASF (CMU), SMPL, DeepMimic / AMP and BVH skeletons; * is the side
ALIASES = {
    "pelvis": ("root", "Pelvis", "pelvis", "Hips", "hips"),
    "neck": ("thorax", "Neck", "neck", "head"),
    "hip": ("*hipjoint", "*_Hip", "*_thigh", "*UpLeg", "*_hip"),
    "knee": ("*femur", "*_Knee", "*_shin", "*Leg", "*_knee"),
    "ankle": ("*tibia", "*_Ankle", "*_foot", "*Foot", "*_ankle"),
    "toe": ("*foot", "*_Foot", "*ToeBase", "*Toe", "*_toe"),
    "shoulder": ("*clavicle", "*_Shoulder", "*_upper_arm", "*Arm", "*_shoulder"),
    "elbow": ("*humerus", "*_Elbow", "*_lower_arm", "*ForeArm", "*_elbow"),
    "wrist": ("*radius", "*_Wrist", "*_hand", "*Hand", "*_wrist"),
}
SIDES = {"left": ("l", "L", "left", "Left"), "right": ("r", "R", "right", "Right")}
PREFIXES = ("mixamorig:", "mixamorig_", "mixamorig")  # of Mixamo's exports


def find_parts(names: Sequence[str]) -> dict[str, int]:
    """Return part -> index of the point that plays it, e.g. "left_knee": 4; unknown ones missing.

    Args:
        names: of the points.
    """
    plain = {_plain(name): i for i, name in reversed(list(enumerate(names)))}
    found = {}
    for place, options in _places():
        # "lfoot" is the ball of an ASF foot, "left_foot" the ankle of an AMP one
        name = next((o for o in options if o in plain), None)
        if name is not None:
            found[place] = plain[name]
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
        for side in SIDES if part in SIDED else ("",):
            options = [a.replace("*", s) for a in aliases for s in SIDES.get(side, ("",))]
            places.append((f"{side}_{part}" if side else part, options))
    return places


def _plain(name: str) -> str:
    """Return a name without what exporters put before it."""
    return next((name.removeprefix(p) for p in PREFIXES if name.startswith(p)), name)
