"""B simulations of one model, stepped together in C threads, with named quantities."""

from collections.abc import Mapping

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from mwx.errors import MwxError, unknown
from mwx.maths import rotations
from mwx.robot import H1, Robot
from mwx.types import Array

DERIVED = ("xpos", "xmat", "site_xpos", "sensordata", "actuator_force")
DIVERGED = [int(w) for w in (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL,
                             mujoco.mjtWarning.mjWARN_BADQACC)]
HOME_KEYFRAME = 0


class Physics:
    """The state of B simulations and what the tasks and experts may ask about it.

    After `step`, qpos and qvel belong to the end of the control step, while everything derived
    from them (positions, rotations, COM velocity, actuator forces) is one physics step (2 ms)
    older, as HumanoidBench's rewards and observations read it. After `forward` all agree.

    Attributes:
        model: the compiled model; its keyframe 0 is the start of an episode.
        num_envs: B.
        qpos, qvel, ctrl, qacc_warmstart: (B, .) live views of the state rows; writes take effect.
    """

    def __init__(self, model: mujoco.MjModel, num_envs: int, threads: int = 0,
                 robot: Robot = H1) -> None:
        """Prepare B simulations.

        Args:
            model: robot first or anywhere; everything is found by name.
            num_envs: B, at least 1.
            threads: C threads; 0 takes every core.
            robot: names the joints and servos.
        """
        if num_envs < 1:
            raise MwxError(f"num_envs {num_envs}: at least one environment is needed")
        if threads < 0:
            raise MwxError(f"threads {threads}: give a positive number, or 0 for every core")
        self.model, self.num_envs, self.robot = model, num_envs, robot
        self._batch = Batch(model, num_envs, threads)
        self.qpos, self.qvel = self._batch.bind("qpos"), self._batch.bind("qvel")
        self.ctrl = self._batch.bind("ctrl")
        self.qacc_warmstart = self._batch.bind("qacc_warmstart")
        self._wrench = self._batch.bind("xfrc_applied")
        self._mocap = self._batch.bind("mocap_pos")
        self._bound = {name: self._batch.bind(name) for name in DERIVED}
        # own copies: a saved state can bring back quantities that are one substep old
        self._derived = {name: np.zeros_like(array) for name, array in self._bound.items()}
        self._pushed = False
        self._find_names()

    def _find_names(self) -> None:
        model = self.model
        joints = [model.joint(name) for name in ("free_base", *self.robot.joint_names)]
        self._robot_qpos = _as_slice(np.concatenate(
            [j.qposadr[0] + np.arange(7 if i == 0 else 1) for i, j in enumerate(joints)]))
        self._robot_qvel = _as_slice(np.concatenate(
            [j.dofadr[0] + np.arange(6 if i == 0 else 1) for i, j in enumerate(joints)]))
        self._servos = _as_slice(np.array([model.actuator(name).id
                                           for name in self.robot.joint_names]))
        base = model.joint("free_base")
        self._base_qpos, self._base_qvel = int(base.qposadr[0]), int(base.dofadr[0])
        self._pelvis, self._torso = model.body("pelvis").id, model.body("torso_link").id
        self._site = {model.site(i).name: i for i in range(model.nsite)}
        self._body = {model.body(i).name: i for i in range(model.nbody)}
        self._joint = {joint.name: (int(joint.qposadr[0]), int(joint.dofadr[0]))
                       for joint in map(model.joint, range(model.njnt))}
        self._sensor = {model.sensor(i).name: slice(int(model.sensor_adr[i]),
                                                    int(model.sensor_adr[i] + model.sensor_dim[i]))
                        for i in range(model.nsensor)}

    # stepping

    @property
    def threads(self) -> int:
        """Number of C threads."""
        return self._batch.nthread

    def step(self, substeps: int) -> Array:
        """Advance by physics steps of 2 ms, then clear any applied wrench.

        Returns:
            (B,) bool: the simulation diverged (MuJoCo put it back to its default state).
        """
        before = self._batch.warning[:, DIVERGED, 1].sum(1)
        self.advance(substeps)
        if self._pushed:
            self._wrench[:, self._pelvis] = 0
            self._pushed = False
        self._refresh(None)
        return self._batch.warning[:, DIVERGED, 1].sum(1) > before

    def advance(self, substeps: int) -> None:
        """Advance the bare simulations; the named quantities stay what they were."""
        try:
            self._batch.step(nstep=substeps)
        except SimulationError as error:
            raise MwxError(f"the simulation failed: {error}") from None

    def reset_rows(self, rows: Array) -> None:
        """Put environments (sorted indices) back to keyframe 0; call `forward` after edits."""
        self._batch.reset(rows, keyframe=HOME_KEYFRAME, stage=mujoco.mjtStage.mjSTAGE_NONE.value)

    def forward(self, rows: Array | None = None) -> None:
        """Recompute every derived quantity from the state (all environments, or sorted rows)."""
        self._batch.forward(rows)
        self._refresh(rows)

    def _refresh(self, rows: Array | None) -> None:
        for name, array in self._bound.items():
            if rows is None:
                np.copyto(self._derived[name], array)
            else:
                self._derived[name][rows] = array[rows]

    def apply_wrench(self, force: Array, torque: Array) -> None:
        """Push the pelvis during the next `step` only.

        Args:
            force: (B, 3) [N, world] at the pelvis' centre of mass.
            torque: (B, 3) [N m, world].
        """
        self._wrench[:, self._pelvis, :3] = force
        self._wrench[:, self._pelvis, 3:] = torque
        self._pushed = True

    def get_state(self) -> dict[str, Array]:
        """Return the state rows (with warm start and wrench) and the derived quantities."""
        return {"rows": self._batch.state.copy(),
                **{name: array.copy() for name, array in self._derived.items()}}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Continue from a state of the same model and number of environments."""
        for name, own in (("rows", self._batch.state), *self._derived.items()):
            if name not in state or np.shape(state[name]) != own.shape:
                raise MwxError(f"physics state '{name}' has shape {np.shape(state.get(name, ()))}, "
                               f"this simulation needs {own.shape}: the state belongs to another "
                               "task or number of environments")
            own[...] = state[name]
        self._pushed = bool(np.any(self._wrench))

    def data(self, row: int) -> mujoco.MjData:
        """Return one simulation as MjData with everything derived up to date."""
        data = self._batch.get_data(row)
        mujoco.mj_forward(self.model, data)
        return data

    def show(self, row: int, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Put one simulation's pose into the data of a drawn model of the same scene."""
        data.qpos[:], data.qvel[:] = self.qpos[row], self.qvel[row]
        data.mocap_pos[:] = self._mocap[row]
        mujoco.mj_forward(model, data)

    # the robot; fresh means: of the end of the control step

    @property
    def robot_qpos(self) -> Array:
        """(B, 26) base position [m], base quaternion (w, x, y, z), joints [rad]."""
        return self.qpos[:, self._robot_qpos]

    @property
    def robot_qvel(self) -> Array:
        """(B, 25) base velocity [m/s, world], [rad/s, body], joint velocities [rad/s]."""
        return self.qvel[:, self._robot_qvel]

    def set_robot(self, rows: Array, qpos: Array, qvel: Array) -> None:
        """Overwrite the robot's own state of some rows: qpos (R, 26), qvel (R, 25)."""
        self.qpos[_cross(rows, self._robot_qpos)] = qpos
        self.qvel[_cross(rows, self._robot_qvel)] = qvel

    def command(self, ctrl: Array) -> None:
        """Set the servo position commands (B, J) [rad] in the order of `robot.joint_names`."""
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
        """(B, J) [N m] servo torques in the order of `robot.joint_names`."""
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
        if self._mocap.shape[1] == 0:
            raise MwxError("this task has no goal: only tasks with a marker body do")
        return self._mocap[:, 0]

    def body_position(self, name: str) -> Array:
        """Return (B, 3) [m, world] the position of a body's frame."""
        return self._derived["xpos"][:, _lookup("body", name, self._body)]

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

    def in_heading_frame(self, point: Array) -> Array:
        """Return points or offsets (B, 3) [m, world axes] turned into the pelvis' heading."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        x, y, z = point.T
        return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)


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
