"""Which named point of a clip plays which part of the body."""

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.types import Array

SIDED = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
OPTIONAL = ("neck", "toe")
# part -> names it has in ASF (CMU), SMPL, DeepMimic / AMP and BVH skeletons; * is the side
ALIASES = {
    "pelvis": ("root", "Pelvis", "pelvis", "Hips"),
    "neck": ("thorax", "Neck", "head", "neck"),
    "hip": ("*hipjoint", "*_Hip", "*_thigh", "*UpLeg", "*_hip"),
    "knee": ("*femur", "*_Knee", "*_shin", "*Leg", "*_knee"),
    "ankle": ("*tibia", "*_Ankle", "*_foot", "*Foot", "*_ankle"),
    "toe": ("*foot", "*_Foot", "*ToeBase", "*_toe"),
    "shoulder": ("*clavicle", "*_Shoulder", "*_upper_arm", "*Arm", "*_shoulder"),
    "elbow": ("*humerus", "*_Elbow", "*_lower_arm", "*ForeArm", "*_elbow"),
    "wrist": ("*radius", "*_Wrist", "*_hand", "*Hand", "*_wrist"),
}
SIDES = {"left": ("l", "L", "left", "Left"), "right": ("r", "R", "right", "Right")}


def body_points(clip: MotionClip) -> dict[str, Array]:
    """Return part -> (T, 3) [m], e.g. "pelvis", "left_knee".

    Raises:
        MwxError: a part the retargeting needs has no point under any known name.
    """
    found = {}
    for part, aliases in ALIASES.items():
        for side in SIDES if part in SIDED else ("",):
            options = [a.replace("*", s) for a in aliases for s in SIDES.get(side, ("",))]
            # "lfoot" is the ball of an ASF foot, "left_foot" the ankle of an AMP one
            name = next((o for o in options if o in clip.names), None)
            if name is not None:
                place = f"{side}_{part}" if side else part
                found[place] = clip.positions_w[:, clip.names.index(name)]
            elif part not in OPTIONAL:
                raise MwxError(
                    f"clip '{clip.source}': no point for the {side} {part} ".replace("  ", " ")
                    + f"(looked for {', '.join(options)}); it has {', '.join(clip.names)}")
    return found
