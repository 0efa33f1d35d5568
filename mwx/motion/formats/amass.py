"""AMASS motions (npz): joint angles of an SMPL body -> key points.

Angles and root path as `smpl_arrays` finds them: `poses` of SMPL, SMPL-H or SMPL-X, or
`root_orient` and `pose_body`, with `trans` [m]; the first 22 joints are the same in all. `betas`,
`gender`, `mocap_framerate` or `mocap_frame_rate` [Hz]. The world is metric with z up (Mahmood et
al. 2019); where the body or its path shows something else, it is read so and the notes say it.
"""

from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.formats import npz, root_path, smpl_arrays, smpl_body, units
from mwx.motion.formats.smpl_arrays import ANGLES, AT_ROOT, BETAS, SCALE
from mwx.motion.formats.smpl_body import NAMES, PARENTS, Body
from mwx.motion.formats.smpl_size import body_height
from mwx.motion.human import BALL_HEIGHT
from mwx.motion.reference import sha256
from mwx.types import Array

LICENCE = "as the user's copy of AMASS (non-commercial research; not to be passed on)"
SUBJECT = ("AMASS' shape.npz files describe a subject and hold no motion, leave them out; if this "
           "is a motion, ")
FLOOR_PERCENTILE = 2  # of the toes' heights is the floor, for a skeleton of guessed size


def read_amass(path: Path, body_model: Path | None = None, fps: float | None = None) -> MotionClip:
    """Read an AMASS motion.

    Args:
        path: the .npz file.
        body_model: the user's SMPL, SMPL-H or SMPL-X model (.npz); None: a textbook skeleton,
            whose bone directions and root path are the file's and whose size is what lets
            standing feet stay in place (1.70 m where they do not tell).
        fps: [Hz] in place of the file's.

    Raises:
        MwxError: damaged, no motion, or not a number somewhere.
    """
    spare = ("gender", *npz.RATES, *(BETAS if body_model is None else ()))
    arrays = npz.read_arrays(path, (*ANGLES, SCALE, *npz.RATES, *BETAS, "gender"), ANGLES, spare)
    rate, said = npz.frame_rate(arrays, path, fps, SUBJECT)
    poses, turned = smpl_arrays.poses(arrays, path)
    trans, name = smpl_arrays.trans(arrays, path, len(poses))
    betas = _betas(arrays, path)
    known = None if body_model is None else smpl_body.read_body_model(body_model)
    trans, moved = _in_metres(trans, name, poses, known, betas, rate, path)
    height = None if known else body_height(poses, trans, rate)
    body = known or smpl_body.textbook_body(height or smpl_body.HEIGHT)
    joints = body.joints(betas)
    positions, turns = smpl_body.forward(
        joints, poses, trans - joints[0] if name in AT_ROOT else trans)
    positions, turns, notes = units.to_metres_z_up(NAMES, positions, turns, up="z", unit="metres",
                                                   source=str(path))
    if known is None:
        positions = _on_floor(positions, height or smpl_body.HEIGHT)
    notes = (*_notes(arrays, body, betas, height), *notes, *moved, *turned, *said,
             *npz.left_out(path, arrays, spare))
    return MotionClip(NAMES, PARENTS, positions, rate, turns, source=path.name,
                      source_sha256=sha256(path.read_bytes()), licence=LICENCE, notes=notes)


def _in_metres(trans: Array, name: str | None, poses: Array, body: Body | None, betas: Array,
               fps: float, path: Path) -> tuple[Array, tuple[str, ...]]:
    """Return the root path in metres, and a note; without one, that the root stays in place."""
    if name is None:
        return trans, ("no trans in the file: the root stays in one place",)
    joints = (body or smpl_body.textbook_body()).joints(betas)
    points, _ = smpl_body.forward(joints, poses, np.zeros_like(trans))
    up, _ = units.up_axis(NAMES, points + trans[:, None], "z")
    return root_path.in_metres(NAMES, points, trans, fps, up=up, source=str(path), what=name)


def _betas(arrays: dict[str, Array], path: Path) -> Array:
    """Return the shape (N,); some releases repeat it in every frame."""
    name = smpl_arrays.first(arrays, BETAS)
    betas = np.zeros(0) if name is None else arrays[name]
    betas = betas[0] if betas.ndim == 2 and len(betas) else betas
    if betas.ndim != 1 or betas.dtype.kind not in "iuf" or not np.isfinite(betas).all():
        raise MwxError(f"{path}: '{name}' has shape {betas.shape} and type {betas.dtype}, expected "
                       "10 or 16 finite numbers")
    return betas.astype(float)


def _on_floor(positions: Array, height: float) -> Array:
    """Shift a body of guessed size so that its toes stand on z = 0."""
    toes = positions[:, [NAMES.index("L_Foot"), NAMES.index("R_Foot")], 2].min(axis=1)
    ball = BALL_HEIGHT * height
    return positions - [0, 0, np.percentile(toes, FLOOR_PERCENTILE) - ball]


def _notes(arrays: dict[str, Array], body: Body, betas: Array, height: float | None
           ) -> tuple[str, ...]:
    gender = npz.text(arrays["gender"]) if "gender" in arrays else "not said"
    known = body.directions.shape[-1]
    said = f"body: {body.kind}, {min(known, len(betas))} of {len(betas)} shape coefficients used"
    if not known:
        size = height or smpl_body.HEIGHT
        how = "assumed" if height is None else "so that standing feet stay where they are"
        said = f"body: {body.kind} of {size:.2f} m ({how}), put on the floor; no body model given"
    return said, f"gender: {gender}"
