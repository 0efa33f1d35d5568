"""AMASS motions (npz): joint angles of an SMPL body -> key points.

`poses` (T, 156) SMPL-H, (T, 165) SMPL-X or (T, 72) SMPL, or the parts `root_orient` (T, 3) and
`pose_body` (T, 63); the first 22 joints are the same in all. `trans` (T, 3) [m], `betas`, `gender`,
`mocap_framerate` or `mocap_frame_rate` [Hz]. The world is metric with z up (Mahmood et al. 2019).
"""

from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.formats import npz, smpl_body, units
from mwx.motion.formats.smpl_body import BODY, NAMES, PARENTS, Body
from mwx.motion.formats.smpl_size import body_height
from mwx.motion.human import BALL_HEIGHT
from mwx.motion.reference import sha256
from mwx.types import Array

RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
LAYOUTS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
LICENCE = "as the user's copy of AMASS (non-commercial research; not to be passed on)"
ANGLES = ("poses", "root_orient", "pose_body", "trans")
FLOOR_PERCENTILE = 2  # of the toes' heights is the floor, for a skeleton of guessed size


def read_amass(path: Path, body_model: Path | None = None, fps: float | None = None) -> MotionClip:
    """Read an AMASS motion.

    Args:
        path: the .npz file.
        body_model: the user's SMPL, SMPL-H or SMPL-X model (.npz); None: a textbook skeleton,
            whose bone directions and root path are the file's and whose size is what lets
            standing feet stay in place (1.70 m where they do not tell).
        fps: [Hz] where the file has none.

    Raises:
        MwxError: damaged, no motion, or not a number somewhere.
    """
    arrays = npz.read_arrays(path, (*ANGLES, *RATES, "betas", "gender"), rows=ANGLES)
    rate = _rate(arrays, path, fps)
    poses = _poses(arrays, path)
    trans = _trans(arrays, path, len(poses))
    height = None if body_model is not None else body_height(poses, trans, rate)
    body = smpl_body.textbook_body(height or smpl_body.HEIGHT) if body_model is None else (
        smpl_body.read_body_model(body_model))
    betas = _betas(arrays, path)
    positions, turns = smpl_body.forward(body.joints(betas), poses, trans)
    positions, turns, notes = units.to_metres_z_up(NAMES, positions, turns, up="z", unit="metres",
                                                   source=str(path))
    if body_model is None:
        positions = _on_floor(positions, height or smpl_body.HEIGHT)
    return MotionClip(NAMES, PARENTS, positions, rate, turns, source=path.name,
                      source_sha256=sha256(path.read_bytes()), licence=LICENCE,
                      notes=(*_notes(arrays, body, betas, height), *notes))


def _rate(arrays: dict[str, Array], path: Path, fps: float | None) -> float:
    name = next((n for n in RATES if n in arrays), None)
    if name is None and fps is None:
        raise MwxError(f"{path}: no frame rate ({' or '.join(RATES[:2])}): AMASS' shape.npz files "
                       "describe a subject and hold no motion, leave them out; if this is a "
                       "motion, say its rate with fps=...")
    rate = float(fps) if name is None and fps is not None else npz.number(arrays, str(name), path)
    if not np.isfinite(rate) or rate <= 0:
        raise MwxError(f"{path}: '{name or 'fps'}' is {rate} frames a second; say the right rate "
                       "by writing the file again")
    return rate


def _poses(arrays: dict[str, Array], path: Path) -> Array:
    """Return angles (T, 22, 3) of the body's joints."""
    if "poses" in arrays:
        shape = arrays["poses"].shape
        if len(shape) != 2 or shape[1] not in LAYOUTS:
            kinds = ", ".join(f"{n} ({kind})" for n, kind in LAYOUTS.items())
            raise MwxError(f"{path}: 'poses' has shape {shape}, expected (frames, n) with n one "
                           f"of {kinds}")
        return npz.numbers(arrays, "poses", path, shape[1:])[:, :3 * BODY].reshape(-1, BODY, 3)
    missing = [n for n in ("root_orient", "pose_body") if n not in arrays]
    if missing:
        raise MwxError(f"{path}: no AMASS motion: it has neither 'poses' nor {missing[0]!r}")
    root = npz.numbers(arrays, "root_orient", path, (3,))
    body = npz.numbers(arrays, "pose_body", path, (3 * (BODY - 1),))
    if len(root) != len(body):
        raise MwxError(f"{path}: {len(root)} frames of 'root_orient' and {len(body)} of "
                       "'pose_body'; the file is cut or put together wrongly")
    return np.concatenate([root, body], axis=1).reshape(-1, BODY, 3)


def _trans(arrays: dict[str, Array], path: Path, frames: int) -> Array:
    if "trans" not in arrays:
        return np.zeros((frames, 3))
    trans = npz.numbers(arrays, "trans", path, (3,))
    if len(trans) != frames:
        raise MwxError(f"{path}: {frames} frames of angles and {len(trans)} of 'trans'; the file "
                       "is cut or put together wrongly")
    return trans


def _betas(arrays: dict[str, Array], path: Path) -> Array:
    """Return the shape (N,); some releases repeat it in every frame."""
    betas = arrays.get("betas", np.zeros(0))
    betas = betas[0] if betas.ndim == 2 and len(betas) else betas
    if betas.ndim != 1 or betas.dtype.kind not in "iuf" or not np.isfinite(betas).all():
        raise MwxError(f"{path}: 'betas' has shape {betas.shape} and type {betas.dtype}, expected "
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
    notes = [said, f"gender: {gender}"]
    if "trans" not in arrays:
        notes.append("no trans in the file: the root stays in one place")
    return tuple(notes)
