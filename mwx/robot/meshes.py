"""H1's real meshes in place of the primitives, from the optional mujoco-menagerie package.

The package carries no assets: it downloads Unitree's H1 (BSD-3-Clause, 4 MB) on first use and
keeps it in a cache. Physics does not change; only what is drawn does.
"""

from pathlib import Path
from typing import Any

import mujoco

from mwx.errors import MwxError
from mwx.robot.looks import PREFIX, VISUAL_GROUP

WHERE_TO_GET_THEM = (
    "set MENAGERIE_ROOT to a checkout of mujoco_menagerie, MENAGERIE_BASE_URL to a mirror of its "
    "releases, or MENAGERIE_CACHE_DIR to a filled cache")


def use_meshes(spec: mujoco.MjSpec) -> None:
    """Replace H1's primitive looks in `spec` by the real robot's meshes, in place.

    Raises:
        MwxError: the package is missing, the download failed, or what came is not H1.
    """
    source = _menagerie_h1()
    bodies = {body.name: body for body in spec.bodies}
    drawn = {body.name: [geom for geom in body.geoms if _is_drawn_mesh(geom)]
             for body in source.bodies if body.name in bodies}
    if not any(drawn.values()):
        raise MwxError("the H1 model that mujoco-menagerie gave has no mesh on a body of H1; "
                       f"{WHERE_TO_GET_THEM}")
    folder = Path(source.modelfiledir) / source.meshdir
    for name, geoms in drawn.items():
        if not geoms:  # a hand's links have none: their primitives stay
            continue
        for geom in bodies[name].geoms:
            if geom.group == VISUAL_GROUP and geom.material.startswith(PREFIX):
                spec.delete(geom)
        for geom in geoms:
            mesh = source.mesh(geom.meshname)
            if spec.mesh(PREFIX + mesh.name) is None:
                spec.add_mesh(name=PREFIX + mesh.name, file=str(folder / mesh.file),
                              scale=mesh.scale, refpos=mesh.refpos, refquat=mesh.refquat)
            bodies[name].add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH, meshname=PREFIX + mesh.name, pos=geom.pos,
                quat=geom.quat, material=PREFIX + "dark", group=VISUAL_GROUP, contype=0,
                conaffinity=0, mass=0, density=0)


def _is_drawn_mesh(geom: mujoco.MjsGeom) -> bool:
    return geom.type == mujoco.mjtGeom.mjGEOM_MESH and geom.contype == 0 and geom.conaffinity == 0


def _menagerie_h1() -> Any:
    try:
        import mujoco_menagerie
    except ImportError:
        raise MwxError("real meshes need the package mujoco-menagerie: "
                       'pip install "mwx[meshes]"') from None
    try:
        return mujoco_menagerie.get("unitree_h1").spec("h1")
    except mujoco_menagerie.MenagerieError as error:  # DownloadError among them
        raise MwxError(f"H1's meshes could not be had ({error}); {WHERE_TO_GET_THEM}") from None
    except (OSError, ValueError) as error:
        raise MwxError(f"H1's meshes could not be read ({error}); {WHERE_TO_GET_THEM}") from None
