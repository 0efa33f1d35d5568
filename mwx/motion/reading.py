"""Any supported file -> MotionClip."""

from pathlib import Path

from mwx.errors import MwxError, nearest
from mwx.motion.clip import MotionClip
from mwx.motion.formats.asf_amc import FPS, read_amc, read_asf
from mwx.motion.formats.keypoints import read_keypoints

SUPPORTED = {".amc": "Acclaim motion, with its .asf skeleton", ".npz": "key points"}


def read_clip(path: str | Path, skeleton: str | Path | None = None,
              fps: float | None = None) -> MotionClip:
    """Read a motion; the suffix decides how.

    Args:
        path: .amc or .npz file.
        skeleton: the .asf of an .amc; unless given, the best match beside the motion.
        fps: [Hz] of a format that does not say (AMC: 120, the CMU data base's).

    Raises:
        MwxError: unknown suffix, missing or damaged file, wrong skeleton, not a number.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUPPORTED:
        kinds = "; ".join(f"{k} ({v})" for k, v in SUPPORTED.items())
        raise MwxError(f"{path}: motions are not read from '{suffix}' files: "
                       f"{nearest(suffix, SUPPORTED)}supported: {kinds}")
    if not path.is_file():
        raise MwxError(f"{path}: no such file")
    if suffix == ".npz":
        return read_keypoints(path)
    asf = Path(skeleton) if skeleton is not None else _skeleton_beside(path)
    return read_amc(path, read_asf(asf), fps or FPS)


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
