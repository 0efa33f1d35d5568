"""Any supported file -> MotionClip."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mwx.errors import MwxError, nearest
from mwx.motion.clip import MotionClip
from mwx.motion.formats import npz
from mwx.motion.formats.amass import read_amass
from mwx.motion.formats.asf_amc import FPS, read_amc, read_asf
from mwx.motion.formats.keypoints import read_keypoints


@dataclass(frozen=True)
class Options:
    """What a file may not say of itself.

    Attributes:
        skeleton: the .asf of an .amc.
        fps: [Hz] of a format that has no rate.
        body_model: the user's SMPL body model (.npz) for files that hold only angles.
    """

    skeleton: Path | None = None
    fps: float | None = None
    body_model: Path | None = None


Read = Callable[[Path, Options], MotionClip]


def _amc(path: Path, options: Options) -> MotionClip:
    return read_amc(path, read_asf(options.skeleton or _skeleton_beside(path)), options.fps or FPS)


# suffix -> (what it is, its reader); a reader takes the path and the options
READERS: dict[str, tuple[str, Read]] = {
    ".amc": ("Acclaim motion, with its .asf skeleton", _amc),
    ".npz": ("key points", lambda path, options: _npz(path, options)),
}
# kind of npz -> (arrays that tell it from the others, its reader); the first that fits reads
NPZ_READERS: dict[str, tuple[tuple[str, ...], Read]] = {
    "key points": (("joint_pos_w", "joint_names"), lambda path, _: read_keypoints(path)),
    "AMASS": (("poses",), lambda path, options: read_amass(path, options.body_model, options.fps)),
    "AMASS in parts": (("root_orient", "pose_body"), lambda path, options: read_amass(
        path, options.body_model, options.fps)),
}


def read_clip(path: str | Path, skeleton: str | Path | None = None, fps: float | None = None,
              body_model: str | Path | None = None) -> MotionClip:
    """Read a motion; the suffix (and, of an npz, the arrays) decide how.

    Args:
        path: a file of one of `READERS`.
        skeleton: the .asf of an .amc; unless given, the best match beside the motion.
        fps: [Hz] of a format that does not say (AMC: 120, the CMU data base's).
        body_model: the user's SMPL body model (.npz) for AMASS files; without one a textbook
            skeleton stands in.

    Raises:
        MwxError: unknown suffix, missing or damaged file, wrong skeleton, not a number.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in READERS:
        kinds = "; ".join(f"{k} ({what})" for k, (what, _) in READERS.items())
        raise MwxError(f"{path}: motions are not read from '{suffix}' files: "
                       f"{nearest(suffix, READERS)}supported: {kinds}")
    if not path.is_file():
        raise MwxError(f"{path}: no such file")
    return READERS[suffix][1](path, Options(
        None if skeleton is None else Path(skeleton), fps,
        None if body_model is None else Path(body_model)))


def _npz(path: Path, options: Options) -> MotionClip:
    """Read an npz as the kind its arrays show."""
    arrays = set(npz.array_names(path))
    for needed, read in NPZ_READERS.values():
        if arrays.issuperset(needed):
            return read(path, options)
    return read_keypoints(path)


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
