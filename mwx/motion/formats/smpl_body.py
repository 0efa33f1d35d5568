"""SMPL bodies without their mesh: rest joints that are linear in the shape, and forward kinematics.

J(beta) = J_regressor v_template + (J_regressor shapedirs) beta, so a user's model file (SMPL,
SMPL-H, SMPL-X; Loper et al. 2015) reduces to J0 (J, 3) and Jdirs (J, 3, B). Then, with the turns
G_j = G_parent exp(pose_j) and p_j = p_parent + G_parent (J_j - J_parent), p_0 = trans + J_0: the
root turns about its own joint, not about the model's origin. Rest pose: y up, x to the body's
left, z forward, arms out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.files import write_npz
from mwx.maths import rotations
from mwx.motion import human
from mwx.motion.formats import npz
from mwx.types import Array

NAMES = ("Pelvis", "L_Hip", "R_Hip", "Spine1", "L_Knee", "R_Knee", "Spine2", "L_Ankle", "R_Ankle",
         "Spine3", "L_Foot", "R_Foot", "Neck", "L_Collar", "R_Collar", "Head", "L_Shoulder",
         "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist")
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
BODY = len(NAMES)  # joints that SMPL, SMPL-H and SMPL-X have in common, in the same order
KINDS = {24: "SMPL", 52: "SMPL-H", 55: "SMPL-X"}
HEIGHT = 1.70  # [m] of the textbook skeleton
REGRESSOR = tuple(f"J_regressor{dot}{part}" for dot in "_./"
                  for part in ("data", "indices", "indptr", "shape"))
REDUCED = ("joints_template", "joints_shapedirs")


@dataclass(frozen=True)
class Body:
    """Rest joints of the 22 body joints as a function of shape.

    Attributes:
        kind: "SMPL", "SMPL-H", "SMPL-X" or "textbook skeleton".
        template: (22, 3) [m] J0, joints of the mean shape.
        directions: (22, 3, B) [m] Jdirs, change of the joints with each shape coefficient.
    """

    kind: str
    template: Array
    directions: Array

    def joints(self, betas: Array) -> Array:
        """Return rest joints (22, 3) [m]; coefficients (N,) the body does not know are left out."""
        count = min(len(betas), self.directions.shape[-1])
        return self.template + self.directions[..., :count] @ np.asarray(betas, float)[:count]


def read_body_model(path: Path) -> Body:
    """Reduce a user's body model file (.npz) to its rest joints.

    Raises:
        MwxError: no such file, a pickle, damaged, or not a body model.
    """
    if path.suffix.lower() == ".pkl":
        raise refused_pickle(path, "body model")
    found = npz.array_names(path)
    if set(REDUCED) <= set(found):
        return _reduced(path)
    wanted = ("v_template", "shapedirs", "J_regressor")
    missing = [n for n in wanted if n not in found and not (
        n == "J_regressor" and any(r in found for r in REGRESSOR))]
    if missing:
        raise MwxError(f"{path}: no SMPL body model: it lacks {', '.join(missing)} and holds "
                       f"{', '.join(found) or 'nothing'}")
    arrays = npz.read_arrays(path, wanted + REGRESSOR)
    vertices = npz.numbers(arrays, "v_template", path, (3,))
    shapes = arrays["shapedirs"]
    usable = shapes.ndim == 3 and shapes.dtype.kind in "iuf"
    if not usable or shapes.shape[:2] != vertices.shape or not np.isfinite(shapes).all():
        raise MwxError(f"{path}: 'shapedirs' has shape {shapes.shape}, expected finite numbers "
                       f"({len(vertices)}, 3, shapes)")
    kind, regressor = _regressor(arrays, path, len(vertices))
    count = _shape_count(kind, shapes.shape[-1])
    directions = np.einsum("jv,vcs->jcs", regressor, shapes[..., :count].astype(float),
                           optimize=True)
    return Body(kind, regressor @ vertices, directions)


def write_reduced(body: Body, path: Path) -> Path:
    """Write the rest joints alone (a few kB); `read_body_model` reads them."""
    return write_npz(path, {"kind": np.array(body.kind), "joints_template": body.template,
                                   "joints_shapedirs": body.directions})


def _reduced(path: Path) -> Body:
    arrays = npz.read_arrays(path, (*REDUCED, "kind"))
    shapes = arrays["joints_shapedirs"].shape
    template = npz.numbers(arrays, "joints_template", path, (3,))
    directions = npz.numbers(arrays, "joints_shapedirs", path, (3, *shapes[2:]))
    if len(template) != BODY or len(shapes) != 3 or len(directions) != BODY:
        raise MwxError(f"{path}: rest joints {template.shape} and {shapes}, expected ({BODY}, 3) "
                       f"and ({BODY}, 3, shapes)")
    return Body(npz.text(arrays["kind"]) if "kind" in arrays else "SMPL", template, directions)


def refused_pickle(path: Path, what: str) -> MwxError:
    """Return the error for a .pkl file."""
    return MwxError(
        f"{path}: a {what} as a pickle is not read, because unpickling runs whatever code is in "
        "the file. Take the .npz of the same download; or, if you trust the file, load it once in "
        "an environment of its own and save its arrays with np.savez (of a body model: v_template, "
        "shapedirs and J_regressor.toarray())")


def _shape_count(kind: str, columns: int) -> int:
    """Return how many columns of shapedirs are body shape: SMPL-X appends facial expressions."""
    return {20: 10, 400: 300}.get(columns, columns) if kind == "SMPL-X" else columns


def _regressor(arrays: Mapping[str, Array], path: Path, vertices: int) -> tuple[str, Array]:
    """Return the kind of body and the 22 rows (22, V) of J_regressor that are used."""
    dense = arrays.get("J_regressor")
    parts = {} if dense is not None else _sparse_parts(arrays, path)
    shape = tuple(int(n) for n in parts["shape"]) if dense is None else dense.shape
    if len(shape) != 2 or shape[1] != vertices:
        raise MwxError(f"{path}: 'J_regressor' has shape {shape}, expected (joints, {vertices})")
    if shape[0] not in KINDS:
        raise MwxError(f"{path}: {shape[0]} joints; bodies have "
                       f"{', '.join(f'{n} ({kind})' for n, kind in KINDS.items())}")
    matrix = _dense(parts, (shape[0], shape[1]), path) if dense is None else dense
    if matrix.dtype.kind not in "iuf" or not np.isfinite(matrix).all():
        raise MwxError(f"{path}: 'J_regressor' is not a number somewhere; download it again")
    return KINDS[shape[0]], matrix[:BODY].astype(float)


def _sparse_parts(arrays: Mapping[str, Array], path: Path) -> dict[str, Array]:
    parts = {name.removeprefix("J_regressor")[1:]: value for name, value in arrays.items()
             if name.startswith("J_regressor")}
    missing = [p for p in ("data", "indices", "indptr", "shape") if p not in parts]
    if missing:
        raise MwxError(f"{path}: the sparse J_regressor lacks its {', '.join(missing)}")
    if parts["shape"].shape != (2,) or parts["shape"].dtype.kind not in "iu":
        raise MwxError(f"{path}: the sparse J_regressor's shape is {parts['shape']}")
    return parts


def _dense(parts: dict[str, Array], shape: tuple[int, int], path: Path) -> Array:
    """Return a sparse matrix (J, V), stored by columns (csc) or rows (csr), as a dense one."""
    from scipy.sparse import csc_matrix, csr_matrix
    build = csc_matrix if len(parts["indptr"]) == shape[1] + 1 else csr_matrix
    try:
        matrix = build((parts["data"].astype(float), parts["indices"], parts["indptr"]),
                       shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise MwxError(f"{path}: the sparse J_regressor is damaged ({error})") from None


def textbook_body(height: float = HEIGHT) -> Body:
    """Return a rest skeleton by segment lengths of a body height [m], where there is no model.

    Segments as parts of the height: Winter, after Drillis & Contini. The shape is fixed.
    """
    spine, head = human.SPINE, human.HEAD
    rest = {"Pelvis": (0, 0, 0), "Spine1": (0, spine / 4, 0), "Spine2": (0, spine / 2, 0),
            "Spine3": (0, 3 * spine / 4, 0), "Neck": (0, spine, 0), "Head": (0, spine + head, 0)}
    for side, sign in (("L", 1), ("R", -1)):
        hip, knee = -human.HIP_DOWN, -human.HIP_DOWN - human.THIGH
        shoulder = human.SHOULDER_SIDE
        rest |= {f"{side}_{joint}": (sign * x, y, z) for joint, (x, y, z) in {
            "Hip": (human.HIP_SIDE, hip, 0), "Knee": (human.HIP_SIDE, knee, 0),
            "Ankle": (human.HIP_SIDE, knee - human.SHANK, 0),
            "Foot": (human.HIP_SIDE, knee - human.SHANK - human.ANKLE_HEIGHT + human.BALL_HEIGHT,
                     human.FOOT),
            "Collar": (shoulder / 4, spine, 0), "Shoulder": (shoulder, spine, 0),
            "Elbow": (shoulder + human.UPPER_ARM, spine, 0),
            "Wrist": (shoulder + human.UPPER_ARM + human.FOREARM, spine, 0)}.items()}
    template = height * np.array([rest[name] for name in NAMES], float)
    return Body("textbook skeleton", template, np.zeros((BODY, 3, 0)))


def forward(joints: Array, poses: Array, trans: Array) -> tuple[Array, Array]:
    """Return positions (T, 22, 3) [m] and turns (T, 22, 4) of the joints.

    Args:
        joints: (22, 3) [m] at rest.
        poses: (T, 22, 3) [rad] axis times angle, of the root in the world, of others in the parent.
        trans: (T, 3) [m] of the model's origin.
    """
    local = rotations.exp(poses)
    where, turned = np.empty((len(poses), BODY, 3)), np.empty((len(poses), BODY, 4))
    where[:, 0], turned[:, 0] = trans + joints[0], local[:, 0]
    for j, parent in list(enumerate(PARENTS))[1:]:
        turned[:, j] = rotations.multiply(turned[:, parent], local[:, j])
        bone = np.broadcast_to(joints[j] - joints[parent], (len(poses), 3))
        where[:, j] = where[:, parent] + rotations.rotate(turned[:, parent], bone)
    return where, turned
