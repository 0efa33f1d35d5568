"""The room's walls, table and shelf and its six things, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import add_free_joint
from mwx.sim.tasks.things import (
    CARDBOARD,
    DARK_WOOD,
    HEADPHONE,
    SHELF,
    SNOW_GLOBE,
    TROPHY,
    WOOD,
    Part,
    Thing,
    add_table,
    add_thing,
)

WALLS = Thing((
    Part("box", (0.15, 4, 1.5), (-4.15, 0, 1.5)),
    Part("box", (0.15, 4, 1.5), (4.15, 0, 1.5)),
    Part("box", (4, 0.15, 1.5), (0, 3.85, 1.5)),
    Part("box", (4, 0.15, 1.5), (0, -3.85, 1.5))), (0.75, 0.78, 0.84, 0.18))
CHAIR = Thing((
    Part("box", (0.02, 0.21, 0.2), (-0.23, 0, 0.65), rgba=DARK_WOOD),
    Part("box", (0.21, 0.21, 0.2375), (0, 0, 0.2375))),
    WOOD, 15.748, (-0.059121, 0, 0.479665), (1.02448531, 0.925289033, 0.546397587),
    (0.949395, 0, -0.314083, 0))
PACKAGE_A = Thing((Part("box", (0.2, 0.1, 0.15)),), CARDBOARD, 24.0, inertia=(0.26, 0.5, 0.4))
PACKAGE_B = Thing((Part("box", (0.25, 0.2, 0.1)),), CARDBOARD, 40.0,
                  inertia=(0.666666667, 0.966666667, 1.36666667))
# a headphone's frame carries nothing itself: its mass sits 5 cm aside
BARE = Thing((), CARDBOARD)
HEADPHONE_SHIFT = (0, -0.05, 0)
HEADPHONE_QUAT = (0.0733422, 0.0519076, -0.240058, -0.966591)  # how it lies
# in the order of qpos: thing and where the keyframe has it; an episode spreads them over the room
THINGS = {
    "chair": (CHAIR, (0, 0, 0, 1, 0, 0, 0)),
    "trophy": (TROPHY, (0, 0, 0, 1, 0, 0, 0)),
    "headphone": (BARE, (0, 0, 0, *HEADPHONE_QUAT)),
    "package_a": (PACKAGE_A, (0, 0, 0.1, 1, 0, 0, 0)),
    "package_b": (PACKAGE_B, (0, 0, 0.1, 1, 0, 0, 0)),
    "snow_globe": (SNOW_GLOBE, (0, 0, 0, 1, 0, 0, 0)),
}
OBJECT_QPOS = tuple(float(x) for _, pose in THINGS.values() for x in pose)


def add_room(spec: mujoco.MjSpec) -> None:
    """Add the room; everything in THINGS moves freely."""
    world = spec.worldbody
    add_thing(world, "walls", WALLS)
    add_table(world, (2.7, -0.5, 0.45))
    add_thing(world, "shelf", SHELF, (2.7, 0.5, 0))
    for name, (thing, pose) in THINGS.items():
        body = add_thing(world, name, thing, pose[:3], pose[3:], free=thing is not BARE)
        if thing is BARE:
            add_free_joint(body, f"free_{name}")
            add_thing(body, "centering_trick", HEADPHONE, HEADPHONE_SHIFT)
