"""A MuJoCo model in a viser scene: one frame a body, one mesh for each colour on it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from mwx.integrations.viewer_shapes import SOLIDS, Mesh, geom_mesh, joined, placed, solid
from mwx.maths import rotations
from mwx.types import Array

WORLD = "/world"  # what follows the robot: everything hangs on this frame
HIDDEN_FROM_GROUP = 3  # MuJoCo's viewers show groups 0 to 2; ours keep collision shapes in 3
FLOOR = {"cell_color": (190, 194, 200), "section_color": (160, 166, 176), "cell_size": 0.5,
         "section_size": 2.0, "cell_thickness": 0.8, "section_thickness": 1.2,
         "plane_color": (214, 218, 224), "plane_opacity": 1.0, "shadow_opacity": 0.28,
         "fade_distance": 45.0}
FLOOR_SIDE = 40.0  # [m] of the drawn floor
Colour = tuple[float, ...]  # (red, green, blue, alpha) in [0, 1]


class DrawnModel:
    """The visible shapes of a model in the browser; `show` moves them.

    Args:
        server: the viser server.
        model: with everything that is looked at, e.g. `env.model`.
        root: name of the frame that it hangs on, below WORLD.
        colour: one colour for all of it, as for a ghost; None takes the model's own colours.
        floor: whether planes are drawn.
    """

    def __init__(self, server: Any, model: mujoco.MjModel, root: str = "scene",
                 colour: Colour | None = None, floor: bool = True):
        self.model = model
        self._frame = server.scene.add_frame(f"{WORLD}/{root}", show_axes=False)
        still = mujoco.MjData(model)
        mujoco.mj_kinematics(model, still)
        self._moving: dict[int, Any] = {}
        for body, meshes in body_meshes(model, colour).items():
            name = f"{WORLD}/{root}/{body}_{model.body(body).name or 'body'}"
            frame = server.scene.add_frame(name, show_axes=False, position=still.xpos[body],
                                           wxyz=still.xquat[body])
            for i, (rgba, mesh) in enumerate(meshes.items()):
                _add_mesh(server, f"{name}/{i}", mesh, rgba)
            if moves(model, body):
                self._moving[body] = frame
        if floor:
            self._add_floor(server, root)

    def _add_floor(self, server: Any, root: str) -> None:
        for geom in np.flatnonzero(self.model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
            if self.model.geom_group[geom] < HIDDEN_FROM_GROUP:
                server.scene.add_grid(f"{WORLD}/{root}/floor_{geom}", width=FLOOR_SIDE,
                                      height=FLOOR_SIDE, position=self.model.geom_pos[geom],
                                      wxyz=self.model.geom_quat[geom], **FLOOR)

    def show(self, data: mujoco.MjData) -> None:
        """Move every body to where `data` has it (its kinematics must be up to date)."""
        for body, frame in self._moving.items():
            frame.position, frame.wxyz = data.xpos[body], data.xquat[body]

    @property
    def visible(self) -> bool:
        """Whether it is shown."""
        return self._frame.visible

    @visible.setter
    def visible(self, shown: bool) -> None:
        self._frame.visible = shown


def moves(model: mujoco.MjModel, body: int) -> bool:
    """Say whether a body can be elsewhere than in the model's reference pose."""
    return bool(model.body_weldid[body] != 0 or model.body_mocapid[body] >= 0)


def body_meshes(model: mujoco.MjModel, colour: Colour | None = None
                ) -> Mapping[int, Mapping[Colour, Mesh]]:
    """Return body -> colour -> one mesh in the body's frame, of all shapes that are looked at.

    Args:
        model: the drawn model.
        colour: one colour for everything; None takes those of geoms, sites and materials.
    """
    found: dict[int, dict[Colour, list[Mesh]]] = defaultdict(lambda: defaultdict(list))
    for geom in range(model.ngeom):
        rgba = colour or _colour(model, model.geom_rgba[geom], model.geom_matid[geom])
        if model.geom_group[geom] < HIDDEN_FROM_GROUP and rgba[3] > 0 and \
                model.geom_type[geom] in SOLIDS:
            found[int(model.geom_bodyid[geom])][rgba].append(
                _placed(geom_mesh(model, geom), model.geom_pos[geom], model.geom_quat[geom]))
    for site in range(model.nsite):
        rgba = colour or _colour(model, model.site_rgba[site], model.site_matid[site])
        if model.site_group[site] < HIDDEN_FROM_GROUP and rgba[3] > 0:
            mesh = solid(int(model.site_type[site]), model.site_size[site])
            found[int(model.site_bodyid[site])][rgba].append(
                _placed(mesh, model.site_pos[site], model.site_quat[site]))
    return {body: {rgba: joined(meshes) for rgba, meshes in colours.items()}
            for body, colours in found.items()}


def _placed(mesh: Mesh, position: Array, quat: Array) -> Mesh:
    return placed(mesh, position, rotations.to_matrix(quat))


def _colour(model: mujoco.MjModel, rgba: Array, material: int) -> Colour:
    """Return the colour that MuJoCo draws: the material's, unless the shape has one of its own."""
    unset = np.allclose(rgba, (0.5, 0.5, 0.5, 1.0))
    chosen = model.mat_rgba[material] if material >= 0 and unset else rgba
    return tuple(round(float(x), 4) for x in chosen)


def _add_mesh(server: Any, name: str, mesh: Mesh, rgba: Colour) -> None:
    opaque = rgba[3] >= 1
    server.scene.add_mesh_simple(
        name, mesh[0].astype(np.float32), mesh[1].astype(np.uint32),
        color=tuple(round(255 * x) for x in rgba[:3]), opacity=None if opaque else rgba[3],
        cast_shadow=opaque, receive_shadow=opaque)
