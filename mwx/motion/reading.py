"""Any supported file -> MotionClip.

A motion is named by its file; by FILE.h5:CLIP in a file of many; by deepmimic:walk in an installed
package.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mwx.errors import MwxError, nearest
from mwx.motion.clip import MotionClip, told_rate, without_held_frames
from mwx.motion.formats import deepmimic, npz, robot_npz, smpl_arrays
from mwx.motion.formats.amass import read_amass
from mwx.motion.formats.asf_amc import read_amc, read_asf
from mwx.motion.formats.bvh import read_bvh
from mwx.motion.formats.cmu_h5 import read_cmu_h5
from mwx.motion.formats.keypoints import POINTS, read_keypoints
from mwx.motion.formats.smpl_body import refused_pickle
from mwx.motion.roles import with_told


@dataclass(frozen=True)
class Options:
    """What a file may not say of itself.

    Attributes:
        skeleton: the .asf of an .amc.
        fps: [Hz], also where the file says another rate.
        body_model: the user's SMPL body model (.npz) for files that hold only angles.
        part: which clip of a file that holds several.
        told: joint -> part of the body it plays, of `roles.ROLES`.
    """

    skeleton: Path | None = None
    fps: float | None = None
    body_model: Path | None = None
    part: str | None = None
    told: Mapping[str, str] | None = None


Read = Callable[[Path, Options], MotionClip]


def _amc(path: Path, options: Options) -> MotionClip:
    skeleton = read_asf(options.skeleton or _skeleton_beside(path))
    return read_amc(path, skeleton, options.fps, options.told)


def _amass(path: Path, options: Options) -> MotionClip:
    return read_amass(path, options.body_model, options.fps)


# suffix -> (what it is, its reader); a reader takes the path and the options
READERS: dict[str, tuple[str, Read]] = {
    ".amc": ("Acclaim motion, with its .asf skeleton", _amc),
    ".bvh": ("BVH: skeleton and motion", lambda path, options: read_bvh(
        path, fps=options.fps, told=options.told)),
    ".npz": ("AMASS or key points", lambda path, options: _npz(path, options)),
    ".txt": ("DeepMimic's JSON", lambda path, _: deepmimic.read_deepmimic(path)),
    ".json": ("DeepMimic's JSON", lambda path, _: deepmimic.read_deepmimic(path)),
    ".h5": ("dm_control's CMU recordings", lambda path, options: read_cmu_h5(path, options.part)),
}
# kind of npz -> (arrays that tell it from the others, one of each row; its reader); the first fits
NPZ_READERS: dict[str, tuple[tuple[tuple[str, ...], ...], Read]] = {
    "key points": ((POINTS, ("joint_names",)), lambda path, o: read_keypoints(path, o.fps, o.told)),
    "AMASS": ((smpl_arrays.WHOLE,), _amass),
    "AMASS in parts": ((smpl_arrays.ROOTS, smpl_arrays.BODIES), _amass),
    "key points without names": ((POINTS,), lambda path, o: read_keypoints(path, o.fps, o.told)),
    "AMASS' shape.npz (no motion)": ((("betas",),), _amass),
}
MULTIPLE = (".h5",)  # suffixes of files that hold several clips


def read_clip(path: str | Path, skeleton: str | Path | None = None, fps: float | None = None,
              body_model: str | Path | None = None, told: Mapping[str, str] | None = None
              ) -> MotionClip:
    """Read a motion; the suffix (and, of an npz, the arrays) decide how.

    Args:
        path: a file of one of `READERS`, FILE.h5:CLIP, or deepmimic:NAME.
        skeleton: the .asf of an .amc; unless given, the best match beside the motion.
        fps: [Hz] of the file's frames, whatever rate it says; the file's own unless given (AMC
            says none: 120, the CMU data base's).
        body_model: the user's SMPL body model (.npz) for AMASS files; without one a textbook
            skeleton stands in.
        told: joint -> part of the body it plays (of `roles.ROLES`), before what names tell.

    Raises:
        MwxError: unknown suffix, missing or damaged file, wrong skeleton, not a number; an option
            that this format has no use for.
    """
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise MwxError(f"fps: {fps} frames a second; give a positive rate, e.g. 120")
    file, part = located(str(path))
    suffix = file.suffix.lower()
    if suffix in (".pkl", ".pickle", ".pt", ".pth"):
        raise refused_pickle(file, "motion")
    if suffix not in READERS:
        kinds = "; ".join(f"{k} ({what})" for k, (what, _) in READERS.items())
        raise MwxError(f"{file}: motions are not read from '{suffix}' files: "
                       f"{nearest(suffix, READERS)}supported: {kinds}")
    if not file.is_file():
        what = "a folder, not a file" if file.is_dir() else "no such file"
        raise MwxError(f"{file}: {what}")
    if skeleton is not None and suffix != ".amc":
        raise MwxError(f"{file}: a skeleton file goes with an .amc, and this is '{suffix}'; leave "
                       "--skeleton out")
    if body_model is not None and not (suffix == ".npz" and _holds_angles(file)):
        raise MwxError(f"{file}: a body model goes with SMPL's joint angles, and this file holds "
                       "none; leave --body-model out")
    clip = READERS[suffix][1](file, Options(
        None if skeleton is None else Path(skeleton), fps,
        None if body_model is None else Path(body_model), part, told))
    rate, said = told_rate(clip.fps, fps)
    if told and not any("=" in name for name in clip.names):
        clip = replace(clip, names=with_told(clip.names, told, str(file)))
    return without_held_frames(replace(clip, fps=rate, notes=(*clip.notes, *said)))


def located(name: str) -> tuple[Path, str | None]:
    """Return the file of a motion's name, and which of the clips in it."""
    if name.startswith(f"{deepmimic.SCHEME}:"):
        return deepmimic.installed_motion(name.removeprefix(f"{deepmimic.SCHEME}:")), None
    for suffix in MULTIPLE:
        file, found, part = name.rpartition(f"{suffix}:")
        if found:
            return Path(file + suffix), part
    return Path(name), None


def _npz(path: Path, options: Options) -> MotionClip:
    """Read an npz as the kind its arrays show."""
    arrays = npz.array_names(path)
    if robot_npz.is_robot(arrays):
        raise MwxError(f"{path}: a robot's motion, no person's: `mwx motion import {path.name}` "
                       f"makes a reference of it; it holds {', '.join(arrays)[:300]}")
    read = _npz_reader(arrays)
    if read is not None:
        return read(path, options)
    kinds = "; ".join(f"{kind}: {', '.join(names[0] for names in needed)}"
                      for kind, (needed, _) in NPZ_READERS.items())
    hint = "this is a body model, give it as body_model=...; " if "v_template" in arrays else ""
    raise MwxError(f"{path}: no motion of a known kind: {hint}it holds "
                   f"{', '.join(arrays) or 'nothing'}; motions have {kinds}")


def _npz_reader(arrays: Sequence[str]) -> Read | None:
    """Return the reader of the first kind of npz that has these arrays."""
    return next((read for needed, read in NPZ_READERS.values()
                 if all(set(arrays).intersection(names) for names in needed)), None)


def _holds_angles(path: Path) -> bool:
    """Return whether an npz is read as SMPL's angles, so that a body model gives it its bones."""
    return _npz_reader(npz.array_names(path)) in (_amass, None)


def _skeleton_beside(path: Path) -> Path:
    """Return the .asf in the same folder whose name shares the longest start with the motion's."""
    found = sorted(p for p in path.parent.iterdir() if p.suffix.lower() == ".asf")
    if not found:
        raise MwxError(f"{path}: an .amc motion needs its .asf skeleton, and none is in "
                       f"{path.parent}; name it with skeleton=...")
    return max(found, key=lambda p: _shared_start(p.stem, path.stem))


def _shared_start(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y),
                min(len(a), len(b)))
