"""Objects as tables: a thing is a mass, an inertia and a list of primitive parts.

Furniture and objects that several scenes share live here, in HumanoidBench's numbers (facts read
from the compiled scenes, MIT, commit 791405f). Units: m, kg. Quaternions (w, x, y, z). Looks are
ours.
"""

from typing import NamedTuple

import mujoco

from mwx.sim.tasks.objects import NO_TURN, Numbers, add_free_joint, add_geom, set_inertia

ALONG_X, ALONG_Y = (0.707107, 0, 0.707107, 0), (0.707107, -0.707107, 0, 0)
WOOD, DARK_WOOD, METAL = (0.72, 0.58, 0.43, 1), (0.58, 0.45, 0.33, 1), (0.30, 0.31, 0.35, 1)
GOLD, LEATHER, CARDBOARD = (0.86, 0.68, 0.27, 1), (0.36, 0.22, 0.24, 1), (0.76, 0.62, 0.44, 1)
SNOW, CASTLE_BLUE = (0.80, 0.88, 0.95, 0.85), (0.25, 0.38, 0.58, 1)
UNSEEN = (0, 0, 0, 0)  # of what a decoration is drawn for


class Part(NamedTuple):
    """A primitive that collides, in the frame of its thing (`objects.add_geom`)."""

    shape: str
    size: Numbers
    pos: Numbers = (0.0, 0.0, 0.0)
    quat: Numbers = NO_TURN
    rgba: Numbers | None = None  # its own colour, instead of the thing's
    name: str = ""


class Thing(NamedTuple):
    """Parts with a stated mass [kg], centre of mass [m], principal inertia [kg m^2] and axes."""

    parts: tuple[Part, ...]
    rgba: Numbers
    mass: float = 0.0
    com: Numbers = (0.0, 0.0, 0.0)
    inertia: Numbers = (0.0, 0.0, 0.0)
    axes: Numbers = NO_TURN


def add_thing(parent: mujoco.MjsBody, name: str, thing: Thing, pos: Numbers = (0, 0, 0),
              quat: Numbers = NO_TURN, free: bool = False) -> mujoco.MjsBody:
    """Add a thing as a body of `parent`; a free one gets the joint `free_<name>`."""
    body = parent.add_body(name=name, pos=pos, quat=quat)
    if free:
        add_free_joint(body, f"free_{name}")
    if thing.mass > 0:
        set_inertia(body, thing.mass, thing.com, thing.inertia, thing.axes)
    for part in thing.parts:
        add_geom(body, part.shape, part.size, part.pos, part.quat,
                 rgba=part.rgba or thing.rgba, name=part.name)
    return body


LEGS = tuple((x, y, 0.0) for x in (0.4, -0.4) for y in (0.4, -0.4))
TABLE = Thing((
    Part("box", (0.5, 0.5, 0.05), (0, 0, 0.45)),
    *(Part("box", (0.05, 0.05, 0.5), pos, rgba=UNSEEN) for pos in LEGS)), WOOD)
SHELF = Thing((
    *(Part("box", (0.3, 0.4, 0.025), (0, 0, height))
      for height in (0.025, 0.325, 0.625, 0.925, 1.225, 1.525)),
    Part("box", (0.325, 0.45, 0.025), (0.025, 0, 1.825), rgba=DARK_WOOD),
    Part("box", (0.325, 0.025, 0.9), (0.025, 0.425, 0.9), rgba=DARK_WOOD),
    Part("box", (0.325, 0.025, 0.9), (0.025, -0.425, 0.9), rgba=DARK_WOOD),
    Part("box", (0.025, 0.4, 0.9), (0.325, 0, 0.9), rgba=DARK_WOOD)), WOOD)
TROPHY = Thing((
    Part("cylinder", (0.1, 0.015), (0, 0, 0.015), rgba=METAL),
    Part("cylinder", (0.025, 0.1), (0, 0, 0.115)),
    Part("sphere", (0.035,), (0, 0, 0.2))),
    GOLD, 1.514771, (0, 0, 0.062859), (0.010489342, 0.010489342, 0.004923109))
SNOW_GLOBE = Thing((
    Part("cylinder", (0.1, 0.015), (0, 0, 0.015), rgba=CASTLE_BLUE),
    Part("sphere", (0.1,), (0, 0, 0.101))),
    SNOW, 5.131268, (0, 0, 0.085204), (0.024872299, 0.024872299, 0.02146755))
HEADPHONE = Thing((
    Part("cylinder", (0.08, 0.025), (0.1, -0.07, 0.08), ALONG_Y, METAL),
    Part("cylinder", (0.08, 0.025), (0.1, 0.07, 0.08), ALONG_Y, METAL),
    Part("box", (0.1, 0.02, 0.02), (0.2, -0.07, 0.08)),
    Part("box", (0.1, 0.02, 0.02), (0.2, 0.07, 0.08)),
    Part("box", (0.02, 0.08, 0.02), (0.3, 0, 0.08))),
    LEATHER, 2.906619, (0.139634, 0, 0.08), (0.031497039, 0.020795116, 0.017374838),
    (0, 0.707107, 0, 0.707107))


def add_table(world: mujoco.MjsBody, pos: Numbers) -> None:
    """Add the table; its legs reach up through the top, so shorter ones are drawn for them."""
    table = add_thing(world, "table", TABLE, pos)
    for leg in LEGS:
        add_geom(table, "box", (0.045, 0.045, 0.44), leg, rgba=DARK_WOOD, collides=False)
