"""The Unitree H1 with two Shadow hands (151 observations, 61 actions), and with strong fingers."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import mujoco
import numpy as np

from mwx.robot import h1_numbers as h1
from mwx.robot import h1hand_numbers as n
from mwx.robot.build import H1_DESCRIPTION, build
from mwx.robot.description import Body, Contact, Description, Geom, Joint, Servo
from mwx.robot.h1 import H1, Robot
from mwx.robot.hand_looks import add_hand_looks
from mwx.types import Array

HANDS = {"left_hand": "lh_", "right_hand": "rh_"}  # body that carries a hand -> the hand's prefix


def _bodies() -> Iterator[Body]:
    for body in H1_DESCRIPTION.bodies:
        if body.name in HANDS:
            yield Body(body.name, body.parent, n.HAND_POS, n.HAND_QUAT, *n.HAND_INERTIAL)
            yield from _hand_bodies(HANDS[body.name], body.name)
        else:
            yield body


def _hand_bodies(prefix: str, hand: str) -> Iterator[Body]:
    for body in _right_hand():
        (x, y, z), quat = body.pos, body.quat
        if prefix == "lh_" and body.parent == "palm":  # the others are in the plane of the mirror
            x, quat = -x, n.LEFT_THBASE_QUAT if body.name == "thbase" else quat
        yield body._replace(name=prefix + body.name, pos=(x, y, z), quat=quat,
                            parent=prefix + body.parent if body.parent else hand)


def _right_hand() -> Iterator[Body]:
    """Yield the links of the right hand without the prefix, parents first, in qpos order."""
    yield from (Body(*row) for row in n.WRIST_BODIES)
    for finger, parent, knuckle, _ in n.FINGERS:
        if parent == n.METACARPAL_BODY[0]:
            yield Body(*n.METACARPAL_BODY)
        for segment, height, mass, com, axes, inertia in n.PHALANGES:
            pos = knuckle if segment == "knuckle" else (0, 0, height)
            yield Body(finger + segment, parent, pos, (1, 0, 0, 0), mass, (0, 0, com), axes,
                       inertia)
            parent = finger + segment
    yield from (Body(*row) for row in n.THUMB_BODIES)


def _joints(bodies: tuple[Body, ...]) -> tuple[Joint, ...]:
    """Return every hinge in the order of the bodies, which is that of qpos."""
    by_body = {joint.body: joint for joint in H1_DESCRIPTION.joints}
    for hand, prefix in HANDS.items():
        by_body |= {joint.body: joint for joint in _hand_joints(prefix, hand)}
    return tuple(by_body[body.name] for body in bodies if body.name in by_body)


def _hand_joints(prefix: str, hand: str) -> Iterator[Joint]:
    left = prefix == "lh_"
    side = hand.removesuffix("_hand")
    yield Joint(f"{side}_wrist_yaw", hand, n.WRIST_YAW_AXIS[side], n.WRIST_YAW_LIMITS,
                h1.JOINT_DAMPING, h1.JOINT_ARMATURE)
    for name, body, right_axis, left_axis, limits in n.SINGLE_JOINTS:
        damping = n.WRIST_DAMPING if name.startswith("WR") else n.FINGER_DAMPING
        yield Joint(prefix + name, prefix + body, left_axis if left else right_axis, limits,
                    damping, n.HAND_ARMATURE, n.HAND_FRICTION)
    for finger, _, _, sense in n.FINGERS:
        for suffix, segment, (x, y, z), limits in n.FINGER_JOINTS:
            yield Joint(prefix + finger.upper() + suffix, prefix + finger + segment,
                        (x, y * (-sense if left else sense), z), limits,
                        n.FINGER_DAMPING, n.HAND_ARMATURE, n.HAND_FRICTION)


def _servos(joints: tuple[Joint, ...], strong: bool) -> Iterator[Servo]:
    limits = {joint.name: joint.limits for joint in joints}
    for servo in H1_DESCRIPTION.servos:
        yield servo
        if servo.name.endswith("elbow"):
            yaw = servo.name.replace("elbow", "wrist_yaw")
            yield Servo(yaw, *n.WRIST_YAW_SERVO, limits[yaw])
    for prefix in HANDS.values():
        for name, kp, force in n.SERVOS:
            gains = (n.STRONG_KP, n.STRONG_FORCE) if strong and name != "WRJ2" else (kp, force)
            yield Servo(prefix + name, gains[0], 0.0, gains[1],
                        limits.get(prefix + name, n.TENDON_RANGE))


def _collision() -> Iterator[Geom]:
    yield from H1_DESCRIPTION.collision
    segments = [Geom(*row) for row in n.FINGER_COLLISION]
    fingers = [geom._replace(body=finger + geom.body) for finger, *_ in n.FINGERS
               for geom in segments]
    thumb = [Geom(*row) for row in n.THUMB_COLLISION]
    for prefix in HANDS.values():
        palm = [Geom(*row) for row in n.PALM_COLLISION[prefix]]
        for geom in (*palm, *fingers, *thumb):
            yield geom._replace(body=prefix + geom.body, contact=Contact(*n.HAND_CONTACT))


def _describe(name: str, strong: bool) -> Description:
    bodies = tuple(_bodies())
    joints = _joints(bodies)
    return replace(
        H1_DESCRIPTION, name=name, bodies=bodies, joints=joints,
        servos=tuple(_servos(joints, strong)), collision=tuple(_collision()),
        sites=tuple(site._replace(radius=n.FOOT_SITE_RADIUS) if site.name.endswith("foot")
                    else site for site in H1_DESCRIPTION.sites),
        tendons=tuple((f"{prefix}{finger.upper()}J0",
                       (f"{prefix}{finger.upper()}J2", f"{prefix}{finger.upper()}J1"))
                      for prefix in HANDS.values() for finger, *_ in n.FINGERS),
        excludes=tuple(pair for hand, prefix in HANDS.items() for pair in (
            (hand.replace("hand", "elbow_link"), prefix + "wrist"),
            *((prefix + first, prefix + second) for first, second in n.EXCLUDES))),
        looks=(*H1_DESCRIPTION.looks, add_hand_looks))


H1HAND_DESCRIPTION = _describe("h1hand", strong=False)
H1STRONG_DESCRIPTION = _describe("h1strong", strong=True)


def h1hand_spec() -> mujoco.MjSpec:
    """Return H1 with hands on HumanoidBench's floor, ready for a task to add its objects."""
    return build(H1HAND_DESCRIPTION)


def h1strong_spec() -> mujoco.MjSpec:
    """Return H1 with strong-fingered hands on HumanoidBench's floor."""
    return build(H1STRONG_DESCRIPTION)


def _mirror(names: tuple[str, ...]) -> tuple[Array, Array]:
    """Return for each joint its twin and the sign that a reflection in the x-z plane gives it.

    Both hands are built as mirror images, so that the same angles bend them alike.
    """
    swap = {"left": "right", "right": "left", "lh_": "rh_", "rh_": "lh_"}
    body = dict(zip(H1.joint_names, H1.mirror_sign, strict=True))

    def twin(name: str) -> str:
        side = next((side for side in swap if name.startswith(side)), None)
        return name if side is None else swap[side] + name[len(side):]
    return (np.array([names.index(twin(name)) for name in names]),
            np.array([body.get(name, 1.0) for name in names]))


def _robot(robot: Description, spec: Callable[[], mujoco.MjSpec]) -> Robot:
    names = tuple(joint.name for joint in robot.joints)
    home = dict(zip(H1.joint_names, H1.home_joints, strict=True))
    speed = dict(zip(H1.joint_names, H1.speed_limit, strict=True))
    speed |= {name: n.WRIST_YAW_SPEED for name in names if name.endswith("wrist_yaw")}
    limits = np.array([joint.limits for joint in robot.joints])
    ctrl = np.array([servo.ctrl_range for servo in robot.servos])
    index, sign = _mirror(names)
    return Robot(
        name=robot.name, joint_names=names,
        servo_names=tuple(servo.name for servo in robot.servos),
        home_qpos=np.array([*h1.HOME_BASE, *(home.get(name, 0.0) for name in names)]),
        low=limits[:, 0], high=limits[:, 1], ctrl_low=ctrl[:, 0], ctrl_high=ctrl[:, 1],
        kp=np.array([servo.kp for servo in robot.servos]),
        kv=np.array([servo.kv for servo in robot.servos]),
        force_limit=np.array([servo.force_limit for servo in robot.servos]),
        speed_limit=np.array([speed.get(name, n.FINGER_SPEED) for name in names]),
        mirror_joint=index, mirror_sign=sign, build=spec)


H1HAND = _robot(H1HAND_DESCRIPTION, h1hand_spec)
H1STRONG = _robot(H1STRONG_DESCRIPTION, h1strong_spec)
