"""The truck, its load and the table beside it, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import Numbers, add_geom
from mwx.sim.tasks.props import (
    CARDBOARD,
    TAPE,
    Boxes,
    add_drawn_boxes,
    add_hidden_boxes,
    add_parcel,
    add_table,
)

TRUCK_PLACE = (8, 0, 0)  # its back is at x = 4, the bed at z = 1
BED: Boxes = (((4, 1.2, 0.5), (0, 0, 0.5)),)  # solid down to the floor, between the wheels
WALLS: Boxes = (((4, 0.05, 1), (0, 1.15, 2)), ((4, 0.05, 1), (0, -1.15, 2)),
                ((0.05, 1.2, 1), (4, 0, 2)), ((4, 1.2, 0.05), (0, 0, 3.05)))
RAMP, RAMP_PLACE, RAMP_TILT = (0.85, 1.2, 0.1), (-4.7, 0, 0.5), (0.968912, 0, -0.247404, 0)

TABLE_PLACE = (2, -1.7, 0.45)
TABLE_TOP = ((0.5, 0.5, 0.05), (0, 0, 0.45))
TABLE_LEG = ((0.05, 0.05, 0.5), (0.4, 0.4, 0))

LOAD_PLACE = (7, 0, 1)  # the wall of goods behind the packages
LOAD: Boxes = (((0.2, 1.1, 0.9), (0, 0, 0.9)),)

# name: start, half extents, mass, principal inertia
PACKAGES: dict[str, tuple[Numbers, Numbers, float, Numbers]] = {
    "package_a": ((5, 0, 1.1, 0.707105, -0.707108, 0, 0), (0.2, 0.1, 0.15), 24.0,
                  (0.26, 0.5, 0.4)),
    "package_b": ((5.1, 0, 1.3, 0.706752, 0, 0, 0.707462), (0.25, 0.2, 0.1), 40.0,
                  (0.666666667, 0.966666667, 1.366666667)),
    "package_c": ((5, 0.35, 1.3, 0.707105, 0.707108, 0, 0), (0.2, 0.3, 0.1), 48.0,
                  (1.6, 0.8, 2.08)),
    "package_d": ((5, -0.5, 1.1, 1, 0, 0, 0), (0.25, 0.3, 0.1), 60.0, (2.0, 1.45, 3.05)),
    "package_e": ((5.1, -0.6, 1.4, 1, 0, 0, 0), (0.2, 0.2, 0.2), 64.0,
                  (1.706666667, 1.706666667, 1.706666667)),
}
PACKAGE_QPOS = tuple(float(x) for start, *_ in PACKAGES.values() for x in start)

PAINT, CHASSIS = (0.30, 0.44, 0.62, 1), (0.36, 0.38, 0.42, 1)
GLASS, RUBBER = (0.62, 0.74, 0.84, 0.8), (0.15, 0.15, 0.17, 1)
SEE_THROUGH = (0.66, 0.73, 0.82, 0.25)  # or nobody would see the packages
BROWNS = (CARDBOARD, (0.70, 0.55, 0.38, 1), (0.82, 0.69, 0.51, 1))
ON_SIDE = (0.707107, -0.707107, 0, 0)


def add_truck(spec: mujoco.MjSpec) -> None:
    """Add the truck with its ramp, the goods behind, the table and the five free packages."""
    truck = spec.worldbody.add_body(name="truck", pos=TRUCK_PLACE)
    add_hidden_boxes(truck, BED)
    for size, pos in WALLS:
        add_geom(truck, "box", size, pos, rgba=SEE_THROUGH)
    add_geom(truck, "box", RAMP, RAMP_PLACE, RAMP_TILT, rgba=CHASSIS)
    _draw_truck(truck)
    add_table(spec, TABLE_PLACE, TABLE_TOP, TABLE_LEG)
    load = spec.worldbody.add_body(name="package_wall", pos=LOAD_PLACE)
    add_hidden_boxes(load, LOAD)
    _draw_load(load)
    for i, (name, (start, half, mass, inertia)) in enumerate(PACKAGES.items()):
        add_parcel(spec, name, f"free_{name}", start[:3], half, mass, inertia, BROWNS[i % 3])


def _draw_truck(truck: mujoco.MjsBody) -> None:
    add_drawn_boxes(truck, (((4, 1.2, 0.12), (0, 0, 0.88)), ((3.9, 0.5, 0.12), (0, 0, 0.64)),
                            ((0.5, 0.4, 0.12), (4.5, 0, 0.64))), CHASSIS)
    cab = (((0.6, 1.15, 0.85), (4.75, 0, 1.45)), ((0.5, 1.1, 0.35), (4.7, 0, 2.6)))
    add_drawn_boxes(truck, cab, PAINT)
    add_drawn_boxes(truck, (((0.02, 0.95, 0.35), (5.35, 0, 1.8)),
                            ((0.3, 1.16, 0.3), (4.8, 0, 1.8))), GLASS)
    posts = tuple(((0.06, 0.06, 1), (x, y, 2)) for x in (-3.95, 3.95) for y in (-1.16, 1.16))
    add_drawn_boxes(truck, (*posts, ((0.06, 1.22, 0.06), (-3.95, 0, 3.05))), PAINT)
    for x in (-3.3, -2.2, 4.7):
        for y in (-0.95, 0.95):
            add_geom(truck, "cylinder", (0.48, 0.16), (x, y, 0.48), ON_SIDE, rgba=RUBBER,
                     collides=False)
            add_geom(truck, "cylinder", (0.24, 0.165), (x, y, 0.48), ON_SIDE, rgba=CHASSIS,
                     collides=False)


def _draw_load(load: mujoco.MjsBody) -> None:
    """Draw three stacks of boxes that fill the solid wall, with a strip of tape on each."""
    (_, width, _), _ = LOAD[0]
    stacks = ((0.30, 0.32, 0.28), (0.24, 0.33, 0.33), (0.33, 0.27, 0.30))  # half heights
    half = width / len(stacks)
    for column, heights in enumerate(stacks):
        y, bottom = -width + (2 * column + 1) * half, 0.0
        for row, height in enumerate(heights):
            place = (0.0, y, bottom + height)
            add_drawn_boxes(load, (((0.2, half - 0.01, height - 0.005), place),),
                            BROWNS[(row + column) % 3])
            add_drawn_boxes(load, (((0.202, 0.03, height - 0.003), place),), TAPE)
            bottom += 2 * height
