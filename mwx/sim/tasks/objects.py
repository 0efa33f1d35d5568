"""What scenes are made of: bodies with stated inertia, primitive geoms, contact counters."""

from collections.abc import Sequence

import mujoco

from mwx.errors import unknown

SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
}
NO_TURN = (1.0, 0.0, 0.0, 0.0)
DECORATION_GROUP = 2
FOUND = 1 << int(mujoco.mjtConDataField.mjCONDATA_FOUND)
Numbers = Sequence[float]


def set_inertia(body: mujoco.MjsBody, mass: float, com: Numbers, inertia: Numbers,
                axes: Numbers = NO_TURN) -> None:
    """State a body's mass [kg], centre of mass [m] and principal inertia [kg m^2] about `axes`."""
    body.explicitinertial = True
    body.mass, body.ipos, body.inertia, body.iquat = mass, com, inertia, axes


def add_free_joint(body: mujoco.MjsBody, name: str) -> None:
    """Let a body of the world move freely."""
    body.add_freejoint(name=name)


def add_geom(body: mujoco.MjsBody, shape: str, size: Numbers, pos: Numbers = (0, 0, 0),
             quat: Numbers = NO_TURN, rgba: Numbers = (0.6, 0.62, 0.66, 1), name: str = "",
             collides: bool = True) -> mujoco.MjsGeom:
    """Add a massless primitive to a body.

    Args:
        body: what it belongs to.
        shape: a name in SHAPES.
        size: [m] half extents of a box or ellipsoid, the radius of a sphere, radius and half length
            of a cylinder or capsule.
        pos: [m] in the body's frame.
        quat: (w, x, y, z) in the body's frame.
        rgba: its colour.
        name: for contact counters and tests; may be empty.
        collides: a decoration that does not is left out of physics that never renders.
    """
    if shape not in SHAPES:
        raise unknown("shape", shape, SHAPES)
    touch = {} if collides else {"contype": 0, "conaffinity": 0, "group": DECORATION_GROUP}
    return body.add_geom(name=name, type=SHAPES[shape], size=(*size, 0.0, 0.0)[:3], pos=pos,
                         quat=quat, rgba=rgba, mass=0, **touch)


def add_marker(spec: mujoco.MjSpec, name: str, size: float, pos: Numbers = (1, 0, 1),
               rgba: Numbers = (0.85, 0.25, 0.2, 0.8)) -> mujoco.MjsBody:
    """Add a sphere that touches nothing and keeps a place: `physics.goal`, which a write moves."""
    marker = spec.worldbody.add_body(name=name, mocap=True, pos=pos)
    add_geom(marker, "sphere", (size,), rgba=rgba, collides=False)
    return marker


def count_contacts(spec: mujoco.MjSpec, name: str, *, geom: str = "", body: str = "",
                   other_geom: str = "", other_body: str = "") -> None:
    """Count contacts of a geom or a whole body, with anything or with one other geom or body.

    The number is read as `physics.contact_count(name)` and is as old as the original's own list
    of contacts: it belongs to the start of the last physics step.
    """
    none, kinds = mujoco.mjtObj.mjOBJ_UNKNOWN, (mujoco.mjtObj.mjOBJ_GEOM, mujoco.mjtObj.mjOBJ_BODY)
    spec.add_sensor(
        name=name, type=mujoco.mjtSensor.mjSENS_CONTACT, intprm=[FOUND, 0, 1],
        objtype=kinds[0] if geom else kinds[1], objname=geom or body,
        reftype=kinds[0] if other_geom else kinds[1] if other_body else none,
        refname=other_geom or other_body)
