"""The table, the two sockets and the peg to insert, in HumanoidBench's numbers.

The benchmark calls the sockets (square cups) pegs and the bar that goes into them a block. Facts
read from the compiled scenes (HumanoidBench, MIT, commit 791405f). Units: m, kg. Quaternions
(w, x, y, z). Looks are ours.
"""

from typing import NamedTuple

import mujoco

from mwx.sim.tasks.things import Part, Thing, add_table, add_thing

DARK, PALE, MIDDLE = (0.25, 0.27, 0.32, 1), (0.85, 0.85, 0.82, 1), (0.90, 0.49, 0.13, 1)
SOCKET_AXES, BLOCK_AXES = (0.5, 0.5, -0.5, 0.5), (0.707107, 0.707107, 0, 0)
BASE_HALF_HEIGHT = 0.005  # of a socket
BLOCK_HALF_LENGTH = 0.15
PLACES = {"peg_a": (0.8, -0.2, 0.95), "peg_b": (0.8, 0.2, 0.95), "block_a": (0.6, 0, 0.95)}
OBJECT_QPOS = tuple(float(x) for place in PLACES.values() for x in (*place, 1, 0, 0, 0))


class Size(NamedTuple):
    """What differs between the two tasks; sockets first, then the block."""

    half_width: float  # of a socket
    wall: float  # half thickness of a socket's wall
    wall_offset: float  # of the wall's middle from the axis
    wall_half_height: float
    wall_height: float  # of the wall's middle
    mass: float
    com_height: float
    inertia: tuple[float, float, float]
    bottoms: tuple[float, float]  # heights of the sites peg_a and peg_b
    block: float  # half thickness of the block, also the height of its middle
    block_mass: float
    block_inertia: tuple[float, float, float]


NORMAL = Size(0.04, 0.01, 0.03, 0.03, 0.04, 0.448, 0.035, (0.000631467, 0.000498667, 0.000498667),
              (0.01, 0.01), 0.018, 0.3888, (0.00295799, 0.00295799, 8.3981e-05))
# the small scene lowered only one of the two sites with its socket
SMALL = Size(0.02, 0.005, 0.015, 0.01, 0.02, 0.048, 0.015, (1.6e-05, 1.16e-05, 1.16e-05),
             (0.005, 0.01), 0.008, 0.0768, (0.000577638, 0.000577638, 3.277e-06))


def _socket(size: Size, rgba: tuple) -> Thing:
    base, side = BASE_HALF_HEIGHT, size.wall_offset
    across = (size.half_width, size.wall, size.wall_half_height)
    along = (size.wall, size.half_width, size.wall_half_height)
    return Thing((
        Part("box", (size.half_width, size.half_width, base), (0, 0, base)),
        Part("box", across, (0, -side, size.wall_height)),
        Part("box", across, (0, side, size.wall_height)),
        Part("box", along, (-side, 0, size.wall_height)),
        Part("box", along, (side, 0, size.wall_height))),
        rgba, size.mass, (0, 0, size.com_height), size.inertia, SOCKET_AXES)


def add_insert(spec: mujoco.MjSpec, size: Size) -> None:
    """Add the table, both sockets and the block, and the sites that must meet."""
    world, end = spec.worldbody, BLOCK_HALF_LENGTH
    add_table(world, (0.9, 0, 0.45))
    for name, rgba, bottom in zip(("peg_a", "peg_b"), (DARK, PALE), size.bottoms, strict=True):
        socket = add_thing(world, name, _socket(size, rgba), PLACES[name], free=True)
        _add_site(socket, name, (0, 0, bottom))
    bar = Part("box", (size.block, end, size.block), (0, 0, size.block))
    block = Thing((bar,), MIDDLE, size.block_mass, (0, 0, size.block), size.block_inertia,
                  BLOCK_AXES)
    body = add_thing(world, "block_a", block, PLACES["block_a"], free=True)
    _add_site(body, "block_peg_b", (0, -end, size.block))
    _add_site(body, "block_peg_a", (0, end, size.block))


def _add_site(body: mujoco.MjsBody, name: str, pos: tuple) -> None:
    body.add_site(name=name, pos=pos, size=[0.005, 0.005, 0.005], group=4)
