"""What a look at a motion shows: robot, ghost, the person's skeleton and contacts, in one model."""

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.interpolate import make_interp_spline

from mwx.errors import MwxError
from mwx.evaluation.figures import GHOST_RGBA
from mwx.maths import rotations
from mwx.motion import MotionClip, Reference, bodies, roles
from mwx.motion.feedforward import FEET
from mwx.motion.supports import GROUPS, lowest_points
from mwx.robot import H1, h1_numbers
from mwx.robot.h1 import SUBSTEPS
from mwx.types import Array

ASIDE = 1.15  # [m] of the person to the robot's left
JOINT_RADIUS, BONE_RADIUS = 0.028, 0.019  # [m]
LEFT, RIGHT, MIDDLE = (0.0, 0.45, 0.70, 1.0), (0.84, 0.37, 0.0, 1.0), (0.42, 0.45, 0.50, 1.0)
CONTACT = (0.95, 0.62, 0.05, 1.0)
GHOST = "ghost_"
AWAY = np.array([0.0, 0.0, -50.0])  # [m] where a mark waits that is not shown
POINTS_PER_GROUP = 2  # contact marks of a part that bears weight, for each of its groups of links
# bones of a clip whose file names no parents
CHAIN = (("pelvis", "neck"), *((a if a in ("pelvis", "neck") else f"{side}_{a}", f"{side}_{b}")
         for side in ("left", "right") for a, b in (
             ("pelvis", "hip"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "toe"),
             ("neck", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"))))


@dataclass(frozen=True)
class Stage:
    """A drawn model and what it does.

    Attributes:
        model: robot, ghost, person and contact marks; all of it moves by joints.
        qpos: (T, nq) of that model; fps: [Hz]; title: what is shown, in words.
        centre: (T, 2) [m] the middle of all that is shown.
        wide: [m] how far apart its parts stand.
    """

    model: mujoco.MjModel
    qpos: Array
    fps: float
    title: str
    centre: Array
    wide: float


@dataclass(frozen=True)
class Skeleton:
    """A person's points at the reference's frames, placed beside the robot.

    Attributes:
        points: (T, J, 3) [m]; bones: (parent, child) pairs; sides: of each point, "" in the middle.
    """

    points: Array
    bones: tuple[tuple[int, int], ...]
    sides: tuple[str, ...]


def stage(reference: Reference, clip: MotionClip | None = None, *, simulated: bool = False,
          ghost: bool = True, periods: int = 1) -> Stage:
    """Return what is looked at.

    Args:
        reference: what the robot does.
        clip: the motion it was made from, shown beside it as a skeleton at its true size.
        simulated: the robot obeys the feed-forward commands in simulation, with no feedback;
            the ghost is then the reference that it should follow.
        ghost: show the reference see-through, over the person or over the simulated robot.
        periods: of a loop.

    Raises:
        MwxError: no period, or a clip whose body parts are not known.
    """
    if periods < 1:
        raise MwxError(f"{periods} periods of a loop: at least 1")
    rows, contact, bearing = _unrolled(reference, periods)
    robot = simulate(reference, len(rows)) if simulated else rows
    person = None if clip is None else beside(clip, rows, reference.fps)
    ghosts = [rows] if ghost and (simulated or person is not None) else []
    if ghosts and not simulated:
        ghosts[0] = rows + np.concatenate([_aside(rows), np.zeros((len(rows), 23))], 1)
    spec = H1.spec()
    marks = _marks(robot, contact, bearing) if not simulated else {}
    moving = {"free_base": robot}
    if ghosts:
        _add_ghost(spec)
        moving[f"{GHOST}free_base"] = ghosts[0]
    for name, (kind, poses) in marks.items():
        moving[_add_mark(spec, name, kind)] = poses
    if person is not None:
        moving |= _add_person(spec, person)
    spec.compiler.discardvisual = False
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    model = spec.compile()
    _fade(model)
    seen = [rows[:, :2]] if person is None else [rows[:, :2], person.points[:, :, :2].mean(1)]
    title = f"{reference.label}" + (" · open loop in simulation" if simulated else "")
    qpos = np.zeros((len(rows), model.nq))
    for name, poses in moving.items():
        start = int(model.joint(name).qposadr[0])
        qpos[:, start:start + poses.shape[1]] = poses
    return Stage(model, qpos, reference.fps, title,
                 np.mean(seen, axis=0), 0.0 if person is None else ASIDE)


def simulate(reference: Reference, steps: int) -> Array:
    """Return the states (steps, 26) of the robot that plays a reference's commands open loop."""
    model = H1.model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = reference.qpos[0], reference.qvel[0]
    rows = []
    for step in range(steps):
        rows.append(data.qpos.copy())
        place = step % reference.num_frames if reference.loop else \
            min(step, reference.num_frames - 1)
        data.ctrl[:] = reference.ctrl[place]
        mujoco.mj_step(model, data, SUBSTEPS)
    return np.array(rows)


def beside(clip: MotionClip, robot: Array, fps: float) -> Skeleton:
    """Return a clip's points at the robot's frames, facing as it does, ASIDE to its left.

    Args:
        clip: key points; robot: (T, 26), whose first pelvis the person's is put beside.
        fps: [Hz] of the robot's frames.

    Raises:
        MwxError: the clip lacks a body part.
    """
    parts = roles.body_points(clip)
    names, points, bones = clip.names, clip.positions_w, _bones(clip.parents)
    if not bones:
        names = tuple(parts)
        points = np.stack(list(parts.values()), axis=1)
        bones = tuple((names.index(a), names.index(b)) for a, b in CHAIN
                      if a in parts and b in parts)
    times = np.clip(np.arange(len(robot)) / fps, 0, clip.duration_s)
    grid = np.arange(len(points)) / clip.fps
    points = make_interp_spline(grid, points, k=1)(times)
    pelvis, left, right = (make_interp_spline(grid, parts[p], k=1)(times)
                           for p in ("pelvis", "left_hip", "right_hip"))
    line = left - right
    facing = np.arctan2(-line[:, 0], line[:, 1])
    gap = rotations.heading(robot[:, 3:7]) - facing
    turn = rotations.about("z", np.arctan2(np.sin(gap).mean(), np.cos(gap).mean()))
    start = pelvis[0] * np.array([1, 1, 0])
    goal = robot[0, :3] * np.array([1, 1, 0]) + _aside(robot)[0]
    return Skeleton(rotations.rotate(turn, points - start) + goal, bones,
                    tuple(_side(name) for name in names))


def _unrolled(reference: Reference, periods: int) -> tuple[Array, Array, dict[str, Array]]:
    """Return configurations, foot contacts and other supports over some periods of a loop."""
    if not reference.loop:
        return reference.qpos, reference.contact, reference.bearing
    index = np.arange(periods * reference.num_frames)
    rows = reference.qpos[index % reference.num_frames].copy()
    rows[:, :3] += (index // reference.num_frames)[:, None] * reference.advance
    place = index % reference.num_frames
    return rows, reference.contact[place], {k: v[place] for k, v in reference.bearing.items()}


def _aside(rows: Array) -> Array:
    """Return the way (T, 3) [m] from the robot's place to that beside it."""
    yaw = rotations.heading(rows[:, 3:7])
    mean = np.arctan2(np.sin(yaw).mean(), np.cos(yaw).mean())
    return np.tile([-ASIDE * np.sin(mean), ASIDE * np.cos(mean), 0.0], (len(rows), 1))


def _bones(parents: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((parent, child) for child, parent in enumerate(parents) if parent >= 0)


def _side(name: str) -> str:
    """Return the side that a point's name speaks of."""
    low = name.lower().removeprefix("mixamorig:")
    for side in ("left", "right"):
        if low.startswith((side, f"{side[0]}_")) or low.endswith(f"_{side[0]}"):
            return side
    asf = ("hipjoint", "femur", "tibia", "foot", "toes", "clavicle", "humerus", "radius", "wrist",
           "hand", "fingers", "thumb")
    return {"l": "left", "r": "right"}.get(low[:1], "") if low[1:] in asf else ""


def _colour(side: str) -> tuple[float, ...]:
    return {"left": LEFT, "right": RIGHT}.get(side, MIDDLE)


def _marks(rows: Array, contact: Array, bearing: dict[str, Array]
           ) -> dict[str, tuple[str, Array]]:
    """Return mark -> (its shape, its poses (T, 7)): soles that stand, points that bear weight."""
    model = bodies.model()
    data = mujoco.MjData(model)
    counts = {p: POINTS_PER_GROUP * len(GROUPS[p]) for p in bearing}
    marks = {foot: np.tile([*AWAY, 1, 0, 0, 0], (len(rows), 1)) for foot in FEET}
    marks |= {f"{p}_{k}": np.tile([*AWAY, 1, 0, 0, 0], (len(rows), 1))
              for p, n in counts.items() for k in range(n)}
    middle = np.array([np.mean(h1_numbers.SOLE_X), 0, -h1_numbers.SOLE_HEIGHT])
    for t, row in enumerate(rows):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        for i, foot in enumerate(FEET):
            if contact[t, i]:
                turn = data.body(foot).xquat
                marks[foot][t] = [*(data.body(foot).xpos + rotations.rotate(turn, middle)), *turn]
        for part, on in bearing.items():
            points = lowest_points(model, data, part)[:counts[part]] if on[t] else []
            for k, (_, point) in enumerate(points):
                marks[f"{part}_{k}"][t, :3] = point
    return {name: ("pad" if name in FEET else "ball", poses) for name, poses in marks.items()}


def _add_mark(spec: mujoco.MjSpec, name: str, kind: str) -> str:
    half = (h1_numbers.SOLE_X[1] - h1_numbers.SOLE_X[0]) / 2
    if kind == "pad":
        shape, size = mujoco.mjtGeom.mjGEOM_BOX, [half + 0.035, 0.075, 0.008]
    else:
        shape, size = mujoco.mjtGeom.mjGEOM_SPHERE, [0.05, 0, 0]
    return _add_free(spec, f"mark_{name}", shape, size, CONTACT)


def _add_free(spec: mujoco.MjSpec, name: str, shape: mujoco.mjtGeom, size: list[float],
              rgba: tuple[float, ...]) -> str:
    """Add a shape that moves freely and touches nothing; return its joint's name."""
    body = spec.worldbody.add_body(name=name)
    body.add_freejoint(name=name)
    body.add_geom(type=shape, size=size, rgba=rgba, contype=0, conaffinity=0, group=2)
    return name


def _add_person(spec: mujoco.MjSpec, person: Skeleton) -> dict[str, Array]:
    """Add a ball for each point and a capsule for each bone; return their poses (T, 7) each."""
    out, points = {}, person.points
    used = sorted({i for bone in person.bones for i in bone})
    for i in used:
        name = _add_free(spec, f"joint_{i}", mujoco.mjtGeom.mjGEOM_SPHERE, [JOINT_RADIUS, 0, 0],
                         _colour(person.sides[i]))
        still = np.tile([1.0, 0, 0, 0], (len(points), 1))
        out[name] = np.concatenate([points[:, i], still], axis=1)
    for a, b in person.bones:
        line = points[:, b] - points[:, a]
        length = float(np.median(np.linalg.norm(line, axis=1)))
        if length < 1e-3:
            continue
        name = _add_free(spec, f"bone_{a}_{b}", mujoco.mjtGeom.mjGEOM_CAPSULE,
                         [BONE_RADIUS, length / 2, 0], _colour(person.sides[b]))
        middle = (points[:, a] + points[:, b]) / 2
        out[name] = np.concatenate([middle, along_z(line)], axis=1)
    return out


def along_z(lines: Array) -> Array:
    """Return quaternions (T, 4) that turn the z axis along lines (T, 3)."""
    unit = lines / np.maximum(np.linalg.norm(lines, axis=-1, keepdims=True), 1e-9)
    # halfway between z and the line; opposite to z any half turn about a horizontal axis will do
    quat = np.stack([1 + unit[:, 2], -unit[:, 1], unit[:, 0], 0 * unit[:, 0]], axis=1)
    flat = quat[:, 0] < 1e-6
    quat[flat] = [0, 1, 0, 0]
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def _add_ghost(spec: mujoco.MjSpec) -> None:
    other = H1.spec()
    for geom in list(other.worldbody.geoms):
        other.delete(geom)
    for camera in list(other.cameras):
        other.delete(camera)
    for light in list(other.lights):
        other.delete(light)
    spec.attach(other, prefix=GHOST, frame=spec.worldbody.add_frame())


def _fade(model: mujoco.MjModel) -> None:
    """Make the ghost's shapes see-through."""
    for geom in range(model.ngeom):
        if model.body(int(model.geom_bodyid[geom])).name.startswith(GHOST):
            model.geom_matid[geom] = -1
            model.geom_rgba[geom] = GHOST_RGBA
