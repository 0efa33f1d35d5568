"""MuJoCo's geometric shapes as triangles, for viewers that know meshes only."""

from collections.abc import Iterable, Sequence

import mujoco
import numpy as np

from mwx.types import Array

Mesh = tuple[Array, Array]  # vertices (V, 3) [m] and faces (F, 3)
Strip = Sequence[tuple[float, float]]  # (radius, height) [m] from the lowest point up
SEGMENTS, ARC = 20, 6  # around the axis, and along a quarter of a circle
FINE_FROM, COARSE_BELOW = 0.25, 0.02  # [m] radii from and below which other numbers serve
SHAPE = mujoco.mjtGeom
SOLIDS = tuple(int(x) for x in (SHAPE.mjGEOM_SPHERE, SHAPE.mjGEOM_CAPSULE, SHAPE.mjGEOM_ELLIPSOID,
                                SHAPE.mjGEOM_CYLINDER, SHAPE.mjGEOM_BOX, SHAPE.mjGEOM_MESH))


def solid(kind: int, size: Array) -> Mesh:
    """Return the mesh of a shape in its own frame.

    Args:
        kind: mujoco.mjtGeom of a sphere, capsule, ellipsoid, cylinder or box.
        size: (3,) [m] as MuJoCo keeps it: radii, half lengths, half extents.
    """
    size = np.asarray(size, float)
    if kind == SHAPE.mjGEOM_BOX:
        return box(size)
    if kind == SHAPE.mjGEOM_SPHERE:
        return revolve(_ball(size[0]), _segments(size[0]))
    if kind == SHAPE.mjGEOM_CAPSULE:
        return revolve(_ball(size[0], size[1]), _segments(size[0]))
    if kind == SHAPE.mjGEOM_CYLINDER:
        radius, half = float(size[0]), float(size[1])
        strips = [[(0.0, -half), (radius, -half)], [(radius, -half), (radius, half)],
                  [(radius, half), (0.0, half)]]  # separate strips keep the rims sharp
        return revolve(strips, _segments(radius))
    if kind == SHAPE.mjGEOM_ELLIPSOID:
        vertices, faces = revolve(_ball(1.0), _segments(float(size.max())))
        return vertices * size, faces
    raise ValueError(f"no triangles for shape {kind}")


def geom_mesh(model: mujoco.MjModel, geom: int) -> Mesh:
    """Return the mesh of a model's geom (a solid or a mesh) in the geom's frame."""
    if model.geom_type[geom] != SHAPE.mjGEOM_MESH:
        return solid(int(model.geom_type[geom]), model.geom_size[geom])
    mesh = model.mesh(model.geom_dataid[geom])
    vertex, face = int(mesh.vertadr[0]), int(mesh.faceadr[0])
    return (model.mesh_vert[vertex:vertex + int(mesh.vertnum[0])].astype(float),
            model.mesh_face[face:face + int(mesh.facenum[0])].astype(np.int64))


def box(half: Array) -> Mesh:
    """Return a box of half extents (3,); every side has its own corners, so edges stay sharp."""
    vertices, faces = [], []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1, 1):
            corners = np.zeros((4, 3))
            corners[:, axis] = side
            corners[:, u], corners[:, v] = (-1, 1, 1, -1), (-side, -side, side, side)
            start = 4 * len(vertices)
            vertices.append(corners * half)
            faces.append([[start, start + 1, start + 2], [start, start + 2, start + 3]])
    return np.concatenate(vertices), np.concatenate(faces)


def revolve(strips: Iterable[Strip], segments: int) -> Mesh:
    """Return the surface that profile strips sweep around the z axis, outside facing out."""
    angle = 2 * np.pi * np.arange(segments) / segments
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)  # (S, 2)
    vertices, faces, start = [], [], 0
    here = np.arange(segments)
    after = (here + 1) % segments
    for strip in strips:
        profile = np.asarray(strip, float)  # (P, 2)
        points = np.empty((len(profile), segments, 3))
        points[..., :2] = profile[:, None, :1] * ring
        points[..., 2] = profile[:, 1:]
        vertices.append(points.reshape(-1, 3))
        for low in range(len(profile) - 1):
            a, b = start + low * segments, start + (low + 1) * segments
            if profile[low, 0] > 0:  # at a pole this triangle has no area
                faces.append(np.stack([a + here, a + after, b + after], 1))
            if profile[low + 1, 0] > 0:
                faces.append(np.stack([a + here, b + after, b + here], 1))
        start += len(profile) * segments
    return np.concatenate(vertices), np.concatenate(faces)


def placed(mesh: Mesh, position: Array, matrix: Array) -> Mesh:
    """Return a mesh moved by a rotation (3, 3) and then a translation (3,) [m]."""
    return mesh[0] @ matrix.T + position, mesh[1]


def joined(meshes: Iterable[Mesh]) -> Mesh:
    """Return several meshes as one."""
    vertices, faces, start = [], [], 0
    for points, triangles in meshes:
        vertices.append(points)
        faces.append(triangles + start)
        start += len(points)
    return np.concatenate(vertices), np.concatenate(faces)


def _ball(radius: float, half: float = 0.0) -> list[Strip]:
    """Return the profile of a sphere, or of a capsule whose cylinder is 2 `half` long."""
    angle = np.linspace(0, np.pi / 2, ARC + 1)
    across, up = radius * np.sin(angle), radius * np.cos(angle)
    across[0], up[-1] = 0.0, 0.0
    lower = list(zip(across, -half - up, strict=True))
    upper = list(zip(across[::-1], half + up[::-1], strict=True))
    return [lower + (upper if half > 0 else upper[1:])]


def _segments(radius: float) -> int:
    return 2 * SEGMENTS if radius >= FINE_FROM else SEGMENTS // (2 if radius < COARSE_BELOW else 1)
