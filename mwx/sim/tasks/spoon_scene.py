"""The table, the cup and the spoon, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg, kg m^2.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import add_free_joint, add_geom, add_marker, set_inertia

TABLE_PLACE, CUP_PLACE, SPOON_PLACE = (1.0, 0.0, 0.45), (0.75, -0.1, 0.9), (0.75, 0.2, 0.9)
ALONG_X = (0.707107, 0, 0.707107, 0)
# half extents, pos
TABLE = (((0.5, 0.5, 0.05), (0, 0, 0.4)),
         ((0.05, 0.05, 0.4), (0.4, 0.4, -0.05)),
         ((0.05, 0.05, 0.4), (0.4, -0.4, -0.05)),
         ((0.05, 0.05, 0.4), (-0.4, 0.4, -0.05)),
         ((0.05, 0.05, 0.4), (-0.4, -0.4, -0.05)))
# its four walls and bottom, then the two arms of its handle
CUP = (((0.12, 0.02, 0.1), (0, 0.1, 0.1)),
       ((0.12, 0.02, 0.1), (0, -0.1, 0.1)),
       ((0.02, 0.12, 0.1), (-0.1, 0, 0.1)),
       ((0.02, 0.12, 0.1), (0.1, 0, 0.1)),
       ((0.12, 0.12, 0.02), (0, 0, 0.01)),
       ((0.01, 0.05, 0.01), (0, 0.15, 0.14)),
       ((0.01, 0.05, 0.01), (0, 0.15, 0.02)))
CUP_HANDLE_SIZE, CUP_HANDLE_POS = (0.01, 0.06), (0, 0.19, 0.08)  # radius, half length; pos
SPOON_MASS, SPOON_COM = 0.052904, (0.053444, 0, 0.0035)
SPOON_INERTIA = (0.000197203, 0.000191077, 7.201e-06)
SPOON_AXES = (0, 0.707107, 0, 0.707107)
HANDLE_SIZE, HANDLE_POS = (0.007, 0.08), (0, 0, 0.0035)  # radius, half length; pos
PLATE_SIZE, PLATE_POS = (0.03, 0.005), (0.1, 0, 0.0035)
WOOD, CUP_COLOUR = (0.66, 0.52, 0.40, 1), (0.80, 0.86, 0.93, 0.40)
SPOON_COLOUR = (0.20, 0.24, 0.32, 1)


def add_kitchen_table(spec: mujoco.MjSpec) -> None:
    """Add the table, the cup that stands fast on it, the spoon (`free_spoon`) and the marker."""
    table = spec.worldbody.add_body(name="table", pos=TABLE_PLACE)
    for size, pos in TABLE:
        add_geom(table, "box", size, pos, rgba=WOOD)
    cup = spec.worldbody.add_body(name="cup", pos=CUP_PLACE)
    for size, pos in CUP:
        add_geom(cup, "box", size, pos, rgba=CUP_COLOUR)
    add_geom(cup, "cylinder", CUP_HANDLE_SIZE, CUP_HANDLE_POS, rgba=CUP_COLOUR)
    spoon = spec.worldbody.add_body(name="spoon", pos=SPOON_PLACE)
    add_free_joint(spoon, "free_spoon")
    set_inertia(spoon, SPOON_MASS, SPOON_COM, SPOON_INERTIA, SPOON_AXES)
    add_geom(spoon, "cylinder", HANDLE_SIZE, HANDLE_POS, ALONG_X, SPOON_COLOUR, "spoon_handle")
    add_geom(spoon, "cylinder", PLATE_SIZE, PLATE_POS, rgba=SPOON_COLOUR, name="spoon_plate")
    add_marker(spec, "stir_point", 0.012, pos=(0.81, -0.1, 0.95))
