"""The bookshelf and its twelve objects, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import add_marker
from mwx.sim.tasks.things import HEADPHONE, METAL, SHELF, SNOW_GLOBE, TROPHY, Part, Thing, add_thing

UPRIGHT = (1, 0, 0, 0)
CHALK_AXIS = (0.707107, -0.5, 0.5, 0)
BOOK_INERTIA = (0.01433485, 0.009709299, 0.005550382)
BOOK_AXES = (0.708541, -0.003153, -0.003479, 0.705654)
BOOK_COLOURS = ((0.20, 0.36, 0.52, 1), (0.60, 0.25, 0.24, 1), (0.27, 0.47, 0.36, 1),
                (0.80, 0.62, 0.28, 1), (0.42, 0.33, 0.52, 1))
FLAT_BOOK_COLOUR, DICTIONARY_COLOUR = (0.87, 0.82, 0.70, 1), (0.66, 0.20, 0.18, 1)


def _book(rgba: tuple) -> Thing:
    return Thing((Part("box", (0.082, 0.025, 0.115), (0.0025, 0, 0.115)),), rgba,
                 2.266026, (0.000881, 0.002395, 0.115099), BOOK_INERTIA, BOOK_AXES)


FLAT_BOOK = Thing((Part("box", (0.082, 0.028, 0.115), (0, -0.022, 0.115)),), FLAT_BOOK_COLOUR,
                  2.266026, (0.000881, -0.022605, 0.115099), BOOK_INERTIA, BOOK_AXES)
DICTIONARY = Thing((Part("box", (0.082, 0.0415, 0.115), (0.0025, 0.003, 0.115)),),
                   DICTIONARY_COLOUR, 3.77404, (0.000888, 0.0041, 0.115086),
                   (0.02388129, 0.017544494, 0.010616561),
                   (0.710034, -0.003012, -0.003616, 0.704152))
CAN = Thing((Part("cylinder", (0.05, 0.1), (0, 0, 0.1)),), METAL, 1.570796, (0, 0, 0.1),
            (0.006217735, 0.006217735, 0.001963495))
CHALK = Thing((Part("cylinder", (0.01, 0.07), (0, 0, 0.01), CHALK_AXIS),), (0.95, 0.94, 0.88, 1),
              0.043982, (0, 0, 0.01), (7.2937e-05, 7.2937e-05, 2.199e-06), CHALK_AXIS)
# in the order of qpos: thing, position and orientation at the start
OBJECTS = {
    **{f"book_{letter}": (_book(colour), (0.95, y, 1.25), UPRIGHT) for letter, y, colour in
       zip("abcde", (-0.36, -0.3, -0.24, -0.18, -0.12), BOOK_COLOURS, strict=True)},
    "trophy": (TROPHY, (0.95, 0.02, 1.25), UPRIGHT),
    "book_flat": (FLAT_BOOK, (0.95, 0.12, 1.255), (0.707388, -0.706825, 0, 0)),
    "soda_can": (CAN, (0.95, -0.3, 0.65), UPRIGHT),
    "book_thick": (DICTIONARY, (0.95, -0.13, 0.65), UPRIGHT),
    "chalk": (CHALK, (0.95, 0, 0.65), UPRIGHT),
    "snow_globe": (SNOW_GLOBE, (0.95, 0.2, 0.65), UPRIGHT),
    "headphone": (HEADPHONE, (0.85, 0, 1.58), (0.868931, -0.066925, 0.122509, 0.474838)),
}
OBJECT_QPOS = tuple(float(x) for _, pos, quat in OBJECTS.values() for x in (*pos, *quat))
GOAL_RADIUS = 0.15  # [m] an object nearer to its goal than this is in place
GOAL_COLOUR = (0.25, 0.60, 0.35, 0.35)


def add_bookshelf(spec: mujoco.MjSpec) -> None:
    """Add the shelf, its objects and a marker for the current goal."""
    # several contacts between a pair of convex shapes: MuJoCo 3.17 does so unless told not to,
    # and HumanoidBench asks for it in these scenes
    spec.option.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_MULTICCD)
    add_thing(spec.worldbody, "shelf", SHELF, (0.95, 0, 0))
    for name, (thing, pos, quat) in OBJECTS.items():
        add_thing(spec.worldbody, name, thing, pos, quat, free=True)
    add_marker(spec, "goal", GOAL_RADIUS, rgba=GOAL_COLOUR)
