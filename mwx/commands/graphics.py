"""MuJoCo reads MUJOCO_GL when it is imported; what that has to do with an error, in words."""

import os
import traceback


def explained(error: BaseException) -> str | None:
    """Return what to do about an import of MuJoCo that MUJOCO_GL broke; None for other errors.

    Args:
        error: as it was caught, with its traceback.
    """
    files = (frame.filename for frame in traceback.extract_tb(error.__traceback__))
    if not any(name.replace("\\", "/").endswith("/gl_context.py") for name in files):
        return None
    asked = os.environ.get("MUJOCO_GL", "")
    return (f"MuJoCo cannot be loaded with MUJOCO_GL={asked} ({error}): unset it and mwx finds a "
            "back end by itself, or install what it asks for (egl: libegl1, osmesa: libosmesa6); "
            "MUJOCO_GL=disable runs everything except pictures")
