"""The window and the wiping tool, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg, rad.
Quaternions (w, x, y, z). Looks are ours.
"""

import mujoco

from mwx.sim.tasks.objects import add_geom, count_contacts
from mwx.sim.tasks.things import ALONG_Y, METAL, UNSEEN, Part, Thing, add_thing

# the pane that collides runs through frame and wall, so panes are drawn for it
PANE, WIPER = "window_pane_collision", "window_wipe_collision"  # what must touch
FRAME, WALL, GLASS = (0.88, 0.87, 0.84, 1), (0.66, 0.48, 0.42, 1), (0.55, 0.80, 0.92, 0.30)
HANDLE, RUBBER = (0.90, 0.49, 0.13, 1), (0.16, 0.17, 0.20, 1)
TOOL_START, BALL_RANGE = (0.45, 0, 1.085), (0, 1.4)
OBJECT_QPOS = (*TOOL_START, 1, 0, 0, 0, 1, 0, 0, 0)  # the tool, then the ball joint of its wiper

WINDOW = Thing((
    Part("box", (0.1, 1, 0.35), (0, 0, 0.35), rgba=WALL),
    *(Part("box", (0.1, 0.025, 0.4), (0, y, 1.1)) for y in (-0.975, -0.325, 0.325, 0.975)),
    Part("box", (0.1, 1, 0.025), (0, 0, 1.5125)),
    *(Part("box", (0.1, 0.025, 0.2), (0, y, 1.7125)) for y in (-0.975, -0.325, 0.325, 0.975)),
    Part("box", (0.1, 1, 0.025), (0, 0, 1.915)),
    Part("box", (0.05, 1, 0.97), (0, 0, 0.97), rgba=UNSEEN, name=PANE)), FRAME)
STICK = Thing((Part("cylinder", (0.02, 0.5), (0, 0, 0.02), ALONG_Y),), HANDLE,
              1.256637, (0, 0, 0.02), (0.104845419, 0.104845419, 0.000251327),
              (0.707107, -0.707107, 0, 0))
HEAD = Thing((Part("sphere", (0.03,), rgba=METAL),
              Part("box", (0.1, 0.01, 0.05), (0, 0.03, 0.02), name=WIPER)), RUBBER,
             0.513097, (0, 0.023387, 0.015592), (0.001752444, 0.001456938, 0.000502001),
             (0.543613, 0.4522, 0.543613, 0.4522))
# half height and height of the middle of the two rows of panes; half thickness, half width
PANE_ROWS, PANE_HALF_SIZE = ((0.4, 1.1), (0.2, 1.7125)), (0.05, 0.3)
# on the wiper's face: its corners and its middle
SITES = {"wipe_contact_site_a": (0.1, 0.04, 0.07), "wipe_contact_site_b": (-0.1, 0.04, 0.07),
         "wipe_contact_site_c": (0.1, 0.04, -0.03), "wipe_contact_site_d": (-0.1, 0.04, -0.03),
         "wipe_contact_site_e": (0, 0.04, 0.02)}
VELOCITY, CONTACTS = "window_wiping_tool_subtreelinvel", "window_wiper_contacts"


def add_window(spec: mujoco.MjSpec) -> None:
    """Add the window 1 m ahead, the tool, its velocity and a counter of wiper-pane contacts."""
    window = add_thing(spec.worldbody, "window", WINDOW, (1, 0, 0))
    for half_height, height in PANE_ROWS:
        for y in (-0.65, 0, 0.65):
            add_geom(window, "box", (*PANE_HALF_SIZE, half_height), (0, y, height), rgba=GLASS,
                     collides=False)
    tool = add_thing(spec.worldbody, "window_wiping_tool", STICK, TOOL_START, free=True)
    head = add_thing(tool, "window_wiper_sphere", HEAD, (0, 0.5, 0.02))
    head.add_joint(name="window_wiper_ball", type=mujoco.mjtJoint.mjJNT_BALL, range=BALL_RANGE)
    for name, pos in SITES.items():
        head.add_site(name=name, pos=pos, size=[0.005, 0.005, 0.005], group=4)
    spec.add_sensor(name=VELOCITY, type=mujoco.mjtSensor.mjSENS_SUBTREELINVEL,
                    objtype=mujoco.mjtObj.mjOBJ_BODY, objname="window_wiping_tool")
    count_contacts(spec, CONTACTS, geom=PANE, other_geom=WIPER)
