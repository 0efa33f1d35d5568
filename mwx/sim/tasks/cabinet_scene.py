"""The cabinet's four storeys, doors, drawer and cubes, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg, rad,
N s/m, N m s. Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.things import ALONG_X, DARK_WOOD, METAL, WOOD, Part, Thing, add_thing

HINGE, SLIDE = mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE
BLUE, GREEN, RED, YELLOW = ((0.44, 0.55, 0.67, 1), (0.52, 0.64, 0.52, 1), (0.70, 0.47, 0.42, 1),
                            (0.83, 0.71, 0.45, 1))
CUBE_COLOURS = ((0.10, 0.45, 0.45, 1), (0.55, 0.20, 0.55, 1), (0.55, 0.50, 0.15, 1),
                (0.25, 0.25, 0.60, 1))
PLACE_X = 0.9  # [m, world] of the middle

FRAME = Thing((
    Part("box", (0.3, 0.6, 0.25), (0.9, 0, 0.25)),
    Part("box", (0.009, 0.6, 0.84), (1.21, 0, 0.84)),
    Part("box", (0.3, 0.01, 0.84), (0.9, 0.59, 0.84)),
    Part("box", (0.3, 0.01, 0.84), (0.9, -0.59, 0.84))), DARK_WOOD)
FLOOR_AND_BACK = (Part("box", (0.3, 0.6, 0.01), (0, 0, 0.02)),
                  Part("box", (0.01, 0.6, 0.14), (0.29, 0, 0.15)))
DRAWER = Thing((
    Part("box", (0.3, 0.58, 0.01), (0, 0, 0.02)),
    Part("box", (0.01, 0.58, 0.14), (0.29, 0, 0.15)),
    Part("box", (0.01, 0.58, 0.14), (-0.29, 0, 0.15)),
    Part("box", (0.3, 0.01, 0.14), (0, 0.57, 0.15)),
    Part("box", (0.3, 0.01, 0.14), (0, -0.57, 0.15)),
    Part("cylinder", (0.02, 0.05), (-0.35, -0.2, 0.24), ALONG_X, METAL),
    Part("cylinder", (0.02, 0.05), (-0.35, 0.2, 0.24), ALONG_X, METAL),
    Part("box", (0.01, 0.2, 0.01), (-0.39, 0, 0.24), rgba=METAL)),
    GREEN, 25.411327, (-0.005917, 0, 0.125878), (6.28958469, 5.14719611, 1.549691),
    (0.503742, 0.503742, -0.49623, 0.49623))


def _door(side: int, rgba: tuple) -> Thing:
    """A small door whose handle is on its +y (side 1) or -y (side -1) edge."""
    axes = ((0.708984, 0.705061, 0.012812, 0.008154) if side > 0
            else (0.705061, 0.708984, -0.008154, -0.012812))
    return Thing((
        Part("box", (0.01, 0.28, 0.13), (0, 0, 0.01)),
        Part("cylinder", (0.02, 0.05), (-0.06, 0.2 * side, 0.09), ALONG_X, METAL),
        Part("cylinder", (0.02, 0.05), (-0.06, 0.2 * side, -0.09), ALONG_X, METAL),
        Part("box", (0.01, 0.01, 0.09), (-0.1, 0.2 * side, 0), rgba=METAL)),
        rgba, 5.323327, (-0.004185, 0.012148 * side, 0.009393),
        (0.173419545, 0.144753874, 0.032234833), axes)


FLAP = Thing((
    Part("box", (0.01, 0.58, 0.125), (-0.29, 0, 0.16)),
    Part("cylinder", (0.02, 0.05), (-0.35, -0.2, 0.08), ALONG_X, METAL),
    Part("cylinder", (0.02, 0.05), (-0.35, 0.2, 0.08), ALONG_X, METAL),
    Part("box", (0.01, 0.2, 0.01), (-0.39, 0, 0.08), rgba=METAL)),
    YELLOW, 5.411327, (-0.295743, 0, 0.153919), (0.601585755, 0.575382944, 0.03121224),
    (0.70642, 0.70642, 0.031149, -0.031149))
# what stands still, and the height of its frame [m]
STOREYS = {
    "lateral_cabinet": (FLOOR_AND_BACK, 0.79),
    "pulling_cabinet": ((*FLOOR_AND_BACK,
                         Part("box", (0.01, 0.28, 0.13), (-0.29, -0.29, 0.16), rgba=RED)), 1.08),
    "pullup_drawer": ((*FLOOR_AND_BACK, Part("box", (0.29, 0.6, 0.01), (0.01, 0, 0.3))), 1.37),
}
# body, storey it belongs to, thing, place in it, then its joint: name, type, axis, anchor, range,
# damping; in the order of qpos
MOVING = (
    ("drawer", "", DRAWER, (PLACE_X, 0, 0.5),
     "drawer_slide", SLIDE, (-1, 0, 0), (0, 0, 0), (0, 0.45), 80),
    ("left_door", "lateral_cabinet", _door(-1, BLUE), (-0.29, 0.29, 0.15),
     "left_door_hinge", HINGE, (0, 0, 1), (0, 0.29, 0.15), (-1.57, 0), 1),
    ("right_door", "lateral_cabinet", _door(1, BLUE), (-0.29, -0.29, 0.15),
     "right_door_hinge", HINGE, (0, 0, 1), (0, -0.29, 0.15), (0, 1.57), 1),
    ("pulling_door", "pulling_cabinet", _door(1, RED), (-0.32, 0.29, 0.15),
     "pull_door_slide", SLIDE, (0, 1, 0), (0, 0.29, 0.15), (-0.4, 0), 50),
    ("pullup_door", "pullup_drawer", FLAP, (0, 0, 0),
     "pullup_door_hinge", HINGE, (0, 1, 0), (-0.29, 0, 0.29), (0, 1.57), 10),
)
CUBES = {"drawer_cube": 0.58, "lateral_cabinet_cube": 0.87, "pulling_cabinet_cube": 1.16,
         "pullup_drawer_cube": 1.45}  # [m] heights of their centres
OBJECT_QPOS = (*(0.0 for _ in MOVING),
               *(x for height in CUBES.values() for x in (PLACE_X, 0, height, 1, 0, 0, 0)))
# [m] from a body's frame to the middle of its handle
PULLING_HANDLE, DRAWER_HANDLE = (-0.1, 0.2, 0), (-0.39, 0, 0.24)


def add_cabinet(spec: mujoco.MjSpec) -> None:
    """Add the storeys, what slides and swings in them, and a cube in each."""
    world = spec.worldbody
    add_thing(world, "cabinet", FRAME)
    storeys = {"": world}
    for name, storey, thing, pos, joint, kind, axis, anchor, limits, damping in MOVING:
        if storey not in storeys:  # bodies in the order of qpos: each storey before its door
            parts, height = STOREYS[storey]
            storeys[storey] = add_thing(world, storey, Thing(parts, WOOD), (PLACE_X, 0, height))
        body = add_thing(storeys[storey], name, thing, pos)
        body.add_joint(name=joint, type=kind, axis=axis, pos=anchor, range=limits,
                       damping=[damping, 0, 0])
    for (name, height), colour in zip(CUBES.items(), CUBE_COLOURS, strict=True):
        cube = Thing((Part("box", (0.05, 0.05, 0.05)),), colour, 1.0,
                     inertia=(0.001666667, 0.001666667, 0.001666667))
        add_thing(world, name, cube, (PLACE_X, 0, height), free=True)
