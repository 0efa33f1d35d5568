"""Which named point of a clip plays which part of the body."""

import difflib
from collections.abc import Mapping, Sequence

from mwx.errors import MwxError, unknown
from mwx.motion.clip import MotionClip
from mwx.motion.limbs import find_limbs, split_side
from mwx.types import Array

SIDED = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
SHOWN = 3  # parts in an error's advice
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


def find_parts(names: Sequence[str], parents: Sequence[int] | None = None,
               positions: Array | None = None) -> dict[str, int]:
    """Return part -> index of the point that plays it, e.g. "left_knee": 4; unknown ones missing.

    A point called NAME=PART plays that part. Where points hang together, the skeleton decides on
    arms, legs and pelvis (see `limbs`); names alone decide on the rest.

    Args:
        names: of the J points; parents: index of each one's parent, -1 where there is none.
        positions: (T, J, 3) in any unit.
    """
    plain = {plain_name(name): i for i, name in reversed(list(enumerate(names)))}
    found: dict[str, int] = {}
    for place, options in _places():
        taken = found.get(place.replace("toe", "ankle"))
        index = next((plain[o] for o in options if o in plain and plain[o] != taken), None)
        if index is not None:
            found[place] = index
    tied = 0 <= max(parents or (-1,)) < len(names)
    if tied and parents is not None and positions is not None:
        limbs = find_limbs(names, parents, positions)
        legs = {f"{place.split('_')[0]}_toe" for place in limbs if place.endswith("ankle")}
        found = {place: i for place, i in found.items() if place not in legs} | limbs
    told = {name.rpartition("=")[2]: i for i, name in enumerate(names) if "=" in name}
    told = {place: i for place, i in told.items() if place in ROLES}
    return {place: i for place, i in found.items() if i not in told.values()} | told


def body_points(clip: MotionClip) -> dict[str, Array]:
    """Return part -> (T, 3) [m], e.g. "pelvis", "left_knee".

    Raises:
        MwxError: no point plays a part that the retargeting needs.
    """
    found = find_parts(clip.names, clip.parents, clip.positions_w)
    missing = [p for p in ROLES if p not in found and p.split("_")[-1] not in OPTIONAL]
    if missing:
        free = [name for i, name in enumerate(clip.names) if i not in found.values()]
        advice = " ".join(f"--joint '{(difflib.get_close_matches(p, free, 1, 0.5) or ['NAME'])[0]}"
                          f"={p}'" for p in missing[:SHOWN]) + " ..." * (len(missing) > SHOWN)
        raise MwxError(f"clip '{clip.source}': no point plays {', '.join(missing)}; it has "
                       f"{', '.join(clip.names)}. Say which does: {advice}, or in a file: --map")
    return {place: clip.positions_w[:, i] for place, i in found.items()}


def with_told(names: Sequence[str], told: Mapping[str, str] | None, source: str
              ) -> tuple[str, ...]:
    """Return the names, those whose part the user tells as NAME=PART, see `find_parts`.

    Args:
        names: of the points; told: name -> part; source: of the points, for the error.

    Raises:
        MwxError: no such part or point, or one part told of two points.
    """
    for name, part in (told or {}).items():
        if part not in ROLES:
            raise MwxError(f"joint '{name}': {unknown('part', part, ROLES)}")
        if name not in names:
            raise MwxError(f"{source}: {unknown('joint', name, names)}")
        if twin := next((n for n, p in (told or {}).items() if p == part and n != name), None):
            raise MwxError(f"joints '{name}' and '{twin}' cannot both be the {part}")
    return tuple(f"{name}={told[name]}" if told and name in told else name for name in names)


def _places() -> list[tuple[str, list[str]]]:
    """Return each part of the body with the names it may have."""
    places = []
    for part, aliases in ALIASES.items():
        for side in ("left_", "right_") if part in SIDED else ("",):
            places.append((side + part, [side + alias for alias in aliases]))
    return places


def plain_name(name: str) -> str:
    """Return a name in one spelling: "LeftFoot", "L_Foot", "lfoot" and "foot_l" are "left_foot"."""
    side, words = split_side(name)
    return f"{side}_{''.join(words)}" if side else "".join(words)


ROLES = tuple(place for place, _ in _places())
