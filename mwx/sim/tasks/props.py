"""Chairs, tables and parcels: solid boxes in HumanoidBench's numbers, dressed to be looked at.

Units: m, kg. Looks are ours; what is hidden collides, what is shown beside it does not.
"""

from collections.abc import Sequence

import mujoco

from mwx.sim.tasks.objects import Numbers, add_free_joint, add_geom, set_inertia

HIDDEN_GROUP = 3  # renderers leave out what collides but is not drawn
WOOD, DARK_WOOD = (0.66, 0.52, 0.40, 1), (0.44, 0.33, 0.25, 1)
STEEL = (0.42, 0.44, 0.48, 1)
CARDBOARD, TAPE = (0.77, 0.62, 0.44, 1), (0.90, 0.82, 0.66, 1)
Boxes = Sequence[tuple[Numbers, Numbers]]  # half extents and place of each

# the solid seat reaches down to the floor, between the legs that are drawn
CHAIR_SOLIDS: Boxes = (((0.02, 0.21, 0.2), (-0.23, 0, 0.65)),
                       ((0.21, 0.21, 0.2375), (0, 0, 0.2375)))
CHAIR_FRAME: Boxes = tuple(
    [((0.02, 0.02, 0.2125), (x, y, 0.2125)) for x in (-0.19, 0.19) for y in (-0.19, 0.19)]
    + [((0.02, 0.02, 0.2), (-0.23, y, 0.65)) for y in (-0.19, 0.19)])
CHAIR_BOARDS: Boxes = (((0.21, 0.21, 0.025), (0, 0, 0.45)), ((0.014, 0.17, 0.045), (-0.23, 0, 0.6)),
                       ((0.014, 0.17, 0.065), (-0.23, 0, 0.77)))
CHAIR_MASS, CHAIR_COM = 15.748, (-0.059121, 0, 0.479665)  # of the original's drawn boxes
CHAIR_INERTIA, CHAIR_AXES = (1.024485313, 0.925289033, 0.546397587), (0.949395, 0, -0.314083, 0)


def add_hidden_boxes(body: mujoco.MjsBody, boxes: Boxes) -> None:
    """Add boxes that collide but are not drawn."""
    for size, pos in boxes:
        add_geom(body, "box", size, pos, rgba=(0.3, 0.5, 0.7, 0.4)).group = HIDDEN_GROUP


def add_drawn_boxes(body: mujoco.MjsBody, boxes: Boxes, rgba: Numbers) -> None:
    """Add boxes that are drawn but do not collide."""
    for size, pos in boxes:
        add_geom(body, "box", size, pos, rgba=rgba, collides=False)


def add_chair(spec: mujoco.MjSpec, pos: Numbers, *, free: bool) -> None:
    """Add the body `chair`; a free one has the joint `free_chair`."""
    chair = spec.worldbody.add_body(name="chair", pos=pos)
    if free:
        add_free_joint(chair, "free_chair")
        set_inertia(chair, CHAIR_MASS, CHAIR_COM, CHAIR_INERTIA, CHAIR_AXES)
    add_hidden_boxes(chair, CHAIR_SOLIDS)
    add_drawn_boxes(chair, CHAIR_FRAME, DARK_WOOD)
    add_drawn_boxes(chair, CHAIR_BOARDS, WOOD)


def add_table(spec: mujoco.MjSpec, pos: Numbers, top: tuple[Numbers, Numbers],
              leg: tuple[Numbers, Numbers]) -> None:
    """Add the body `table`: a top, and a leg that stands under all four corners."""
    table = spec.worldbody.add_body(name="table", pos=pos)
    add_geom(table, "box", top[0], top[1], rgba=WOOD)
    (width, depth, half), (x, y, z) = leg
    corners = ((x, y), (x, -y), (-x, y), (-x, -y))
    add_hidden_boxes(table, [(leg[0], (*corner, z)) for corner in corners])
    # a leg may reach up through the top: it is drawn only as far as the top's underside
    foot, head = z - half, min(z + half, top[1][2] - top[0][2])
    drawn = (width, depth, (head - foot) / 2)
    add_drawn_boxes(table, [(drawn, (*corner, (head + foot) / 2)) for corner in corners], STEEL)


def add_parcel(spec: mujoco.MjSpec, name: str, joint: str, pos: Numbers, half: Numbers,
               mass: float, inertia: Numbers, rgba: Numbers = CARDBOARD) -> None:
    """Add a free box with its frame in the middle, closed by two strips of tape."""
    parcel = spec.worldbody.add_body(name=name, pos=pos)
    add_free_joint(parcel, joint)
    set_inertia(parcel, mass, (0, 0, 0), inertia)
    add_geom(parcel, "box", half, rgba=rgba, name=f"{name}_collision")
    x, y, z = half
    skin = 0.002  # [m] that the tape stands out
    strips = (((min(0.03, x / 3), y + skin, z + skin), (0, 0, 0)),
              ((x + skin, min(0.03, y / 3), z + skin), (0, 0, 0)))
    add_drawn_boxes(parcel, strips, TAPE)
