"""Whatever stands for a motion on the command line -> a reference, and the clip behind it."""

import zipfile
from pathlib import Path
from typing import Any

from mwx.errors import MwxError, nearest
from mwx.motion import MotionClip, Reference, generate, read_clip, retarget_clip
from mwx.motion.generators import SKILLS
from mwx.motion.reading import READERS, located

# of `read_clip` -> what they are called on the command line
OPTIONS = {"skeleton": "--skeleton", "fps": "--fps", "body_model": "--body-model",
           "told": "--joint or --map"}


def motion_of(source: str | Path, speed: float | None = None, clip: str | Path | None = None,
              **options: Any) -> tuple[Reference, MotionClip | None]:
    """Return a reference and, where it is made here or at hand, the clip that it is made from.

    Args:
        source: a clip (retargeted on the spot), a reference (.npz), or a generated skill's name.
        speed: [m/s] of a generated gait.
        clip: that a reference was made from.
        options: of the clip, see `read_clip`.

    Raises:
        MwxError: neither a file nor a skill; what exists and the nearest name are told. An option
            of clips where there is none.
    """
    path, known = Path(source), located(str(source))[0].is_file()
    if known and speed is not None:
        raise MwxError(f"{path}: a speed is for generated skills; a file has its own")
    if known and not is_reference(path):
        if clip is not None:
            raise MwxError(f"{path} is a clip itself: --clip {clip} goes with a reference")
        made_from = read_clip(source, **options)
        return retarget_clip(made_from, label=made_from.label or path.stem), made_from
    if known or str(source) in SKILLS:
        given = [OPTIONS[name] for name, value in options.items() if value]
        if given and clip is None:
            raise MwxError(f"{source} is no clip, and {', '.join(given)} tell how one is read: "
                           "leave them out, or name the clip it was made from with --clip")
        reference = Reference.load(path) if known else generate(str(source), speed=speed)
        return reference, None if clip is None else read_clip(clip, **options)
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
