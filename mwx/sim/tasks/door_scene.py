"""The door's corridor, panel and hatch, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg, rad, N m.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import set_inertia

BOX, CYLINDER = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER
HINGE = mujoco.mjtJoint.mjJNT_HINGE
PLACE = (0.8, 0, 0)  # of the door and its frame
ALONG_X, ALONG_Y = (0.707107, 0, 0.707107, 0), (0.707107, -0.707107, 0, 0)

DOOR_MASS, DOOR_COM = 159.6672, (0, 0, 1)
DOOR_INERTIA = (64.4257152, 52.424064, 12.52323072)
DOOR_PANEL = (0.07, 0.48, 0.99)  # half extents, centred on DOOR_COM
DOOR_ANCHOR, DOOR_RANGE, DOOR_SPRING = (-0.05, -0.5, 1), (0, 1.4), 50.0

HATCH_PLACE = (0, 0.4, 1.2)  # in the door
HATCH_MASS, HATCH_COM = 2.161416, (0, -0.020407, 0)
HATCH_INERTIA, HATCH_AXES = (0.043311816, 0.036987625, 0.008392616), (0, 0.707107, 0, 0.707107)
HATCH_RANGE, HATCH_SPRING = (0, 2), 2.0
# radius, half length, pos, quat: the axis, the two bars to turn, the two latches
HATCH_PARTS = (
    ("axis", 0.05, 0.05, (-0.12, 0, 0), ALONG_X),
    ("axis", 0.05, 0.05, (0.12, 0, 0), ALONG_X),
    ("bar", 0.02, 0.1, (-0.141, -0.1, 0), ALONG_Y),
    ("bar", 0.02, 0.1, (0.141, -0.1, 0), ALONG_Y),
    ("latch", 0.01, 0.07, (0.15, 0.07, 0), ALONG_Y),
    ("latch", 0.01, 0.07, (-0.15, 0.07, 0), ALONG_Y),
)
# half extents, pos: what holds the door, and the corridor behind the robot
FRAME = (
    ((0.12, 0.14, 1), (0, 0.66, 1)),
    ((0.12, 0.14, 1), (0, -0.66, 1)),
    ((0.12, 0.82, 0.19), (0, 0, 2.19)),
)
WALLS = (
    ((1.19, 0.12, 1.19), (-1.31, -0.7, 1.19)),
    ((1.19, 0.12, 1.19), (-1.31, 0.7, 1.19)),
    ((0.15, 0.58, 1.19), (-2.35, 0, 1.19)),
)
COLOURS = {"axis": (0.45, 0.46, 0.50, 1), "bar": (0.90, 0.49, 0.13, 1),
           "latch": (0.30, 0.31, 0.35, 1), "panel": (0.66, 0.52, 0.40, 1),
           "frame": (0.55, 0.57, 0.62, 0.35), "wall": (0.75, 0.78, 0.84, 0.18)}


def add_door(spec: mujoco.MjSpec) -> None:
    """Add the door (joint `door_hinge`), its hatch (`door_hatch_hinge`) and the corridor."""
    door = spec.worldbody.add_body(name="door", pos=PLACE)
    set_inertia(door, DOOR_MASS, DOOR_COM, DOOR_INERTIA)
    door.add_joint(name="door_hinge", type=HINGE, axis=[0, 0, 1], pos=DOOR_ANCHOR,
                   range=DOOR_RANGE, stiffness=[DOOR_SPRING, 0, 0])
    door.add_geom(name="door_panel", type=BOX, size=DOOR_PANEL, pos=DOOR_COM,
                  rgba=COLOURS["panel"])
    hatch = door.add_body(name="door_hatch", pos=HATCH_PLACE, gravcomp=1)
    set_inertia(hatch, HATCH_MASS, HATCH_COM, HATCH_INERTIA, HATCH_AXES)
    hatch.add_joint(name="door_hatch_hinge", type=HINGE, axis=[1, 0, 0], range=HATCH_RANGE,
                    stiffness=[HATCH_SPRING, 0, 0])
    for part, radius, half_length, pos, quat in HATCH_PARTS:
        hatch.add_geom(type=CYLINDER, size=[radius, half_length, 0], pos=pos, quat=quat,
                       rgba=COLOURS[part])
    corridor = spec.worldbody.add_body(name="door_wall_connects", pos=PLACE)
    for look, boxes in (("frame", FRAME), ("wall", WALLS)):
        for size, pos in boxes:
            corridor.add_geom(type=BOX, size=size, pos=pos, rgba=COLOURS[look])
