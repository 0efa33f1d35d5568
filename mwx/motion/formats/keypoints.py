"""Key points in an npz file: joint_pos_w (T, J, 3) [m], z up; joint_names (J,); fps."""

import zipfile
from pathlib import Path

import numpy as np

from mwx.errors import MwxError
from mwx.motion.clip import MotionClip
from mwx.motion.reference import sha256

NEEDED = ("joint_pos_w", "joint_names", "fps")


def read_keypoints(path: Path) -> MotionClip:
    """Read a key-point file; `parents`, `source` and `licence` are used where present.

    Raises:
        MwxError: no npz, cut short, other contents, or not a number somewhere.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise MwxError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MwxError(f"{path}: damaged, or no npz file ({error})") from None
    missing = [name for name in NEEDED if name not in arrays]
    if missing:
        raise MwxError(f"{path}: no key-point file: it lacks {', '.join(missing)} and holds "
                       f"{', '.join(arrays) or 'nothing'}")
    names = tuple(str(x) for x in np.atleast_1d(arrays["joint_names"]))
    parents = arrays.get("parents", np.full(len(names), -1))
    return MotionClip(
        names, tuple(int(x) for x in parents), arrays["joint_pos_w"].astype(float),
        float(arrays["fps"]), source=path.name, source_sha256=sha256(path.read_bytes()),
        licence=str(arrays.get("licence", "unknown")))
