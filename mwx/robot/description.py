"""A robot's parts as named rows: what its tables of numbers say and what `build` reads.

Units: m, kg, rad, N, N m. Quaternions (w, x, y, z). Positions are relative to the parent body.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import mujoco

Vec = tuple[float, ...]
Looks = Callable[[mujoco.MjSpec, dict[str, mujoco.MjsBody]], None]


class Body(NamedTuple):
    """A link: place in the parent's frame, mass, and its principal inertia about `com`."""

    name: str
    parent: str
    pos: Vec
    quat: Vec
    mass: float
    com: Vec
    axes: Vec
    inertia: Vec


class Joint(NamedTuple):
    """A hinge: limits [rad], damping [N m s/rad], armature [kg m^2], dry friction [N m]."""

    name: str
    body: str
    axis: Vec
    limits: Vec
    damping: float
    armature: float
    friction: float = 0.0


class Servo(NamedTuple):
    """A position servo on the joint or tendon of its name; gains as in `Robot`."""

    name: str
    kp: float
    kv: float
    force_limit: float
    ctrl_range: Vec


class Contact(NamedTuple):
    """How stiffly a surface pushes back: MuJoCo's solref and solimp."""

    solref: Vec = (0.02, 1.0)
    solimp: Vec = (0.9, 0.95, 0.001, 0.5, 2.0)


class Geom(NamedTuple):
    """A massless collision primitive; size as MuJoCo's for the shape."""

    body: str
    shape: str
    size: Vec
    pos: Vec
    quat: Vec
    contact: Contact = Contact()


class Site(NamedTuple):
    """A marked place; the radius [m] is that of the sphere in which a touch is felt."""

    name: str
    body: str
    pos: Vec
    quat: Vec
    radius: float = 0.01


class Camera(NamedTuple):
    """A camera that stays in its body's frame, or follows the centre of mass."""

    name: str
    body: str
    follows: bool
    pos: Vec
    quat: Vec
    fovy_deg: float


@dataclass(frozen=True)
class Description:
    """Everything that `build` needs; rows are in the order that the model keeps.

    Attributes:
        tendons: name -> joints whose sum it measures and which it pulls alike.
        excludes: pairs of bodies that never collide with each other.
        looks: functions that add what is only looked at.
    """

    name: str
    bodies: tuple[Body, ...]
    joints: tuple[Joint, ...]
    servos: tuple[Servo, ...]
    sites: tuple[Site, ...]
    cameras: tuple[Camera, ...]
    collision: tuple[Geom, ...]
    looks: tuple[Looks, ...]
    tendons: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excludes: tuple[tuple[str, str], ...] = ()
