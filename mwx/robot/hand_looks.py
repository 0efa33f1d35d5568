"""How the Shadow hands look: palm, segments, joint drums and fingertips from primitives.

Positions are in body frames and follow the sourced numbers. Rows are written for the right hand
and without the prefix of the hand; the left one is its mirror image in x. Rows of the thumb from
base to middle lie on its z axis or across it evenly, because its frames are turned (see
`h1hand_numbers`). Needs the materials that `looks.add_looks` makes.
"""

from collections.abc import Iterator

import mujoco
import numpy as np

from mwx.robot.looks import PREFIX, VISUAL_GROUP

Vec = tuple[float, ...]
Span = tuple[str, str, str, Vec, Vec, Vec]

# body, material, shape, size across the axis [m], from, to: stretched between two points
ARM_SPANS: tuple[Span, ...] = (
    # a housing over the end of the forearm, from which the hand turns
    ("elbow_link", "dark", "cylinder", (0.0352,), (0.258, 0, -0.0138), (0.298, 0, -0.0150)),
    ("elbow_link", "cap", "cylinder", (0.0362,), (0.292, 0, -0.0148), (0.298, 0, -0.0150)),
    ("hand", "motor", "ellipsoid", (0.026, 0.024), (0.004, 0, 0.112), (0.010, 0, 0.176)),
)
HAND_SPANS: tuple[Span, ...] = (
    # wrist: the sideways drum, a waist, the fork of the up-and-down axis
    ("wrist", "motor", "cylinder", (0.0145,), (0, -0.0185, 0), (0, 0.0185, 0)),
    ("wrist", "cap", "cylinder", (0.0085,), (0, -0.0205, 0), (0, 0.0205, 0)),
    ("wrist", "dark", "ellipsoid", (0.023, 0.0125), (0, 0, -0.004), (0, 0, 0.034)),
    ("palm", "motor", "cylinder", (0.0120,), (-0.0300, 0, 0), (0.0270, 0, 0)),
    ("palm", "cap", "cylinder", (0.0075,), (-0.0320, 0, 0), (0.0290, 0, 0)),
    # palm: one rib to each knuckle, two cushions inside, a plate on the back
    ("palm", "dark", "capsule", (0.0108,), (0.018, 0.001, 0.010), (0.0315, 0.001, 0.078)),
    ("palm", "dark", "capsule", (0.0112,), (0.006, 0.001, 0.010), (0.0110, 0.001, 0.082)),
    ("palm", "dark", "capsule", (0.0108,), (-0.008, 0.001, 0.010), (-0.0110, 0.001, 0.078)),
    ("palm", "dark", "capsule", (0.0100,), (-0.020, 0.001, 0.006), (-0.0120, 0.001, 0.060)),
    ("palm", "rubber", "ellipsoid", (0.0105, 0.0075), (-0.020, -0.0080, 0.077),
     (0.042, -0.0080, 0.079)),
    ("palm", "rubber", "ellipsoid", (0.0110, 0.0075), (-0.010, -0.0080, 0.004),
     (-0.011, -0.0080, 0.066)),
    ("palm", "light", "ellipsoid", (0.023, 0.0060), (0.006, 0.0105, 0.014), (0.011, 0.0095, 0.086)),
    ("palm", "dark", "capsule", (0.0125,), (0.012, -0.004, 0.014), (0.030, -0.008, 0.027)),
    ("lfmetacarpal", "dark", "capsule", (0.0104,), (0.004, 0.001, 0.002), (0.0005, 0.001, 0.052)),
    ("lfmetacarpal", "light", "ellipsoid", (0.0075, 0.0045), (0.003, 0.0095, 0.000),
     (0.0005, 0.0090, 0.056)),
    # thumb: ball, saddle, drum, two segments
    ("thbase", "motor", "ellipsoid", (0.0138,), (0, 0, -0.0138), (0, 0, 0.0138)),
    ("thproximal", "light", "ellipsoid", (0.0112,), (0, 0, 0.002), (0, 0, 0.044)),
    ("thproximal", "dark", "cylinder", (0.0112,), (0, 0, 0.0205), (0, 0, 0.0255)),
    ("thhub", "motor", "cylinder", (0.0098,), (-0.0100, 0, 0), (0.0100, 0, 0)),
    ("thhub", "cap", "cylinder", (0.0055,), (-0.0110, 0, 0), (0.0110, 0, 0)),
    ("thmiddle", "light", "capsule", (0.0088,), (0, 0, 0.008), (0, 0, 0.022)),
    ("thmiddle", "motor", "cylinder", (0.0094,), (0, -0.0094, 0.032), (0, 0.0094, 0.032)),
    ("thmiddle", "cap", "cylinder", (0.0052,), (0, -0.0104, 0.032), (0, 0.0104, 0.032)),
    ("thdistal", "dark", "capsule", (0.0084,), (0, 0, 0.004), (0, 0, 0.012)),
    ("thdistal", "rubber", "ellipsoid", (0.0104, 0.0092), (0, 0.0006, 0.003), (0, 0.0010, 0.0355)),
    ("thdistal", "light", "ellipsoid", (0.0060, 0.0022), (0, 0.0082, 0.014), (0, 0.0074, 0.031)),
)
# the same with the segment in place of the body, for each of the four fingers
FINGERS = ("ff", "mf", "rf", "lf")
FINGER_SPANS: tuple[Span, ...] = (
    ("knuckle", "motor", "cylinder", (0.0098,), (-0.0092, 0, 0), (0.0092, 0, 0)),
    ("knuckle", "cap", "cylinder", (0.0056,), (-0.0102, 0, 0), (0.0102, 0, 0)),
    ("proximal", "light", "capsule", (0.0086,), (0, 0, 0.0125), (0, 0, 0.0335)),
    ("proximal", "dark", "cylinder", (0.0089,), (0, 0, 0.0215), (0, 0, 0.0260)),
    ("middle", "motor", "cylinder", (0.0090,), (-0.0076, 0, 0), (0.0076, 0, 0)),
    ("middle", "cap", "cylinder", (0.0050,), (-0.0083, 0, 0), (0.0083, 0, 0)),
    ("middle", "light", "capsule", (0.0080,), (0, 0, 0.0080), (0, 0, 0.0180)),
    ("distal", "motor", "cylinder", (0.0082,), (-0.0068, 0, 0), (0.0068, 0, 0)),
    ("distal", "rubber", "ellipsoid", (0.0086, 0.0076), (0, 0.0002, 0.0010), (0, 0.0004, 0.0325)),
    ("distal", "light", "ellipsoid", (0.0050, 0.0020), (0, 0.0068, 0.0130), (0, 0.0058, 0.0285)),
)


def add_hand_looks(spec: mujoco.MjSpec, bodies: dict[str, mujoco.MjsBody]) -> None:
    """Add visual geoms (group 2, massless, colliding with nothing) to both hands.

    Args:
        spec: the robot, which already has the materials of its own looks.
        bodies: its bodies by name.
    """
    del spec  # nothing of its own: the materials are the robot's
    for prefix, sign in (("right_", 1.0), ("left_", -1.0)):
        for span in ARM_SPANS:
            _stretch(bodies[prefix + span[0]], span, 1.0)
        for span in _hand_spans():
            _stretch(bodies[prefix[0] + "h_" + span[0]], span, sign)


def _hand_spans() -> Iterator[Span]:
    yield from HAND_SPANS
    for finger in FINGERS:
        for segment, material, shape, size, start, end in FINGER_SPANS:
            yield finger + segment, material, shape, size, start, end


def _stretch(body: mujoco.MjsBody, span: Span, sign: float) -> None:
    _, material, shape, size, start, end = span
    mirror = np.array([sign, 1.0, 1.0])
    pos, along = mirror * np.add(start, end) / 2, mirror * np.subtract(end, start)
    half = float(np.linalg.norm(along)) / 2
    # MuJoCo's own `fromto` makes every ellipsoid round; ours may be flat
    full = (*size, size[0], half) if shape == "ellipsoid" else (size[0], half, 0.0)
    body.add_geom(type=getattr(mujoco.mjtGeom, f"mjGEOM_{shape.upper()}"), pos=pos,
                  quat=_turn_from_z(along / (2 * half)), size=(*full[:2], full[-1]),
                  material=PREFIX + material, group=VISUAL_GROUP, contype=0, conaffinity=0,
                  mass=0, density=0)


def _turn_from_z(direction: np.ndarray) -> Vec:
    """Return the shortest turn (quaternion) that takes the z axis to a unit vector."""
    x, y, z = direction
    w = float(np.sqrt((1 + z) / 2))
    return (0.0, 1.0, 0.0, 0.0) if w == 0 else (w, -y / (2 * w), x / (2 * w), 0.0)
