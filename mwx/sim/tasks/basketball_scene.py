"""Basketball's hoop, backboard and ball, in HumanoidBench's numbers.

Facts read from the compiled scene (HumanoidBench, MIT, commit 791405f). Units: m, kg.
Quaternions (w, x, y, z). Looks are ours.
"""

import math

import mujoco

from mwx.sim.tasks.objects import Numbers, add_free_joint, add_geom, count_contacts, set_inertia
from mwx.sim.tasks.props import HIDDEN_GROUP

HOOP_PLACE = (5.8198, 0, 2.25)  # [world] of the frame that the parts below are given in
HOOP_CENTRE = (5.9, 0, 2.25)  # [world] the target, which is not the middle of the panels' tube
# The panels of an octagonal tube; the original turns the four slanted ones by 45 rad, not 45 deg
TURNED, TURNED_BACK = (-0.873305, 0, 0, 0.487175), (-0.873305, 0, 0, -0.487175)
STRAIGHT = (1, 0, 0, 0)
PANELS: tuple[tuple[Numbers, Numbers, Numbers], ...] = (
    ((0.01, 0.2, 0.2), (0.25, 0, -0.2), STRAIGHT),
    ((0.15, 0.01, 0.2), (0.2, 0.2, -0.2), TURNED),
    ((0.15, 0.01, 0.2), (0.2, -0.2, -0.2), TURNED_BACK),
    ((0.01, 0.2, 0.2), (-0.3, 0, -0.2), STRAIGHT),
    ((0.15, 0.01, 0.2), (-0.25, 0.2, -0.2), TURNED_BACK),
    ((0.15, 0.01, 0.2), (-0.25, -0.2, -0.2), TURNED),
    ((0.2, 0.01, 0.2), (-0.05, 0.25, -0.2), STRAIGHT),
    ((0.2, 0.01, 0.2), (-0.05, -0.25, -0.2), STRAIGHT),
)
BACKBOARD = ((0.01, 0.55, 0.35), (0.27, 0, 0.3))
POLE, POLE_PLACE = (0.05, 1.0), (0.6, 0, -1.25)
STAND = ((0.35, 0.25, 0.08), (0.9, 0, -2.17))

BALL_RADIUS, BALL_MASS = 0.1193, 0.24893
BALL_INERTIA = (0.00141716, 0.00141716, 0.00141716)
BALL_PLACE = (0.35, 0.9, 2.0)
BALL_CONTACTS = "basketball_contacts"  # counter: the ball with anything at all

WHITE, GREY, RED = (0.93, 0.94, 0.96, 1), (0.35, 0.37, 0.42, 1), (0.83, 0.28, 0.16, 1)
LEATHER, SEAM, CORD = (0.86, 0.45, 0.16, 1), (0.16, 0.13, 0.12, 1), (0.95, 0.95, 0.95, 0.8)
RING_MIDDLE, RING_HALF = -0.025, (0.275, 0.25)  # along x; half axes of the ring that is drawn
NET_DEPTH, NET_WAIST, SEGMENTS = 0.4, 0.62, 24


def add_hoop(spec: mujoco.MjSpec) -> None:
    """Add the fixed hoop and the site `hoop_center`."""
    spec.worldbody.add_site(name="hoop_center", pos=HOOP_CENTRE, size=[0.01, 0, 0], group=4)
    hoop = spec.worldbody.add_body(name="baskethoop", pos=HOOP_PLACE)
    for size, pos, quat in PANELS:
        add_geom(hoop, "box", size, pos, quat).group = HIDDEN_GROUP
    add_geom(hoop, "box", *BACKBOARD, rgba=WHITE)
    add_geom(hoop, "cylinder", POLE, POLE_PLACE, rgba=GREY)
    add_geom(hoop, "box", *STAND, rgba=GREY)
    _draw_ring_and_net(hoop)
    _draw_board_lines(hoop)


def add_ball(spec: mujoco.MjSpec) -> None:
    """Add the free ball (joint `free_basketball`) and the counter of its contacts."""
    ball = spec.worldbody.add_body(name="basketball", pos=BALL_PLACE)
    add_free_joint(ball, "free_basketball")
    set_inertia(ball, BALL_MASS, (0, 0, 0), BALL_INERTIA)
    add_geom(ball, "sphere", (BALL_RADIUS,), rgba=LEATHER, name="basketball_collision")
    half = math.sqrt(0.5)
    for quat in (STRAIGHT, (half, half, 0, 0), (half, 0, half, 0)):  # seams: discs that stand out
        add_geom(ball, "cylinder", (BALL_RADIUS + 0.0008, 0.0022), quat=quat, rgba=SEAM,
                 collides=False)
    count_contacts(spec, BALL_CONTACTS, geom="basketball_collision")


def _draw_ring_and_net(hoop: mujoco.MjsBody) -> None:
    for i in range(SEGMENTS):
        _draw_line(hoop, _on_ring(i), _on_ring(i + 1), 0.012, RED)
        if i % 2 == 0:
            for twist in (-1, 1):
                _draw_line(hoop, _on_ring(i), _on_ring(i + twist, -NET_DEPTH), 0.003, CORD)
    for y in (-0.06, 0.06):
        _draw_line(hoop, (RING_MIDDLE + RING_HALF[0], y, 0), (BACKBOARD[1][0], y, 0), 0.014, RED)
    top_of_pole = (POLE_PLACE[0], 0, POLE_PLACE[2] + POLE[1])
    _draw_line(hoop, top_of_pole, (BACKBOARD[1][0], 0, 0.1), 0.04, GREY)


def _draw_board_lines(hoop: mujoco.MjsBody) -> None:
    x = BACKBOARD[1][0] - BACKBOARD[0][0]
    for size, pos in (((0.002, 0.23, 0.012), (x, 0, 0.12)), ((0.002, 0.23, 0.012), (x, 0, 0.44)),
                      ((0.002, 0.012, 0.17), (x, 0.23, 0.28)),
                      ((0.002, 0.012, 0.17), (x, -0.23, 0.28))):
        add_geom(hoop, "box", size, pos, rgba=RED, collides=False)


def _on_ring(i: int, height: float = 0.0) -> tuple[float, float, float]:
    narrow = 1.0 if height == 0 else NET_WAIST
    angle = 2 * math.pi * i / SEGMENTS
    return (RING_MIDDLE + narrow * RING_HALF[0] * math.cos(angle),
            narrow * RING_HALF[1] * math.sin(angle), height)


def _draw_line(body: mujoco.MjsBody, start: Numbers, end: Numbers, radius: float,
               rgba: Numbers) -> None:
    line = add_geom(body, "capsule", (radius,), rgba=rgba, collides=False)
    line.fromto = (*start, *end)
