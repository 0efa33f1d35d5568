"""B simulations of one model, stepped together in C threads, with what each remembers."""

from collections.abc import Collection, Mapping
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from mwx.errors import MwxError
from mwx.types import Array

DERIVED = ("xpos", "xquat", "xmat", "site_xpos", "sensordata", "actuator_force")
# warnings of a simulation that diverged: BADQPOS, BADQVEL, BADQACC
DIVERGED = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)
HOME_KEYFRAME = 0
# what belongs to the C side of the simulations, and is made anew in a copy of them
C_SIDE = ("_batch", "_bound", "_wrench", "_mocap", "_mocap_quat", "qpos", "qvel", "ctrl",
          "qacc_warmstart")


class Simulations:
    """The state of B simulations of one model.

    After `step`, qpos and qvel belong to the end of the control step, while everything derived
    from them (positions, rotations, COM velocity, actuator forces, contacts) is one physics step
    (2 ms) older, as HumanoidBench's rewards and observations read it. After `forward` all agree.

    Attributes:
        model: the compiled model; its keyframe 0 is the start of an episode.
        num_envs: B.
        qpos, qvel, ctrl, qacc_warmstart: (B, .) live views of the state rows; writes take effect.
        memory: by name (B, ...), what a task remembers beside the physical state.
    """

    def __init__(self, model: mujoco.MjModel, num_envs: int, threads: int = 0,
                 memory: Mapping[str, Any] | None = None, pushed_body: str = "pelvis") -> None:
        """Prepare B simulations.

        Args:
            model: everything in it is found by name.
            num_envs: B, at least 1.
            threads: C threads; 0 takes every core.
            memory: what one simulation remembers, and what it starts with.
            pushed_body: the body that `apply_wrench` pushes.
        """
        if num_envs < 1:
            raise MwxError(f"num_envs {num_envs}: at least one environment is needed")
        if threads < 0:
            raise MwxError(f"threads {threads}: give a positive number, or 0 for every core")
        self.model, self.num_envs = model, num_envs
        self._open(threads)
        # own copies: a saved state can bring back quantities that are one substep old
        self._derived = {name: np.zeros_like(array) for name, array in self._bound.items()}
        self._first_memory = {name: np.asarray(value) for name, value in (memory or {}).items()}
        self.memory = {name: np.repeat(value[None], num_envs, axis=0)
                       for name, value in self._first_memory.items()}
        self._pushed, self._pushed_body = False, model.body(pushed_body).id

    def _open(self, threads: int) -> None:
        """Make the C side and the views into it."""
        self._batch = Batch(self.model, self.num_envs, threads)
        self.qpos, self.qvel = self._batch.bind("qpos"), self._batch.bind("qvel")
        self.ctrl = self._batch.bind("ctrl")
        self.qacc_warmstart = self._batch.bind("qacc_warmstart")
        self._wrench = self._batch.bind("xfrc_applied")
        self._mocap = self._batch.bind("mocap_pos")
        self._mocap_quat = self._batch.bind("mocap_quat")
        self._bound = {name: self._batch.bind(name) for name in DERIVED}

    def __getstate__(self) -> dict[str, Any]:
        """Return what copy and pickle carry: all but the C side, whose rows it holds as arrays."""
        kept = {name: value for name, value in self.__dict__.items() if name not in C_SIDE}
        return {**kept, "threads": self.threads, "rows": self._batch.state.copy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the C side anew and continue bit for bit where the copied simulations were."""
        threads, rows = state.pop("threads"), state.pop("rows")
        self.__dict__.update(state)
        self._open(threads)
        self._batch.state[...] = rows

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
            self._wrench[:, self._pushed_body] = 0
            self._pushed = False
        self._refresh(None)
        return self._batch.warning[:, DIVERGED, 1].sum(1) > before

    def advance(self, substeps: int) -> None:
        """Advance the bare simulations; the named quantities stay what they were."""
        try:
            self._batch.step(nstep=substeps)
        except SimulationError as error:
            raise MwxError(f"the simulation failed: {error}") from None

    def reset_rows(self, rows: Array, surviving: Collection[str] = ()) -> None:
        """Put environments (sorted indices) back to keyframe 0; call `forward` after edits.

        Args:
            rows: which.
            surviving: names in `memory` that stay as they are.
        """
        self._batch.reset(rows, keyframe=HOME_KEYFRAME, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        for name, value in self._first_memory.items():
            if name not in surviving:
                self.memory[name][rows] = value

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
        self._wrench[:, self._pushed_body, :3] = force
        self._wrench[:, self._pushed_body, 3:] = torque
        self._pushed = True

    def get_state(self) -> dict[str, Array]:
        """Return the state rows (with warm start and wrench), derived quantities and memory."""
        return {name: array.copy() for name, array in self._saved().items()}

    def _saved(self) -> dict[str, Array]:
        memory = {f"memory_{name}": array for name, array in self.memory.items()}
        return {"rows": self._batch.state, **self._derived, **memory}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Continue from a state of the same model and number of environments."""
        for name, own in self._saved().items():
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
        data.mocap_pos[:], data.mocap_quat[:] = self._mocap[row], self._mocap_quat[row]
        mujoco.mj_forward(model, data)
