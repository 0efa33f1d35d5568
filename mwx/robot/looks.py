"""How H1 looks: shells, motor housings and a ring-shaped head from primitives, without meshes.

Positions are in body frames and follow the extent of each link in the sourced numbers. Rows are
written for the middle and the left side; the right side is their mirror image in y.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import mujoco

Vec = tuple[float, ...]
PREFIX = "h1_"  # of every material, so that a task's materials cannot collide with them
VISUAL_GROUP = 2


@dataclass(frozen=True)
class Palette:
    """Two colours and what completes them; each is (red, green, blue, alpha) in [0, 1]."""

    dark: Vec = (0.185, 0.195, 0.215, 1.0)  # graphite: shells
    light: Vec = (0.74, 0.755, 0.775, 1.0)  # silver: panels
    motor: Vec = (0.30, 0.315, 0.34, 1.0)  # anodised housings
    cap: Vec = (0.52, 0.535, 0.56, 1.0)  # brushed caps and seams
    rubber: Vec = (0.055, 0.055, 0.06, 1.0)  # soles, hand ends
    glow: Vec = (0.55, 0.80, 1.0, 1.0)  # ring light of the face


def ghost(palette: Palette, alpha: float = 0.28, tint: Vec = (0.35, 0.62, 0.95)) -> Palette:
    """Return a see-through variant, e.g. for a reference shown beside the robot that follows it."""
    def fade(colour: Vec) -> Vec:
        return (*(0.35 * c + 0.65 * t for c, t in zip(colour[:3], tint, strict=True)), alpha)
    names = palette.__dataclass_fields__
    return replace(palette, **{name: fade(getattr(palette, name)) for name in names})


H1_COLOURS = Palette()
H1_GHOST = ghost(H1_COLOURS)

# material: specular, shininess, reflectance, emission
FINISH = {"dark": (0.45, 0.55, 0.0), "light": (0.55, 0.65, 0.0), "motor": (0.6, 0.6, 0.0),
          "cap": (0.8, 0.8, 0.0), "rubber": (0.05, 0.1, 0.0), "glow": (0.2, 0.5, 0.85)}

# body, material, shape, size across the axis [m], from, to: stretched between two points
SPANS: tuple[tuple[str, str, str, Vec, Vec, Vec], ...] = (
    # pelvis: a slim saddle, the waist bearing on top, a yaw motor hanging on either side
    ("pelvis", "dark", "capsule", (0.043,), (0.0, -0.098, -0.043), (0.0, 0.098, -0.043)),
    ("pelvis", "motor", "cylinder", (0.069,), (0, 0, -0.078), (0, 0, 0.002)),
    ("pelvis", "cap", "cylinder", (0.071,), (0, 0, -0.052), (0, 0, -0.046)),
    ("pelvis", "light", "ellipsoid", (0.036, 0.020), (0.036, -0.10, -0.040), (0.036, 0.10, -0.040)),
    ("pelvis", "motor", "cylinder", (0.056,), (0, 0.0875, -0.150), (0, 0.0875, -0.062)),
    ("pelvis", "cap", "cylinder", (0.058,), (0, 0.0875, -0.098), (0, 0.0875, -0.092)),
    # hip yaw and roll: a round motor along x behind, the roll yoke in front of it
    ("left_hip_yaw_link", "motor", "cylinder", (0.059,), (-0.102, 0, 0), (-0.034, 0, 0)),
    ("left_hip_yaw_link", "cap", "cylinder", (0.044,), (-0.107, 0, 0), (-0.101, 0, 0)),
    ("left_hip_yaw_link", "dark", "capsule", (0.030,), (-0.045, 0, 0.020), (-0.004, 0, 0.030)),
    ("left_hip_roll_link", "dark", "ellipsoid", (0.060, 0.050), (-0.068, 0, 0), (0.060, -0.004, 0)),
    ("left_hip_roll_link", "motor", "cylinder", (0.050,), (0.0, -0.050, 0), (0.0, 0.022, 0)),
    # thigh: the pitch motor across, then a shell that tapers to the knee
    ("left_hip_pitch_link", "motor", "cylinder", (0.0605,), (0, -0.093, 0), (0, 0.016, 0)),
    ("left_hip_pitch_link", "cap", "cylinder", (0.062,), (0, -0.034, 0), (0, -0.026, 0)),
    ("left_hip_pitch_link", "light", "cylinder", (0.047,), (0, 0.014, 0), (0, 0.025, 0)),
    ("left_hip_pitch_link", "dark", "cylinder", (0.026,), (0, 0.022, 0), (0, 0.030, 0)),
    ("left_hip_pitch_link", "dark", "ellipsoid", (0.057, 0.056),
     (0.003, -0.032, 0.035), (0.010, -0.022, -0.285)),
    ("left_hip_pitch_link", "dark", "ellipsoid", (0.047, 0.043),
     (0.006, -0.024, -0.110), (0.019, -0.006, -0.405)),
    ("left_hip_pitch_link", "dark", "capsule", (0.034,),
     (0.014, -0.014, -0.26), (0.012, -0.002, -0.375)),
    ("left_hip_pitch_link", "light", "ellipsoid", (0.040, 0.017),
     (0.010, 0.017, -0.045), (0.014, 0.022, -0.330)),
    ("left_hip_pitch_link", "light", "ellipsoid", (0.020, 0.036),
     (0.047, -0.022, -0.070), (0.047, -0.012, -0.320)),
    # knee and shin: joint drum, calf, slender shank, ankle drum
    ("left_hip_pitch_link", "motor", "cylinder", (0.043,), (0, -0.036, -0.4), (0, 0.030, -0.4)),
    ("left_hip_pitch_link", "cap", "cylinder", (0.030,), (0, 0.029, -0.4), (0, 0.035, -0.4)),
    ("left_hip_pitch_link", "cap", "cylinder", (0.030,), (0, -0.041, -0.4), (0, -0.035, -0.4)),
    ("left_knee_link", "dark", "ellipsoid", (0.048, 0.040),
     (0.008, -0.003, 0.050), (-0.006, -0.005, -0.270)),
    ("left_knee_link", "dark", "ellipsoid", (0.036, 0.031),
     (-0.002, -0.004, -0.080), (0.016, -0.001, -0.385)),
    ("left_knee_link", "dark", "capsule", (0.021,), (0.006, -0.002, -0.23), (0.010, 0, -0.385)),
    ("left_knee_link", "light", "ellipsoid", (0.021, 0.030),
     (0.038, -0.003, 0.020), (0.030, -0.002, -0.300)),
    ("left_knee_link", "cap", "capsule", (0.006,), (-0.036, -0.004, -0.15), (-0.030, 0, -0.37)),
    ("left_ankle_link", "motor", "cylinder", (0.021,), (0, -0.025, 0), (0, 0.025, 0)),
    ("left_ankle_link", "cap", "cylinder", (0.012,), (0, -0.028, 0), (0, 0.028, 0)),
    # foot: a blade that slopes from the ankle to heel and toe
    ("left_ankle_link", "dark", "capsule", (0.0125,), (0.004, 0, -0.006), (0.181, 0, -0.052)),
    ("left_ankle_link", "dark", "capsule", (0.0125,), (-0.004, 0, -0.006), (-0.080, 0, -0.050)),
    ("left_ankle_link", "dark", "capsule", (0.0120,), (0.020, 0, -0.032), (0.150, 0, -0.048)),
    ("left_ankle_link", "dark", "capsule", (0.0125,), (-0.078, 0, -0.051), (0.180, 0, -0.053)),
    ("left_ankle_link", "light", "capsule", (0.0060,), (0.030, 0, -0.0065), (0.165, 0, -0.0415)),
    # torso: waist, ribs widening to the shoulders, chest panel, back pack
    ("torso_link", "motor", "cylinder", (0.066,), (0, 0, 0.002), (0, 0, 0.055)),
    ("torso_link", "cap", "cylinder", (0.068,), (0, 0, 0.030), (0, 0, 0.036)),
    ("torso_link", "dark", "ellipsoid", (0.076, 0.122), (0.002, 0, -0.075), (0.012, 0, 0.390)),
    ("torso_link", "dark", "ellipsoid", (0.080, 0.150), (0.006, 0, 0.090), (0.020, 0, 0.560)),
    ("torso_link", "dark", "ellipsoid", (0.072, 0.072), (0.010, -0.172, 0.425),
     (0.010, 0.172, 0.425)),
    ("torso_link", "motor", "cylinder", (0.052,), (0.0055, 0.118, 0.412), (0.0055, 0.152, 0.428)),
    ("torso_link", "light", "ellipsoid", (0.064, 0.122), (0.048, 0, 0.185), (0.062, 0, 0.545)),
    ("torso_link", "dark", "capsule", (0.028,), (-0.050, -0.062, 0.200), (-0.050, -0.082, 0.430)),
    ("torso_link", "dark", "capsule", (0.028,), (-0.050, 0.062, 0.200), (-0.050, 0.082, 0.430)),
    ("torso_link", "motor", "cylinder", (0.043,), (0.018, 0, 0.520), (0.024, 0, 0.592)),
    # shoulder, upper arm, forearm, rounded hand end
    ("left_shoulder_pitch_link", "motor", "cylinder", (0.045,), (-0.002, 0.004, -0.011),
     (-0.002, 0.082, -0.011)),
    ("left_shoulder_pitch_link", "dark", "ellipsoid", (0.046, 0.047), (-0.002, 0.030, -0.012),
     (-0.004, 0.106, -0.014)),
    ("left_shoulder_pitch_link", "cap", "cylinder", (0.047,), (-0.002, 0.030, -0.011),
     (-0.002, 0.036, -0.011)),
    ("left_shoulder_roll_link", "motor", "cylinder", (0.034,), (0.006, 0, 0), (0.045, 0, 0)),
    ("left_shoulder_roll_link", "light", "cylinder", (0.024,), (0.044, 0, 0), (0.049, 0, 0)),
    ("left_shoulder_roll_link", "dark", "ellipsoid", (0.036, 0.037), (0.016, 0, 0.030),
     (0.003, 0, -0.135)),
    ("left_shoulder_roll_link", "motor", "cylinder", (0.046,), (0, 0, -0.122), (0, 0, -0.070)),
    ("left_shoulder_roll_link", "cap", "cylinder", (0.0475,), (0, 0, -0.099), (0, 0, -0.093)),
    ("left_shoulder_yaw_link", "dark", "ellipsoid", (0.036, 0.034), (0.001, 0, 0.022),
     (0.018, 0, -0.235)),
    ("left_shoulder_yaw_link", "dark", "capsule", (0.027,), (0.002, 0, -0.02), (0.014, 0, -0.18)),
    ("left_shoulder_yaw_link", "light", "ellipsoid", (0.026, 0.014), (0.007, 0.024, -0.010),
     (0.013, 0.024, -0.165)),
    ("left_shoulder_yaw_link", "motor", "cylinder", (0.041,), (0.0185, -0.030, -0.198),
     (0.0185, 0.030, -0.198)),
    ("left_shoulder_yaw_link", "cap", "cylinder", (0.028,), (0.0185, -0.034, -0.198),
     (0.0185, 0.034, -0.198)),
    ("left_elbow_link", "dark", "ellipsoid", (0.038, 0.035), (-0.036, 0, 0), (0.215, 0, -0.010)),
    ("left_elbow_link", "dark", "ellipsoid", (0.035, 0.033), (0.040, 0, -0.005),
     (0.300, 0, -0.014)),
    ("left_elbow_link", "light", "ellipsoid", (0.012, 0.026), (0.030, 0, 0.026), (0.215, 0, 0.014)),
    ("left_elbow_link", "cap", "cylinder", (0.0335,), (0.226, 0, -0.0125), (0.232, 0, -0.0127)),
    ("left_elbow_link", "motor", "cylinder", (0.0325,), (0.232, 0, -0.0127), (0.262, 0, -0.014)),
    ("left_elbow_link", "rubber", "ellipsoid", (0.034, 0.034), (0.236, 0, -0.013),
     (0.318, 0, -0.015)),
)

# body, material, shape, size (half extents) [m], position [m], pitch about y [rad]
BLOCKS: tuple[tuple[str, str, str, Vec, Vec, float], ...] = (
    ("torso_link", "dark", "box", (0.030, 0.070, 0.120), (-0.048, 0, 0.315), 0.0),
    ("torso_link", "light", "box", (0.004, 0.046, 0.085), (-0.077, 0, 0.330), 0.0),
    ("left_ankle_link", "rubber", "box", (0.1470, 0.0145, 0.0065), (0.0500, 0, -0.0635), 0.0),
    ("left_ankle_link", "dark", "box", (0.0700, 0.0115, 0.0180), (0.034, 0, -0.040), 0.0),
)

# The head is a hollow oval ring that leans forward, in front of a shallow dark bowl
HEAD_CENTRE = (0.040, 0.0, 0.652)  # [m] torso frame
HEAD_HALF = (0.066, 0.084)  # [m] half width, half height of the ring's centre line
HEAD_LEAN = 0.16  # [rad] about y, chin back
HEAD_SEGMENTS = 16


def add_looks(spec: mujoco.MjSpec, bodies: dict[str, mujoco.MjsBody],
              palette: Palette = H1_COLOURS) -> None:
    """Add visual geoms (group 2, massless, colliding with nothing) to H1's bodies.

    Physics that never renders can leave them out with `spec.compiler.discardvisual = True`,
    which makes a step about a quarter cheaper and changes no result.

    Args:
        spec: where the materials go.
        bodies: H1's bodies by name.
        palette: colours; `repaint` changes them on a compiled model.
    """
    for name, (specular, shininess, emission) in FINISH.items():
        spec.add_material(name=PREFIX + name, rgba=getattr(palette, name), specular=specular,
                          shininess=shininess, emission=emission)
    for body, material, shape, size, start, end in _mirrored():
        _add(bodies[body], material, shape, size=(*size, 0, 0)[:3], fromto=(*start, *end))
    for body, material, shape, size, pos, pitch in BLOCKS:
        quat = (math.cos(pitch / 2), 0.0, math.sin(pitch / 2), 0.0)
        for name, place in _both_sides(body, pos):
            _add(bodies[name], material, shape, size=size, pos=place, quat=quat)
    _add_head(bodies["torso_link"])
    _rendering(spec)


def repaint(model: mujoco.MjModel, palette: Palette, prefix: str = "") -> None:
    """Change the colours of a compiled robot in place (its name prefix, when attached)."""
    for name in FINISH:
        model.material(prefix + PREFIX + name).rgba[:] = getattr(palette, name)


def _add(body: mujoco.MjsBody, material: str, shape: str, **place: Vec) -> None:
    kind = getattr(mujoco.mjtGeom, f"mjGEOM_{shape.upper()}")
    body.add_geom(type=kind, material=PREFIX + material, group=VISUAL_GROUP, contype=0,
                  conaffinity=0, mass=0, density=0, **place)


def _both_sides(body: str, point: Vec) -> Iterator[tuple[str, Vec]]:
    yield body, point
    if body.startswith("left_"):
        yield body.replace("left_", "right_", 1), (point[0], -point[1], point[2])
    elif point[1] != 0:
        yield body, (point[0], -point[1], point[2])


def _mirrored() -> Iterator[tuple[str, str, str, Vec, Vec, Vec]]:
    for body, material, shape, size, start, end in SPANS:
        spans_middle = start[1] == -end[1]
        starts, ends = _both_sides(body, start), _both_sides(body, end)
        for (name, first), (_, last) in zip(starts, ends, strict=True):
            yield name, material, shape, size, first, last
            if spans_middle and not body.startswith("left_"):
                break


def _ring(half: Vec, forward: float) -> Iterator[tuple[Vec, Vec]]:
    """Yield the ends of the segments of an oval in the leaning plane of the face."""
    cos, sin = math.cos(HEAD_LEAN), math.sin(HEAD_LEAN)

    def point(i: int) -> Vec:
        angle = 2 * math.pi * i / HEAD_SEGMENTS
        # a superellipse: straighter flanks and rounder ends than an ellipse
        c, s = math.cos(angle), math.sin(angle)
        across = half[0] * math.copysign(abs(c) ** 0.8, c)
        up = half[1] * math.copysign(abs(s) ** 0.8, s)
        return (HEAD_CENTRE[0] + forward * cos + up * sin, across,
                HEAD_CENTRE[2] - forward * sin + up * cos)
    for i in range(HEAD_SEGMENTS):
        yield point(i), point(i + 1)


def _add_head(torso: mujoco.MjsBody) -> None:
    for start, end in _ring(HEAD_HALF, 0.022):
        _add(torso, "light", "capsule", size=(0.018, 0, 0), fromto=(*start, *end))
    inner = (HEAD_HALF[0] - 0.017, HEAD_HALF[1] - 0.017)
    for start, end in _ring(inner, 0.020):
        _add(torso, "glow", "capsule", size=(0.0035, 0, 0), fromto=(*start, *end))
    quat = (math.cos(HEAD_LEAN / 2), 0.0, math.sin(HEAD_LEAN / 2), 0.0)
    x, _, z = HEAD_CENTRE
    _add(torso, "dark", "ellipsoid", size=(0.056, 0.082, 0.101), pos=(x - 0.029, 0, z + 0.001),
         quat=quat)
    _add(torso, "dark", "ellipsoid", size=(0.024, 0.087, 0.105), pos=(x + 0.002, 0, z - 0.001),
         quat=quat)


def _rendering(spec: mujoco.MjSpec) -> None:
    spec.visual.map.shadowclip = 6  # nearer, the shadow map's border speckles the floor
    spec.visual.quality.shadowsize = 4096
    # coarser tessellation than MuJoCo's default: half the time a frame on a software renderer
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 18, 10
