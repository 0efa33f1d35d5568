"""Whatever stands for a motion on the command line -> a reference, and the clip behind it."""

import zipfile
from pathlib import Path

from mwx.errors import MwxError, nearest
from mwx.motion import MotionClip, Reference, generate, read_clip, retarget_clip
from mwx.motion.generators import SKILLS
from mwx.motion.reading import READERS


def motion_of(source: str | Path, speed: float | None = None, skeleton: Path | None = None,
              fps: float | None = None, body_model: Path | None = None
              ) -> tuple[Reference, MotionClip | None]:
    """Return a reference and, where it is made here, the clip that it is made from.

    Args:
        source: a clip (retargeted on the spot), a reference (.npz), or a generated skill's name.
        speed: [m/s] of a generated gait.
        skeleton, fps, body_model: of a clip, see `read_clip`.

    Raises:
        MwxError: neither a file nor a skill; what exists and the nearest name are told.
    """
    path = Path(source)
    if path.is_file():
        if speed is not None:
            raise MwxError(f"{path}: a speed is for generated skills; a file has its own")
        if is_reference(path):
            return Reference.load(path), None
        clip = read_clip(path, skeleton=skeleton, fps=fps, body_model=body_model)
        return retarget_clip(clip, label=clip.label or path.stem), clip
    if str(source) in SKILLS:
        return generate(str(source), speed=speed), None
    if path.suffix:
        raise MwxError(f"{path}: no such file; clips are {', '.join(READERS)} files, references "
                       f".npz files; generated skills are {', '.join(sorted(SKILLS))}")
    raise MwxError(f"'{source}' is neither a file nor a generated skill: "
                   f"{nearest(str(source), SKILLS)}skills: {', '.join(sorted(SKILLS))}")


def is_reference(path: str | Path) -> bool:
    """Return whether a file is a reference, by the names of its arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return False
    return {"header", "qpos", "ctrl", "contact"} <= names
