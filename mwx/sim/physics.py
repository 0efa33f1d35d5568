"""What tasks and experts may ask of B simulations, by name."""

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mwx.errors import MwxError, unknown
from mwx.maths import rotations
from mwx.robot import H1, Robot
from mwx.sim.simulations import Simulations
from mwx.types import Array


class Physics(Simulations):
    """Named quantities of a robot and a task's objects, (B, ...) each.

    "Fresh" means: of the end of the control step. Everything else is 2 ms older after a step and
    agrees after a reset, as in the original.

    Attributes:
        robot: whose joints and servos the model has.
    """

    def __init__(self, model: mujoco.MjModel, num_envs: int, threads: int = 0,
                 robot: Robot = H1, memory: Mapping[str, Any] | None = None) -> None:
        """Prepare B simulations; see Simulations.

        Args:
            model: robot first or anywhere; everything is found by name.
            num_envs: B, at least 1.
            threads: C threads; 0 takes every core.
            robot: names the joints and servos.
            memory: what the task remembers of one environment, and what it starts with.
        """
        super().__init__(model, num_envs, threads, memory)
        self.robot = robot
        self._find_names()

    def _find_names(self) -> None:
        model = self.model
        joints = [model.joint(name) for name in ("free_base", *self.robot.joint_names)]
        self._robot_qpos = _as_slice(np.concatenate(
            [j.qposadr[0] + np.arange(7 if i == 0 else 1) for i, j in enumerate(joints)]))
        self._robot_qvel = _as_slice(np.concatenate(
            [j.dofadr[0] + np.arange(6 if i == 0 else 1) for i, j in enumerate(joints)]))
        self._servos = _as_slice(np.array([model.actuator(name).id
                                           for name in self.robot.servo_names]))
        base = model.joint("free_base")
        self._base_qpos, self._base_qvel = int(base.qposadr[0]), int(base.dofadr[0])
        self._pelvis, self._torso = model.body("pelvis").id, model.body("torso_link").id
        self._geom = {model.geom(i).name: i for i in range(model.ngeom)}
        self._site = {model.site(i).name: i for i in range(model.nsite)}
        self._body = {model.body(i).name: i for i in range(model.nbody)}
        self._joint = {joint.name: (int(joint.qposadr[0]), int(joint.dofadr[0]))
                       for joint in map(model.joint, range(model.njnt))}
        self._sensor = {model.sensor(i).name: slice(int(model.sensor_adr[i]),
                                                    int(model.sensor_adr[i] + model.sensor_dim[i]))
                        for i in range(model.nsensor)}

    # the robot; fresh means: of the end of the control step

    @property
    def robot_qpos(self) -> Array:
        """(B, nq) base position [m], base quaternion (w, x, y, z), joints [rad]; fresh."""
        return self.qpos[:, self._robot_qpos]

    @property
    def robot_qvel(self) -> Array:
        """(B, nv) base velocity [m/s, world], [rad/s, body], joint velocities [rad/s]; fresh."""
        return self.qvel[:, self._robot_qvel]

    def set_robot(self, rows: Array, qpos: Array, qvel: Array) -> None:
        """Overwrite the robot's own state of some rows: qpos (R, nq), qvel (R, nv)."""
        self.qpos[_cross(rows, self._robot_qpos)] = qpos
        self.qvel[_cross(rows, self._robot_qvel)] = qvel

    def command(self, ctrl: Array) -> None:
        """Set the servo position commands (B, A) [rad] in the order of `robot.servo_names`."""
        self.ctrl[:, self._servos] = ctrl

    @property
    def base_pos(self) -> Array:
        """(B, 3) [m, world] pelvis position, fresh."""
        return self.qpos[:, self._base_qpos:self._base_qpos + 3]

    @property
    def base_height(self) -> Array:
        """(B,) [m] pelvis height, fresh."""
        return self.qpos[:, self._base_qpos + 2]

    @property
    def base_quat(self) -> Array:
        """(B, 4) pelvis orientation (w, x, y, z), fresh; not of unit length right after reset."""
        return self.qpos[:, self._base_qpos + 3:self._base_qpos + 7]

    @property
    def heading(self) -> Array:
        """(B,) [rad] yaw of the pelvis, fresh."""
        return rotations.heading(self.base_quat)

    @property
    def pelvis_upright(self) -> Array:
        """(B,) cosine between the pelvis' z axis and the vertical, in [-1, 1]."""
        return self._derived["xmat"].reshape(self.num_envs, -1, 9)[:, self._pelvis, 8]

    @property
    def upright(self) -> Array:
        """(B,) cosine between the torso's z axis and the vertical, in [-1, 1]."""
        return self._derived["xmat"].reshape(self.num_envs, -1, 9)[:, self._torso, 8]

    @property
    def head_height(self) -> Array:
        """(B,) [m] height of the head site (1.68 in the home pose)."""
        return self.site_position("head")[:, 2]

    @property
    def left_hand(self) -> Array:
        """(B, 3) [m, world] tip of the left forearm."""
        return self.site_position("left_hand")

    @property
    def right_hand(self) -> Array:
        """(B, 3) [m, world] tip of the right forearm."""
        return self.site_position("right_hand")

    @property
    def imu(self) -> Array:
        """(B, 3) [m, world] position of the torso's inertial unit."""
        return self.site_position("imu")

    @property
    def com_velocity(self) -> Array:
        """(B, 3) [m/s, world] velocity of the robot's centre of mass."""
        return self.sensor("pelvis_subtreelinvel")

    @property
    def actuator_force(self) -> Array:
        """(B, A) [N m] servo torques in the order of `robot.servo_names`."""
        return self._derived["actuator_force"][:, self._servos]

    @property
    def foot_force(self) -> Array:
        """(B, 2) [N] normal contact force under the left and right foot."""
        return np.concatenate([self.sensor("left_foot_sensor"),
                               self.sensor("right_foot_sensor")], axis=1)

    # anything by name

    @property
    def goal(self) -> Array:
        """(B, 3) [m, world] live view: where the task's marker is; a write moves it."""
        return self._marker(self._mocap)

    @property
    def goals(self) -> Array:
        """(B, M, 3) [m, world] live view: where all the task's markers are."""
        self._marker(self._mocap)
        return self._mocap

    @property
    def goal_quat(self) -> Array:
        """(B, 4) live view: how the task's marker is turned (w, x, y, z)."""
        return self._marker(self._mocap_quat)

    def _marker(self, every: Array) -> Array:
        if every.shape[1] == 0:
            raise MwxError("this task has no goal: only tasks with a marker body do")
        return every[:, 0]

    def body_position(self, name: str) -> Array:
        """Return (B, 3) [m, world] the position of a body's frame."""
        return self._derived["xpos"][:, _lookup("body", name, self._body)]

    def body_matrix(self, name: str) -> Array:
        """Return (B, 3, 3) the rotation of a body, body to world."""
        body = _lookup("body", name, self._body)
        return self._derived["xmat"].reshape(self.num_envs, -1, 3, 3)[:, body]

    def body_quat(self, name: str) -> Array:
        """Return (B, 4) the orientation (w, x, y, z) of a body, its sign as MuJoCo has it."""
        return self._derived["xquat"][:, _lookup("body", name, self._body)]

    def geom_position(self, name: str) -> Array:
        """Return (B, 3) [m, world] the middle of a geom."""
        geom = _lookup("geom", name, self._geom)
        body = self.model.geom_bodyid[geom]
        turn = self._derived["xmat"].reshape(self.num_envs, -1, 3, 3)[:, body]
        return self._derived["xpos"][:, body] + turn @ self.model.geom_pos[geom]

    def contact_count(self, name: str) -> Array:
        """Return (B,) how many contacts a counter saw (see mwx.sim.tasks.objects)."""
        return self.sensor(name)[:, 0]

    def site_position(self, name: str) -> Array:
        """Return (B, 3) [m, world] the position of a site."""
        return self._derived["site_xpos"][:, _lookup("site", name, self._site)]

    def sensor(self, name: str) -> Array:
        """Return (B, D) the reading of a sensor."""
        return self._derived["sensordata"][:, _lookup("sensor", name, self._sensor)]

    def joint_position(self, name: str) -> Array:
        """Return (B,) [rad or m] the position of a joint with one degree of freedom, fresh."""
        return self.qpos[:, _lookup("joint", name, self._joint)[0]]

    def joint_velocity(self, name: str) -> Array:
        """Return (B,) [rad/s or m/s] the velocity of a joint, fresh."""
        return self.qvel[:, _lookup("joint", name, self._joint)[1]]

    def free_position(self, joint: str) -> Array:
        """Return (B, 3) [m, world] a live view of where a freely moving body is, fresh."""
        start = _lookup("joint", joint, self._joint)[0]
        return self.qpos[:, start:start + 3]

    def free_quat(self, joint: str) -> Array:
        """Return (B, 4) a live view of a freely moving body's orientation (w, x, y, z), fresh."""
        start = _lookup("joint", joint, self._joint)[0]
        return self.qpos[:, start + 3:start + 7]

    def free_velocity(self, joint: str) -> Array:
        """Return (B, 6) a live view: velocity [m/s, world], then [rad/s, body axes], fresh."""
        start = _lookup("joint", joint, self._joint)[1]
        return self.qvel[:, start:start + 6]

    def set_free(self, row: int, joint: str, position: Array | None = None,
                 quat: Array | None = None, velocity: Array | None = None) -> None:
        """Put a freely moving body of one environment somewhere; None leaves a part as it is."""
        parts = ((self.free_position, position), (self.free_quat, quat),
                 (self.free_velocity, velocity))
        for view, value in parts:
            if value is not None:
                view(joint)[row] = value

    def in_heading_frame(self, *vectors: Array) -> Array:
        """Return N vectors (B, 3) of world axes, turned into the pelvis' heading: (B, 3 N)."""
        turned = np.concatenate(vectors, axis=1)  # (B, 3 N), a copy
        x, y = turned[:, 0::3].copy(), turned[:, 1::3].copy()
        heading = self.heading[:, None]
        cos, sin = np.cos(heading), np.sin(heading)
        turned[:, 0::3], turned[:, 1::3] = cos * x + sin * y, cos * y - sin * x
        return turned


def _as_slice(index: Array) -> Array | slice:
    """Contiguous indices as a slice, so that reading them makes no copy."""
    if np.array_equal(index, np.arange(index[0], index[0] + len(index))):
        return slice(int(index[0]), int(index[0]) + len(index))
    return index


def _cross(rows: Array, columns: Array | slice) -> tuple:
    return (rows, columns) if isinstance(columns, slice) else np.ix_(rows, columns)


def _lookup(kind: str, name: str, known: Mapping):
    if name not in known:
        raise unknown(kind, name, known)
    return known[name]
